"""`apply(state, call, rules, …) -> Outcome`: what a lifecycle transaction does. Pure, total.

What it decides is in force from the next block on. It never runs a contract: what the linter found comes in
with the call, and what an activation's `migrate` did is put in afterwards (activation.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from consensus.certificate import seals_needed
from consensus.encoding import Hash, encode
from consensus.tags import Tag, preimage
from contracts.runtime import gas, values
from contracts.runtime.api import Bundle, Diagnostic
from contracts.runtime.limits import BUNDLE_BYTES_MAX
from node.contracts.arguments import BadArguments
from node.governance.kinds import VERSIONS, policy_of
from node.governance.policies import ADMIN_ROLE, Tally, tally
from node.governance.state import PROPOSAL_LIFE
from node.identity.suite import Suite
from node.lifecycle.agreement import agreeing, disagreement
from node.lifecycle.calls import ContractCall
from node.lifecycle.examples import parse_examples, transcript_digest
from node.lifecycle.outcome import Outcome, Refused, Rules
from node.lifecycle.state import (
    APPROVED,
    OPEN,
    PROPOSED,
    REJECTED,
    SCHEDULED,
    WITHDRAWN,
    Attestation,
    Law,
    LifecycleState,
    Stage,
    Terms,
    bundle_key,
    transcript_key,
)
from node.residency import require_tagged

OPEN_MAX, OPEN_OF_MEMBER_MAX = 64, 8
CONTRACT_NOTICE, NOTICE_BLOCKS = "contract-notice", 20
ACTIVATIONS_BLOCK_MAX = 4
FINDINGS_SHOWN_MAX = 20


def apply(
    state: LifecycleState, call: ContractCall, rules: Rules, findings: Sequence[Diagnostic] = ()
) -> Outcome:
    """The outcome of an ordered lifecycle transaction. findings: of the linter, for what is proposed."""
    price = deployment_price(call)
    if price > call.gas_limit:
        return Outcome(state, "out-of-gas", f"deploying it costs {price} gas", gas_used=price)
    try:
        if call.method == "propose":
            outcome = _propose(state, call, rules, findings)
        else:
            outcome = _METHODS[call.method](state, call, rules)
    except Refused as refused:
        return Outcome(state, refused.code, refused.message, gas_used=price)
    return replace(outcome, gas_used=price)


def deployment_price(call: ContractCall) -> int:
    """Gas of a call: linting a proposal is the work that costs something."""
    return gas.deployment_gas(len(call.args["bundle"])) if call.method == "propose" else 0


# ---- proposals ---------------------------------------------------------------------------------------


def read_bundle(call: ContractCall) -> Bundle:
    """The bundle that is proposed. Raises Refused: not a bundle, text that is not UTF-8, too large."""
    try:
        bundle = Bundle.decode(call.args["name"], call.args["version"], call.args["bundle"])
        modules = (bundle.main, *bundle.rules.values())
        size = sum(len(source.encode()) for source in modules)
    except ValueError:
        # Not the interpreter's words for it: they differ, and a receipt is the same everywhere.
        raise Refused("BUNDLE_MALFORMED", "these are no canonical UTF-8 sources") from None
    if size > BUNDLE_BYTES_MAX:
        raise Refused(
            "BUNDLE_TOO_LARGE", f"its sources have {size} bytes of {BUNDLE_BYTES_MAX} allowed"
        )
    return bundle


def to_lint(call: ContractCall) -> Bundle | None:
    """What must go through the linter before `apply`; None where the outcome does not depend on it."""
    if call.method != "propose" or ADMIN_ROLE not in call.sender.roles:
        return None
    if deployment_price(call) > call.gas_limit:
        return None
    try:
        return read_bundle(call)
    except Refused:
        return None


def _require_admin(call: ContractCall, rules: Rules) -> str:
    """The member of an approver: an admin of a member that is asked."""
    member = call.sender.member_id
    if ADMIN_ROLE not in call.sender.roles:
        raise Refused("NOT_AN_APPROVER", f"{call.sender.name} has no role {ADMIN_ROLE}")
    standing = _standing(rules, ())
    if member not in standing.asked:
        raise Refused(
            "NOT_AN_APPROVER", f"{standing.policy} decide, and {member} is not among them"
        )
    return member


def _require_paid(member: str, rules: Rules) -> None:
    """Who lets an invoice go unpaid deploys nothing; approving, pausing and all else goes on."""
    if rules.is_in_arrears(member):
        raise Refused("DEPLOYS_SUSPENDED", f"an invoice to {member} is overdue")


def _standing(rules: Rules, approvals: Sequence[str], rejections: Sequence[str] = ()) -> Tally:
    """How the policy on versions of contracts stands."""
    policy = policy_of(rules.config, VERSIONS)
    return tally(rules.config, policy, approvals, rejections)


def _propose(
    state: LifecycleState, call: ContractCall, rules: Rules, findings: Sequence[Diagnostic]
) -> Outcome:
    if ADMIN_ROLE not in call.sender.roles:
        raise Refused("NOT_AN_APPROVER", f"{call.sender.name} has no role {ADMIN_ROLE}")
    name, version, member = call.args["name"], call.args["version"], call.sender.member_id
    _require_paid(member, rules)
    if not _is_name(name):
        raise Refused("BUNDLE_MALFORMED", "a contract's name is a-z, then a-z, 0-9 and _")
    if state.head(name).is_retired:
        raise Refused("CONTRACT_RETIRED", f"{name} is retired: take another name")
    if version != state.newest(name) + 1:
        raise Refused(
            "DUPLICATE_VERSION", f"the next version of {name} is {state.newest(name) + 1}"
        )
    _require_room(state, call, member)
    law = _law(call, rules)
    try:
        parse_examples(call.args["examples"])
    except BadArguments as error:
        raise Refused("EXAMPLES_MALFORMED", str(error)) from None
    sources = read_bundle(call)
    if findings:
        raise Refused("CONTRACT_FINDINGS", _shown(findings))
    try:
        require_tagged(rules.config.config, sources)
    except ValueError as error:
        raise Refused("RESIDENT_NOT_AGREED", str(error)) from None
    suite, bundle = rules.suite, call.args["bundle"]
    digest = Hash(suite.hash(preimage(Tag.BUNDLE, suite.id, bundle)))
    terms = Terms(
        name,
        version,
        digest,
        call.args["notes"],
        law,
        call.args["examples"],
        member,
        call.height,
    )
    stage = Stage(PROPOSED, terms_digest(suite, terms), (), (), 0, "")
    opened = state.with_terms(terms, stage)
    puts = {bundle_key(digest): values.encode(bundle)}
    if member not in _standing(rules, ()).asked:
        return Outcome(opened, value=_value(terms, stage, rules), event="Proposed", puts=puts)
    return replace(_approved(opened, terms, member, rules, "Proposed"), puts=puts)


def terms_digest(suite: Suite, terms: Terms) -> Hash:
    return Hash(suite.hash(preimage(Tag.DEPLOYMENT, suite.id, encode(terms))))


def _is_name(name: str) -> bool:
    first, rest = name[:1], set(name[1:])
    letters = set("abcdefghijklmnopqrstuvwxyz")
    return first in letters and first != "" and rest <= letters | set("0123456789_")


def _require_room(state: LifecycleState, call: ContractCall, member: str) -> None:
    is_open = [
        terms
        for place, terms in state.terms.items()
        if state.stages[place].status in OPEN and not _is_expired(terms, call.height)
    ]
    own = sum(terms.proposed_by == member for terms in is_open)
    if len(is_open) >= OPEN_MAX or own >= OPEN_OF_MEMBER_MAX:
        raise Refused("TOO_MANY_PROPOSED", "too many versions wait: activate or withdraw some")


def _is_expired(terms: Terms, height: int) -> bool:
    return height > terms.proposed_height + PROPOSAL_LIFE


def _law(call: ContractCall, rules: Rules) -> Law:
    args = call.args
    for asked in ("governing_law", "operator", "licence"):
        if not args[asked].strip(" "):
            raise Refused("LAW_INCOMPLETE", f"{asked} is empty")
    if rules.config.config.member(args["operator"]) is None:
        raise Refused("LAW_INCOMPLETE", f"operator {args['operator']} is no member of the channel")
    if not any(args["clause_hash"]):
        raise Refused("LAW_INCOMPLETE", "clause_hash names no clause")
    return Law(args["governing_law"], args["clause_hash"], args["operator"], args["licence"])


def _shown(findings: Sequence[Diagnostic]) -> str:
    """Places and codes: the words belong to whoever shows them."""
    rows = [f"{f.module}:{f.line}:{f.column} {f.code}" for f in findings[:FINDINGS_SHOWN_MAX]]
    more = len(findings) - len(rows)
    return "; ".join(rows) + (f"; and {more} more" if more > 0 else "")


# ---- approvals ---------------------------------------------------------------------------------------


def _find(state: LifecycleState, call: ContractCall, *statuses: str) -> tuple[Terms, Stage]:
    place = (call.args["name"], call.args["version"])
    terms, stage = state.terms.get(place), state.stages.get(place)
    if terms is None or stage is None:
        raise Refused("NOT_PROPOSED", f"there is no {place[0]} version {place[1]}")
    if stage.status not in statuses:
        raise Refused("WRONG_STATUS", f"it is {stage.status}, not {' or '.join(statuses)}")
    if stage.status in OPEN and _is_expired(terms, call.height):
        raise Refused("WRONG_STATUS", f"the proposal expired after {PROPOSAL_LIFE} blocks")
    return terms, stage


def _approve(state: LifecycleState, call: ContractCall, rules: Rules) -> Outcome:
    member = _require_admin(call, rules)
    terms, stage = _find(state, call, PROPOSED, APPROVED)
    if call.args["digest"] != stage.digest:
        raise Refused("WRONG_DIGEST", f"what was proposed has the digest {stage.digest.hex()}")
    if member in stage.approvals:
        raise Refused("ALREADY_APPROVED", f"{member} has approved it")
    return _approved(state, terms, member, rules, "Approved")


def _approved(
    state: LifecycleState, terms: Terms, member: str, rules: Rules, event: str
) -> Outcome:
    place = (terms.name, terms.version)
    stage = state.stages[place]
    against = tuple(m for m in stage.rejections if m != member)
    stage = replace(stage, approvals=(*stage.approvals, member), rejections=against)
    if _standing(rules, stage.approvals).is_satisfied:
        stage = replace(stage, status=APPROVED)
    value = _value(terms, stage, rules)
    return Outcome(state.with_stage(place, stage), value=value, event=event)


def _reject(state: LifecycleState, call: ContractCall, rules: Rules) -> Outcome:
    """A member is against it. It ends where those who are not are too few."""
    member = _require_admin(call, rules)
    terms, stage = _find(state, call, PROPOSED, APPROVED)
    if member in stage.rejections:
        raise Refused("ALREADY_APPROVED", f"{member} has rejected it")
    left = tuple(m for m in stage.approvals if m != member)
    against = (*stage.rejections, member)
    standing = _standing(rules, left, against)
    status = APPROVED if standing.is_satisfied else PROPOSED
    if standing.is_impossible:
        status = REJECTED
    stage = replace(stage, status=status, approvals=left, rejections=against)
    event = "Rejected" if status == REJECTED else "RejectionNoted"
    after = state.with_stage((terms.name, terms.version), stage)
    return Outcome(after, value=_value(terms, stage, rules), event=event)


def _value(terms: Terms, stage: Stage, rules: Rules) -> dict[str, Any]:
    standing = _standing(rules, stage.approvals)
    return {
        "name": terms.name,
        "version": terms.version,
        "status": stage.status,
        "digest": stage.digest.hex(),
        "approvals": len(standing.approved),
        "needed": standing.needed,
    }


def _withdraw(state: LifecycleState, call: ContractCall, rules: Rules) -> Outcome:
    terms, stage = _find(state, call, *OPEN)
    is_admin = ADMIN_ROLE in call.sender.roles
    if not is_admin or call.sender.member_id != terms.proposed_by:
        raise Refused("NOT_AN_APPROVER", f"an admin of {terms.proposed_by}, who proposed it, may")
    stage = replace(stage, status=WITHDRAWN, height=0)
    after = state.with_stage((terms.name, terms.version), stage)
    return Outcome(after, value=_value(terms, stage, rules), event="Withdrawn")


# ---- what the examples gave --------------------------------------------------------------------------


def _attest(state: LifecycleState, call: ContractCall, rules: Rules) -> Outcome:
    key = call.sender.public_key
    node = next((n for n in rules.config.config.nodes if n.identity_key == key), None)
    if node is None:
        raise Refused("NOT_A_VALIDATOR", f"{call.sender.name} is no validator")
    terms, stage = _find(state, call, *OPEN)
    if any(found.node == node.name for found in stage.attestations):
        raise Refused("ALREADY_ATTESTED", f"{node.name} has said what its examples gave")
    suite, text = rules.suite, call.args["transcript"]
    result = transcript_digest(suite.hash, suite.id, text)
    given = Attestation(node.name, node.member_id, result, call.height)
    stage = replace(stage, attestations=(*stage.attestations, given))
    value: dict[str, Any] = {
        "name": terms.name,
        "version": terms.version,
        "node": node.name,
        "result": result.hex(),
    }
    event, found = (
        "Attested",
        disagreement(stage, lambda r: text if r == result else rules.transcript(r)),
    )
    if found is not None:
        event, value = "Disagreement", value | {"disagreement": str(found)}
    return Outcome(
        state.with_stage((terms.name, terms.version), stage),
        value=value,
        event=event,
        puts={transcript_key(result): values.encode(text)},
    )


def _require_agreement(stage: Stage, rules: Rules) -> None:
    """A quorum of the validators saw the same results."""
    config = rules.config.config
    validators = {node.name for node in config.nodes}
    enough = seals_needed(config.consensus.kind, len(validators))
    best = agreeing(stage, validators)
    if best < enough:
        found = disagreement(stage, rules.transcript)
        shown = f"; {found}" if found is not None else ""
        raise Refused(
            "EXAMPLES_NOT_AGREED",
            f"{best} of the {enough} validators that are needed gave the same results{shown}",
        )


# ---- what runs ---------------------------------------------------------------------------------------


def _activate(state: LifecycleState, call: ContractCall, rules: Rules) -> Outcome:
    _require_paid(_require_admin(call, rules), rules)
    height = call.args["height"] or call.height + 1
    earliest = call.height + NOTICE_BLOCKS
    if rules.config.has_flag(CONTRACT_NOTICE, call.height) and height < earliest:
        raise Refused("ACTIVATION_TOO_SOON", f"the first block may be {earliest}")
    terms, stage = _find(state, call, PROPOSED, APPROVED)
    if height <= call.height:
        raise Refused("ACTIVATION_IN_THE_PAST", f"block {call.height} is there already")
    head = state.head(terms.name)
    if head.is_retired:
        raise Refused("CONTRACT_RETIRED", f"{terms.name} is retired")
    if terms.version <= head.active:
        raise Refused("WRONG_STATUS", f"version {head.active} is active, and nothing goes back")
    standing = _standing(rules, stage.approvals)
    if not standing.is_satisfied:
        found, wanted = len(standing.approved), standing.needed
        raise Refused("NOT_APPROVED", f"{found} of {wanted} members approved it")
    _require_agreement(stage, rules)
    waiting = [(place, s) for place, s in state.stages.items() if s.status == SCHEDULED]
    if any(name == terms.name for (name, _), _ in waiting):
        raise Refused("WRONG_STATUS", f"another version of {terms.name} is scheduled already")
    if sum(s.height == height for _, s in waiting) >= ACTIVATIONS_BLOCK_MAX:
        raise Refused("WRONG_STATUS", f"{ACTIVATIONS_BLOCK_MAX} activations are due at {height}")
    stage = replace(stage, status=SCHEDULED, height=height, failure="")
    place = (terms.name, terms.version)
    return Outcome(
        state.with_stage(place, stage),
        value=_value(terms, stage, rules) | {"height": height},
        event="Scheduled",
        place=place if height == call.height + 1 else None,
    )


def _pause(state: LifecycleState, call: ContractCall, rules: Rules) -> Outcome:
    """One approver alone may stop what does harm; to go on takes them all."""
    member = _require_admin(call, rules)
    name = call.args["name"]
    head = state.head(name)
    if head.running == 0:
        raise Refused("WRONG_STATUS", f"{name} does not run")
    after = state.with_head(name, replace(head, is_paused=True, resume=()))
    return Outcome(after, value={"name": name, "by": member}, event="Paused")


def _resume(state: LifecycleState, call: ContractCall, rules: Rules) -> Outcome:
    member = _require_admin(call, rules)
    name = call.args["name"]
    head = state.head(name)
    if not head.is_paused or head.is_retired:
        raise Refused("WRONG_STATUS", f"{name} is not paused")
    if member in head.resume:
        raise Refused("ALREADY_APPROVED", f"{member} has asked for it")
    members = (*head.resume, member)
    is_enough = _standing(rules, members).is_satisfied
    after = (
        replace(head, is_paused=False, resume=()) if is_enough else replace(head, resume=members)
    )
    return Outcome(
        state.with_head(name, after),
        value=_motion(name, members, rules),
        event="Resumed" if is_enough else "ResumeAsked",
    )


def _retire(state: LifecycleState, call: ContractCall, rules: Rules) -> Outcome:
    """For ever: the name can be read, and never runs again."""
    member = _require_admin(call, rules)
    name = call.args["name"]
    head = state.head(name)
    if head.active == 0 or head.is_retired:
        raise Refused("WRONG_STATUS", f"{name} does not run")
    if member in head.retire:
        raise Refused("ALREADY_APPROVED", f"{member} has asked for it")
    members = (*head.retire, member)
    is_enough = _standing(rules, members).is_satisfied
    after = replace(head, is_retired=is_enough, retire=members)
    return Outcome(
        state.with_head(name, after),
        value=_motion(name, members, rules),
        event="Retired" if is_enough else "RetirementAsked",
    )


def _motion(name: str, members: Sequence[str], rules: Rules) -> dict[str, Any]:
    standing = _standing(rules, members)
    return {"name": name, "approvals": len(standing.approved), "needed": standing.needed}


_METHODS: dict[str, Callable[[LifecycleState, ContractCall, Rules], Outcome]] = {
    "approve": _approve,
    "reject": _reject,
    "withdraw": _withdraw,
    "attest": _attest,
    "activate": _activate,
    "pause": _pause,
    "resume": _resume,
    "retire": _retire,
}
