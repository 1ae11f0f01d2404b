"""Commercial bill (M6): drawn, accepted, endorsed without a gap, discounted, presented, paid or claimed back.

A bill moves whole; who wants to hand on a part splits it first (Negotiable Instruments Act, BA, art. 33). When
what may happen: `rules.bill_machine`. Amounts are fen; dates are text in China Standard Time.

Invariants: the pieces of a split add up; the chain of signatures has no gap and ends at the holder; a bill is
paid once; a recourse goes back along the chain only.

    title     drawn, accepted, split, endorsed, pledged
    discount  discount and rediscount
    payment   presented, paid, recourse
    exchange  an endorsement against an asset on another channel
"""

from chapters.title import (
    draw,
    cancel,
    accept,
    split,
    offer_endorsement,
    sign_endorsement,
    recall_endorsement,
    pledge,
    release_pledge,
)
from chapters.discount import (
    ask_discount,
    offer_discount,
    take_discount,
    end_discount,
    settle_discount,
    pool,
    unpool,
    rediscounted,
)
from chapters.exchange import exchange_hold, exchange_move, exchange_free
from chapters.payment import (
    present,
    prepare_payment,
    record_payment,
    dishonour,
    claim_recourse,
    drop_recourse,
    prepare_recourse,
    record_recourse,
)

from rules.bill_machine import BILL
from rules.bill_records import bills, describe, require_sight
from rules.instrument import load
from rules.machine import moves_from
from sdk import view


@view
def get(id: str) -> dict:
    """Everybody who signed, whoever it is offered to and the regulator see a bill."""
    bill = load(bills, id)
    require_sight(bill)
    return describe(bill)


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(BILL, load(bills, id).state)
