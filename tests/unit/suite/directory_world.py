"""A consortium's channel with its directory, and genesis configurations to be listed in it; no network."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from consensus.encoding import encode
from consensus.tags import SUITE_IDS
from contracts.bundles import load_bundle
from node.genesis import ChannelConfig, NodeEntry, channel_id
from node.identity.suite import get_suite
from tests.unit.suite.exchange_world import Foreign

CITIES = {
    "Shenzhen": ("Greater Bay Area", "mainland", "CN"),
    "Beijing": ("North China", "mainland", "CN"),
    "Hong Kong": ("Greater Bay Area", "international", "HK"),
}
ROLES = ("validator", "observer", "regulator", "gateway")


def key_of(name: str) -> str:
    """A text of a public key's form, one a name."""
    return "04" + hashlib.sha512(name.encode()).hexdigest()


class Consortium(Foreign):
    """Members say things of the directory as their admins."""

    def __init__(self, engine: str = "native") -> None:
        super().__init__(engine=engine)
        self.engine.load(load_bundle("directory"))

    def says(self, member: str, method: str, **args: Any) -> Any:
        return self.ok(member, "directory", method, "admin", **args)

    def refuses(self, code: str, member: str, method: str, *roles: str, **args: Any) -> None:
        self.refused(code, member, "directory", method, *(roles or ("admin",)), **args)

    def entry(self, kind: str, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ok("anybody", "directory", "show", kind=kind, id=id)
        return found

    def open_city(self, name: str, by: str = "A", confirmed: str = "B") -> None:
        region, zone, jurisdiction = CITIES[name]
        self.says(
            by, "propose_city", name=name, region=region, zone=zone, jurisdiction=jurisdiction
        )
        version = self.entry("city", name)["version"]
        self.says(confirmed, "confirm_city", name=name, expected_version=version)

    def enter_node(self, owner: str, name: str, city: str, key: str = "", **args: Any) -> None:
        self.says(
            owner, "register_node", name=name, city=city, key=key or key_of(name),
            **{"roles": list(ROLES)} | args,
        )  # fmt: skip


def seat(name: str, city: str, key: str = "", role: str = "validator") -> NodeEntry:
    """A node as the genesis of a channel names it."""
    region, zone, jurisdiction = CITIES[city]
    identity, vote = bytes.fromhex(key or key_of(name)), bytes.fromhex(key_of(f"vote {name}"))
    owner = f"node-{name.lower()}"
    return NodeEntry(name, city, owner, identity, vote, b"", region, zone, jurisdiction, role)


def genesis_of(
    base: Foreign, name: str, nodes: Sequence[NodeEntry], suite: str = "sm", **changes: Any
) -> ChannelConfig:
    """The configuration of a channel of these nodes; those that do not vote have another role."""
    return replace(
        base.config, name=name, suite=SUITE_IDS[suite],
        nodes=tuple(n for n in nodes if n.role == "validator"),
        followers=tuple(n for n in nodes if n.role != "validator"), **changes,
    )  # fmt: skip


def id_of(config: ChannelConfig) -> str:
    suites = {number: name for name, number in SUITE_IDS.items()}
    return channel_id(get_suite(suites[config.suite]).hash, config).hex()


@functools.cache
def _made() -> tuple[Consortium, dict[str, Any]]:
    """Three members in three cities, each with a node: contracts are compiled once."""
    world = Consortium()
    for city in CITIES:
        world.open_city(city)
    for member, city in zip("ABC", CITIES, strict=True):
        world.says(member, "register_member", name=f"House {member}", city=city)
        world.enter_node(member, f"n{member}", city)
    return world, vars(world) | {"state": dict(world.state)}


def consortium() -> Consortium:
    """The same at each call, as it was at first."""
    world, at_first = _made()
    state = world.state
    vars(world).update(at_first | {"state": state})
    state.clear()
    state.update(at_first["state"])
    return world


def listed(world: Consortium, config: ChannelConfig, by: str = "A") -> str:
    found: str = world.says(by, "list_channel", config=encode(config))
    return found
