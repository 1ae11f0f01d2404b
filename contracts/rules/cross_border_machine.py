"""The life of a cross-border financing, of its place in the quota and of a consent to the bridge, as tables.

domain/trade-finance.md 2.12: the states of a financing (2.5) and the regulator's; PBoC 2017 No. 9 for the
quota; GRIF for two factors. Rows are (from, call, who, guard, to, event), read by `rules.instrument`.
"""

RATE_PPM_MAX = 240000  # 24 % a year
QUOTES_MAX = 40
QUOTES_PER_BANK = 3
QUOTE_VALID_MS_MAX = 172800000  # 48 hours
FILING_BUSINESS_DAYS = 3  # a filing comes so many days before the money
PAY_BUSINESS_DAYS = 5
PROOF_MARGIN_MS = 86400000  # a payment made in time may be proven one day later
COVER_DAYS = 90  # the import factor pays so many days after the due date

# name, what it rests on, most of its worth (bps), most days, with recourse, two factors; it rests on
# "beneficiary", "applicant": a credit in which the borrower is that
# "declaration": goods that the borrower has declared for export
# "guarantee": a guarantee in the lender's favour, on the borrower's instructions
PRODUCTS = (
    ("packing-loan", "beneficiary", 8000, 180, True, False),
    ("export-bill", "beneficiary", 10000, 180, True, False),
    ("import-bill", "applicant", 10000, 180, True, False),
    ("trust-receipt", "applicant", 10000, 120, True, False),
    ("export-factoring", "declaration", 8000, 180, True, True),
    ("asset-transfer", "declaration", 10000, 366, False, False),
    ("guaranteed-loan", "guarantee", 10000, 1826, True, False),
)  # fmt: skip

CROSS = (
    ("-", "request", "borrower:maker", "the basis exists and carries no other financing, consent",
     "REQUESTED", "Cross.Requested"),
    ("REQUESTED|QUOTED", "quote", "any:financier",
     "a bank or factor on the other side of the border, principal within the product's share",
     "QUOTED", "Cross.Quoted"),
    ("QUOTED", "accept_quote", "borrower:checker", "the quote still stands", "ACCEPTED",
     "Cross.QuoteAccepted"),
    ("ACCEPTED", "approve_cover", "factor:checker",
     "two factors: the import factor takes the buyer's risk for the principal", "=",
     "Cross.CoverApproved"),
    ("ACCEPTED", "file", "borrower, lender", "cover approved where two factors need it",
     "REGULATORY_FILED", "Cross.Filed"),
    ("REGULATORY_FILED", "return_filing", "safe:regulator", "reasons", "ACCEPTED",
     "Cross.FilingReturned"),
    ("REGULATORY_FILED", "acknowledge", "safe:regulator", "-", "=", "Cross.FilingAcknowledged"),
    ("REGULATORY_FILED", "hold_quota", "lender:financier",
     "acknowledged or 3 business days old, the quota has room", "QUOTA_HELD", "Cross.QuotaHeld"),
    ("QUOTA_HELD", "prepare_payout", "lender", "reference not fixed yet", "=",
     "Cross.PayoutPrepared"),
    ("QUOTA_HELD", "disburse", "anyone", "proof of the payout", "DISBURSED", "Cross.Disbursed"),
    ("QUOTA_HELD", "timeout", "anyone", "the days to pay and to prove it are over", "LAPSED",
     "Cross.Lapsed"),
    ("REQUESTED|QUOTED|ACCEPTED|REGULATORY_FILED", "withdraw", "borrower", "-", "WITHDRAWN",
     "Cross.Withdrawn"),
    ("ACCEPTED|REGULATORY_FILED", "decline", "lender", "a reason", "DECLINED", "Cross.Declined"),
    ("DISBURSED", "report_sale", "borrower", "goods held in trust were sold", "=",
     "Cross.SaleReported"),
    ("DISBURSED|OVERDUE|RECOURSE|COVER_CALLED", "prepare_repayment", "borrower, lender, factor",
     "no other repayment waits", "=", "Cross.RepaymentPrepared"),
    ("DISBURSED|OVERDUE|RECOURSE|COVER_CALLED|DISPUTED", "repay", "anyone",
     "proof of principal and interest", "REPAID", "Cross.Repaid"),
    ("DISBURSED", "mark_overdue", "anyone", "after the due date", "OVERDUE", "Cross.Overdue"),
    ("DISBURSED|OVERDUE", "dispute", "buyer, factor", "two factors: the cover is suspended",
     "DISPUTED", "Cross.Disputed"),
    ("DISPUTED", "settle_dispute", "any:arbiter", "an award: the cover stands, or recourse is open",
     "OVERDUE|RECOURSE", "Cross.DisputeSettled"),
    ("OVERDUE", "call_cover", "lender", "two factors: 90 days after the due date", "COVER_CALLED",
     "Cross.CoverCalled"),
    ("OVERDUE", "take_recourse", "lender:checker", "the product has recourse, no cover stands",
     "RECOURSE", "Cross.RecourseTaken"),
    ("OVERDUE|RECOURSE|COVER_CALLED", "write_off", "lender:checker", "a reason, no repayment waits",
     "WRITTEN_OFF", "Cross.WrittenOff"),
    ("REPAID|WRITTEN_OFF", "release_quota", "anyone", "-", "QUOTA_RELEASED", "Cross.QuotaReleased"),
)  # fmt: skip

CAPITAL = (
    ("-|PROPOSED|IN_FORCE", "propose_capital", "any:regulator", "by PBC or SAFE, from audited accounts",
     "PROPOSED", "Quota.CapitalProposed"),
    ("PROPOSED", "approve_capital", "any:regulator", "another person of the same authority",
     "IN_FORCE", "Quota.CapitalApproved"),
)  # fmt: skip

POSITION = (
    ("-", "hold", "@cross_border", "the weighted balance fits what is left", "HELD", "Quota.Held"),
    ("HELD", "use", "@cross_border", "the money was paid out", "USED", "Quota.Used"),
    ("HELD|USED", "release", "@cross_border", "nothing is owed any more", "RELEASED",
     "Quota.Released"),
)  # fmt: skip

CONSENT = (
    ("-", "consent", "owner", "a document, a carrier, a reader abroad and a last day", "GIVEN",
     "Bridge.Consented"),
    ("GIVEN", "withdraw", "owner", "what has crossed has crossed", "WITHDRAWN", "Bridge.Withdrawn"),
    ("GIVEN", "cross_document", "carrier", "until the last day", "=", "Bridge.DocumentCrossed"),
)  # fmt: skip


def product_of(name: str):
    """The row of a product, or None."""
    for row in PRODUCTS:
        if row[0] == name:
            return row
    return None
