"""The life of a documentary credit and of a presentation under it, as tables (domain/trade-finance.md 2.7).

Rows are (from, call, who, guard, to, event), read by `rules.instrument`. Numbers in brackets are articles of
UCP 600, those with an e of eUCP 2.1.
"""

EXAMINE_BANKING_DAYS = 5  # [14b]: the banking days following the day of presentation
PRESENTATION_DAYS = 21  # [14c]: after shipment, unless the credit says less
CORRUPTION_DAYS = 30  # [e12]: then the record counts as not presented
TOLERANCE_BPS_MAX = 1000  # [30]: "about" is 10 % up or down
DISCREPANCIES_MAX = 40
DOCUMENTS_MAX = 40
PRESENTATIONS_MAX = 64
METHODS = ("sight", "acceptance", "deferred")
TENOR_FROM = ("presentation", "shipment")
DISPOSITIONS = ("hold_for_presenter", "hold_for_waiver", "returning", "per_instructions")  # [16c]

CREDIT = (
    ("-", "apply", "applicant:maker", "parties active, dates in order", "APPLIED",
     "Credit.AppliedFor"),
    ("APPLIED", "approve_issue", "issuing:maker", "-", "=", "Credit.Approved"),
    ("APPLIED", "issue", "issuing:checker", "approved by another person", "ISSUED", "Credit.Issued"),
    ("APPLIED", "decline_issue", "issuing", "a reason", "DECLINED", "Credit.Declined"),
    ("ISSUED", "advise", "advising", "apparent authenticity [9]", "ADVISED", "Credit.Advised"),
    ("ADVISED", "confirm", "confirming:checker", "asked to in the credit [8]", "CONFIRMED",
     "Credit.Confirmed"),
    ("ADVISED|CONFIRMED", "propose_amendment", "issuing:checker", "no other amendment open [10]",
     "=", "Credit.AmendmentProposed"),
    ("ADVISED|CONFIRMED", "accept_amendment", "beneficiary", "as a whole [10e]", "=",
     "Credit.Amended"),
    ("ADVISED|CONFIRMED", "reject_amendment", "beneficiary", "an amendment is open", "=",
     "Credit.AmendmentRejected"),
    ("ADVISED|CONFIRMED", "transfer_credit", "nominated:checker",
     "transferable, once, terms only narrower [38]", "=", "Credit.Transferred"),
    ("ADVISED|CONFIRMED", "consent_to_cancel",
     "issuing:checker, confirming:checker, beneficiary:checker", "once each", "=",
     "Credit.CancelConsented"),
    ("ADVISED|CONFIRMED", "cancel", "anyone",
     "issuing bank, confirming bank and beneficiary agreed, no presentation open [10a]",
     "CANCELLED", "Credit.Cancelled"),
    ("ADVISED|CONFIRMED", "draw", "@presentation",
     "a presentation in time, within amount and tolerance [14c, 30, 31]", "=", "Credit.Drawn"),
    ("ADVISED|CONFIRMED", "settle", "@presentation", "a presentation has ended", "=",
     "Credit.DrawingEnded"),
    ("ISSUED|ADVISED|CONFIRMED", "expire", "anyone",
     "after the expiry, moved to a banking day [29]; no presentation open", "EXPIRED",
     "Credit.Expired"),
    ("ADVISED|CONFIRMED", "exhaust", "anyone", "fully drawn", "EXHAUSTED", "Credit.Exhausted"),
)  # fmt: skip

PRESENTATION = (
    ("-", "present", "beneficiary", "until expiry and within the days after shipment [14c]",
     "PRESENTED", "Presentation.Made"),
    ("PRESENTED", "complete", "beneficiary", "every record is there: notice of completeness [e6]",
     "EXAMINING", "Presentation.Completed"),
    ("PRESENTED|EXAMINING", "withdraw", "beneficiary", "-", "WITHDRAWN",
     "Presentation.Withdrawn"),
    ("EXAMINING", "report_corruption", "examining:checker", "the days run no further [e12]",
     "SUSPENDED", "Presentation.CorruptionReported"),
    ("SUSPENDED", "replace_records", "beneficiary", "within 30 days: the days run on", "EXAMINING",
     "Presentation.RecordsReplaced"),
    ("SUSPENDED", "corruption_over", "anyone", "30 days: counts as not presented",
     "NOT_PRESENTED", "Presentation.NotPresented"),
    ("EXAMINING", "comply", "examining:checker", "-", "COMPLYING", "Presentation.Complies"),
    ("EXAMINING", "refuse", "examining:checker",
     "one notice, each discrepancy and what becomes of the documents, within 5 banking days [16]",
     "REFUSED", "Presentation.Refused"),
    ("EXAMINING", "deadline_passed", "anyone", "5 banking days without a notice [16f]", "COMPLYING",
     "Presentation.BankPrecluded"),
    ("REFUSED", "waive", "applicant:checker", "the documents are held for a waiver [16b]", "=",
     "Presentation.Waived"),
    ("REFUSED", "accept_waiver", "issuing:checker", "the applicant waived; the amount is still free",
     "COMPLYING", "Presentation.WaiverAccepted"),
    ("REFUSED", "present_again", "beneficiary",
     "corrected, until expiry and within the days after shipment", "EXAMINING",
     "Presentation.MadeAgain"),
    ("COMPLYING", "prepare_honour", "paying", "at sight; reference not fixed yet", "=",
     "Presentation.HonourPrepared"),
    ("COMPLYING", "honour", "anyone", "at sight; proof of the payment [15]", "HONOURED",
     "Presentation.Honoured"),
    ("COMPLYING", "undertake", "paying:checker",
     "by acceptance or deferred payment: the maturity is computed [7, 8]", "ACCEPTED",
     "Presentation.Undertaken"),
    ("ACCEPTED", "prepare_maturity", "paying", "from the maturity on", "=",
     "Presentation.MaturityPrepared"),
    ("ACCEPTED", "record_maturity", "anyone", "proof of the payment", "PAID", "Presentation.Paid"),
    ("ACCEPTED", "stay", "any:court", "a court's order: the fraud exception", "STAYED",
     "Presentation.Stayed"),
    ("STAYED", "lift_stay", "any:court", "a court's order", "ACCEPTED", "Presentation.StayLifted"),
)  # fmt: skip
