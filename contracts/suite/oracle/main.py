"""Oracles: facts from outside that nobody can prove, told by a committee of which f may lie.

Facts (a customs release, the status of a tax form, a court order) need 2f+1 equal reports; numbers (an FX mid
rate) take the median of 2f+1 observations, inside bounds; a payment at an operator without a Merkle log is
a fact too. Membership and keys are configuration on the chain. Who signs two things in one round is slashed by
anyone who shows both. A missing report is `hold`, never the last known value. Source: domain/dcep.md 3.8.

    reports  facts, numbers, payments
    bonds    bonds and misbehaviour
"""

from chapters.reports import report_fact, report_number, check_payment
from chapters.bonds import prepare_bond, post_bond, report_misbehaviour

from rules.oracle_state import (
    KINDS,
    ORACLES_MAX,
    Committee,
    Feed,
    answer,
    bonds,
    committee,
    config_digest,
    feeds,
    load_committee,
    load_feed,
    reports,
    slashed,
    topic_of,
)
from sdk import Event, ctx, export, require, view

Configured = Event("Oracle.Configured")
FeedDefined = Event("Oracle.FeedDefined")


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
