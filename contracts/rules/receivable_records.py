"""What the receivable contract stores, and how it is read, stored and shown.

A credential's pieces share its number as the beginning of their id, so one scan gives the tree in order.
"""

from rules.machine import row_for
from rules.official_sight import is_official, require_look
from sdk import Map, call, ctx, dataclass, require

DEBTOR_SEES = ("DUE", "OVERDUE", "PAID", "REINSTATED", "PREPAYING", "GUARANTEE_CALLED", "RECOURSE")
LAW = "CN-Civil-Code-545..547,761..769"
TITLES_MAX = 32  # former holders that a leaf remembers


@dataclass
class Credential:
    ec_id: str
    issuer: str
    first_holder: str
    paying_bank: str
    face_fen: int
    due_date: str
    min_piece_fen: int
    penalty_daily_bps: int
    clause_hash: str
    invoices: list
    maker: str
    state: str = "DRAFT"
    issue_date: str = ""
    offer_until_ms: int = 0
    paid_fen: int = 0
    reduced_fen: int = 0
    recourse: bool = False  # whoever transfers a leaf answers for it
    guarantor: str = ""
    guaranteed: bool = False
    transferable: bool = True
    splittable: bool = True
    depth_max: int = 8
    purpose: str = ""
    version: int = 1


@dataclass
class Piece:
    """reduced_fen: what a decision took off; the nominal amount stays, so that leaves add up to the face.
    titles: former holders that may have to answer, (member, answers), the last one last.
    satisfied: members that a guarantor or a former holder has paid for this leaf.
    before: the state that a dispute interrupted; frozen_from: the one an order did.
    exchange: number of the exchange that holds it, for `offered_to`.
    """

    leaf_id: str
    ec_id: str
    parent: str
    holder: str
    amount_fen: int
    depth: int
    state: str = "ACTIVE"
    lien: str = ""
    lien_until_ms: int = 0
    financed: bool = False
    offered_to: str = ""
    offer_until_ms: int = 0
    basis: str = ""
    children: int = 0
    payments: int = 0
    paid_fen: int = 0
    owed_since_ms: int = 0  # after a reversal or a part payment: penalties count from then
    reduced_fen: int = 0
    titles: tuple = ()
    satisfied: tuple = ()
    before: str = ""
    frozen_from: str = ""
    held_payment: int = 0
    exchange: str = ""
    version: int = 1


@dataclass
class Payment:
    """What a payment must look like, fixed before anybody pays; once proven, its nullifier and what is left of
    it after reversals."""

    reference: bytes
    payee: str
    amount_fen: int
    not_before_ms: int
    not_after_ms: int
    principal_fen: int
    of_fen: int  # principal that was owed when the payment was prepared
    nullifier: bytes = b""
    received_fen: int = 0


credentials = Map(
    "credential", None, indexes=(("issuer", "state"), ("first_holder", "state"), "state")
)
pieces = Map("piece", None, indexes=(("holder", "state"), "state"))
held = Map("held", False)  # (holder, leaf id) → True while it is a leaf of that holder
serials = Map("serial", 0)  # (year, city)
payments = Map("payment", None)  # (leaf id, instalment)


def load_credential(ec_id: str):
    found = credentials[ec_id]
    require(found is not None, "E_NOT_FOUND", "no such credential")
    return found


def load_piece(leaf_id: str):
    found = pieces[leaf_id]
    require(found is not None, "E_NOT_FOUND", "no such piece")
    return found


def advance(table, thing, move: str, expected_version: int = 0):
    """Take the step the table allows from here, or refuse with E_STATE. The caller stores it."""
    require(expected_version in (0, thing.version), "E_VERSION", "it has changed since")
    row = row_for(table, thing.state, move)
    require(row is not None, "E_STATE", f"{move} is not possible in state {thing.state}")
    thing.state = row[4] or thing.state
    thing.version += 1


def has_lien(piece) -> bool:
    return piece.lien != "" and ctx.time <= piece.lien_until_ms


def store_leaf(piece):
    pieces[piece.leaf_id] = piece
    held[(piece.holder, piece.leaf_id)] = True


def take_title(piece, answers: bool):
    """The holder of now becomes a former one."""
    piece.titles = (*piece.titles, (piece.holder, answers))[-TITLES_MAX:]


def change_holder(piece, holder: str):
    held.delete((piece.holder, piece.leaf_id))
    piece.holder = holder
    store_leaf(piece)


def describe(piece) -> dict:
    return {
        "leaf_id": piece.leaf_id,
        "parent": piece.parent,
        "holder": piece.holder,
        "amount_fen": piece.amount_fen,
        "depth": piece.depth,
        "tier": len(piece.titles)
        + (0 if piece.financed else 1),  # of a financed leaf, its seller's
        "state": piece.state,
        "lien": has_lien(piece),
        "financed": piece.financed,
        "offered_to": piece.offered_to,
        "exchange": piece.exchange,
        "paid_fen": piece.paid_fen,
        "reduced_fen": piece.reduced_fen,
        "version": piece.version,
    }


def terms(ec) -> dict:
    return {
        "ec_id": ec.ec_id,
        "issuer": ec.issuer,
        "first_holder": ec.first_holder,
        "paying_bank": ec.paying_bank,
        "face_fen": ec.face_fen,
        "currency": "CNY",
        "issue_date": ec.issue_date,
        "due_date": ec.due_date,
        "min_piece_fen": ec.min_piece_fen,
        "penalty_daily_bps": ec.penalty_daily_bps,
        "clause_hash": ec.clause_hash,
        "law": LAW,
        "purpose": ec.purpose,
        "recourse": ec.recourse,
        "guarantor": ec.guarantor,
        "guaranteed": ec.guaranteed,
        "transferable": ec.transferable,
        "splittable": ec.splittable,
        "depth_max": ec.depth_max,
        "state": ec.state,
        "paid_fen": ec.paid_fen,
        "reduced_fen": ec.reduced_fen,
        "version": ec.version,
    }


def book(piece, paid_fen: int, reduced_fen: int = 0):
    """Principal paid or taken off, or owed again: the leaf, all above it, the credential, the credit limit."""
    ec = load_credential(piece.ec_id)
    ec.paid_fen += paid_fen
    ec.reduced_fen += reduced_fen
    assert 0 <= ec.paid_fen <= ec.face_fen - ec.reduced_fen
    credentials[ec.ec_id] = ec
    call("credit_line", "give_back", ec.issuer, ec.paying_bank, paid_fen + reduced_fen)
    found = piece
    while True:
        found.paid_fen += paid_fen
        found.reduced_fen += reduced_fen
        assert 0 <= found.paid_fen <= found.amount_fen - found.reduced_fen
        pieces[found.leaf_id] = found
        if found.parent == "":
            return
        found = load_piece(found.parent)


def principal_due(piece) -> int:
    return piece.amount_fen - piece.paid_fen - piece.reduced_fen


def settled_for(piece, member: str) -> bool:
    """Whether the debtor has paid this piece, or somebody has paid this member for it."""
    paid = piece.paid_fen > 0 and principal_due(piece) == 0
    if paid or member in piece.satisfied:
        return True
    parts = [f"{piece.leaf_id}/{number + 1}" for number in range(piece.children)]
    return bool(parts) and all(settled_for(load_piece(part), member) for part in parts)


def page_of_pieces(holder: str, state: str, after: str, limit: int) -> list:
    """By index: a holder's pieces of a state, a holder's leaves, or everybody's."""
    start = after or None
    if holder and state:
        found = pieces.by(("holder", "state"), holder, state, after=start, limit=limit)
    elif holder:
        at = (holder, after) if after else None
        return [pieces[key[1]] for key, _ in held.scan((holder,), at, limit)]
    elif state:
        found = pieces.by("state", state, after=start, limit=limit)
    else:
        found = pieces.scan(None, start, limit)
    return [piece for _, piece in found]


def may_see(piece) -> bool:
    """Regulator, holder and who is offered it; who made it or holds a part of it; once due, the debtor."""
    if is_official():
        require_look([piece.holder, credentials[piece.ec_id].issuer])
        return True
    if ctx.member == "":
        return False
    if ctx.member in (piece.holder, piece.offered_to):
        return True
    if piece.parent and load_piece(piece.parent).holder == ctx.member:
        return True
    if piece.state in DEBTOR_SEES and ctx.member == credentials[piece.ec_id].issuer:
        return True
    below = piece.leaf_id + "/"
    following = held.scan((ctx.member,), (ctx.member, below), 1)
    return any(key[1].startswith(below) for key, _ in following)


def whole_tree(ec_id: str) -> list:
    load_credential(ec_id)
    everything = []
    page = pieces.scan(ec_id, None, 1000)
    while page:
        everything += [found for _, found in page if found.ec_id == ec_id]
        page = pieces.scan(ec_id, page[-1][0], 1000) if len(page) == 1000 else []
    return everything


def own_branches(everything, member: str) -> list:
    """The pieces a member may see: those it holds or held, the path to them, and the parts it made."""
    mine = [found.leaf_id for found in everything if found.holder == member]
    return [
        found
        for found in everything
        if found.parent in mine
        or any(own == found.leaf_id or own.startswith(found.leaf_id + "/") for own in mine)
    ]


def facts_of(ec, everything) -> dict:
    """Counted anew from the tree: what I1, I2, I3 and I7 speak of."""
    leaves = [found for found in everything if found.state != "SPLIT"]
    line = call("credit_line", "headroom", ec.issuer, ec.paying_bank)
    return {
        "face_fen": ec.face_fen,
        "leaves": len(leaves),
        "leaves_fen": sum([found.amount_fen for found in leaves]),
        "paid_fen": sum([found.paid_fen for found in leaves]),
        "reduced_fen": sum([found.reduced_fen for found in leaves]),
        "every_leaf_has_a_holder": all(found.holder != "" for found in leaves),
        "depth": max([0] + [found.depth for found in everything]),
        "outstanding_fen": line["outstanding_fen"],
        "limit_fen": line["limit_fen"],
    }
