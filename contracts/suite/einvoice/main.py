"""E-invoices (M13): made from the sale itself, known to the tax authority, reimbursed and financed once.

A seller invoices within a quota that the authority granted. What an invoice says and costs comes from the sale
agreed, and a payment under its reference issues it. When what may happen: `rules.einvoice_machine`. Amounts are
fen; dates are text in China Standard Time.

Invariants: one owner books it; what is reversed never exceeds the invoice, in net and in tax; the tax is that
of the lines, to a fen a line; a month's figures are its invoices' sums; a financing consents to reversals.

    quota          the quota of a taxpayer
    sale           the sale and its invoice
    reimbursement  received, handed in, booked, paid back
    reversal       red letters, voids, pledges
"""

from chapters.quota import apply_quota, grant, refuse_quota, revoke_quota
from chapters.sale import (
    agree,
    cancel,
    issue,
    prepare_price,
    issue_from_payment,
    record_price,
    stamp,
)
from chapters.reimbursement import (
    receive,
    submit_reimbursement,
    recall,
    decline,
    book,
    unlock,
    prepare_reimbursement,
    record_reimbursement,
)
from chapters.reversal import (
    red_letter,
    red_letter_full,
    void,
    pledge,
    link_claim,
    consent_to_reversal,
    order_reversal,
    release_pledge,
)

from rules.einvoice_books import period_of
from rules.einvoice_machine import EINVOICE, QUOTA
from rules.einvoice_records import (
    describe,
    describe_period,
    describe_quota,
    describe_status,
    einvoices,
    quotas,
)
from rules.instrument import load, require_sight
from rules.machine import moves_from
from rules.official_sight import is_official, require_look
from sdk import ctx, require, view


@view
def get(id: str) -> dict:
    """Its parties, its authority and a regulator see an invoice."""
    found = load(einvoices, id)
    require_sight(found.parties)
    return describe(found)


@view
def status(id: str) -> dict:
    """Every member: digest, state, stamp, and a commitment to who booked it."""
    return describe_status(load(einvoices, id))


@view
def get_quota(id: str) -> dict:
    found = load(quotas, id)
    require_sight(found.parties)
    return describe_quota(found)


@view
def period(member: str, month: str) -> dict:
    """A member's month, YYYY-MM: for itself, tax officers, regulators and its return. Code: E_NOT_PARTY."""
    if ctx.member != member and "tax" not in ctx.roles and ctx.caller != "tax_return":
        require(is_official(), "E_NOT_PARTY", "these are another member's figures")
        require_look([member])
    return describe_period(period_of(member, month))


@view
def next_steps(id: str) -> list:
    """What may happen now to an invoice, or to a quota by its number: call, who, guard, to."""
    if quotas[id] is not None:
        return moves_from(QUOTA, quotas[id].state)
    return moves_from(EINVOICE, load(einvoices, id).state)
