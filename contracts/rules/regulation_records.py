"""What the regulation contract stores, tells and shows."""

from rules.calendar import date_text
from rules.rulebook_records import NO_END
from sdk import Event, Map, dataclass


@dataclass
class Regulation:
    """conditions: (fact, operator, value), all of which must hold. since, until: day numbers, both counted."""

    id: str
    name: str
    number: int
    parties: dict
    scope: tuple
    conditions: tuple
    action: str
    since: int
    until: int
    basis: str
    maker: str
    signer: str = ""
    state: str = ""
    version: int = 1


@dataclass
class Alert:
    rule: str
    step: str
    subject: str
    amount_fen: int
    payer: str
    payee: str
    at_ms: int


regulations = Map("regulation", None)
drafted = Map("drafted", 0)  # name → number of its last draft
# step → (rule id, name, since, until), in the order of issue
watching: Map[str, tuple[tuple[str, str, int, int], ...]] = Map("watching", ())
passes = Map("pass", "")  # (rule id, step, subject) → digest of the grounds
alerts = Map("alert", None)  # (rule id, n)
counted: Map[str, tuple] = Map("counted", ())  # rule id → (how often it applied, sum of amounts)

RuleDrafted = Event("Reg.RuleDrafted")
RuleIssued = Event("Reg.RuleIssued")
RuleWithdrawn = Event("Reg.RuleWithdrawn")
LetPass = Event("Reg.LetPass")
Alerted = Event("Reg.Alerted")
Reported = Event("Reg.Reported")


def describe(rule) -> dict:
    count, total = counted[rule.id] or (0, 0)
    return {
        "id": rule.id,
        "authority": rule.parties["authority"],
        "scope": list(rule.scope),
        "conditions": [list(one) for one in rule.conditions],
        "action": rule.action,
        "since": date_text(rule.since),
        "until": "" if rule.until == NO_END else date_text(rule.until),
        "basis": rule.basis,
        "applied": count,
        "amount_fen": total,
        "maker": rule.maker,
        "signer": rule.signer,
        "state": rule.state,
        "version": rule.version,
    }
