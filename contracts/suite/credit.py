"""Documentary credit (M4): a bank pays against documents, not goods (UCP 600, eUCP 2.1; domestic: [2016] 10).

The credit's own life and its amount are here; what is presented under it is the presentation contract's.
When what may happen: `rules.credit_machine`. Amounts are fen.

Invariants: what is drawn never exceeds amount and tolerance; an amendment counts as a whole or not at all; a
credit is transferred once.
"""

from rules.banking_days import PLACES
from rules.calendar import is_date, parse_date
from rules.codes import is_code, is_digest
from rules.credit_machine import (
    CREDIT,
    METHODS,
    PRESENTATION_DAYS,
    TENOR_FROM,
    TOLERANCE_BPS_MAX,
)
from rules.credit_records import (
    Advised,
    Amended,
    AmendmentProposed,
    AmendmentRejected,
    AppliedFor,
    Approved,
    CancelConsented,
    Cancelled,
    Confirmed,
    Credit,
    Declined,
    DrawingEnded,
    Drawn,
    Exhausted,
    Expired,
    Issued,
    Transferred,
    credits,
    describe,
    last_day,
    most_of,
)
from rules.dated_rules import following, rule_on
from rules.instrument import enter, keep, load, require_sight, require_step, today
from rules.machine import moves_from
from rules.money import PAYMENT_MAX, is_amount
from sdk import call, ctx, export, require, view


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


# ---- the credit ----------------------------------------------------------------------------------


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


@export
def propose_amendment(
    id: str, amount_fen: int, expiry: str, latest_shipment: str, expected_version: int = 0
) -> str:
    """Binds the bank at once, the beneficiary when it agrees; silence is no agreement."""
    credit = enter(CREDIT, credits, id, "propose_amendment", expected_version)
    require(credit.proposed == (), "E_AMENDMENT", "an amendment is open already")
    check_amount(amount_fen, credit.tolerance_bps)
    check_dates(latest_shipment, expiry, credit.presentation_days)
    credit.proposed = (amount_fen, expiry, latest_shipment)
    return keep(credits, credit, AmendmentProposed)


@export
def accept_amendment(
    id: str, amount_fen: int, expiry: str, latest_shipment: str, expected_version: int = 0
) -> str:
    """The beneficiary repeats it whole: to take a part is to refuse it. Codes: E_AMENDMENT, E_PARTIAL."""
    credit = enter(CREDIT, credits, id, "accept_amendment", expected_version)
    require(credit.proposed != (), "E_AMENDMENT", "no amendment is open")
    whole = credit.proposed == (amount_fen, expiry, latest_shipment)
    require(whole, "E_PARTIAL", "an amendment is accepted as a whole or not at all")
    take_amendment(credit)
    return keep(credits, credit, Amended)


def take_amendment(credit):
    amount_fen, expiry, latest_shipment = credit.proposed
    credit.amount_fen = amount_fen
    credit.expiry = expiry
    credit.latest_shipment = latest_shipment
    credit.proposed = ()
    require(credit.drawn_fen <= most_of(credit), "E_AMOUNT", "more was drawn already")


@export
def reject_amendment(id: str, expected_version: int = 0) -> str:
    credit = enter(CREDIT, credits, id, "reject_amendment", expected_version)
    require(credit.proposed != (), "E_AMENDMENT", "no amendment is open")
    credit.proposed = ()
    return keep(credits, credit, AmendmentRejected)


@export
def transfer_credit(
    id: str, child: str, second_beneficiary: str, amount_fen: int, expiry: str,
    latest_shipment: str, presentation_days: int, terms: str, expected_version: int = 0,
) -> str:  # fmt: skip
    """The nominated bank makes the credit available to a second beneficiary, whole or in part, on terms that
    are only narrower [38]. Returns the child's number. Codes: E_TRANSFER, E_NARROWER, E_DUPLICATE, E_PARTY…"""
    credit = enter(CREDIT, credits, id, "transfer_credit", expected_version)
    once = credit.is_transferable and credit.child == "" and credit.parent == ""
    require(once, "E_TRANSFER", "only a transferable credit, and once")
    require(is_code(child, 32) and is_digest(terms), "E_CODE", "a number and a digest of the terms")
    require(credits[child] is None, "E_DUPLICATE", "this number is taken")
    check_amount(amount_fen, credit.tolerance_bps)
    check_dates(latest_shipment, expiry, presentation_days)
    narrower = expiry <= credit.expiry and latest_shipment <= credit.latest_shipment
    narrower = narrower and presentation_days <= credit.presentation_days
    require(narrower, "E_NARROWER", "expiry, shipment and period may only be earlier")
    left = credit.amount_fen - credit.drawn_fen
    require(amount_fen <= left, "E_AMOUNT", f"up to {left} fen are left")
    call("party", "check_new_business", second_beneficiary)
    parts = dict(credit.parties)
    parts["beneficiary"] = second_beneficiary
    require(second_beneficiary not in credit.parties.values(), "E_SELF", "a new beneficiary")
    credit.child = child
    credit.drawn_fen += amount_fen
    keep(credits,
        Credit(
            child, parts, amount_fen, 0, expiry, credit.place, credit.examined_at, latest_shipment,
            presentation_days, credit.method, credit.tenor_days, credit.tenor_from, False,
            credit.is_partial_allowed, terms, parent=id, state=credit.state,
        ),
        Advised,
    )  # fmt: skip
    keep(credits, credit, Transferred)
    return child


@export
def consent_to_cancel(id: str, expected_version: int = 0) -> str:
    credit = enter(CREDIT, credits, id, "consent_to_cancel", expected_version)
    require(ctx.member not in credit.cancel_consents, "E_CONSENTED", "consented already")
    credit.cancel_consents = (*credit.cancel_consents, ctx.member)
    return keep(credits, credit, CancelConsented)


@export
def cancel(id: str) -> str:
    """All whom it binds have agreed [10a]. Codes: E_CONSENT, E_PRESENTATION_OPEN."""
    bound = load(credits, id).state == "CONFIRMED"
    credit = enter(CREDIT, credits, id, "cancel")
    needed = ["issuing", "beneficiary", *(["confirming"] if bound else [])]
    agreed = all(credit.parties[part] in credit.cancel_consents for part in needed)
    require(agreed, "E_CONSENT", "issuing bank, confirming bank and beneficiary agree first")
    require_closed(credit)
    return keep(credits, credit, Cancelled)


def require_closed(credit):
    none = credit.open_presentations == 0
    require(none, "E_PRESENTATION_OPEN", "a presentation is open")


@export
def expire(id: str) -> str:
    credit = enter(CREDIT, credits, id, "expire")
    over = today() > following(parse_date(credit.expiry), credit.place)
    require(over, "E_TOO_EARLY", "its expiry, moved to a banking day, has not passed")
    require_closed(credit)
    return keep(credits, credit, Expired)


@export
def exhaust(id: str) -> str:
    credit = enter(CREDIT, credits, id, "exhaust")
    done = credit.paid_fen >= credit.amount_fen and credit.open_presentations == 0
    require(done, "E_TOO_EARLY", "something may still be drawn")
    return keep(credits, credit, Exhausted)


# ---- drawings, by the presentation contract ------------------------------------------------------


def require_in_time(credit, shipped_on: str):
    """Codes: E_DATE, E_LATE_SHIPMENT, E_EXPIRED."""
    if shipped_on:
        require(is_date(shipped_on), "E_DATE", "a date is written YYYY-MM-DD")
        shipped = parse_date(shipped_on)
        require(shipped <= today(), "E_DATE", "goods shipped lie behind")
        in_time = shipped <= parse_date(credit.latest_shipment)  # not moved by a holiday [29c]
        require(in_time, "E_LATE_SHIPMENT", "shipped after the latest date of shipment")
    require(today() <= last_day(credit, shipped_on), "E_EXPIRED", "too late for a presentation")


@view
def check_in_time(id: str, shipped_on: str) -> bool:
    """Whether it may be presented today. Codes: E_CALLER, E_EXPIRED, E_DATE, E_LATE_SHIPMENT."""
    require(ctx.caller == "presentation", "E_CALLER", "only the presentation contract asks")
    require_in_time(load(credits, id), shipped_on)
    return True


@export
def draw(id: str, amount_fen: int, under_amendment: bool = False) -> dict:
    """Count a presentation against the credit. under_amendment: it complies with the open amendment, and so
    accepts it [10c]. Returns the credit's terms. Codes: E_AMOUNT, E_PARTIAL_SHIPMENT, E_AMENDMENT."""
    credit = enter(CREDIT, credits, id, "draw")
    if under_amendment:
        require(credit.proposed != (), "E_AMENDMENT", "no amendment is open")
        take_amendment(credit)
    left = most_of(credit) - credit.drawn_fen
    require(is_amount(amount_fen) and amount_fen <= left, "E_AMOUNT", f"up to {left} fen are left")
    alone = credit.is_partial_allowed or credit.drawn_fen == 0
    require(alone, "E_PARTIAL_SHIPMENT", "partial shipments are not allowed [31]")
    credit.drawn_fen += amount_fen
    credit.open_presentations += 1
    keep(credits, credit, Drawn)
    return describe(credit)


@export
def settle(id: str, amount_fen: int, is_paid: bool) -> int:
    """A presentation has ended: its amount was paid, or may be drawn again. Returns what is left, fen."""
    credit = enter(CREDIT, credits, id, "settle")
    credit.open_presentations -= 1
    if is_paid:
        credit.paid_fen += amount_fen
    else:
        credit.drawn_fen -= amount_fen
    assert 0 <= credit.paid_fen <= credit.drawn_fen <= most_of(credit)
    keep(credits, credit, DrawingEnded)
    return most_of(credit) - credit.drawn_fen


# ---- views ---------------------------------------------------------------------------------------


@view
def list_credits(after: str = "") -> list:
    """What issuing banks may still have to pay, for regulators; fifty credits after a number. E_NOT_PARTY."""
    require("regulator" in ctx.roles, "E_NOT_PARTY", "for regulators")
    return [
        {"id": one.id, "issuing": one.parties["issuing"], "state": one.state,
         "exposure_fen": most_of(one) - one.paid_fen}
        for _, one in credits.scan(None, after or None, 50)
    ]  # fmt: skip


@view
def get(id: str) -> dict:
    """Its parties and the regulator see a credit."""
    credit = load(credits, id)
    require_sight(credit.parties)
    return describe(credit)


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(CREDIT, load(credits, id).state)
