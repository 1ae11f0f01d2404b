"""What the contract `remedy` stores about a leaf, and its limits. The state of the leaf is the receivable's."""

from sdk import Event, Map, dataclass

GROUNDS = (
    "goods", "forgery", "amount", "duplicate", "identity", "payment-not-received",
)  # fmt: skip
OUTCOMES = ("uphold", "reduce", "void")
PREPAY_BUSINESS_DAYS = 2  # the issuer pays within two business days of the holder's consent
PREPAY_MARGIN_MS = 86400000  # a payment made in time may be proven one day later
CALL_DAYS = 5  # business days in which a guarantor or former holder pays what was fixed
RATE_PPM_MAX = 240000


@dataclass
class Dispute:
    """proposal: (member, outcome, owed, decision) that the other side may repeat. raised_by "": never."""

    raised_by: str
    grounds: str
    evidence: str
    raised_ms: int
    proposal: tuple = ()
    outcome: str = ""
    decision: str = ""


@dataclass
class Prepayment:
    """rate_ppm: the rebate's yearly rate. due: the payment fixed when the holder consented."""

    rate_ppm: int
    principal_fen: int
    rebate_fen: int = 0
    due: object = None
    paid_fen: int = 0
    nullifier: bytes = b""


@dataclass
class Call:
    """A claim against the guarantor or the former holder. by: who called; on: who answers."""

    kind: str
    by: str
    on: str
    due: object = None


disputes = Map("dispute", None)  # leaf id: the latest one
prepayments = Map("prepayment", None)  # leaf id: the latest one
calls = Map("call", None)  # leaf id: the open one
instalments = Map("instalment", 0)  # leaf id → how many payments were fixed here

Disputed = Event("EC.Disputed")
ResolutionProposed = Event("EC.ResolutionProposed")
DisputeResolved = Event("EC.DisputeResolved")
PrepaymentOffered = Event("EC.PrepaymentOffered")
PrepaymentAgreed = Event("EC.PrepaymentAgreed")
Prepaid = Event("EC.Prepaid")
PrepaymentLapsed = Event("EC.PrepaymentLapsed")
PrepaymentReversed = Event("EC.PrepaymentReversed")
GuaranteeCalled = Event("EC.GuaranteeCalled")
Subrogated = Event("EC.Subrogated")
RecourseTaken = Event("EC.RecourseTaken")
Returned = Event("EC.Returned")
CallWithdrawn = Event("EC.CallWithdrawn")
