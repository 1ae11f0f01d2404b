"""The guarantee from draft to its end. Table GUARANTEE."""

from rules.calendar import is_date, parse_date
from rules.codes import is_code, is_digest
from rules.guarantee_machine import GUARANTEE
from rules.guarantee_records import (
    Advised,
    Amended,
    AmendmentProposed,
    AmendmentRejected,
    Drafted,
    Exhausted,
    Expired,
    Guarantee,
    Issued,
    Reduced,
    Released,
    Voided,
    guarantees,
)
from rules.instrument import enter, keep, require_step, today
from rules.money import PAYMENT_MAX, is_amount
from sdk import call, ctx, export, require


def check_terms(amount_fen: int, expiry: str, reductions: tuple):
    require(is_amount(amount_fen) and amount_fen <= PAYMENT_MAX, "E_AMOUNT", "1 to 2^53 - 1 fen")
    require(is_date(expiry), "E_DATE", "a date is written YYYY-MM-DD")
    require(parse_date(expiry) >= today(), "E_EXPIRED", "the expiry lies ahead")
    left = amount_fen
    after = ""
    for reduction in reductions:
        shaped = len(reduction) == 2 and is_date(reduction[0]) and isinstance(reduction[1], int)
        require(shaped, "E_REDUCTION", "a reduction is a date and the amount left from then on")
        falls = after < reduction[0] <= expiry and 0 <= reduction[1] < left
        require(falls, "E_REDUCTION", "dates rise until expiry, amounts fall")
        after = reduction[0]
        left = reduction[1]


@export
def draft(
    id: str, applicant: str, beneficiary: str, amount_fen: int, expiry: str, terms: str,
    adviser: str = "", reductions: list | None = None,
) -> str:  # fmt: skip
    """A maker of the guarantor draws it up on its applicant's instructions. `terms`: digest of the text.

    reductions: [date, amount left] pairs. Codes: E_NOT_PARTY, E_CODE, E_DUPLICATE, E_PARTY, E_ROLE,
    E_AMOUNT, E_DATE, E_EXPIRED, E_REDUCTION, E_DIGEST, E_SELF.
    """
    parts = {"guarantor": ctx.member, "applicant": applicant, "beneficiary": beneficiary,
             "adviser": adviser or ctx.member}  # fmt: skip
    require_step(GUARANTEE, "-", "draft", parts)
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(guarantees[id] is None, "E_DUPLICATE", "this number is taken")
    require(beneficiary not in (ctx.member, applicant), "E_SELF", "beneficiary and debtor differ")
    require(is_digest(terms), "E_DIGEST", "terms are a digest: 64 hex digits")
    bank = call("party", "check_new_business", ctx.member)
    require(bank["kind"] in ("bank", "insurer"), "E_ROLE", "a bank or an insurer guarantees")
    for other in (applicant, beneficiary, parts["adviser"]):
        call("party", "check_new_business", other)
    steps = tuple(tuple(reduction) for reduction in reductions or ())
    check_terms(amount_fen, expiry, steps)
    made = Guarantee(id, parts, amount_fen, expiry, terms, steps, ctx.sender, state="DRAFT")
    return keep(guarantees, made, Drafted)


@export
def issue(id: str, expected_version: int = 0) -> str:
    """A checker of the guarantor, another person: from now on it cannot be taken back [4b]."""
    found = enter(GUARANTEE, guarantees, id, "issue", expected_version)
    require(ctx.sender != found.maker, "E_FOUR_EYES", "maker and checker are two persons")
    require(parse_date(found.expiry) >= today(), "E_EXPIRED", "the expiry lies ahead")
    return keep(guarantees, found, Issued)


@export
def cancel(id: str, expected_version: int = 0) -> str:
    return keep(guarantees, enter(GUARANTEE, guarantees, id, "cancel", expected_version), Voided)


@export
def advise(id: str, expected_version: int = 0) -> str:
    """The advising party tells the beneficiary; the guarantee counts since its issue either way."""
    return keep(guarantees, enter(GUARANTEE, guarantees, id, "advise", expected_version), Advised)


@export
def propose_amendment(id: str, amount_fen: int, expiry: str, expected_version: int = 0) -> str:
    """Binds the guarantor at once, the beneficiary when it agrees [11]. Codes: E_AMENDMENT, E_AMOUNT…"""
    found = enter(GUARANTEE, guarantees, id, "propose_amendment", expected_version)
    require(not found.proposed, "E_AMENDMENT", "an amendment is open already")
    check_terms(amount_fen, expiry, ())
    found.proposed = (amount_fen, expiry)
    return keep(guarantees, found, AmendmentProposed)


@export
def accept_amendment(id: str, amount_fen: int, expiry: str, expected_version: int = 0) -> str:
    """The beneficiary repeats the amendment whole: taking a part of it is refusing it [11e]."""
    found = enter(GUARANTEE, guarantees, id, "accept_amendment", expected_version)
    require(found.proposed != (), "E_AMENDMENT", "no amendment is open")
    whole = found.proposed == (amount_fen, expiry)
    require(whole, "E_PARTIAL", "an amendment is accepted as a whole or not at all")
    require(amount_fen >= found.drawn_fen, "E_AMOUNT", "more was demanded already")
    found.amount_fen = amount_fen
    found.expiry = expiry
    found.proposed = ()
    return keep(guarantees, found, Amended)


@export
def reject_amendment(id: str, expected_version: int = 0) -> str:
    found = enter(GUARANTEE, guarantees, id, "reject_amendment", expected_version)
    require(found.proposed != (), "E_AMENDMENT", "no amendment is open")
    found.proposed = ()
    return keep(guarantees, found, AmendmentRejected)


@export
def reduce(id: str, expected_version: int = 0) -> str:
    """Apply the next reduction of its terms. What was demanded before stays demandable."""
    found = enter(GUARANTEE, guarantees, id, "reduce", expected_version)
    require(found.reductions != (), "E_REDUCTION", "its terms know no further reduction")
    date, left = found.reductions[0]
    require(parse_date(date) <= today(), "E_TOO_EARLY", "the date of the reduction has not come")
    found.amount_fen = min(found.amount_fen, max(left, found.drawn_fen))
    found.reductions = found.reductions[1:]
    return keep(guarantees, found, Reduced)


@export
def release(id: str, expected_version: int = 0) -> str:
    """The beneficiary gives the guarantee back."""
    found = enter(GUARANTEE, guarantees, id, "release", expected_version)
    require(found.open_demands == 0, "E_DEMAND_OPEN", "a demand is open")
    return keep(guarantees, found, Released)


@export
def expire(id: str) -> str:
    found = enter(GUARANTEE, guarantees, id, "expire")
    require(today() > parse_date(found.expiry), "E_TOO_EARLY", "its expiry has not passed")
    require(found.open_demands == 0, "E_DEMAND_OPEN", "a demand made in time is open")
    return keep(guarantees, found, Expired)


@export
def exhaust(id: str) -> str:
    found = enter(GUARANTEE, guarantees, id, "exhaust")
    require(found.paid_fen == found.amount_fen, "E_TOO_EARLY", "something may still be drawn")
    return keep(guarantees, found, Exhausted)
