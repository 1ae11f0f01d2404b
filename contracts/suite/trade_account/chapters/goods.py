"""The account, the goods that customs saw, and the papers of one trade. Table ACCOUNT."""

from rules.calendar import is_date, parse_date
from rules.codes import is_code, is_digest
from rules.instrument import arrive, enter, keep, require_step, today
from rules.money import PAYMENT_MAX, is_amount
from rules.rulebook_catalogue import authority_of
from rules.trade_account_machine import ACCOUNT, DOCUMENTS_MAX, TOLERANCE_BPS_MAX
from rules.trade_account_records import (
    DIRECTIONS,
    Account,
    Declared,
    DocumentAdded,
    FinancingLinked,
    Opened,
    account_of,
    accounts,
    alert,
    count,
    state_now,
)
from rules.trade_checks import is_place, most_of
from sdk import call, ctx, export, require

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
