"""Demand guarantee (M10): a bank's own promise to pay on a demand that complies on its face (URDG 758).

The guarantor examines the demand and its statement of breach, never the deal beneath: it pays, or refuses once,
in time and with every discrepancy, or has lost the right to refuse. What may happen when stands in
`rules.guarantee_machine`. Amounts are fen; dates are text in China Standard Time.

Invariants: what is paid and demanded never exceeds the amount in force; a refused demand is never paid; one
refusal notice a demand; an amendment counts as a whole or not at all.
"""

from rules.calendar import day_end_ms, is_date, parse_date
from rules.codes import is_code, is_digest
from rules.dated_rules import add_business_days
from rules.guarantee_machine import (
    DEMAND,
    DEMANDS_MAX,
    DISCREPANCIES_MAX,
    EXAMINE_BUSINESS_DAYS,
    EXTEND_OR_PAY_DAYS,
    GUARANTEE,
)
from rules.guarantee_records import (
    Advised,
    Amended,
    AmendmentProposed,
    AmendmentRejected,
    Demand,
    DemandComplies,
    Demanded,
    DemandRejected,
    DemandWithdrawn,
    Drafted,
    Exhausted,
    Expired,
    Extended,
    ExtensionRefused,
    Guarantee,
    GuarantorPrecluded,
    Issued,
    Paid,
    PaymentPrepared,
    PaymentSuspended,
    Reduced,
    Released,
    SuspensionOver,
    Voided,
    demands,
    describe,
    describe_demand,
    guarantees,
    settle,
)
from rules.instrument import enter, keep, load, require_sight, require_step, today
from rules.machine import moves_from
from rules.money import PAYMENT_MAX, is_amount
from rules.settlement import fix, prove
from sdk import call, ctx, export, require, view


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


# ---- the guarantee -------------------------------------------------------------------------------


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


# ---- a demand ------------------------------------------------------------------------------------


@export
def demand(
    id: str, amount_fen: int, statement: str, extend_to: str = "", expected_version: int = 0
) -> str:
    """Ask for payment, stating in what respect the applicant is in breach [15]. Returns the demand's number.

    statement: digest of the signed text, which goes to the guarantor. extend_to: a later expiry that would
    do instead ("extend or pay"). Codes: E_STATE, E_NOT_PARTY, E_EXPIRED, E_AMOUNT, E_STATEMENT, E_DATE,
    E_DEMANDS.
    """
    found = load(guarantees, id)
    require(expected_version in (0, found.version), "E_VERSION", "it has changed since")
    require(found.state in ("ISSUED", "ADVISED"), "E_STATE", "no demand in state " + found.state)
    require_step(DEMAND, "-", "demand", found.parties)
    require(today() <= parse_date(found.expiry), "E_EXPIRED", "the guarantee has expired")
    require(is_digest(statement), "E_STATEMENT", "the statement of breach as a digest")
    left = found.amount_fen - found.drawn_fen
    require(is_amount(amount_fen) and amount_fen <= left, "E_AMOUNT", f"up to {left} fen are left")
    if extend_to:
        later = is_date(extend_to) and parse_date(extend_to) > parse_date(found.expiry)
        require(later, "E_DATE", "an extension is a date after the expiry")
    require(found.demands < DEMANDS_MAX, "E_DEMANDS", "too many demands")
    found.demands += 1
    found.open_demands += 1
    found.drawn_fen += amount_fen
    found.version += 1
    guarantees[id] = found
    number = f"{id}/{found.demands}"
    until = day_end_ms(add_business_days(today(), EXAMINE_BUSINESS_DAYS))
    keep(
        demands,
        Demand(
            number, id, found.parties, amount_fen, statement, extend_to, until, state="EXAMINING"
        ),
        Demanded,
    )
    return number


@export
def comply(id: str, expected_version: int = 0) -> str:
    """The guarantor finds that the demand complies on its face."""
    return keep(demands, enter(DEMAND, demands, id, "comply", expected_version), DemandComplies)


@export
def reject(id: str, discrepancies: list, expected_version: int = 0) -> str:
    """The one notice of refusal, with every discrepancy [24d]. Codes: E_TOO_LATE, E_DISCREPANCIES."""
    found = enter(DEMAND, demands, id, "reject", expected_version)
    require(ctx.time < found.answer_until_ms, "E_TOO_LATE", "the five business days are over")
    listed = 0 < len(discrepancies) <= DISCREPANCIES_MAX
    told = listed and all(isinstance(d, str) and 0 < len(d) <= 200 for d in discrepancies)
    require(told, "E_DISCREPANCIES", "each discrepancy in 1 to 200 characters")
    found.discrepancies = tuple(discrepancies)
    settle(found, False)
    return keep(demands, found, DemandRejected)


@export
def deadline_passed(id: str) -> str:
    """Silence for five business days: the guarantor may no longer say that the demand does not comply."""
    found = enter(DEMAND, demands, id, "deadline_passed")
    require(ctx.time >= found.answer_until_ms, "E_TOO_EARLY", "the guarantor may still answer")
    return keep(demands, found, GuarantorPrecluded)


@export
def suspend(id: str, expected_version: int = 0) -> str:
    """Hold payment up to 30 days while the extension asked for is considered [23]."""
    found = enter(DEMAND, demands, id, "suspend", expected_version)
    require(found.extend_to != "", "E_NO_EXTENSION", "the demand asks for payment only")
    require(ctx.time < found.answer_until_ms, "E_TOO_LATE", "the five business days are over")
    found.suspended_until_ms = day_end_ms(today() + EXTEND_OR_PAY_DAYS)
    return keep(demands, found, PaymentSuspended)


@export
def extend(id: str, expected_version: int = 0) -> str:
    """Grant the extension: the guarantee lives longer and the demand counts as withdrawn. Code: E_TOO_LATE."""
    found = enter(DEMAND, demands, id, "extend", expected_version)
    require(ctx.time < found.suspended_until_ms, "E_TOO_LATE", "the thirty days are over")
    settle(found, False)
    guarantee = load(guarantees, found.guarantee)
    guarantee.expiry = found.extend_to
    guarantees[guarantee.id] = guarantee
    return keep(demands, found, Extended)


@export
def refuse_extension(id: str, expected_version: int = 0) -> str:
    found = enter(DEMAND, demands, id, "refuse_extension", expected_version)
    return keep(demands, found, ExtensionRefused)


@export
def suspension_over(id: str) -> str:
    found = enter(DEMAND, demands, id, "suspension_over")
    require(ctx.time >= found.suspended_until_ms, "E_TOO_EARLY", "the thirty days are not over")
    return keep(demands, found, SuspensionOver)


@export
def withdraw(id: str, expected_version: int = 0) -> str:
    found = enter(DEMAND, demands, id, "withdraw", expected_version)
    settle(found, False)
    return keep(demands, found, DemandWithdrawn)


@export
def prepare_payment(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Fix what the payment must look like, before anybody pays. Codes: E_PREPARED, E_SALT, E_WALLET."""
    found = enter(DEMAND, demands, id, "prepare_payment", expected_version)
    require(found.due is None, "E_PREPARED", "the reference is fixed already")
    parts = found.parties
    found.due = fix(id, 1, parts["guarantor"], parts["beneficiary"], found.amount_fen, salt)
    keep(demands, found, PaymentPrepared)
    return found.due.reference


@export
def record_payment(id: str, proof: bytes) -> str:
    """Anyone brings the proof that the guarantor paid the beneficiary. Codes: E_UNPREPARED, E_PROOF_…"""
    found = enter(DEMAND, demands, id, "record_payment")
    prove(found.due, proof)
    settle(found, True)
    return keep(demands, found, Paid)


# ---- views ---------------------------------------------------------------------------------------


@view
def get(id: str) -> dict:
    """Its parties and the regulator see a guarantee, or a demand by its number (GT-1/1)."""
    found = load(demands if "/" in id else guarantees, id)
    require_sight(found.parties)
    return describe_demand(found) if "/" in id else describe(found)


@view
def next_steps(id: str) -> list:
    """What may happen now to a guarantee or a demand: call, who, guard, to."""
    if "/" in id:
        return moves_from(DEMAND, load(demands, id).state)
    return moves_from(GUARANTEE, load(guarantees, id).state)
