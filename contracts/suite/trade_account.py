"""Trade account (M8): goods declared, documents and money of one foreign trade contract, matched under
supervision.

Customs says what goods there were, the invoice registry what was invoiced, money's own ledger what was paid.
An account that waits too long must be explained, goods that come back for the same money are suspect. What a
payer sends goes first to the banks that financed the trade. What may happen stands in
`rules.trade_account_machine`.

Invariants: a declaration counts in one account; no receipt is fixed above what may still come; what came, less
what went back, is the sum of the proofs.
"""

from rules.calendar import day_end_ms, is_date, parse_date
from rules.codes import is_code, is_digest
from rules.dated_rules import add_business_days
from rules.instrument import arrive, enter, keep, load, require_step, today
from rules.machine import moves_from
from rules.money import PAYMENT_MAX, is_amount
from rules.rulebook_catalogue import authority_of
from rules.settlement import fix, prove
from rules.trade_account_machine import (
    ACCOUNT,
    DOCUMENTS_MAX,
    PAY_BUSINESS_DAYS,
    PROOF_MARGIN_MS,
    RECEIPT,
    RECEIPTS_MAX,
    TOLERANCE_BPS_MAX,
)
from rules.trade_account_records import (
    DIRECTIONS,
    Account,
    Cleared,
    Closed,
    Declared,
    DocumentAdded,
    Explained,
    FinancingLinked,
    Netted,
    NettingProposed,
    Opened,
    Overdue,
    OverdueReported,
    Receipt,
    ReceiptLapsed,
    ReceiptPrepared,
    ReceiptRecorded,
    Refunded,
    RefundPrepared,
    Suspected,
    account_of,
    accounts,
    alert,
    count,
    describe,
    describe_receipt,
    money_of,
    overdue_from,
    receipts,
    room_of,
    state_now,
    totals,
)
from rules.trade_checks import is_place, most_of, waterfall
from sdk import call, ctx, export, require, view

INCOTERMS = ("EXW", "FCA", "FAS", "FOB", "CFR", "CIF", "CPT", "CIP", "DAP", "DPU", "DDP")


def seller_of(account) -> str:
    return account.parties["enterprise" if account.direction == "export" else "counterparty"]


def buyer_of(account) -> str:
    return account.parties["counterparty" if account.direction == "export" else "enterprise"]


def require_room(records: tuple):
    require(len(records) < DOCUMENTS_MAX, "E_LIMIT", "an account holds 64 of them")


@export
def open(
    id: str, direction: str, counterparty: str, bank: str, safe: str, contract: str, incoterm: str,
    expected_fen: int, expected_date: str, tolerance_bps: int = 0,
) -> str:  # fmt: skip
    """The enterprise puts a contract under supervision at its bank. contract: digest.

    Codes: E_NOT_PARTY, E_CODE, E_DUPLICATE, E_AUTHORITY, E_SELF, E_PARTY, E_KYC_EXPIRED, E_ROLE, E_DIGEST,
    E_AMOUNT, E_DATE, E_TOLERANCE.
    """
    parts = {"enterprise": ctx.member, "counterparty": counterparty, "bank": bank, "safe": safe}
    require_step(ACCOUNT, "-", "open", parts)
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(accounts[id] is None, "E_DUPLICATE", "this number is taken")
    known = direction in DIRECTIONS and incoterm in INCOTERMS
    require(known, "E_CODE", "export or import, and a term of Incoterms 2020")
    require(authority_of(safe) == "SAFE", "E_AUTHORITY", "SAFE supervises the account")
    require(counterparty != ctx.member, "E_SELF", "nobody trades with himself")
    call("party", "check_new_business", ctx.member)
    call("party", "check_member", counterparty)
    require(call("party", "check_member", bank)["kind"] == "bank", "E_ROLE", "a bank keeps it")
    require(is_digest(contract), "E_DIGEST", "a contract is a digest: 64 hex digits")
    require(account_of[(ctx.member, contract)] == "", "E_DUPLICATE", "it has an account")
    fits = is_amount(expected_fen) and expected_fen <= PAYMENT_MAX
    require(fits, "E_AMOUNT", "1 to 2^53 - 1 fen")
    ahead = is_date(expected_date) and parse_date(expected_date) >= today()
    require(ahead, "E_DATE", "the expected date lies ahead")
    require(0 <= tolerance_bps <= TOLERANCE_BPS_MAX, "E_TOLERANCE", "up to 10 %")
    account_of[(ctx.member, contract)] = id
    account = Account(
        id, parts, ctx.member, safe, direction, incoterm, contract, expected_fen, expected_date,
        tolerance_bps, state="OPENED",
    )  # fmt: skip
    count(account, 1, 0, 0)
    return keep(accounts, account, Opened)


# ---- goods and documents -------------------------------------------------------------------------


@export
def declare(
    id: str, declaration: str, amount: int, currency: str, hs: str, quantity: int, origin: str,
    destination: str, expected_version: int = 0,
) -> str:  # fmt: skip
    """Count goods that customs has cleared. amount: minor units of the currency declared.

    Goods that lately came the other way make the account SUSPECT. Codes: E_AMOUNT, E_LIMIT; of
    `declared_goods`: E_CODE, E_DUPLICATE, E_HOLD, E_CUSTOMS.
    """
    account = enter(ACCOUNT, accounts, id, "declare", expected_version)
    require_room(account.declarations)
    uscc = call("party", "get", account.enterprise)["uscc"]
    parts = {"enterprise": account.enterprise, "seller": seller_of(account),
             "buyer": buyer_of(account), "safe": account.safe}  # fmt: skip
    what = {"amount": amount, "currency": currency, "hs": hs, "quantity": quantity,
            "origin": origin, "destination": destination}  # fmt: skip
    found = call("declared_goods", "record", declaration, id, uscc, parts, what)
    account.declared_fen += found["value_fen"]
    most = most_of(account.expected_fen, account.tolerance_bps)
    require(account.declared_fen <= most, "E_AMOUNT", "more than the contract's amount")
    account.declarations = (*account.declarations, declaration)
    account.routes = (*account.routes, (origin, destination))
    if found["is_price_odd"]:
        alert(account, "PRICE", declaration)
    count(account, 0, found["value_fen"], 0)
    state = state_now(account)
    if found["circular"]:
        alert(account, "CIRCULAR", found["circular"])
        state = "SUSPECT"
    arrive(ACCOUNT, account, "declare", state)
    return keep(accounts, account, Declared)


@export
def add_invoice(id: str, document: str, expected_version: int = 0) -> str:
    """Count an invoice that the seller has lodged. Codes: E_NOT_FOUND, E_TRADE_BASIS, E_DUPLICATE,
    E_CURRENCY."""
    account = enter(ACCOUNT, accounts, id, "add_invoice", expected_version)
    require_room(account.invoices)
    require(document not in account.invoices, "E_DUPLICATE", "it is counted already")
    found = call("invoice_registry", "get_document", document, seller_of(account))
    between = found["kind"] == "invoice" and found["buyer"] == buyer_of(account)
    require(between, "E_TRADE_BASIS", "no invoice from this seller to this buyer")
    require(found["currency"] == "CNY", "E_CURRENCY", "invoices are matched in CNY")
    account.invoices = (*account.invoices, document)
    account.invoiced_fen += found["amount_fen"]
    return keep(accounts, account, DocumentAdded)


@export
def add_transport(
    id: str, document: str, consignor: str, consignee: str, origin: str, destination: str,
    expected_version: int = 0,
) -> str:  # fmt: skip
    """A transport document by its digest; other names or ports than the account's are alerts, no refusals."""
    account = enter(ACCOUNT, accounts, id, "add_transport", expected_version)
    require_room(account.transports)
    require(is_digest(document), "E_DIGEST", "a document is a digest: 64 hex digits")
    require(document not in account.transports, "E_DUPLICATE", "it is counted already")
    require(is_place(origin) and is_place(destination), "E_CODE", "a port is a UN/LOCODE")
    account.transports = (*account.transports, document)
    if (consignor, consignee) != (seller_of(account), buyer_of(account)):
        alert(account, "NAME", document)
    if account.routes and (origin, destination) not in account.routes:
        alert(account, "ROUTE", document)
    return keep(accounts, account, DocumentAdded)


@export
def link_financing(id: str, request_id: str, expected_version: int = 0) -> str:
    """The account's bank registers its advance on an invoice: the next receipt repays it first.

    Codes: E_DUPLICATE, E_TRADE_BASIS, E_LIMIT.
    """
    account = enter(ACCOUNT, accounts, id, "link_financing", expected_version)
    linked = [number for number, _ in account.financings]
    require(request_id not in linked, "E_DUPLICATE", "it is linked already")
    require_room(account.financings)
    found = call("financing", "get", request_id)
    ours = found["borrower"] == seller_of(account) and found["document"] in account.invoices
    ours = ours and found["bank"] == ctx.member and found["state"] == "DISBURSED"
    require(ours, "E_TRADE_BASIS", "no advance of this bank, paid out on this account's invoices")
    owed = found["principal_fen"] + found["interest_fen"]
    account.financings = (*account.financings, (request_id, owed))
    return keep(accounts, account, FinancingLinked)


# ---- money ---------------------------------------------------------------------------------------


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


# ---- supervision ---------------------------------------------------------------------------------


@export
def mark_overdue(id: str) -> str:
    account = enter(ACCOUNT, accounts, id, "mark_overdue")
    require(today() >= overdue_from(account), "E_TOO_EARLY", "the days after the date are not over")
    return keep(accounts, account, Overdue)


@export
def report_overdue(id: str, report: str, until: str, expected_version: int = 0) -> str:
    """The enterprise explains, and says when the rest will come. report: digest. Codes: E_DIGEST, E_DATE."""
    account = enter(ACCOUNT, accounts, id, "report_overdue", expected_version)
    require(is_digest(report), "E_DIGEST", "a report is a digest: 64 hex digits")
    ahead = is_date(until) and parse_date(until) > today()
    require(ahead, "E_DATE", "the new date lies ahead")
    account.report = (report, until)
    return keep(accounts, account, OverdueReported)


@export
def accept_report(id: str, expected_version: int = 0) -> str:
    account = enter(ACCOUNT, accounts, id, "accept_report", expected_version)
    require(account.report != (), "E_NO_REPORT", "the enterprise has not reported")
    account.extended_to = account.report[1]
    account.report = ()
    return keep(accounts, account, Explained)


def judge(account, decision: str, is_suspect: bool):
    require(is_digest(decision), "E_DIGEST", "a decision is a digest: 64 hex digits")
    account.decision = decision
    for number in account.declarations:
        call("declared_goods", "set_suspect", number, is_suspect)


@export
def suspect(id: str, decision: str, expected_version: int = 0) -> str:
    """SAFE suspects the trade: nothing is fixed, no bank finances on its declarations until it is cleared."""
    account = enter(ACCOUNT, accounts, id, "suspect", expected_version)
    judge(account, decision, True)
    return keep(accounts, account, Suspected)


@export
def clear(id: str, decision: str, expected_version: int = 0) -> str:
    account = enter(ACCOUNT, accounts, id, "clear", expected_version)
    judge(account, decision, False)
    account.state = ""
    arrive(ACCOUNT, account, "clear", state_now(account))
    return keep(accounts, account, Cleared)


@export
def close(id: str, expected_version: int = 0) -> str:
    account = enter(ACCOUNT, accounts, id, "close", expected_version)
    idle = account.waiting_fen == 0 and account.refund is None and account.financings == ()
    require(idle, "E_PREPARED", "a payment waits for its proof, or a bank for its money")
    return keep(accounts, account, Closed)


# ---- views ---------------------------------------------------------------------------------------


def require_view(account):
    """The enterprise, its bank and the SAFE branch that supervises it."""
    own = ctx.member != "" and ctx.member in (account.enterprise, account.parties["bank"])
    watches = ctx.member == account.safe and "regulator" in ctx.roles
    require(own or watches, "E_NOT_PARTY", "it belongs to other members")


@view
def get(id: str) -> dict:
    account = load(accounts, id)
    require_view(account)
    return describe(account)


@view
def get_receipt(id: str, number: int) -> dict:
    """Who pays may see how to pay."""
    receipt = load(receipts, f"{id}/{number}")
    if ctx.member == "" or ctx.member != receipt.parties["counterparty"]:
        require_view(load(accounts, id))
    return describe_receipt(receipt)


@view
def list_accounts(state: str = "", after: str = "", limit: int = 50) -> list:
    """SAFE's accounts, all of a state or none named; an enterprise's own. `after`: the last number shown."""
    require(1 <= limit <= 200, "E_LIMIT", "1 to 200 a page")
    last = after or None
    if "regulator" not in ctx.roles:
        rows = accounts.by("enterprise", ctx.member, after=last, limit=limit)
        return [describe(account) for _, account in rows]
    if state:
        rows = accounts.by(("safe", "state"), ctx.member, state, after=last, limit=limit)
    else:
        start = (accounts[after].state, after) if after else None
        rows = accounts.by(("safe", "state"), ctx.member, after=start, limit=limit)
    return [describe(account) for _, account in rows]


@view
def figures() -> list:
    """Declared against received, by direction, in the asking SAFE branch's accounts."""
    require("regulator" in ctx.roles, "E_ROLE", "the authority's figures")
    return [
        {"direction": key[1], "accounts": row.accounts, "declared_fen": row.declared_fen,
         "received_fen": row.received_fen}
        for key, row in totals.scan(prefix=(ctx.member,))
    ]  # fmt: skip


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    if "/" in id:
        return moves_from(RECEIPT, load(receipts, id).state)
    return moves_from(ACCOUNT, load(accounts, id).state)
