"""Carries what one channel proves to the other, until an exchange stands on both as the deciding one says.

A carrier is believed by nobody: contracts check what it brings (`contracts/suite/exchange.py`), and anyone may
run one, or several. It keeps nothing. Whatever it dies at, the next one reads both channels and goes on: a step
that was taken is seen there, and a step taken twice is refused with E_STATE and changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from consensus.encoding import Hash, encode
from consensus.proof import CertifiedHeader, ProofFileV2, read_proof_file
from contracts.runtime.keys import state_key
from node.errors import CityError
from node.exchange.outlook import FOLLOWS, NextStep, next_step
from node.failpoints import reach

EXCHANGE, FOREIGN = "exchange", "foreign_channel"
DONE_BEFORE = "E_STATE"  # somebody else was first
AT_ONCE = 16  # exchanges that are carried together: their proofs wait for the same blocks


class ExchangeRefused(Exception):
    """A channel refused a step that should have been possible. code: E_…, the contract's."""

    def __init__(self, step: str, code: str) -> None:
        super().__init__(f"{step}: {code}")
        self.step, self.code = step, code


class ExchangeChannel(Protocol):
    """A carrier's connection to one channel. Raises CityError where it does not answer."""

    @property
    def channel_id(self) -> Hash: ...

    async def locked(self) -> dict[str, dict[str, Any]]:
        """Terms of the exchanges that stand LOCKED here, by number."""
        ...

    async def stand(self, number: str) -> str:
        """How an exchange stands here, "" where it is not known."""
        ...

    async def state_proof(self, key: bytes) -> bytes:
        """The canonical proof file of what stands under a key, once a header shows it."""
        ...

    async def certified(self, height: int) -> CertifiedHeader:
        """A header of this channel with its seals."""
        ...

    async def window(self) -> int:
        """How many blocks later a header shows the state after a block."""
        ...

    async def followed_epoch(self, channel: Hash) -> int:
        """The last epoch of another channel that this one knows."""
        ...

    async def send(self, contract: str, method: str, args: dict[str, Any]) -> str:
        """The contract's code, "" for accepted."""
        ...


@dataclass(frozen=True, slots=True)
class Moved:
    """One step that a carrier took."""

    number: str
    step: str


@dataclass(slots=True)
class Carrier:
    """first: where assets are locked; second: where it is decided. now_ms: the clock of the second channel.
    troubles: what was refused, by number; waiting: what is locked and for whom it waits."""

    first: ExchangeChannel
    second: ExchangeChannel
    now_ms: Callable[[], int]
    troubles: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, NextStep] = field(default_factory=dict)

    async def run_once(self) -> list[Moved]:
        """Takes every step that is due. What is refused stays in `troubles` and is tried again next time."""
        locked = await self.first.locked()
        own = {number: terms for number, terms in locked.items() if self._is_ours(terms)}
        self.troubles = {n: trouble for n, trouble in self.troubles.items() if n in own}
        self.waiting = {}
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: str, terms: dict[str, Any]) -> list[Moved]:
            async with gate:
                return await self._try(number, terms)

        ends = await asyncio.gather(*(one(*item) for item in own.items()), return_exceptions=True)
        moved: list[Moved] = []
        for end in ends:  # whoever failed does not stop what the others had begun
            if isinstance(end, BaseException):
                raise end
            moved += end
        return moved

    def _is_ours(self, terms: dict[str, Any]) -> bool:
        """The first channel may follow several; this carrier runs between two."""
        return bytes(terms["second"]["channel"]) == bytes(self.second.channel_id)

    async def _try(self, number: str, terms: dict[str, Any]) -> list[Moved]:
        try:
            moved = await self._carry(number, terms)
        except ExchangeRefused as error:
            self.troubles[number] = str(error)
            return []
        self.troubles.pop(number, None)
        return moved

    async def _carry(self, number: str, terms: dict[str, Any]) -> list[Moved]:
        moved = []
        stand = await self.second.stand(number)
        if not stand and self.now_ms() > terms["until_ms"]:
            try:
                if await self._step(self.second, "call_off", {"terms": terms}):
                    moved.append(Moved(number, "call_off"))
            except (ExchangeRefused, CityError):  # it takes nothing from us: what it shows may do
                return await self._lapse(number, terms)
            stand = await self.second.stand(number)
        if stand in FOLLOWS:
            fact = await bring(self.second, self.first, number)
            if await self._step(self.first, FOLLOWS[stand], {"id": number, "fact": fact}):
                moved.append(Moved(number, FOLLOWS[stand]))
        else:
            self.waiting[number] = next_step(terms, "LOCKED", stand, self.now_ms())
        return moved

    async def _lapse(self, number: str, terms: dict[str, Any]) -> list[Moved]:
        """Shows that the last moment passed with nothing decided: by a header of after it, and a state that is
        no older. Raises ExchangeRefused while there is no such header."""
        file, fact = await prove(self.second, number)
        assert file.state is not None
        height = file.state.settled.header.height - await self.second.window()
        header = await self.second.certified(height) if height > 0 else None
        if header is None or header.header.timestamp_ms <= terms["until_ms"]:
            raise ExchangeRefused("lapse", "E_EXCHANGE_EARLY")
        await tell_epochs(self.second.channel_id, file, self.first)
        args = {"id": number, "fact": fact, "header": encode(header)}
        return [Moved(number, "lapse")] if await self._step(self.first, "lapse", args) else []

    async def _step(self, channel: ExchangeChannel, method: str, args: dict[str, Any]) -> bool:
        """Whether this carrier took it. Raises ExchangeRefused."""
        reach("exchange-before-send")
        code = await channel.send(EXCHANGE, method, args)
        reach("exchange-after-send")
        if code in ("", DONE_BEFORE):
            return not code
        raise ExchangeRefused(method, code)


async def bring(source: ExchangeChannel, to: ExchangeChannel, number: str) -> bytes:
    """The proof of how an exchange stands on `source`, after `to` has been told of every change of the
    validators that the proof rests on. Raises ExchangeRefused."""
    file, fact = await prove(source, number)
    await tell_epochs(source.channel_id, file, to)
    return fact


async def prove(source: ExchangeChannel, number: str) -> tuple[ProofFileV2, bytes]:
    """How an exchange stands on a channel: the whole proof, and the fact in it as contracts take it."""
    file = read_proof_file(await source.state_proof(state_key(EXCHANGE, "stand", number)))
    assert file.state is not None
    return file, encode(file.state)


async def tell_epochs(channel: Hash, file: ProofFileV2, to: ExchangeChannel) -> None:
    """Raises ExchangeRefused."""
    known = await to.followed_epoch(channel)
    for change in file.changes:
        if change.validators.epoch <= known:
            continue
        args = {
            "channel": channel,
            "last": encode(change.last),
            "validators": encode(change.validators),
        }
        reach("exchange-before-follow")
        code = await to.send(FOREIGN, "follow", args)
        if code and await to.followed_epoch(channel) < change.validators.epoch:
            raise ExchangeRefused("follow", code)
