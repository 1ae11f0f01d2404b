"""What came in, what went back, and what is set off. Table RECEIPT."""

from chapters.goods import buyer_of, seller_of
from rules.calendar import day_end_ms
from rules.dated_rules import add_business_days
from rules.instrument import arrive, enter, keep, load, today
from rules.money import is_amount
from rules.settlement import fix, prove
from rules.trade_account_machine import (
    ACCOUNT,
    PAY_BUSINESS_DAYS,
    PROOF_MARGIN_MS,
    RECEIPT,
    RECEIPTS_MAX,
)
from rules.trade_account_records import (
    Netted,
    NettingProposed,
    Receipt,
    ReceiptLapsed,
    ReceiptPrepared,
    ReceiptRecorded,
    Refunded,
    RefundPrepared,
    accounts,
    alert,
    count,
    describe_receipt,
    money_of,
    receipts,
    room_of,
    state_now,
)
from rules.trade_checks import waterfall
from sdk import call, ctx, export, require


@export
def prepare_receipt(id: str, amount_fen: int, salt: bytes, expected_version: int = 0) -> dict:
    """Fix how the buyer's next payment is divided: banks that financed first, the rest to the seller.

    Returns the parts, each with payee, amount and reference; one payment with that many outputs serves them
    all. Codes: E_OVER_RECEIPT, E_WATERFALL, E_LIMIT, E_SALT, E_WALLET.
    """
    account = enter(ACCOUNT, accounts, id, "prepare_receipt", expected_version)
    require(is_amount(amount_fen), "E_AMOUNT", "a positive number of fen")
    fits = amount_fen <= room_of(account)
    require(fits, "E_OVER_RECEIPT", f"up to {room_of(account)} fen may still come")
    require(account.receipts < RECEIPTS_MAX, "E_LIMIT", "too many receipts")
    parts, rest = waterfall(amount_fen, [owed for _, owed in account.financings])
    whole = parts == [owed for _, owed in account.financings]
    require(whole, "E_WATERFALL", "what the banks are owed comes first, and as a whole")
    legs = []
    for number, owed in account.financings:
        found = call("financing", "get", number)
        legs.append((number, found["bank"], owed, found["repay_reference"]))
    account.receipts += 1
    account.waiting_fen += amount_fen
    account.financings = ()
    until = day_end_ms(add_business_days(today(), PAY_BUSINESS_DAYS))
    receipt = Receipt(
        f"{id}/{account.receipts}", id, account.parties, amount_fen, tuple(legs), rest, until,
        state="AWAITED",
    )  # fmt: skip
    if rest:
        seller = seller_of(account)
        receipt.due = fix(id, account.receipts, "", seller, rest, salt, until)
    keep(accounts, account, ReceiptPrepared)
    receipts[receipt.id] = receipt
    return describe_receipt(receipt)


@export
def record_receipt(id: str, number: int, proofs: list[bytes]) -> str:
    """Anyone brings a proof for each part of a receipt, in their order, all or nothing; returns the account's
    state.

    An empty proof stands for a financing that was repaid by a call of its own: then the account's bank brings
    it. More than was fixed makes the account OVERPAID. Codes: E_PROOFS, E_UNPAID, E_PROOF_…
    """
    account = enter(ACCOUNT, accounts, id, "record_receipt")
    receipt = enter(RECEIPT, receipts, f"{id}/{number}", "record_receipt")
    wanted = len(receipt.parts) + (1 if receipt.due else 0)
    require(len(proofs) == wanted, "E_PROOFS", f"{wanted} proofs, one for each part")
    for i in range(len(receipt.parts)):
        if proofs[i]:
            call("financing", "repay", receipt.parts[i][0], proofs[i])
        else:
            vouched = ctx.member == account.parties["bank"] and "financier" in ctx.roles
            require(vouched, "E_NOT_PARTY", "the bank says that the buyer repaid it")
            state = call("financing", "get", receipt.parts[i][0])["state"]
            require(state == "REPAID", "E_UNPAID", "the financing is not repaid")
    came = receipt.amount_fen
    if receipt.due:
        paid = prove(receipt.due, proofs[-1])
        came += paid["over_fen"]
        if paid["payer"] != call("dcep", "wallet_of", buyer_of(account), paid["time_ms"]):
            alert(account, "THIRD_PARTY", receipt.id)
    account.waiting_fen -= receipt.amount_fen
    account.received_fen += came
    count(account, 0, 0, came)
    arrive(ACCOUNT, account, "record_receipt", state_now(account))
    receipts[receipt.id] = receipt
    return keep(accounts, account, ReceiptRecorded)


@export
def lapse_receipt(id: str, number: int) -> str:
    """Nobody paid in time: what was fixed may be fixed anew."""
    receipt = enter(RECEIPT, receipts, f"{id}/{number}", "lapse_receipt")
    over = receipt.until_ms + PROOF_MARGIN_MS
    require(ctx.time > over, "E_TOO_EARLY", "it may still be paid or proven")
    account = load(accounts, id)
    account.waiting_fen -= receipt.amount_fen
    account.financings = account.financings + tuple((p[0], p[2]) for p in receipt.parts)
    account.version += 1
    accounts[id] = account
    return keep(receipts, receipt, ReceiptLapsed)


@export
def prepare_refund(id: str, amount_fen: int, salt: bytes, expected_version: int = 0) -> bytes:
    """The seller gives back what came too much, or for goods returned. Codes: E_AMOUNT, E_PREPARED,
    E_WALLET."""
    account = enter(ACCOUNT, accounts, id, "prepare_refund", expected_version)
    require(account.refund is None, "E_PREPARED", "a refund is fixed already")
    require(ctx.member == seller_of(account), "E_NOT_PARTY", "who was paid gives back")
    back = account.received_fen - account.refunded_fen
    require(is_amount(amount_fen) and amount_fen <= back, "E_AMOUNT", "up to what came")
    account.refunds += 1
    instalment = RECEIPTS_MAX + account.refunds
    account.refund = fix(
        id, instalment, ctx.member, buyer_of(account), amount_fen, salt
    )  # fmt: skip
    keep(accounts, account, RefundPrepared)
    return account.refund.reference


@export
def record_refund(id: str, proof: bytes) -> str:
    account = enter(ACCOUNT, accounts, id, "record_refund")
    prove(account.refund, proof)
    account.refunded_fen += account.refund.amount_fen
    count(account, 0, 0, -account.refund.amount_fen)
    account.refund = None
    arrive(ACCOUNT, account, "record_refund", state_now(account))
    return keep(accounts, account, Refunded)


@export
def propose_netting(id: str, other: str, amount_fen: int, expected_version: int = 0) -> str:
    """Ask SAFE to set a claim off against one of the other direction. Codes: E_NETTING, E_AMOUNT."""
    account = enter(ACCOUNT, accounts, id, "propose_netting", expected_version)
    check_netting(account, load(accounts, other), amount_fen)
    account.netting = (other, amount_fen)
    return keep(accounts, account, NettingProposed)


def check_netting(account, other, amount_fen: int):
    pair = other.parties["counterparty"] == account.parties["counterparty"]
    pair = pair and other.enterprise == account.enterprise
    pair = pair and other.direction != account.direction
    alive = other.state in ("DECLARED", "PARTIALLY_SETTLED", "OVERDUE", "EXPLAINED")
    require(pair and alive, "E_NETTING", "an open account of the other direction, same parties")
    fits = is_amount(amount_fen)
    for one in (account, other):
        fits = fits and amount_fen <= one.declared_fen - money_of(one) - one.waiting_fen
    require(fits, "E_AMOUNT", "no more than is declared and unpaid on both sides")


@export
def approve_netting(id: str, expected_version: int = 0) -> str:
    """Both accounts count the set-off as paid, in one step. Code: E_NETTING."""
    account = enter(ACCOUNT, accounts, id, "approve_netting", expected_version)
    require(account.netting != (), "E_NETTING", "no set-off is proposed")
    other = load(accounts, account.netting[0])
    amount_fen = account.netting[1]
    check_netting(account, other, amount_fen)
    for one in (account, other):
        one.netted_fen += amount_fen
        one.netting = ()
        arrive(ACCOUNT, one, "approve_netting", state_now(one))
    other.version += 1
    keep(accounts, other, Netted)
    return keep(accounts, account, Netted)
