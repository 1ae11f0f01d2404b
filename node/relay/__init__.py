"""The relay as a process (`city oracle relay`): node/oracle/relay.py joined to a channel and to a center.

config   relay.toml
rules    which events of the contracts say that a payment is expected
ports    the channel through the SDK, the center with the keys of some wallets
daemon   the tasks, the status page, start and stop
hub      tells a settlement hub which payments the channel has used
client   what the commands ask a running relay, or the journal of one that does not run
"""
