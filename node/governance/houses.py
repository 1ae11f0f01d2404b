"""Members and identities: what each kind of change does to them, and what it must not do. Pure.

Whoever is out stays in the history, so that what was signed before keeps its name; a key that was revoked or
replaced never comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from node.genesis import ZONES, Identity, Member, NodeEntry
from node.governance.calls import PLACE
from node.governance.keys import check_key
from node.governance.papers import check_papers, check_roles_held
from node.governance.policies import ADMIN_ROLE
from node.governance.refusals import Refused
from node.governance.state import (
    CHANGED,
    NODE_ROLE,
    REPLACED,
    REVOKED,
    Certificate,
    ConfigState,
    FormerIdentity,
    Revoked,
    Roles,
)
from node.identity.suite import Suite
from node.residency import is_inside

MEMBERS_MAX, IDENTITIES_MAX, IDENTITIES_OF_MEMBER_MAX = 1_024, 65_536, 4_096


def house_roles(state: ConfigState, member_id: str) -> set[str]:
    """Roles that a member may give to its identities alone: what the channel granted, and what they have."""
    granted = next((m.roles for m in state.statutes.members if m.member_id == member_id), ())
    held = {r for i in state.config.identities if i.member_id == member_id for r in i.roles}
    return held | set(granted)


def find_member(state: ConfigState, member_id: str) -> Member:
    found = state.config.member(member_id)
    if found is None:
        raise Refused("E_UNKNOWN_MEMBER", f"{member_id} is no member of the channel")
    return found


def find_identity(state: ConfigState, digest: bytes, suite: Suite) -> Identity:
    found = state.identity(suite.hash, digest)
    if found is None:
        raise Refused("E_UNKNOWN_IDENTITY", f"no identity {digest.hex()} is in force")
    return found


def place(args: dict[str, Any]) -> dict[str, Any]:
    """Where a member or node is, as far as it is said."""
    found = {name: args[name] for name in PLACE if name in args}
    if found.get("zone", ZONES[0]) not in ZONES:
        raise Refused("E_ZONE", f"a zone is one of {', '.join(ZONES)}")
    return found


def require_zone(state: ConfigState, placed: Member | NodeEntry) -> None:
    """Data of a channel of one zone stays there, until all who own validators say otherwise."""
    if not is_inside(state.config, state.statutes.zones, placed):
        own = state.config.zone
        name = placed.name if isinstance(placed, NodeEntry) else placed.member_id
        raise Refused(
            "E_ZONE", f"{name} is of zone {placed.zone}, the channel of {own}: set-zones first"
        )


# ---- members -----------------------------------------------------------------------------------------


def add_member(state: ConfigState, args: dict[str, Any], height: int, suite: Suite) -> ConfigState:
    member_id = args["member_id"]
    if state.config.member(member_id) is not None:
        raise Refused("E_MEMBER_EXISTS", f"{member_id} is a member already")
    if len(state.config.members) >= MEMBERS_MAX:
        raise Refused("E_TOO_MANY", f"a channel has at most {MEMBERS_MAX} members")
    member = Member(
        member_id, args["name"], args["city"], args["admin_key"], args["peer_ca"], **place(args)
    )
    require_zone(state, member)
    _check_admin_key(state, member, suite)
    granted = _grant(state, member_id, args["roles"])
    return _with_config(granted, members=(*state.config.members, member))


def set_member(state: ConfigState, args: dict[str, Any], height: int, suite: Suite) -> ConfigState:
    before = find_member(state, args["member_id"])
    said = {name: args[name] for name in ("name", "city", "admin_key", "peer_ca")}
    after = replace(before, **said, **place(args))
    require_zone(state, after)
    if after.admin_key != before.admin_key:
        _check_admin_key(state, after, suite)
    granted = _grant(state, before.member_id, args["roles"])
    if after == before and granted == state:
        raise Refused("E_NO_CHANGE", f"{before.member_id} is like that already")
    members = tuple(after if m == before else m for m in state.config.members)
    return _with_config(granted, members=members)


def remove_member(
    state: ConfigState, args: dict[str, Any], height: int, suite: Suite
) -> ConfigState:
    member = find_member(state, args["member_id"])
    id_ = member.member_id
    if id_ in state.owners:
        own = ", ".join(n.name for n in state.config.nodes if n.member_id == id_)
        raise Refused("E_MEMBER_VALIDATES", f"{id_} owns validators, remove them first: {own}")
    gone = [i for i in state.config.identities if i.member_id == id_]
    state = _take_out(state, gone, height, REVOKED)
    state = _grant(state, id_, ())
    left = tuple(a for a in state.authorities if a.member_id != id_)
    quotas = tuple(q for q in state.quotas if q.member != id_)
    state = replace(state, authorities=left, quotas=quotas)
    observers = tuple(n for n in state.observers if n.member_id != id_)
    state = replace(state, record=replace(state.record, observers=observers))
    return _with_config(state, members=tuple(m for m in state.config.members if m != member))


def _check_admin_key(state: ConfigState, member: Member, suite: Suite) -> None:
    if member.admin_key:
        check_key(state, member.admin_key, "admin key", suite)


def _grant(state: ConfigState, member_id: str, roles: Sequence[str]) -> ConfigState:
    _check_roles(roles)
    rest = [m for m in state.statutes.members if m.member_id != member_id]
    granted = [Roles(member_id, tuple(sorted(roles)))] if roles else []
    members = tuple(sorted(rest + granted, key=lambda m: m.member_id))
    return replace(state, statutes=replace(state.statutes, members=members))


# ---- identities --------------------------------------------------------------------------------------


def add_identity(
    state: ConfigState, args: dict[str, Any], height: int, suite: Suite
) -> ConfigState:
    member_id, known = args["member_id"], state.config.identities
    find_member(state, member_id)
    own = [i for i in known if i.member_id == member_id]
    if any(i.name == args["name"] for i in own):
        raise Refused("E_IDENTITY_EXISTS", f"{member_id} has an identity {args['name']} already")
    if len(known) >= IDENTITIES_MAX or len(own) >= IDENTITIES_OF_MEMBER_MAX:
        raise Refused("E_TOO_MANY", f"a member has at most {IDENTITIES_OF_MEMBER_MAX} identities")
    _check_roles(args["roles"])
    check_key(state, args["public_key"], "key", suite)
    identity = Identity(args["name"], member_id, args["public_key"], tuple(args["roles"]))
    state = _certify(state, identity, args, suite)
    return _with_config(state, identities=(*known, identity))


def revoke_identity(
    state: ConfigState, args: dict[str, Any], height: int, suite: Suite
) -> ConfigState:
    identity = find_identity(state, args["identity"], suite)
    _require_admin_left(state, identity)
    return _take_out(state, [identity], height, REVOKED)


def replace_identity_key(
    state: ConfigState, args: dict[str, Any], height: int, suite: Suite
) -> ConfigState:
    """The same person under another key: name, member and roles stay."""
    before = find_identity(state, args["identity"], suite)
    check_key(state, args["public_key"], "key", suite)
    after = replace(before, public_key=args["public_key"])
    state = _certify(_to_history(state, [before], height, REPLACED), after, args, suite)
    identities = tuple(after if i == before else i for i in state.config.identities)
    return _with_config(state, identities=identities)


def set_roles(state: ConfigState, args: dict[str, Any], height: int, suite: Suite) -> ConfigState:
    before, roles = find_identity(state, args["identity"], suite), tuple(args["roles"])
    _check_roles(roles)
    if set(roles) == set(before.roles):
        raise Refused("E_NO_CHANGE", f"{before.name} has these roles already")
    if ADMIN_ROLE not in roles:
        _require_admin_left(state, before)
    after = replace(before, roles=roles)
    check_roles_held(state, after)
    former = FormerIdentity(before, height, CHANGED)
    state = replace(state, former=_in_order((*state.former, former)))
    identities = tuple(after if i == before else i for i in state.config.identities)
    return _with_config(state, identities=identities)


def revoke_certificate(
    state: ConfigState, args: dict[str, Any], height: int, suite: Suite
) -> ConfigState:
    """Whoever it was issued to is out with it, where the configuration names that certificate."""
    member_id, serial = args["member_id"], args["serial"]
    if state.is_revoked(member_id, serial):
        raise Refused("E_REVOKED", f"certificate {serial} of {member_id} is revoked already")
    if state.config.member(member_id) is None and not any(
        f.identity.member_id == member_id for f in state.former
    ):
        raise Refused("E_UNKNOWN_MEMBER", f"{member_id} never was a member of the channel")
    keys = {c.public_key for c in state.certificates if c.serial == serial}
    held = [i for i in state.config.identities if i.member_id == member_id and i.public_key in keys]
    for identity in held:
        _require_admin_left(state, identity)
        state = _take_out(state, [identity], height, REVOKED)
    return replace(state, revoked=(*state.revoked, Revoked(member_id, serial, height)))


def _certify(
    state: ConfigState, identity: Identity, args: dict[str, Any], suite: Suite
) -> ConfigState:
    """Keeps the certificate of an identity that comes with one."""
    serial, der = args["serial"], args["certificate"]
    check_papers(state, identity, der, serial, suite)
    if not serial and not der:
        return state
    if not serial:
        raise Refused("E_CERTIFICATE", "a certificate comes with its serial number")
    if state.is_revoked(identity.member_id, serial):
        raise Refused("E_REVOKED", f"certificate {serial} of {identity.member_id} is revoked")
    owners = {i.public_key: i.member_id for i in state.config.identities}
    if any(
        c.serial == serial and owners.get(c.public_key) == identity.member_id
        for c in state.certificates
    ):
        raise Refused("E_CERTIFICATE", f"another identity holds certificate {serial}")
    certificate = Certificate(identity.public_key, serial, der)
    certificates = sorted((*state.certificates, certificate), key=lambda c: c.public_key)
    return replace(state, certificates=tuple(certificates))


def _check_roles(roles: Sequence[str]) -> None:
    if NODE_ROLE in roles:
        raise Refused("E_ROLES", f"{NODE_ROLE} is what nodes are, no role to be given")


def _require_admin_left(state: ConfigState, identity: Identity) -> None:
    if ADMIN_ROLE not in identity.roles:
        return
    admins = [
        i
        for i in state.config.identities
        if i.member_id == identity.member_id and ADMIN_ROLE in i.roles
    ]
    if len(admins) == 1:
        raise Refused(
            "E_LAST_ADMIN",
            f"{identity.name} is the last admin of {identity.member_id}: first give it another key, or "
            "another identity the role",
        )


def _take_out(
    state: ConfigState, gone: Sequence[Identity], height: int, reason: str
) -> ConfigState:
    state = _to_history(state, gone, height, reason)
    return _with_config(
        state, identities=tuple(i for i in state.config.identities if i not in gone)
    )


def _to_history(
    state: ConfigState, gone: Sequence[Identity], height: int, reason: str
) -> ConfigState:
    keys = {identity.public_key for identity in gone}
    former = (*state.former, *(FormerIdentity(identity, height, reason) for identity in gone))
    certificates = tuple(c for c in state.certificates if c.public_key not in keys)
    return replace(state, former=_in_order(former), certificates=certificates)


def _in_order(former: Sequence[FormerIdentity]) -> tuple[FormerIdentity, ...]:
    return tuple(sorted(former, key=lambda f: (f.until_height, f.identity.public_key)))


def _with_config(state: ConfigState, **changed: Any) -> ConfigState:
    return replace(state, record=replace(state.record, config=replace(state.config, **changed)))
