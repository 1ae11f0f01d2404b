"""Forfaiting (M3): an exporter sells a bank's deferred payment undertaking once, without recourse (URF 800).

enquire → quote → trade → documents → settle against a DC/EP proof; then the claim changes hands in a secondary
market and the obligor pays whoever holds it at maturity. When what may happen: `rules.forfaiting_machine`.

Invariants: one claim stands in one deal; one chain of title; anybody can compute the discount again; after
settlement the seller owes nothing unless an award finds that the claim was not valid.

    deal     the claim is offered, quoted, bought; its documents
    payment  the price, reserves, maturity, breach
    market   the claim is sold on
"""

from chapters.deal import (
    enquire,
    quote,
    trade,
    withdraw,
    deliver_documents,
    accept_documents,
    refuse_documents,
    review_over,
    lapse,
)
from chapters.payment import (
    reserve,
    prepare_settlement,
    not_paid,
    settle,
    settle_under_reserve,
    lift_reserve,
    reserve_over,
    prepare_refund,
    refund,
    prepare_maturity,
    record_maturity,
    obligor_default,
    find_breach,
)
from chapters.market import (
    offer_sale,
    confirm_sale,
    recall_sale,
    lapse_sale,
    prepare_sale,
    settle_sale,
)

from rules.forfaiting_machine import DEAL, SALE
from rules.forfaiting_records import deals, describe, describe_sale, quotes, sales
from rules.instrument import load, require_sight
from rules.machine import moves_from
from rules.official_sight import is_official, require_look
from sdk import ctx, view


@view
def get(id: str) -> dict:
    """The parties, every holder and the regulator see a deal, and a sale by its number (FF-1/1)."""
    if "/" in id:
        sale = load(sales, id)
        require_sight(sale.parties)
        return describe_sale(sale)
    deal = load(deals, id)
    asked = deal.state in ("ENQUIRED", "QUOTED") and "financier" in ctx.roles
    if not asked:
        require_sight(deal.parties)
    return describe(deal)


@view
def list_quotes(id: str) -> list:
    """The seller sees every quote, a bank its own."""
    deal = load(deals, id)
    everything = ctx.member == deal.parties["seller"] or is_official()
    if is_official():
        require_look(list(deal.parties.values()))
    found = [quotes[(id, number)] for number in range(1, deal.quotes + 1)]
    return [
        {
            "number": offer.number,
            "bank": offer.bank,
            "method": offer.method,
            "rate_ppm": offer.rate_ppm,
            "grace_days": offer.grace_days,
            "settlement": offer.settlement,
            "until_ms": offer.until_ms,
        }
        for offer in found
        if everything or offer.bank == ctx.member
    ]


@view
def next_steps(id: str) -> list:
    """What may happen now to a deal or a sale: call, who, guard, to."""
    if "/" in id:
        return moves_from(SALE, load(sales, id).state)
    return moves_from(DEAL, load(deals, id).state)
