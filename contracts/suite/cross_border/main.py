"""Cross-border financing (M9): money from the other side of the border, filed, within the quota, repaid by
proof.

request → quote → accept_quote → file → hold_quota → disburse → repay → release_quota. Products and what each
rests on stand in `rules.cross_border_machine` with all that may happen. With two factors (GRIF) the lender is
the export factor and the import factor takes the buyer's risk: it pays 90 days after the due date unless
there is a dispute.

Invariants: one basis carries one financing; nothing is paid out without a place in the quota; the place is
given back only when nothing is owed.

    request  request, quote, filing, quota
    money    payout, repayment, the quota given back
    default  overdue, cover, dispute, recourse
"""

from chapters.request import (
    request,
    quote,
    accept_quote,
    approve_cover,
    file,
    return_filing,
    acknowledge,
    hold_quota,
)
from chapters.money import (
    prepare_payout,
    disburse,
    timeout,
    withdraw,
    decline,
    report_sale,
    prepare_repayment,
    repay,
    release_quota,
)
from chapters.default import (
    mark_overdue,
    dispute,
    settle_dispute,
    call_cover,
    take_recourse,
    write_off,
)

from rules.cross_border_machine import CROSS, PRODUCTS
from rules.cross_border_records import describe, financings, quotes
from rules.instrument import load
from rules.machine import moves_from
from rules.rulebook_catalogue import authority_of
from sdk import ctx, require, view


def require_view(cross):
    """Its parties; banks while it is open for quotes; the SAFE branch that has the filing, and PBC."""
    own = ctx.member != "" and ctx.member in cross.parties.values()
    if own and ctx.member == cross.parties["safe"]:
        own = "regulator" in ctx.roles
    asked = cross.parties["lender"] == "" and "financier" in ctx.roles
    watches = "regulator" in ctx.roles and authority_of(ctx.member) == "PBC"
    require(own or asked or watches, "E_NOT_PARTY", "it belongs to other members")


@view
def get(id: str) -> dict:
    cross = load(financings, id)
    require_view(cross)
    return describe(cross)


@view
def list_quotes(id: str) -> list:
    """The borrower sees every quote, a bank its own."""
    cross = load(financings, id)
    offers = [quotes[(id, number)] for number in range(1, cross.quotes + 1)]
    return [
        {"number": one.number, "bank": one.bank, "rate_ppm": one.rate_ppm,
         "principal": one.principal, "until_ms": one.until_ms}
        for one in offers
        if ctx.member in (cross.parties["borrower"], one.bank)
    ]  # fmt: skip


@view
def products() -> list:
    return [
        {"name": row[0], "rests_on": row[1], "most_bps": row[2], "most_days": row[3],
         "with_recourse": row[4], "two_factors": row[5]}
        for row in PRODUCTS
    ]  # fmt: skip


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(CROSS, load(financings, id).state)
