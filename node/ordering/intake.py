"""What arrives from peers, checked and handed on. Everything in it is hostile until it was checked here."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import structlog

from consensus.api import Have, PeerConnected, ProtocolViolation
from consensus.encoding import Hash
from consensus.header import tx_id
from node.catchup.serving import Serving
from node.catchup.sync import CatchUp
from node.errors import CityError
from node.flags import Flags
from node.identity.suite import Suite
from node.model import Envelope
from node.ordering.admission import Admission, Admitted
from node.ordering.bodies import WantedBodies
from node.ordering.driver import Driver
from node.ordering.fairness import Nested
from node.ordering.signatures import Signatures
from node.ordering.txpool import TxPool
from node.ordering.waiters import Signal
from node.peers.batch import PeerBatch, PeerId
from node.seat import Seat
from node.telemetry import Metrics

PARTS_MAX = 64  # of one peer that wait for their checks; of one member at most half of them
PART_COUNT, PART_BYTES = 128, 256 * 1024
DECODED_AT_A_TIME = 64  # messages, before other tasks have their turn

log = structlog.get_logger("channel")


def monotonic_ms() -> int:
    """For ages and retries: unlike the channel's clock it cannot be set."""
    return time.monotonic_ns() // 1_000_000


class Intake:
    """The channel's PeerHandler."""

    def __init__(
        self,
        *,
        seat: Callable[[], Seat],
        catch_up: CatchUp,
        serving: Serving,
        signatures: Signatures,
        admission: Admission,
        pool: TxPool,
        suite: Suite,
        metrics: Metrics,
        send: Callable[[str, PeerBatch], bool],
        tip_height: Callable[[], int],
        flags: Flags,
    ) -> None:
        self._seat, self._catch_up = seat, catch_up
        self._serving, self._signatures, self._admission = serving, signatures, admission
        self._pool, self._suite = pool, suite
        self._metrics, self._send, self._tip_height = metrics, send, tip_height
        self._flags = flags
        self._bodies: Nested[str, str, tuple[Envelope, ...]] = Nested(PARTS_MAX)
        self._arrived, self._taken = Signal(), Signal()
        self._told_from = serving.blocks_from

    @property
    def _driver(self) -> Driver:
        return self._seat().driver

    @property
    def _wanted(self) -> WantedBodies:
        return self._seat().wanted

    async def on_batch(self, peer: PeerId, batch: PeerBatch) -> None:
        if batch.consensus:
            await self._on_consensus(peer, batch.consensus)
        if batch.transactions:
            await self._on_bodies(peer, batch.transactions)
        if batch.want_transactions:
            for answer in await self._serving.transactions(batch.want_transactions):
                self._send(peer.name, answer)
        if batch.want_blocks is not None:
            blocks = await self._serving.blocks(*batch.want_blocks)
            self._send(peer.name, replace(self._greeting(), blocks=blocks))
        if batch.blocks:
            self._catch_up.on_blocks(peer, batch.blocks)
        if batch.tip_height or batch.blocks_from:
            self._catch_up.claim(peer, batch.tip_height, batch.blocks_from)
        if batch.flags is not None:
            self._flags.told.take(peer.name, batch.flags)

    def on_peer(self, peer: PeerId, up: bool) -> None:
        self._metrics.peer(peer.name, up)
        if not up:
            self._catch_up.forget(peer)
            self._flags.told.forget(peer.name)
            return
        self._flags.told.linked(peer.name)
        self._send(peer.name, replace(self._greeting(), flags=tuple(sorted(self._flags.known))))
        if peer.index is not None:
            self._driver.own(PeerConnected(0, peer.index))

    def tell_holdings(self, peers: Sequence[PeerId]) -> None:
        """Once blocks were let go of: nobody should ask here for them, or name this node to others."""
        held = self._serving.blocks_from
        if held != self._told_from:
            self._told_from = held
            for peer in peers:
                self._send(peer.name, self._greeting())

    def _greeting(self) -> PeerBatch:
        """What is held here."""
        held = self._serving.blocks_from
        return PeerBatch(tip_height=self._tip_height(), blocks_from=held)

    async def _on_consensus(self, peer: PeerId, messages: Sequence[bytes]) -> None:
        if peer.index is None:
            self.violation(peer.name, "an observer sent an ordering message")
            return
        # Held on to: the index means this validator in this seat only, and checking takes a while.
        seat = self._seat()
        decoded = []
        for number, data in enumerate(messages, 1):
            if number % DECODED_AT_A_TIME == 0:
                await asyncio.sleep(0)
            try:
                message = seat.core.decode_message(data)
                decoded.append((message, seat.core.signature_items(message)))
            except ProtocolViolation as violation:
                self.violation(peer.name, str(violation))
        items = [item for _, several in decoded for item in several]
        answers = iter(await self._signatures.check(items, urgent=True))
        for message, several in decoded:
            # All of them are taken from the answers, also behind one that does not hold.
            holds = [next(answers) for _ in several]
            if all(holds):
                seat.driver.received(peer.index, message)
            else:
                self.violation(peer.name, f"{type(message).__name__} with a wrong signature")

    def violation(self, peer: str, reason: str) -> None:
        self._metrics.violation(peer)
        log.debug("peer.violation", peer=peer, reason=reason)

    # ---- bodies -----------------------------------------------------------------------------------

    async def _on_bodies(self, peer: PeerId, envelopes: Sequence[Envelope]) -> None:
        """Returns when all are in lanes of their peer and member: a peer that floods is read more slowly, and
        no other; of what it brought, that of members with room is not kept waiting. What a proposal waits for
        is checked at once: behind thousands of others it would be too late for the view."""
        if len(self._wanted):
            asked: list[Envelope] = []
            offered: list[Envelope] = []
            for envelope in envelopes:
                (asked if self._id(envelope) in self._wanted else offered).append(envelope)
            await self._check(asked, peer.name)
            envelopes = offered
        lanes: dict[str, list[Envelope]] = {}
        for envelope in envelopes:
            member = self._admission.claimed_member(envelope.public_key)
            lanes.setdefault(member, []).append(envelope)
        parts = deque((member, part) for member, held in lanes.items() for part in _parts(held))
        while parts:
            rest = deque((m, part) for m, part in parts if not self._bodies.put(peer.name, m, part))
            if len(rest) < len(parts):
                self._arrived.notify()
            parts = rest
            if parts:
                await self._taken.wait()

    async def check_bodies(self) -> None:
        """A worker: bodies from peers pass the same gate as those from clients."""
        while True:
            while not self._bodies:
                await self._arrived.wait()
            peer, _, envelopes = self._bodies.take()
            self._taken.notify()
            await self._check(envelopes, peer)

    async def _check(self, envelopes: Sequence[Envelope], peer: str) -> None:
        news = [(id_, e) for e in envelopes if self._is_news(id_ := self._id(e), e)]
        asked = [e for id_, e in news if id_ in self._wanted]
        offered = [e for id_, e in news if id_ not in self._wanted]
        checked = await self._admission.admit(asked, None, peer)
        checked += await self._admission.admit(offered, self._tip_height(), peer)
        for found in checked:
            self._take(found)
        self._driver.pool_changed()

    def _take(self, found: Admitted | CityError) -> None:
        """A body that does not pass is no proof against a proposal: another peer may hold the right one."""
        try:
            if isinstance(found, CityError):
                raise found
            needed = self._wanted.found(found.tx_id)
            self._pool.add(found, monotonic_ms(), spread=False, needed=needed)
            if needed:
                self._driver.own(Have(0, found.tx_id, True, found.ref))
        except CityError as error:
            self._metrics.rejected(error.name)

    def _is_news(self, id_: Hash, envelope: Envelope) -> bool:
        return id_ not in self._pool or self._pool.is_better_copy(id_, envelope.signature)

    def _id(self, envelope: Envelope) -> Hash:
        return tx_id(self._suite.hash, self._suite.id, envelope.body)


def _parts(envelopes: Sequence[Envelope]) -> Iterator[tuple[Envelope, ...]]:
    """Small enough that peers take turns often; an envelope alone is always a part."""
    part: list[Envelope] = []
    size = 0
    for envelope in envelopes:
        if part and (len(part) == PART_COUNT or size + len(envelope.body) > PART_BYTES):
            yield tuple(part)
            part, size = [], 0
        part.append(envelope)
        size += len(envelope.body)
    if part:
        yield tuple(part)
