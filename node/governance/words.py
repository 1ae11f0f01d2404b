"""Changes in people's words: one line each, and what the configuration says before and after. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from node.genesis import Identity, Member, NodeEntry
from node.governance.changes import make
from node.governance.kinds import POLICIES, policy_of
from node.governance.policies import electorate
from node.governance.quotas import HOUR_SECONDS, LIMITED, named, told
from node.governance.refusals import Refused
from node.governance.state import Change, ConfigState
from node.identity.suite import Suite

NOTHING = "–"


def describe(change: Change) -> str:
    """The change in words, for the inbox."""
    args, name = change.args, change.name
    match change.kind:
        case "add-validator":
            return f"add validator {name} of {args['member_id']}"
        case "remove-validator":
            return f"remove validator {name}: it observes from then on"
        case "replace-key":
            return f"replace the vote key of {name} by {_key(args['vote_key'])}"
        case "replace-transport":
            return f"replace the transport certificate of {name} by {_fingerprint(args['transport_cert'])}"
        case "replace-node-identity":
            return f"replace the identity key of node {name} by {_key(args['identity_key'])}"
        case "add-node":
            return f"name node {name} of {args['member_id']} as {args['role']}"
        case "remove-node":
            return f"name node {name} no longer"
        case "set-node-role":
            return f"node {name} is {args['role']}"
        case "add-member":
            return f"add member {name}, {args['name']} in {args['city']}"
        case "set-member":
            return f"change what the channel says of member {name}"
        case "remove-member":
            return f"remove member {name} and its identities"
        case "set-authority":
            authority = _key(args["certificate"])
            return f"let {name} bring identities in by the authority {authority}"
        case "add-identity":
            roles = _list(args["roles"], "none")
            return f"add identity {name} of {args['member_id']} with the roles {roles}"
        case "revoke-identity":
            return f"revoke identity {name} ({args['identity'].hex()[:16]}…)"
        case "replace-identity-key":
            return f"replace the key of {name} by {_key(args['public_key'])}"
        case "set-roles":
            return f"give {name} the roles {_list(args['roles'], 'none')}"
        case "revoke-certificate":
            return f"revoke certificate {name} of {args['member_id']}"
        case "set-limits":
            given = {k: v for k, v in args.items() if v}
            return "set " + ", ".join(f"{k} to {v}" for k, v in given.items())
        case "set-quota":
            given = {n: args[n] for n in LIMITED}
            limits = told(given, args["seconds"] or HOUR_SECONDS) if any(given.values()) else ""
            return f"let {name} use {limits}" if limits else f"take the quota of {name} away"
        case "set-policy":
            return f"let {args['policy']} decide on {name}"
        case "set-zones":
            return f"let nodes of other zones take part: {_list(args['zones'], 'none')}"
        case "cancel-flag":
            return f"do not activate flag {name}"
        case _:
            return f"activate flag {name} from block {args['height']} on"


def diff(before: ConfigState, change: Change, height: int, suite: Suite) -> dict[str, Any]:
    """What would be otherwise: `before` and `after` lines of the configuration, and `refused`, why not, in a
    block of `height`."""
    try:
        after = make(before, change, height, suite)
    except Refused as refused:
        return {"before": [], "after": [], "refused": f"{refused.code}: {refused.message}"}
    old, new = lines(before), lines(after)
    return {
        "before": [f"{k}: {v}" for k, v in old.items() if new.get(k) != v],
        "after": [f"{k}: {v}" for k, v in new.items() if old.get(k) != v],
        "refused": "",
    }


def lines(state: ConfigState) -> dict[str, str]:
    """The configuration in words, by what each line is about."""
    config = state.config
    found = {"epoch": str(state.epoch)}
    found |= {f"limit {name}": f"{value:,}" for name, value in asdict(config.limits).items()}
    granted = {m.member_id: m.roles for m in state.statutes.members}
    for member in config.members:
        found[f"member {member.member_id}"] = (
            f"{member.name}, {_place(member)}; admin key {_key(member.admin_key)}; "
            f"authority {_key(member.peer_ca)}; may give {_list(granted.get(member.member_id, ()))}"
        )
    found |= {f"authority of {a.member_id}": _key(a.certificate) for a in state.authorities}
    certified = {c.public_key: c.serial for c in state.certificates}
    for identity in config.identities:
        found[f"identity {identity.name} of {identity.member_id}"] = _identity(identity, certified)
    for node in (*config.nodes, *state.observers):
        found[f"{node.role} {node.name}"] = (
            f"{node.member_id}, {_place(node)}; vote key {_key(node.vote_key)}; "
            f"identity {_key(node.identity_key)}; certificate {_fingerprint(node.transport_cert)}"
        )
    for kind in POLICIES:
        policy = policy_of(state, kind)
        asked = len(electorate(state, policy.whom))
        found[f"{kind} is decided by"] = f"{policy} ({policy.needed(asked)} of {asked})"
    if state.statutes.zones:
        found[f"zone {config.zone}"] = f"takes nodes of {_list(state.statutes.zones)} too"
    for quota in state.quotas:
        limits = {n: getattr(quota, n) for n in LIMITED}
        found[f"quota of {named(*quota.subject)}"] = told(limits, quota.seconds)
    found |= {f"flag {f.flag}": f"from block {f.height} on" for f in state.statutes.flags}
    found |= {f"certificate {r.serial} of {r.member_id}": "revoked" for r in state.revoked}
    return found


def _identity(identity: Identity, certified: dict[bytes, str]) -> str:
    serial = certified.get(identity.public_key)
    shown = f"key {_key(identity.public_key)}; roles {_list(identity.roles)}"
    return shown + (f"; certificate {serial}" if serial else "")


def _place(of: Member | NodeEntry) -> str:
    said = (of.city, of.region, of.zone, of.jurisdiction)
    return ", ".join(filter(None, said))


def _fingerprint(der: bytes) -> str:
    """Certificates begin alike, so their digest is shown."""
    return hashlib.sha256(der).hexdigest()[:20] + "…"


def _key(data: bytes) -> str:
    return f"{data.hex()[:20]}…" if data else NOTHING


def _list(items: tuple[str, ...], nothing: str = NOTHING) -> str:
    return ", ".join(items) or nothing
