"""Invoice registry (M5): one invoice, one financing. Who comes second is told *that*, never *who*.

Two things are kept. **Documents**: digest, parties and amount of an invoice that its seller lodged, and how
much of it already backs a credential or a financing. **Claims**: what share of an invoice, known only by the
bank gateway's keyed fingerprint, a bank has reserved or financed. It is evidence, not title.
Source: domain/trade-finance.md 2.8. Races: first in block order wins, because transactions run in that order.
"""

from rules.calendar import is_date
from rules.codes import DOCUMENT_KINDS, is_currency, is_digest
from rules.machine import moves_from, row_for
from rules.money import BPS_UNIT, is_amount
from sdk import Event, Map, call, ctx, dataclass, export, require, view

# from, call, who, guard, to, event
MACHINE = (
    ("-", "register", "a bank", "shares of all banks together at most 100 %",
     "RESERVED", "IR.Reserved"),
    ("RESERVED", "activate", "the financing contract", "disbursement proven", "ACTIVE",
     "IR.Activated"),
    ("RESERVED", "release", "the bank that registered", "no payment under way", "FREE",
     "IR.Freed"),
    ("RESERVED", "hold", "the financing contract", "a payment is under way", "RESERVED",
     "IR.Held"),
    ("RESERVED", "unhold", "the financing contract", "the payment did not come", "FREE",
     "IR.Freed"),
    ("ACTIVE", "repay", "the financing contract", "repayment proven", "RELEASED", "IR.Released"),
    ("RELEASED", "reopen", "the financing contract", "a repayment was given back", "ACTIVE",
     "IR.Activated"),
)  # fmt: skip

RESERVATION_MS = 259200000  # 72 hours
BANKS_MAX = 16  # banks that share one invoice


@dataclass
class Document:
    digest: str
    kind: str
    seller: str
    buyer: str
    amount_fen: int
    currency: str
    issued_on: str
    drawn_fen: int = 0
    version: int = 1


@dataclass
class Claim:
    """A bank's share of one fingerprint; several leaves of one invoice make several claims.

    until_ms: when a reservation ends by itself, unless a financing that waits for its payment holds it.
    """

    bank: str
    number: int
    share_bps: int = 0
    state: str = "-"
    until_ms: int = 0
    registered_ms: int = 0
    held: bool = False
    version: int = 0


documents = Map("document", None)  # (seller, digest): nobody takes a digest from its seller
claims = Map("claim", None)  # (fingerprint, bank, number from 1)
latest = Map("latest", 0)  # (fingerprint, bank) → number of the bank's newest claim
banks_of: Map[str, tuple[str, ...]] = Map(
    "banks", ()
)  # fingerprint → banks that may have a reservation open
financed = Map("financed", 0)  # fingerprint → basis points of ACTIVE claims
conflicts = Map("conflict", 0)  # fingerprint → how often a second bank tried

Lodged = Event("Invoice.Lodged")
Reserved = Event("IR.Reserved")
Activated = Event("IR.Activated")
Held = Event("IR.Held")
Freed = Event("IR.Freed")
Released = Event("IR.Released")
Conflict = Event("IR.ConflictSeen")


# ---- documents -----------------------------------------------------------------------------------


@export
def lodge(
    document: str, kind: str, buyer: str, amount_fen: int, currency: str, issued_on: str
) -> bool:
    """The seller records one of its documents. `document`: SM3 of the file, hex.

    Codes: E_ROLE, E_PARTY, E_DIGEST, E_CODE, E_AMOUNT, E_DATE, E_SELF, E_DUPLICATE.
    """
    require("maker" in ctx.roles, "E_ROLE", "a maker of the seller lodges documents")
    call("party", "check_member", ctx.member)
    require(is_digest(document), "E_DIGEST", "a digest is 64 lower-case hex digits")
    require(kind in DOCUMENT_KINDS, "E_CODE", "unknown kind of document")
    require(is_currency(currency), "E_CODE", "unknown currency")
    require(is_amount(amount_fen), "E_AMOUNT", "an amount is a positive number of minor units")
    require(is_date(issued_on), "E_DATE", "a date is written YYYY-MM-DD")
    require(buyer != ctx.member, "E_SELF", "nobody invoices himself")
    key = (ctx.member, document)
    require(key not in documents, "E_DUPLICATE", "this document is already lodged")
    documents[key] = Document(document, kind, ctx.member, buyer, amount_fen, currency, issued_on)
    Lodged(document=document, kind=kind, seller=ctx.member, version=1)
    return True


def load_document(digest: str, seller: str):
    found = documents[(seller, digest)]
    require(found is not None, "E_NOT_FOUND", "no such document")
    return found


@export
def draw(document: str, amount_fen: int, seller: str, buyer: str) -> int:
    """Let an invoice between these two back an obligation. Returns what is left. Other contracts only."""
    require(ctx.caller in ("receivable", "financing"), "E_CALLER", "other contracts only")
    found = load_document(document, seller)
    fits = found.kind == "invoice" and found.buyer == buyer
    require(fits, "E_TRADE_BASIS", "the document is no invoice from this seller to this buyer")
    require(found.drawn_fen + amount_fen <= found.amount_fen, "E_UNDERLYING", "invoice used up")
    found.drawn_fen += amount_fen
    found.version += 1
    documents[(seller, document)] = found
    return found.amount_fen - found.drawn_fen


@export
def restore(document: str, amount_fen: int, seller: str) -> int:
    """Undo a `draw` whose obligation never came to life. Other contracts only."""
    require(ctx.caller in ("receivable", "financing"), "E_CALLER", "other contracts only")
    found = load_document(document, seller)
    require(found.drawn_fen >= amount_fen, "E_AMOUNT", "more than was drawn")
    found.drawn_fen -= amount_fen
    found.version += 1
    documents[(seller, document)] = found
    return found.amount_fen - found.drawn_fen


@view
def get_document(document: str, seller: str = "") -> dict:
    """A document that a seller lodged; the asking member's own when no seller is named."""
    found = load_document(document, seller or ctx.member)
    return {
        "document": document,
        "kind": found.kind,
        "seller": found.seller,
        "buyer": found.buyer,
        "amount_fen": found.amount_fen,
        "currency": found.currency,
        "issued_on": found.issued_on,
        "drawn_fen": found.drawn_fen,
        "version": found.version,
    }


# ---- claims --------------------------------------------------------------------------------------


def load_claim(fingerprint: str, bank: str, number: int):
    """A claim; a reservation that ran out counts as FREE."""
    found = claims[(fingerprint, bank, number)]
    if found is None:
        return Claim(bank, number)
    if found.state == "RESERVED" and not found.held and ctx.time > found.until_ms:
        found.state = "FREE"
    return found


def newest(fingerprint: str, bank: str):
    return load_claim(fingerprint, bank, latest[(fingerprint, bank)])


def enter(fingerprint: str, claim, move: str):
    row = row_for(MACHINE, claim.state, move)
    require(row is not None, "E_STATE", f"{move} is not possible in state {claim.state}")
    claim.state = row[4]
    claim.version += 1
    claims[(fingerprint, claim.bank, claim.number)] = claim


def taken_bps(fingerprint: str) -> int:
    """Shares reserved or financed, by whichever bank. Only a bank's newest claim can be a reservation."""
    taken = financed[fingerprint]
    for bank in banks_of[fingerprint]:
        claim = newest(fingerprint, bank)
        if claim.state == "RESERVED":
            taken += claim.share_bps
    return taken


@export
def register(fingerprint: str, share_bps: int = 10000) -> int:
    """Reserve a share of an invoice for 72 hours. Returns when the reservation ends (ms).

    `fingerprint`: the gateway's HMAC-SM3, hex. Codes: E_ROLE, E_PARTY, E_DIGEST, E_SHARE, E_STATE,
    E_DUPLICATE_FINANCING.
    """
    require("financier" in ctx.roles, "E_ROLE", "a financier of a bank registers")
    party = call("party", "check_member", ctx.member)
    require(party["kind"] in ("bank", "factor"), "E_ROLE", "only a bank or a factor finances")
    require(is_digest(fingerprint), "E_DIGEST", "a fingerprint is 64 lower-case hex digits")
    require(0 < share_bps <= BPS_UNIT, "E_SHARE", "a share is 1 to 10,000 basis points")
    open_already = newest(fingerprint, ctx.member).state == "RESERVED"
    require(not open_already, "E_STATE", "your reservation of this invoice is open")
    require(
        taken_bps(fingerprint) + share_bps <= BPS_UNIT,
        "E_DUPLICATE_FINANCING",
        "this invoice is already being financed",
    )
    key = (fingerprint, ctx.member)
    latest[key] += 1
    claim = Claim(ctx.member, latest[key], share_bps)
    claim.until_ms = ctx.time + RESERVATION_MS
    claim.registered_ms = ctx.time
    enter(fingerprint, claim, "register")
    known = [
        bank for bank in banks_of[fingerprint] if newest(fingerprint, bank).state == "RESERVED"
    ]
    others = [bank for bank in known if bank != ctx.member]
    require(len(others) < BANKS_MAX, "E_SHARE", "too many banks share this invoice")
    banks_of[fingerprint] = (*others, ctx.member)
    Reserved(fingerprint=fingerprint, version=claim.version)
    return claim.until_ms


@export
def release(fingerprint: str) -> bool:
    """The bank gives its reservation up. Code E_OWNER for any other bank."""
    require(latest[(fingerprint, ctx.member)] > 0, "E_OWNER", "not your registration")
    require("financier" in ctx.roles, "E_ROLE", "a financier of the bank releases")
    claim = newest(fingerprint, ctx.member)
    require(not claim.held, "E_HELD", "a payment for this claim is under way")
    enter(fingerprint, claim, "release")
    Freed(fingerprint=fingerprint, version=claim.version)
    return True


@export
def hold(fingerprint: str) -> int:
    """Keep the asking bank's reservation while its payment is under way. Returns the claim's number.

    The financing contract only.
    """
    require(ctx.caller == "financing", "E_CALLER", "only the financing contract may do this")
    claim = newest(fingerprint, ctx.member)
    require(not claim.held, "E_HELD", "another payment for this claim is under way")
    claim.held = True
    enter(fingerprint, claim, "hold")
    Held(fingerprint=fingerprint, version=claim.version)
    return claim.number


@export
def unhold(fingerprint: str, bank: str, number: int) -> bool:
    """The payment did not come: the claim is free. The financing contract only."""
    require(ctx.caller == "financing", "E_CALLER", "only the financing contract may do this")
    claim = load_claim(fingerprint, bank, number)
    claim.held = False
    enter(fingerprint, claim, "unhold")
    Freed(fingerprint=fingerprint, version=claim.version)
    return True


@export
def activate(fingerprint: str, bank: str, number: int) -> bool:
    """The money has been paid. The financing contract only, which has verified the payment proof."""
    require(ctx.caller == "financing", "E_CALLER", "only the financing contract may do this")
    claim = load_claim(fingerprint, bank, number)
    enter(fingerprint, claim, "activate")
    financed[fingerprint] += claim.share_bps
    Activated(fingerprint=fingerprint, version=claim.version)
    return True


@export
def repay(fingerprint: str, bank: str, number: int) -> bool:
    """The financing is repaid; the history is kept. The financing contract only."""
    require(ctx.caller == "financing", "E_CALLER", "only the financing contract may do this")
    claim = load_claim(fingerprint, bank, number)
    enter(fingerprint, claim, "repay")
    financed[fingerprint] -= claim.share_bps
    Released(fingerprint=fingerprint, version=claim.version)
    return True


@export
def reopen(fingerprint: str, bank: str, number: int) -> bool:
    """A repayment was given back: the claim counts again, even beside one that came meanwhile."""
    require(ctx.caller == "financing", "E_CALLER", "only the financing contract may do this")
    claim = load_claim(fingerprint, bank, number)
    enter(fingerprint, claim, "reopen")
    financed[fingerprint] += claim.share_bps
    Activated(fingerprint=fingerprint, version=claim.version)
    return True


@export
def note_conflict(fingerprint: str) -> int:
    """Tell both banks that somebody else tried, without saying who. The financing contract only."""
    require(ctx.caller == "financing", "E_CALLER", "only the financing contract may do this")
    conflicts[fingerprint] += 1
    Conflict(fingerprint=fingerprint, count=conflicts[fingerprint])
    return conflicts[fingerprint]


@view
def available_bps(fingerprint: str) -> int:
    """What share of the invoice could still be reserved."""
    return max(0, BPS_UNIT - taken_bps(fingerprint))


@view
def my_claim(fingerprint: str) -> dict:
    """The asking bank's own newest claim; it learns nothing about others but the number of conflicts."""
    claim = newest(fingerprint, ctx.member)
    return {
        "number": claim.number,
        "state": "FREE" if claim.state == "-" else claim.state,
        "share_bps": claim.share_bps,
        "until_ms": claim.until_ms,
        "registered_ms": claim.registered_ms,
        "version": claim.version,
        "conflicts": conflicts[fingerprint],
    }


@view
def next_steps(fingerprint: str) -> list:
    """What may happen to the asking bank's claim now."""
    return moves_from(MACHINE, newest(fingerprint, ctx.member).state)
