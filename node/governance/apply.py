"""`apply(state, call, rules) -> Outcome`: what a config transaction does. Pure, total, the same everywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from consensus.quorum import quorum
from node.governance.calls import ConfigCall
from node.governance.changes import change_of, is_own, make
from node.governance.conviction import report
from node.governance.kinds import KINDS, policies_for
from node.governance.outcome import Outcome, Rules
from node.governance.papers import check_dates
from node.governance.policies import ADMIN_ROLE, Tally, tally
from node.governance.refusals import Refused
from node.governance.state import (
    PROPOSAL_LIFE,
    REPLACE_TRANSPORT,
    Change,
    ConfigState,
    Proposal,
)

LIFE_MAX = 100_000  # blocks
PROPOSALS_MAX, PROPOSALS_OF_MEMBER_MAX = 64, 8


def apply(state: ConfigState, call: ConfigCall, rules: Rules) -> Outcome:
    """The outcome of an ordered config transaction on the state after the block below it."""
    alive = tuple(p for p in state.proposals if not is_expired(p, call.height, call.time_ms))
    base = state if len(alive) == len(state.proposals) else replace(state, proposals=alive)
    try:
        if call.method == "report_evidence":
            return report(base, call, rules)
        if call.method == "execute":
            return _execute(base, call, rules)
        _require_admin(call)
        if call.method == "approve":
            return _approve(base, call, rules)
        if call.method == "reject":
            return _reject(base, call)
        if call.method == "withdraw":
            return _withdraw(base, call)
        return _propose(base, call, rules)
    except Refused as refused:
        return Outcome(state, refused.code, refused.message)


def needed(state: ConfigState) -> int:
    """The smallest safe quorum of the owners: what most changes need by default."""
    return quorum(len(state.owners))


def is_expired(proposal: Proposal, height: int, time_ms: int) -> bool:
    """In a block of that height above one of that time. What waits for its height was decided in time."""
    if proposal.approved_height:
        return False
    is_late = 0 < proposal.expires_ms < time_ms
    return proposal.expires_height < height or is_late


def tallies(state: ConfigState, proposal: Proposal) -> tuple[Tally, ...]:
    """How each policy that the proposal has to satisfy stands now."""
    return tuple(
        tally(state, policy, proposal.approvals, proposal.rejections)
        for policy in policies_for(state, proposal.change)
    )


def _require_admin(call: ConfigCall) -> None:
    if ADMIN_ROLE not in call.sender.roles:
        raise Refused("E_ROLE", f"{call.sender.name} has no role {ADMIN_ROLE}")


# ---- proposals ---------------------------------------------------------------------------------------


def _propose(state: ConfigState, call: ConfigCall, rules: Rules) -> Outcome:
    member = call.sender.member_id
    change = change_of(state, call.method, call.args, rules.suite)
    check_dates(call.args, call.time_ms)
    if change.kind == REPLACE_TRANSPORT:
        check_dates({"certificate": call.args["transport_cert"]}, call.time_ms)
    # Refused now rather than when all approved.
    changed = make(state, change, call.height, rules.suite)
    proposal = _opened(call, change)
    if is_own(state, change, member, rules.suite) and not proposal.execute_at:
        return _in_force(changed, change, "")
    if not KINDS[change.kind].policy:
        raise Refused("E_HEIGHT", f"{change.kind} is its owner's: it is in force at once")
    when = proposal.execute_at
    if any((p.change, p.execute_at) == (change, when) for p in state.proposals):
        raise Refused("E_SAME_PROPOSAL", "the same change is proposed already: approve it")
    own = sum(p.proposed_by == member for p in state.proposals)
    if len(state.proposals) >= PROPOSALS_MAX or own >= PROPOSALS_OF_MEMBER_MAX:
        raise Refused("E_INBOX_FULL", "too many proposals are open: approve or withdraw some")
    if state.proposal(proposal.proposal_id) is not None:
        raise Refused("E_SAME_PROPOSAL", "a proposal with this id is open")
    if any(member in each.asked for each in tallies(state, proposal)):
        proposal = replace(proposal, approvals=(member,))
    opened = replace(state, proposals=(*state.proposals, proposal))
    return _decide(opened, proposal, call, rules, "Proposed")


def _opened(call: ConfigCall, change: Change) -> Proposal:
    """The proposal as it is asked for. Raises Refused for heights that are none."""
    args, height = call.args, call.height
    execute_at = args.get("execute_at", 0)
    expires = args.get("valid_until_height", 0) or max(execute_at, height + PROPOSAL_LIFE)
    expires_ms = args.get("valid_until_ms", 0)
    if execute_at and not height < execute_at <= height + LIFE_MAX:
        raise Refused("E_HEIGHT", f"block {height} is there already, or {execute_at} too far away")
    if not height <= expires <= height + LIFE_MAX or expires < execute_at:
        raise Refused("E_HEIGHT", f"it could not be approved until block {expires}")
    if 0 < expires_ms <= call.time_ms:
        raise Refused("E_HEIGHT", "the last block is later than the date that it should expire at")
    id_ = f"p-{call.tx_id.hex()[:16]}"
    member = call.sender.member_id
    return Proposal(id_, change, member, height, expires, expires_ms, execute_at, 0, (), ())


def _approve(state: ConfigState, call: ConfigCall, rules: Rules) -> Outcome:
    proposal, member = _find(state, call), call.sender.member_id
    standing = _require_voice(state, proposal, member)
    is_satisfied = all(each.is_satisfied for each in standing)
    if member in proposal.approvals and (not is_satisfied or proposal.approved_height):
        raise Refused("E_APPROVED", f"{member} has approved {proposal.proposal_id} already")
    approvals = tuple(dict.fromkeys((*proposal.approvals, member)))
    rejections = tuple(m for m in proposal.rejections if m != member)
    spoken = replace(proposal, approvals=approvals, rejections=rejections)
    return _decide(state, spoken, call, rules, "Approved")


def _reject(state: ConfigState, call: ConfigCall) -> Outcome:
    """A member is against it. It ends where those who are not are too few."""
    proposal, member = _find(state, call), call.sender.member_id
    _require_voice(state, proposal, member)
    if member in proposal.rejections:
        raise Refused("E_REJECTED", f"{member} has rejected {proposal.proposal_id} already")
    approvals = tuple(m for m in proposal.approvals if m != member)
    spoken = replace(proposal, approvals=approvals, rejections=(*proposal.rejections, member))
    spoken = _still_approved(state, spoken)
    standing = tallies(state, spoken)
    value = _value(spoken, standing)
    if any(each.is_impossible for each in standing):
        rest = tuple(p for p in state.proposals if p != proposal)
        value["ended"] = True
        return Outcome(replace(state, proposals=rest), value=value, event="Rejected")
    return Outcome(_put(state, spoken), value=value, event="RejectionNoted")


def _withdraw(state: ConfigState, call: ConfigCall) -> Outcome:
    """The proposer takes back the proposal, another member its approval."""
    proposal, member = _find(state, call), call.sender.member_id
    value: dict[str, Any] = {"proposal": proposal.proposal_id, "in_force": False}
    if proposal.proposed_by == member:
        rest = tuple(p for p in state.proposals if p != proposal)
        return Outcome(replace(state, proposals=rest), value=value, event="Withdrawn")
    if member not in proposal.approvals:
        raise Refused("E_NOT_APPROVED", f"{member} neither proposed nor approved it")
    left = replace(proposal, approvals=tuple(m for m in proposal.approvals if m != member))
    changed = _put(state, _still_approved(state, left))
    return Outcome(changed, value=value, event="ApprovalWithdrawn")


def _execute(state: ConfigState, call: ConfigCall, rules: Rules) -> Outcome:
    """What was approved for a height that has come. Anybody the channel knows may say so: nodes do."""
    proposal = _find(state, call)
    if not proposal.approved_height:
        raise Refused("E_NOT_APPROVED", f"{proposal.proposal_id} is not approved")
    if call.height < proposal.execute_at:
        raise Refused("E_HEIGHT", f"it waits for block {proposal.execute_at}")
    rest = tuple(p for p in state.proposals if p != proposal)
    without = replace(state, proposals=rest)
    failure = ""
    if not all(each.is_satisfied for each in tallies(state, proposal)):
        failure = "E_NOT_APPROVED"
    else:
        try:
            changed = make(without, proposal.change, call.height, rules.suite)
        except Refused as refused:
            failure = refused.code
    if failure:
        value = {"proposal": proposal.proposal_id, "in_force": False, "failure": failure}
        return Outcome(without, value=value, event="ExecutionFailed")
    return _in_force(changed, proposal.change, proposal.proposal_id)


def _find(state: ConfigState, call: ConfigCall) -> Proposal:
    proposal = state.proposal(call.args["proposal"])
    if proposal is None:
        raise Refused("E_UNKNOWN_PROPOSAL", f"no open proposal {call.args['proposal']}")
    return proposal


def _require_voice(state: ConfigState, proposal: Proposal, member: str) -> tuple[Tally, ...]:
    standing = tallies(state, proposal)
    if any(member in each.asked for each in standing):
        return standing
    if all(each.policy.whom == "validators" for each in standing):
        raise Refused(
            "E_NO_VALIDATOR", f"{member} owns no validator, so its approval does not count"
        )
    asked = " and ".join(str(each.policy) for each in standing)
    raise Refused("E_NOT_ASKED", f"it is decided by {asked}, and {member} is not among them")


def _put(state: ConfigState, proposal: Proposal) -> ConfigState:
    same = proposal.proposal_id
    return replace(
        state,
        proposals=tuple(proposal if p.proposal_id == same else p for p in state.proposals),
    )


def _still_approved(state: ConfigState, proposal: Proposal) -> Proposal:
    """What waits for its height is approved only as long as enough stand by it."""
    if all(each.is_satisfied for each in tallies(state, proposal)):
        return proposal
    return replace(proposal, approved_height=0)


def _decide(
    state: ConfigState, proposal: Proposal, call: ConfigCall, rules: Rules, event: str
) -> Outcome:
    standing = tallies(state, proposal)
    if not all(each.is_satisfied for each in standing):
        return Outcome(_put(state, proposal), value=_value(proposal, standing), event=event)
    if proposal.execute_at > call.height:
        waiting = replace(proposal, approved_height=call.height)
        value = _value(waiting, standing) | {"execute_at": proposal.execute_at}
        return Outcome(_put(state, waiting), value=value, event="Scheduled")
    rest = tuple(p for p in state.proposals if p.proposal_id != proposal.proposal_id)
    changed = make(replace(state, proposals=rest), proposal.change, call.height, rules.suite)
    return _in_force(changed, proposal.change, proposal.proposal_id)


def _value(proposal: Proposal, standing: tuple[Tally, ...]) -> dict[str, Any]:
    """Of several policies the one that is furthest from being satisfied."""
    worst = max(standing, key=lambda each: each.needed - len(each.approved))
    return {
        "proposal": proposal.proposal_id,
        "in_force": False,
        "approvals": len(worst.approved),
        "needed": worst.needed,
    }


def _in_force(state: ConfigState, change: Change, proposal_id: str) -> Outcome:
    value = {"proposal": proposal_id, "in_force": True, "change": change.kind, "node": change.name}
    return Outcome(state, value=value | {"epoch": state.epoch}, event="InForce")
