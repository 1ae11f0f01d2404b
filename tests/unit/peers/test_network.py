"""Links between real gRPC servers on loopback, with real certificates and SM2 keys."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import AsyncExitStack

import pytest

from consensus.encoding import Hash
from node.errors import CityError
from node.genesis import channel_id
from node.identity.transport import (
    issue_transport_certificate,
    load_certificate,
    make_peer_ca,
)
from node.model import Envelope
from node.network.ports import free_ports
from node.peers.batch import PeerBatch
from node.peers.network import PeerNetwork
from node.peers.statement import NodeGrant, issue_grant
from tests.unit.peers.world import (
    CITIES,
    SUITE,
    Ear,
    World,
    connected,
    der,
    other_channel,
    running,
)

ENVELOPE = Envelope(b"body", bytes(65), bytes(64))


async def test_four_cities_connect_and_a_broadcast_reaches_the_other_three() -> None:
    world = World(CITIES)
    async with connected(world) as nodes:
        for city, (network, _) in nodes.items():
            assert {peer.name for peer in network.up()} == set(CITIES) - {city}
        sender, _ = nodes["Beijing"]
        sender.broadcast(PeerBatch(consensus=(b"proposal",), transactions=(ENVELOPE,) * 3))
        for city in set(CITIES) - {"Beijing"}:
            ear = nodes[city][1]
            await ear.until(lambda ear=ear: bool(ear.heard))
            assert ear.heard == [
                ("Beijing", PeerBatch(consensus=(b"proposal",), transactions=(ENVELOPE,) * 3))
            ]


async def test_a_batch_to_one_peer_reaches_only_that_one() -> None:
    world = World(CITIES[:3])
    async with connected(world) as nodes:
        wanted = PeerBatch(want_transactions=(Hash(b"w" * 32),), want_blocks=(3, 9), tip_height=2)
        assert nodes["Beijing"][0].send("Shenzhen", wanted)
        assert nodes["Shenzhen"][0].send("Beijing", PeerBatch(consensus=(b"answer",)))
        ear = nodes["Shenzhen"][1]
        await ear.until(lambda: bool(ear.heard))
        assert ear.heard == [("Beijing", wanted)]
        back = nodes["Beijing"][1]
        await back.until(lambda: bool(back.heard))
        assert nodes["Guangzhou"][1].heard == []
        assert not nodes["Beijing"][0].send("Nowhere", wanted)


async def test_a_peer_that_restarts_is_dialled_again() -> None:
    world = World()
    dialler, dialled = world.diallers_first()
    ear, first, second = Ear(), Ear(), Ear()
    (port,) = free_ports(1)  # none that the system gives to somebody else meanwhile
    address = f"127.0.0.1:{port}"
    async with (
        AsyncExitStack() as listening,
        running(world, dialler, ear, {dialled: address}) as network,
    ):
        await listening.enter_async_context(running(world, dialled, first, listen=address))
        await ear.until(lambda: ear.ups == [(dialled, True)])
        await listening.aclose()
        await ear.until(lambda: ear.ups == [(dialled, True), (dialled, False)])
        assert network.up() == [] and not network.send(dialled, PeerBatch(consensus=(b"x",)))
        await ear.until(lambda: ear.counted["peer_dial_failed"] >= 2)
        async with running(world, dialled, second, listen=address):
            await ear.until(lambda: len(ear.ups) == 3)
            assert network.send(dialled, PeerBatch(consensus=(b"again",)))
            await second.until(lambda: second.consensus() == [b"again"])


async def refusal(world: World, stranger: dict[str, object], *codes: str) -> tuple[Ear, Ear]:
    """The dialler runs with `stranger`'s changes; both sides must refuse to link, with one of `codes`."""
    dialler, dialled, *_ = world.diallers_first()
    listening, dialling = Ear(), Ear()
    async with running(world, dialled, listening) as server:
        addresses = {dialled: f"127.0.0.1:{server.port}"}
        async with running(world, dialler, dialling, addresses, **stranger) as network:
            await listening.until(lambda: listening.counted["peer_refused"] > 0)
            assert any(listening.counted[f"peer_refused {code}"] for code in codes), (
                listening.counted
            )
            assert server.up() == [] and network.up() == []
    assert listening.ups == [] and dialling.ups == [] and listening.heard == []
    return listening, dialling


async def test_a_node_with_another_identity_key_is_refused() -> None:
    world = World()
    dialler = world.diallers_first()[0]
    thief = World(cities=world.cities).signers[dialler]
    # The thief holds the transport key and knows genesis, but signs with a key of its own.
    me = dataclasses.replace(world.me(dialler), signer=thief)
    await refusal(world, {"me": me}, "CITY-2201")


async def test_a_node_whose_signature_is_not_its_keys_is_refused() -> None:
    world = World()
    dialler = world.diallers_first()[0]

    class Forger:
        public_key = world.signers[dialler].public_key

        def sign(self, message: bytes, id: bytes = b"1234567812345678") -> bytes:
            return world.admin.sign(message)

    await refusal(
        world, {"me": dataclasses.replace(world.me(dialler), signer=Forger())}, "CITY-2206"
    )


async def test_a_node_of_another_channel_is_refused() -> None:
    await refusal(World(), {"channel_id": other_channel()}, "CITY-2202")


async def test_a_node_with_another_nodes_certificate_is_refused() -> None:
    world = World(CITIES[:3])
    dialler, _, third = world.diallers_first()
    me = dataclasses.replace(world.me(dialler), transport=world.transports[third])
    await refusal(world, {"me": me}, "CITY-2201")


async def test_a_certificate_that_no_member_issued_does_not_pass_tls() -> None:
    world, stranger = World(), World()
    dialler, dialled = world.diallers_first()
    listening, dialling = Ear(), Ear()
    me = dataclasses.replace(world.me(dialler), transport=stranger.transports[dialler])
    async with running(world, dialled, listening) as server:
        addresses = {dialled: f"127.0.0.1:{server.port}"}
        async with running(world, dialler, dialling, addresses, me=me):
            await dialling.until(lambda: dialling.counted["peer_dial_failed"] >= 2)
    assert listening.counted == {} and dialling.ups == []


async def test_a_listener_with_another_certificate_than_genesis_names_is_not_dialled() -> None:
    world = World()
    dialler, dialled = world.diallers_first()
    listening, dialling = Ear(), Ear()
    me = dataclasses.replace(world.me(dialled), transport=world.certificate(dialled))
    async with running(world, dialled, listening, me=me) as server:
        addresses = {dialled: f"127.0.0.1:{server.port}"}
        async with running(world, dialler, dialling, addresses):
            await dialling.until(lambda: dialling.counted["peer_dial_failed"] >= 2)
    assert dialling.ups == [] and listening.ups == []


def grant_for(world: World, name: str, **changes: object) -> bytes:
    fields: dict[str, object] = {
        "channel_id": world.channel_id,
        "member_id": "PX",
        "node_name": name,
        "identity_key": world.signers[name].public_key,
        "transport_fingerprint": Hash(world.transports[name].fingerprint),
        "role": "observer",
        "not_after_ms": 1 << 50,
    }
    signer = changes.pop("admin", world.admin)
    fields.update(changes)
    return issue_grant(SUITE, signer, NodeGrant(**fields))  # type: ignore[arg-type]


def with_observer(world: World, name: str = "Macau") -> World:
    from node.identity.signers import MemorySigner

    world.signers[name] = MemorySigner(SUITE.generate_key())
    world.transports[name] = world.certificate(name)
    return world


async def test_a_granted_observer_links_to_validators_and_hears_them_but_no_broadcast() -> None:
    world = with_observer(World(CITIES[:1]))
    validator, observer = Ear(), Ear()
    async with running(world, "Shenzhen", validator) as server:
        me = world.me("Macau", grant_for(world, "Macau"))
        addresses = {"Shenzhen": f"127.0.0.1:{server.port}"}
        async with running(world, "Macau", observer, addresses, me=me):
            await validator.until(lambda: validator.ups == [("Macau", True)])
            assert server.up()[0].index is None
            server.broadcast(PeerBatch(consensus=(b"for validators",)))
            assert server.send("Macau", PeerBatch(tip_height=7))
            await observer.until(lambda: bool(observer.heard))
            assert observer.heard == [("Shenzhen", PeerBatch(tip_height=7))]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"not_after_ms": 1}, "expired"),
        ({"role": "validator"}, "a grant makes nodes without a vote"),
        ({"channel_id": other_channel()}, "another channel"),
        ({"transport_fingerprint": Hash(bytes(32))}, "another certificate"),
        ({"member_id": "QB"}, "no such member"),
        ({"node_name": "Shenzhen"}, "a validator's name"),
        ({"admin": None}, "not signed by the member's admin key"),
    ],
)
async def test_a_grant_that_does_not_hold_is_refused(changes: dict[str, object], why: str) -> None:
    world = with_observer(World(CITIES[:1]))
    if "admin" in changes:
        changes = {"admin": world.signers["Shenzhen"]}
    validator, observer = Ear(), Ear()
    async with running(world, "Shenzhen", validator) as server:
        me = world.me("Macau", grant_for(world, "Macau", **changes))
        addresses = {"Shenzhen": f"127.0.0.1:{server.port}"}
        async with running(world, "Macau", observer, addresses, me=me):
            await validator.until(lambda: validator.counted["peer_refused CITY-2207"] > 0)
    assert validator.ups == [], why


async def test_on_a_channel_of_one_zone_a_grant_introduces_nobody_and_the_members_word_does() -> (
    None
):
    world = with_observer(World(CITIES[:1]))
    world.config = dataclasses.replace(world.config, zone="mainland", jurisdiction="CN")
    world.channel_id = channel_id(SUITE.hash, world.config)
    validator, observer = Ear(), Ear()
    async with running(world, "Shenzhen", validator) as server:
        me = world.me("Macau", grant_for(world, "Macau"))
        addresses = {"Shenzhen": f"127.0.0.1:{server.port}"}
        async with running(world, "Macau", observer, addresses, me=me):
            await validator.until(lambda: validator.counted["peer_refused CITY-2207"] > 0)
            assert validator.ups == []
            named = dataclasses.replace(world.entry("Macau"), role="observer")
            server.reconfigure(world.config, (named,))
            await validator.until(lambda: validator.ups == [("Macau", True)])


async def test_a_member_node_without_a_grant_is_refused() -> None:
    world = with_observer(World(CITIES[:1]))
    validator, observer = Ear(), Ear()
    async with running(world, "Shenzhen", validator) as server:
        addresses = {"Shenzhen": f"127.0.0.1:{server.port}"}
        async with running(world, "Macau", observer, addresses, me=world.me("Macau")):
            await validator.until(lambda: validator.counted["peer_refused CITY-2201"] > 0)
    assert validator.ups == []


async def test_a_second_incarnation_of_a_node_replaces_the_first_and_is_counted() -> None:
    world = World()
    dialler, dialled = world.diallers_first()
    listening, first, second = Ear(), Ear(), Ear()
    async with running(world, dialled, listening) as server:
        addresses = {dialled: f"127.0.0.1:{server.port}"}
        async with running(world, dialler, first, addresses) as original:
            await listening.until(lambda: listening.ups == [(dialler, True)])
            async with running(world, dialler, second, addresses):
                await listening.until(lambda: listening.counted["peer_incarnations"] > 0)
                assert len(server.up()) == 1
                await first.until(lambda: (dialled, False) in first.ups)
            assert isinstance(original, PeerNetwork)


async def test_a_peer_that_does_not_read_loses_its_own_messages_and_stalls_nobody() -> None:
    world = World(CITIES[:3])
    async with connected(world) as nodes:
        sender, counts = nodes["Beijing"]
        slow, brisk = nodes["Shenzhen"][1], nodes["Guangzhou"][1]
        slow.gate.clear()
        payload = bytes(1024 * 1024)
        sent = 0
        while counts.counted["peer_dropped Shenzhen"] == 0:
            sender.broadcast(PeerBatch(consensus=(payload,)))
            sent += 1
            await brisk.until(lambda sent=sent: len(brisk.consensus()) >= sent)
            assert sent < 100, "the queue must be bounded"
        assert counts.counted["peer_dropped Guangzhou"] == 0
        assert not sender.send("Shenzhen", PeerBatch(consensus=(payload,)))
        slow.gate.set()
        await slow.until(lambda: len(slow.consensus()) >= sent - 2)


async def test_a_port_in_use_is_named() -> None:
    world = World(CITIES[:1])
    async with running(world, "Shenzhen", Ear()) as network:
        with pytest.raises(CityError) as caught:
            async with running(world, "Shenzhen", Ear(), listen=f"127.0.0.1:{network.port}"):
                pass
        assert caught.value.code == "CITY-8005"


async def test_a_network_stops_at_once_while_its_links_break() -> None:
    world = World(CITIES)
    for _ in range(5):
        async with connected(world) as nodes:
            async with asyncio.timeout(60):
                await asyncio.gather(*(network.stop() for network, _ in nodes.values()))
            assert all(network.up() == [] for network, _ in nodes.values())


async def test_the_links_of_a_revoked_certificate_close_and_are_not_made_again() -> None:
    """The configuration in force shows its node without a certificate (node/governance/papers.py)."""
    world = World(CITIES[:3])
    void = "Guangzhou"
    async with connected(world) as nodes:
        entries = tuple(
            dataclasses.replace(node, transport_cert=b"") if node.name == void else node
            for node in world.config.nodes
        )
        config = dataclasses.replace(world.config, nodes=entries)
        for city in set(CITIES[:3]) - {void}:
            nodes[city][0].reconfigure(config, ())
        for city in set(CITIES[:3]) - {void}:
            network, ear = nodes[city]
            await ear.until(lambda ear=ear: (void, False) in ear.ups)
            assert [peer.name for peer in network.up()] == [
                other for other in CITIES[:3] if other not in (city, void)
            ]
        # Who dials is refused; who is dialled is not dialled any more.
        first = nodes["Shenzhen"][1]
        await first.until(lambda: first.counted["peer_refused CITY-2201"] > 0)
        assert first.ups.count((void, True)) == 1


async def test_a_removed_validator_that_nobody_dials_any_more_dials_itself() -> None:
    """It was the first of all, so all others dialled it; they know of its removal, and it does not. Found where
    the links of a leader went down with the very block that removed it."""
    world = World(CITIES[:3])
    removed, other = "Shenzhen", "Guangzhou"
    first, *rest = world.config.nodes
    config = dataclasses.replace(world.config, nodes=tuple(rest))
    knowing, unaware = Ear(), Ear()
    async with running(world, other, knowing, config=config, observers=(first,)) as network:
        addresses = {other: f"127.0.0.1:{network.port}"}
        async with running(world, removed, unaware, addresses):
            await unaware.until(lambda: unaware.ups == [(other, True)])
            assert network.up()[0].index is None  # to who knows, it is an observer
            assert network.send(removed, PeerBatch(tip_height=5))
            await unaware.until(lambda: bool(unaware.heard))
            assert unaware.heard == [(other, PeerBatch(tip_height=5))]


async def test_two_that_both_dial_end_with_one_link() -> None:
    world = World()
    (port_0, port_1) = free_ports(2)
    at = {
        city: f"127.0.0.1:{port}" for city, port in zip(world.cities, (port_0, port_1), strict=True)
    }
    first, second = Ear(), Ear()
    async with running(
        world, "Shenzhen", first, {"Guangzhou": at["Guangzhou"]}, listen=at["Shenzhen"]
    ) as one:
        await first.until(lambda: first.counted["peer_dial_failed"] >= 1)  # it lost its patience
        async with running(
            world, "Guangzhou", second, {"Shenzhen": at["Shenzhen"]}, listen=at["Guangzhou"]
        ) as two:
            for network, ear in ((one, first), (two, second)):
                await ear.until(lambda network=network: bool(network.up()))
            settled = 0
            while settled < 10:  # each far longer than either waits before it dials another time
                seen = list(first.ups), list(second.ups)
                await asyncio.sleep(0.2)
                is_quiet = seen == (first.ups, second.ups) and one.up() and two.up()
                settled = settled + 1 if is_quiet else 0


async def test_the_link_of_an_observer_whose_certificate_is_revoked_closes_too() -> None:
    world = with_observer(World(CITIES[:1]))
    named = (world.entry("Macau"),)
    validator, observer = Ear(), Ear()
    async with running(world, "Shenzhen", validator, observers=named) as server:
        addresses = {"Shenzhen": f"127.0.0.1:{server.port}"}
        async with running(world, "Macau", observer, addresses, me=world.me("Macau")):
            await validator.until(lambda: validator.ups == [("Macau", True)])
            void = dataclasses.replace(named[0], transport_cert=b"")
            server.reconfigure(world.config, (void,))
            await validator.until(lambda: ("Macau", False) in validator.ups)
            await validator.until(lambda: validator.counted["peer_refused CITY-2201"] > 0)
            assert validator.ups == [("Macau", True), ("Macau", False)]


@pytest.mark.parametrize("member", ["PX", "QB"])
async def test_the_link_of_a_granted_observer_closes_with_the_block_that_revokes_its_certificate(
    member: str,
) -> None:
    """By the member whose authority issued it; another member's same number is another certificate."""
    world = with_observer(World(CITIES[:1]))
    serial = load_certificate(world.transports["Macau"].certificate_pem).serial_number
    validator, observer = Ear(), Ear()
    async with running(world, "Shenzhen", validator) as server:
        me = world.me("Macau", grant_for(world, "Macau"))
        addresses = {"Shenzhen": f"127.0.0.1:{server.port}"}
        async with running(world, "Macau", observer, addresses, me=me):
            await validator.until(lambda: validator.ups == [("Macau", True)])
            server.reconfigure(world.config, (), frozenset({(member, str(serial))}))
            if member == "PX":
                await validator.until(lambda: ("Macau", False) in validator.ups)
                await validator.until(lambda: validator.counted["peer_refused CITY-2207"] > 0)
                assert validator.ups == [("Macau", True), ("Macau", False)]
            else:
                assert server.send("Macau", PeerBatch(tip_height=7))
                await observer.until(lambda: bool(observer.heard))
                assert validator.ups == [("Macau", True)]


async def test_who_issued_a_certificate_may_revoke_it_whoever_granted_its_use() -> None:
    """PX vouches for a node whose certificate is QB's."""
    world = with_observer(World(CITIES[:1]))
    other = make_peer_ca("QB")
    world.transports["Macau"] = issue_transport_certificate(other, "Macau", ["localhost"])
    serial = load_certificate(world.transports["Macau"].certificate_pem).serial_number
    member = dataclasses.replace(world.config.members[0], member_id="QB", peer_ca=der(other))
    config = dataclasses.replace(world.config, members=(*world.config.members, member))
    validator, observer = Ear(), Ear()
    both = {"config": config, "channel_id": world.channel_id}
    async with running(world, "Shenzhen", validator, **both) as server:  # type: ignore[arg-type]
        me = world.me("Macau", grant_for(world, "Macau"))
        addresses = {"Shenzhen": f"127.0.0.1:{server.port}"}
        async with running(world, "Macau", observer, addresses, me=me, **both):  # type: ignore[arg-type]
            await validator.until(lambda: validator.ups == [("Macau", True)])
            server.reconfigure(config, (), frozenset({("QB", str(serial))}))
            await validator.until(lambda: ("Macau", False) in validator.ups)
            await validator.until(lambda: validator.counted["peer_refused CITY-2207"] > 0)
            assert server.up() == []
