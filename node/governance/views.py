"""What anybody of the channel may ask about its configuration, as values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from consensus.encoding import decode
from consensus.header import identity_digest
from consensus.pbft.evidence import Evidence
from node.genesis import Identity, Member, NodeEntry
from node.governance.apply import needed, tallies
from node.governance.calls import CHANGES, ConfigCall
from node.governance.changes import change_of
from node.governance.kinds import CONTRACTS, KINDS, POLICIES, VERSIONS, Kind, policy_of
from node.governance.outcome import Outcome, Rules
from node.governance.policies import ADMIN_ROLE, tally
from node.governance.state import Accepted, ConfigState, Proposal
from node.governance.words import describe, diff
from node.identity.suite import Suite
from node.trust import trust


def view(state: ConfigState, name: str, args: Mapping[str, Any], height: int, suite: Suite) -> Any:
    """The answer, or None where there is no such view. height: of the next block."""
    match name:
        case "show":
            return _show(state)
        case "proposals":
            return [_proposal(state, p) for p in state.proposals]
        case "proposal":
            proposal = state.proposal(str(args.get("proposal")))
            return {} if proposal is None else _at_length(state, proposal, height, suite)
        case "evidence":
            return [_evidence(e) for e in state.evidence]
        case "identities":
            return _identities(state, suite)
        case "kinds":
            rows = [_kind(state, kind) for kind in KINDS.values()]
            return [*rows, _kind(state, CONTRACTS)]
        case "members":
            return _members(state)
        case "version_policy":
            found = tally(state, policy_of(state, VERSIONS), ())
            return {
                "policy": str(found.policy),
                "asked": list(found.asked),
                "needed": found.needed,
            }
        case "limits":
            return asdict(state.config.limits)
    return None


def preview(state: ConfigState, call: ConfigCall, outcome: Outcome, rules: Rules) -> dict[str, Any]:
    """What a change would do that is not proposed yet: whether it is taken, what would be otherwise, and who
    would still have to approve. outcome: of proposing it now."""
    found: dict[str, Any] = {
        "accepted": not outcome.code,
        "code": outcome.code,
        "message": outcome.message,
        "in_force": bool(outcome.value.get("in_force")),
        "before": [],
        "after": [],
        "policy": "",
        "missing": [],
        "needed": int(outcome.value.get("needed", 0)),
    }
    if outcome.code or call.method not in CHANGES:
        return found
    change = change_of(state, call.method, call.args, rules.suite)
    shown = diff(state, change, call.height, rules.suite)
    found |= {"change": describe(change), "before": shown["before"], "after": shown["after"]}
    opened = outcome.state.proposal(str(outcome.value.get("proposal")))
    if opened is not None:
        row = _proposal(outcome.state, opened)
        found |= {name: row[name] for name in ("policy", "missing", "needed", "execute_at")}
    return found


def _at_length(state: ConfigState, proposal: Proposal, height: int, suite: Suite) -> dict[str, Any]:
    """With what would be otherwise, and how each policy stands."""
    standing = [
        {
            "policy": str(each.policy),
            "asked": list(each.asked),
            "approved": list(each.approved),
            "rejected": list(each.rejected),
            "needed": each.needed,
        }
        for each in tallies(state, proposal)
    ]
    shown = diff(state, proposal.change, max(height, proposal.execute_at), suite)
    return _proposal(state, proposal) | shown | {"policies": standing}


def read_members(rows: Sequence[Mapping[str, Any]]) -> tuple[Member, ...]:
    """Of the view `members`."""
    keys = {"admin_key", "peer_ca"}
    named: list[dict[str, Any]] = [
        {
            f.name: bytes.fromhex(row[f.name]) if f.name in keys else row[f.name]
            for f in fields(Member)
        }
        for row in rows
    ]
    return tuple(Member(**values) for values in named)


def read_identities(rows: Sequence[Mapping[str, Any]]) -> tuple[Identity, ...]:
    """Those in force, of the view `identities`."""
    return tuple(
        Identity(row["name"], row["member"], bytes.fromhex(row["public_key"]), tuple(row["roles"]))
        for row in rows
        if not row["until"]
    )


def _identities(state: ConfigState, suite: Suite) -> list[dict[str, Any]]:
    """Those in force, then those that were, the newest first."""
    serials = {c.public_key: c.serial for c in state.certificates}

    def row(identity: Identity) -> dict[str, Any]:
        key = identity.public_key
        return {
            "name": identity.name,
            "member": identity.member_id,
            "roles": list(identity.roles),
            "identity": identity_digest(suite.hash, suite.id, key).hex(),
            "public_key": key.hex(),
            "serial": serials.get(key, ""),
        }

    now = [row(i) | {"until": 0, "reason": ""} for i in state.config.identities]
    past = [row(f.identity) | {"until": f.until_height, "reason": f.reason} for f in state.former]
    return now + past[::-1]


def _members(state: ConfigState) -> list[dict[str, Any]]:
    granted = {m.member_id: m.roles for m in state.statutes.members}
    return [
        asdict(member)
        | {"admin_key": member.admin_key.hex(), "peer_ca": member.peer_ca.hex()}
        | {"roles": list(granted.get(member.member_id, ()))}
        for member in state.config.members
    ]


def _kind(state: ConfigState, kind: Kind) -> dict[str, Any]:
    policy = str(policy_of(state, kind.name)) if kind.name in POLICIES else kind.policy
    return {"kind": kind.name, "does": kind.does, "policy": policy, "own": kind.own}


def _show(state: ConfigState) -> dict[str, Any]:
    config, kind = state.config, state.config.consensus.kind
    return {
        "channel": config.name,
        "engine": kind,
        "trust": trust(kind, len(state.validators)),
        "epoch": state.epoch,
        "since_height": state.record.base_height + 1 if state.epoch else 0,
        "window": config.consensus.window,
        "approvals_needed": needed(state),
        "validators": [_node(node) for node in config.nodes],
        "observers": [_node(node) for node in state.observers],
        "members": [
            {
                "member": member.member_id,
                "name": member.name,
                "city": member.city,
                "zone": member.zone,
                "jurisdiction": member.jurisdiction,
                "validators": sum(node.member_id == member.member_id for node in config.nodes),
                "admins": [
                    i.name
                    for i in config.identities
                    if i.member_id == member.member_id and ADMIN_ROLE in i.roles
                ],
            }
            for member in config.members
        ],
        "policies": {kind: str(policy_of(state, kind)) for kind in POLICIES},
        "zone": config.zone,
        "jurisdiction": config.jurisdiction,
        "resident": list(config.resident),
        "zones_admitted": list(state.statutes.zones),
        "flags": {flag.flag: flag.height for flag in state.statutes.flags},
        "open_proposals": len(state.proposals),
        "evidence": len(state.evidence),
    }


def _node(node: NodeEntry) -> dict[str, Any]:
    return {
        "name": node.name,
        "city": node.city,
        "member": node.member_id,
        "vote_key": node.vote_key.hex(),
        "identity_key": node.identity_key.hex(),
        "transport": hashlib.sha256(node.transport_cert).hexdigest(),
        "role": node.role,
        "region": node.region,
        "zone": node.zone,
        "jurisdiction": node.jurisdiction,
    }


def _proposal(state: ConfigState, proposal: Proposal) -> dict[str, Any]:
    standing = tallies(state, proposal)
    worst = max(standing, key=lambda each: each.needed - len(each.approved))
    return {
        "proposal": proposal.proposal_id,
        "change": describe(proposal.change),
        "kind": proposal.change.kind,
        "node": proposal.change.name,
        "proposed_by": proposal.proposed_by,
        "height": proposal.proposed_height,
        "expires": proposal.expires_height,
        "expires_ms": proposal.expires_ms,
        "execute_at": proposal.execute_at,
        "is_approved": proposal.approved_height > 0,
        "approvals": list(proposal.approvals),
        "rejections": list(proposal.rejections),
        "policy": " and ".join(str(each.policy) for each in standing),
        "needed": worst.needed,
        "missing": list(dict.fromkeys(m for each in standing for m in each.missing)),
    }


def _evidence(accepted: Accepted) -> dict[str, Any]:
    shown = decode(Evidence, accepted.evidence)
    return {
        "node": accepted.name,
        "member": accepted.member_id,
        "vote_key": accepted.vote_key.hex(),
        "kind": shown.kind,
        "epoch": accepted.epoch,
        "height": shown.height,
        "view": shown.view,
        "first": shown.first_hash.hex(),
        "second": shown.second_hash.hex(),
        "reported_by": accepted.reported_by,
        "accepted_at": accepted.height,
    }
