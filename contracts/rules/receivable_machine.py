"""The life of a receivable e-credential and of its pieces, as tables (domain/trade-finance.md 2.4).

Rows are (from, call, who, guard, to, event), read by `rules.machine`. A credential is drawn up, offered and
accepted; then its pieces live: a piece is either a leaf with one holder or SPLIT and fully covered by its
children. `remedy.x` is a call of the contract `remedy`: what is done when a leaf is not simply paid on its day.
"""

TENOR_WARN_DAYS = 183  # six months, notice [2025] 77
TENOR_HARD_DAYS = 366  # one year: never longer
ACCEPT_BUSINESS_DAYS = 5
TRANSFER_BUSINESS_DAYS = 3
CUT_OFF_BUSINESS_DAYS = 2  # no transfer later than this many business days before the due date
PIECES_MAX = 16  # pieces of one split
DEPTH_MAX = 8
TRANSFER_KYC_LEVEL = 2  # who takes a leaf has been checked more than by name

CREDENTIAL = (
    ("-", "draft", "a maker of the issuer",
     "parties active, invoices lodged and not used up, credit limit kept", "DRAFT", "EC.Drafted"),
    ("DRAFT", "sign", "a checker of the issuer, not the maker",
     "tenor at most 366 days, due on a business day", "OFFERED", "EC.Offered"),
    ("DRAFT|OFFERED", "guarantee", "a checker of the guarantor that the terms name", "once", "",
     "EC.Guaranteed"),
    ("DRAFT|OFFERED", "cancel", "the issuer", "not accepted yet", "VOID", "EC.Voided"),
    ("OFFERED", "accept", "the first holder", "within 5 business days; the guarantor has signed",
     "ACTIVE", "EC.Accepted"),
    ("DRAFT|OFFERED", "reject", "the first holder", "a reason: its invoices are free again",
     "REJECTED", "EC.Rejected"),
    ("OFFERED", "expire", "anyone", "the offer has run out", "VOID", "EC.OfferExpired"),
    ("ACTIVE", "close", "anyone", "every leaf is PAID or VOID", "CLOSED", "EC.Closed"),
    ("ACTIVE|CLOSED", "reopen", "anyone with a proof, through on_reverse",
     "a payment was given back", "ACTIVE", "EC.Reinstated"),
)  # fmt: skip

PIECE = (
    ("ACTIVE", "split", "the holder", "parts add up, each at least the minimum, no lien", "SPLIT",
     "EC.Split"),
    ("ACTIVE", "offer_transfer", "the holder",
     "trade basis, other holder active, no lien, before the cut-off", "TRANSFER_PENDING",
     "EC.TransferOffered"),
    ("TRANSFER_PENDING", "accept_transfer", "the new holder", "before the offer ends", "ACTIVE",
     "EC.Transferred"),
    ("TRANSFER_PENDING", "decline_transfer", "the new holder", "-", "ACTIVE",
     "EC.TransferDeclined"),
    ("TRANSFER_PENDING", "recall_transfer", "the holder", "-", "ACTIVE", "EC.TransferDeclined"),
    ("TRANSFER_PENDING", "expire_transfer", "anyone", "the offer has run out", "ACTIVE",
     "EC.TransferDeclined"),
    ("ACTIVE", "reserve", "the financing contract", "no lien, not financed yet", "ACTIVE",
     "EC.Reserved"),
    ("ACTIVE", "lock", "the financing contract", "its own lien, registry clear", "FINANCING",
     "EC.Locked"),
    ("FINANCING", "unlock", "the financing contract", "its own lien", "ACTIVE", "EC.Unlocked"),
    ("FINANCING", "hand_over", "the financing contract",
     "its own lien; the leaf stays held until the money has arrived", "FINANCING", "EC.Assigned"),
    ("FINANCING", "assign_to_financier", "the financing contract", "disbursement proven", "ACTIVE",
     "EC.Assigned"),
    ("ACTIVE", "due", "anyone", "the due date has come", "DUE", "EC.Due"),
    ("DUE|OVERDUE|REINSTATED|GUARANTEE_CALLED|RECOURSE", "prepare_payment", "the issuer",
     "the whole, or a part that is more than the penalty", "", "EC.PaymentPrepared"),
    ("DUE|OVERDUE|REINSTATED|GUARANTEE_CALLED|RECOURSE", "record_payment", "anyone with a proof",
     "paid to the leaf's holder under the reference fixed before", "PAID", "EC.Paid"),
    ("DUE|OVERDUE|REINSTATED|GUARANTEE_CALLED|RECOURSE", "record_part",
     "anyone with a proof, through record_payment", "a part was paid: the rest stays owed", "",
     "EC.PartPaid"),
    ("DUE", "mark_overdue", "anyone", "the due date has passed", "OVERDUE", "EC.Overdue"),
    ("PAID|REINSTATED", "on_reverse", "anyone with a proof",
     "the payment was given back, wholly or partly: that much is owed again", "REINSTATED",
     "EC.Reinstated"),
    ("ACTIVE|FINANCING", "remedy.raise_dispute", "the issuer or the holder",
     "grounds and evidence, before the due date", "DISPUTED", "EC.Disputed"),
    ("DISPUTED", "remedy.withdraw_dispute", "who raised it", "the state before returns", "",
     "EC.DisputeResolved"),
    ("DISPUTED", "remedy.resolve", "an arbiter, or both parties in the same words",
     "a decision's digest; the state before returns, with less owed if so decided", "",
     "EC.DisputeResolved"),
    ("DISPUTED", "remedy.annul", "an arbiter or both parties, through resolve",
     "the decision is that nothing is owed", "VOID", "EC.DisputeResolved"),
    ("ACTIVE", "remedy.accept_prepayment", "the holder",
     "the issuer's offer stands, no lien, before the due date", "PREPAYING", "EC.PrepaymentAgreed"),
    ("PREPAYING", "remedy.record_prepayment", "anyone with a proof",
     "principal less the rebate paid to the holder", "PAID", "EC.Prepaid"),
    ("PREPAYING", "remedy.expire_prepayment", "anyone", "nobody paid in time", "ACTIVE",
     "EC.PrepaymentLapsed"),
    ("OVERDUE", "remedy.call_guarantee", "the holder", "the terms name a guarantor",
     "GUARANTEE_CALLED", "EC.GuaranteeCalled"),
    ("GUARANTEE_CALLED", "remedy.record_guarantee_payment", "anyone with a proof",
     "the guarantor paid: the leaf is the guarantor's", "OVERDUE", "EC.Subrogated"),
    ("OVERDUE", "remedy.recourse", "the holder",
     "whoever the leaf was taken from answers for it, by the terms or the quote", "RECOURSE",
     "EC.RecourseTaken"),
    ("RECOURSE", "remedy.record_recourse_payment", "anyone with a proof",
     "the former holder paid: the leaf is its again", "OVERDUE", "EC.Returned"),
    ("GUARANTEE_CALLED|RECOURSE", "remedy.withdraw_call", "the holder", "not paid", "OVERDUE",
     "EC.CallWithdrawn"),
    ("DUE|OVERDUE|GUARANTEE_CALLED|RECOURSE", "on_reverse_part",
     "anyone with a proof, through on_reverse", "a part payment was given back", "",
     "EC.Reinstated"),
    ("ACTIVE|TRANSFER_PENDING|FINANCING|DISPUTED|PREPAYING|DUE|OVERDUE|GUARANTEE_CALLED|RECOURSE|"
     "REINSTATED", "freeze", "the regulator contract", "an order of two authorities", "FROZEN",
     "Reg.Frozen"),
    ("FROZEN", "unfreeze", "the regulator contract",
     "lifted: the state before returns, and a payment received meanwhile counts", "",
     "Reg.Released"),
    ("FROZEN", "record_payment", "anyone with a proof",
     "received, recorded, applied at the release", "FROZEN", "EC.PaymentHeld"),
    ("VOID", "unlock", "the financing contract", "its own lien", "VOID", "EC.Unlocked"),
)  # fmt: skip
