"""City nodes and relays: each member enters its own. Tables NODE and RELAY."""

from rules.codes import HEX, is_digest
from rules.directory_machine import NODE, RELAY
from rules.directory_records import (
    CARRIES_MAX,
    ENDPOINT_MAX,
    NODE_ROLES,
    RELAY_KINDS,
    Node,
    NodeChanged,
    NodeKeyAdded,
    NodeRegistered,
    NodeRetired,
    Relay,
    RelayChanged,
    RelayRegistered,
    RelayRetired,
    active_city,
    active_member,
    change,
    count_living,
    key_owner,
    nodes,
    put,
    relays,
    require_name,
    require_text,
    seats,
)
from rules.instrument import require_step
from sdk import ctx, export, require

SUITES = ("sm", "intl")
DIGITS = "0123456789"
ADDRESS_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]"


def check_answers(api: str, peer: str, certificate: str, roles: list):
    for address in (api, peer):
        require(address == "" or is_endpoint(address), "E_ENDPOINT", "host:port, or nothing")
    fits = certificate == "" or is_digest(certificate)
    require(fits, "E_DIGEST", "a certificate is named by its SHA-256, or not at all")
    known = 0 < len(roles) == len(set(roles)) and all(role in NODE_ROLES for role in roles)
    require(known, "E_CODE", "a node offers some of validator, observer, regulator, gateway")


def is_endpoint(address: str) -> bool:
    host, _, port = address.rpartition(":")
    plain = all(c in ADDRESS_LETTERS for c in host) and all(c in DIGITS for c in port)
    whole = host != "" and 0 < len(port) <= 5 and len(address) <= ENDPOINT_MAX
    return whole and plain and 0 < int(port) < 65536


def take_key(name: str, suite: str, key: str):
    """A key is one node's of one owner, for ever. Codes: E_CODE, E_KEY, E_KEY_TAKEN."""
    require(suite in SUITES, "E_CODE", "a suite is sm or intl")
    fits = len(key) == 130 and key[:2] == "04" and all(c in HEX for c in key)
    require(fits, "E_KEY", "a public key is 130 hexadecimal digits")
    held = key_owner[key]
    require(held in ((), (name, ctx.member)), "E_KEY_TAKEN", "another node has this key")
    key_owner[key] = (name, ctx.member)


@export
def register_node(
    name: str, city: str, key: str, roles: list[str], api: str = "", peer: str = "",
    certificate: str = "", suite: str = "sm",
) -> str:  # fmt: skip
    """A member enters a node that it operates. key: its identity key of a suite, in hexadecimal.

    Codes: E_STATE, E_NOT_PARTY, E_NOT_REGISTERED, E_TEXT, E_CITY, E_ENDPOINT, E_DIGEST, E_CODE, E_KEY,
    E_KEY_TAKEN, E_LIMIT."""
    former = nodes[name]
    parts = {"owner": ctx.member}
    require_step(NODE, "-" if former is None else former.state, "register_node", parts)
    active_member(ctx.member)
    require_name(name)
    active_city(city)
    check_answers(api, peer, certificate, roles)
    take_key(name, suite, key)
    made = Node(
        name, city, {suite: key}, api, peer, certificate, tuple(roles), parts, "ACTIVE"
    )  # fmt: skip
    count_living("city", city, 1)
    count_living("member", ctx.member, 1)
    return put("node", nodes, made, NodeRegistered, former)


@export
def set_node(
    name: str, roles: list[str], api: str = "", peer: str = "", certificate: str = "",
    expected_version: int = 0,
) -> str:  # fmt: skip
    """Where it answers, and what it offers from here on. Codes: E_NOT_FOUND, E_STATE, E_NOT_PARTY, E_VERSION,
    E_ENDPOINT, E_DIGEST, E_CODE."""
    found, former = change(NODE, nodes, name, "set_node", expected_version)
    check_answers(api, peer, certificate, roles)
    found.api = api
    found.peer = peer
    found.certificate = certificate
    found.roles = tuple(roles)
    return put("node", nodes, found, NodeChanged, former)


@export
def set_node_key(name: str, suite: str, key: str, expected_version: int = 0) -> str:
    """Its identity key of a suite, the first or another one; channels that are listed keep theirs.

    Codes: E_NOT_FOUND, E_STATE, E_NOT_PARTY, E_VERSION, E_CODE, E_KEY, E_KEY_TAKEN."""
    found, former = change(NODE, nodes, name, "set_node_key", expected_version)
    take_key(name, suite, key)
    found.keys[suite] = key
    return put("node", nodes, found, NodeKeyAdded, former)


@export
def retire_node(name: str, expected_version: int = 0) -> str:
    """Codes: E_NOT_FOUND, E_STATE, E_NOT_PARTY, E_VERSION, E_IN_USE."""
    found, former = change(NODE, nodes, name, "retire_node", expected_version)
    require(seats.scan((name,), limit=1) == [], "E_IN_USE", "it has a part in a living channel")
    count_living("city", found.city, -1)
    count_living("member", ctx.member, -1)
    return put("node", nodes, found, NodeRetired, former)


# ---- relays ----------------------------------------------------------------------------------------


def check_load(carries: list):
    counted = 0 < len(carries) == len(set(carries)) and len(carries) <= CARRIES_MAX
    require(counted, "E_CODE", "a relay carries for 1 to 32 different channels or centers")
    for one in carries:
        require_text(one, 64)


@export
def register_relay(name: str, kind: str, carries: list[str]) -> str:
    """A member enters what it runs to carry proofs: payment proofs, exchanges, reports of oracles. carries: ids
    of channels, or names of centers. Nobody has to believe a relay.

    Codes: E_STATE, E_NOT_PARTY, E_NOT_REGISTERED, E_TEXT, E_CODE, E_LIMIT."""
    id = f"{ctx.member}/{name}"
    former = relays[id]
    parts = {"member": ctx.member}
    require_step(RELAY, "-" if former is None else former.state, "register_relay", parts)
    active_member(ctx.member)
    require_name(name)
    require(kind in RELAY_KINDS, "E_CODE", "a relay is of kind payment, exchange or oracle")
    check_load(carries)
    count_living("member", ctx.member, 1)
    made = Relay(id, kind, tuple(carries), parts, "ACTIVE")
    return put("relay", relays, made, RelayRegistered, former)


@export
def set_relay(name: str, carries: list[str], expected_version: int = 0) -> str:
    """Codes: E_NOT_FOUND, E_STATE, E_NOT_PARTY, E_VERSION, E_CODE, E_TEXT."""
    id = f"{ctx.member}/{name}"
    found, former = change(RELAY, relays, id, "set_relay", expected_version)
    check_load(carries)
    found.carries = tuple(carries)
    return put("relay", relays, found, RelayChanged, former)


@export
def retire_relay(name: str, expected_version: int = 0) -> str:
    """Codes: E_NOT_FOUND, E_STATE, E_NOT_PARTY, E_VERSION."""
    id = f"{ctx.member}/{name}"
    found, former = change(RELAY, relays, id, "retire_relay", expected_version)
    count_living("member", ctx.member, -1)
    return put("relay", relays, found, RelayRetired, former)
