"""Other documents, and what all documents say of the same thing (UCP 600 art. 14; ISBP 821 sections A, L)."""

from __future__ import annotations

from node.documents.precheck.case import TRANSPORT, Case
from node.documents.precheck.invoices import words
from node.documents.precheck.registry import check, differs
from node.documents.precheck.timing import Found

SIGNED = ("draft", "certificate-of-origin", "inspection", "certificate")  # by what they are
DATED = ("draft", "insurance", *TRANSPORT)


@check("not-signed", "ISBP 821 A35", "drafts, certificates and declarations are signed")
def not_signed(case: Case) -> Found:
    for document in case.of(*SIGNED):
        if not document.is_signed:
            yield document, "not signed"


@check("not-dated", "ISBP 821 A11", "drafts, insurance and transport documents are dated")
def not_dated(case: Case) -> Found:
    for document in case.of(*DATED):
        if not document.dated:
            yield document, "not dated"


@check("correction", "ISBP 821 A7", "corrections are authenticated by who issued the document")
def correction(case: Case) -> Found:
    for document in case.documents:
        for change in document.corrections:
            if not change.is_authenticated:
                yield document, f"correction not authenticated: {change.text[:60]}"


@check("goods-conflict", "UCP 600 art. 14(e)", "general descriptions elsewhere do not conflict")
def goods_conflict(case: Case) -> Found:
    asked = set(words(case.credit.goods))
    for document in case.documents:
        if document.kind != "invoice" and document.goods and not asked & set(words(document.goods)):
            yield document, f"describes other goods: {document.goods[:80]!r}"


@check("issuer-country", "UCP 600 art. 14(j)", "the beneficiary's address is in the same country")
def issuer_country(case: Case) -> Found:
    for document in case.of("invoice", "packing-list", "draft"):
        wrong = document.issuer_country not in ("", case.credit.beneficiary.country)
        if wrong:
            yield document, f"in {document.issuer_country}, not {case.credit.beneficiary.country}"


@check("addressee-country", "UCP 600 art. 14(j)", "the applicant's address is in the same country")
def addressee_country(case: Case) -> Found:
    for document in case.documents:
        if document.addressee_country not in ("", case.credit.applicant.country):
            yield document, f"in {document.addressee_country}, not {case.credit.applicant.country}"


@check("packages", "UCP 600 art. 14(d)", "all documents count the same packages")
def packages(case: Case) -> Found:
    yield from differs(case.documents, "packages")


@check("gross-weight", "UCP 600 art. 14(d)", "all documents show the same gross weight")
def gross_weight(case: Case) -> Found:
    yield from differs(case.documents, "gross_kg")


@check("net-weight", "UCP 600 art. 14(d)", "net weights agree, and are below the gross weight")
def net_weight(case: Case) -> Found:
    yield from differs(case.documents, "net_kg")
    for document in case.documents:
        if document.gross_kg and document.net_kg > document.gross_kg:
            yield document, f"{document.net_kg} kg net in {document.gross_kg} kg gross"


@check("shipping-marks", "ISBP 821 A32", "shipping marks do not conflict")
def shipping_marks(case: Case) -> Found:
    yield from differs(case.documents, "marks")


@check("vessel", "UCP 600 art. 14(d)", "all documents name the same vessel and voyage")
def vessel(case: Case) -> Found:
    if len({d.vessel for d in case.of(*TRANSPORT) if d.vessel}) < 2:
        yield from differs(case.documents, "vessel")


@check("packed-quantity", "UCP 600 art. 14(d)", "what is packed is what is invoiced")
def packed_quantity(case: Case) -> Found:
    invoiced = sum(invoice.quantity for invoice in case.of("invoice"))
    packed = [document for document in case.of("packing-list") if document.quantity]
    total = sum(document.quantity for document in packed)
    if packed and invoiced and total != invoiced:
        yield packed[0], f"{total} packed, {invoiced} invoiced"


@check("origin", "ISBP 821 L1", "the certificate shows the origin that the credit asks for")
def origin(case: Case) -> Found:
    for document in case.of("certificate-of-origin"):
        if case.credit.origin and document.origin != case.credit.origin:
            yield document, f"origin {document.origin or 'not shown'}, asked {case.credit.origin}"


@check("origin-elsewhere", "UCP 600 art. 14(d)", "other documents show the same origin")
def origin_elsewhere(case: Case) -> Found:
    for document in case.documents:
        other = document.kind != "certificate-of-origin" and document.origin
        if other and case.credit.origin and document.origin != case.credit.origin:
            yield document, f"origin {document.origin}, asked {case.credit.origin}"


@check(
    "origin-consignee",
    "ISBP 821 L5",
    "the certificate's consignee is that of the transport document",
)
def origin_consignee(case: Case) -> Found:
    allowed = [words(d.consignee) for d in case.of(*TRANSPORT) if d.consignee]
    allowed += [words(case.credit.applicant.name)]
    for document in case.of("certificate-of-origin"):
        if document.consignee and words(document.consignee) not in allowed:
            yield document, f"consignee {document.consignee}"


@check(
    "inspection-date", "ISBP 821 A12", "a pre-shipment inspection is dated no later than shipment"
)
def inspection_date(case: Case) -> Found:
    for document in case.of("inspection"):
        late = document.is_pre_shipment and case.shipped_on and document.dated > case.shipped_on
        if late:
            yield document, f"inspected {document.dated}, shipped {case.shipped_on}"
