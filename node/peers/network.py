"""The node's links to all other city nodes of one channel, over the port that its channels share (port.py).

Of two validators the one that stands later in the configuration dials: whoever was added knows the addresses
of those before it. An observer dials every validator. Where no link comes for long this side dials too: a
validator that was removed and has not heard of it is dialled by nobody any more, and could learn it from
nobody. There is one link a pair. TLS pins the transport certificates that the configuration names; the
statement of the first frames says whose link it is (handshake.py).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import grpc
import structlog

from consensus.encoding import Hash
from node.errors import CityError
from node.genesis import ChannelConfig, NodeEntry
from node.identity.suite import Suite
from node.peers.artifact import ArtifactServer
from node.peers.batch import PeerBatch, PeerHandler, PeerId
from node.peers.handshake import HANDSHAKE_S, Established, Party, Pipe, dial, granted
from node.peers.link import Count, Link, count_nothing
from node.peers.port import PeerPort
from node.peers.roster import Known, Roster, Self
from node.peers.snapshots import Library, SnapshotServer
from node.peers.tls import Shown, open_channel
from node.wire.frames import ENGINE, encode_batch, link_call

BACKOFF_FIRST_S, BACKOFF_MAX_S, PATIENCE_S = 0.05, 3.0, 10.0
OBSERVERS_MAX = 64

log = structlog.get_logger("peers")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between attempts to dial a peer: doubled from `first` up to `cap`, with jitter. patience: how
    long to wait for the link of a peer that is the one to dial."""

    first: float = BACKOFF_FIRST_S
    cap: float = BACKOFF_MAX_S
    patience: float = PATIENCE_S


class PeerNetwork:
    """Starts and keeps the links; `send` and `broadcast` never wait."""

    def __init__(
        self,
        *,
        config: ChannelConfig,
        channel_id: Hash,
        suite: Suite,
        me: Self,
        port: PeerPort,
        addresses: Mapping[str, str],
        handler: PeerHandler,
        observers: Sequence[NodeEntry] = (),
        count: Count = count_nothing,
        backoff: Backoff = Backoff(),
        artifact: ArtifactServer | None = None,
        library: Library | None = None,
        selves: Callable[[], Sequence[Self]] | None = None,
    ) -> None:
        """port: the node's, running while this one does. addresses: host:port of other nodes' peer ports by
        their name; real time, whatever the channel's clock. config, observers: those in force now, see
        `reconfigure`. artifact: the channel's engine, for nodes that lack it. library: snapshots, for those
        that begin with one. selves: what this node is known by, first under the configuration in force; asked
        at each change of that."""
        roster = Roster(suite, config, observers)
        self.channel_id = channel_id
        self._selves = selves or (lambda: (me,))
        self.party = Party(me, roster, config, channel_id, suite, real_now_ms)
        self.party = replace(self.party, selves=tuple(self._selves()))
        self._port = port
        self._addresses = dict(addresses)
        self._handler = handler
        self._count = count
        self._backoff = backoff
        self.calls = {ENGINE: (artifact or ArtifactServer(channel_id, None)).serve}
        if library is not None:
            self.calls |= SnapshotServer(channel_id, library, self._may_read).calls()
        self._links: dict[str, Link] = {}
        self._dialling: dict[Hash, asyncio.Task[None]] = {}
        self._is_running = False

    @property
    def port(self) -> int:
        """Where this node listens for its channels."""
        return self._port.port

    # ---- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Takes the channel's links at the port, and dials."""
        self._port.add(self)
        self._is_running = True
        self._dial_all()

    async def stop(self) -> None:
        """No link is left when this returns."""
        self._is_running = False
        self._port.remove(self)
        tasks = list(self._dialling.values())
        self._dialling.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        links = list(self._links.values())
        for link in links:
            link.close()
        await asyncio.gather(*(link.ended.wait() for link in links))

    def _may_read(self, shown: Shown, grant: bytes) -> None:
        """Raises CityError for whoever shows a certificate that no node of the channel has."""
        if shown.fingerprint not in self.party.roster.by_fingerprint:
            granted(self.party, grant, shown)

    def _may_dial(self, known: Known) -> bool:
        """Another validator whose address is known."""
        is_other = known.peer.index is not None and known.peer.name != self.party.me.name
        return is_other and known.peer.name in self._addresses

    def _dials(self, known: Known) -> bool:
        """Whether this node, not `known`, is to open the link between the two."""
        assert known.peer.index is not None, "an observer is not dialled"
        own = self.party.roster.by_name.get(self.party.me.name)
        return own is None or own.peer.index is None or own.peer.index > known.peer.index

    def _dial_all(self) -> None:
        """Dials whom it may, each in its own time, and no longer whom it may not."""
        wanted = {
            known.fingerprint: known for known in self.party.roster.nodes if self._may_dial(known)
        }
        for fingerprint in self._dialling.keys() - wanted.keys():
            self._dialling.pop(fingerprint).cancel()
        for fingerprint in wanted.keys() - self._dialling.keys():
            known = wanted[fingerprint]
            self._dialling[fingerprint] = asyncio.create_task(
                self._keep_dialling(known), name=f"peer-dial-{known.peer.name}"
            )

    # ---- what the channel calls -------------------------------------------------------------------

    def send(self, name: str, batch: PeerBatch) -> bool:
        """Queues a batch for one peer. False when it is not up, or its queue dropped part of it."""
        link = self._links.get(name)
        return link is not None and link.send(encode_batch(batch))

    def broadcast(self, batch: PeerBatch) -> None:
        """Queues a batch for every validator that is up; serialised once."""
        links = [link for link in self._links.values() if link.peer.index is not None]
        if links:
            pieces = encode_batch(batch)
            for link in links:
                link.send(pieces)

    def up(self) -> list[PeerId]:
        """Peers with an authenticated link, validators first, in the channel's order."""
        peers = [link.peer for link in self._links.values()]
        return sorted(peers, key=lambda p: (p.index is None, p.index or 0, p.name))

    def reconfigure(
        self,
        config: ChannelConfig,
        observers: Sequence[NodeEntry],
        revoked: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        """Who is who from here on. A link to somebody who is still known, by the same key and certificate,
        stays up with its new index."""
        roster, before = Roster(self.party.suite, config, observers), self.party.roster
        selves = tuple(self._selves())
        self.party = replace(
            self.party, roster=roster, config=config, me=selves[0], selves=selves, revoked=revoked
        )
        self._port.trust_changed()
        for link in list(self._links.values()):
            known, former = roster.by_name.get(link.peer.name), before.by_name.get(link.peer.name)
            is_pinned = former is None or known is None or known.fingerprint == former.fingerprint
            if known is not None and known.peer.identity == link.peer.identity and is_pinned:
                link.peer = known.peer
            elif known is not None or link.peer.name in before.by_name or link.serials & revoked:
                link.close()  # its name is another's now, or the configuration names it no longer
        if self._is_running:
            self._dial_all()

    # ---- links ------------------------------------------------------------------------------------

    async def _keep_dialling(self, known: Known) -> None:
        address = self._addresses[known.peer.name]
        delay, said, attempt = self._backoff.first, "", 0
        while True:
            known = self.party.roster.by_fingerprint.get(known.fingerprint, known)
            if not self._dials(known):
                await self._left_alone(known.peer.name)
            selves = self.party.selves
            party = replace(self.party, me=selves[attempt % len(selves)])
            attempt += 1  # while a key is replaced the peer may know this node by the other one
            try:
                async with open_channel(party.me.transport, address, known) as channel:
                    call = link_call(channel)()
                    async with asyncio.timeout(HANDSHAKE_S):
                        established = await dial(call, party, known)
                    delay, said, attempt = self._backoff.first, "", 0
                    await self.run(call, established)
            except CityError as error:
                said = self.refused(known.peer.name, error, said)
            except (grpc.aio.AioRpcError, grpc.aio.UsageError, TimeoutError) as error:
                said = self._unreachable(known.peer.name, address, error, said)
            except asyncio.InvalidStateError as error:
                # gRPC's answer when a write meets a stream that has just ended
                said = self._unreachable(known.peer.name, address, error, said)
            except Exception:
                # A defect that one peer's input finds must not cost the links to all others.
                self._count("peer_link_failed", peer=known.peer.name)
                log.exception("peer.link_failed", peer=known.peer.name)
            await asyncio.sleep(delay * (0.5 + secrets.randbelow(1000) / 1000))
            delay = min(delay * 2, self._backoff.cap)

    async def _left_alone(self, name: str) -> None:
        """Returns when there was no link to it at two looks."""
        looks = 0
        while looks < 2:
            looks = 0 if name in self._links else looks + 1
            await asyncio.sleep(self._backoff.patience * (0.5 + secrets.randbelow(1000) / 1000))

    def admit(self, peer: PeerId) -> None:
        """Raises CityError where this node takes no link to this peer now."""
        held = self._links.get(peer.name)
        if held is not None and held.peer.identity != peer.identity:
            raise CityError("CITY-2201", reason="another observer with its name is connected")
        if peer.index is not None or held is not None:
            return
        if sum(link.peer.index is None for link in self._links.values()) >= OBSERVERS_MAX:
            raise CityError("CITY-2201", reason=f"this node serves {OBSERVERS_MAX} observers")

    async def run(self, pipe: Pipe, established: Established) -> None:
        """An authenticated link, for as long as it lives. Raises CityError, and what gRPC raises."""
        if not self._is_running:  # it stopped during the handshake
            raise CityError("CITY-2202")
        if established.serials & self.party.revoked:  # by a block during the handshake
            raise CityError("CITY-2207", reason="its transport certificate is revoked")
        link = Link(pipe, established, self._handler, self._count)
        name = link.peer.name
        known = self.party.roster.by_name.get(name)
        if known is not None and known.peer.identity == link.peer.identity:
            link.peer = known.peer  # the configuration may have changed during the handshake
        former = self._links.get(name)
        if former is not None:
            # The newest wins: after a crash the former is only a dead connection that TCP has not noticed.
            self._count("peer_incarnations", peer=name)
            log.warning("peer.two_incarnations", peer=name, code="CITY-6202")
            former.close()
            self._handler.on_peer(former.peer, False)
        self._links[name] = link
        self._handler.on_peer(link.peer, True)
        log.info("peer.up", peer=name, observer=link.peer.index is None)
        try:
            await link.run(self.party.now_ms())
        finally:
            if self._links.get(name) is link:
                del self._links[name]
                self._handler.on_peer(link.peer, False)
                log.info("peer.down", peer=name)

    def refused(self, name: str, error: CityError, said: str = "") -> str:
        """Counts it, and logs it where it is not what was said last; what was said now."""
        self._count("peer_refused", code=error.code)
        if error.code != said:
            log.warning("peer.refused", peer=name, code=error.code, reason=error.message)
        return error.code

    def _unreachable(self, name: str, address: str, error: BaseException, said: str) -> str:
        self._count("peer_dial_failed", peer=name)
        reason = error.details() if isinstance(error, grpc.aio.AioRpcError) else ""
        reason = (reason or type(error).__name__)[:200]
        if said != "CITY-6203":  # once, not at every attempt
            log.info("peer.unreachable", peer=name, address=address, reason=reason)
        return "CITY-6203"


def real_now_ms() -> int:
    return time.time_ns() // 1_000_000
