"""What the financing contract stores, who may act, and how it is read and shown."""

from rules.calendar import date_of, day_at
from rules.day_count import effective_rate
from rules.financing_machine import FINANCING
from rules.machine import row_for
from rules.money import half_up
from rules.persons import require_trader
from sdk import Map, call, ctx, dataclass, require

LOCKED = ("CLEARED", "SETTLED")  # the leaf is held by the contract


@dataclass
class Financing:
    """`leaf_id` or `document` names what is financed; the other is empty. Amounts are fen.

    preimage: what opened the conditional coin, until its release is on record.
    owed_fen: what is owed again after a reversal, since owed_since_ms. The instalments 1 and 2 are payout
    and repayment; later ones pay what was given back.
    pledge: the leaf secures an advance and stays its holder's; due_date is then the advance's own. Below zero,
    repaid_fen is interest that an enforced leaf did not cover. surplus_fen: what the bank owes the borrower
    since an enforcement. claim_kept: the registry's claim stands until the leaf taken is paid.
    """

    request_id: str
    borrower: str
    leaf_id: str
    document: str
    gross_fen: int
    due_date: str
    purpose: str
    to_bank: str
    state: str = "REQUESTED"
    bank: str = ""
    rate_ppm: int = 0
    days: int = 0
    principal_fen: int = 0
    interest_fen: int = 0
    payout_fen: int = 0
    pay_reference: bytes = b""
    repay_reference: bytes = b""
    pay_nullifier: bytes = b""
    repay_nullifier: bytes = b""
    preimage: bytes = b""
    instalments: int = 2
    owed_fen: int = 0
    owed_since_ms: int = 0
    debtor: str = ""
    recourse: bool = False
    repay_instalment: int = 0  # the latest one
    repaid_fen: int = 0  # principal of an advance repaid in parts, and until when interest is paid
    paid_to_day: int = 0
    filing: str = ""
    filed_ms: int = 0
    filed_until: str = ""
    notice: str = ""
    noticed_ms: int = 0
    acknowledged_ms: int = 0
    accepted_ms: int = 0
    pay_until_ms: int = 0
    fingerprint: str = ""
    claim: int = 0
    quotes: int = 0
    pledge: bool = False
    leaf_due_date: str = ""
    enforced: bool = False
    claim_kept: bool = False
    surplus_fen: int = 0
    surplus_reference: bytes = b""
    surplus_since_ms: int = 0
    surplus_nullifier: bytes = b""
    version: int = 1


@dataclass
class Quote:
    number: int
    bank: str
    rate_ppm: int
    principal_fen: int
    recourse: bool
    until_ms: int
    state: str = "OPEN"
    pledge: bool = False


@dataclass
class Repayment:
    """A payment of an advance, fixed beforehand. of_fen: principal owed then. until_ms 0: no end."""

    reference: bytes
    amount_fen: int
    principal_fen: int
    of_fen: int
    since_ms: int
    until_ms: int


financings = Map(
    "financing",
    None,
    indexes=(("borrower", "state"), ("bank", "state"), ("borrower", "document"), "state"),
)
repayments = Map("repayment", None)  # (request id, instalment)
quotes = Map("quote", None)  # (request id, number)
serials = Map("serial", 0)  # year
advanced = Map("advanced", 0)  # (seller, invoice digest) → fen advanced by all banks


def load(request_id: str):
    found = financings[request_id]
    require(found is not None, "E_NOT_FOUND", "no such financing")
    return found


def enter(financing, move: str, expected_version: int = 0):
    """Take the step the table allows from here, or refuse with E_STATE. The caller stores it."""
    require(expected_version in (0, financing.version), "E_VERSION", "it has changed since")
    row = row_for(FINANCING, financing.state, move)
    require(row is not None, "E_STATE", f"{move} is not possible in state {financing.state}")
    financing.state = row[4] or financing.state
    financing.version += 1
    financings[financing.request_id] = financing


def require_bank(member: str):
    require(ctx.member == member, "E_NOT_PARTY", "only the bank concerned may do this")
    require("financier" in ctx.roles, "E_ROLE", "a financier of the bank may do this")


def new_request(leaf_id: str, document: str, purpose: str, consent: bool, to_bank: str):
    """A request without what depends on its kind: amount and due date are filled in by the caller."""
    require_trader(ctx.member, "the borrower")
    call("party", "check_new_business", ctx.member)
    require(consent, "E_CONSENT", "the borrower must agree that banks see the data")
    require(0 < len(purpose) <= 100, "E_TEXT", "a purpose is 1 to 100 characters")
    year = date_of(day_at(ctx.time))[0]
    serials[year] += 1
    request_id = f"FR-{year}-{serials[year]:06d}"
    return Financing(request_id, ctx.member, leaf_id, document, 0, "", purpose, to_bank)


def let_go(financing):
    """Free what a financing that ends without payment was holding."""
    accepted = financing.principal_fen > 0
    if financing.leaf_id:
        if financing.state == "SETTLED":
            holder = financing.borrower
            call("receivable", "hand_over", financing.leaf_id, financing.request_id, holder)
        move = "unlock" if financing.state in LOCKED else "free"
        call("receivable", move, financing.leaf_id, financing.request_id)
    elif accepted:
        advanced[(financing.borrower, financing.document)] -= financing.principal_fen
        drawn = (financing.document, financing.principal_fen, financing.borrower)
        call("invoice_registry", "restore", *drawn)
    if financing.state in LOCKED:
        claim = (financing.fingerprint, financing.bank, financing.claim)
        call("invoice_registry", "unhold", *claim)


def is_bought(financing) -> bool:
    """Whether the leaf itself is sold to the bank: then its debtor pays, not the borrower."""
    return financing.leaf_id != "" and not financing.pledge


def claim_on_borrower(financing) -> int:
    """What of an advance the bank may claim from its borrower: principal, or what was given back since."""
    if is_bought(financing):
        return 0
    left = financing.principal_fen - financing.repaid_fen
    if financing.state == "PAYOUT_OWED":
        return left - financing.owed_fen
    if financing.state == "REPAYMENT_OWED":
        return financing.owed_fen
    return left if financing.state in ("DISBURSED", "OVERDUE", "RECOURSE", "WRITTEN_OFF") else 0


def tell(event, financing, claim_fen: int):
    """An event of money that came or went. claim_fen: by how much the bank's claim on the borrower grew."""
    event(
        request_id=financing.request_id,
        bank=financing.bank,
        borrower=financing.borrower,
        claim_fen=0 if is_bought(financing) else claim_fen,
        version=financing.version,
    )


def describe(financing) -> dict:
    """What bank and borrower must agree on, with what the money really costs a year (ppm)."""
    priced = financing.payout_fen > 0
    apr = (
        half_up(*effective_rate(financing.interest_fen, financing.payout_fen, financing.days))
        if priced
        else 0
    )
    return {
        "request_id": financing.request_id,
        "borrower": financing.borrower,
        "leaf_id": financing.leaf_id,
        "document": financing.document,
        "gross_fen": financing.gross_fen,
        "due_date": financing.due_date,
        "state": financing.state,
        "bank": financing.bank,
        "rate_ppm": financing.rate_ppm,
        "days": financing.days,
        "principal_fen": financing.principal_fen,
        "interest_fen": financing.interest_fen,
        "payout_fen": financing.payout_fen,
        "effective_rate_ppm": apr,
        "pay_reference": financing.pay_reference,
        "repay_reference": financing.repay_reference,
        "pay_until_ms": financing.pay_until_ms,
        "owed_fen": financing.owed_fen,
        "debtor": financing.debtor,
        "recourse": financing.recourse,
        "pledge": financing.pledge,
        "leaf_due_date": financing.leaf_due_date,
        "surplus_fen": financing.surplus_fen,
        "surplus_reference": financing.surplus_reference,
        "repaid_fen": financing.repaid_fen,
        "claim_fen": claim_on_borrower(financing),
        "filing": financing.filing,
        "filed_until": financing.filed_until,
        "notice": financing.notice,
        "acknowledged_ms": financing.acknowledged_ms,
        "preimage": financing.preimage,
        "quotes": financing.quotes,
        "version": financing.version,
    }
