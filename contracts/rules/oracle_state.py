"""The oracle committee as the channel knows it: keys, bonds, feeds, last rounds, and what was reported.

A committee of n oracles stands up to f liars, n > 3f. Whatever an oracle signs carries the digest of the
committee's configuration, so a change of keys voids every report that is still under way.
"""

from sdk import (
    Map,
    Var,
    bytes_from_hex,
    ctx,
    dataclass,
    require,
    sm2_verify,
    struct_encode,
    tagged_hash,
)

ORACLES_MAX = 31
SKEW_MS = 5000
KINDS = ("fact", "number", "payment")


@dataclass
class Committee:
    """names, keys: of the oracles, by index. custodian: the member that holds their bonds."""

    number: int
    f: int
    names: tuple
    keys: tuple
    custodian: str
    digest: bytes


@dataclass
class Feed:
    """max_age_ms: an older observation is stale, an older report is none. deviation_bps: a number that moved
    less is reported only after heartbeat_ms. service: digest of the service definition."""

    kind: str
    service: bytes
    max_age_ms: int
    heartbeat_ms: int
    deviation_bps: int
    low: int
    high: int


@dataclass
class Report:
    """The last accepted one of a topic. value: text of a fact, number as text."""

    epoch: int
    round: int
    value: str
    observed_ms: int
    reported_ms: int


committee = Var("committee", None)
feeds = Map("feed", None)
reports = Map("report", None)  # topic
bonds = Map("bond", 0)  # oracle's name → fen
bond_payments = Map("bond_payment", None)  # oracle's name → (reference, fen, fixed when)
slashed = Map("slashed", b"")  # key → the evidence: its signatures count no more


def load_committee():
    found = committee.get()
    require(found is not None, "E_ORACLE_NONE", "no oracle committee is configured")
    return found


def load_feed(feed: str, kind: str):
    found = feeds[feed]
    require(found is not None and found.kind == kind, "E_ORACLE_FEED", "no such feed of this kind")
    return found


def topic_of(feed: str, subject: str) -> str:
    return f"{feed}/{subject}" if subject else feed


def config_digest(number: int, f: int, names, keys, custodian: str) -> bytes:
    body = struct_encode(
        [
            ("hash", bytes_from_hex(ctx.channel)),
            ("int", number),
            ("int", f),
            ("list:str", list(names)),
            ("list:bytes", list(keys)),
            ("str", custodian),
        ]
    )
    return tagged_hash("citychain/oracle-config/v1", "sm", body)


def observation_digest(topic: str, config: bytes, epoch: int, round_: int, payload: bytes) -> bytes:
    """What an oracle signs."""
    body = struct_encode(
        [
            ("hash", bytes_from_hex(ctx.channel)),
            ("str", topic),
            ("hash", config),
            ("int", epoch),
            ("int", round_),
            ("bytes", payload),
        ]
    )
    return tagged_hash("citychain/oracle-report/v1", "sm", body)


def check_round(topic: str, epoch: int, round_: int):
    """Strictly newer than the last accepted report of the topic."""
    last = reports[topic]
    newer = last is None or (epoch, round_) > (last.epoch, last.round)
    require(newer and round_ > 0, "E_ORACLE_STALE", "epoch and round are not above the last ones")


def check_quorum(found, topic: str, place, signers, signatures, payloads):
    """2f+1 different oracles of this configuration signed. place: (config digest, epoch, round).

    payloads: one for all, or one a signer.
    """
    digest, epoch, round_ = place
    require(digest == found.digest, "E_ORACLE_DIGEST", "the report is of another configuration")
    require(len(signers) == len(signatures), "E_ORACLE_SIGNATURE", "a signature for each signer")
    known = all(0 <= index < len(found.keys) for index in signers)
    require(known, "E_ORACLE_UNAUTHORISED", "a signer is no oracle of this committee")
    honest = all(slashed[found.keys[index]] == b"" for index in signers)
    require(honest, "E_ORACLE_UNAUTHORISED", "a signer was slashed")
    once = len(set(signers)) == len(signers)
    require(once, "E_ORACLE_REPEATED", "an oracle signed twice")
    enough = len(signers) >= 2 * found.f + 1
    require(enough, "E_ORACLE_QUORUM", "fewer than 2f + 1 oracles signed")
    for i in range(len(signers)):
        payload = payloads[i] if len(payloads) > 1 else payloads[0]
        message = observation_digest(topic, digest, epoch, round_, payload)
        require(
            sm2_verify(found.keys[signers[i]], message, signatures[i]),
            "E_ORACLE_SIGNATURE",
            "a signature does not hold for what was reported",
        )


def check_age(feed, observed_ms: int):
    ahead = observed_ms <= ctx.time + SKEW_MS
    require(ahead, "E_ORACLE_STALE", "observed in the future")
    fresh = observed_ms + feed.max_age_ms >= ctx.time
    require(fresh, "E_ORACLE_STALE", "the observation is too old")


def answer(topic: str, max_age_ms: int) -> dict:
    """What a consumer gets: a value that is young enough, or `hold`. Never the last known one for money."""
    last = reports[topic]
    if last is None or last.observed_ms + max_age_ms < ctx.time:
        return {"status": "hold", "value": "", "observed_ms": 0}
    return {"status": "ok", "value": last.value, "observed_ms": last.observed_ms}
