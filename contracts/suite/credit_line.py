"""Credit line: how much a bank lets an issuer owe under credentials that it pays out (M1, invariant I3).

Two persons of the bank give it. The receivable contract draws on it when a credential is drawn up and gives
back what is paid, taken off by a decision, or never came to life. Amounts are fen.
"""

from rules.money import is_amount
from rules.persons import require_contract
from sdk import Event, Map, call, ctx, export, require, view

limits = Map("limit", 0)  # (issuer, bank)
proposals = Map("proposal", None)  # (issuer, bank) → (limit, who proposed it)
outstanding = Map("outstanding", 0)  # (issuer, bank)

LimitApproved = Event("Line.LimitApproved")


@export
def propose_limit(issuer: str, limit_fen: int) -> bool:
    """A maker of the paying bank puts a credit limit for an issuer forward."""
    require("maker" in ctx.roles, "E_ROLE", "a maker of the bank proposes")
    bank = call("party", "check_member", ctx.member)
    require(bank["kind"] == "bank", "E_ROLE", "only a bank gives credit limits")
    require(is_amount(limit_fen), "E_AMOUNT", "a limit is a positive number of fen")
    proposals[(issuer, ctx.member)] = (limit_fen, ctx.sender)
    return True


@export
def approve_limit(issuer: str, limit_fen: int) -> bool:
    """A checker of the same bank, another person, makes exactly this limit count."""
    require("checker" in ctx.roles, "E_ROLE", "a checker of the bank approves")
    call("party", "check_member", ctx.member)
    key = (issuer, ctx.member)
    proposal = proposals[key]
    require(proposal is not None and proposal[0] == limit_fen, "E_NOT_FOUND", "no such proposal")
    require(proposal[1] != ctx.sender, "E_FOUR_EYES", "the maker cannot approve")
    require(outstanding[key] <= limit_fen, "E_LIMIT", "more than that is outstanding")
    limits[key] = limit_fen
    proposals.delete(key)
    LimitApproved(issuer=issuer, bank=ctx.member)
    return True


@export
def draw(issuer: str, bank: str, amount_fen: int) -> int:
    """The receivable contract only: so much more is owed. Code E_LIMIT. Returns what is outstanding."""
    require_contract("receivable")
    key = (issuer, bank)
    after = outstanding[key] + amount_fen
    require(after <= limits[key], "E_LIMIT", "the credit limit is too small")
    outstanding[key] = after
    return after


@export
def give_back(issuer: str, bank: str, amount_fen: int) -> int:
    """The receivable contract only: so much less is owed; more, when negative, as a payment was given back."""
    require_contract("receivable")
    key = (issuer, bank)
    outstanding[key] -= amount_fen
    assert outstanding[key] >= 0
    return outstanding[key]


@view
def headroom(issuer: str, bank: str) -> dict:
    """An issuer's credit limit at a bank and what of it is used (fen)."""
    return {"limit_fen": limits[(issuer, bank)], "outstanding_fen": outstanding[(issuer, bank)]}
