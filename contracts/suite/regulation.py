"""Regulation (M15): supervisory rules that run inside contracts.

A rule says in data which steps it watches, under which conditions it applies and what follows: block, hold,
alert or report. Instruments ask `check` before a step binds anybody or fixes a payment. An authority drafts
and another of its persons signs; a rule's first day lies ahead and a later version of the name supersedes, so
that old blocks replay under old rules. When what may happen: `rules.regulator_machine`.
"""

from rules.calendar import is_date, parse_date
from rules.codes import is_code, is_digest
from rules.instrument import enter, keep, load, require_step, today
from rules.machine import moves_from
from rules.predicates import applies, are_conditions, as_stored
from rules.regulation_records import (
    Alert,
    Alerted,
    LetPass,
    Regulation,
    Reported,
    RuleDrafted,
    RuleIssued,
    RuleWithdrawn,
    alerts,
    counted,
    describe,
    drafted,
    passes,
    regulations,
    watching,
)
from rules.regulator_machine import (
    ACTIONS,
    FACTS,
    OPERATORS,
    PARTY_FACTS,
    REGULATION,
    RULES_MAX,
    STEPS,
)
from rules.rulebook_records import NO_END
from sdk import Revert, call, ctx, export, require, view


@export
def draft_rule(
    name: str, scope: list, conditions: list, action: str, since: str, basis: str, until: str = ""
) -> str:
    """Draw up the next version of a rule. Returns its id: LARGE-CASH/1.

    scope: steps it watches. conditions: [fact, operator, value], all of which must hold. basis: digest of the
    decision. Codes: E_NOT_PARTY, E_AUTHORITY, E_CODE, E_PREDICATE, E_DATE, E_BACKDATED, E_DIGEST, E_DRAFT_OPEN.
    """
    parts = {"authority": ctx.member}
    require_step(REGULATION, "-", "draft_rule", parts)
    require(is_code(name, 32), "E_CODE", "a name is 1 to 32 of A-Z, 0-9 and -")
    known = 0 < len(scope) <= len(STEPS) and all(step in STEPS for step in scope)
    require(known, "E_CODE", "steps: " + ", ".join(STEPS))
    require(action in ACTIONS, "E_CODE", "an action is block, hold, alert or report")
    require(are_conditions(conditions), "E_PREDICATE", "facts() shows what a condition may say")
    require(is_date(since) and (until == "" or is_date(until)), "E_DATE", "written YYYY-MM-DD")
    last = parse_date(until) if until else NO_END
    require(last >= parse_date(since), "E_DATE", "the last day is not before the first")
    require(parse_date(since) > today(), "E_BACKDATED", "a rule's first day lies ahead")
    require(is_digest(basis), "E_DIGEST", "the decision as a digest: 64 hex digits")
    number = drafted[name]
    before = regulations[f"{name}/{number}"]
    if before is not None:
        own = before.parties["authority"] == ctx.member
        require(own, "E_AUTHORITY", "another authority's rule has this name")
        require(before.state != "DRAFT", "E_DRAFT_OPEN", "a draft waits for its signature")
    drafted[name] = number + 1
    id = f"{name}/{number + 1}"
    steps = tuple(step for step in STEPS if step in scope)
    made = Regulation(
        id, name, number + 1, parts, steps, as_stored(conditions), action, parse_date(since), last,
        basis, ctx.sender, state="DRAFT",
    )  # fmt: skip
    keep(regulations, made, RuleDrafted)
    return id


@export
def sign_rule(id: str, expected_version: int = 0) -> str:
    """Another officer of the authority issues it. Codes: E_FOUR_EYES, E_BACKDATED, E_LIMIT."""
    rule = enter(REGULATION, regulations, id, "sign_rule", expected_version)
    require(ctx.sender != rule.maker, "E_FOUR_EYES", "drafted and signed by two persons")
    require(rule.since > today(), "E_BACKDATED", "a rule's first day lies ahead")
    rule.signer = ctx.sender
    for step in STEPS:
        known = still_asked(watching[step])
        if step in rule.scope or any(one[1] == rule.name for one in known):
            known.append((id, rule.name, rule.since, rule.until))
            require(len(known) <= RULES_MAX, "E_LIMIT", "too many rules watch this step")
            watching[step] = tuple(known)
    return keep(regulations, rule, RuleIssued)


def still_asked(watches: tuple) -> list:
    """Without what is past: ended, or superseded for all the days that are left."""
    now = today()
    kept = []
    for at in range(len(watches)):
        _, name, _, until = watches[at]
        over = [
            one for one in watches[at + 1 :] if one[1] == name and one[2] <= now and one[3] >= until
        ]
        if until >= now and over == []:
            kept.append(watches[at])
    return kept


@export
def withdraw_rule(id: str, expected_version: int = 0) -> str:
    rule = enter(REGULATION, regulations, id, "withdraw_rule", expected_version)
    return keep(regulations, rule, RuleWithdrawn)


@export
def let_pass(id: str, step: str, subject: str, grounds: str, expected_version: int = 0) -> str:
    """Let one step on one subject through a rule that holds it. `grounds`: digest. Codes: E_CODE, E_DIGEST."""
    rule = enter(REGULATION, regulations, id, "let_pass", expected_version)
    require(rule.action == "hold" and step in rule.scope, "E_CODE", "this rule does not hold that")
    require(is_digest(grounds), "E_DIGEST", "grounds as a digest: 64 hex digits")
    passes[(id, step, subject)] = grounds
    return keep(regulations, rule, LetPass)


def in_force(step: str) -> list:
    """Ids of the rules that watch a step today: of each name the latest version whose days include today."""
    latest: dict[str, str] = {}
    for id, name, since, until in watching[step]:
        if since <= today() <= until:
            latest[name] = id
    return list(latest.values())


@export
def check(step: str, subject: str, facts: dict) -> bool:
    """Instruments ask before a step. Codes: E_CALLER, E_RULE_BLOCK, E_RULE_HOLD."""
    require(ctx.caller != "", "E_CALLER", "instruments ask, nobody else")
    parties = {}

    def fact_of(name: str):
        if name in ("step", "subject"):
            return step if name == "step" else subject
        part, _, rest = name.partition(".")
        if rest == "":
            return facts.get(name)
        member = facts.get(part)
        if not member:
            return None
        if member not in parties:
            parties[member] = call("party", "get", member)
        return parties[member][rest]

    for id in in_force(step):
        rule = regulations[id]
        if step in rule.scope and applies(rule.conditions, fact_of):
            act(rule, step, subject, facts)
    return True


def act(rule, step: str, subject: str, facts: dict):
    if rule.action == "block":
        raise Revert("E_RULE_BLOCK", f"rule {rule.id} forbids this")
    if rule.action == "hold" and passes[(rule.id, step, subject)] == "":
        raise Revert("E_RULE_HOLD", f"rule {rule.id} holds this until its authority lets it pass")
    count, total = counted[rule.id] or (0, 0)
    counted[rule.id] = (count + 1, total + facts["amount_fen"])
    if rule.action == "report":
        Reported(rule=rule.id, step=step)
    if rule.action == "alert":
        what = Alert(rule.id, step, subject, facts["amount_fen"], facts["payer"], facts["payee"],
                     ctx.time)  # fmt: skip
        alerts[(rule.id, count + 1)] = what
        Alerted(rule=rule.id, number=count + 1)


# ---- views ---------------------------------------------------------------------------------------


@view
def facts() -> dict:
    """What a rule may speak of: steps, facts, operators, actions."""
    of_parties = [f"{part}.{fact}" for part in ("payer", "payee") for fact in PARTY_FACTS]
    return {
        "steps": list(STEPS), "facts": list(FACTS) + of_parties, "operators": list(OPERATORS),
        "actions": list(ACTIONS),
    }  # fmt: skip


@view
def get(id: str) -> dict:
    """A version of a rule, and how often it applied."""
    return describe(load(regulations, id))


@view
def rules_for(step: str) -> list:
    """Rules in force for a step today."""
    return [describe(regulations[id]) for id in in_force(step)]


@view
def list_alerts(receipt: str, rule: str, after: int = 0, limit: int = 50) -> list:
    """Alerts of a rule, oldest first. Code: E_NO_RECEIPT."""
    call("regulator", "use_receipt", receipt, "alerts")
    found = alerts.scan((rule,), (rule, after), min(max(limit, 1), 200))
    return [
        {
            "rule": one.rule, "number": key[1], "step": one.step, "subject": one.subject,
            "amount_fen": one.amount_fen, "payer": one.payer, "payee": one.payee,
            "at_ms": one.at_ms,
        }
        for key, one in found
    ]  # fmt: skip


@view
def next_steps(id: str) -> list:
    """What may happen now to a version of a rule: call, who, guard, to."""
    return moves_from(REGULATION, load(regulations, id).state)
