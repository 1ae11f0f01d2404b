"""The buyer's books: received, handed in, booked once, paid back. Table EINVOICE."""

from chapters.quota import require_reason
from rules.einvoice_books import count_input
from rules.einvoice_machine import EINVOICE
from rules.einvoice_records import (
    Booked,
    Declined,
    Recalled,
    Received,
    Reimbursed,
    ReimbursementPrepared,
    Submitted,
    Unlocked,
    einvoices,
    gross_left,
)
from rules.instrument import enter, keep
from rules.settlement import fix, prove
from sdk import call, export, require


@export
def receive(id: str, expected_version: int = 0) -> str:
    return keep(einvoices, enter(EINVOICE, einvoices, id, "receive", expected_version), Received)


@export
def submit_reimbursement(id: str, owner: str, expected_version: int = 0) -> str:
    """The buyer hands it to whom it wants the money of, or books it in its own name. Code: E_PARTY."""
    found = enter(EINVOICE, einvoices, id, "submit_reimbursement", expected_version)
    require(owner != found.parties["seller"], "E_SELF", "a seller does not reimburse its own sale")
    call("party", "check_member", owner)
    found.parties["owner"] = owner
    return keep(einvoices, found, Submitted)


def let_go(found):
    """Nobody holds it for reimbursement any more."""
    found.parties.pop("owner")
    found.reimbursement = None


@export
def recall(id: str, expected_version: int = 0) -> str:
    found = enter(EINVOICE, einvoices, id, "recall", expected_version)
    let_go(found)
    return keep(einvoices, found, Recalled)


@export
def decline(id: str, reason: str, expected_version: int = 0) -> str:
    require_reason(reason)
    found = enter(EINVOICE, einvoices, id, "decline", expected_version)
    let_go(found)
    return keep(einvoices, found, Declined)


@export
def book(id: str, expected_version: int = 0) -> str:
    """Locked to this entity: its month counts the tax, and nobody reverses the invoice until `unlock`."""
    found = enter(EINVOICE, einvoices, id, "book", expected_version)
    found.booked_tax_fen = found.tax_fen - found.red_tax_fen
    count_input(found.parties["owner"], found.booked_tax_fen)
    return keep(einvoices, found, Booked)


@export
def unlock(id: str, expected_version: int = 0) -> str:
    """The owner takes it out of its books, and the tax out of this month's."""
    found = enter(EINVOICE, einvoices, id, "unlock", expected_version)
    count_input(found.parties["owner"], -found.booked_tax_fen)
    found.booked_tax_fen = 0
    let_go(found)
    return keep(einvoices, found, Unlocked)


@export
def prepare_reimbursement(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Codes: E_SELF, E_PREPARED, E_SALT, E_WALLET."""
    found = enter(EINVOICE, einvoices, id, "prepare_reimbursement", expected_version)
    owner, buyer = found.parties["owner"], found.parties["buyer"]
    require(owner != buyer, "E_SELF", "the buyer booked it itself: nobody is to be paid")
    require(found.reimbursement is None, "E_PREPARED", "the reference is fixed already")
    due = fix(f"{id}/R{found.version}", 1, owner, buyer, gross_left(found), salt)
    found.reimbursement = due
    keep(einvoices, found, ReimbursementPrepared)
    return due.reference


@export
def record_reimbursement(id: str, proof: bytes) -> str:
    """Codes: E_UNPAID, E_UNPREPARED, E_PROOF_…"""
    found = enter(EINVOICE, einvoices, id, "record_reimbursement")
    if found.parties["owner"] == found.parties["buyer"]:
        require(found.paid_by != b"", "E_UNPAID", "the owner has not paid the price")
    else:
        prove(found.reimbursement, proof)
    return keep(einvoices, found, Reimbursed)
