"""A peer with a member's good keys and bad manners: it floods, stalls and sends garbage over real links."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import Any

import grpc

from node.genesis import channel_id
from node.identity.keyfile import read_key
from node.identity.suite import get_suite
from node.identity.transport import load_transport
from node.network.bundle import read_genesis
from node.peers.batch import PeerBatch
from node.peers.handshake import Party, dial
from node.peers.roster import Roster, Self
from node.peers.tls import open_channel
from node.wire.frames import batch_frame, encode_batch, link_call
from tests.faults.city_network import Network

FLOOD_BYTES, FLOOD_MESSAGES = 2_000, 200
KINDS = ("flood", "garbage", "stall")


class Rogue:
    """Stands in for a node that is stopped. It keeps links to those before it, who are dialled by it."""

    def __init__(self, network: Network, slug: str, rng: random.Random) -> None:
        self._network, self._slug, self._rng = network, slug, rng
        self._tasks: list[asyncio.Task[None]] = []
        self.sent: dict[str, int] = dict.fromkeys(KINDS, 0)

    def start(self) -> None:
        before = self._network.order[: self._network.order.index(self._slug)]
        for number, slug in enumerate(before):
            kind = KINDS[number % len(KINDS)]
            self._tasks.append(asyncio.create_task(self._annoy(slug, kind)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _party(self) -> Party:
        layout = self._network.layout
        config = read_genesis(layout).config
        suite = get_suite(config.suite)
        keys = layout.node(self._slug) / "keys"
        name = next(n.name for n in config.nodes if self._network.slug_of(n.name) == self._slug)
        signer = suite.signer(read_key(keys / "identity.pem", dev=True))
        me = Self(name, signer, load_transport(keys / "transport.crt", keys / "transport.pem"))
        now_ms = lambda: time.time_ns() // 1_000_000  # noqa: E731
        return Party(
            me, Roster(suite, config), config, channel_id(suite.hash, config), suite, now_ms
        )

    async def _annoy(self, slug: str, kind: str) -> None:
        party = self._party()
        known = next(k for n, k in party.roster.by_name.items() if self._network.slug_of(n) == slug)
        at = self._network.mesh.address(self._slug, slug, self._network.peer_port(slug))
        while True:
            with contextlib.suppress(
                grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError
            ):
                async with open_channel(party.me.transport, at, known) as channel:
                    call = link_call(channel)()
                    await dial(call, party, known)
                    await self._misbehave(call, kind)
            await asyncio.sleep(0.05)

    async def _misbehave(self, call: Any, kind: str) -> None:
        """Until the other end has had enough of it."""
        while True:
            if kind == "garbage":
                await call.write(self._rng.randbytes(self._rng.randrange(1, FLOOD_BYTES)))
            elif kind == "flood":
                some = tuple(self._rng.randbytes(FLOOD_BYTES) for _ in range(FLOOD_MESSAGES))
                await call.write(batch_frame(encode_batch(PeerBatch(consensus=some))))
            self.sent[kind] += 1
            # One that stalls reads nothing of what it is sent, and says nothing.
            await asyncio.sleep(0.05 if kind != "stall" else 3600)
