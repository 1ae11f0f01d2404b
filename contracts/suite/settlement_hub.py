"""Settlement hub: a second, asynchronous guard over channels. It reports, and no payment waits for it.

Each channel decides by its own nullifiers, and a payment's reference binds one channel; should a payment ever
count on two channels all the same (a faulty contract, a stolen fork), it is seen here. A channel's reporters
bring the nullifiers its `dcep` contract has used, each with the transaction that used it. The first channel to
name one holds it; another one raises an alarm that regulators see, with both transactions to be proven by
whoever doubts them (`city tx proof`). A reporter's word alone moves nothing, and nobody needs to be believed:
`prove` takes a channel's state proof instead, checked by its validators' seals (`foreign_channel`).
"""

from sdk import Event, Map, call, ctx, export, require, view

CHANNEL_BYTES = 32
HASH_BYTES = 32
BATCH_MAX = 200
REPORTERS_MAX = 16
PAGE_MAX = 200

reporters: Map[bytes, tuple[str, ...]] = Map(
    "reporter", ()
)  # channel id → members that report for it
uses: Map[bytes, tuple] = Map("use", ())  # nullifier → (channel, transaction, reported by, when)
alarm_count = Map("alarm_count", 0)  # "" → how many
alarms: Map[int, tuple] = Map(
    "alarm", ()
)  # number → (nullifier, first channel, transaction, second channel, transaction)
shown = Map(
    "shown", 0
)  # (nullifier, channel) → height whose header proves the use, 0: only reported
raised = Map("raised", False)  # (nullifier, channel): once each

ReporterNamed = Event("Hub.ReporterNamed")
Registered = Event("Hub.Registered")
Proven = Event("Hub.Proven")
Alarm = Event("Hub.Alarm")


@export
def name_reporter(channel: bytes, member: str) -> list[str]:
    """A regulator lets a member report for a channel. Codes: E_ROLE, E_HUB_REPORT, E_TEXT, E_DUPLICATE."""
    require("regulator" in ctx.roles, "E_ROLE", "only a regulator names reporters")
    require(len(channel) == CHANNEL_BYTES, "E_HUB_REPORT", "a channel id has 32 bytes")
    require(0 < len(member) <= 64, "E_TEXT", "a member has a name")
    named = reporters[channel]
    require(member not in named, "E_DUPLICATE", "it reports for this channel already")
    require(len(named) < REPORTERS_MAX, "E_HUB_REPORT", "too many reporters")
    reporters[channel] = (*named, member)
    ReporterNamed(channel=channel, member=member, by=ctx.member)
    return list(reporters[channel])


@export
def register(channel: bytes, nullifiers: list[bytes], transactions: list[bytes]) -> int:
    """What a channel has used, and by which transaction. Repeated words change nothing.

    Returns how many alarms it raised. Codes: E_ROLE, E_HUB_REPORT.
    """
    require(ctx.member in reporters[channel], "E_ROLE", "a reporter of that channel does this")
    require(0 < len(nullifiers) <= BATCH_MAX, "E_HUB_REPORT", "1 to 200 at a time")
    require(
        len(transactions) == len(nullifiers), "E_HUB_REPORT", "a transaction for each nullifier"
    )
    shaped = all(len(one) == HASH_BYTES for one in [*nullifiers, *transactions])
    require(shaped, "E_HUB_REPORT", "nullifiers and transactions have 32 bytes")
    found = 0
    new = 0
    for i in range(len(nullifiers)):
        new += uses[nullifiers[i]] == ()
        found += take(channel, nullifiers[i], transactions[i])
    Registered(channel=channel, new=new, alarms=found)
    return found


@export
def prove(channel: bytes, nullifier: bytes, fact: bytes) -> int:
    """Anyone shows, by that channel's own seals, that its `dcep` contract has used a nullifier. fact: the state
    proof. Returns how many alarms it raised. Codes: E_HUB_REPORT, E_FOREIGN_CHANNEL, E_FOREIGN_PROOF."""
    require(len(nullifier) == HASH_BYTES, "E_HUB_REPORT", "a nullifier has 32 bytes")
    held = call(
        "foreign_channel", "state_of", channel, "dcep", "nullifier", nullifier.hex(), fact, True
    )
    require(held["value"] is not None, "E_FOREIGN_PROOF", "it shows that it was not used there")
    shown[(nullifier, channel)] = held["height"]
    Proven(channel=channel, nullifier=nullifier, height=held["height"])
    return take(channel, nullifier, b"")


def take(channel: bytes, nullifier: bytes, transaction: bytes) -> int:
    """The first channel holds it; another one raises the alarm, once. Returns the alarms raised."""
    first = uses[nullifier]
    if first == ():
        uses[nullifier] = (channel, transaction, ctx.member, ctx.time)
        return 0
    if first[0] == channel or raised[(nullifier, channel)]:
        return 0
    raise_alarm(nullifier, first, channel, transaction)
    return 1


def raise_alarm(nullifier: bytes, first: tuple, channel: bytes, transaction: bytes):
    number = alarm_count[""] + 1
    alarm_count[""] = number
    alarms[number] = (nullifier, first[0], first[1], channel, transaction, ctx.time)
    raised[(nullifier, channel)] = True
    Alarm(
        number=number, nullifier=nullifier, first_channel=first[0], first_transaction=first[1],
        second_channel=channel, second_transaction=transaction,
    )  # fmt: skip


@view
def use_of(nullifier: bytes) -> dict:
    """Which channel has used it first. Code: E_NOT_FOUND."""
    found = uses[nullifier]
    require(found != (), "E_NOT_FOUND", "no channel has reported it")
    return {
        "channel": found[0],
        "transaction": found[1],
        "by": found[2],
        "reported_ms": found[3],
        "proven_at": shown[(nullifier, found[0])],
    }


@view
def alarms_after(number: int = 0, limit: int = 50) -> list:
    """Alarms from a number on, oldest first: one nullifier, two channels, both transactions."""
    last = min(alarm_count[""], number + min(max(limit, 1), PAGE_MAX))
    return [
        {
            "number": n,
            "nullifier": alarms[n][0],
            "first_channel": alarms[n][1],
            "first_transaction": alarms[n][2],
            "second_channel": alarms[n][3],
            "second_transaction": alarms[n][4],
            "raised_ms": alarms[n][5],
            "first_proven_at": shown[(alarms[n][0], alarms[n][1])],
            "second_proven_at": shown[(alarms[n][0], alarms[n][3])],
        }
        for n in range(number + 1, last + 1)
    ]
