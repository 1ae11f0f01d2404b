"""Channels made from outside: nodes show their cards, a genesis is written from them, each node joins.

Nobody is asked but the nodes that are to take part, each by its own operator's key. Where the network's own
channel holds the consortium's directory, members and nodes are taken from it, and the new channel is listed.

    order = ChannelOrder("scf-px", ("Shenzhen", "Guangzhou"), ("party", "receivable"))
    made = create_channel(find_context("dev"), order)
    net = connect("dev", user="buyer", channel="scf-px")
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from consensus.encoding import Hash, decode, encode
from consensus.tags import SUITE_IDS
from contracts.bundles import load_bundle
from contracts.runtime.api import Bundle
from node.client import connect
from node.contracts.catalogue import bundle_digest
from node.genesis import (
    FOLLOWERS,
    GENESIS_VERSION,
    VALIDATOR,
    BundleSource,
    ChannelConfig,
    ConsensusParams,
    ContractEntry,
    Genesis,
    Identity,
    Limits,
    Member,
    channel_id,
    check,
    decode_genesis,
)
from node.governance.calls import CONTRACT
from node.governance.views import read_identities, read_members
from node.hosting.cards import NodeCard
from node.identity.keyfile import read_key, write_key
from node.identity.suite import Signer, get_suite
from node.peers.statement import ROLE_OBSERVER, NodeGrant, issue_grant
from node.residency import check_genesis, tags
from node.sdk.admin import NodeAdmin
from node.sdk.context import ChannelRef, Context, NodeAddress, add_channel, drop_channel, key_in
from node.sdk.errors import InvalidRequest, Rejected
from node.sdk.listing import Listing
from node.signing.pkcs11 import open_signer

READY_SECONDS = 180.0
GRANT_DAYS = 365
SignerOf = Callable[[NodeAddress], Signer]


@dataclass(frozen=True, slots=True)
class ChannelOrder:
    """What a channel is to be. nodes: validators by name, in their order. contracts: names of contracts/suite,
    or bundles, in the order in which they are deployed. members: ids of the members of the context's own
    channel whose users take part, None for all. followers: nodes without a vote, role by name. zone,
    jurisdiction, resident: as `ChannelConfig` has them."""

    name: str
    nodes: tuple[str, ...]
    contracts: tuple[str | Bundle, ...]
    engine: str = "pbft"
    suite: str = "sm"
    members: tuple[str, ...] | None = None
    followers: Mapping[str, str] = field(default_factory=dict)
    window: int = 1
    limits: Limits = field(default_factory=Limits)
    zone: str = ""
    jurisdiction: str = ""
    resident: tuple[str, ...] = ()

    @property
    def roles(self) -> dict[str, str]:
        """Of every node, by name."""
        return dict.fromkeys(self.nodes, VALIDATOR) | dict(self.followers)


@dataclass(frozen=True, slots=True)
class Created:
    """rows: of each node, by name, once it is ready."""

    channel: str
    channel_id: bytes
    genesis: bytes
    rows: dict[str, dict[str, Any]]


def operator_key(context: Context, node: NodeAddress) -> Path:
    """The file of the node's operator. Raises CITY-8068."""
    if not node.operator:
        raise InvalidRequest("CITY-8068", context=context.name, node=node.name)
    return context.user(node.operator).key


def operator_of(context: Context, user: str = "", password: bytes | None = None) -> SignerOf:
    """user: of the context, who operates every node asked; none: whom the context names for each."""

    def signer(node: NodeAddress) -> Signer:
        path = context.user(user).key if user else operator_key(context, node)
        return open_signer(path, password, dev=True, suite=get_suite(context.suite))

    return signer


def create_channel(
    context: Context, order: ChannelOrder, signer_of: SignerOf | None = None, lister: str = ""
) -> Created:
    """Makes the channel on its nodes, and returns when all take part. context: of the network's own channel.
    lister: the user who lists it in a directory, empty: the first node's operator.

    Raises CityError; where a node could not join, those before it have, and `leave` undoes it."""
    signer_of = signer_of or operator_of(context)
    names = (*order.nodes, *order.followers)
    if not order.nodes or len({n.lower() for n in names}) != len(names):
        raise InvalidRequest("CITY-8070", reason="each node is named once, and one at least votes")
    for role in order.followers.values():
        if role not in FOLLOWERS:
            raise InvalidRequest("CITY-8070", reason=f"a role is one of {', '.join(FOLLOWERS)}")
    with ExitStack() as stack:
        admins = [
            stack.enter_context(NodeAdmin(context, node, signer_of(node)))
            for node in map(context.node, names)
        ]
        own = own_config(context)
        listing = Listing.open(context, own, order, lister)
        cards = {admin.name: admin.prepare(order.name, order.suite) for admin in admins}
        if listing is not None:
            own = listing.check(own, cards)
        genesis = make_genesis(context, own, order, list(cards.values()))
        data = encode(genesis)
        addresses = {name: card.address for name, card in cards.items() if card.address}
        for admin in admins:
            admin.join(data, {n: a for n, a in addresses.items() if n != admin.name})
        id_ = channel_id(get_suite(order.suite).hash, genesis.config)
        remember(context, ChannelRef(order.name, id_, order.suite, tuple(cards)))
        rows = {admin.name: admin.wait_ready(order.name, READY_SECONDS) for admin in admins}
        if listing is not None:
            listing.list(genesis.config)
    return Created(order.name, id_, data, rows)


def join_channel(
    context: Context,
    channel: str,
    node: str,
    *,
    signer_of: SignerOf | None = None,
    is_from_snapshot: bool = False,
) -> dict[str, Any]:
    """Lets one more node take part: as what genesis names it, or else as an observer that the first holder's
    member vouches for. Returns its row once it is ready. Raises CityError."""
    signer_of = signer_of or operator_of(context)
    ref = _ref(context, channel)
    holder, new = context.node(ref.nodes[0]), context.node(node)
    with (
        NodeAdmin(context, holder, signer_of(holder)) as giving,
        NodeAdmin(context, new, signer_of(new)) as taking,
    ):
        data = giving.genesis(channel)
        genesis = decode_genesis(data)
        card = taking.prepare(channel, ref.suite)
        if genesis.config.zone:
            _require_named(context.on(channel), channel, genesis.config.zone, new.name)
        named = (*genesis.config.nodes, *genesis.config.followers)
        grant = b""
        if new.name not in [entry.name for entry in named]:
            grant = _grant(context.on(channel), ref, holder, card)
        taking.join(data, _addresses(context, ref, signer_of), grant, is_from_snapshot)
        if new.name not in ref.nodes:
            remember(context, replace(ref, nodes=(*ref.nodes, new.name)))
        return taking.wait_ready(channel, READY_SECONDS)


def _require_named(on: Context, channel: str, zone: str, node: str) -> None:
    """A channel of one zone takes nodes that its members named, and no grants. Raises CITY-8076."""
    with connect(on) as net:
        shown = net.query(CONTRACT, "show").value
    if node not in [each["name"] for each in (*shown["validators"], *shown["observers"])]:
        raise Rejected("CITY-8076", channel=channel, zone=zone, node=node)


def learn_channel(
    context: Context, channel: str, node: str, signer_of: SignerOf | None = None
) -> ChannelRef:
    """Takes a channel that a node holds into the context, its id from that node's genesis file."""
    holder = context.node(node)
    with NodeAdmin(context, holder, (signer_of or operator_of(context))(holder)) as admin:
        config = decode_genesis(admin.genesis(channel)).config
    suite = get_suite(config.suite)
    names = [entry.name for entry in (*config.nodes, *config.followers)]
    known = tuple(each.name for each in context.nodes if each.name in {*names, holder.name})
    ref = ChannelRef(channel, channel_id(suite.hash, config), suite.name, known)
    remember(context, ref)
    return ref


def _ref(context: Context, channel: str) -> ChannelRef:
    """Raises CITY-1018."""
    named = context.on(channel)
    names = tuple(node.name for node in named.nodes)
    return ChannelRef(channel, named.channel_id, named.suite, names)


def _grant(on: Context, ref: ChannelRef, sponsor: NodeAddress, card: NodeCard) -> bytes:
    """on: the context on the channel. The holder's member vouches for the node of the card."""
    suite = get_suite(ref.suite)
    with connect(on) as net:
        config = decode(ChannelConfig, net.info().genesis)
    entry = next(n for n in config.nodes if n.name == sponsor.name)
    grant = NodeGrant(
        Hash(ref.channel_id),
        entry.member_id,
        card.node.name,
        card.node.identity_key,
        Hash(hashlib.sha256(card.node.transport_cert).digest()),
        ROLE_OBSERVER,
        time.time_ns() // 1_000_000 + GRANT_DAYS * 86_400_000,
    )
    key = read_key(operator_key(on, sponsor), dev=True)
    return issue_grant(suite, suite.signer(key), grant)


def _addresses(context: Context, ref: ChannelRef, signer_of: SignerOf) -> dict[str, str]:
    """Where the channel's nodes listen for peers, as each says itself."""
    found = {}
    for name in ref.nodes:
        node = context.node(name)
        with NodeAdmin(context, node, signer_of(node)) as admin:
            address = admin.show(ref.name).get("peer", "")
        if address:
            found[name] = address
    return found


def own_config(context: Context) -> ChannelConfig:
    """Of the context's own channel, with the members and identities that are in force there."""
    with connect(context) as net:
        config = decode(ChannelConfig, net.info().genesis)
        return replace(
            config,
            members=read_members(net.query(CONTRACT, "members").value),
            identities=read_identities(net.query(CONTRACT, "identities").value),
        )


def make_genesis(
    context: Context, own: ChannelConfig, order: ChannelOrder, cards: list[NodeCard]
) -> Genesis:
    """From the nodes' cards and the network's members. Raises CITY-8067, CITY-8070."""
    suite = get_suite(order.suite)
    engine = cards[0].engine
    for card in cards:
        if card.engine != engine:
            raise Rejected("CITY-8067", node=card.node.name, other=cards[0].node.name)
    bundles = _bundles(order)
    members, identities = _people(context, own, order, cards)
    voting = len(order.nodes)
    roles = list(order.followers.values())
    config = ChannelConfig(
        version=GENESIS_VERSION,
        suite=SUITE_IDS[order.suite],
        name=order.name,
        created_ms=time.time_ns() // 1_000_000 + _clock_offset_ms(context),
        clock=own.clock,
        consensus=ConsensusParams(kind=order.engine, window=order.window),
        limits=order.limits,
        engine=engine,
        members=members,
        identities=identities,
        nodes=tuple(card.node for card in cards[:voting]),
        contracts=tuple(
            ContractEntry(b.name, b.version, bundle_digest(suite, b.encode())) for b in bundles
        ),
        followers=tuple(
            replace(card.node, role=role) for card, role in zip(cards[voting:], roles, strict=True)
        ),
        zone=order.zone,
        jurisdiction=order.jurisdiction,
        resident=_resident(order, bundles),
    )
    genesis = Genesis(config, tuple(BundleSource(b.name, b.version, b.encode()) for b in bundles))
    try:
        check(config)
        check_genesis(genesis)
    except ValueError as error:
        raise InvalidRequest("CITY-8070", reason=str(error)) from None
    return genesis


def _resident(order: ChannelOrder, bundles: list[Bundle]) -> tuple[str, ...]:
    """What the order names, and what the authors of its contracts tagged. Raises CITY-8070."""
    try:
        tagged = {name for bundle in bundles for name in tags(bundle)}
    except ValueError as error:
        raise InvalidRequest("CITY-8070", reason=str(error)) from None
    return tuple(sorted({*order.resident, *tagged}))


def _bundles(order: ChannelOrder) -> list[Bundle]:
    found = []
    for each in order.contracts:
        if isinstance(each, Bundle):
            found.append(each)
            continue
        try:
            if not each.isidentifier():
                raise FileNotFoundError(each)
            found.append(load_bundle(each))
        except FileNotFoundError:
            raise InvalidRequest("CITY-8070", reason=f"there is no contract {each!r}") from None
    return found


def _people(
    context: Context, own: ChannelConfig, order: ChannelOrder, cards: list[NodeCard]
) -> tuple[tuple[Member, ...], tuple[Identity, ...]]:
    """The operators of the nodes, and the chosen members with their users; keys in the channel's suite."""
    operators = {card.member.member_id: card for card in cards}
    chosen = {
        m.member_id
        for m in own.members
        if not m.admin_key and not m.peer_ca and order.zone in ("", m.zone)
    }
    if order.members is not None:
        known = {m.member_id for m in own.members}
        for member_id in order.members:
            if member_id not in known:
                raise InvalidRequest("CITY-8070", reason=f"there is no member {member_id}")
        chosen = set(order.members) - operators.keys()
    members = [card.member for card in operators.values()]
    members += [m for m in own.members if m.member_id in chosen]
    identities = [admin for card in operators.values() for admin in card.admins]
    identities += [i for i in own.identities if i.member_id in chosen]
    if SUITE_IDS[order.suite] == own.suite:
        return tuple(members), tuple(identities)
    keys = {i.name: _key_in(context, i.name, order.suite) for i in identities}
    admin_keys = {a.member_id: keys[a.name] for card in cards for a in card.admins}
    return (
        tuple(
            replace(m, admin_key=admin_keys[m.member_id]) if m.member_id in admin_keys else m
            for m in members
        ),
        tuple(replace(i, public_key=keys[i.name]) for i in identities),
    )


def _key_in(context: Context, user: str, suite: str) -> bytes:
    """The public key of a user in another suite, made beside the user's own where there is none."""
    path = key_in(context.user(user).key, suite)
    if not path.exists():
        write_key(path, get_suite(suite).generate_key(), None, dev=True)
    return read_key(path, dev=True).public_key


def _clock_offset_ms(context: Context) -> int:
    """Of a development network: its channels begin in its own present."""
    try:
        return int(Path(context.clock_offset_file).read_text())
    except (OSError, ValueError):
        return 0


def remember(context: Context, ref: ChannelRef) -> None:
    """Clients of the context find the channel by its name from here on."""
    if context.file is not None:
        add_channel(context.file, context.name, ref)


def forget(context: Context, channel: str, node: str) -> None:
    """A node holds it no longer; with the last one it is forgotten."""
    ref = next((ref for ref in context.channels if ref.name == channel), None)
    if ref is None or context.file is None:
        return
    left = tuple(name for name in ref.nodes if name != node)
    if left:
        add_channel(context.file, context.name, replace(ref, nodes=left))
    else:
        drop_channel(context.file, context.name, channel)
