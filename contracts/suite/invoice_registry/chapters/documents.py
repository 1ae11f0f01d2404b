"""Invoices that their sellers lodged, and how much of each backs something. Amounts are fen."""

from chapters.records import Document, documents
from rules.calendar import is_date
from rules.codes import DOCUMENT_KINDS, is_currency, is_digest
from rules.money import is_amount
from sdk import Event, call, ctx, export, require, view

Lodged = Event("Invoice.Lodged")


@export
def lodge(
    document: str, kind: str, buyer: str, amount_fen: int, currency: str, issued_on: str
) -> bool:
    """The seller records one of its documents. `document`: SM3 of the file, hex.

    Codes: E_ROLE, E_PARTY, E_DIGEST, E_CODE, E_AMOUNT, E_DATE, E_SELF, E_DUPLICATE.
    """
    require("maker" in ctx.roles, "E_ROLE", "a maker of the seller lodges documents")
    call("party", "check_member", ctx.member)
    require(is_digest(document), "E_DIGEST", "a digest is 64 lower-case hex digits")
    require(kind in DOCUMENT_KINDS, "E_CODE", "unknown kind of document")
    require(is_currency(currency), "E_CODE", "unknown currency")
    require(is_amount(amount_fen), "E_AMOUNT", "an amount is a positive number of minor units")
    require(is_date(issued_on), "E_DATE", "a date is written YYYY-MM-DD")
    require(buyer != ctx.member, "E_SELF", "nobody invoices himself")
    key = (ctx.member, document)
    require(key not in documents, "E_DUPLICATE", "this document is already lodged")
    documents[key] = Document(document, kind, ctx.member, buyer, amount_fen, currency, issued_on)
    Lodged(document=document, kind=kind, seller=ctx.member, version=1)
    return True


def load_document(digest: str, seller: str):
    found = documents[(seller, digest)]
    require(found is not None, "E_NOT_FOUND", "no such document")
    return found


@export
def draw(document: str, amount_fen: int, seller: str, buyer: str) -> int:
    """Let an invoice between these two back an obligation. Returns what is left. Other contracts only."""
    require(ctx.caller in ("receivable", "financing"), "E_CALLER", "other contracts only")
    found = load_document(document, seller)
    fits = found.kind == "invoice" and found.buyer == buyer
    require(fits, "E_TRADE_BASIS", "the document is no invoice from this seller to this buyer")
    require(found.drawn_fen + amount_fen <= found.amount_fen, "E_UNDERLYING", "invoice used up")
    found.drawn_fen += amount_fen
    found.version += 1
    documents[(seller, document)] = found
    return found.amount_fen - found.drawn_fen


@export
def restore(document: str, amount_fen: int, seller: str) -> int:
    """Undo a `draw` whose obligation never came to life. Other contracts only."""
    require(ctx.caller in ("receivable", "financing"), "E_CALLER", "other contracts only")
    found = load_document(document, seller)
    require(found.drawn_fen >= amount_fen, "E_AMOUNT", "more than was drawn")
    found.drawn_fen -= amount_fen
    found.version += 1
    documents[(seller, document)] = found
    return found.amount_fen - found.drawn_fen


@view
def get_document(document: str, seller: str = "") -> dict:
    """A document that a seller lodged; the asking member's own when no seller is named."""
    found = load_document(document, seller or ctx.member)
    return {
        "document": document,
        "kind": found.kind,
        "seller": found.seller,
        "buyer": found.buyer,
        "amount_fen": found.amount_fen,
        "currency": found.currency,
        "issued_on": found.issued_on,
        "drawn_fen": found.drawn_fen,
        "version": found.version,
    }
