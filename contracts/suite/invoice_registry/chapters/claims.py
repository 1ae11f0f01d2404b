"""What share of an invoice a bank has reserved or financed. Table CLAIM."""

from chapters.records import Claim, banks_of, claims, conflicts, financed, latest, marked
from rules.codes import is_digest
from rules.invoice_registry_machine import (
    BANKS_MAX,
    CLAIM,
    MARKED_MAX,
    MARKS_MAX,
    RESERVATION_MS,
    weight_of,
)
from rules.machine import row_for
from rules.money import BPS_UNIT
from sdk import Event, call, ctx, export, require

Reserved = Event("IR.Reserved")
Activated = Event("IR.Activated")
Held = Event("IR.Held")
Freed = Event("IR.Freed")
Released = Event("IR.Released")
Conflict = Event("IR.ConflictSeen")
Alerted = Event("IR.Alert")
AlertAcknowledged = Event("IR.AlertAcknowledged")
UnderlyingVoided = Event("IR.UnderlyingVoided")


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
