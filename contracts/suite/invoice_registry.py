"""Invoice registry (M5): one invoice, one financing. Who comes second is told *that*, never *who*.

Two things are kept. **Documents**: digest, parties and amount of an invoice that its seller lodged, and how
much of it already backs a credential or a financing. **Claims**: what share of an invoice, known only by the
bank gateway's keyed fingerprint, a bank has reserved or financed. It is evidence, not title. An invoice that
looks like another, by the gateway's keyed marks, raises an alert that the bank acknowledges before it pays.
Source: domain/trade-finance.md 2.8. Races: first in block order wins, because transactions run in that order.
"""

from rules.calendar import is_date
from rules.codes import DOCUMENT_KINDS, is_currency, is_digest
from rules.invoice_registry_machine import (
    BANKS_MAX,
    CLAIM,
    MARKED_MAX,
    MARKS_MAX,
    RESERVATION_MS,
    weight_of,
)
from rules.machine import moves_from, row_for
from rules.money import BPS_UNIT, is_amount
from sdk import Event, Map, call, ctx, dataclass, export, require, view


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
    alert_bps: int = 0  # how much this invoice looks like another one that is financed
    reason: str = ""  # why the bank goes on all the same
    version: int = 0


documents = Map("document", None)  # (seller, digest): nobody takes a digest from its seller
claims = Map("claim", None)  # (fingerprint, bank, number from 1)
latest = Map("latest", 0)  # (fingerprint, bank) → number of the bank's newest claim
banks_of: Map[str, tuple[str, ...]] = Map(
    "banks", ()
)  # fingerprint → banks that may have a reservation open
financed = Map("financed", 0)  # fingerprint → basis points of ACTIVE claims
marked: Map[str, tuple[str, ...]] = Map(
    "marked", ()
)  # mark → fingerprints that were registered with it
conflicts = Map("conflict", 0)  # fingerprint → how often a second bank tried

Lodged = Event("Invoice.Lodged")
Reserved = Event("IR.Reserved")
Activated = Event("IR.Activated")
Held = Event("IR.Held")
Freed = Event("IR.Freed")
Released = Event("IR.Released")
Conflict = Event("IR.ConflictSeen")
Alerted = Event("IR.Alert")
AlertAcknowledged = Event("IR.AlertAcknowledged")
UnderlyingVoided = Event("IR.UnderlyingVoided")


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
    row = row_for(CLAIM, claim.state, move)
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
def register(
    fingerprint: str, share_bps: int = 10000, marks: list[str] | None = None,
    looks: list[str] | None = None,
) -> int:  # fmt: skip
    """Reserve a share of an invoice for 72 hours. Returns when the reservation ends (ms).

    `fingerprint`: the gateway's HMAC-SM3, hex. marks: `kind:digest` of what else says which invoice it is,
    stored; looks: marks that are only looked up, as the neighbouring amounts are. Codes: E_ROLE, E_PARTY,
    E_DIGEST, E_SHARE, E_STATE, E_MARKS, E_DUPLICATE_FINANCING.
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
    claim.alert_bps = look_alike(fingerprint, marks or [], looks or [])
    enter(fingerprint, claim, "register")
    known = [
        bank for bank in banks_of[fingerprint] if newest(fingerprint, bank).state == "RESERVED"
    ]
    others = [bank for bank in known if bank != ctx.member]
    require(len(others) < BANKS_MAX, "E_SHARE", "too many banks share this invoice")
    banks_of[fingerprint] = (*others, ctx.member)
    Reserved(fingerprint=fingerprint, version=claim.version)
    return claim.until_ms


def look_alike(fingerprint: str, marks: list, looks: list) -> int:
    """Store the marks; tell every bank whose financed invoice looks like this one. Returns the best score."""
    require(len(marks) <= MARKS_MAX and len(looks) <= MARKS_MAX, "E_MARKS", "at most 12 marks")
    score = 0
    alike = []
    for mark in [*marks, *looks]:
        kind, _, value = mark.partition(":")
        require(weight_of(kind) > 0 and is_digest(value), "E_MARKS", "a mark is kind:digest")
        for other in marked[mark]:
            if other != fingerprint and taken_bps(other) > 0:
                score = max(score, weight_of(kind))
                if other not in alike:
                    alike.append(other)
    for mark in marks:
        known = marked[mark]
        if fingerprint not in known:
            marked[mark] = (*known, fingerprint)[-MARKED_MAX:]
    for other in alike:
        conflicts[other] += 1
        Conflict(fingerprint=other, count=conflicts[other])
    if score:
        conflicts[fingerprint] += 1
        Alerted(fingerprint=fingerprint, score_bps=score)
    return score


@export
def acknowledge(fingerprint: str, reason: str) -> bool:
    """The bank has looked into an alert and goes on: a financier says why. Codes: E_OWNER, E_ROLE, E_TEXT,
    E_ALERT, E_STATE."""
    claim = own_claim(fingerprint)
    require(0 < len(reason) <= 200, "E_TEXT", "a reason is 1 to 200 characters")
    require(claim.alert_bps > 0 and claim.reason == "", "E_ALERT", "no alert is open")
    claim.reason = reason
    enter(fingerprint, claim, "acknowledge")
    AlertAcknowledged(fingerprint=fingerprint, version=claim.version)
    return True


@export
def void_underlying(fingerprint: str) -> bool:
    """The invoice was reversed after it had been financed: the claim stays, and says so."""
    claim = own_claim(fingerprint)
    enter(fingerprint, claim, "void_underlying")
    UnderlyingVoided(fingerprint=fingerprint, version=claim.version)
    return True


def own_claim(fingerprint: str):
    require(latest[(fingerprint, ctx.member)] > 0, "E_OWNER", "not your registration")
    require("financier" in ctx.roles, "E_ROLE", "a financier of the bank may do this")
    return newest(fingerprint, ctx.member)


@export
def release(fingerprint: str) -> bool:
    """The bank gives its reservation up. Code E_OWNER for any other bank."""
    claim = own_claim(fingerprint)
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
    quiet = claim.alert_bps == 0 or claim.reason != ""
    require(quiet, "E_ALERT", "it looks like an invoice that is financed: acknowledge that first")
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
        "alert_bps": claim.alert_bps,
        "reason": claim.reason,
    }


@view
def claims_of(fingerprint: str) -> list:
    """Who has or had a share of an invoice: a regulator alone sees both sides of a conflict."""
    require("regulator" in ctx.roles, "E_ROLE", "only a regulator may see this")
    found = claims.scan((fingerprint,), None, 200)
    return [
        {"bank": key[1], "number": key[2], "state": load_claim(*key).state,
         "share_bps": claim.share_bps, "registered_ms": claim.registered_ms,
         "alert_bps": claim.alert_bps, "reason": claim.reason}
        for key, claim in found
    ]  # fmt: skip


@view
def next_steps(fingerprint: str) -> list:
    """What may happen to the asking bank's claim now."""
    return moves_from(CLAIM, newest(fingerprint, ctx.member).state)
