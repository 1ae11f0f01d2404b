"""Catching up by certified blocks: which peer to ask, for what, and what to believe of the answer.

A peer's word about its height only makes this node ask. What comes back counts by its certificate, whose
seals are checked before the core sees it, and by the root over its transactions. A peer that does not answer,
or answers with something else, is passed over for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from consensus.api import Block, SignatureItem, Synced
from consensus.certificate import CommitCert, InvalidCertificate
from consensus.encoding import Hash
from consensus.header import Header, identity_digest
from consensus.light_client import Electorate, HeaderRefused, sealed_items
from node.configuration import InForce
from node.errors import CityError
from node.governance import CONTRACT
from node.identity.suite import Suite
from node.ledger.check import covered_ids
from node.model import Envelope, StoredBlock
from node.peers.batch import PeerBatch, PeerId
from node.wire.body import parse_body

RANGE_BLOCKS_MAX = 64
ANSWER_SECONDS = 3.0
PASSED_OVER_SECONDS = 5.0
CLAIM_PATIENCE_SECONDS = 1.0
EXECUTION_LAG_MAX = 128


@dataclass(frozen=True, slots=True)
class CheckedBlock:
    """A fetched block whose transactions and seals hold."""

    stored: StoredBlock
    tx_ids: tuple[Hash, ...]
    event: Synced


class Ground(Protocol):
    """What catching up needs from the channel."""

    @property
    def tip_height(self) -> int: ...

    @property
    def execution_lag(self) -> int: ...

    @property
    def is_reconfiguring(self) -> bool:
        """Whether a config block waits to take effect: nothing above it can be judged before."""
        ...

    def peers(self) -> list[PeerId]: ...

    def ask(self, peer: PeerId, batch: PeerBatch) -> bool: ...

    def take(self, checked: CheckedBlock) -> bool: ...

    async def progress(self, seconds: float) -> None:
        """Returns when the tip or the applied height moved, or after `seconds`."""
        ...


class BlockChecker:
    """Checks what a certificate covers. Blocking, but for the seals, which go through `verify`."""

    def __init__(
        self,
        configuration: InForce,
        channel_id: Hash,
        suite: Suite,
        verify: Callable[[Sequence[SignatureItem]], Awaitable[list[bool]]],
        in_thread: Callable[..., Any] = asyncio.to_thread,
    ) -> None:
        self._configuration, self._channel_id, self._suite = configuration, channel_id, suite
        self._verify, self._in_thread = verify, in_thread

    async def check(
        self, blocks: Sequence[StoredBlock], first: int, peer: str
    ) -> list[CheckedBlock]:
        """The blocks up to the first config block, which has to take effect before the next can be judged.

        Raises CityError CITY-6004 at the first block that does not hold."""
        checked, items = await self._in_thread(self._check_all, blocks, first, peer)
        if not all(await self._verify(items)):
            raise CityError("CITY-6004", height=first, peer=peer, reason="a seal does not verify")
        return list(checked)

    def _check_all(
        self, blocks: Sequence[StoredBlock], first: int, peer: str
    ) -> tuple[list[CheckedBlock], list[SignatureItem]]:
        checked: list[CheckedBlock] = []
        items: list[SignatureItem] = []
        for height, stored in enumerate(blocks, first):
            reason, tx_ids = self._fault(stored, height)
            if reason or stored.certificate is None:
                raise CityError("CITY-6004", height=height, peer=peer, reason=reason)
            items += self._seals(stored.header, stored.certificate, peer)
            is_config = holds_config(stored)
            event = Synced(0, Block(stored.header, tx_ids), stored.certificate, is_config)
            checked.append(CheckedBlock(stored, tx_ids, event))
            if is_config:
                break
        return checked, items

    def _fault(self, stored: StoredBlock, height: int) -> tuple[str, tuple[Hash, ...]]:
        header, hash_, suite_id = stored.header, self._suite.hash, self._suite.id
        if header.height != height:
            return "it is not the block that was asked for", ()
        if stored.certificate is None:
            return "it has no certificate", ()
        tx_ids = covered_ids(hash_, suite_id, header, stored.envelopes)
        if tx_ids is None:
            return "its transactions are not those of its header", ()
        # Client signatures need no second check: a quorum checked them before it sealed the root.
        if not are_senders_keys(self._suite, stored.envelopes):
            return "a transaction carries another key than its sender's", ()
        return "", tx_ids

    def _seals(self, header: Header, cert: CommitCert, peer: str) -> list[SignatureItem]:
        in_force = self._configuration
        electorate = Electorate(
            self._channel_id,
            self._suite.id,
            in_force.config.consensus.kind,
            in_force.validators,
        )
        try:
            return sealed_items(self._suite.hash, header, cert, electorate)
        except (HeaderRefused, InvalidCertificate) as error:
            height, reason = header.height, str(error)
            raise CityError("CITY-6004", height=height, peer=peer, reason=reason) from None


def are_senders_keys(suite: Suite, envelopes: Sequence[Envelope]) -> bool:
    """Whether each carries the key of its sender. A block's root covers body and signature; the key is bound by
    the body's sender. A malformed body stays what it is: execution refuses it, on all nodes alike."""
    for envelope in envelopes:
        try:
            sender = parse_body(envelope.body).sender
        except CityError:
            continue
        if identity_digest(suite.hash, suite.id, envelope.public_key) != sender:
            return False
    return True


def holds_config(stored: StoredBlock) -> bool:
    """Whether its only transaction is a config transaction."""
    if len(stored.envelopes) != 1:
        return False
    try:
        return parse_body(stored.envelopes[0].body).contract == CONTRACT
    except CityError:
        return False


class CatchUp:
    """One task a channel. At most one request is out."""

    def __init__(
        self, ground: Ground, checker: BlockChecker, window: int, faults: int, is_voting: bool
    ) -> None:
        """faults: how many validators may lie about their height."""
        self._ground, self._checker = ground, checker
        self._window, self._faults, self._is_voting = window, faults, is_voting
        self._proven_height = 0
        self._preferred: int | None = None
        self._claims: dict[str, int] = {}
        self._lowest: dict[str, int] = {}
        self._claimed_since: float | None = None
        self._passed_over: dict[str, float] = {}
        self._asked: tuple[str, asyncio.Future[tuple[StoredBlock, ...]]] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._wake = asyncio.Event()
        self.fetched = 0

    @property
    def is_behind(self) -> bool:
        """Whether a certificate, or a peer's word, says that there is more than the window to fetch."""
        known = max(self._proven_height, self._claimed_height())
        return known > self._ground.tip_height + self._window

    def _claimed_height(self) -> int:
        """What at least one honest peer claims, where enough peers claim anything. Who is passed over now does
        not count: it is believed again later, since on an idle chain nobody claims anything twice."""
        now = time.monotonic()
        counted = [c for name, c in self._claims.items() if self._passed_over.get(name, now) <= now]
        claims = sorted(counted, reverse=True)
        return claims[min(self._faults, len(claims) - 1)] if claims else 0

    def reconfigure(self, faults: int, is_voting: bool) -> None:
        """Another configuration is in force: other indices, maybe another role."""
        self._faults, self._is_voting, self._preferred = faults, is_voting, None
        self._wake.set()

    def behind(self, height: int, from_: int) -> None:
        """The core holds a certificate for `height`."""
        self._proven_height = max(self._proven_height, height)
        self._preferred = from_
        self._wake.set()

    @property
    def archives(self) -> list[str]:
        """Linked peers that say they hold every block whole."""
        return sorted(name for name, lowest in self._lowest.items() if lowest == 1)

    def claim(self, peer: PeerId, height: int, lowest: int = 0) -> None:
        """A peer says it holds blocks up to `height`, whole ones from `lowest` on (0: it does not say)."""
        if lowest:
            self._lowest[peer.name] = lowest
        if height > self._claims.get(peer.name, 0):
            self._claims[peer.name] = height
            if height > self._ground.tip_height:
                self._wake.set()

    def forget(self, peer: PeerId) -> None:
        self._claims.pop(peer.name, None)
        self._lowest.pop(peer.name, None)

    def on_blocks(self, peer: PeerId, blocks: tuple[StoredBlock, ...]) -> None:
        """Anything but the answer to the request that is out is dropped."""
        if self._asked is not None:
            name, answer = self._asked
            if name == peer.name and not answer.done():
                answer.set_result(blocks)

    async def run(self) -> None:
        while True:
            self._wake.clear()
            now = time.monotonic()
            self._passed_over = {n: t for n, t in self._passed_over.items() if t > now}
            target = self._target()
            if target is None:
                await self._idle()
            elif self._ground.is_reconfiguring or self._ground.execution_lag > EXECUTION_LAG_MAX:
                await self._ground.progress(ANSWER_SECONDS)
            else:
                await self._fetch(target)

    def _target(self) -> int | None:
        """The height to fetch up to now. A claim within the window is given time: the block is probably
        on its way through ordering."""
        tip = self._ground.tip_height
        if self._proven_height > tip:
            return self._proven_height
        claimed = self._claimed_height()
        if claimed <= tip:
            self._claimed_since = None
            return None
        now = time.monotonic()
        if self._claimed_since is None:
            self._claimed_since = now
        is_far = claimed > tip + self._window
        is_old = now - self._claimed_since >= CLAIM_PATIENCE_SECONDS
        return claimed if is_far or is_old or not self._is_voting else None

    async def _idle(self) -> None:
        is_waiting = self._claimed_since is not None or self._passed_over
        timeout = CLAIM_PATIENCE_SECONDS if is_waiting else None
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _fetch(self, target: int) -> None:
        first = self._ground.tip_height + 1
        peer = self._choose(first)
        if peer is None:
            await self._ground.progress(CLAIM_PATIENCE_SECONDS)
            return
        last = min(target, first + RANGE_BLOCKS_MAX - 1)
        try:
            checked = await self._request(peer, first, last)
            if self._ground.tip_height >= first:
                return  # ordering was faster
            last = first - 1
            for block in checked:
                if not self._ground.take(block):
                    break
                last += 1
        except (TimeoutError, CityError):
            self._pass_over(peer)
            return
        await self._settle(last, peer)

    async def _request(self, peer: PeerId, first: int, last: int) -> list[CheckedBlock]:
        """Blocks from `first` on, checked. Raises TimeoutError, CityError."""
        async with self._one_at_a_time:
            answer: asyncio.Future[tuple[StoredBlock, ...]] = (
                asyncio.get_running_loop().create_future()
            )
            self._asked = (peer.name, answer)
            try:
                if not self._ground.ask(peer, PeerBatch(want_blocks=(first, last))):
                    raise CityError("CITY-6004", height=first, peer=peer.name, reason="no link")
                async with asyncio.timeout(ANSWER_SECONDS):
                    blocks = await answer
            finally:
                self._asked = None
        if not 0 < len(blocks) <= last - first + 1:
            raise CityError("CITY-6004", height=first, peer=peer.name, reason="none was sent")
        self.fetched += len(blocks)
        return await self._checker.check(blocks, first, peer.name)

    async def recover(self, header: Header) -> StoredBlock:
        """The certified block with this header, from whoever holds it; asks until somebody does.

        For a block that was committed here while its bodies are held in another copy only."""
        while True:
            peer = self._choose(header.height)
            if peer is None:
                await self._ground.progress(CLAIM_PATIENCE_SECONDS)
                continue
            try:
                (found,) = await self._request(peer, header.height, header.height)
                if found.stored.header == header:
                    return found.stored
            except (TimeoutError, CityError):
                pass  # the next one is asked
            self._pass_over(peer)

    async def _settle(self, last: int, peer: PeerId) -> None:
        """Waits for the core to take what was given; a core that takes nothing was given nothing good.

        Execution that moves says nothing of that: it is behind the blocks, and may be far."""
        tip, since = self._ground.tip_height, time.monotonic()
        while tip < last:
            left = since + ANSWER_SECONDS - time.monotonic()
            if left <= 0:
                self._pass_over(peer)
                return
            await self._ground.progress(left)
            if self._ground.tip_height > tip:
                tip, since = self._ground.tip_height, time.monotonic()

    def _choose(self, first: int) -> PeerId | None:
        """Whom to ask for the block `first`."""
        now = time.monotonic()
        self._passed_over = {n: t for n, t in self._passed_over.items() if t > now}
        able = [p for p in self._ground.peers() if p.name not in self._passed_over]
        # Who let go of that block is asked only where nobody says that it holds it: words can be wrong.
        able = [p for p in able if self._lowest.get(p.name, 0) <= first] or able
        if self._preferred is not None:
            for peer in able:
                if peer.index == self._preferred:
                    self._preferred = None
                    return peer
        # Whoever claims most first; claims are no more than that.
        able.sort(key=lambda peer: self._claims.get(peer.name, 0), reverse=True)
        return able[0] if able else None

    def _pass_over(self, peer: PeerId) -> None:
        self._passed_over[peer.name] = time.monotonic() + PASSED_OVER_SECONDS
