"""The life of a demand guarantee and of a demand under it, as tables (domain/trade-finance.md 2.13; URDG 758).

Rows are (from, call, who, guard, to, event), read by `rules.instrument`. Numbers in brackets are articles.
"""

EXAMINE_BUSINESS_DAYS = 5  # [20]: the business days following the day of presentation
EXTEND_OR_PAY_DAYS = 30  # [23]: calendar days that payment may be suspended for
DISCREPANCIES_MAX = 20
DEMANDS_MAX = 64

GUARANTEE = (
    ("-", "draft", "guarantor:maker", "parties active, expiry ahead, amount above zero", "DRAFT",
     "Guarantee.Drafted"),
    ("DRAFT", "issue", "guarantor:checker", "another person than the maker", "ISSUED",
     "Guarantee.Issued"),
    ("DRAFT", "cancel", "guarantor", "not issued yet", "VOID", "Guarantee.Voided"),
    ("ISSUED", "advise", "adviser", "apparent authenticity [10]", "ADVISED", "Guarantee.Advised"),
    ("ISSUED|ADVISED", "propose_amendment", "guarantor:checker", "no other amendment open", "=",
     "Guarantee.AmendmentProposed"),
    ("ISSUED|ADVISED", "accept_amendment", "beneficiary", "as a whole [11e]", "=",
     "Guarantee.Amended"),
    ("ISSUED|ADVISED", "reject_amendment", "beneficiary", "an amendment is open [11b]", "=",
     "Guarantee.AmendmentRejected"),
    ("ISSUED|ADVISED", "reduce", "guarantor:checker",
     "a reduction agreed in its terms: its date has come [13]", "=", "Guarantee.Reduced"),
    ("ISSUED|ADVISED", "release", "beneficiary:checker", "no demand open [25b]", "TERMINATED",
     "Guarantee.Released"),
    ("ISSUED|ADVISED", "expire", "anyone", "after expiry, no demand open", "EXPIRED",
     "Guarantee.Expired"),
    ("ISSUED|ADVISED", "exhaust", "anyone", "nothing is left to be drawn [25b]", "TERMINATED",
     "Guarantee.Exhausted"),
)  # fmt: skip

DEMAND = (
    ("-", "demand", "beneficiary", "before expiry, within what is left, statement of breach [15]",
     "EXAMINING", "Guarantee.Demanded"),
    ("EXAMINING", "comply", "guarantor:checker", "within 5 business days", "COMPLYING",
     "Guarantee.DemandComplies"),
    ("EXAMINING", "reject", "guarantor:checker",
     "one notice, each discrepancy, within 5 business days [24]", "REJECTED",
     "Guarantee.DemandRejected"),
    ("EXAMINING", "deadline_passed", "anyone", "5 business days without a notice [24f]",
     "COMPLYING", "Guarantee.GuarantorPrecluded"),
    ("EXAMINING", "suspend", "guarantor:checker", "the demand asks to extend as an alternative [23]",
     "EXTEND_OR_PAY", "Guarantee.PaymentSuspended"),
    ("EXTEND_OR_PAY", "extend", "guarantor:checker", "within 30 days: the demand is withdrawn",
     "WITHDRAWN", "Guarantee.Extended"),
    ("EXTEND_OR_PAY", "refuse_extension", "guarantor:checker", "-", "COMPLYING",
     "Guarantee.ExtensionRefused"),
    ("EXTEND_OR_PAY", "suspension_over", "anyone", "30 days are over", "COMPLYING",
     "Guarantee.SuspensionOver"),
    ("EXAMINING|EXTEND_OR_PAY", "withdraw", "beneficiary", "-", "WITHDRAWN",
     "Guarantee.DemandWithdrawn"),
    ("COMPLYING", "prepare_payment", "guarantor", "reference not fixed yet", "=",
     "Guarantee.PaymentPrepared"),
    ("COMPLYING", "record_payment", "anyone", "proof of the guarantor's payment", "PAID",
     "Guarantee.Paid"),
)  # fmt: skip
