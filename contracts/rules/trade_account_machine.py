"""The life of a supervised trade account, of a receipt and of declared goods, as tables
(domain/trade-finance.md 2.11; SAFE's rules on trade in goods).

Rows are (from, call, who, guard, to, event), read by `rules.instrument`. Where a row leads to several states
the figures decide: `rules.trade_account_records.standing`.
"""

TOLERANCE_BPS_MAX = 1000  # 10 %
DOCUMENTS_MAX = 64
RECEIPTS_MAX = 400
PAY_BUSINESS_DAYS = 10  # to make a payment whose reference is fixed
PROOF_MARGIN_MS = 86400000  # a payment made in time may be proven one day later
BANKS_MAX = 8  # banks that share the financing of one declaration
OPEN = "OPENED|DECLARED|PARTIALLY_SETTLED|SETTLED|OVERDUE|EXPLAINED"
BY_FIGURES = "DECLARED|PARTIALLY_SETTLED|SETTLED|OVERPAID|NETTED|REFUNDED|OVERDUE|EXPLAINED"

ACCOUNT = (
    ("-", "open", "enterprise:maker", "parties active, an amount and a date are expected", "OPENED",
     "Trade.Opened"),
    ("OPENED|DECLARED|PARTIALLY_SETTLED|SETTLED|OVERDUE|EXPLAINED", "declare", "enterprise:maker",
     "customs has cleared these goods, no account has them yet",
     "DECLARED|PARTIALLY_SETTLED|SETTLED|OVERPAID|OVERDUE|EXPLAINED|SUSPECT", "Trade.Declared"),
    ("OPENED|DECLARED|PARTIALLY_SETTLED|SETTLED|OVERDUE|EXPLAINED", "add_invoice", "enterprise",
     "lodged in the invoice registry, between these two", "=", "Trade.DocumentAdded"),
    ("OPENED|DECLARED|PARTIALLY_SETTLED|SETTLED|OVERDUE|EXPLAINED", "add_transport", "enterprise, bank",
     "names and ports that differ are alerts", "=", "Trade.DocumentAdded"),
    ("OPENED|DECLARED|PARTIALLY_SETTLED|OVERDUE|EXPLAINED", "link_financing", "bank:financier",
     "it is paid out against an invoice of the account", "=", "Trade.FinancingLinked"),
    ("OPENED|DECLARED|PARTIALLY_SETTLED|OVERDUE|EXPLAINED", "prepare_receipt",
     "enterprise, bank, counterparty", "within what may still come, what banks are owed comes first",
     "=", "Trade.ReceiptPrepared"),
    ("OPENED|DECLARED|PARTIALLY_SETTLED|SETTLED|OVERDUE|EXPLAINED|OVERPAID|SUSPECT|NETTED|REFUNDED",
     "record_receipt", "anyone", "a proof for each part of the receipt",
     "PARTIALLY_SETTLED|SETTLED|OVERPAID|OVERDUE|EXPLAINED|SUSPECT|NETTED|REFUNDED",
     "Trade.ReceiptRecorded"),
    ("DECLARED|PARTIALLY_SETTLED|EXPLAINED", "mark_overdue", "anyone",
     "the days of window:trade-account after the expected date are over", "OVERDUE",
     "Trade.Overdue"),
    ("OVERDUE", "report_overdue", "enterprise:checker", "a report and a new date", "=",
     "Trade.OverdueReported"),
    ("OVERDUE", "accept_report", "safe:regulator", "the enterprise has reported", "EXPLAINED",
     "Trade.Explained"),
    ("OPENED|DECLARED|PARTIALLY_SETTLED|SETTLED|OVERDUE|EXPLAINED|OVERPAID", "suspect",
     "safe:regulator", "a decision", "SUSPECT", "Trade.Suspected"),
    ("SUSPECT", "clear", "safe:regulator", "a decision",
     "OPENED|DECLARED|PARTIALLY_SETTLED|SETTLED|OVERPAID|NETTED|REFUNDED", "Trade.Cleared"),
    ("DECLARED|PARTIALLY_SETTLED|OVERDUE|EXPLAINED", "propose_netting", "enterprise:checker",
     "against an account of the other direction with the same counterparty", "=",
     "Trade.NettingProposed"),
    ("DECLARED|PARTIALLY_SETTLED|OVERDUE|EXPLAINED", "approve_netting", "safe:regulator",
     "as proposed, both accounts still have that much open",
     "NETTED|PARTIALLY_SETTLED|OVERDUE|EXPLAINED", "Trade.Netted"),
    ("PARTIALLY_SETTLED|SETTLED|OVERPAID", "prepare_refund", "enterprise, counterparty",
     "up to what came, no receipt waits", "=", "Trade.RefundPrepared"),
    ("PARTIALLY_SETTLED|SETTLED|OVERPAID|SUSPECT", "record_refund", "anyone",
     "proof that the money went back",
     "OPENED|DECLARED|PARTIALLY_SETTLED|SETTLED|OVERPAID|REFUNDED|SUSPECT", "Trade.Refunded"),
    ("OPENED|SETTLED|NETTED|REFUNDED", "close", "enterprise:checker", "no payment waits", "CLOSED",
     "Trade.Closed"),
)  # fmt: skip

RECEIPT = (
    ("-", "prepare_receipt", "enterprise, bank, counterparty", "the parts are fixed", "AWAITED",
     "Trade.ReceiptPrepared"),
    ("AWAITED", "record_receipt", "anyone", "a proof for each part", "RECEIVED",
     "Trade.ReceiptRecorded"),
    ("AWAITED", "lapse_receipt", "anyone", "the days to pay and to prove it are over", "LAPSED",
     "Trade.ReceiptLapsed"),
)  # fmt: skip

GOODS = (
    ("-", "record", "@trade_account", "customs has cleared them", "FREE", "Goods.Recorded"),
    ("FREE", "open_to", "enterprise:checker", "a set of banks that may finance together", "=",
     "Goods.OpenedTo"),
    ("FREE|IN_USE", "use", "any:financier, @cross_border",
     "a bank of the set, within the declared value, not suspect", "IN_USE", "Goods.Used"),
    ("IN_USE", "free", "any:financier, @cross_border", "by the bank that used them",
     "FREE|IN_USE", "Goods.Freed"),
)  # fmt: skip
