"""The life of a receivable e-credential and of its pieces, as tables (domain/trade-finance.md 2.4).

Rows are (from, call, who, guard, to, event), read by `rules.machine`. A credential is drawn up, offered and
accepted; then its pieces live: a piece is either a leaf with one holder or SPLIT and fully covered by its
children.
"""

TENOR_WARN_DAYS = 183  # six months, notice [2025] 77
TENOR_HARD_DAYS = 366  # one year: never longer
ACCEPT_BUSINESS_DAYS = 5
TRANSFER_BUSINESS_DAYS = 3
CUT_OFF_BUSINESS_DAYS = 2  # no transfer later than this many business days before the due date
PIECES_MAX = 16  # pieces of one split
DEPTH_MAX = 8

CREDENTIAL = (
    ("-", "draft", "a maker of the issuer",
     "parties active, invoices lodged and not used up, credit limit kept", "DRAFT", "EC.Drafted"),
    ("DRAFT", "sign", "a checker of the issuer, not the maker",
     "tenor at most 366 days, due on a business day", "OFFERED", "EC.Offered"),
    ("DRAFT|OFFERED", "cancel", "the issuer", "not accepted yet", "VOID", "EC.Voided"),
    ("OFFERED", "accept", "the first holder", "within 5 business days", "ACTIVE", "EC.Accepted"),
    ("DRAFT|OFFERED", "reject", "the first holder", "a reason: its invoices are free again",
     "REJECTED", "EC.Rejected"),
    ("OFFERED", "expire", "anyone", "the offer has run out", "VOID", "EC.OfferExpired"),
    ("ACTIVE", "close", "anyone", "every leaf is PAID", "CLOSED", "EC.Closed"),
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
    ("DUE|OVERDUE|REINSTATED", "prepare_payment", "the issuer", "-", "", "EC.PaymentPrepared"),
    ("DUE|OVERDUE|REINSTATED", "record_payment", "anyone with a proof",
     "paid to the leaf's holder under the reference fixed before", "PAID", "EC.Paid"),
    ("DUE", "mark_overdue", "anyone", "the due date has passed", "OVERDUE", "EC.Overdue"),
    ("PAID|REINSTATED", "on_reverse", "anyone with a proof",
     "the payment was given back, wholly or partly: that much is owed again", "REINSTATED",
     "EC.Reinstated"),
)  # fmt: skip
