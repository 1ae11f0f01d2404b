"""`apply(state, call, rules) -> Outcome`: what a config transaction does. Pure, total, the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.pbft.evidence import Evidence, evidence_items
from consensus.quorum import quorum
from consensus.tags import Tag, preimage
from node.genesis import NodeEntry
from node.governance.calls import ConfigCall
from node.governance.changes import ADD, REMOVE, REPLACE_KEY, Refused, make
from node.governance.state import Accepted, Change, ConfigState, FormerKey, Proposal
from node.identity.suite import Suite

ADMIN_ROLE = "admin"
PROPOSAL_LIFE = 10_000  # blocks
PROPOSALS_MAX, PROPOSALS_OF_MEMBER_MAX = 64, 8
EVIDENCE_MAX = 1_024


@dataclass(frozen=True, slots=True)
class Rules:
    """What does not change with the configuration."""

    channel_id: Hash
    suite: Suite


@dataclass(frozen=True, slots=True)
class Outcome:
    """code: empty where it was accepted; else `state` is the one that was given.

    evidence: leaves of what this transaction got accepted, for header.evidence_root. event: what happened."""

    state: ConfigState
    code: str = ""
    message: str = ""
    value: dict[str, Any] = field(default_factory=dict)
    event: str = ""
    evidence: tuple[Hash, ...] = ()


def apply(state: ConfigState, call: ConfigCall, rules: Rules) -> Outcome:
    """The outcome of an ordered config transaction on the state after the block below it."""
    alive = tuple(p for p in state.proposals if p.expires_height >= call.height)
    base = state if len(alive) == len(state.proposals) else replace(state, proposals=alive)
    try:
        if call.method == "report_evidence":
            return _report(base, call, rules)
        _require_admin(call)
        if call.method == "approve":
            return _approve(base, call, rules)
        if call.method == "withdraw":
            return _withdraw(base, call)
        return _propose(base, call, rules)
    except Refused as refused:
        return Outcome(state, refused.code, refused.message)


def needed(state: ConfigState) -> int:
    """Approvals that bring a change in force: the smallest safe quorum of the owners."""
    return quorum(len(state.owners))


def _require_admin(call: ConfigCall) -> None:
    if ADMIN_ROLE not in call.sender.roles:
        raise Refused("E_ROLE", f"{call.sender.name} has no role {ADMIN_ROLE}")


# ---- proposals ---------------------------------------------------------------------------------------


def _change(call: ConfigCall) -> Change:
    args = call.args
    if call.method == "add_validator":
        node = NodeEntry(
            args["name"],
            args["city"],
            args["member_id"],
            args["identity_key"],
            args["vote_key"],
            args["transport_cert"],
        )
        return Change(ADD, node.name, node, b"")
    if call.method == "remove_validator":
        return Change(REMOVE, args["name"], None, b"")
    assert call.method == "replace_key"
    return Change(REPLACE_KEY, args["name"], None, args["vote_key"])


def _propose(state: ConfigState, call: ConfigCall, rules: Rules) -> Outcome:
    change, member = _change(call), call.sender.member_id
    changed = make(
        state, change, call.height, rules.suite
    )  # refused now rather than when all approved
    if change.kind == REPLACE_KEY:
        node = state.node(change.name)
        assert node is not None
        if node.member_id != member:
            raise Refused(
                "E_NOT_OWNER", f"the keys of {change.name} are {node.member_id}'s to replace"
            )
        return _in_force(changed, change, "")
    if any(p.change == change for p in state.proposals):
        raise Refused("E_SAME_PROPOSAL", "the same change is proposed already: approve it")
    own = sum(p.proposed_by == member for p in state.proposals)
    if len(state.proposals) >= PROPOSALS_MAX or own >= PROPOSALS_OF_MEMBER_MAX:
        raise Refused("E_INBOX_FULL", "too many proposals are open: approve or withdraw some")
    proposal = Proposal(
        f"p-{call.tx_id.hex()[:16]}",
        change,
        member,
        call.height,
        call.height + PROPOSAL_LIFE,
        (member,) if member in state.owners else (),
    )
    if state.proposal(proposal.proposal_id) is not None:
        raise Refused("E_SAME_PROPOSAL", "a proposal with this id is open")
    opened = replace(state, proposals=(*state.proposals, proposal))
    return _decide(opened, proposal, call, rules, "Proposed")


def _approve(state: ConfigState, call: ConfigCall, rules: Rules) -> Outcome:
    proposal, member = _find(state, call), call.sender.member_id
    if member not in state.owners:
        raise Refused(
            "E_NO_VALIDATOR", f"{member} owns no validator, so its approval does not count"
        )
    if member in proposal.approvals and len(_counted(state, proposal)) < needed(state):
        raise Refused("E_APPROVED", f"{member} has approved {proposal.proposal_id} already")
    approvals = tuple(dict.fromkeys((*proposal.approvals, member)))
    return _decide(state, replace(proposal, approvals=approvals), call, rules, "Approved")


def _withdraw(state: ConfigState, call: ConfigCall) -> Outcome:
    """The proposer takes back the proposal, another member its approval."""
    proposal, member = _find(state, call), call.sender.member_id
    value = {"proposal": proposal.proposal_id, "in_force": False}
    if proposal.proposed_by == member:
        rest = tuple(p for p in state.proposals if p != proposal)
        return Outcome(replace(state, proposals=rest), value=value, event="Withdrawn")
    if member not in proposal.approvals:
        raise Refused("E_NOT_APPROVED", f"{member} neither proposed nor approved it")
    left = tuple(m for m in proposal.approvals if m != member)
    return Outcome(
        _put(state, replace(proposal, approvals=left)), value=value, event="ApprovalWithdrawn"
    )


def _find(state: ConfigState, call: ConfigCall) -> Proposal:
    proposal = state.proposal(call.args["proposal"])
    if proposal is None:
        raise Refused("E_UNKNOWN_PROPOSAL", f"no open proposal {call.args['proposal']}")
    return proposal


def _put(state: ConfigState, proposal: Proposal) -> ConfigState:
    same = proposal.proposal_id
    return replace(
        state,
        proposals=tuple(proposal if p.proposal_id == same else p for p in state.proposals),
    )


def _counted(state: ConfigState, proposal: Proposal) -> list[str]:
    """Approvals of members that own validators now."""
    owners = set(state.owners)
    return [member for member in proposal.approvals if member in owners]


def _decide(
    state: ConfigState, proposal: Proposal, call: ConfigCall, rules: Rules, event: str
) -> Outcome:
    approvals = len(_counted(state, proposal))
    if approvals >= needed(state):
        rest = tuple(p for p in state.proposals if p.proposal_id != proposal.proposal_id)
        changed = make(replace(state, proposals=rest), proposal.change, call.height, rules.suite)
        return _in_force(changed, proposal.change, proposal.proposal_id)
    value = {
        "proposal": proposal.proposal_id,
        "in_force": False,
        "approvals": approvals,
        "needed": needed(state),
    }
    return Outcome(_put(state, proposal), value=value, event=event)


def _in_force(state: ConfigState, change: Change, proposal_id: str) -> Outcome:
    value = {"proposal": proposal_id, "in_force": True, "change": change.kind, "node": change.name}
    return Outcome(state, value=value | {"epoch": state.epoch}, event="InForce")


# ---- evidence ----------------------------------------------------------------------------------------


def evidence_leaf(suite: Suite, evidence: bytes) -> Hash:
    return Hash(suite.hash(preimage(Tag.EVIDENCE, suite.id, evidence)))


def _report(state: ConfigState, call: ConfigCall, rules: Rules) -> Outcome:
    """Anybody the channel knows may report: what counts are two signatures of one key."""
    data: bytes = call.args["evidence"]
    evidence = _read_evidence(data, rules)
    if evidence.epoch > state.epoch:
        raise Refused("E_EVIDENCE_INVALID", f"there was no epoch {evidence.epoch} yet")
    owner = _owner(state, evidence.vote_key)
    # Once is enough: a liar could fill the state with proofs of its lies.
    if any((e.vote_key, e.epoch) == (evidence.vote_key, evidence.epoch) for e in state.evidence):
        raise Refused("E_EVIDENCE_KNOWN", "this key is convicted in this epoch already")
    if len(state.evidence) >= EVIDENCE_MAX:
        raise Refused("E_EVIDENCE_FULL", f"{EVIDENCE_MAX} pieces of evidence are kept")
    leaf = evidence_leaf(rules.suite, data)
    accepted = Accepted(
        leaf,
        data,
        evidence.vote_key,
        owner.name,
        owner.member_id,
        evidence.epoch,
        call.sender.member_id,
        call.height,
    )
    value = {"vote_key": evidence.vote_key.hex(), "node": owner.name, "kind": evidence.kind}
    return Outcome(
        replace(state, evidence=(*state.evidence, accepted)),
        value=value,
        event="EvidenceAccepted",
        evidence=(leaf,),
    )


def _read_evidence(data: bytes, rules: Rules) -> Evidence:
    try:
        evidence = decode(Evidence, data)
        items = evidence_items(evidence, rules.suite.id)
    except (EncodingError, ValueError) as error:
        raise Refused("E_EVIDENCE_INVALID", f"it is no evidence: {error}") from None
    assert encode(evidence) == data
    if evidence.channel_id != rules.channel_id:
        raise Refused("E_EVIDENCE_INVALID", "it is about another channel")
    if not all(rules.suite.verify(i.key, i.message, i.signature) for i in items):
        raise Refused("E_EVIDENCE_INVALID", "a signature in it does not verify")
    return evidence


def _owner(state: ConfigState, vote_key: bytes) -> NodeEntry | FormerKey:
    """Whose key it is or was. By key: indexes change with the validators."""
    for node in state.config.nodes:
        if node.vote_key == vote_key:
            return node
    for former in reversed(state.record.former):
        if former.vote_key == vote_key:
            return former
    raise Refused("E_EVIDENCE_INVALID", "the key never voted in this channel")
