"""The reference registration center: money's own ledger, simulated honestly.

No public DC/EP interface exists; this is a simulator of the outside system that the chain's contract checks
by proofs alone. Coins are whole fen in a UTXO set; every accepted transaction appends one leaf an output
to a Merkle log over SM3, whose heads the center signs.

    model, requests   stored records; bodies of signed requests
    rules, conditions, orders, residence, limits, postings    what must hold (pure)
    ledger, books     accepting transactions; coins, sums and the log
    desk, inquiries   signed requests that change the books; those that only ask
    wallets, aml, institutions, devices, registry             who holds what, and what follows
    center, writer    batches, heads, restart checks; the one task that writes
    api, client       HTTP both ways; cli_* are the commands
"""
