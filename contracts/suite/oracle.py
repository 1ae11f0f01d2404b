"""Oracles: facts from outside that nobody can prove, told by a committee of which f may lie.

Facts (a customs release, the status of a tax form, a court order) need 2f+1 equal reports; numbers (an FX mid
rate) take the median of 2f+1 observations, inside bounds; a payment at an operator without a Merkle log is
a fact too. Membership and keys are configuration on the chain. Who signs two things in one round is slashed by
anyone who shows both. A missing report is `hold`, never the last known value. Source: domain/dcep.md 3.8.
"""

from rules.calendar import CLOCK_DRIFT_MS
from rules.oracle_state import (
    KINDS,
    ORACLES_MAX,
    Committee,
    Feed,
    Report,
    answer,
    bond_payments,
    bonds,
    check_age,
    check_quorum,
    check_round,
    committee,
    config_digest,
    feeds,
    load_committee,
    load_feed,
    observation_digest,
    reports,
    slashed,
    topic_of,
)
from sdk import Event, call, ctx, export, require, sm2_verify, struct_encode, view

BPS = 10000

Configured = Event("Oracle.Configured")
FeedDefined = Event("Oracle.FeedDefined")
FactReported = Event("Oracle.FactReported")
NumberReported = Event("Oracle.NumberReported")
PaymentReported = Event("Oracle.PaymentReported")
BondPrepared = Event("Oracle.BondPrepared")
BondPosted = Event("Oracle.BondPosted")
Slashed = Event("Oracle.Slashed")


# ---- configuration -------------------------------------------------------------------------------


def require_regulator():
    require("regulator" in ctx.roles, "E_ROLE", "only a regulator configures the oracles")


@export
def configure(names: list[str], keys: list[bytes], f: int, custodian: str) -> bytes:
    """A new committee, in force at once. Returns its digest. Codes: E_ROLE, E_ORACLE_CONFIG."""
    require_regulator()
    fits = f >= 1 and 3 * f < len(names) <= ORACLES_MAX and len(keys) == len(names)
    require(fits, "E_ORACLE_CONFIG", "n oracles, more than 3f and at most 31, a key each")
    distinct = len(set(names)) == len(names) and len(set(keys)) == len(keys)
    require(distinct, "E_ORACLE_CONFIG", "names and keys are all different")
    shaped = all(len(key) == 65 and key[0] == 4 for key in keys)
    require(shaped, "E_ORACLE_CONFIG", "a key has 65 bytes")
    require(
        all(slashed[key] == b"" for key in keys), "E_ORACLE_CONFIG", "a slashed key comes not back"
    )
    before = committee.get()
    number = 1 if before is None else before.number + 1
    digest = config_digest(number, f, names, keys, custodian)
    committee.set(Committee(number, f, tuple(names), tuple(keys), custodian, digest))
    Configured(number=number, digest=digest, oracles=len(names), f=f)
    return digest


@export
def define_feed(
    feed: str, kind: str, service: bytes, max_age_ms: int, heartbeat_ms: int = 0,
    deviation_bps: int = 0, low: int = 0, high: int = 0,
) -> bool:  # fmt: skip
    """What may be reported, how old it may be and, for a number, within which bounds.

    service: digest of the service definition (its JSON schemas). Codes: E_ROLE, E_ORACLE_FEED.
    """
    require_regulator()
    named = 0 < len(feed) <= 64 and "/" not in feed
    require(named and kind in KINDS, "E_ORACLE_FEED", "a name without a slash, a known kind")
    require(len(service) == 32 and max_age_ms > 0, "E_ORACLE_FEED", "a digest and an age")
    bounded = kind != "number" or (0 < low <= high and heartbeat_ms > 0 and deviation_bps > 0)
    require(bounded, "E_ORACLE_FEED", "a number has bounds, heartbeat and deviation")
    feeds[feed] = Feed(kind, service, max_age_ms, heartbeat_ms, deviation_bps, low, high)
    FeedDefined(feed=feed, kind=kind)
    return True


# ---- reports -------------------------------------------------------------------------------------


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


# ---- bonds and misbehaviour ----------------------------------------------------------------------


@export
def prepare_bond(name: str, amount_fen: int, salt: bytes) -> bytes:
    """Fixes the reference under which an oracle pays its bond to the custodian."""
    found = load_committee()
    require(name in found.names, "E_ORACLE_UNAUTHORISED", "no oracle of this name")
    reference = call(
        "dcep", "payment_reference", "oracle", f"bond/{name}", 1, amount_fen, "CNY",
        found.custodian, salt,
    )  # fmt: skip
    bond_payments[name] = (reference, amount_fen, ctx.time)
    BondPrepared(name=name, amount_fen=amount_fen)
    return reference


@export
def post_bond(name: str, proof: bytes) -> int:
    """The proof that the bond was paid. Returns the whole bond (fen)."""
    prepared = bond_payments[name]
    require(prepared is not None, "E_NO_REFERENCE", "no bond was prepared")
    wanted = {
        "ref_commit": prepared[0],
        "payee_member": load_committee().custodian,
        "amount_fen": prepared[1],
        "not_before_ms": prepared[2] - CLOCK_DRIFT_MS,
    }
    paid = call("dcep", "verify_payment", proof, wanted)
    bonds[name] += paid["amount_fen"]
    bond_payments.delete(name)
    BondPosted(name=name, bond_fen=bonds[name])
    return bonds[name]


@export
def report_misbehaviour(
    topic: str, epoch: int, round: int, signer: int, payloads: list[bytes], signatures: list[bytes],
) -> int:  # fmt: skip
    """Anyone shows two things that one oracle signed for one round: its bond is forfeit, its key void.

    Returns the bond that was slashed (fen). Codes: E_ORACLE_UNAUTHORISED, E_ORACLE_NO_FAULT,
    E_ORACLE_SIGNATURE, E_DUPLICATE.
    """
    found = load_committee()
    require(0 <= signer < len(found.keys), "E_ORACLE_UNAUTHORISED", "no oracle of this committee")
    key = found.keys[signer]
    require(slashed[key] == b"", "E_DUPLICATE", "it is slashed already")
    two = len(payloads) == len(signatures) == 2 and payloads[0] != payloads[1]
    require(two, "E_ORACLE_NO_FAULT", "two different payloads, each with its signature")
    for i in range(2):
        message = observation_digest(topic, found.digest, epoch, round, payloads[i])
        holds = sm2_verify(key, message, signatures[i])
        require(holds, "E_ORACLE_SIGNATURE", "the oracle has not signed this")
    name = found.names[signer]
    forfeit = bonds[name]
    bonds[name] = 0
    slashed[key] = struct_encode([("str", topic), ("int", epoch), ("int", round),
                                  ("list:bytes", payloads), ("list:bytes", signatures)])  # fmt: skip
    Slashed(name=name, forfeit_fen=forfeit, evidence=slashed[key])
    return forfeit


# ---- views ---------------------------------------------------------------------------------------


@view
def fact(feed: str, subject: str, max_age_ms: int = 0) -> dict:
    """status `ok` with the value, or `hold`. max_age_ms 0: the feed's own."""
    rules = load_feed(feed, "fact")
    return answer(topic_of(feed, subject), max_age_ms or rules.max_age_ms)


@view
def number(feed: str, max_age_ms: int = 0) -> dict:
    """status `ok` with the median, or `hold` when no report came within heartbeat or max_age_ms."""
    rules = load_feed(feed, "number")
    return answer(feed, max_age_ms or rules.heartbeat_ms)


@view
def status() -> dict:
    """The committee, its digest, bonds, and who was slashed."""
    found = load_committee()
    return {
        "number": found.number,
        "f": found.f,
        "quorum": 2 * found.f + 1,
        "digest": found.digest,
        "custodian": found.custodian,
        "oracles": [
            {
                "name": found.names[i],
                "key": found.keys[i],
                "bond_fen": bonds[found.names[i]],
                "slashed": slashed[found.keys[i]] != b"",
            }
            for i in range(len(found.names))
        ],
    }


@view
def last_round(topic: str) -> list:
    """Epoch and round of the last accepted report of a topic; [0, 0] for none."""
    last = reports[topic]
    return [0, 0] if last is None else [last.epoch, last.round]


@view
def get_feed(feed: str) -> dict:
    found = feeds[feed]
    require(found is not None, "E_ORACLE_FEED", "no such feed")
    return {
        "kind": found.kind,
        "service": found.service,
        "max_age_ms": found.max_age_ms,
        "heartbeat_ms": found.heartbeat_ms,
        "deviation_bps": found.deviation_bps,
        "low": found.low,
        "high": found.high,
    }
