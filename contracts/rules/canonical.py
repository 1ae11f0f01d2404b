"""One writing for one reference: what a clerk types differently must not look like another invoice.

Used before a fingerprint is made (domain/trade-finance.md 2.8): full-width characters, spaces, hyphens,
case, the letters O and I for 0 and 1, and leading zeros are folded away.
"""

SEPARATORS = " \t\r\n-_./\\\u00a0\u2010\u2011\u2012\u2013\u2014\u200b\u3000\ufeff"
REFERENCE_MAX = 64
FINGERPRINT_DOMAIN = "invfp/v1"


def fold_width(text: str) -> str:
    """Full-width ASCII (U+FF01 … U+FF5E) as ASCII; other characters stay."""
    folded = []
    for character in text:
        point = ord(character)
        folded.append(chr(point - 0xFEE0) if 0xFF01 <= point <= 0xFF5E else character)
    return "".join(folded)


def ascii_upper(text: str) -> str:
    """Upper case of a to z only: no language's tables decide."""
    raised = []
    for character in text:
        raised.append(chr(ord(character) - 32) if "a" <= character <= "z" else character)
    return "".join(raised)


def reference(text: str) -> str:
    """A document number in its one writing. Raises ValueError when nothing sensible is left."""
    kept = [c for c in ascii_upper(fold_width(text)) if c not in SEPARATORS]
    number = "".join(kept).replace("O", "0").replace("I", "1").lstrip("0")
    if not number or len(number) > REFERENCE_MAX:
        raise ValueError("not a document number")
    if not all(("0" <= c <= "9") or ("A" <= c <= "Z") for c in number):
        raise ValueError("a document number is letters and digits")
    return number


def identifier(text: str) -> str:
    """A party identifier (USCC, LEI) in its one writing; its check digit finds swapped letters."""
    return "".join([c for c in ascii_upper(fold_width(text)) if c not in SEPARATORS])


def invoice_preimage(seller: str, number: str, date: str, gross: int, currency: str) -> str:
    """The text that a bank gateway puts under its keyed hash: fields in order, one a line.

    Every field is free of line breaks after folding, so no two invoices share a text.
    gross: minor units; credit notes are negative. date: YYYY-MM-DD.
    """
    fields = [
        FINGERPRINT_DOMAIN,
        identifier(seller),
        reference(number),
        fold_width(date).strip(),
        str(gross),
        ascii_upper(fold_width(currency)).strip(),
    ]
    if any("\n" in field for field in fields):
        raise ValueError("a line break inside a field")
    return "\n".join(fields)
