"""An endorsement that an exchange with another channel signs or recalls in the endorsee's place. Table BILL.

The endorsee was offered the bill with the trade beneath. While the exchange holds it nobody recalls, splits,
pledges, discounts or presents it.
"""

from chapters.title import recalled
from rules.bill_machine import BILL
from rules.bill_records import Endorsed, Held, bills, hand_over
from rules.calendar import day_end_ms, parse_date
from rules.exchange_end import ends_ms
from rules.instrument import enter, keep
from sdk import ctx, export, require


@export
def exchange_hold(id: str, number: str, taker: str) -> bool:
    """Codes: E_STATE, E_NOT_PARTY, E_TRADE_BASIS, E_TOO_LATE."""
    bill = enter(BILL, bills, id, "exchange_hold")
    require(ctx.member == bill.parties["holder"], "E_NOT_PARTY", "its holder gives it")
    offered = taker == bill.parties["endorsee"]
    require(offered, "E_TRADE_BASIS", "offer the endorsement to the taker first")
    last_ms = day_end_ms(parse_date(bill.due_date) - 1)
    require(ends_ms(number) <= last_ms, "E_TOO_LATE", "the exchange ends before the due date")
    bill.exchange = number
    keep(bills, bill, Held)
    return True


@export
def exchange_move(id: str, number: str) -> bool:
    """The endorsee holds the bill. Code: E_EXCHANGE_TERMS."""
    bill = let_go(id, "exchange_move", number)
    hand_over(bill, bill.parties["endorsee"])
    keep(bills, bill, Endorsed)
    return True


@export
def exchange_free(id: str, number: str) -> bool:
    """Its holder goes on holding it. Code: E_EXCHANGE_TERMS."""
    recalled(let_go(id, "exchange_free", number))
    return True


def let_go(id: str, move: str, number: str):
    bill = enter(BILL, bills, id, move)
    require(bill.exchange == number, "E_EXCHANGE_TERMS", "another exchange holds it")
    bill.exchange = ""
    return bill
