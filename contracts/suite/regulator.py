"""Regulator (M15): orders that freeze, and receipts for every look of an authority.

An order freezes a party with the claims it holds, or one claim; it takes two authorities to begin and two to
end, and ends by itself after its last day. What is frozen accepts reads and proofs of payment, which are
recorded and count at the release. Whoever looks at a screen of `supervision` leaves a receipt first; the
supervised see how often, not what. When what may happen: `rules.regulator_machine`. Invariants: one authority
alone freezes and frees nothing; an object has one order at a time; counts only grow.
"""

from rules.calendar import is_date, parse_date
from rules.codes import is_code, is_digest
from rules.instrument import enter, keep, load, require_step, today
from rules.machine import moves_from
from rules.regulator_machine import ACCESS, ORDER, RECEIPT_MS, SCREENS
from rules.regulator_records import (
    AccessReceipt,
    CarriedOn,
    FreezeDropped,
    FreezeRequested,
    Order,
    OrderExpired,
    OrderInForce,
    OrderReleased,
    Reached,
    ReleaseRequested,
    Viewed,
    access,
    describe,
    give_back,
    let_go,
    looked,
    orders,
    serials,
    standing,
    take,
    take_leaves,
    viewed,
)
from rules.rulebook_catalogue import authority_of
from sdk import call, ctx, export, require, view

# ---- orders --------------------------------------------------------------------------------------


@export
def request_freeze(id: str, kind: str, target: str, document: str, until: str) -> str:
    """An authority asks for a freeze by an order: its number, digest and last day.

    kind: "party" (and every claim it holds) or "receivable" (one leaf). Codes: E_NOT_PARTY, E_ORDER, E_CODE,
    E_DIGEST, E_DATE, E_EXPIRED, E_DUPLICATE, E_FROZEN.
    """
    parts = {"authority": ctx.member}
    require_step(ORDER, "-", "request_freeze", parts)
    require(is_code(id, 64), "E_ORDER", "a freeze needs the order's number: A-Z, 0-9 and -")
    require(orders[id] is None, "E_DUPLICATE", "an order of this number is on record")
    require(kind in ("party", "receivable"), "E_CODE", "a party or a receivable")
    require(is_digest(document), "E_DIGEST", "the order as a digest: 64 hex digits")
    require(is_date(until), "E_DATE", "a date is written YYYY-MM-DD")
    require(parse_date(until) >= today(), "E_EXPIRED", "the order's last day lies ahead")
    require(standing[(kind, target)] == "", "E_FROZEN", "an order holds it already")
    made = Order(id, kind, target, document, parse_date(until), parts, state="REQUESTED")
    return keep(orders, made, FreezeRequested)


@export
def approve_freeze(id: str, expected_version: int = 0) -> str:
    """A second authority: from here on the target is frozen. Codes: E_FOUR_EYES, E_EXPIRED, E_FROZEN."""
    order = enter(ORDER, orders, id, "approve_freeze", expected_version)
    another = ctx.member != order.parties["authority"]
    require(another, "E_FOUR_EYES", "a freeze takes two authorities")
    require(order.until >= today(), "E_EXPIRED", "the order's last day has passed")
    require(standing[(order.kind, order.target)] == "", "E_FROZEN", "an order holds it already")
    order.approved_by = ctx.member
    order.in_force_ms = ctx.time
    standing[(order.kind, order.target)] = id
    if order.kind == "party":
        call("party", "freeze", order.target, id)
        take_leaves(order)
    else:
        take(order, order.target)
    return keep(orders, order, OrderInForce)


@export
def drop_freeze(id: str, expected_version: int = 0) -> str:
    return keep(orders, enter(ORDER, orders, id, "drop_freeze", expected_version), FreezeDropped)


@export
def reach(id: str) -> int:
    """Freeze further leaves of a party that holds more than one transaction can take. Returns how many."""
    order = enter(ORDER, orders, id, "reach")
    require(order.kind == "party", "E_CODE", "a single claim is frozen already")
    taken = take_leaves(order)
    if taken == 0:
        order.reached = ""  # whatever came to the party meanwhile is found from the beginning
        taken = take_leaves(order)
    require(taken > 0, "E_NOT_FOUND", "the party holds nothing else")
    keep(orders, order, Reached)
    return taken


@export
def request_release(id: str, grounds: str, expected_version: int = 0) -> str:
    """An authority asks for the end of a freeze. `grounds`: digest. Code: E_DIGEST."""
    order = enter(ORDER, orders, id, "request_release", expected_version)
    require(is_digest(grounds), "E_DIGEST", "grounds as a digest: 64 hex digits")
    order.release_by = ctx.member
    order.release_grounds = grounds
    return keep(orders, order, ReleaseRequested)


@export
def approve_release(id: str, grounds: str, expected_version: int = 0) -> str:
    """Another authority repeats the grounds and ends it. Codes: E_FOUR_EYES, E_NOT_FOUND."""
    order = enter(ORDER, orders, id, "approve_release", expected_version)
    asked = order.release_by != "" and order.release_grounds == grounds
    require(asked, "E_NOT_FOUND", "nobody asked for a release on these grounds")
    require(ctx.member != order.release_by, "E_FOUR_EYES", "a release takes two authorities")
    order.release_approved_by = ctx.member
    let_go(order)
    return keep(orders, order, OrderReleased)


@export
def expire(id: str) -> str:
    """An order ends by itself after its last day."""
    order = enter(ORDER, orders, id, "expire")
    require(today() > order.until, "E_TOO_EARLY", "the order's last day has not passed")
    let_go(order)
    return keep(orders, order, OrderExpired)


@export
def carry_on(id: str) -> int:
    """Release further leaves of an order that has ended. Returns how many are left. Code: E_NOT_FOUND."""
    order = enter(ORDER, orders, id, "carry_on")
    require(order.frozen > 0, "E_NOT_FOUND", "nothing is held any more")
    give_back(order)
    keep(orders, order, CarriedOn)
    return order.frozen


# ---- access receipts -----------------------------------------------------------------------------


@export
def open_view(screen: str, purpose: str, subject: str = "*") -> str:
    """An officer says what will be looked at, and why, before the look. Returns the receipt's id.

    subject: one party, or "*" for all. purpose: digest of the file note. Codes: E_NOT_PARTY, E_CODE,
    E_AUTHORITY, E_DIGEST.
    """
    require_step(ACCESS, "-", "open_view", {})
    allowed = [row[1] for row in SCREENS if row[0] == screen]
    require(allowed != [], "E_CODE", "no such screen")
    competent = authority_of(ctx.member) in allowed[0]
    require(competent, "E_AUTHORITY", "this screen is for: " + ", ".join(allowed[0]))
    require(is_digest(purpose), "E_DIGEST", "the purpose as a digest: 64 hex digits")
    require(subject == "*" or is_code(subject, 32), "E_CODE", "a party, or * for all")
    number = serials[ctx.member] + 1
    serials[ctx.member] = number
    viewed[(subject, ctx.member)] += 1
    id = f"{ctx.member}/{number}"
    access[id] = AccessReceipt(id, ctx.member, ctx.sender, screen, subject, purpose, ctx.time)
    if screen == "case":
        looked[(ctx.member, subject)] = ctx.time
    Viewed(receipt=id)
    return id


@view
def use_receipt(receipt: str, screen: str, subject: str = "*") -> bool:
    """Whether the asking authority has left this receipt for this look within the hour. Code: E_NO_RECEIPT."""
    found = access[receipt]
    own = found is not None and found.authority == ctx.member
    fits = own and found.screen == screen and found.subject in ("*", subject)
    require(fits, "E_NO_RECEIPT", "open_view leaves the receipt that this look needs")
    require(ctx.time <= found.at_ms + RECEIPT_MS, "E_NO_RECEIPT", "the receipt is over an hour old")
    return True


@view
def has_look(members: list[str]) -> bool:
    """Whether the asking authority has opened the case of one of these members within the hour."""
    opened = [looked[(ctx.member, member)] for member in members]
    return any(at > 0 and ctx.time <= at + RECEIPT_MS for at in opened)


@view
def looks(subject: str) -> dict:
    """How often each authority looked at a party, or at all: for that party and for authorities."""
    sees = ctx.member == subject and ctx.member != ""
    require(sees or "regulator" in ctx.roles, "E_NOT_PARTY", "counts are for the supervised")
    found: dict[str, int] = {}
    for who in (subject, "*"):
        for key, count in viewed.scan((who,), None, 100):
            found[key[1]] = found.get(key[1], 0) + count
    return found


# ---- views ---------------------------------------------------------------------------------------


@view
def screens() -> list:
    """What may be looked at, and by whom."""
    return [{"screen": row[0], "authorities": list(row[1])} for row in SCREENS]


@view
def get(id: str) -> dict:
    """An order as every member sees it: number, digest and who signed, not its content."""
    return describe(load(orders, id))


@view
def order_on(kind: str, target: str) -> str:
    """The order that freezes a party or a receivable; "" when none does."""
    return standing[(kind, target)]


@view
def next_steps(id: str) -> list:
    """What may happen now to an order: call, who, guard, to."""
    return moves_from(ORDER, load(orders, id).state)
