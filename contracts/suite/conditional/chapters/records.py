"""What is kept of an agreement and its parts, and the step the table of a part allows."""

from rules.machine import row_for
from sdk import Map, ctx, dataclass, require

# from, call, who, guard, to, event
PART = (
    ("AGREED", "fund", "anyone with a proof",
     "the part's amount is locked for the payee, under the agreed arbiter", "FUNDED", "Cond.Funded"),
    ("FUNDED", "claim", "the payee", "-", "CLAIMED", "Cond.Claimed"),
    ("FUNDED|CLAIMED", "confirm", "whoever the template names", "what the template needs",
     "RELEASABLE", "Cond.Confirmed"),
    ("CLAIMED", "dispute", "the payer", "before the quiet days are over", "DISPUTED",
     "Cond.Disputed"),
    ("DISPUTED", "decide", "the arbiter", "an amount up to the part's", "RELEASABLE",
     "Cond.Confirmed"),
    ("CLAIMED", "pass_quietly", "anyone", "the quiet days are over", "RELEASABLE",
     "Cond.Confirmed"),
    ("RELEASABLE", "record_release", "anyone with a proof", "the release pays under the reference",
     "PAID", "Cond.Paid"),
    ("AGREED|FUNDED|CLAIMED|DISPUTED|RELEASABLE", "expire", "anyone", "the end has come",
     "EXPIRED", "Cond.Expired"),
)  # fmt: skip


@dataclass
class Agreement:
    """fact: (feed, subject, value) for templates that wait for one. ends_ms: when the locks end."""

    agreement_id: str
    template: str
    parts: int
    arbiter: str
    fact: tuple
    ends_ms: int
    agreed: tuple


@dataclass
class Part:
    number: int
    payer: str
    payee: str
    amount_fen: int
    reference: bytes
    fixed_ms: int
    state: str = "AGREED"
    released_fen: int = 0
    claimed_ms: int = 0


agreements = Map("agreement", None)
parts_of = Map("part", None)  # (agreement id, number)


def load(agreement_id: str):
    found = agreements[agreement_id]
    require(found is not None, "E_NOT_FOUND", "no such agreement")
    return found


def load_part(agreement_id: str, number: int):
    found = parts_of[(agreement_id, number)]
    require(found is not None, "E_NOT_FOUND", "no such part")
    return found


def enter(agreement_id: str, part, move: str):
    row = row_for(PART, part.state, move)
    require(row is not None, "E_STATE", f"{move} is not possible in state {part.state}")
    part.state = row[4]
    parts_of[(agreement_id, part.number)] = part


def require_person(member: str, who: str):
    require(ctx.member == member, "E_NOT_PARTY", f"only {who} may do this")
    require("maker" in ctx.roles or "checker" in ctx.roles, "E_ROLE", "a maker or checker may")
