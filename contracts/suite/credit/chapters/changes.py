"""Amendments, transfer and the end of a credit; each needs the word of whom it binds. Table CREDIT."""

from chapters.issue import check_amount, check_dates
from rules.calendar import parse_date
from rules.codes import is_code, is_digest
from rules.credit_machine import CREDIT
from rules.credit_records import (
    Advised,
    Amended,
    AmendmentProposed,
    AmendmentRejected,
    CancelConsented,
    Cancelled,
    Credit,
    Exhausted,
    Expired,
    Transferred,
    credits,
    most_of,
)
from rules.dated_rules import following
from rules.instrument import enter, keep, load, today
from sdk import call, ctx, export, require


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
