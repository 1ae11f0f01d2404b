"""Time, amount and form of the presentation as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from contracts.rules.calendar import date_text, parse_date
from node.documents.precheck.case import TRANSPORT, Case, Document
from node.documents.precheck.registry import NOTE, check

Found = Iterator[tuple[Document | None, str]]
BPS = 10_000


@check(
    "credit-dates", "UCP 600 art. 6(d)(i)", "issue, latest shipment and expiry follow each other"
)
def credit_dates(case: Case) -> Found:
    credit = case.credit
    shipment = credit.latest_shipment or credit.expiry
    if not credit.issued_on <= shipment <= credit.expiry:
        yield None, f"issued {credit.issued_on}, shipment {shipment}, expiry {credit.expiry}"


@check(
    "expired",
    "UCP 600 arts. 6(d)(i), 29(a)",
    "presented on or before expiry, moved to a banking day",
)
def expired(case: Case) -> Found:
    last = case.open_day(parse_date(case.credit.expiry))
    if parse_date(case.presentation.presented_on) > last:
        yield None, f"presented {case.presentation.presented_on}, last day {date_text(last)}"


@check("late-presentation", "UCP 600 art. 14(c)", "presented within the days after shipment")
def late_presentation(case: Case) -> Found:
    if case.shipped_on:
        days = case.credit.presentation_days
        last = case.open_day(parse_date(case.shipped_on) + days)
        if parse_date(case.presentation.presented_on) > last:
            yield None, f"shipped {case.shipped_on}: {days} days end {date_text(last)}"


@check("late-shipment", "UCP 600 art. 29(c)", "shipped by the latest date, which no holiday moves")
def late_shipment(case: Case) -> Found:
    latest = case.credit.latest_shipment
    for document in case.of(*TRANSPORT):
        if latest and document.on_board > latest:
            yield document, f"shipped {document.on_board}, latest {latest}"


@check("dated-later", "UCP 600 art. 14(i)", "no document is dated after its presentation")
def dated_later(case: Case) -> Found:
    for document in case.documents:
        if document.dated > case.presentation.presented_on:
            yield document, f"dated {document.dated}, presented {case.presentation.presented_on}"


@check("closed-day", "UCP 600 art. 33", "presented on a day on which the bank is open", NOTE)
def closed_day(case: Case) -> Found:
    day = parse_date(case.presentation.presented_on)
    if not case.is_banking_day(day):
        yield None, f"the bank need not take it before {date_text(case.open_day(day))}"


@check("partial-drawing", "UCP 600 art. 31(a)", "one drawing where partial ones are not allowed")
def partial_drawing(case: Case) -> Found:
    if not case.credit.is_partial_allowed and case.presentation.shipments_before:
        yield None, "an earlier shipment was presented, and partial shipments are not allowed"


@check(
    "several-vessels",
    "UCP 600 art. 31(b)",
    "several sets cover one means of conveyance and journey",
)
def several_vessels(case: Case) -> Found:
    journeys = {(d.vessel, d.discharge) for d in case.of(*TRANSPORT) if d.vessel}
    if not case.credit.is_partial_allowed and len(journeys) > 1:
        yield None, f"{len(journeys)} vessels or journeys are a partial shipment"


@check("overdrawn", "UCP 600 arts. 18(b), 30(a)", "drawings within the amount and its tolerance")
def overdrawn(case: Case) -> Found:
    most = case.credit.amount + case.credit.amount * case.tolerance_bps // BPS
    drawn = case.presentation.drawn_before + case.presentation.amount
    if drawn > most:
        yield None, f"{drawn} would be drawn in all, {most} may be"


@check("instalment-missed", "UCP 600 art. 32", "no instalment was missed before this one")
def instalment_missed(case: Case) -> Found:
    due = sum(
        one.amount for one in case.credit.instalments if one.until < case.presentation.presented_on
    )
    if case.presentation.drawn_before < due:
        yield None, f"{due} was to be drawn before, {case.presentation.drawn_before} was"


@check("condition-without-document", "UCP 600 art. 14(h)", "conditions name a document", NOTE)
def condition_without_document(case: Case) -> Found:
    for condition in case.credit.conditions:
        yield None, f"disregarded, no document shows it: {condition[:120]}"


@check("document-missing", "UCP 600 art. 14(a)", "every document asked for is presented")
def document_missing(case: Case) -> Found:
    presented = Counter(document.kind for document in case.documents)
    for kind, count in Counter(asked.kind for asked in case.credit.documents).items():
        if presented[kind] < count:
            yield None, f"{kind}: {count} asked for, {presented[kind]} presented"


@check("document-not-asked", "UCP 600 art. 14(g)", "documents not asked for are disregarded", NOTE)
def document_not_asked(case: Case) -> Found:
    asked = {requirement.kind for requirement in case.credit.documents}
    for document in case.documents:
        if document.kind not in asked:
            yield document, "not asked for: it is disregarded and may be returned"


@check("originals", "UCP 600 art. 17(a), (e)", "as many originals as the credit asks for")
def originals(case: Case) -> Found:
    for asked in case.credit.documents:
        found = [d for d in case.of(asked.kind) if d.medium == "paper"]
        if found and max(d.originals for d in found) < asked.originals:
            yield found[0], f"{found[0].originals} originals, {asked.originals} asked for"


@check("wrong-issuer", "UCP 600 art. 14(f)", "documents are issued by whom the credit names")
def wrong_issuer(case: Case) -> Found:
    for asked in case.credit.documents:
        for document in case.of(asked.kind):
            if asked.issuer and document.issued_by != asked.issuer:
                yield (
                    document,
                    f"issued by {document.issued_by or 'nobody named'}, not {asked.issuer}",
                )


@check("notice-of-completeness", "eUCP 2.1 art. e6(c)", "electronic records end with a notice")
def notice_of_completeness(case: Case) -> Found:
    records = any(document.medium == "record" for document in case.documents)
    if records and not case.presentation.is_complete_noticed:
        yield None, "without a notice of completeness nothing counts as presented"


@check(
    "record-format",
    "eUCP 2.1 art. e5",
    "electronic records come in a format that the credit states",
)
def record_format(case: Case) -> Found:
    for document in case.documents:
        known = not case.credit.formats or document.format in case.credit.formats
        if document.medium == "record" and not known:
            yield document, f"format {document.format or 'not stated'}"


@check(
    "record-identifies-credit", "eUCP 2.1 art. e6(d)", "each record names the credit it is under"
)
def record_identifies_credit(case: Case) -> Found:
    for document in case.documents:
        if document.medium == "record" and document.credit != case.credit.number:
            yield document, f"names the credit {document.credit or 'nowhere'}"


@check(
    "record-authentic",
    "eUCP 2.1 art. e6(f)",
    "a record that cannot be authenticated is not presented",
)
def record_authentic(case: Case) -> Found:
    for document in case.documents:
        if document.medium == "record" and not document.is_authenticated:
            yield document, "its signature or sender could not be verified"


@check("record-corrupted", "eUCP 2.1 art. e12", "records that arrived can be read")
def record_corrupted(case: Case) -> Found:
    for document in case.documents:
        if document.medium == "record" and not document.is_readable:
            yield document, "corrupted: ask for it again, the days stand still"
