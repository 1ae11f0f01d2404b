"""What members of the committee say, and when enough of them say the same."""

from rules.oracle_state import (
    Report,
    check_age,
    check_quorum,
    check_round,
    load_committee,
    load_feed,
    reports,
    topic_of,
)
from sdk import Event, ctx, export, require, struct_encode

BPS = 10000

FactReported = Event("Oracle.FactReported")
NumberReported = Event("Oracle.NumberReported")
PaymentReported = Event("Oracle.PaymentReported")


@export
def report_fact(
    feed: str, subject: str, value: str, observed_ms: int, digest: bytes, epoch: int, round: int,
    signers: list[int], signatures: list[bytes],
) -> str:  # fmt: skip
    """2f+1 oracles say the same of a subject. Anyone carries the report; a second copy is stale.

    Codes: E_ORACLE_NONE, E_ORACLE_FEED, E_ORACLE_DIGEST, E_ORACLE_UNAUTHORISED, E_ORACLE_REPEATED,
    E_ORACLE_QUORUM, E_ORACLE_SIGNATURE, E_ORACLE_STALE.
    """
    found, rules = load_committee(), load_feed(feed, "fact")
    topic = topic_of(feed, subject)
    payload = struct_encode([("str", value), ("int", observed_ms)])
    check_quorum(found, topic, (digest, epoch, round), signers, signatures, [payload])
    check_round(topic, epoch, round)
    check_age(rules, observed_ms)
    reports[topic] = Report(epoch, round, value, observed_ms, ctx.time)
    FactReported(feed=feed, subject=subject, value=value, epoch=epoch, round=round)
    return value


@export
def report_number(
    feed: str, values: list[int], observed_ms: list[int], digest: bytes, epoch: int, round: int,
    signers: list[int], signatures: list[bytes],
) -> int:  # fmt: skip
    """2f+1 oracles each say their number; the median counts. Codes: as report_fact, and E_ORACLE_BOUNDS,
    E_ORACLE_EARLY (it moved less than the deviation, and the heartbeat has not come)."""
    found, rules = load_committee(), load_feed(feed, "number")
    complete = len(values) == len(observed_ms) == len(signers)
    require(complete, "E_ORACLE_SIGNATURE", "a value and a time for each signer")
    payloads = [
        struct_encode([("int", values[i]), ("int", observed_ms[i])]) for i in range(len(values))
    ]
    check_quorum(found, feed, (digest, epoch, round), signers, signatures, payloads)
    check_round(feed, epoch, round)
    for when in observed_ms:
        check_age(rules, when)
    median = sorted(values)[len(values) // 2]
    require(rules.low <= median <= rules.high, "E_ORACLE_BOUNDS", "the median is out of bounds")
    last = reports[feed]
    if last is not None and ctx.time < last.reported_ms + rules.heartbeat_ms:
        before = int(last.value)
        moved = abs(median - before) * BPS >= rules.deviation_bps * before
        require(moved, "E_ORACLE_EARLY", "it moved too little to be reported before the heartbeat")
    reports[feed] = Report(epoch, round, str(median), min(observed_ms), ctx.time)
    NumberReported(feed=feed, value=median, epoch=epoch, round=round)
    return median


@export
def check_payment(
    topic: str, payload: bytes, observed_ms: int, digest: bytes, epoch: int, round: int,
    signers: list[int], signatures: list[bytes],
) -> bool:  # fmt: skip
    """2f+1 oracles saw the same payment at an operator that gives no proofs. The anchor contract only.

    Codes: E_CALLER, and those of report_fact.
    """
    require(ctx.caller == "dcep", "E_CALLER", "only the dcep contract may do this")
    found, rules = load_committee(), load_feed("payment", "payment")
    check_quorum(found, topic, (digest, epoch, round), signers, signatures, [payload])
    check_round(topic, epoch, round)
    check_age(rules, observed_ms)
    reports[topic] = Report(epoch, round, "paid", observed_ms, ctx.time)
    PaymentReported(topic=topic, epoch=epoch, round=round)
    return True
