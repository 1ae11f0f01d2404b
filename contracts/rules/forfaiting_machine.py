"""The life of a forfaiting deal and of a later sale of it, as tables (domain/trade-finance.md 2.6; URF 800).

Rows are (from, call, who, guard, to, event), read by `rules.instrument`.
"""

QUOTES_MAX = 20
QUOTE_VALID_MS_MAX = 172800000  # a quote stands at most 48 hours
REVIEW_BUSINESS_DAYS = 3  # for the documents; silence takes them as satisfactory
IMMEDIATE_BUSINESS_DAYS = 10  # "immediately available": this many business days after the trade
GRACE_DAYS_MAX = 30
RATE_PPM_MAX = 240000  # 24 % a year
TITLES_MAX = 16  # holders one after another
DOCUMENTS_MAX = 20

DEAL = (
    ("-", "enquire", "seller", "the claim is not offered elsewhere, parties active", "ENQUIRED",
     "Forfaiting.Enquired"),
    ("ENQUIRED|QUOTED", "quote", "any:financier", "a bank or factor; rate, grace, dates in range",
     "QUOTED", "Forfaiting.Quoted"),
    ("QUOTED", "trade", "seller", "the quote still stands", "TRADED", "Forfaiting.Traded"),
    ("ENQUIRED|QUOTED", "withdraw", "seller", "-", "WITHDRAWN", "Forfaiting.Withdrawn"),
    ("TRADED|CURE", "deliver_documents", "seller", "until the availability date", "DELIVERED",
     "Forfaiting.DocumentsDelivered"),
    ("DELIVERED", "accept_documents", "forfaiter:checker", "-", "SATISFIED",
     "Forfaiting.DocumentsSatisfactory"),
    ("DELIVERED", "refuse_documents", "forfaiter:checker", "reasons, within 3 business days",
     "CURE", "Forfaiting.DocumentsUnsatisfactory"),
    ("DELIVERED", "review_over", "anyone", "3 business days without an answer", "SATISFIED",
     "Forfaiting.DocumentsSatisfactory"),
    ("TRADED|CURE", "lapse", "anyone", "the availability date has passed", "TERMINATED",
     "Forfaiting.Terminated"),
    ("SATISFIED", "reserve", "forfaiter:checker", "a named condition and its last day", "=",
     "Forfaiting.ReserveNamed"),
    ("SATISFIED", "prepare_settlement", "forfaiter", "reference not fixed yet", "=",
     "Forfaiting.SettlementPrepared"),
    ("SATISFIED", "not_paid", "seller", "settlement date and the margin for a proof have passed",
     "TERMINATED", "Forfaiting.Terminated"),
    ("SATISFIED", "settle", "anyone", "proof of the net amount", "SETTLED", "Forfaiting.Settled"),
    ("SATISFIED", "settle_under_reserve", "anyone", "a reserve is named; proof of the net amount",
     "RESERVED", "Forfaiting.PaidUnderReserve"),
    ("RESERVED", "lift_reserve", "forfaiter:checker", "the condition is met", "SETTLED",
     "Forfaiting.Settled"),
    ("RESERVED", "reserve_over", "anyone", "the condition's last day has passed", "REFUND_DUE",
     "Forfaiting.RefundDue"),
    ("REFUND_DUE", "prepare_refund", "seller", "reference not fixed yet", "=",
     "Forfaiting.RefundPrepared"),
    ("REFUND_DUE", "refund", "anyone", "proof that the seller paid back", "REFUNDED",
     "Forfaiting.Refunded"),
    ("SETTLED", "offer_sale", "holder:checker", "not offered to another, room in the chain", "=",
     "Forfaiting.SaleOffered"),
    ("SETTLED|DEFAULTED", "prepare_maturity", "obligor", "from the maturity on", "=",
     "Forfaiting.MaturityPrepared"),
    ("SETTLED|DEFAULTED", "record_maturity", "anyone", "proof of the face paid to the holder",
     "PAID", "Forfaiting.Paid"),
    ("SETTLED", "obligor_default", "holder", "maturity and grace have passed: a claim on the obligor",
     "DEFAULTED", "Forfaiting.ObligorDefaulted"),
    ("SETTLED|DEFAULTED", "find_breach", "any:arbiter",
     "an award that the claim was not valid: the only way back to the seller", "REFUND_DUE",
     "Forfaiting.ValidityBreach"),
)  # fmt: skip

SALE = (
    ("OFFERED", "confirm_sale", "buyer:checker", "the holder has not changed", "CONFIRMED",
     "Forfaiting.SaleConfirmed"),
    ("OFFERED", "recall_sale", "holder", "-", "RECALLED", "Forfaiting.SaleRecalled"),
    ("OFFERED|CONFIRMED", "lapse_sale", "anyone", "the settlement date has passed", "LAPSED",
     "Forfaiting.SaleLapsed"),
    ("CONFIRMED", "prepare_sale", "buyer", "reference not fixed yet", "=",
     "Forfaiting.SalePrepared"),
    ("CONFIRMED", "settle_sale", "anyone", "proof of the price", "SETTLED", "Forfaiting.Sold"),
)  # fmt: skip
