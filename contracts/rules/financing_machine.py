"""The life of a financing as a table (domain/trade-finance.md 2.5), and its limits."""

QUOTES_MAX = 60
QUOTES_PER_BANK = 3  # no bank takes up the room of the others
REQUEST_LIEN_MS = 86400000  # a leaf is held softly for 24 hours while banks quote
QUOTE_VALID_MS_MAX = 172800000  # a quote stands at most 48 hours
PAY_BUSINESS_DAYS = 2  # the bank pays within two business days
PROOF_MARGIN_MS = 86400000  # a payment made in time may be proven one day later
RELEASE_MARGIN_MS = 21600000  # a lock must run 6 hours more when the leaf moves against it
RATE_PPM_MAX = 240000  # 24 % a year
# a pledged leaf is free again before its transfers end, a day for a late proof counted in
PLEDGE_FREE_BUSINESS_DAYS = 3
OVERDUE_RATE_BPS = 15000  # after the due date the rate is half as much again

# from, call, who, guard, to, event
FINANCING = (
    ("-", "request_receivable", "the holder of the leaf", "leaf ACTIVE and free, consent given",
     "REQUESTED", "Fin.Requested"),
    ("-", "request_invoice", "the seller of the invoice", "invoice lodged, consent given",
     "REQUESTED", "Fin.Requested"),
    ("REQUESTED|QUOTED", "quote", "a bank or factor", "rate, principal and validity in range",
     "QUOTED", "Fin.Quoted"),
    ("QUOTED", "accept_quote", "the borrower", "the quote still stands", "ACCEPTED",
     "Fin.QuoteAccepted"),
    ("ACCEPTED", "duplicate_check", "the accepted bank", "the invoice registry is clear", "CLEARED",
     "Fin.Cleared"),
    ("ACCEPTED", "reject_duplicate", "the invoice registry, through duplicate_check",
     "another bank is there", "REJECTED_DUP", "Fin.DuplicateFound"),
    ("CLEARED|PAYOUT_OWED", "disburse", "anyone with a proof",
     "the net amount paid by the bank to the borrower under the reference", "DISBURSED",
     "Fin.Disbursed"),
    ("CLEARED", "settle", "the bank",
     "no pledge; the bank's money is locked under a hash, the preimage fits, 6 hours are left", "SETTLED",
     "Fin.Settled"),
    ("SETTLED", "confirm_release", "anyone with a proof", "the locked money was released",
     "DISBURSED", "Fin.Released"),
    ("SETTLED", "unwind", "anyone with a proof", "the locked money went back to the bank", "LAPSED",
     "Fin.Lapsed"),
    ("DISBURSED", "on_reverse_payout", "anyone with a proof, through on_reverse",
     "the payout was given back, wholly or partly", "PAYOUT_OWED", "Fin.Reinstated"),
    ("CLEARED", "timeout", "anyone", "the time to pay and the margin are over", "LAPSED",
     "Fin.Lapsed"),
    ("REQUESTED|QUOTED|ACCEPTED", "withdraw", "the borrower", "-", "WITHDRAWN", "Fin.Withdrawn"),
    ("REQUESTED|QUOTED|ACCEPTED", "decline", "the bank asked or accepted", "a reason", "DECLINED",
     "Fin.Declined"),
    ("ACCEPTED|CLEARED|SETTLED|DISBURSED|OVERDUE|RECOURSE", "file_registration", "the bank",
     "the unified register's number and its end", "", "Fin.Filed"),
    ("ACCEPTED|CLEARED|SETTLED|DISBURSED|OVERDUE|RECOURSE", "notify_debtor", "the bank",
     "the digest of the notice of assignment", "", "Fin.DebtorNotified"),
    ("ACCEPTED|CLEARED|SETTLED|DISBURSED|OVERDUE|RECOURSE", "acknowledge_notice", "the debtor",
     "it was notified", "", "Fin.NoticeAcknowledged"),
    ("DISBURSED|OVERDUE|RECOURSE|WRITTEN_OFF", "prepare_repayment", "the borrower",
     "an advance or a pledge: principal and the interest of the day, or a part of them", "",
     "Fin.RepaymentPrepared"),
    ("DISBURSED", "mark_overdue", "anyone", "the due date has passed, nobody has paid", "OVERDUE",
     "Fin.Overdue"),
    ("OVERDUE", "recourse", "the bank", "the quote was with recourse", "RECOURSE",
     "Fin.RecourseTaken"),
    ("OVERDUE|RECOURSE", "write_off", "a checker of the bank", "a reason", "WRITTEN_OFF",
     "Fin.WrittenOff"),
    ("DISBURSED|REPAYMENT_OWED|OVERDUE|RECOURSE|WRITTEN_OFF", "repay", "anyone with a proof",
     "leaf paid or taken back, or principal and interest paid: a pledged leaf is free", "REPAID", "Fin.Repaid"),
    ("DISBURSED|OVERDUE|RECOURSE|WRITTEN_OFF", "repay_part", "anyone with a proof, through repay",
     "a part of an advance or a pledge was paid: the rest stays owed", "", "Fin.PartRepaid"),
    ("OVERDUE|RECOURSE|WRITTEN_OFF|PAYOUT_OWED", "enforce",
     "the bank; from the leaf's due date on anyone",
     "a pledge, a day after its due date: the leaf is the bank's, the borrower is owed what it is worth more",
     "ENFORCED", "Fin.Enforced"),
    ("ENFORCED", "even_out", "the bank, through enforce", "the leaf is worth no more than is owed",
     "REPAID", "Fin.Enforced"),
    ("ENFORCED", "fall_short", "the bank, through enforce",
     "the leaf is worth less than is owed, and the quote was with recourse", "RECOURSE",
     "Fin.Enforced"),
    ("ENFORCED", "prove_surplus", "anyone with a proof",
     "the surplus paid by the bank to the borrower under the reference", "REPAID",
     "Fin.SurplusPaid"),
    ("ENFORCED|RECOURSE|WRITTEN_OFF|REPAYMENT_OWED|REPAID", "release_claim", "anyone",
     "the leaf taken by enforcement is paid", "", "Fin.ClaimReleased"),
    ("ENFORCED|RECOURSE|WRITTEN_OFF|REPAYMENT_OWED|REPAID", "reopen_claim", "anyone",
     "the payment of that leaf was given back", "", "Fin.ClaimReopened"),
    ("REPAID", "on_reverse_surplus", "anyone with a proof, through on_reverse",
     "the surplus was given back, wholly or partly", "ENFORCED", "Fin.SurplusReinstated"),
    ("REPAID", "on_reverse_repayment", "anyone with a proof, through on_reverse",
     "the repayment was given back, wholly or partly", "REPAYMENT_OWED", "Fin.Reinstated"),
)  # fmt: skip
