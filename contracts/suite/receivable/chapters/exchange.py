"""A leaf against an asset on another channel: held for its taker until the exchange ends. State IN_EXCHANGE.

An exchange takes the place of the taker's acceptance, so a leaf goes the same two ways as without one: to whom
it was offered with an invoice, or to a bank or factor that buys it. While it is held nothing else is done to
it: neither its holder and the debtor, by a dispute or a prepayment, nor a financing can make less of what the
taker was promised. An order may freeze it; then the exchange ends when the order does.

Nobody knows yet whom the debtor owes, so no payment is fixed meanwhile; should the due date come, which needs a
channel that stood still, its creditors are late to accept and it owes no penalty for those days (Civil Code,
art. 589).
"""

from chapters.transfer import check_transferable, end_offer
from rules.exchange_end import ends_ms
from rules.persons import require_contract, require_trader
from rules.receivable_issue import require_active
from rules.receivable_machine import BUYERS, PIECE
from rules.receivable_records import (
    advance,
    change_holder,
    has_lien,
    load_credential,
    load_piece,
    pieces,
    take_title,
)
from sdk import Event, call, ctx, export, require

Held = Event("EC.Held")
Transferred = Event("EC.Transferred")


@export
def exchange_hold(leaf_id: str, number: str, taker: str) -> bool:
    """Codes: E_CALLER, E_NOT_PARTY, E_ROLE, E_STATE, E_LIEN, E_PARTY, E_KYC_EXPIRED, E_TRADE_BASIS,
    E_KYC_LEVEL, E_TERMS, E_CUT_OFF, E_WALLET, E_RULE_BLOCK, E_RULE_HOLD."""
    require_contract("exchange")
    piece = load_piece(leaf_id)
    require_trader(piece.holder, "the holder")
    is_offered = piece.state == "TRANSFER_PENDING"
    advance(PIECE, piece, "exchange_hold")
    require_active()
    require(not has_lien(piece), "E_LIEN", "a piece under a lien cannot be exchanged")
    buyer = call("party", "check_new_business", taker)
    buys = piece.offered_to == taker if is_offered else buyer["kind"] in BUYERS
    require(buys, "E_TRADE_BASIS", "for a bank or factor, or whom it is offered with an invoice")
    last_ms = check_transferable(piece, taker, buyer["kyc_level"])
    payable = call("dcep", "wallet_of", taker) != b""
    require(payable, "E_WALLET", "the taker binds a wallet first: the claim is paid into it")
    if is_offered:
        last_ms = piece.offer_until_ms
    else:
        piece.basis = ""  # of an earlier transfer
    require(ends_ms(number) < last_ms, "E_CUT_OFF", "the exchange ends before the offer or cut-off")
    piece.offered_to = taker
    piece.exchange = number
    pieces[leaf_id] = piece
    Held(leaf_id=leaf_id, to=taker, number=number, version=piece.version)
    return True


@export
def exchange_move(leaf_id: str, number: str) -> bool:
    """The leaf is the taker's. Codes: E_CALLER, E_STATE, E_EXCHANGE_TERMS."""
    piece = let_go(leaf_id, "exchange_move", number)
    previous, taker = piece.holder, piece.offered_to
    piece.offered_to = ""
    piece.financed = piece.financed or piece.basis == ""  # bought for money
    take_title(piece, load_credential(piece.ec_id).recourse)
    change_holder(piece, taker)
    Transferred(leaf_id=leaf_id, previous=previous, holder=taker, version=piece.version)
    return True


@export
def exchange_free(leaf_id: str, number: str) -> bool:
    """The leaf stays its holder's, as after a declined offer. Codes: E_CALLER, E_STATE, E_EXCHANGE_TERMS."""
    end_offer(let_go(leaf_id, "exchange_free", number))
    return True


def let_go(leaf_id: str, move: str, number: str):
    """The piece after the exchange that holds it."""
    require_contract("exchange")
    piece = load_piece(leaf_id)
    advance(PIECE, piece, move)
    require(piece.exchange == number, "E_EXCHANGE_TERMS", "another exchange holds it")
    piece.exchange = ""
    piece.owed_since_ms = ctx.time  # counts only if the due date has come
    return piece
