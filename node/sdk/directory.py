"""A consortium's directory as a client sees it: the contract `directory` on the channel that all cities share.

with connect("dev", user="admin-shenzhen") as net:
    directory = Directory(net)
    for row in directory.rows("channel"): print(row["name"], row["standing"], row["validators"])
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from consensus.certificate import CommitCert
from consensus.encoding import decode, encode
from consensus.header import Header
from consensus.proof import CertifiedHeader
from node.client import Net
from node.genesis import VALIDATOR, ChannelConfig, NodeEntry
from node.hosting.cards import NodeCard
from node.identity.suite import Suite
from node.sdk.errors import ContractError, InvalidRequest, Rejected

CONTRACT = "directory"
KINDS = ("city", "member", "node", "channel", "relay")
PAGE = 200
ACTIVE = "ACTIVE"
# Of what is in force already, these can be another.
CHANGEABLE = {
    "member": ("name", "city", "authority"),
    "node": ("name", "roles", "api", "peer", "certificate"),
    "relay": ("name", "carries"),
}


def holds_directory(config: ChannelConfig) -> bool:
    """Whether this is a channel with a directory: the consortium's system channel."""
    return config.active_version(CONTRACT) is not None


class Directory:
    """net: connected to the channel that holds it. What is refused raises ContractError with its E_ code."""

    def __init__(self, net: Net) -> None:
        self._net = net

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """Every entry of a kind by its id, retired ones too."""
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["id"] if found else ""
            page = self._ask("entries", kind=kind, after=after, limit=PAGE)
            found += page
            if len(page) < PAGE:
                return found

    def active(self, kind: str) -> dict[str, dict[str, Any]]:
        """Entries in force, by id."""
        return {row["id"]: row for row in self.rows(kind) if row["state"] == ACTIVE}

    def find(self, kind: str, id: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._ask("show", kind=kind, id=id)
        except ContractError as error:
            if error.reason != "E_NOT_FOUND":
                raise
            return None
        return found

    def channels_named(self, name: str) -> list[dict[str, Any]]:
        """By name or by the beginning of an id of at least 8 digits."""
        return [
            row
            for row in self.rows("channel")
            if name == row["name"] or (len(name) >= 8 and row["id"].startswith(name.lower()))
        ]

    def history(self, kind: str, id: str) -> list[dict[str, Any]]:
        """What an entry was before, oldest first."""
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["version"] if found else 0
            page = self._ask("history", kind=kind, id=id, after=after, limit=PAGE)
            found += page
            if len(page) < PAGE:
                return found

    def say(self, method: str, **args: Any) -> Any:
        """One committed transaction as the connection's user."""
        return self._net.call(CONTRACT, method, args).value

    def _ask(self, method: str, **args: Any) -> Any:
        return self._net.query(CONTRACT, method, args).value


def check_cards(
    nodes: dict[str, dict[str, Any]], cards: Iterable[tuple[NodeCard, str]], suite: str
) -> None:
    """That nodes are registered as they show themselves. nodes: of the directory, in force. cards: with the
    role that each is to have. Raises CITY-8072."""
    for card, role in cards:
        row, name = nodes.get(card.node.name), card.node.name
        if row is None:
            raise InvalidRequest("CITY-8072", node=name, reason="it is not registered")
        wrong = _difference(row, card, role or VALIDATOR, suite)
        if wrong:
            raise InvalidRequest("CITY-8072", node=name, reason=wrong)


def _difference(row: dict[str, Any], card: NodeCard, role: str, suite: str) -> str:
    node = card.node
    if row["keys"].get(suite) != node.identity_key.hex():
        return f"it is registered with another identity key of suite {suite}, or none"
    if role not in row["roles"]:
        return f"it offers {', '.join(row['roles'])}, not {role}"
    if row["owner"] != node.member_id:
        return f"it is registered by {row['owner']}, and belongs to {node.member_id}"
    if (row["zone"], row["jurisdiction"]) != (node.zone, node.jurisdiction):
        return f"it is registered in zone {row['zone']}, and shows {node.zone}"
    return ""


def entry_of(node: NodeEntry, suite: Suite, roles: Iterable[str]) -> dict[str, Any]:
    """What a node's owner enters of it, but for its addresses."""
    return {
        "name": node.name,
        "city": node.city,
        "key": node.identity_key.hex(),
        "suite": suite.name,
        "roles": list(roles),
        "certificate": hashlib.sha256(node.transport_cert).hexdigest(),
    }


def named_node(net: Net, name: str) -> dict[str, Any] | None:
    """A node as the channel's configuration in force names it; None where it does not."""
    shown = net.query("_config", "show").value
    known = (*shown["validators"], *shown["observers"])
    return next((row for row in known if row["name"].lower() == name.lower()), None)


def renew_entry(net: Net, name: str, suite: str) -> bool:
    """Brings a node's entry to the keys that the channel itself names it with, as its owner. False where there
    is nothing to do: no directory, no entry, or the same keys. net: connected to the directory's channel."""
    if not holds_directory(decode(ChannelConfig, net.info().genesis)):
        return False
    directory, row = Directory(net), named_node(net, name)
    found = directory.find("node", name)
    if row is None or found is None or found["state"] != ACTIVE:
        return False
    key, certificate = row["identity_key"], row["transport"]
    if found["keys"].get(suite) != key:
        directory.say("set_node_key", name=name, suite=suite, key=key)
    elif found["certificate"] == certificate:
        return False
    if found["certificate"] != certificate:
        kept = {each: found[each] for each in CHANGEABLE["node"]}
        directory.say("set_node", **kept | {"certificate": certificate})
    return True


def newest_seal(net: Net) -> tuple[bytes, bytes, int]:
    """Genesis configuration, the newest certified header, and its epoch. Raises CITY-1032 where nothing was
    ordered yet."""
    status = net.node_status()
    if not status["height"]:
        raise Rejected("CITY-1032", channel=net.context.channel)
    block = net.block(int(status["height"]))
    header = decode(Header, block.raw_header)
    sealed = CertifiedHeader(header, decode(CommitCert, block.raw_certificate))
    return bytes(net.info().genesis), encode(sealed), header.epoch


def seats_by(
    by: str, channels: Iterable[dict[str, Any]], nodes: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Who runs what. by: channel or node. Rows: title, seats; channels that are archived stand in none."""
    living = sorted(
        (row for row in channels if row["state"] != "ARCHIVED"), key=lambda row: str(row["name"])
    )
    if by == "node":
        return [
            {"title": f"{name} ({row['owner']}, {row['zone']})", "seats": _seats_of(name, living)}
            for name, row in nodes.items()
        ]
    return [
        {
            "title": f"{row['name']} ({row['engine']}, {row['suite']}, "
            f"{row['zone'] or 'both zones'}, {row['standing'].lower()})",
            "seats": [f"{name} {role} of {_owner(nodes, name)}" for name, role in _parts(row)],
        }
        for row in living
    ]


def _owner(nodes: dict[str, dict[str, Any]], name: str) -> str:
    """A validator that came later, by the channel's own decision, need not be registered."""
    return str(nodes[name]["owner"]) if name in nodes else "nobody registered"


def _parts(channel: dict[str, Any]) -> list[tuple[str, str]]:
    voting = [(name, VALIDATOR) for name in channel["validators"]]
    return voting + [(name, role) for name, role in channel["followers"]]


def _seats_of(name: str, channels: Iterable[dict[str, Any]]) -> list[str]:
    return [
        f"{row['name']} {role}" for row in channels for node, role in _parts(row) if node == name
    ]
