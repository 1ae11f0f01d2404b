"""The life of a tax filing form, of its review and of a payment under it, as tables (domain/trade-finance.md
2.10).

SAT and SAFE announcements 2013 No. 40 and 2021 No. 19: one filing a contract, before its first payment. Rows
are (from, call, who, guard, to, event), read by `rules.instrument`.
"""

ANSWER_BUSINESS_DAYS = 5  # to answer a question of the tax authority
PAY_BUSINESS_DAYS = 5  # to pay what a bank has verified
PROOF_MARGIN_MS = 86400000  # a payment made in time may be proven one day later
BANKS_MAX = 8  # commitments to banks at once
USES_MAX = 400  # payments under one form
# Payments that need no form, whatever their amount [2013-40 art. 3; 2021-19 art. 2].
EXEMPTIONS = (
    "travel", "branch-costs", "export-freight", "export-commission", "export-insurance",
    "reinvestment", "budget-unit",
)  # fmt: skip

FORM = (
    ("-", "prepare", "payer:maker",
     "a payment above the threshold by the day's rate, no other form of this contract", "DRAFT",
     "Tax.Prepared"),
    ("DRAFT", "submit", "payer:checker", "another person than the maker", "FILED", "Tax.Filed"),
    ("DRAFT", "cancel", "payer", "not filed yet", "VOID", "Tax.Cancelled"),
    ("FILED|PARTIALLY_USED|USED", "name_bank", "payer", "a commitment to a bank and its code", "=",
     "Tax.BankNamed"),
    ("FILED|PARTIALLY_USED", "bank_verify", "any:financier",
     "code, payee and period fit, the remainder covers the amount", "PARTIALLY_USED|USED",
     "Tax.Verified"),
    ("FILED|PARTIALLY_USED|USED", "propose_amendment", "payer:maker",
     "the contract was changed, no other amendment open", "=", "Tax.AmendmentProposed"),
    ("FILED|PARTIALLY_USED|USED", "drop_amendment", "payer", "an amendment is open", "=",
     "Tax.AmendmentDropped"),
    ("FILED|PARTIALLY_USED|USED", "amend", "payer:checker",
     "another person, as proposed, no payment open: a new form takes over", "SUPERSEDED",
     "Tax.Superseded"),
    ("FILED|PARTIALLY_USED|USED", "revoke", "tax:regulator", "fraud: banks are blocked", "REVOKED",
     "Tax.Revoked"),
)  # fmt: skip

REVIEW = (
    ("-", "open", "@tax_form", "the form is filed", "AWAITED", "Tax.ReviewBegun"),
    ("AWAITED", "supplement", "tax:regulator", "a question, within the days of the review", "ASKED",
     "Tax.SupplementAsked"),
    ("ASKED|UNANSWERED", "answer", "payer", "the review's days begin anew", "AWAITED",
     "Tax.Answered"),
    ("ASKED", "answer_overdue", "anyone", "5 business days without an answer: banks are blocked",
     "UNANSWERED", "Tax.Unanswered"),
    ("AWAITED", "review_ok", "tax:regulator", "within the days of the review", "REVIEWED_OK",
     "Tax.ReviewedOk"),
    ("AWAITED|UNANSWERED", "find_tax_due", "tax:regulator", "an amount of tax", "TAX_DUE",
     "Tax.TaxFound"),
    ("AWAITED", "review_over", "anyone", "15 business days without a finding", "NO_FINDING",
     "Tax.ReviewOver"),
    ("TAX_DUE", "prepare_tax", "payer", "reference not fixed yet", "=", "Tax.TaxPrepared"),
    ("TAX_DUE", "record_tax", "anyone", "proof that the tax was paid", "TAX_PAID", "Tax.TaxPaid"),
)  # fmt: skip

USE = (
    ("-", "bank_verify", "any:financier", "the amount is taken from the remainder", "RESERVED",
     "Tax.Verified"),
    ("RESERVED", "prepare_payment", "payer, bank", "reference not fixed yet, the form still stands",
     "=", "Tax.PaymentPrepared"),
    ("RESERVED", "pay_proof", "anyone", "proof of the payment under the form's number", "PAID",
     "Tax.Used"),
    ("RESERVED", "release", "bank", "no reference is fixed: the remainder has the amount back",
     "RELEASED", "Tax.Released"),
    ("RESERVED", "lapse", "anyone", "the days to pay and to prove it are over", "LAPSED",
     "Tax.Lapsed"),
)  # fmt: skip
