"""Transport documents (UCP 600 arts. 19-27; ISBP 821 sections D and E)."""

from __future__ import annotations

from contracts.rules.check_digits import is_container, is_imo_number
from node.documents.precheck.case import MARINE, TRANSPORT, Case
from node.documents.precheck.invoices import words
from node.documents.precheck.registry import check
from node.documents.precheck.timing import Found

CAPACITIES = ("carrier", "master", "agent-of-carrier", "agent-of-master", "owner", "charterer")


@check("transport-signature", "UCP 600 art. 20(a)(i)", "signed by carrier, master or a named agent")
def transport_signature(case: Case) -> Found:
    for document in case.of(*TRANSPORT):
        if not document.is_signed or document.signed_as not in CAPACITIES:
            yield document, f"signed as {document.signed_as or 'nobody'}"


@check("transport-carrier", "UCP 600 art. 20(a)(i)", "the carrier's name is shown")
def transport_carrier(case: Case) -> Found:
    for document in case.of(*TRANSPORT):
        if not document.carrier and not document.is_charter_party:
            yield document, "no carrier named"


@check("on-board", "UCP 600 art. 20(a)(ii)", "shipment on board is shown with its date")
def on_board(case: Case) -> Found:
    for document in case.of(*TRANSPORT):
        if not document.on_board:
            yield document, "no dated notation of shipment"


@check("port-of-loading", "UCP 600 art. 20(a)(iii)", "shipped from the port that the credit states")
def port_of_loading(case: Case) -> Found:
    for document in case.of(*TRANSPORT):
        if case.credit.loading and document.loading != case.credit.loading:
            yield document, f"from {document.loading or 'nowhere'}, asked {case.credit.loading}"


@check("port-of-discharge", "UCP 600 art. 20(a)(iii)", "shipped to the port that the credit states")
def port_of_discharge(case: Case) -> Found:
    for document in case.of(*TRANSPORT):
        if case.credit.discharge and document.discharge != case.credit.discharge:
            yield document, f"to {document.discharge or 'nowhere'}, asked {case.credit.discharge}"


@check("full-set", "UCP 600 art. 20(a)(iv)", "all originals issued are presented")
def full_set(case: Case) -> Found:
    for document in case.of(*TRANSPORT):
        if document.medium == "paper" and document.originals < document.originals_issued:
            yield document, f"{document.originals} of {document.originals_issued} originals"


@check("charter-party", "UCP 600 art. 20(a)(vi)", "not subject to a charter party")
def charter_party(case: Case) -> Found:
    for document in case.of(*MARINE):
        if document.is_charter_party:
            yield document, "subject to a charter party"


@check(
    "transhipment",
    "UCP 600 art. 20(b), (c)",
    "no transhipment where it is forbidden, but of containers",
)
def transhipment(case: Case) -> Found:
    for document in case.of(*MARINE):
        forbidden = not case.credit.is_transhipment_allowed and not document.containers
        if document.is_transhipped and forbidden:
            yield document, "transhipped, and the cargo is in no container"


@check("unclean", "UCP 600 art. 27", "no clause declares the goods or their packing defective")
def unclean(case: Case) -> Found:
    for document in case.of(*TRANSPORT):
        for clause in document.clauses:
            yield document, f"clause: {clause[:100]}"


@check("on-deck", "UCP 600 art. 26(a)", "goods are not loaded on deck")
def on_deck(case: Case) -> Found:
    for document in case.of(*MARINE):
        if document.is_on_deck:
            yield document, "shows that the goods are loaded on deck"


@check("consignee", "ISBP 821 E13", "consigned as the credit asks")
def consignee(case: Case) -> Found:
    for document in case.of(*TRANSPORT):
        if case.credit.consignee and words(document.consignee) != words(case.credit.consignee):
            yield document, f"to {document.consignee or 'nobody'}, asked {case.credit.consignee}"


@check("endorsement", "ISBP 821 E13", "to order, or to order of the shipper: endorsed by it")
def endorsement(case: Case) -> Found:
    for document in case.of("bill-of-lading", "multimodal"):
        order = words(document.consignee)
        by_shipper = order in (["TO", "ORDER"], ["TO", "ORDER", "OF", "SHIPPER"])
        if by_shipper and not document.is_endorsed:
            yield document, "made out to order and not endorsed"


@check("notify-party", "ISBP 821 E14", "the notify party is the one asked for")
def notify_party(case: Case) -> Found:
    for document in case.of(*TRANSPORT):
        if case.credit.notify and words(document.notify) != words(case.credit.notify):
            yield document, f"notify {document.notify or 'nobody'}, asked {case.credit.notify}"


@check("freight", "ISBP 821 E26", "freight prepaid or to collect, as the credit asks")
def freight(case: Case) -> Found:
    for document in case.of(*TRANSPORT):
        if case.credit.freight and document.freight != case.credit.freight:
            yield (
                document,
                f"freight {document.freight or 'not stated'}, asked {case.credit.freight}",
            )


@check("freight-against-term", "UCP 600 art. 14(d)", "freight as the trade term has it")
def freight_against_term(case: Case) -> Found:
    term = next(iter(words(case.credit.incoterm)), "")
    wanted = {"FOB": "collect", "FAS": "collect", "FCA": "collect", "EXW": "collect",
              "CIF": "prepaid", "CFR": "prepaid", "CPT": "prepaid", "CIP": "prepaid"}.get(term)  # fmt: skip
    for document in case.of(*TRANSPORT):
        conflict = wanted and document.freight and document.freight != wanted
        if conflict and not case.credit.freight:
            yield document, f"freight {document.freight} under {term}"


@check(
    "container-number", "ISO 6346; UCP 600 art. 14(d)", "container numbers pass their check digit"
)
def container_number(case: Case) -> Found:
    for document in case.documents:
        for number in document.containers:
            if not is_container(number):
                yield document, f"container {number}"


@check(
    "ship-number", "IMO A.1117(30); UCP 600 art. 14(d)", "the ship's number passes its check digit"
)
def ship_number(case: Case) -> Found:
    for document in case.documents:
        if document.vessel_imo and not is_imo_number(document.vessel_imo):
            yield document, f"IMO {document.vessel_imo}"
