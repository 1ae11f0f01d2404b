"""The life of an e-invoice, of its quota and of a tax return, as tables (domain/trade-finance.md 2.16).

Rows are (from, call, who, guard, to, event), read by `rules.instrument`.
"""

LINES_MAX = 64
GOODS_MAX = 64
RATE_PPM_MAX = 300000  # 30 %: no VAT of any schedule is higher
TAX_TOLERANCE_FEN = 1  # a line: rounding by lines against rounding of the total

QUOTA = (
    ("-", "apply_quota", "seller:maker", "an active party names the goods it sells", "APPLIED",
     "EInvoice.QuotaApplied"),
    ("APPLIED", "grant", "tax:tax", "a rate for each of its goods, a cap, a last day", "GRANTED",
     "EInvoice.QuotaGranted"),
    ("APPLIED", "refuse_quota", "tax:tax", "a reason", "REFUSED", "EInvoice.QuotaRefused"),
    ("GRANTED", "revoke_quota", "tax:tax", "a reason", "REVOKED", "EInvoice.QuotaRevoked"),
)  # fmt: skip

EINVOICE = (
    ("-", "agree", "seller:maker", "goods and amount within the quota, tax right to the fen a line",
     "AGREED", "EInvoice.Agreed"),
    ("AGREED", "cancel", "seller", "nothing issued yet", "CANCELLED", "EInvoice.Cancelled"),
    ("AGREED", "issue", "seller:checker", "a sale on credit; another person than the maker",
     "ISSUED", "EInvoice.Issued"),
    ("AGREED", "issue_from_payment", "anyone", "proof that the buyer paid the price agreed",
     "ISSUED", "EInvoice.IssuedFromPayment"),
    ("AGREED|ISSUED|RECEIVED|SUBMITTED|BOOKED", "prepare_price", "seller",
     "unpaid; not prepared for the same amount", "=", "EInvoice.PricePrepared"),
    ("ISSUED|RECEIVED|SUBMITTED|BOOKED", "record_price", "anyone", "proof of the price, once", "=",
     "EInvoice.PricePaid"),
    ("ISSUED|RECEIVED|SUBMITTED|BOOKED|PAID", "stamp", "anyone",
     "the tax authority's signature over the content", "=", "EInvoice.Stamped"),
    ("ISSUED", "receive", "buyer", "-", "RECEIVED", "EInvoice.Received"),
    ("RECEIVED", "submit_reimbursement", "buyer", "to one active party, which may be the buyer",
     "SUBMITTED", "EInvoice.Submitted"),
    ("SUBMITTED", "recall", "buyer", "-", "RECEIVED", "EInvoice.Recalled"),
    ("SUBMITTED", "decline", "owner", "a reason", "RECEIVED", "EInvoice.Declined"),
    ("SUBMITTED", "book", "owner:checker", "locked to this one entity", "BOOKED",
     "EInvoice.Booked"),
    ("BOOKED", "unlock", "owner:checker", "not reimbursed", "RECEIVED", "EInvoice.Unlocked"),
    ("BOOKED", "prepare_reimbursement", "owner", "owner and buyer differ; not prepared yet", "=",
     "EInvoice.ReimbursementPrepared"),
    ("BOOKED", "record_reimbursement", "anyone",
     "proof that the owner paid the buyer; of one's own invoice that the price is paid", "PAID",
     "EInvoice.Reimbursed"),
    ("ISSUED|RECEIVED|SUBMITTED", "red_letter", "seller:checker",
     "a part, reversed at most once; a financing consents", "=", "EInvoice.RedLettered"),
    ("ISSUED|RECEIVED|SUBMITTED", "red_letter_full", "seller:checker",
     "all that is left; a financing consents", "RED", "EInvoice.Reversed"),
    ("ISSUED|RECEIVED", "void", "seller:checker",
     "on the day of issue, nothing paid or reversed; a financing consents", "VOID",
     "EInvoice.Voided"),
    ("ISSUED|RECEIVED|SUBMITTED|BOOKED|PAID", "pledge", "seller:checker",
     "not pledged yet; to a bank or factor", "=", "EInvoice.Pledged"),
    ("ISSUED|RECEIVED|SUBMITTED|BOOKED|PAID", "link_claim", "financier:financier",
     "its claim in the invoice registry is open", "=", "EInvoice.ClaimLinked"),
    ("ISSUED|RECEIVED|SUBMITTED|BOOKED|PAID", "consent_to_reversal", "financier:checker",
     "up to an amount", "=", "EInvoice.ReversalConsented"),
    ("ISSUED|RECEIVED|SUBMITTED|BOOKED|PAID", "order_reversal", "tax:tax",
     "an order, up to an amount", "=", "EInvoice.ReversalOrdered"),
    ("ISSUED|RECEIVED|SUBMITTED|BOOKED|PAID", "release_pledge", "financier:checker",
     "-", "=", "EInvoice.PledgeReleased"),
)  # fmt: skip

TAX_RETURN = (
    ("-", "declare", "taxpayer:checker", "the month is over, the figures are the ledger's",
     "DECLARED", "TaxReturn.Declared"),
    ("DECLARED", "assess", "tax:tax", "-", "ASSESSED", "TaxReturn.Assessed"),
    ("ASSESSED", "prepare_tax", "taxpayer", "tax is due; not prepared yet", "=",
     "TaxReturn.PaymentPrepared"),
    ("ASSESSED", "record_tax", "anyone", "proof that the taxpayer paid the authority", "PAID",
     "TaxReturn.Paid"),
)  # fmt: skip
