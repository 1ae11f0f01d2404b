"""The life of a commercial bill and of a rediscount pool, as tables (domain/trade-finance.md 2.9).

Rows are (from, call, who, guard, to, event), read by `rules.instrument`. BA: Negotiable Instruments Act.
"""

ENDORSEMENTS_MAX = 32
PIECES_MAX = 16
BILLS_MAX = 50  # in one pool
PAY_BUSINESS_DAYS = 3  # after presentment
USE_REPORT_DAYS = 30
CONCENTRATION_BPS = 5000  # most of a pool that one acceptor's bills may be
POOL_TENOR_DAYS_MIN = 1
TAGS = ("agriculture", "green", "private", "small-and-micro")

BILL = (
    ("-", "draw", "drawer:maker", "parties active, due on a business day within the tenor of tenor:bill",
     "DRAWN", "Bill.Drawn"),
    ("DRAWN", "cancel", "drawer", "not accepted yet", "VOID", "Bill.Voided"),
    ("DRAWN", "accept", "acceptor:checker", "unconditional [BA 43]", "ACCEPTED", "Bill.Accepted"),
    ("ACCEPTED", "split", "holder", "parts add up; no partial endorsement otherwise [BA 33]",
     "SPLIT", "Bill.Split"),
    ("ACCEPTED", "offer_endorsement", "holder",
     "not marked as not transferable, before the due date", "OFFERED", "Bill.EndorsementOffered"),
    ("OFFERED", "sign_endorsement", "endorsee", "before the due date", "ACCEPTED", "Bill.Endorsed"),
    ("OFFERED", "recall_endorsement", "holder, endorsee", "-", "ACCEPTED",
     "Bill.EndorsementRecalled"),
    ("OFFERED", "exchange_hold", "@exchange",
     "the holder gives it to the endorsee; the exchange ends before the due date", "IN_EXCHANGE",
     "Bill.Held"),
    ("IN_EXCHANGE", "exchange_move", "@exchange", "for the exchange that holds it", "ACCEPTED",
     "Bill.Endorsed"),
    ("IN_EXCHANGE", "exchange_free", "@exchange", "for the exchange that holds it", "ACCEPTED",
     "Bill.EndorsementRecalled"),
    ("ACCEPTED", "pledge", "holder", "not marked as not transferable", "PLEDGED", "Bill.Pledged"),
    ("PLEDGED", "release_pledge", "endorsee", "-", "ACCEPTED", "Bill.PledgeReleased"),
    ("ACCEPTED", "ask_discount", "holder", "a bank, before the due date", "DISCOUNTING",
     "Bill.DiscountAsked"),
    ("DISCOUNTING", "offer_discount", "endorsee:financier", "rate in range; no offer taken", "=",
     "Bill.DiscountOffered"),
    ("DISCOUNTING", "take_discount", "holder", "on the day of the offer", "=",
     "Bill.DiscountTaken"),
    ("DISCOUNTING", "end_discount", "holder, endorsee", "no payment may still be proven",
     "ACCEPTED", "Bill.DiscountEnded"),
    ("DISCOUNTING", "settle_discount", "anyone", "proof of the net amount", "DISCOUNTED",
     "Bill.Discounted"),
    ("DISCOUNTED", "pool", "@rediscount", "-", "POOLED", "Bill.Pooled"),
    ("POOLED|REDISCOUNTED", "unpool", "@rediscount", "-", "DISCOUNTED", "Bill.Unpooled"),
    ("POOLED", "rediscounted", "@rediscount", "the central bank paid", "REDISCOUNTED",
     "Bill.Rediscounted"),
    ("ACCEPTED|DISCOUNTED", "present", "holder", "from the due date on", "PRESENTED",
     "Bill.Presented"),
    ("PRESENTED|DISHONOURED", "prepare_payment", "acceptor", "no other payment waits", "=",
     "Bill.PaymentPrepared"),
    ("PRESENTED|DISHONOURED", "record_payment", "anyone", "proof of the face paid to the holder", "PAID",
     "Bill.Paid"),
    ("PRESENTED", "dishonour", "acceptor:checker, holder",
     "the acceptor refuses, or 3 business days without payment", "DISHONOURED", "Bill.Dishonoured"),
    ("DISHONOURED", "claim_recourse", "holder",
     "against one who signed before [BA 68]; no payment may still be proven", "RECOURSE",
     "Bill.RecourseClaimed"),
    ("RECOURSE", "drop_recourse", "holder", "no payment may still be proven", "DISHONOURED",
     "Bill.RecourseDropped"),
    ("RECOURSE", "prepare_recourse", "debtor", "no other payment waits", "=",
     "Bill.RecoursePrepared"),
    ("RECOURSE", "record_recourse", "anyone", "proof: the payer holds the bill now [BA 71]",
     "DISHONOURED", "Bill.RecoursePaid"),
)  # fmt: skip

POOL = (
    ("-", "bundle", "bank:maker",
     "bills that the bank has discounted, each in one pool, due on one day", "DRAFT",
     "Rediscount.Bundled"),
    ("DRAFT", "apply", "bank:checker", "another person than the maker", "APPLIED",
     "Rediscount.AppliedFor"),
    ("DRAFT|APPLIED|CHECKED", "withdraw", "bank", "-", "WITHDRAWN", "Rediscount.Withdrawn"),
    ("APPLIED", "auto_check", "anyone", "remaining tenor, tags and concentration hold", "CHECKED",
     "Rediscount.Checked"),
    ("APPLIED|CHECKED", "return_pool", "branch:regulator", "reasons", "RETURNED",
     "Rediscount.Returned"),
    ("CHECKED", "approve", "branch:regulator", "priced by the dated rate", "APPROVED",
     "Rediscount.Approved"),
    ("APPROVED", "prepare_disbursement", "branch:regulator", "reference not fixed yet", "=",
     "Rediscount.DisbursementPrepared"),
    ("APPROVED", "disburse", "anyone", "proof of the net amount in central bank money", "DISBURSED",
     "Rediscount.Disbursed"),
    ("DISBURSED", "report_use", "bank", "what the money was used for, within 30 days", "=",
     "Rediscount.UseReported"),
    ("DISBURSED", "prepare_repayment", "bank", "from the maturity on", "=",
     "Rediscount.RepaymentPrepared"),
    ("DISBURSED", "repay", "anyone", "proof of the pool's face", "CLOSED", "Rediscount.Closed"),
    ("APPROVED", "revoke", "branch:regulator", "false information", "REVOKED",
     "Rediscount.Revoked"),
)  # fmt: skip
