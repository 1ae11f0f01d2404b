"""The life of a dispute as a table (domain/trade-finance.md 2.19). Rows as in `rules.instrument`."""

GROUNDS = ("goods", "forgery", "amount", "duplicate", "identity", "payment-not-received")
KINDS = ("receivable", "financing", "credit", "presentation", "forfaiting", "guarantee", "bill",
         "invoice", "payment")  # fmt: skip
OUTCOMES = ("uphold", "reduce", "void")
EVIDENCE_BUSINESS_DAYS = 7
CONCILIATION_BUSINESS_DAYS = 5
SEAT_DAYS = 30  # DOCDEX style: thirty days, and once thirty more
EVIDENCE_MAX = 64

CASE = (
    ("-", "open", "claimant", "grounds and evidence against the other party; no case is open", "OPENED",
     "Dispute.Opened"),
    ("OPENED", "admit", "seat:arbiter", "the seat takes the case", "EVIDENCE", "Dispute.Admitted"),
    ("OPENED", "decline", "seat:arbiter", "grounds", "DECLINED", "Dispute.Declined"),
    ("EVIDENCE", "submit", "claimant, respondent", "within 7 business days", "=",
     "Dispute.EvidenceSubmitted"),
    ("EVIDENCE", "rest", "claimant, respondent", "has nothing more to show", "=", "Dispute.Rested"),
    ("EVIDENCE", "close_evidence", "anyone", "7 business days are over, or both rest",
     "CONCILIATION", "Dispute.EvidenceClosed"),
    ("CONCILIATION", "propose_settlement", "claimant:checker, respondent:checker",
     "within 5 business days", "=", "Dispute.SettlementProposed"),
    ("CONCILIATION", "accept_settlement", "claimant:checker, respondent:checker",
     "the other party's proposal in the same words", "DECIDED", "Dispute.Settled"),
    ("CONCILIATION", "to_arbitration", "anyone", "5 business days are over", "ARBITRATION",
     "Dispute.ToArbitration"),
    ("ARBITRATION", "extend_time", "seat:arbiter", "once, thirty days", "=", "Dispute.TimeExtended"),
    ("ARBITRATION", "decide", "seat:arbiter", "within the seat's time; digest of the award",
     "DECIDED", "Dispute.Decided"),
    ("ARBITRATION", "lapse", "anyone", "the seat's time is over", "DECLINED", "Dispute.Lapsed"),
    ("DECLINED", "resubmit", "claimant", "another seat", "OPENED", "Dispute.Resubmitted"),
    ("OPENED|EVIDENCE|CONCILIATION|DECLINED", "withdraw", "claimant", "-", "WITHDRAWN",
     "Dispute.Withdrawn"),
    ("DECIDED", "execute", "claimant, respondent, seat:arbiter",
     "on a receivable the decision takes effect; otherwise who was to perform shows that it did",
     "EXECUTED", "Dispute.Executed"),
)  # fmt: skip
