"""What the private-receivable contract stores, tells and shows."""

from rules.settlement import Due
from sdk import Event, Map, bytes_from_hex, ctx, dataclass, sm3, struct_encode


@dataclass
class Note:
    """commitment: to the face. root, fields: of its terms; sealed: the record that holds them. due_date: empty
    until somebody opens it. leaves: not paid yet. paid_fen: opened at payment."""

    id: str
    parties: dict
    commitment: bytes
    root: bytes
    fields: int
    sealed: str
    due_month: str
    maker: str
    due_date: str = ""
    leaves: int = 0
    paid_fen: int = 0
    state: str = ""
    version: int = 1


@dataclass
class Leaf:
    """sealed: the record that opens it to its holder; offered: the one that opens it to the taker. amount_fen:
    0 until it is opened for payment."""

    id: str
    note: str
    parties: dict
    commitment: bytes
    depth: int
    sealed: str
    offered: str = ""
    children: int = 0
    presented: int = 0
    amount_fen: int = 0
    due: Due | None = None
    until_ms: int = 0
    state: str = ""
    version: int = 1


notes = Map("note", None)
leaves = Map("leaf", None)
held = Map("held", False)  # (member, leaf)
concerned = Map("concerned", False)  # (note, member): who may see its terms
seen = Map("seen", False)  # commitments: each is used once
serials = Map("serial", 0)

Drafted = Event("Private.Drafted")
Offered = Event("Private.Offered")
Cancelled = Event("Private.Cancelled")
Accepted = Event("Private.Accepted")
Rejected = Event("Private.Rejected")
Closed = Event("Private.Closed")
Split = Event("Private.Split")
TransferOffered = Event("Private.TransferOffered")
Transferred = Event("Private.Transferred")
TransferDeclined = Event("Private.TransferDeclined")
TransferRecalled = Event("Private.TransferRecalled")
DueCame = Event("Private.Due")
Presented = Event("Private.Presented")
Paid = Event("Private.Paid")


def context_of(subject: str) -> bytes:
    """What a proof of range is bound to: the channel, this contract, and `face/RECORD` or `part/LEAF/N`."""
    channel = bytes_from_hex(ctx.channel)
    fields = [("str", "private-receivable/v1"), ("hash", channel), ("str", subject)]
    return sm3(struct_encode(fields))


def store_leaf(leaf):
    leaves[leaf.id] = leaf
    held[(leaf.parties["holder"], leaf.id)] = True
    concerned[(leaf.note, leaf.parties["holder"])] = True


def describe_public(found) -> dict:
    """What every member of the channel may see of a note or a leaf: no names, no amount."""
    return {"id": found.id, "commitment": found.commitment, "state": found.state}


def describe_note(note) -> dict:
    return {
        "id": note.id,
        "parties": note.parties,
        "commitment": note.commitment,
        "root": note.root,
        "fields": note.fields,
        "sealed": note.sealed,
        "due_month": note.due_month,
        "due_date": note.due_date,
        "leaves": note.leaves,
        "state": note.state,
        "version": note.version,
    }


def describe_leaf(leaf) -> dict:
    return {
        "id": leaf.id,
        "note": leaf.note,
        "parties": leaf.parties,
        "commitment": leaf.commitment,
        "sealed": leaf.sealed,
        "offered": leaf.offered,
        "amount_fen": leaf.amount_fen,
        "reference": leaf.due.reference if leaf.due else b"",
        "state": leaf.state,
        "version": leaf.version,
    }
