"""A node's certificate or identity key is replaced while its links stand: who pins what from when on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from node.genesis import ChannelConfig
from node.identity.signers import MemorySigner
from node.identity.transport import TransportIdentity, issue_transport_certificate, save_transport
from node.keys.own import OwnTransports
from node.peers.port import PeerPort
from node.peers.roster import Self
from tests.unit.peers.world import SUITE, Ear, World, connected, der, running


class Both:
    """What a node holds while a key is replaced; `first` is what its own configuration names."""

    def __init__(self, *transports: TransportIdentity) -> None:
        self.held = transports


def named(world: World, name: str) -> TransportIdentity:
    return issue_transport_certificate(world.authority, name, [f"key-{name}", "localhost"])


def renamed(world: World, city: str, **changes: bytes) -> ChannelConfig:
    nodes = tuple(
        dataclasses.replace(n, **changes) if n.name == city else n for n in world.config.nodes
    )
    return dataclasses.replace(world.config, nodes=nodes)


@pytest.mark.parametrize("rotating", [0, 1])
@pytest.mark.parametrize("is_ahead", [True, False])
async def test_a_node_that_holds_both_keys_is_reached_by_peers_ahead_of_it_and_behind(
    rotating: int, is_ahead: bool
) -> None:
    """Whichever of the two dials: its peer knows it by the new certificate and key, or still by the former."""
    world = World()
    dialled, dialler = world.cities
    city = world.cities[rotating]
    fresh, key = named(world, "fresh"), MemorySigner(SUITE.generate_key())
    old, new = world.me(city), Self(city, key, fresh)
    after = renamed(world, city, transport_cert=der(fresh), identity_key=key.public_key)
    own, others = (world.config, after) if is_ahead else (after, world.config)
    first, second = (old, new) if is_ahead else (new, old)
    selves = [Self(city, s.signer, t.transport) for s in (first, second) for t in (first, second)]
    ears = {name: Ear() for name in world.cities}
    arguments: dict[str, dict[str, object]] = {
        name: {"config": others, "channel_id": world.channel_id} for name in world.cities
    }
    arguments[city] |= {"config": own, "me": first, "selves": lambda: selves}
    arguments[city]["port"] = PeerPort(
        Both(old.transport, new.transport), "127.0.0.1:0", ears[city].count
    )
    async with running(world, dialled, ears[dialled], **arguments[dialled]) as one:
        address = {dialled: f"127.0.0.1:{one.port}"}
        async with running(world, dialler, ears[dialler], address, **arguments[dialler]) as two:
            await ears[dialled].until(lambda: len(one.up()) == 1)
            await ears[dialler].until(lambda: len(two.up()) == 1)


async def test_at_the_block_peers_let_the_former_certificate_go_and_take_the_new_one() -> None:
    world = World()
    dialler, dialled = world.diallers_first()
    fresh = named(world, "fresh")
    after = renamed(world, dialler, transport_cert=der(fresh))
    async with connected(world) as nodes:
        network, ear = nodes[dialled]
        network.reconfigure(after, ())
        await ear.until(lambda: (dialler, False) in ear.ups)
        # It knocks with the former one, and has no link.
        await ear.until(lambda: ear.counted["peer_refused CITY-2201"] > 0)
        assert network.up() == []
        late, _ = nodes[dialler]
        late._selves = lambda: (Self(dialler, world.signers[dialler], fresh),)
        late.reconfigure(after, ())
        await ear.until(lambda: len(network.up()) == 1)


async def test_a_link_of_a_node_whose_keys_stay_is_left_alone() -> None:
    world = World()
    dialler, dialled = world.diallers_first()
    async with connected(world) as nodes:
        network, ear = nodes[dialled]
        network.reconfigure(renamed(world, dialler, vote_key=b"another"), ())
        assert [p.name for p in network.up()] == [dialler] and (dialler, False) not in ear.ups


def test_files_are_paired_by_their_keys(tmp_path: Path) -> None:
    world = World()
    old, fresh = named(world, "old"), named(world, "fresh")
    save_transport(old, tmp_path / "transport.crt", tmp_path / "transport.pem")
    save_transport(fresh, tmp_path / "transport-next.crt", tmp_path / "transport-next.pem")
    assert OwnTransports(tmp_path).held == (old, fresh)
