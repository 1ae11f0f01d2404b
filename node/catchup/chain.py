"""The chain that a node takes in before its first state: every header, and the bodies of the last blocks.

Headers come in ranges from several peers at a time and are followed in order, as a light client does; so what
one of them sent is judged by itself, and one that lies costs the range that it sent. What was followed is in
the block store at once: an attempt that was cut off goes on there. Bodies are held against the headers that are
here by then, from whomever they come, in any order.

In memory are at most RANGES_AHEAD answers, however long the chain is.
"""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import structlog

from consensus.certificate import InvalidCertificate
from consensus.encoding import Hash
from consensus.header import Header, block_hash, tx_id
from consensus.light_client import HeaderRefused, LightClient
from consensus.validators import ValidatorSet
from node.catchup.peers import Caught, Crew, NotGiven, P, together
from node.catchup.sync import are_senders_keys, holds_config
from node.errors import CityError
from node.genesis import Genesis
from node.identity.suite import Suite
from node.ledger.blocks import BlockStore
from node.ledger.check import covered_ids
from node.ledger.records import StateRoots
from node.ledger.snapshot import BadSnapshot
from node.ledger.store import LevelStore
from node.model import StoredBlock
from node.proofs.reading import SuiteVerifier
from node.wire.snapshots import SealedHeader

RANGE_HEADERS, RANGE_BLOCKS = 256, 64
RANGES_AHEAD = 8  # asked for, or waiting to be followed
BODIES_AT_A_TIME = 4
TOLD_EVERY = 20_000  # headers

T = TypeVar("T")

log = structlog.get_logger("snapshot")


class Chain:
    """Block store and light client move together. Blocking; one caller at a time. A context manager."""

    def __init__(
        self, folder: Path, genesis: Genesis, genesis_header: Header, suite: Suite
    ) -> None:
        """Goes on with what an earlier attempt left in the folder; begins anew where that does not hold."""
        self._suite, self._genesis, self._first = suite, genesis, genesis_header
        try:
            self._open(folder)
        except (CityError, HeaderRefused) as error:
            log.warning("snapshot.chain_begins_anew", reason=str(error))
            shutil.rmtree(folder)
            self._open(folder)

    def _open(self, folder: Path) -> None:
        config, suite = self._genesis.config, self._suite
        verifier = SuiteVerifier(suite)
        self._light = LightClient(
            self._first, config.validators, verifier, config.consensus.window, config.consensus.kind
        )
        self._blocks = BlockStore(LevelStore(folder), suite.hash)
        try:
            tip = self._blocks.tip
            if tip is None:
                self._blocks.put(self._first, (), (), None)
            elif self._blocks.header(0) != self._first:
                raise HeaderRefused("it is of another channel")
            elif tip.height:
                self._light.resume(tip, self._sealers(tip))
                self._blocks.begin(tip.height + 1)  # until it is whole again
        except BaseException:
            self._blocks.close()
            raise

    def _sealers(self, tip: Header) -> ValidatorSet:
        """Those of the tip's own epoch."""
        for height in reversed(self._blocks.config_heights(0)):
            after = self._blocks.validators_after(height) if height < tip.height else None
            if after is not None:
                return after
        return self._genesis.config.validators

    def __enter__(self) -> Chain:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._blocks.close()

    @property
    def height(self) -> int:
        """Of the last header that was followed."""
        return self._light.height

    def take_headers(
        self, found: Sequence[SealedHeader], named: Mapping[Hash, ValidatorSet]
    ) -> None:
        """The next headers. named: later validators by their hash, as peers told them.

        Raises HeaderRefused, InvalidCertificate at the first that does not hold; those before it are in. Raises
        BadSnapshot where nobody told the validators that a header hands over to."""
        taken = []
        following: ValidatorSet | None = None
        if self._light.needs_validators is not None:
            following = self._blocks.validators_after(self._light.height)
        try:
            for header, certificate in found:
                self._light.advance(header, certificate, following)
                following = None
                if header.next_validators_hash != header.validators_hash:
                    following = named.get(header.next_validators_hash)
                    if following is None:
                        raise BadSnapshot(f"nobody told the validators after block {header.height}")
                taken.append((header, certificate, following))
        finally:
            if taken:
                self._blocks.put_headers(taken)

    def unfilled(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Ranges of heights whose bodies are not here, each small enough for one question."""
        start: int | None = None
        for height in range(first, last + 2):
            is_missing = height <= last and not self._blocks.is_filled(height)
            if start is not None and (not is_missing or height - start == RANGE_BLOCKS):
                yield start, height - 1
                start = None
            if is_missing and start is None:
                start = height

    def take_bodies(self, found: Sequence[StoredBlock], first: int) -> None:
        """Those of the blocks from `first` on. Raises HeaderRefused at the first that are not its header's."""
        suite = self._suite
        for height, block in enumerate(found, first):
            if block.header != self._blocks.header(height):
                raise HeaderRefused(f"its block {height} is another one than the channel's")
            tx_ids = covered_ids(suite.hash, suite.id, block.header, block.envelopes)
            if tx_ids is None:
                raise HeaderRefused(f"the transactions of block {height} are not its own")
            if not are_senders_keys(suite, block.envelopes):
                raise HeaderRefused(f"block {height} comes with another key than a sender's")
            self._blocks.fill(height, block.envelopes, tx_ids, is_config=holds_config(block))

    def begin(self, first: int) -> None:
        """Bodies from `first` on are all here; what an earlier attempt fetched of those below goes."""
        self._blocks.begin(first)
        for _ in self._blocks.prune(
            first, lambda body: tx_id(self._suite.hash, self._suite.id, body)
        ):
            pass

    def hash_of(self, height: int) -> Hash:
        return block_hash(self._suite.hash, self._header(height))

    def roots(self, first: int, last: int) -> dict[int, StateRoots]:
        """As certified headers show them, after each of these blocks."""
        window = self._genesis.config.consensus.window
        shown = {height: self._header(height + window) for height in range(first, last + 1)}
        return {at: StateRoots(each.state_root, each.receipts_root) for at, each in shown.items()}

    def _header(self, height: int) -> Header:
        found = self._blocks.header(height)
        assert found is not None, "the chain was followed up to there"
        return found


@dataclass(frozen=True, slots=True)
class _Range:
    """Asked for. answer: who gave it, and what."""

    last: int
    answer: asyncio.Task[tuple[str, list[SealedHeader]]]


async def fetch_headers(
    chain: Chain, crew: Crew[P], last: int, named: Mapping[Hash, ValidatorSet]
) -> None:
    """Follows the chain up to `last`. Raises CityError, BadSnapshot; what was followed by then is kept."""
    asked: deque[_Range] = deque()
    next_, told = chain.height + 1, chain.height
    try:
        while chain.height < last:
            while len(asked) < RANGES_AHEAD and next_ <= last:
                until = min(next_ + RANGE_HEADERS - 1, last)
                asked.append(_ask(crew, next_, until))
                next_ = until + 1
            piece = asked[0]
            peer, found = await piece.answer
            try:
                await asyncio.to_thread(chain.take_headers, found, named)
            except (HeaderRefused, InvalidCertificate) as error:
                crew.catch(peer, f"header {chain.height + 1}: {error}")
            asked.popleft()
            if chain.height < piece.last:
                asked.appendleft(_ask(crew, chain.height + 1, piece.last, avoid=peer))
            if chain.height - told >= TOLD_EVERY:
                told = chain.height
                log.info("snapshot.headers", height=told, of=last)
    finally:
        for piece in asked:
            piece.answer.cancel()
        await asyncio.gather(*(piece.answer for piece in asked), return_exceptions=True)


def _ask(crew: Crew[P], first: int, last: int, avoid: str = "") -> _Range:
    async def take(peer: P) -> list[SealedHeader]:
        return _some(await peer.headers(first, last), first, last)

    return _Range(last, asyncio.create_task(crew.ask(take, avoid=avoid)))


def _some(found: list[T], first: int, last: int) -> list[T]:
    if not found:
        raise NotGiven(f"it gives nothing from {first} on")
    if len(found) > last - first + 1:
        raise Caught(f"{len(found)} answers for {first} to {last}")
    return found


async def fetch_bodies(chain: Chain, crew: Crew[P], first: int) -> None:
    """Those of the blocks from `first` on whose headers are here: also above the snapshot, where an earlier
    attempt had followed further for a newer one. Raises CityError."""
    waiting = deque(await asyncio.to_thread(list, chain.unfilled(first, chain.height)))
    one_at_a_time = asyncio.Lock()

    async def work() -> None:
        while waiting:
            at, until = waiting.popleft()
            while at <= until:
                _, count = await crew.ask(functools.partial(take, at, until))
                at += count

    async def take(at: int, until: int, peer: P) -> int:
        found = _some(await peer.blocks(at, until), at, until)
        async with one_at_a_time:
            try:
                await asyncio.to_thread(chain.take_bodies, found, at)
            except HeaderRefused as error:
                raise Caught(str(error)) from error
        return len(found)

    await together(work() for _ in range(BODIES_AT_A_TIME))
    await asyncio.to_thread(chain.begin, first)
