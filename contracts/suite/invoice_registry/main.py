"""Invoice registry (M5): one invoice, one financing. Who comes second is told *that*, never *who*.

Two things are kept. **Documents**: digest, parties and amount of an invoice that its seller lodged, and how
much of it already backs a credential or a financing. **Claims**: what share of an invoice, known only by the
bank gateway's keyed fingerprint, a bank has reserved or financed. It is evidence, not title. An invoice that
looks like another, by the gateway's keyed marks, raises an alert that the bank acknowledges before it pays.
Source: domain/trade-finance.md 2.8. Races: first in block order wins, because transactions run in that order.

    records    what is kept
    documents  invoices that sellers lodged
    claims     shares that banks have
"""

from chapters.records import claims, conflicts
from chapters.documents import lodge, draw, restore, get_document
from chapters.claims import (
    register,
    acknowledge,
    void_underlying,
    release,
    hold,
    unhold,
    activate,
    repay,
    reopen,
    note_conflict,
    load_claim,
    newest,
    taken_bps,
)

from rules.invoice_registry_machine import CLAIM
from rules.machine import moves_from
from rules.money import BPS_UNIT
from sdk import ctx, require, view


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
