"""What anybody of the channel may ask about its configuration, as values: `show`, `proposals`, `evidence`."""

from __future__ import annotations

from typing import Any

from consensus.encoding import decode
from consensus.pbft.evidence import Evidence
from node.genesis import NodeEntry
from node.governance.apply import needed, tallies
from node.governance.kinds import KINDS, has_policy, policy_of
from node.governance.policies import ADMIN_ROLE
from node.governance.state import Accepted, ConfigState, Proposal
from node.governance.words import describe
from node.trust import trust


def view(state: ConfigState, name: str) -> Any:
    """The answer, or None where there is no such view."""
    if name == "show":
        return _show(state)
    if name == "proposals":
        return [_proposal(state, p) for p in state.proposals]
    if name == "evidence":
        return [_evidence(e) for e in state.evidence]
    return None


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
        "policies": {kind: str(policy_of(state, kind)) for kind in KINDS if has_policy(kind)},
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
