"""What oracles sign, and a payment told by them, in canonical bytes. The contract `oracle` reads the same.

    OracleConfig --digest--> in every observation, so a change of keys voids what is under way
    Observation  --digest--> what an oracle signs, once a topic, epoch and round

Committees speak the `sm` suite whatever the channel does.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.encoding import Hash, Sig, encode
from consensus.merkle import HashFunction
from consensus.payment import CoinPoint
from consensus.tags import SUITE_SM, Tag, preimage

REPORT_VERSION = 2
PAYMENT_TOPIC = "payment"


@dataclass(frozen=True, slots=True)
class OracleConfig:
    """A committee: n oracles of which f may lie, n > 3f. keys: 65 bytes each, by index."""

    channel_id: Hash
    number: int
    f: int
    names: tuple[str, ...]
    keys: tuple[bytes, ...]
    custodian: str


@dataclass(frozen=True, slots=True)
class Observation:
    """One oracle's word: `payload` is FactPayload, NumberPayload or PaymentPayload, encoded."""

    channel_id: Hash
    topic: str
    config: Hash
    epoch: int
    round: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class FactPayload:
    value: str
    observed_ms: int


@dataclass(frozen=True, slots=True)
class NumberPayload:
    value: int
    observed_ms: int


@dataclass(frozen=True, slots=True)
class ReportedField:
    """One of the ten fields of a payment, its value as `consensus.payment.field_bytes` gives it."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class PaymentPayload:
    log_id: Hash
    point: CoinPoint
    fields: tuple[ReportedField, ...]
    observed_ms: int


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """Version 2 of what pays an obligation: the ten fields, and the oracles that saw them."""

    version: int
    log_id: Hash
    point: CoinPoint
    fields: tuple[ReportedField, ...]
    observed_ms: int
    config: Hash
    epoch: int
    round: int
    signers: tuple[int, ...]
    signatures: tuple[Sig, ...]

    @property
    def payload(self) -> PaymentPayload:
        return PaymentPayload(self.log_id, self.point, self.fields, self.observed_ms)


def config_digest(hash_: HashFunction, config: OracleConfig) -> Hash:
    return Hash(hash_(preimage(Tag.ORACLE_CONFIG, SUITE_SM, encode(config))))


def observation_digest(hash_: HashFunction, observation: Observation) -> Hash:
    return Hash(hash_(preimage(Tag.ORACLE_REPORT, SUITE_SM, encode(observation))))


def payment_topic(log_id: bytes, point: CoinPoint) -> str:
    return f"{PAYMENT_TOPIC}/{log_id.hex()}/{point.txid.hex()}/{point.output_index}"
