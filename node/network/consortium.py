"""Enters a development network's consortium into the directory of its channel: cities, members, nodes.

Everybody speaks with a key of its own, as in a real consortium; only that here all keys lie in one folder. What
is entered already stays, so this can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from consensus.encoding import encode
from node.client import connect
from node.config import load_config
from node.genesis import FOLLOWERS, VALIDATOR, ChannelConfig, Member, NodeEntry, decode_genesis
from node.governance.policies import ADMIN_ROLE
from node.identity.suite import get_suite
from node.network.layout import Layout
from node.network.plan import load_plan
from node.sdk.context import Context, find_context
from node.sdk.directory import Directory, entry_of, holds_directory

CALL_SECONDS = 60.0
AT_ONCE = 4
Say = Callable[[Directory], Any]


def enter_consortium(layout: Layout) -> dict[str, int]:
    """Returns what was entered now, by kind; nothing where the network's channel has no directory."""
    config = decode_genesis(layout.genesis.read_bytes()).config
    if not holds_directory(config):
        return {}
    context = find_context(str(layout.root))
    admins = _admins(config)
    with connect(context, user=next(iter(admins.values())), timeout=CALL_SECONDS) as net:
        known = {kind: Directory(net).active(kind) for kind in ("city", "member", "node")}
        own = Directory(net).find("channel", context.channel_id.hex())
    places = _places(config)
    missing = [name for name in places if name not in known["city"]]
    _each(context, [(by, _propose(name, places[name])) for name, by in _turns(missing, admins, 0)])
    _each(context, [(by, _confirm(name)) for name, by in _turns(missing, admins, 1)])
    houses = [
        m for m in config.members if m.member_id in admins and m.member_id not in known["member"]
    ]
    _each(context, [(admins[m.member_id], _house(config, m)) for m in houses])
    nodes = [n for n in config.nodes if n.name not in known["node"]]
    _each(context, [(admins[n.member_id], _node(layout, context, config, n)) for n in nodes])
    if own is None:
        data = encode(config)
        by = admins[config.nodes[0].member_id]
        _each(context, [(by, lambda directory: directory.say("list_channel", config=data))])
    return {
        "cities": len(missing), "members": len(houses), "nodes": len(nodes),
        "channels": int(own is None),
    }  # fmt: skip


def _admins(config: ChannelConfig) -> dict[str, str]:
    """An admin of each member, by member; operators of nodes first."""
    found = {i.member_id: i.name for i in config.identities if ADMIN_ROLE in i.roles}
    owners = [n.member_id for n in config.nodes]
    return {member: found[member] for member in dict.fromkeys((*owners, *found)) if member in found}


def _places(config: ChannelConfig) -> dict[str, dict[str, str]]:
    """Where each city is that a node or member names; nodes are asked first."""
    found: dict[str, dict[str, str]] = {}
    placed: list[NodeEntry | Member] = [*config.nodes, *config.members]
    for each in placed:
        place = {"region": each.region or "-", "zone": each.zone, "jurisdiction": each.jurisdiction}
        found.setdefault(each.city, place)
    return found


def _turns(names: list[str], admins: dict[str, str], shift: int) -> list[tuple[str, str]]:
    """Each city with an admin; those of two shifts belong to different members."""
    users = list(admins.values())
    return [(name, users[(at + shift) % len(users)]) for at, name in enumerate(names)]


def _propose(name: str, place: dict[str, str]) -> Say:
    return lambda directory: directory.say("propose_city", name=name, **place)


def _confirm(name: str) -> Say:
    def say(directory: Directory) -> Any:
        found = directory.find("city", name)
        assert found is not None, name
        return directory.say("confirm_city", name=name, expected_version=found["version"])

    return say


def _house(config: ChannelConfig, member: Member) -> Say:
    suite = get_suite(config.suite)
    authority = suite.hash(member.peer_ca).hex() if member.peer_ca else ""
    return lambda directory: directory.say(
        "register_member", name=member.name, city=member.city, authority=authority
    )


def _node(layout: Layout, context: Context, config: ChannelConfig, node: NodeEntry) -> Say:
    slug = next(city.slug for city in load_plan(layout.plan).cities if city.name == node.name)
    listens = load_config(layout.node_config(slug)).listen
    entry = entry_of(node, get_suite(config.suite), (VALIDATOR, *FOLLOWERS))
    entry |= {"api": context.node(node.name).api, "peer": listens.peer}
    return lambda directory: directory.say("register_node", **entry)


def _each(context: Context, calls: list[tuple[str, Say]]) -> None:
    """Every call by the user it names, several at once. Raises the first error."""

    def run(call: tuple[str, Say]) -> None:
        user, say = call
        with connect(context, user=user, timeout=CALL_SECONDS) as net:
            say(Directory(net))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, calls))
