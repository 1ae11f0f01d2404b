"""Red letters and voids, and invoices that stand behind a financing. Table EINVOICE."""

from rules.calendar import date_text
from rules.codes import is_digest
from rules.einvoice_books import ask_financing, reverse, take_out
from rules.einvoice_machine import EINVOICE, LINES_MAX
from rules.einvoice_records import (
    ClaimLinked,
    Pledged,
    PledgeReleased,
    RedLettered,
    ReversalConsented,
    ReversalOrdered,
    Reversed,
    Voided,
    einvoices,
    gross_left,
    net_of,
)
from rules.instrument import enter, keep, today
from sdk import call, export, require


@export
def red_letter(id: str, parts: list, expected_version: int = 0) -> str:
    """Take a part back: [line from 1, net fen] each. Codes: E_LINES, E_AMOUNT, E_INVOICE_FINANCED."""
    found = enter(EINVOICE, einvoices, id, "red_letter", expected_version)
    require(0 < len(parts) <= LINES_MAX, "E_LINES", "1 to 64 parts")
    reverse(found, parts)
    require(found.red_net_fen < net_of(found), "E_AMOUNT", "nothing would be left")
    return keep(einvoices, found, RedLettered)


@export
def red_letter_full(id: str, expected_version: int = 0) -> str:
    """Take back all that is left of it. Code: E_INVOICE_FINANCED."""
    found = enter(EINVOICE, einvoices, id, "red_letter_full", expected_version)
    lines = found.lines
    parts = [[i + 1, lines[i][2] - lines[i][4]] for i in range(len(lines))]
    reverse(found, [part for part in parts if part[1] > 0])
    return keep(einvoices, found, Reversed)


@export
def void(id: str, expected_version: int = 0) -> str:
    """As if never issued, on the same day only. Codes: E_TOO_LATE, E_REVERSED, E_INVOICE_FINANCED."""
    found = enter(EINVOICE, einvoices, id, "void", expected_version)
    require(found.issued_on == date_text(today()), "E_TOO_LATE", "only on the day of issue")
    untouched = found.red_letters == 0 and found.paid_by == b""
    require(untouched, "E_REVERSED", "paid or reversed in part: use a red letter")
    ask_financing(found, gross_left(found))
    take_out(found)
    return keep(einvoices, found, Voided)


@export
def pledge(id: str, financier: str, expected_version: int = 0) -> str:
    """The seller shows who lends on it: no reversal without that bank from now on. Codes:
    E_INVOICE_FINANCED, E_ROLE, E_PARTY."""
    found = enter(EINVOICE, einvoices, id, "pledge", expected_version)
    require("financier" not in found.parties, "E_INVOICE_FINANCED", "it is pledged already")
    kind = call("party", "check_member", financier)["kind"]
    require(kind in ("bank", "factor"), "E_ROLE", "only a bank or a factor finances")
    found.parties["financier"] = financier
    return keep(einvoices, found, Pledged)


@export
def link_claim(id: str, fingerprint: str, expected_version: int = 0) -> str:
    """The financier shows under which claim of the invoice registry it lent. Code: E_OWNER."""
    found = enter(EINVOICE, einvoices, id, "link_claim", expected_version)
    claim = call("invoice_registry", "my_claim", fingerprint)
    is_open = claim["state"] in ("RESERVED", "ACTIVE", "VOID_UNDERLYING")
    require(is_open, "E_OWNER", "no open claim of this bank under this fingerprint")
    found.financed_by = fingerprint
    return keep(einvoices, found, ClaimLinked)


@export
def consent_to_reversal(id: str, amount_fen: int, expected_version: int = 0) -> str:
    """The financier lets up to this amount be taken back, with tax."""
    found = enter(EINVOICE, einvoices, id, "consent_to_reversal", expected_version)
    fits = 0 <= amount_fen <= gross_left(found)
    require(fits, "E_AMOUNT", "0 to what is left of the invoice")
    found.consent_fen = amount_fen
    return keep(einvoices, found, ReversalConsented)


@export
def order_reversal(id: str, amount_fen: int, order: str, expected_version: int = 0) -> str:
    """The authority lets it be taken back although an obligation rests on it. order: digest of its order."""
    found = enter(EINVOICE, einvoices, id, "order_reversal", expected_version)
    require(is_digest(order), "E_DIGEST", "an order is a digest: 64 hex digits")
    fits = 0 <= amount_fen <= gross_left(found)
    require(fits, "E_AMOUNT", "0 to what is left of the invoice")
    found.order_fen = amount_fen
    return keep(einvoices, found, ReversalOrdered)


@export
def release_pledge(id: str, expected_version: int = 0) -> str:
    """The financing is over."""
    found = enter(EINVOICE, einvoices, id, "release_pledge", expected_version)
    found.parties.pop("financier")
    found.financed_by = ""
    found.consent_fen = 0
    return keep(einvoices, found, PledgeReleased)
