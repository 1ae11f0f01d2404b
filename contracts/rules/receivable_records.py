"""What the receivable contract stores, and how it is read, stored and shown.

A credential's pieces share its number as the beginning of their id, so one scan gives the tree in order.
"""

from rules.machine import row_for
from sdk import Map, ctx, dataclass, require

DEBTOR_SEES = ("DUE", "OVERDUE", "PAID", "REINSTATED")


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
    version: int = 1


@dataclass
class Piece:
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
    owed_since_ms: int = 0  # of a reinstated leaf: penalties count from then
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
    nullifier: bytes = b""
    received_fen: int = 0


credentials = Map("credential", None)
pieces = Map("piece", None)
held = Map("held", False)  # (holder, leaf id) → True while it is a leaf of that holder
serials = Map("serial", 0)  # (year, city)
limits = Map("limit", 0)  # (issuer, bank)
limit_proposals = Map("limit_proposal", None)
outstanding = Map("outstanding", 0)  # (issuer, bank)
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
        "state": piece.state,
        "lien": has_lien(piece),
        "financed": piece.financed,
        "offered_to": piece.offered_to,
        "paid_fen": piece.paid_fen,
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
        "state": ec.state,
        "paid_fen": ec.paid_fen,
        "version": ec.version,
    }


def book_paid(piece, by_fen: int):
    """The leaf and every piece above it know how much of them is paid; a reversal books it back."""
    piece.paid_fen += by_fen
    assert 0 <= piece.paid_fen <= piece.amount_fen
    pieces[piece.leaf_id] = piece
    above = piece.parent
    while above != "":
        whole = load_piece(above)
        whole.paid_fen += by_fen
        assert 0 <= whole.paid_fen <= whole.amount_fen
        pieces[above] = whole
        above = whole.parent


def may_see(piece) -> bool:
    """Regulator, holder and who is offered it; who made it or holds a part of it; once due, the debtor."""
    if "regulator" in ctx.roles:
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
    key = (ec.issuer, ec.paying_bank)
    return {
        "face_fen": ec.face_fen,
        "leaves": len(leaves),
        "leaves_fen": sum([found.amount_fen for found in leaves]),
        "paid_fen": sum([found.paid_fen for found in leaves]),
        "every_leaf_has_a_holder": all(found.holder != "" for found in leaves),
        "depth": max([0] + [found.depth for found in everything]),
        "outstanding_fen": outstanding[key],
        "limit_fen": limits[key],
    }
