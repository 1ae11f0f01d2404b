"""Adds an observer to a network that runs: a node that follows and verifies, serves clients, and has no vote.

Genesis does not name it, so a member vouches for it: a grant signed by the member's admin key, and a
transport certificate from the member's peer authority.
"""

from __future__ import annotations

import shutil
import time
import tomllib
from pathlib import Path
from typing import Any

from consensus.encoding import Hash
from node.errors import CityError
from node.genesis import ChannelConfig, channel_id
from node.identity.keyfile import read_key, write_key
from node.identity.suite import get_suite
from node.identity.transport import (
    fingerprint,
    issue_transport_certificate,
    load_transport,
    save_transport,
)
from node.network.bundle import read_genesis
from node.network.create import context_node, node_toml
from node.network.layout import Layout
from node.network.plan import City, load_plan
from node.network.ports import free_ports
from node.peers.statement import ROLE_OBSERVER, NodeGrant, issue_grant

GRANT_DAYS = 365
HOST = "127.0.0.1"


def choose_city(layout: Layout, name: str) -> City:
    """The named city of the default plan, or its first one that has no node here yet."""
    cities = load_plan().cities
    taken = set(layout.slugs())
    free = [city for city in cities if city.slug not in taken]
    if name:
        free = [city for city in free if city.name.lower() == name.lower()]
    if not free:
        raise CityError(
            "CITY-8027", name=name or "another city", cities=", ".join(c.name for c in cities)
        )
    return free[0]


def write_observer(layout: Layout, city: City) -> Path:
    """The new node's folder: keys, certificate, grant, genesis, configuration. Returns it."""
    config = read_genesis(layout).config
    if config.zone:
        raise CityError("CITY-8076", channel=config.name, zone=config.zone, node=city.name)
    suite = get_suite(config.suite)
    sponsor = config.nodes[0].member_id
    authority = load_transport(
        layout.authorities / f"{sponsor}.ca.crt", layout.authorities / f"{sponsor}.ca.pem"
    )
    admin = suite.signer(read_key(layout.authorities / f"{sponsor}.pem", dev=True))
    identity, vote = suite.generate_key(), suite.generate_key()
    hosts = [f"{city.slug}.{config.name}.citychain", "localhost", HOST]
    transport = issue_transport_certificate(authority, city.slug, hosts)
    grant = NodeGrant(
        channel_id(suite.hash, config),
        sponsor,
        city.name,
        identity.public_key,
        Hash(fingerprint(transport.certificate_pem)),
        ROLE_OBSERVER,
        time.time_ns() // 1_000_000 + GRANT_DAYS * 86_400_000,
    )
    folder = layout.node(city.slug)
    keys = folder / "keys"
    keys.mkdir(parents=True, mode=0o700)
    write_key(keys / "identity.pem", identity, None, dev=True)
    write_key(keys / "vote.pem", vote, None, dev=True)
    save_transport(transport, keys / "transport.crt", keys / "transport.pem")
    (keys / "grant.bin").write_bytes(issue_grant(suite, admin, grant))
    channel = folder / "channels" / config.name
    channel.mkdir(parents=True)
    shutil.copy(layout.genesis, channel / "genesis.bin")
    ports = free_ports(3, HOST)
    peer, api, web = (f"{HOST}:{port}" for port in ports)
    offset = str(layout.clock_offset) if config.clock == "development" else ""
    text = node_toml(
        city.name,
        config.name,
        (peer, api, web),
        peer_addresses(layout, config),
        clock_offset=offset,
    )
    layout.node_config(city.slug).write_text(text, encoding="utf-8")
    operator = sponsor_admin(config)
    add_to_context(layout, city, api, web, operator)
    return folder


def sponsor_admin(config: ChannelConfig) -> str:
    """The admin of the member that vouches for an added node, and so operates it."""
    sponsor = config.nodes[0].member_id
    admins = [i.name for i in config.identities if i.member_id == sponsor and "admin" in i.roles]
    return admins[0] if admins else ""


def peer_addresses(layout: Layout, config: Any) -> dict[str, str]:
    """Validator name to its peer address, read from the nodes' own configurations."""
    found = {}
    names = {node.name for node in config.nodes}
    for slug in layout.slugs():
        node = tomllib.loads(layout.node_config(slug).read_text(encoding="utf-8"))
        if node["name"] in names:
            found[node["name"]] = node["listen"]["peer"]
    return found


def add_to_context(layout: Layout, city: City, api: str, web: str, operator: str) -> None:
    """Clients of the network find the new node behind the ones they knew."""
    text = layout.contexts.read_text(encoding="utf-8")
    certificate = layout.node(city.slug) / "keys" / "transport.crt"
    entry = "\n".join(context_node(city.name, api, web, certificate, operator)) + "\n"
    at = text.find("\n[contexts.dev.users.")
    at = len(text) if at < 0 else at
    layout.contexts.write_text(text[:at] + entry + text[at:], encoding="utf-8")
