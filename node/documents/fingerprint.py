"""The keyed fingerprint of an invoice, as a bank gateway computes it (domain/trade-finance.md 2.8)."""

from __future__ import annotations

from contracts.rules import canonical
from node.documents.strict import invalid
from node.documents.ubl import Invoice
from node.identity.suite import Suite

KEY_BYTES_MIN = 32


def fingerprint(
    suite: Suite, key: bytes, *, seller: str, number: str, date: str, gross: int, currency: str
) -> str:
    """HMAC over the canonical fields, hex: the same invoice gives the same text however it is typed.

    key: the banks' epoch key of at least 32 bytes; without it nobody can try guesses. gross: minor units.
    Raises CITY-1105 when the number is none.
    """
    if len(key) < KEY_BYTES_MIN:
        raise ValueError(f"the epoch key has at least {KEY_BYTES_MIN} bytes")
    try:
        preimage = canonical.invoice_preimage(seller, number, date, gross, currency)
    except ValueError:
        invalid("invoice number", number, "letters and digits")
    return suite.hmac(key, preimage.encode("utf-8")).hex()


def invoice_fingerprint(suite: Suite, key: bytes, invoice: Invoice) -> str:
    """The fingerprint of a parsed invoice: seller's identifier, number, date, gross amount, currency."""
    return fingerprint(
        suite,
        key,
        seller=invoice.seller.identifier,
        number=invoice.number,
        date=invoice.issued_on,
        gross=invoice.gross,
        currency=invoice.currency,
    )
