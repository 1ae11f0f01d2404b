"""One peer port, several channels: each link belongs to one of them, and nobody else hears of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import pytest

from node.errors import CityError
from node.peers.batch import PeerBatch
from node.peers.fetching import Source
from node.peers.port import PeerPort
from node.peers.roster import Roster
from node.peers.snapshots import SnapshotClient
from node.wire.snapshots import Asked
from tests.unit.peers.world import SUITE, Ear, World, running

SHENZHEN, GUANGZHOU, BEIJING = "Shenzhen", "Guangzhou", "Beijing"


@asynccontextmanager
async def port_of(world: World, city: str, ear: Ear | None = None) -> AsyncIterator[PeerPort]:
    count = {} if ear is None else {"count": ear.count}
    port = PeerPort(world.transports[city], "127.0.0.1:0", **count)
    await port.start()
    try:
        yield port
    finally:
        await port.stop()


def worlds() -> tuple[World, World]:
    """Two channels: one of three cities, and one that Beijing has no part in. A city has one certificate."""
    wide = World((SHENZHEN, GUANGZHOU, BEIJING))
    narrow = World((SHENZHEN, GUANGZHOU), name="narrow", transports=dict(wide.transports))
    return wide, narrow


def at(port: PeerPort) -> dict[str, str]:
    return {SHENZHEN: f"127.0.0.1:{port.port}"}


async def test_two_channels_share_a_port_and_each_hears_only_its_own() -> None:
    wide, narrow = worlds()
    ears = {name: Ear() for name in ("wide here", "narrow here", "wide there", "narrow there")}
    async with (
        port_of(wide, SHENZHEN) as here,
        port_of(wide, GUANGZHOU) as there,
        running(wide, SHENZHEN, ears["wide here"], port=here),
        running(narrow, SHENZHEN, ears["narrow here"], port=here),
        running(wide, GUANGZHOU, ears["wide there"], at(here), port=there) as first,
        running(narrow, GUANGZHOU, ears["narrow there"], at(here), port=there) as second,
    ):
        for ear in ears.values():
            await ear.until(lambda ear=ear: len(ear.ups) == 1)
        first.broadcast(PeerBatch(consensus=(b"of the wide one",)))
        second.broadcast(PeerBatch(consensus=(b"of the narrow one",)))
        await ears["wide here"].until(lambda: bool(ears["wide here"].heard))
        await ears["narrow here"].until(lambda: bool(ears["narrow here"].heard))
        assert ears["wide here"].consensus() == [b"of the wide one"]
        assert ears["narrow here"].consensus() == [b"of the narrow one"]


async def test_a_node_that_another_channel_knows_gets_nothing_of_this_one() -> None:
    wide, narrow = worlds()
    own, open_, knocking, at_port = Ear(), Ear(), Ear(), Ear()
    # Beijing holds a genesis that it was given, with a seat that it gave itself.
    forged = World((SHENZHEN, BEIJING), name="narrow", transports=dict(wide.transports))
    forged.signers[SHENZHEN] = narrow.signers[SHENZHEN]
    stolen = {"config": forged.config, "channel_id": narrow.channel_id}
    async with (
        port_of(wide, SHENZHEN, at_port) as here,
        port_of(wide, BEIJING) as there,
        running(wide, SHENZHEN, open_, port=here),
        running(narrow, SHENZHEN, own, port=here) as network,
        running(wide, BEIJING, Ear(), at(here), port=there),
        running(forged, BEIJING, knocking, at(here), port=there, **stolen),
    ):
        await open_.until(lambda: open_.ups == [(BEIJING, True)])  # TLS lets it in
        # The channel that it names does not know its certificate.
        await at_port.until(lambda: at_port.counted["peer_refused CITY-2201"] >= 2)
        network.broadcast(PeerBatch(consensus=(b"secret",)))
        assert own.ups == [] and knocking.ups == [] and knocking.heard == []
        known = Roster(SUITE, narrow.config).by_name[SHENZHEN]
        source = Source(known, f"127.0.0.1:{here.port}")
        client = SnapshotClient(source, wide.transports[BEIJING], Asked(narrow.channel_id, b""))
        try:
            for call in (client.offer(), client.headers(0, 1), client.blocks(0, 1)):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call
                assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        finally:
            await client.close()


async def test_a_channel_that_comes_later_is_trusted_from_then_on_and_one_that_goes_no_longer() -> (
    None
):
    first = World((SHENZHEN,))
    second = World((SHENZHEN, BEIJING), name="second")
    second.transports[SHENZHEN] = first.transports[SHENZHEN]
    second = World(second.cities, name="second", transports=second.transports)
    ear, dialling = Ear(), Ear()
    async with port_of(first, SHENZHEN) as here, AsyncExitStack() as stack:
        await stack.enter_async_context(running(first, SHENZHEN, Ear(), port=here))
        await stack.enter_async_context(running(second, BEIJING, dialling, at(here)))
        await dialling.until(lambda: dialling.counted["peer_dial_failed"] >= 2)
        assert dialling.ups == []
        async with running(second, SHENZHEN, ear, port=here):
            await ear.until(lambda: ear.ups == [(BEIJING, True)])
        assert ear.ups == [(BEIJING, True), (BEIJING, False)]
        await dialling.until(lambda: dialling.ups[-1:] == [(SHENZHEN, False)])


async def test_a_network_that_has_stopped_takes_no_link_that_was_being_made() -> None:
    world = World((SHENZHEN, GUANGZHOU))
    async with port_of(world, SHENZHEN) as port:
        async with running(world, SHENZHEN, Ear(), port=port) as network:
            pass
        with pytest.raises(CityError, match="CITY-2202"):
            await network.run(None, None)  # type: ignore[arg-type]
