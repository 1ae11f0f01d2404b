"""Snapshots over the peers' port: given to nodes of the channel and holders of a grant, and to nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.encoding import Hash
from node.errors import CityError
from node.model import SnapshotIndex, StoredBlock
from node.peers.fetching import Source
from node.peers.roster import Roster
from node.peers.snapshots import READS_MAX, SnapshotClient
from node.peers.tls import open_channel
from node.wire.frames import peer_call
from node.wire.pb import peer_pb2
from node.wire.snapshots import (
    CHAIN,
    PART,
    SNAPSHOT,
    Asked,
    Offer,
    SealedHeader,
    parse_blocks,
    parse_chain_request,
    parse_headers,
    parse_offer,
    parse_part,
    parse_part_request,
    parse_snapshot_request,
    snapshot_request,
)
from tests.unit.peers.test_network import grant_for, with_observer
from tests.unit.peers.world import CITIES, SUITE, Ear, World, other_channel, running

SHENZHEN, GUANGZHOU = CITIES[:2]
METHODS = {
    method.name
    for method in peer_pb2.DESCRIPTOR.services_by_name["Peer"].methods
    if not method.client_streaming
}


class Shelf:
    """A library with one snapshot of one part, and no chain."""

    def __init__(self, world: World) -> None:
        nothing = Hash(bytes(32))
        parts = (Hash(SUITE.hash(b"part")),)
        self.index = SnapshotIndex(1, world.channel_id, SUITE.id, 9, nothing, nothing, 1, 3, parts)
        self.asked = 0

    def offer(self) -> Offer | None:
        self.asked += 1
        return Offer(self.index, ())

    def part(self, height: int, part: int) -> bytes | None:
        self.asked += 1
        return b"part" if (height, part) == (9, 0) else None

    def headers(self, first: int, last: int) -> Sequence[SealedHeader]:
        self.asked += 1
        return ()

    def blocks(self, first: int, last: int) -> Sequence[StoredBlock]:
        self.asked += 1
        return ()


@asynccontextmanager
async def served(world: World) -> AsyncIterator[tuple[Shelf, Source]]:
    shelf = Shelf(world)
    async with running(world, SHENZHEN, Ear(), library=shelf) as network:
        known = Roster(SUITE, world.config).by_name[SHENZHEN]
        yield shelf, Source(known, f"127.0.0.1:{network.port}")


@asynccontextmanager
async def client(
    world: World, source: Source, city: str, grant: bytes = b"", channel: Hash | None = None
) -> AsyncIterator[SnapshotClient]:
    asked = Asked(channel or world.channel_id, grant)
    made = SnapshotClient(source, world.transports[city], asked)
    try:
        yield made
    finally:
        await made.close()


async def refused(asking: SnapshotClient) -> set[grpc.StatusCode]:
    """The codes with which every method refuses."""
    codes = set()
    for call in (
        asking.offer(),
        asking.part(9, 0),
        asking.headers(1, 2),
        asking.blocks(1, 2),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        codes.add(caught.value.code())
    return codes


async def test_a_node_of_the_channel_and_the_holder_of_a_grant_are_served() -> None:
    world = with_observer(World(CITIES[:2]))
    async with served(world) as (shelf, source):
        for city, grant in ((GUANGZHOU, b""), ("Macau", grant_for(world, "Macau"))):
            async with client(world, source, city, grant) as asking:
                offer = await asking.offer()
                assert offer is not None and offer.index == shelf.index
                assert await asking.part(9, 0) == b"part"
                assert await asking.headers(1, 2) == await asking.blocks(1, 2) == []


async def test_whoever_holds_a_certificate_of_a_member_and_no_grant_gets_nothing() -> None:
    world = with_observer(World(CITIES[:2]))
    others = grant_for(world, "Macau", transport_fingerprint=Hash(bytes(32)))
    async with served(world) as (shelf, source):
        for grant in (b"", others, grant_for(world, "Macau", not_after_ms=1), b"\x00" * 40):
            async with client(world, source, "Macau", grant) as asking:
                assert await refused(asking) == {grpc.StatusCode.PERMISSION_DENIED}
        assert shelf.asked == 0


async def test_another_channel_is_refused() -> None:
    world = World(CITIES[:2])
    async with (
        served(world) as (shelf, source),
        client(world, source, GUANGZHOU, channel=other_channel()) as asking,
    ):
        assert await refused(asking) == {grpc.StatusCode.PERMISSION_DENIED}
        assert shelf.asked == 0


async def test_a_part_that_is_not_there_is_said_so() -> None:
    world = World(CITIES[:2])
    async with (
        served(world) as (_, source),
        client(world, source, GUANGZHOU) as asking,
    ):
        for height, part in ((9, 1), (8, 0), (2**63, 2**31)):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await asking.part(height, part)
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("method", sorted(METHODS - {"Engine"}))
async def test_any_bytes_as_a_request_are_refused(method: str) -> None:
    assert {SNAPSHOT, PART, CHAIN} == METHODS - {"Engine"}
    world = World(CITIES[:2])
    async with served(world) as (shelf, source):
        transport = world.transports[GUANGZHOU]
        async with open_channel(transport, source.address, source.known) as channel:
            for data in (b"\xff\xff", b"", snapshot_request(Asked(other_channel(), bytes(3000)))):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await peer_call(channel, method)(data, timeout=30)
                assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert shelf.asked == 0 and READS_MAX > 0


@pytest.mark.parametrize(
    "parse",
    [
        parse_offer,
        parse_part,
        parse_headers,
        parse_blocks,
        parse_snapshot_request,
        parse_part_request,
        parse_chain_request,
    ],
)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_violation(parse, data: bytes) -> None:
    try:
        parse(data)
    except CityError as error:
        assert error.code == "CITY-6201"
