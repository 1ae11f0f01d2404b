"""Drawing up, signing and taking a note whose amount is hidden. Table NOTE."""

from rules.calendar import is_date, parse_date
from rules.dated_rules import rule_on
from rules.instrument import enter, keep, require_step, today
from rules.private_receivable_machine import NOTE, TERMS_SCHEMA
from rules.private_receivable_records import (
    Accepted,
    Cancelled,
    Closed,
    Drafted,
    Leaf,
    Note,
    Offered,
    Rejected,
    concerned,
    context_of,
    notes,
    seen,
    serials,
    store_leaf,
)
from rules.receivable_issue import require_active, require_wallet
from sdk import call, ctx, export, range_proof_holds, require


def require_hidden(commitment: bytes, subject: str, proof: bytes):
    """A new commitment, proven in range for this subject. Codes: E_COMMITMENT, E_DUPLICATE, E_RANGE_PROOF."""
    shaped = len(commitment) == 65 and len(proof) == 6592
    require(shaped, "E_COMMITMENT", "a commitment has 65 bytes, its proof 6,592")
    require(not seen[commitment], "E_DUPLICATE", "this commitment stands already: hide it afresh")
    proven = range_proof_holds(commitment, context_of(subject), proof)
    require(proven, "E_RANGE_PROOF", "the proof does not show an amount of 1 to 2^41 fen")
    seen[commitment] = True


def require_copy(record: str, member: str) -> dict:
    """The sender's sealed record, with a copy for a member. Code: E_TERMS_COPY."""
    found = call("sealed_record", "get", record)
    own = found["owner"] == ctx.member and found["schema"] == TERMS_SCHEMA
    fits = own and found["state"] == "SEALED" and member in found["recipients"]
    require(fits, "E_TERMS_COPY", f"your record of schema {TERMS_SCHEMA}, sealed to {member}")
    return found


def is_month(text: str) -> bool:
    return len(text) == 7 and is_date(text + "-01")


@export
def draft(holder: str, commitment: bytes, proof: bytes, sealed: str, due_month: str) -> str:
    """Draw up a note. Returns its number, PR-000001.

    proof: of the face's range, for the context `face/RECORD`. sealed: the record of its terms; one of its
    fields is due_date. due_month: 2027-05. Codes: E_NOT_PARTY, E_SELF, E_PARTY, E_KYC_EXPIRED, E_DATE,
    E_TENOR_HARD, E_TERMS_COPY, E_COMMITMENT, E_DUPLICATE, E_RANGE_PROOF."""
    parts = {"issuer": ctx.member, "holder": holder}
    require_step(NOTE, "-", "draft", parts)
    require(holder != ctx.member, "E_SELF", "nobody promises to pay himself")
    for member in (ctx.member, holder):
        call("party", "check_new_business", member)
    require(is_month(due_month), "E_DATE", "a month is written YYYY-MM")
    first = parse_date(due_month + "-01")
    require(first + 31 > today(), "E_DATE", "the due date lies ahead")
    longest = rule_on("tenor:receivable", today())["hard_days"]
    require(first - today() <= longest, "E_TENOR_HARD", f"a tenor is at most {longest} days")
    terms = require_copy(sealed, holder)
    require_hidden(commitment, "face/" + sealed, proof)
    serials["PR"] += 1
    id = f"PR-{serials['PR']:06d}"
    made = Note(
        id, parts, commitment, terms["root"], terms["fields"], sealed, due_month, ctx.sender,
        state="DRAFT",
    )  # fmt: skip
    keep(notes, made, Drafted)
    return id


@export
def sign(id: str, expected_version: int = 0) -> str:
    """Code: E_FOUR_EYES."""
    note = enter(NOTE, notes, id, "sign", expected_version)
    require(ctx.sender != note.maker, "E_FOUR_EYES", "the maker cannot sign")
    require_active()
    concerned[(id, note.parties["holder"])] = True
    return keep(notes, note, Offered)


@export
def cancel(id: str, expected_version: int = 0) -> str:
    return keep(notes, enter(NOTE, notes, id, "cancel", expected_version), Cancelled)


@export
def reject(id: str, expected_version: int = 0) -> str:
    return keep(notes, enter(NOTE, notes, id, "reject", expected_version), Rejected)


@export
def accept(id: str, expected_version: int = 0) -> str:
    """The holder has opened its copy and takes the note: its root becomes a leaf. Codes: E_PARTY, E_WALLET."""
    note = enter(NOTE, notes, id, "accept", expected_version)
    require_active()
    require_wallet()
    parts = {"holder": note.parties["holder"], "issuer": note.parties["issuer"]}
    store_leaf(Leaf(id, id, parts, note.commitment, 1, note.sealed, state="ACTIVE"))
    note.leaves = 1
    return keep(notes, note, Accepted)


@export
def close(id: str) -> str:
    note = enter(NOTE, notes, id, "close")
    require(note.leaves == 0, "E_UNPAID", "a leaf is not paid yet")
    return keep(notes, note, Closed)
