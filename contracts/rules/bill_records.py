"""What the bill contract stores, tells and shows."""

from rules.official_sight import is_official, require_look
from rules.settlement import Due
from sdk import Event, Map, ctx, dataclass, require


@dataclass
class Bill:
    """Amounts are fen, dates text. `chain`: every signature in order: drawer, payee, endorsees. `parties` holds
    who may act now: holder, endorsee (offered, pledgee or discounting bank) and debtor (of a recourse).
    `exchange`: number of the one that holds it for the endorsee."""

    id: str
    parties: dict
    face_fen: int
    issued: str
    due_date: str
    is_transferable: bool
    chain: tuple
    parent: str = ""
    pieces: int = 0
    basis: str = ""
    rate_ppm: int = 0
    net_fen: int = 0
    offer_until_ms: int = 0
    presented_ms: int = 0
    reason: str = ""
    round: int = 0
    due: Due | None = None
    exchange: str = ""
    state: str = ""
    version: int = 1


bills = Map("bill", None)

Drawn = Event("Bill.Drawn")
Voided = Event("Bill.Voided")
Accepted = Event("Bill.Accepted")
Split = Event("Bill.Split")
EndorsementOffered = Event("Bill.EndorsementOffered")
Endorsed = Event("Bill.Endorsed")
EndorsementRecalled = Event("Bill.EndorsementRecalled")
Held = Event("Bill.Held")
Pledged = Event("Bill.Pledged")
PledgeReleased = Event("Bill.PledgeReleased")
DiscountAsked = Event("Bill.DiscountAsked")
DiscountOffered = Event("Bill.DiscountOffered")
DiscountTaken = Event("Bill.DiscountTaken")
DiscountEnded = Event("Bill.DiscountEnded")
Discounted = Event("Bill.Discounted")
Pooled = Event("Bill.Pooled")
Unpooled = Event("Bill.Unpooled")
Rediscounted = Event("Bill.Rediscounted")
Presented = Event("Bill.Presented")
PaymentPrepared = Event("Bill.PaymentPrepared")
Paid = Event("Bill.Paid")
Dishonoured = Event("Bill.Dishonoured")
RecourseClaimed = Event("Bill.RecourseClaimed")
RecourseDropped = Event("Bill.RecourseDropped")
RecoursePrepared = Event("Bill.RecoursePrepared")
RecoursePaid = Event("Bill.RecoursePaid")


def hand_over(bill, holder: str):
    """The next signature in the chain, without a gap [BA 31]."""
    assert bill.chain[-1] == bill.parties["holder"]
    bill.chain = (*bill.chain, holder)
    bill.parties["holder"] = holder
    bill.parties["endorsee"] = ""
    bill.basis = ""


def require_sight(bill):
    signed = ctx.member != "" and (ctx.member in bill.chain or ctx.member in bill.parties.values())
    if not signed:
        require(is_official(), "E_NOT_PARTY", "not your bill")
        require_look(list(bill.parties.values()))


def describe(bill) -> dict:
    return {
        "id": bill.id,
        "parties": bill.parties,
        "state": bill.state,
        "face_fen": bill.face_fen,
        "issued": bill.issued,
        "due_date": bill.due_date,
        "is_transferable": bill.is_transferable,
        "chain": list(bill.chain),
        "parent": bill.parent,
        "pieces": bill.pieces,
        "rate_ppm": bill.rate_ppm,
        "net_fen": bill.net_fen,
        "reason": bill.reason,
        "reference": bill.due.reference if bill.due else b"",
        "version": bill.version,
    }
