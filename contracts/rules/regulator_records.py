"""What the regulator contract stores, tells and shows."""

from rules.calendar import date_text
from rules.regulator_machine import OBJECTS_A_CALL
from sdk import Event, Map, call, dataclass


@dataclass
class Order:
    """kind "party" or "receivable"; authorities: who signed. frozen: how many objects it still holds."""

    id: str
    kind: str
    target: str
    document: str
    until: int
    parties: dict
    approved_by: str = ""
    release_by: str = ""
    release_grounds: str = ""
    release_approved_by: str = ""
    reached: str = ""
    frozen: int = 0
    in_force_ms: int = 0
    state: str = ""
    version: int = 1


@dataclass
class AccessReceipt:
    """What was asked, by whom, when: never what was seen."""

    id: str
    authority: str
    officer: str
    screen: str
    subject: str
    purpose: str
    at_ms: int


orders = Map("order", None)
held = Map("held", "")  # (order id, n) → leaf
standing = Map("standing", "")  # (kind, target) → the order that freezes it
access = Map("access", None)
looked = Map("looked", 0)  # (authority, member) → when it last opened the member's case (ms)
viewed = Map("viewed", 0)  # (subject, authority) → how often; subject "*" is everybody
serials = Map("serial", 0)

FreezeRequested = Event("Reg.FreezeRequested")
OrderInForce = Event("Reg.OrderInForce")
FreezeDropped = Event("Reg.FreezeDropped")
Reached = Event("Reg.Reached")
ReleaseRequested = Event("Reg.ReleaseRequested")
OrderReleased = Event("Reg.OrderReleased")
OrderExpired = Event("Reg.OrderExpired")
CarriedOn = Event("Reg.CarriedOn")
Viewed = Event("Reg.Viewed")


def describe(order) -> dict:
    """An order as every member sees it: its digest, not its content."""
    return {
        "id": order.id,
        "kind": order.kind,
        "target": order.target,
        "document": order.document,
        "until": date_text(order.until),
        "authorities": [order.parties["authority"], order.approved_by],
        "released_by": [order.release_by, order.release_approved_by],
        "frozen": order.frozen,
        "state": order.state,
        "version": order.version,
    }


# ---- what an order holds --------------------------------------------------------------------------


def take(order, leaf_id: str):
    call("receivable", "freeze", leaf_id, order.id)
    order.frozen += 1
    held[(order.id, order.frozen)] = leaf_id


def take_leaves(order) -> int:
    """Freeze the next leaves that the party holds. Returns how many."""
    found = call("receivable", "leaves_of", order.target, order.reached, OBJECTS_A_CALL)
    taken = 0
    for leaf_id, state in found:
        order.reached = leaf_id
        if state != "FROZEN":
            take(order, leaf_id)
            taken += 1
    return taken


def let_go(order):
    standing.delete((order.kind, order.target))
    if order.kind == "party":
        call("party", "unfreeze", order.target, order.id)
    give_back(order)


def give_back(order):
    for _ in range(min(order.frozen, OBJECTS_A_CALL)):
        call("receivable", "unfreeze", held[(order.id, order.frozen)], order.id)
        held.delete((order.id, order.frozen))
        order.frozen -= 1
