"""A demand: examined, paid, refused, or bought off by an extension. Table DEMAND."""

from rules.calendar import day_end_ms, is_date, parse_date
from rules.codes import is_digest
from rules.dated_rules import add_business_days
from rules.guarantee_machine import (
    DEMAND,
    DEMANDS_MAX,
    DISCREPANCIES_MAX,
    EXAMINE_BUSINESS_DAYS,
    EXTEND_OR_PAY_DAYS,
)
from rules.guarantee_records import (
    Demand,
    DemandComplies,
    Demanded,
    DemandRejected,
    DemandWithdrawn,
    Extended,
    ExtensionRefused,
    GuarantorPrecluded,
    Paid,
    PaymentPrepared,
    PaymentSuspended,
    SuspensionOver,
    demands,
    guarantees,
    settle,
)
from rules.instrument import enter, keep, load, require_step, today
from rules.money import is_amount
from rules.settlement import fix, prove
from sdk import ctx, export, require


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
