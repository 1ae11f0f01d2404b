"""Turns a plan into a network's folder: keys, certificates, genesis, a configuration per node, a context.

Everything a development network needs is made in one place, by one party. For a real network each member makes
its own keys; the folders here show what it needs (`city network bundle` writes one a node).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from consensus.encoding import Hash, encode
from consensus.tags import SUITE_IDS
from contracts.bundles import load_bundle
from contracts.runtime.api import Bundle
from contracts.runtime.artifact import Artifact, ensure_artifact
from node.contracts.catalogue import bundle_digest
from node.errors import CityError
from node.genesis import (
    GENESIS_VERSION,
    BundleSource,
    ChannelConfig,
    ConsensusParams,
    ContractEntry,
    EngineRef,
    Genesis,
    Identity,
    Limits,
    Member,
    NodeEntry,
    channel_id,
    check,
)
from node.identity.keyfile import write_key
from node.identity.keys import PrivateKey
from node.identity.suite import Suite, get_suite
from node.identity.transport import (
    TransportIdentity,
    certificate_der,
    issue_transport_certificate,
    make_peer_ca,
    save_transport,
)
from node.network.authorities import Authorities
from node.network.layout import Layout
from node.network.plan import City, Placed, Plan
from node.network.ports import free_ports
from node.residency import tags

OPERATOR_PREFIX = "node-"


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """One city node's secrets and addresses, before they are written."""

    city: City
    identity: PrivateKey
    vote: PrivateKey
    transport: TransportIdentity
    peer_port: int
    api_port: int
    web_port: int


def operator_id(city: City) -> str:
    """The member that operates a city's node."""
    return OPERATOR_PREFIX + city.slug


def admin_name(city: City) -> str:
    """The operator's admin, who proposes and approves changes of the channel."""
    return f"admin-{city.slug}"


def create_network(
    plan: Plan,
    root: Path,
    *,
    host: str = "127.0.0.1",
    start_ms: int | None = None,
    with_authorities: bool = False,
) -> ChannelConfig:
    """Writes the whole folder. Raises CityError where `root` already holds a network.

    start_ms: where the development clock starts; None for the present. with_authorities: each member gets one,
    and its people and nodes certificates by it (authorities.py)."""
    layout = Layout(root)
    if layout.genesis.exists():
        raise CityError("CITY-8023", path=root)
    if root.is_dir() and any(root.iterdir()):
        raise CityError("CITY-8028", path=root)
    suite = get_suite(plan.channel.suite)
    artifact = ensure_artifact()
    ports = iter(free_ports(3 * len(plan.cities), host))
    bundles = _bundles(plan)
    authorities = Authorities(layout.authorities, suite) if with_authorities else None
    operators = {operator_id(c): _operator(suite, c, authorities) for c in plan.cities}
    nodes = [
        _node(suite, city, operators[operator_id(city)][1], host, plan.channel.name, ports)
        for city in plan.cities
    ]
    users = {
        (member.id, name): suite.generate_key() for member in plan.members for name in member.users
    }
    now_ms = time.time_ns() // 1_000_000
    created_ms = now_ms if start_ms is None else start_ms
    config = _config(plan, created_ms, suite, artifact, operators, nodes, users, bundles)
    try:
        check(config)
    except ValueError as error:
        raise CityError("CITY-8022", path="channel", reason=error) from None
    genesis = encode(
        Genesis(config, tuple(BundleSource(b.name, b.version, b.encode()) for b in bundles))
    )
    for folder in (root, root / "users", root / "logs", root / "run", layout.authorities):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    layout.clock_offset.write_text(f"{created_ms - now_ms}\n")
    for name, (admin, authority) in operators.items():
        write_key(layout.authorities / f"{name}.pem", admin, None, dev=True)
        save_transport(
            authority, layout.authorities / f"{name}.ca.crt", layout.authorities / f"{name}.ca.pem"
        )
    for (_, name), key in users.items():
        write_key(layout.user_key(name), key, None, dev=True)
    for node in nodes:
        write_node(layout, plan, node, {n.city.name: f"{host}:{n.peer_port}" for n in nodes}, host)
        channel = layout.node(node.city.slug) / "channels" / plan.channel.name
        channel.mkdir(parents=True)
        (channel / "genesis.bin").write_bytes(genesis)
    write_contexts(layout, plan, channel_id(suite.hash, config), nodes, host)
    if authorities is not None:
        _certify(layout, plan, authorities, operators, nodes, users)
    layout.plan.write_text(plan_text(plan), encoding="utf-8")
    # Last: its presence says that the folder is whole.
    layout.genesis.write_bytes(genesis)
    return config


def _bundles(plan: Plan) -> list[Bundle]:
    names = [*plan.channel.contracts, *plan.channel.extra_contracts]
    for name in names:
        if not name.isidentifier() or names.count(name) > 1:
            raise CityError(
                "CITY-8022", path="channel.contracts", reason=f"{name!r} is no name, or there twice"
            )
    try:
        return [load_bundle(name) for name in names]
    except FileNotFoundError as error:
        reason = f"there is no such contract: {error.filename}"
        raise CityError("CITY-8022", path="channel.contracts", reason=reason) from None


def _operator(
    suite: Suite, city: City, authorities: Authorities | None
) -> tuple[PrivateKey, TransportIdentity]:
    name = operator_id(city)
    issuer = make_peer_ca(name) if authorities is None else authorities.over_nodes(name)
    return suite.generate_key(), issuer


def _certify(
    layout: Layout,
    plan: Plan,
    authorities: Authorities,
    operators: dict[str, tuple[PrivateKey, TransportIdentity]],
    nodes: list[NodeKeys],
    users: dict[tuple[str, str], PrivateKey],
) -> None:
    """Certificates beside the keys of everybody whom the plan names; the registers know the nodes'."""
    for member in plan.members:
        for name, roles in member.users.items():
            pem = authorities.certify(member.id, name, roles, users[member.id, name])
            layout.user_key(name).with_suffix(".crt").write_bytes(pem)
    for node in nodes:
        name = operator_id(node.city)
        pem = authorities.certify(name, admin_name(node.city), ("admin",), operators[name][0])
        (layout.authorities / f"{name}.crt").write_bytes(pem)
        authorities.note_node(name, node.transport)
    authorities.close()


def _node(
    suite: Suite,
    city: City,
    authority: TransportIdentity,
    host: str,
    channel: str,
    ports: Iterator[int],
) -> NodeKeys:
    hosts = [f"{city.slug}.{channel}.citychain", "localhost", host]
    transport = issue_transport_certificate(authority, city.slug, hosts)
    return NodeKeys(
        city,
        suite.generate_key(),
        suite.generate_key(),
        transport,
        next(ports),
        next(ports),
        next(ports),
    )


def _config(
    plan: Plan,
    created_ms: int,
    suite: Suite,
    artifact: Artifact,
    operators: dict[str, tuple[PrivateKey, TransportIdentity]],
    nodes: list[NodeKeys],
    users: dict[tuple[str, str], PrivateKey],
    bundles: list[Bundle],
) -> ChannelConfig:
    members = [
        Member(
            operator_id(c),
            f"City node {c.name}",
            c.name,
            *_public(operators[operator_id(c)]),
            *_where(c),
        )
        for c in plan.cities
    ]
    members += [Member(m.id, m.name, m.city, b"", b"", *_where(m)) for m in plan.members]
    identities = [
        Identity(name, m.id, users[m.id, name].public_key, tuple(roles))
        for m in plan.members
        for name, roles in m.users.items()
    ]
    identities += [
        Identity(admin_name(c), operator_id(c), operators[operator_id(c)][0].public_key, ("admin",))
        for c in plan.cities
    ]
    digest = artifact.digest_for(suite.hash)
    return ChannelConfig(
        version=GENESIS_VERSION,
        suite=SUITE_IDS[plan.channel.suite],
        name=plan.channel.name,
        created_ms=created_ms,
        clock=plan.channel.clock,
        consensus=ConsensusParams(kind=plan.channel.consensus, window=plan.channel.window),
        limits=Limits(),
        engine=EngineRef(str(artifact.version), Hash(digest), artifact.size),
        members=tuple(members),
        identities=tuple(identities),
        nodes=tuple(
            NodeEntry(
                n.city.name,
                n.city.name,
                operator_id(n.city),
                n.identity.public_key,
                n.vote.public_key,
                certificate_der(n.transport),
                *_where(n.city),
            )
            for n in nodes
        ),
        contracts=tuple(
            ContractEntry(b.name, b.version, bundle_digest(suite, b.encode())) for b in bundles
        ),
        zone=plan.channel.zone,
        jurisdiction=plan.channel.jurisdiction,
        resident=tuple(sorted(name for bundle in bundles for name in tags(bundle))),
    )


def _where(placed: Placed) -> tuple[str, str, str]:
    return placed.region, placed.zone, placed.jurisdiction


def _public(operator: tuple[PrivateKey, TransportIdentity]) -> tuple[bytes, bytes]:
    admin, authority = operator
    return admin.public_key, certificate_der(authority)


def write_node(
    layout: Layout, plan: Plan, node: NodeKeys, peers: dict[str, str], host: str
) -> None:
    """A node's folder: configuration, and keys with mode 0600."""
    folder = layout.node(node.city.slug)
    keys = folder / "keys"
    keys.mkdir(parents=True, mode=0o700)
    write_key(keys / "identity.pem", node.identity, None, dev=True)
    write_key(keys / "vote.pem", node.vote, None, dev=True)
    save_transport(node.transport, keys / "transport.crt", keys / "transport.pem")
    others = {name: address for name, address in peers.items() if name != node.city.name}
    text = node_toml(
        node.city.name,
        plan.channel.name,
        (f"{host}:{node.peer_port}", f"{host}:{node.api_port}", f"{host}:{node.web_port}"),
        others,
        clock_offset=str(layout.clock_offset) if plan.channel.clock == "development" else "",
    )
    layout.node_config(node.city.slug).write_text(text, encoding="utf-8")


def node_toml(
    name: str,
    channel: str,
    listen: tuple[str, str, str],
    peers: dict[str, str],
    *,
    clock_offset: str,
    development: bool = True,
) -> str:
    """A node's configuration file, with only what differs from the defaults."""
    lines = [
        f"name = {json.dumps(name)}",
        'data = "."',
        "",
        "[listen]",
        *(
            f"{key} = {json.dumps(at)}"
            for key, at in zip(("peer", "api", "web"), listen, strict=True)
        ),
        "",
        "[peers]",
        *(f"{json.dumps(peer)} = {json.dumps(address)}" for peer, address in peers.items()),
        "",
        "[channel]",
        f"name = {json.dumps(channel)}",
    ]
    if development:
        lines += ["", "[keys]", "development = true  # keys on this disk are not encrypted"]
    if clock_offset:
        lines += ["", "[clock]", f"offset_file = {json.dumps(clock_offset)}"]
    return "\n".join(lines) + "\n"


def write_contexts(
    layout: Layout, plan: Plan, channel: Hash, nodes: list[NodeKeys], host: str
) -> None:
    """How clients find this network: one context, named after the folder's use."""
    layout.contexts.parent.mkdir(exist_ok=True)
    offset = str(layout.clock_offset) if plan.channel.clock == "development" else ""
    lines = [
        'current = "dev"',
        "",
        "[contexts.dev]",
        f"channel = {json.dumps(plan.channel.name)}",
        f"channel_id = {json.dumps(channel.hex())}",
        f"suite = {json.dumps(plan.channel.suite)}",
        f"clock_offset_file = {json.dumps(offset)}",
    ]
    for node in nodes:
        certificate = layout.node(node.city.slug) / "keys" / "transport.crt"
        api, web = f"{host}:{node.api_port}", f"{host}:{node.web_port}"
        lines += context_node(node.city.name, api, web, certificate, admin_name(node.city))
    users = [(u, layout.user_key(u), member.id) for member in plan.members for u in member.users]
    users += [
        (admin_name(c), layout.authorities / f"{operator_id(c)}.pem", operator_id(c))
        for c in plan.cities
    ]
    for user, key, member_id in users:
        lines += [
            "",
            f"[contexts.dev.users.{json.dumps(user)}]",
            f"key = {json.dumps(str(key))}",
            f"member = {json.dumps(member_id)}",
        ]
    layout.contexts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    layout.contexts.chmod(0o600)


def context_node(name: str, api: str, web: str, certificate: Path, operator: str = "") -> list[str]:
    """One node in a contexts file. operator: the user who administers it."""
    return [
        "",
        "[[contexts.dev.nodes]]",
        f"name = {json.dumps(name)}",
        f"api = {json.dumps(api)}",
        f"web = {json.dumps(f'http://{web}')}",
        f"certificate = {json.dumps(str(certificate))}",
        *([f"operator = {json.dumps(operator)}"] if operator else []),
    ]


def plan_text(plan: Plan) -> str:
    """A plan as TOML, so that a network's folder says what it was made from."""
    lines = ["[channel]"]
    lines += [f"{k} = {json.dumps(v)}" for k, v in plan.channel.model_dump().items()]
    for city in plan.cities:
        lines += ["", "[[cities]]", f"name = {json.dumps(city.name)}"]
        lines += [f"zh = {json.dumps(city.zh, ensure_ascii=False)}", *_where_lines(city)]
    for member in plan.members:
        lines += ["", "[[members]]"]
        for key in ("id", "name", "city"):
            lines.append(f"{key} = {json.dumps(getattr(member, key), ensure_ascii=False)}")
        lines += _where_lines(member)
        users = ", ".join(f"{json.dumps(u)} = {json.dumps(r)}" for u, r in member.users.items())
        lines.append(f"users = {{ {users} }}")
    return "\n".join(lines) + "\n"


def _where_lines(placed: Placed) -> list[str]:
    keys = ("region", "zone", "jurisdiction")
    return [f"{key} = {json.dumps(getattr(placed, key))}" for key in keys]
