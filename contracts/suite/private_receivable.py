"""Private receivable (M1, M4 of the matrix): a debtor's promise whose amounts nobody reads but those concerned.

The ledger holds commitments to amounts. Each comes with a proof that it hides 1 to 2^41 fen, and commitments of
a split add up to the one that is split, so every node checks that nothing is made or lost without knowing how
much there is. Terms and openings are sealed records: issuer, holders on their own branch and the authorities
that demand copies read them. At maturity the holder opens one leaf, as the money's ledger is compared with it.

When what may happen: `rules.private_receivable_machine`. Invariants: the leaves' hidden amounts add up to the
hidden face; what was paid when a note closes is the face; a commitment stands once.
"""

from rules.calendar import day_at, day_end_ms, is_date, parse_date
from rules.codes import HEX
from rules.dated_rules import rule_on
from rules.disclosure import opens
from rules.instrument import enter, keep, load, require_step, today
from rules.machine import moves_from
from rules.private_receivable_machine import (
    DEPTH_MAX,
    DUE_FIELD,
    LEAF,
    NOTE,
    PARTS_MAX,
    TERMS_SCHEMA,
)
from rules.private_receivable_records import (
    Accepted,
    Cancelled,
    Closed,
    Drafted,
    DueCame,
    Leaf,
    Note,
    Offered,
    Paid,
    Presented,
    Rejected,
    Split,
    TransferDeclined,
    TransferOffered,
    TransferRecalled,
    Transferred,
    concerned,
    context_of,
    describe_leaf,
    describe_note,
    describe_public,
    held,
    leaves,
    notes,
    seen,
    serials,
    store_leaf,
)
from rules.receivable_issue import require_active, require_wallet
from rules.settlement import fix, prove
from sdk import (
    bytes_from_hex,
    call,
    commitment_opens,
    commitments_add_up,
    ctx,
    export,
    range_proof_holds,
    require,
    view,
)

# ---- notes ---------------------------------------------------------------------------------------


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


# ---- leaves --------------------------------------------------------------------------------------


@export
def split(
    id: str, commitments: list[bytes], proofs: list[bytes], sealed: str, expected_version: int = 0
) -> list:
    """Cut a leaf into parts that stay with its holder. Returns their ids.

    proofs: of each part's range, for the context `part/LEAF/N`. sealed: the holder's record that opens them.
    Codes: E_SPLIT_COUNT, E_DEPTH, E_TERMS_COPY, E_SPLIT_SUM, E_COMMITMENT, E_DUPLICATE, E_RANGE_PROOF."""
    leaf = enter(LEAF, leaves, id, "split", expected_version)
    require_active()
    counted = 2 <= len(commitments) <= PARTS_MAX and len(proofs) == len(commitments)
    require(counted, "E_SPLIT_COUNT", "2 to 8 parts, a proof for each")
    require(leaf.depth < DEPTH_MAX, "E_DEPTH", "the tree is as deep as it may be")
    require_copy(sealed, ctx.member)
    sized = all(len(one) == 65 for one in commitments)
    require(sized, "E_COMMITMENT", "a commitment has 65 bytes")
    whole = commitments_add_up(leaf.commitment, commitments)
    require(whole, "E_SPLIT_SUM", "the parts do not add up to the leaf")
    ids = []
    for at in range(len(commitments)):
        part = f"{id}/{at + 1}"
        require_hidden(commitments[at], "part/" + part, proofs[at])
        parts = {"holder": leaf.parties["holder"], "issuer": leaf.parties["issuer"]}
        store_leaf(Leaf(part, leaf.note, parts, commitments[at], leaf.depth + 1, sealed,
                        state="ACTIVE"))  # fmt: skip
        ids.append(part)
    leaf.children = len(ids)
    held.delete((leaf.parties["holder"], id))
    note = notes[leaf.note]
    note.leaves += len(ids) - 1
    notes[leaf.note] = note
    keep(leaves, leaf, Split)
    return ids


@export
def offer_transfer(id: str, to: str, sealed: str, expected_version: int = 0) -> str:
    """Offer a leaf. sealed: a record of the holder that opens it to the taker. Codes: E_SELF, E_PARTY,
    E_KYC_EXPIRED, E_TERMS_COPY."""
    leaf = enter(LEAF, leaves, id, "offer_transfer", expected_version)
    require_active()
    require(to not in (ctx.member, leaf.parties["issuer"]), "E_SELF", "the taker is another party")
    call("party", "check_new_business", to)
    require_copy(sealed, to)
    leaf.parties["taker"] = to
    leaf.offered = sealed
    concerned[(leaf.note, to)] = True
    return keep(leaves, leaf, TransferOffered)


def end_offer(leaf):
    leaf.parties.pop("taker")
    leaf.offered = ""


@export
def accept_transfer(id: str, expected_version: int = 0) -> str:
    """The taker has opened its copy. Codes: E_PARTY, E_WALLET."""
    leaf = enter(LEAF, leaves, id, "accept_transfer", expected_version)
    require_active()
    require_wallet()
    held.delete((leaf.parties["holder"], id))
    leaf.sealed = leaf.offered
    end_offer(leaf)
    leaf.parties["holder"] = ctx.member
    store_leaf(leaf)
    return keep(leaves, leaf, Transferred)


@export
def decline_transfer(id: str, expected_version: int = 0) -> str:
    leaf = enter(LEAF, leaves, id, "decline_transfer", expected_version)
    end_offer(leaf)
    return keep(leaves, leaf, TransferDeclined)


@export
def recall_transfer(id: str, expected_version: int = 0) -> str:
    leaf = enter(LEAF, leaves, id, "recall_transfer", expected_version)
    end_offer(leaf)
    return keep(leaves, leaf, TransferRecalled)


# ---- payment -------------------------------------------------------------------------------------


@export
def due(id: str, due_date: str, salt: str, hidden: list[bytes]) -> str:
    """The due date of the terms is opened, and has come. salt: hex; hidden: commitments of the other fields.

    Codes: E_OPENING, E_DATE, E_TOO_EARLY."""
    leaf = enter(LEAF, leaves, id, "due")
    note = notes[leaf.note]
    readable = len(salt) % 2 == 0 and all(digit in HEX for digit in salt)
    whole = readable and len(hidden) + 1 == note.fields
    opened = whole and opens(note.root, [(DUE_FIELD, due_date, bytes_from_hex(salt))], hidden)
    require(opened, "E_OPENING", "this is not the due date of the terms")
    fits = is_date(due_date) and due_date[:7] == note.due_month
    require(fits, "E_DATE", "the terms name no day of the note's month")
    require(today() >= parse_date(due_date), "E_TOO_EARLY", "the due date has not come")
    note.due_date = due_date
    notes[leaf.note] = note
    if leaf.offered:
        end_offer(leaf)
    return keep(leaves, leaf, DueCame)


@export
def present(
    id: str, amount_fen: int, blinding: bytes, salt: bytes, expected_version: int = 0
) -> dict:
    """The holder opens its leaf for payment. Returns what the issuer pays: payee, amount, reference, end.

    Codes: E_PREPARED, E_OPENING, E_SALT, E_WALLET, E_RULE_BLOCK, E_RULE_HOLD."""
    leaf = enter(LEAF, leaves, id, "present", expected_version)
    stands = leaf.due is not None and ctx.time < leaf.until_ms
    require(not stands, "E_PREPARED", "a reference for today is fixed already")
    opened = len(blinding) == 32 and commitment_opens(leaf.commitment, amount_fen, blinding)
    require(opened, "E_OPENING", "this does not open the leaf's commitment")
    leaf.presented += 1
    leaf.until_ms = day_end_ms(day_at(ctx.time))
    leaf.due = fix(
        id, leaf.presented, leaf.parties["issuer"], ctx.member, amount_fen, salt, leaf.until_ms
    )
    leaf.amount_fen = amount_fen
    keep(leaves, leaf, Presented)
    return {"reference": leaf.due.reference, "payee": ctx.member, "amount_fen": amount_fen,
            "not_after_ms": leaf.until_ms}  # fmt: skip


@export
def record_payment(id: str, proof: bytes) -> str:
    """Codes: E_PROOF_… of the dcep contract."""
    leaf = enter(LEAF, leaves, id, "record_payment")
    prove(leaf.due, proof)
    held.delete((leaf.parties["holder"], id))
    note = notes[leaf.note]
    note.leaves -= 1
    note.paid_fen += leaf.amount_fen
    notes[leaf.note] = note
    return keep(leaves, leaf, Paid)


# ---- views ---------------------------------------------------------------------------------------


@view
def status(id: str) -> dict:
    """Every member: commitment and state of a note (with the month it is due) or a leaf."""
    if "/" in id:
        return describe_public(load(leaves, id))
    shown = describe_public(load(notes, id))
    shown["due_month"] = notes[id].due_month
    return shown


@view
def get(id: str) -> dict:
    """A note for its issuer and for everybody who was offered or held a leaf of it."""
    note = load(notes, id)
    sees = ctx.member == note.parties["issuer"] or concerned[(id, ctx.member)]
    require(sees and ctx.member != "", "E_NOT_PARTY", "it belongs to other members")
    return describe_note(note)


@view
def get_leaf(id: str) -> dict:
    """A leaf for its holder and taker; for the issuer once it is presented."""
    leaf = load(leaves, id)
    names = [leaf.parties["holder"], leaf.parties.get("taker", "")]
    if leaf.amount_fen:
        names.append(leaf.parties["issuer"])
    require(ctx.member != "" and ctx.member in names, "E_NOT_PARTY", "it belongs to other members")
    return describe_leaf(leaf)


@view
def branch(id: str) -> list:
    """From the root to a leaf, for its holder or taker: at each split the commitments of all parts."""
    get_leaf(id)
    path = []
    names = id.split("/")
    for at in range(1, len(names) + 1):
        leaf = leaves["/".join(names[:at])]
        shown = describe_public(leaf)
        shown["parts"] = [leaves[f"{leaf.id}/{n}"].commitment for n in range(1, leaf.children + 1)]
        path.append(shown)
    return path


@view
def adds_up(id: str) -> bool:
    """Everybody: whether at a split the parts' hidden amounts add up to the whole's, computed anew."""
    leaf = load(leaves, id)
    parts = [leaves[f"{id}/{n}"].commitment for n in range(1, leaf.children + 1)]
    return parts == [] or commitments_add_up(leaf.commitment, parts)


@view
def list_leaves(after: str = "", limit: int = 50) -> list:
    """The asking member's leaves that are not paid."""
    rows = held.scan((ctx.member,), (ctx.member, after), min(max(limit, 1), 200))
    return [describe_leaf(leaves[key[1]]) for key, _ in rows]


@view
def next_steps(id: str) -> list:
    """What may happen now to a leaf, or to a note that was not accepted or is closed."""
    if leaves[id] is not None:
        return moves_from(LEAF, leaves[id].state) + moves_from(NOTE, notes[leaves[id].note].state)
    return moves_from(NOTE, load(notes, id).state)
