"""Two hundred nodes and fifty channels of 4 to 16 of them in the directory's real contract."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from consensus.encoding import encode
from node.genesis import NodeEntry
from tests.unit.consensus.test_directory import CHANNELS, directory
from tests.unit.consensus.test_directory import CITIES as COUNT
from tests.unit.suite.directory_world import Consortium, genesis_of, id_of, key_of

PLACES = (("North China", "mainland", "CN"), ("Overseas", "international", "FR"))
ROLES = ["validator", "observer"]


def place_of(at: int) -> tuple[str, str, str]:
    """Every tenth city lies abroad."""
    return PLACES[at % 10 == 0]


def name_of(at: int) -> str:
    return f"City {at:03}"


def seat_of(at: int) -> NodeEntry:
    name = name_of(at)
    identity, vote = bytes.fromhex(key_of(name)), bytes.fromhex(key_of(f"vote {name}"))
    return NodeEntry(name, name, f"M{at:03}", identity, vote, b"", *place_of(at))


def entries(world: Consortium, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["id"] if found else ""
        page = world.ok("X", "directory", "entries", kind=kind, after=after, limit=60)
        found += page
        if len(page) < 60:
            return found


def test_two_hundred_nodes_and_fifty_channels_stand_in_the_directory(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world, began = Consortium(), time.process_time()
    for at in range(COUNT):
        name, member, other = name_of(at), f"M{at:03}", f"M{(at + 1) % COUNT:03}"
        region, zone, jurisdiction = place_of(at)
        world.says(
            member, "propose_city", name=name, region=region, zone=zone, jurisdiction=jurisdiction
        )
        world.says(other, "confirm_city", name=name, expected_version=1)
        world.says(member, "register_member", name=f"House {member}", city=name)
        world.enter_node(member, name, name, roles=ROLES)
    configs = [
        genesis_of(world, f"app-{i:02}", [seat_of(at) for at in cities])
        for i, cities in enumerate(directory())
    ]
    gas = []
    for config in configs:
        lister = config.nodes[-1].member_id
        result = world.call(lister, "directory", "list_channel", "admin", config=encode(config))
        assert (result.outcome, result.value) == ("ok", id_of(config)), result.message
        gas.append(result.gas_used)
        world.refuses("E_DUPLICATE", lister, "list_channel", config=encode(config))
    nodes, channels = entries(world, "node"), entries(world, "channel")
    assert (len(nodes), len(channels)) == (COUNT, CHANNELS)
    assert {row["id"]: tuple(row["validators"]) for row in channels} == {
        id_of(config): tuple(node.name for node in config.nodes) for config in configs
    }
    # Who runs what is the same from either side.
    held = Counter(name for row in channels for name in row["validators"])
    for node in nodes:
        seats = world.ok("X", "directory", "runs", node=node["id"], limit=200)
        assert len(seats) == held[node["id"]]
    with capsys.disabled():
        size = sum(len(key) + len(value) for key, value in world.state.items())
        print(
            f"\ndirectory: {COUNT} nodes, {CHANNELS} channels of {min(map(len, directory()))} to "
            f"{max(map(len, directory()))}, {world.height} transactions and queries in "
            f"{time.process_time() - began:.1f} CPU s, listing costs up to {max(gas):,} gas, "
            f"state {size:,} bytes"
        )
