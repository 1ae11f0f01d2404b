"""Receivable e-credential (M1): a debtor's promise to pay, accepted, split, transferred and settled.

A credential (EC) has a tree of pieces: `EC-2026-SZ-000001` is the root, `EC-2026-SZ-000001/2/1` the first
part of its second part. What may happen when stands in `rules.receivable_machine`, the guards in the chapters:

    issue      drawing up, offering, taking          financing  liens and locks, for `financing`
    transfer   splitting, passing on as payment      orders     decisions, freezes: `remedy`, `regulator`
    exchange   against an asset on another channel   maturity   due, overdue, paid, given back
    main       what may be asked

Disputes, prepayment, guarantee calls and recourse are the contract `remedy`, which moves pieces by this table.

Invariants, held by every method: I1 leaf amounts add up to the face. I2 a leaf has exactly one holder.
I3 an issuer's debt stays within its credit line. I4 a piece with a lien, or in an exchange, neither splits nor
moves but as the financing, or the exchange, ends.
I5 credentials never exceed the invoices beneath them. I6 a PAID leaf stays PAID, and I8 nothing moves
after CLOSED, unless the payee gives money back (`on_reverse`). I7 depth is bounded.
Amounts are fen; dates are text `2027-05-20` in China Standard Time.
"""

from chapters.issue import draft, sign, guarantee, cancel, accept, reject, expire
from chapters.transfer import (
    split,
    offer_transfer,
    accept_transfer,
    decline_transfer,
    recall_transfer,
    expire_transfer,
)
from chapters.exchange import exchange_hold, exchange_move, exchange_free
from chapters.financing import reserve, free, lock, unlock, pledge, hand_over, assign_to_financier
from chapters.orders import remedy_move, reopen_prepaid, remedy_facts, freeze, unfreeze, leaves_of
from chapters.maturity import due, mark_overdue, prepare_payment, record_payment, on_reverse, close

from rules.machine import moves_from
from rules.receivable_machine import CREDENTIAL, PIECE
from rules.receivable_records import (
    credentials,
    describe,
    facts_of,
    load_credential,
    load_piece,
    may_see,
    own_branches,
    page_of_pieces,
    pieces,
    settled_for,
    terms,
    whole_tree,
)
from rules.official_sight import is_official, require_look
from sdk import ctx, require, view


@view
def get(ec_id: str) -> dict:
    """The terms: what everyone who takes a piece must know."""
    return terms(load_credential(ec_id))


@view
def get_piece(leaf_id: str) -> dict:
    """One piece, for those whom it concerns: its branch, the debtor once it is due, a regulator."""
    found = load_piece(leaf_id)
    require(may_see(found), "E_NOT_PARTY", "this piece is not yours to see")
    return describe(found)


@view
def is_settled(leaf_id: str, member: str = "") -> bool:
    """Whether this piece is paid, itself or through its parts; or somebody paid this member for it."""
    return settled_for(load_piece(leaf_id), member)


@view
def tree(ec_id: str) -> list:
    """The pieces the asking member may see: a regulator all, others their own branches.

    A branch: pieces you hold or held, the path from the root to them, and the parts you made.
    """
    everything = whole_tree(ec_id)
    if is_official():
        require_look([one.holder for one in everything] + [credentials[ec_id].issuer])
    else:
        everything = own_branches(everything, ctx.member)
    return [describe(found) for found in everything]


@view
def invariants(ec_id: str) -> dict:
    """Facts about the whole tree that hold in every state, counted anew (I1, I2, I3, I7)."""
    return facts_of(load_credential(ec_id), whole_tree(ec_id))


@view
def my_leaves(after: str = "", limit: int = 100) -> list:
    """Leaves the asking member holds, in order, after the given id."""
    return list_pieces(ctx.member, "", after, limit)


@view
def list_pieces(holder: str = "", state: str = "", after: str = "", limit: int = 50) -> list:
    """Pieces by index, in the order of their ids, after the given id: of a holder, of a state, or both.

    A member lists its own, a regulator anybody's. Without a state a holder's leaves that are not paid.
    """
    supervises = is_official()
    if supervises:
        require_look([holder])
    who = holder if supervises else holder or ctx.member
    allowed = supervises or (who != "" and who == ctx.member)
    require(allowed, "E_NOT_PARTY", "list your own pieces")
    found = page_of_pieces(who, state, after, min(max(limit, 1), 200))
    return [describe(piece) for piece in found]


@view
def list_credentials(state: str = "", first_holder: bool = False, after: str = "") -> list:
    """Credentials of a state that the asking member issued, or is the first holder of; 50 at a time. A
    regulator lists everybody's."""
    if is_official():
        require_look([])
        at = after or None
        if state:
            found = credentials.by("state", state, after=at, limit=50)
        else:
            found = credentials.scan(None, at, 50)
        return [terms(ec) for _, ec in found]
    part = "first_holder" if first_holder else "issuer"
    place = (credentials[after].state, after) if after and not state else after or None
    fixed = (ctx.member, state) if state else (ctx.member,)
    return [terms(ec) for _, ec in credentials.by((part, "state"), *fixed, after=place, limit=50)]


@view
def next_steps(identifier: str) -> list:
    """What may happen to a credential or a piece now: call, who, guard, to."""
    found = pieces[identifier]
    steps = [] if found is None else moves_from(PIECE, found.state)
    ec = credentials[identifier]
    return steps if ec is None else moves_from(CREDENTIAL, ec.state) + steps
