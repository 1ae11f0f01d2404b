"""No method of the peers' port serves a stranger: they are read from the service descriptor, so that a new one
cannot be forgotten. What is open on purpose is listed here with its reason."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass

from node.peers.handshake import Party, dial
from node.peers.network import PeerNetwork
from node.peers.roster import Roster
from node.peers.tls import open_channel
from node.wire.frames import link_call, peer_call
from node.wire.pb import peer_pb2
from tests.unit.peers.test_network import grant_for, with_observer
from tests.unit.peers.test_snapshots import Shelf
from tests.unit.peers.world import CITIES, SUITE, Ear, World, running

SHENZHEN, GUANGZHOU = CITIES[:2]
MACAU = "Macau"
METHODS = {m.name: m for m in peer_pb2.DESCRIPTOR.services_by_name["Peer"].methods}
OPEN = {
    "Engine": "no secret, and proven by its hash; what it costs is bounded for each certificate"
}
LINK = "Link"
SECONDS = 60


def test_what_is_open_exists_and_there_is_one_stream() -> None:
    assert OPEN.keys() < METHODS.keys()
    assert [name for name, method in METHODS.items() if method.client_streaming] == [LINK]


async def ends(world: World, me: str, network: PeerNetwork, method: str, **said: Any) -> Any:
    """The status code with which a call of `me` ends, and what is said of it; None, "" for an answer."""
    known = Roster(SUITE, world.config).by_name[SHENZHEN]
    address = f"127.0.0.1:{network.port}"
    async with open_channel(world.transports[me], address, known) as channel:
        try:
            if method == LINK:
                now_ms = lambda: time.time_ns() // 1_000_000  # noqa: E731
                own = dataclasses.replace(world.me(me), grant=said.get("grant", b""))
                roster = Roster(SUITE, world.config)
                party = Party(own, roster, world.config, world.channel_id, SUITE, now_ms)
                await dial(link_call(channel)(timeout=SECONDS), party, known)
            else:
                kind = GetMessageClass(METHODS[method].input_type)
                names = kind.DESCRIPTOR.fields_by_name
                fields = {
                    "channel_id": world.channel_id, "height": 9, "first": 1, "last": 2, **said,
                }  # fmt: skip
                request = kind(**{name: value for name, value in fields.items() if name in names})
                await peer_call(channel, method)(request.SerializeToString(), timeout=SECONDS)
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details()
    return None, ""


def strange(world: World) -> None:
    """Macau's certificate is of an authority that no member has."""
    world.transports[MACAU] = World((MACAU,)).transports[MACAU]


@pytest.mark.parametrize("method", sorted(METHODS))
async def test_who_has_no_certificate_of_a_member_does_not_get_past_tls(method: str) -> None:
    world, ear = with_observer(World(CITIES[:2]), MACAU), Ear()
    strange(world)
    shelf = Shelf(world)
    async with running(world, SHENZHEN, ear, library=shelf) as network:
        code, _ = await ends(world, MACAU, network, method)
        assert code is grpc.StatusCode.UNAVAILABLE
        assert shelf.asked == 0 and ear.ups == [] and network.up() == []


GRANTS: dict[str, Callable[[World], bytes]] = {
    "no grant": lambda world: b"",
    "noise": lambda world: b"\x00" * 40,
    "one of another channel": lambda world: grant_for(
        world, MACAU, channel_id=world.channel_id[::-1]
    ),
    "one for another certificate": lambda world: grant_for(
        world, MACAU, transport_fingerprint=world.channel_id
    ),
    "one that has ended": lambda world: grant_for(world, MACAU, not_after_ms=1),
    "one of another member": lambda world: grant_for(world, MACAU, member_id="HB"),
    "one that it signed itself": lambda world: grant_for(world, MACAU, admin=world.signers[MACAU]),
}


@pytest.mark.parametrize("method", sorted(METHODS.keys() - OPEN.keys()))
async def test_who_holds_a_member_s_certificate_and_no_good_grant_gets_nothing(method: str) -> None:
    world, ear = with_observer(World(CITIES[:2]), MACAU), Ear()
    shelf = Shelf(world)
    async with running(world, SHENZHEN, ear, library=shelf) as network:
        for name, made in GRANTS.items():
            code, details = await ends(world, MACAU, network, method, grant=made(world))
            assert code is (
                grpc.StatusCode.UNAUTHENTICATED
                if method == LINK
                else grpc.StatusCode.PERMISSION_DENIED
            ), name
            assert details.startswith("CITY-22"), (name, details)
        assert shelf.asked == 0 and ear.ups == [] and network.up() == []


@pytest.mark.parametrize("method", sorted(METHODS.keys() - OPEN.keys()))
async def test_a_node_that_was_removed_gets_nothing_from_that_block_on(method: str) -> None:
    world, ear = World(CITIES[:3]), Ear()
    gone = world.cities[2]
    shelf = Shelf(world)
    async with running(world, SHENZHEN, ear, library=shelf) as network:
        if method != LINK:
            assert (await ends(world, gone, network, method))[0] in (
                None,
                grpc.StatusCode.NOT_FOUND,
            )
        nodes = tuple(node for node in world.config.nodes if node.name != gone)
        network.reconfigure(dataclasses.replace(world.config, nodes=nodes), ())
        before = shelf.asked
        code, details = await ends(world, gone, network, method)
        denied = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
        assert code in denied and details.startswith("CITY-2201"), (code, details)
        assert shelf.asked == before and ear.ups == []


@pytest.mark.parametrize("method", sorted(METHODS.keys()))
async def test_of_a_channel_that_the_node_does_not_have_nothing_is_told(method: str) -> None:
    world, ear = World(CITIES[:2]), Ear()
    shelf = Shelf(world)
    async with running(world, SHENZHEN, ear, library=shelf) as network:
        other = dataclasses.replace(world, cities=world.cities)
        other.channel_id = type(world.channel_id)(bytes(32))
        said = {"digest": bytes(32)} if method == "Engine" else {}
        code, details = await ends(other, GUANGZHOU, network, method, **said)
        assert code is not None and details.startswith("CITY-2202"), (code, details)
        assert shelf.asked == 0 and ear.ups == []
