"""Oracles and the reports they make together. An oracle signs one thing a topic and round, also after a
restart.

Oracle                 a key, a source to ask, a journal of what it signed
gather                 asks all, keeps the largest group of equal words, needs 2f+1
FactReport, NumberReport   what `oracle.report_fact` and `oracle.report_number` take
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from consensus.encoding import Hash, Sig, decode, encode
from consensus.oracle_report import (
    FactPayload,
    NumberPayload,
    Observation,
    OracleConfig,
    config_digest,
    observation_digest,
)
from node.errors import CityError
from node.identity.suite import Signer, Suite, get_suite
from node.oracle.journal import Journal

Round = tuple[int, int]
Source = Callable[[str], Awaitable[bytes]]
"""topic -> encoded payload as this oracle sees it now. Raises CityError where it sees nothing."""

ASK_S = 20.0


@dataclass(frozen=True, slots=True)
class SignedObservation:
    index: int
    payload: bytes
    signature: Sig


class Oracle:
    """One member of a committee. journal None: only for an oracle that is never restarted."""

    def __init__(
        self,
        index: int,
        signer: Signer,
        source: Source,
        config: OracleConfig,
        journal: Journal | None = None,
        suite: Suite | None = None,
    ) -> None:
        self.index, self.config = index, config
        self._signer, self._source, self._journal = signer, source, journal
        self._suite = suite or get_suite("sm")
        self._digest = config_digest(self._suite.hash, config)
        self._signed: dict[str, tuple[Round, bytes]] = {}
        for record in journal or ():
            at = (record["epoch"], record["round"])
            self._signed[record["topic"]] = (at, bytes.fromhex(record["payload"]))

    async def observe(self, topic: str, epoch: int, round_: int) -> SignedObservation:
        """Its word for a round. The same round again gives the same word; an older one is refused
        (CITY-7011)."""
        at = (epoch, round_)
        last = self._signed.get(topic)
        if last is not None and last[0] == at:
            return self._sign(topic, at, last[1])
        if last is not None and last[0] > at:
            raise CityError("CITY-7011", topic=topic, epoch=epoch, round=round_)
        payload = await self._source(topic)
        newer = self._signed.get(topic)
        if newer is not None and newer[0] >= at:  # asked twice at once
            return await self.observe(topic, epoch, round_)
        if self._journal is not None:
            self._journal.append(topic=topic, epoch=epoch, round=round_, payload=payload.hex())
        self._signed[topic] = (at, payload)
        return self._sign(topic, at, payload)

    def _sign(self, topic: str, at: Round, payload: bytes) -> SignedObservation:
        channel = self.config.channel_id
        observation = Observation(channel, topic, self._digest, at[0], at[1], payload)
        digest = observation_digest(self._suite.hash, observation)
        return SignedObservation(self.index, payload, Sig(self._signer.sign(digest)))


@dataclass(frozen=True, slots=True)
class Gathered:
    """Words of one round, by oracle index; each is checked."""

    config: Hash
    epoch: int
    round: int
    words: tuple[SignedObservation, ...]

    @property
    def signers(self) -> tuple[int, ...]:
        return tuple(word.index for word in self.words)

    @property
    def signatures(self) -> tuple[Sig, ...]:
        return tuple(word.signature for word in self.words)

    def place(self) -> dict[str, Any]:
        """The arguments that every kind of report has."""
        return {
            "digest": self.config, "epoch": self.epoch, "round": self.round,
            "signers": list(self.signers), "signatures": list(self.signatures),
        }  # fmt: skip


async def gather(
    oracles: Sequence[Oracle], topic: str, at: Round, *, is_equal: bool, timeout_s: float = ASK_S
) -> Gathered:
    """Asks every oracle; silence, refusals and wrong signatures count as nothing.

    is_equal: only the largest group of equal words counts (facts), otherwise all (numbers). Raises CityError
    CITY-7006 when fewer than 2f+1 are left."""
    config, suite = oracles[0].config, get_suite("sm")
    digest = config_digest(suite.hash, config)
    asked = [asyncio.wait_for(o.observe(topic, *at), timeout_s) for o in oracles]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    words: dict[int, SignedObservation] = {}
    for answer in answers:
        if isinstance(answer, SignedObservation) and 0 <= answer.index < len(config.keys):
            said = Observation(config.channel_id, topic, digest, at[0], at[1], answer.payload)
            message = observation_digest(suite.hash, said)
            if suite.verify(config.keys[answer.index], message, answer.signature):
                words[answer.index] = answer
        elif isinstance(answer, BaseException) and not isinstance(answer, CityError | TimeoutError):
            raise answer
    chosen = list(words.values())
    if is_equal and chosen:
        groups: dict[bytes, list[SignedObservation]] = {}
        for word in chosen:
            groups.setdefault(word.payload, []).append(word)
        chosen = max(groups.values(), key=lambda group: (len(group), group[0].payload))
    needed = 2 * config.f + 1
    if len(chosen) < needed:
        raise CityError("CITY-7006", topic=topic, have=len(chosen), needed=needed)
    chosen.sort(key=lambda word: word.index)
    return Gathered(digest, at[0], at[1], tuple(chosen))


async def fact_report(
    oracles: Sequence[Oracle], feed: str, subject: str, at: Round
) -> dict[str, Any]:
    """Arguments of `oracle.report_fact`."""
    found = await gather(oracles, f"{feed}/{subject}" if subject else feed, at, is_equal=True)
    said = decode(FactPayload, found.words[0].payload)
    fact = {"feed": feed, "subject": subject, "value": said.value, "observed_ms": said.observed_ms}
    return {**fact, **found.place()}


async def number_report(oracles: Sequence[Oracle], feed: str, at: Round) -> dict[str, Any]:
    """Arguments of `oracle.report_number`."""
    found = await gather(oracles, feed, at, is_equal=False)
    said = [decode(NumberPayload, word.payload) for word in found.words]
    numbers = {"values": [n.value for n in said], "observed_ms": [n.observed_ms for n in said]}
    return {"feed": feed, **numbers, **found.place()}


def fact_payload(value: str, observed_ms: int) -> bytes:
    return encode(FactPayload(value, observed_ms))


def number_payload(value: int, observed_ms: int) -> bytes:
    return encode(NumberPayload(value, observed_ms))
