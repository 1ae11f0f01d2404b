"""The keyed fingerprint of an invoice, as a bank gateway computes it (domain/trade-finance.md 2.8)."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Marks:
    """What else says which invoice it is, for `invoice_registry.register`: `kind:digest`. looks: neighbours of
    the amount's range, looked up only, so that amounts on both sides of a border are still found alike."""

    marks: tuple[str, ...]
    looks: tuple[str, ...]


def marks_of(
    suite: Suite, key: bytes, *, seller: str, number: str, date: str, gross: int, currency: str,
    **references: str,
) -> Marks:  # fmt: skip
    """Keyed marks of one invoice. references: numbers of a declaration, bill_of_lading or contract.

    Ranges of amounts are one per cent wide. Raises CITY-1105 when a number is none.
    """
    exact = fingerprint(
        suite, key, seller=seller, number=number, date=date, gross=gross, currency=currency
    )
    assert exact, "the fields are checked like the fingerprint's own"
    party, folded = canonical.identifier(seller), canonical.reference(number)
    place = amount_range(gross)
    day = canonical.fold_width(date).strip()

    def mark(kind: str, *fields: object) -> str:
        text = "\n".join(["invmark/v1", kind, *(str(field) for field in fields)])
        return f"{kind}:{suite.hmac(key, text.encode('utf-8')).hex()}"

    marks = [
        mark("near", party, folded, day, place),
        mark("undated", party, folded, gross, currency),
        mark("number", party, folded),
    ]
    for name, found in sorted(references.items()):
        marks.append(mark(name.replace("_", "-"), canonical.reference(found)))
    looks = tuple(mark("near", party, folded, day, place + step) for step in (-1, 1))
    return Marks(tuple(marks), looks)


def amount_range(gross: int) -> int:
    """The number of the range, one per cent wide, in which an amount lies: integers only."""
    low, place = 100, 0
    while low + low // 100 <= abs(gross):
        low += low // 100
        place += 1
    return place if gross >= 0 else -place - 1
