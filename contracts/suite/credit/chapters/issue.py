"""From the application to the confirmed credit. Table CREDIT."""

from rules.banking_days import PLACES
from rules.calendar import is_date, parse_date
from rules.codes import is_code, is_digest
from rules.credit_machine import CREDIT, METHODS, PRESENTATION_DAYS, TENOR_FROM, TOLERANCE_BPS_MAX
from rules.credit_records import (
    Advised,
    AppliedFor,
    Approved,
    Confirmed,
    Credit,
    Declined,
    Issued,
    credits,
)
from rules.dated_rules import rule_on
from rules.instrument import enter, keep, require_step, today
from rules.money import PAYMENT_MAX, is_amount
from sdk import call, ctx, export, require


def check_amount(amount_fen: int, tolerance_bps: int):
    fits = is_amount(amount_fen) and amount_fen <= PAYMENT_MAX // 2
    require(fits, "E_AMOUNT", "a positive number of fen below 2^52")
    require(0 <= tolerance_bps <= TOLERANCE_BPS_MAX, "E_TOLERANCE", "a tolerance is up to 10 %")


def check_dates(latest_shipment: str, expiry: str, presentation_days: int):
    """Issue, latest shipment, expiry in this order."""
    require(is_date(latest_shipment) and is_date(expiry), "E_DATE", "dates are written YYYY-MM-DD")
    ordered = today() < parse_date(latest_shipment) <= parse_date(expiry)
    require(ordered, "E_DATE", "today, latest shipment and expiry follow in this order")
    require(0 < presentation_days <= PRESENTATION_DAYS, "E_PERIOD", "1 to 21 days after shipment")


@export
def apply(
    id: str, issuing: str, beneficiary: str, amount_fen: int, expiry: str, latest_shipment: str,
    terms: str, advising: str, confirming: str = "", nominated: str = "", place: str = "CN",
    examined_at: str = "", tolerance_bps: int = 0, presentation_days: int = 21, method: str = "sight",
    tenor_days: int = 0, tenor_from: str = "presentation", is_transferable: bool = False,
    is_partial_allowed: bool = True,
) -> str:  # fmt: skip
    """The applicant asks its bank for a credit. terms: digest of the text (MT 700 or domestic form).
    place: where it expires; examined_at: where the bank examines and pays, "" for the same place.

    Codes: E_NOT_PARTY, E_CODE, E_DUPLICATE, E_PARTY, E_ROLE, E_SELF, E_AMOUNT, E_TOLERANCE, E_DATE, E_PERIOD,
    E_METHOD, E_TENOR, E_PLACE, E_DIGEST.
    """
    parts = {"applicant": ctx.member, "issuing": issuing, "advising": advising,
             "confirming": confirming, "nominated": nominated or advising,
             "beneficiary": beneficiary, "paying": issuing, "examining": nominated or issuing}  # fmt: skip
    require_step(CREDIT, "-", "apply", parts)
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(credits[id] is None, "E_DUPLICATE", "this number is taken")
    require(beneficiary != ctx.member, "E_SELF", "applicant and beneficiary differ")
    require(is_digest(terms), "E_DIGEST", "terms are a digest: 64 hex digits")
    known = place in PLACES and (examined_at or place) in PLACES
    require(known, "E_PLACE", "CN or HK")
    check_amount(amount_fen, tolerance_bps)
    check_dates(latest_shipment, expiry, presentation_days)
    require(method in METHODS, "E_METHOD", "sight, acceptance or deferred")
    longest = rule_on("tenor:credit", today())["days"]
    timed = tenor_days == 0 if method == "sight" else 0 < tenor_days <= longest
    require(
        timed and tenor_from in TENOR_FROM,
        "E_TENOR",
        "sight has no tenor, others up to the rule's days",
    )
    for trader in (ctx.member, beneficiary):
        call("party", "check_new_business", trader)
    for bank in (issuing, advising, parts["nominated"], confirming or issuing):
        kind = call("party", "check_new_business", bank)["kind"]
        require(kind == "bank", "E_ROLE", f"{bank} is not a bank")
    return keep(credits,
        Credit(
            id, parts, amount_fen, tolerance_bps, expiry, place, examined_at or place, latest_shipment,
            presentation_days, method, tenor_days, tenor_from, is_transferable,
            is_partial_allowed, terms, state="APPLIED",
        ),
        AppliedFor,
    )  # fmt: skip


@export
def approve_issue(id: str, expected_version: int = 0) -> str:
    """A maker of the issuing bank finds that it may be issued: a credit line or margin is there."""
    credit = enter(CREDIT, credits, id, "approve_issue", expected_version)
    credit.approved_by = ctx.sender
    return keep(credits, credit, Approved)


@export
def issue(id: str, expected_version: int = 0) -> str:
    """A checker, another person, binds the bank: irrevocable from now on. Codes: E_FOUR_EYES, E_DATE."""
    credit = enter(CREDIT, credits, id, "issue", expected_version)
    four_eyes = credit.approved_by not in ("", ctx.sender)
    require(four_eyes, "E_FOUR_EYES", "approved by a maker, issued by another person")
    check_dates(credit.latest_shipment, credit.expiry, credit.presentation_days)
    return keep(credits, credit, Issued)


@export
def decline_issue(id: str, reason: str, expected_version: int = 0) -> str:
    credit = enter(CREDIT, credits, id, "decline_issue", expected_version)
    require(0 < len(reason) <= 200, "E_TEXT", "a reason is 1 to 200 characters")
    return keep(credits, credit, Declined)


@export
def advise(id: str, expected_version: int = 0) -> str:
    return keep(credits, enter(CREDIT, credits, id, "advise", expected_version), Advised)


@export
def confirm(id: str, expected_version: int = 0) -> str:
    """The confirming bank adds its own undertaking: it examines and pays from now on."""
    credit = enter(CREDIT, credits, id, "confirm", expected_version)
    credit.parties["paying"] = credit.parties["confirming"]
    credit.parties["examining"] = credit.parties["confirming"]
    return keep(credits, credit, Confirmed)
