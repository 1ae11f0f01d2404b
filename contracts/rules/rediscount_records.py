"""What the rediscount contract stores, tells and shows."""

from rules.settlement import Due
from sdk import Event, Map, dataclass


@dataclass
class Pool:
    """Bills that a bank pledges for central bank money. `bills`: (number, face, due date, acceptor)."""

    id: str
    parties: dict
    tag: str
    bills: tuple
    face_fen: int
    maker: str
    approved_on: str = ""
    rate_ppm: int = 0
    interest_fen: int = 0
    reasons: tuple = ()
    use: str = ""
    due: Due | None = None
    state: str = ""
    version: int = 1


pools = Map("pool", None)

Bundled = Event("Rediscount.Bundled")
AppliedFor = Event("Rediscount.AppliedFor")
Withdrawn = Event("Rediscount.Withdrawn")
Checked = Event("Rediscount.Checked")
Returned = Event("Rediscount.Returned")
Approved = Event("Rediscount.Approved")
DisbursementPrepared = Event("Rediscount.DisbursementPrepared")
Disbursed = Event("Rediscount.Disbursed")
UseReported = Event("Rediscount.UseReported")
RepaymentPrepared = Event("Rediscount.RepaymentPrepared")
Closed = Event("Rediscount.Closed")
Revoked = Event("Rediscount.Revoked")


def describe(pool) -> dict:
    return {
        "id": pool.id,
        "parties": pool.parties,
        "state": pool.state,
        "tag": pool.tag,
        "bills": [list(bill) for bill in pool.bills],
        "face_fen": pool.face_fen,
        "approved_on": pool.approved_on,
        "rate_ppm": pool.rate_ppm,
        "interest_fen": pool.interest_fen,
        "net_fen": pool.face_fen - pool.interest_fen,
        "reasons": list(pool.reasons),
        "use": pool.use,
        "reference": pool.due.reference if pool.due else b"",
        "version": pool.version,
    }
