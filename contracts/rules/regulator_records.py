"""What the regulator contract stores, tells and shows."""

from rules.calendar import date_text
from sdk import Event, Map, dataclass


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
