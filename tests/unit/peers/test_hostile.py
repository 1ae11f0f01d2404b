"""A peer with good keys and bad manners: what it sends ends its link, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from consensus.encoding import Hash
from node.peers.batch import PeerBatch
from node.peers.handshake import Party, dial
from node.peers.network import PeerNetwork
from node.peers.roster import Roster, server_name
from node.wire.frames import (
    FRAME_BYTES_MAX,
    Hello,
    batch_frame,
    challenge_frame,
    encode_batch,
    hello_frame,
    link_call,
)
from tests.unit.peers.world import CITIES, SUITE, Ear, World, running


@asynccontextmanager
async def raw_link(world: World, me: str, port: int, to: str) -> AsyncIterator[Any]:
    """A stream of our own to a listening node, with the certificate of `me`, before any frame."""
    pinned = world.transports[to].certificate_pem
    own = world.transports[me]
    options = (
        ("grpc.ssl_target_name_override", server_name(pinned)),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_send_message_length", -1),
    )
    credentials = grpc.ssl_channel_credentials(pinned, own.key_pem, own.certificate_pem)
    async with grpc.aio.secure_channel(
        f"127.0.0.1:{port}", credentials, options=options
    ) as channel:
        yield link_call(channel)()


async def introduced(world: World, me: str, to: str, call: Any) -> None:
    """The handshake, done well."""
    import time

    roster = Roster(SUITE, world.config)
    now_ms = lambda: time.time_ns() // 1_000_000  # noqa: E731
    party = Party(world.me(me), roster, world.config, world.channel_id, SUITE, now_ms)
    await dial(call, party, roster.by_name[to])


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"\xff\xff\xff", "no frame at all"),
        (b"", "an empty frame"),
        (challenge_frame(Hash(bytes(32))), "a challenge after the hello"),
        (hello_frame(Hello(b"", b"", b"")), "a second hello"),
        (batch_frame(encode_batch(PeerBatch(consensus=(b"",)))), "a message of no bytes"),
        (batch_frame(encode_batch(PeerBatch(flags=("a",) * 257))), "flags"),
        (batch_frame(encode_batch(PeerBatch(flags=("a\u202eb",)))), "flags"),
        (batch_frame(encode_batch(PeerBatch(flags=("",)))), "flags"),
        (bytes(FRAME_BYTES_MAX + 1), "an oversize frame"),
    ],
)
async def test_bad_manners_end_the_link_and_only_that_one(frame: bytes, why: str) -> None:
    world = World(CITIES[:3])
    bad, good, target = world.diallers_first()
    ear, friend = Ear(), Ear()
    async with running(world, target, ear) as server:
        addresses = {target: f"127.0.0.1:{server.port}"}
        async with running(world, good, friend, addresses) as network:
            async with raw_link(world, bad, server.port, target) as call:
                await introduced(world, bad, target, call)
                await ear.until(lambda: {(bad, True), (good, True)} <= set(ear.ups))
                await call.write(batch_frame(encode_batch(PeerBatch(consensus=(b"fine",)))))
                await ear.until(lambda: ear.consensus() == [b"fine"])
                await call.write(frame)
                await ear.until(lambda: (bad, False) in ear.ups)
            assert [peer.name for peer in server.up()] == [good], why
            assert network.send(target, PeerBatch(consensus=(b"still here",)))
            await ear.until(lambda: ear.consensus() == [b"fine", b"still here"])


async def test_a_peer_that_never_says_hello_holds_few_places() -> None:
    world = World()
    dialler, target = world.diallers_first()
    ear = Ear()
    async with running(world, target, ear) as server:
        async with raw_link(world, dialler, server.port, target) as first:
            calls = [first]
            await first.write(challenge_frame(Hash(b"\x01" * 32)))
            await first.read()
            links = [raw_link(world, dialler, server.port, target) for _ in range(4)]
            for link in links:
                call = await link.__aenter__()
                calls.append(call)
                with contextlib.suppress(
                    grpc.aio.AioRpcError
                ):  # the last one may be refused already
                    await call.write(challenge_frame(Hash(b"\x01" * 32)))
            await ear.until(lambda: ear.counted["peer_refused CITY-6201"] >= 1)
            for link in links:
                await link.__aexit__(None, None, None)
        assert server.up() == [] and isinstance(server, PeerNetwork)


async def test_a_frame_before_the_hello_is_never_delivered() -> None:
    world = World()
    dialler, target = world.diallers_first()
    ear = Ear()
    async with (
        running(world, target, ear) as server,
        raw_link(world, dialler, server.port, target) as call,
    ):
        await call.write(batch_frame(encode_batch(PeerBatch(consensus=(b"vote",)))))
        await ear.until(lambda: ear.counted["peer_refused CITY-6201"] == 1)
        assert await call.code() is grpc.StatusCode.UNAUTHENTICATED
        assert "CITY-6201" in await call.details()
    assert ear.heard == [] and ear.ups == []
