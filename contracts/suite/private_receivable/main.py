"""Private receivable (M1, M4 of the matrix): a debtor's promise whose amounts nobody reads but those concerned.

The ledger holds commitments to amounts. Each comes with a proof that it hides 1 to 2^41 fen, and commitments of
a split add up to the one that is split, so every node checks that nothing is made or lost without knowing how
much there is. Terms and openings are sealed records: issuer, holders on their own branch and the authorities
that demand copies read them. At maturity the holder opens one leaf, as the money's ledger is compared with it.

When what may happen: `rules.private_receivable_machine`. Invariants: the leaves' hidden amounts add up to the
hidden face; what was paid when a note closes is the face; a commitment stands once.

    notes    drawn up, signed, accepted, closed
    leaves   split and passed on
    payment  due, opened, paid
"""

from chapters.notes import draft, sign, cancel, reject, accept, close
from chapters.leaves import (
    split,
    offer_transfer,
    accept_transfer,
    decline_transfer,
    recall_transfer,
)
from chapters.payment import due, present, record_payment

from rules.instrument import load
from rules.machine import moves_from
from rules.private_receivable_machine import LEAF, NOTE
from rules.private_receivable_records import (
    concerned,
    describe_leaf,
    describe_note,
    describe_public,
    held,
    leaves,
    notes,
)
from sdk import commitments_add_up, ctx, require, view


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
