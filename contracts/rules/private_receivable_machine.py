"""The life of a receivable whose amounts are hidden, as tables (domain/trade-finance.md 2.4, 2.21).

Rows are (from, call, who, guard, to, event), read by `rules.instrument`. Everybody checks that parts add up and
that each is 1 to 2^41 fen; issuer, holders and the authorities with a copy read how much.
"""

PARTS_MAX = 8  # of one split: each takes a proof
DEPTH_MAX = 8
TERMS_SCHEMA = "HIDDEN-AMOUNTS"  # of the sealed records that hold terms and openings
DUE_FIELD = "due_date"

NOTE = (
    ("-", "draft", "issuer:maker", "amount proven in range, terms sealed to the holder", "DRAFT",
     "Private.Drafted"),
    ("DRAFT", "sign", "issuer:checker", "another person than drew it up", "OFFERED",
     "Private.Offered"),
    ("DRAFT|OFFERED", "cancel", "issuer", "not accepted yet", "VOID", "Private.Cancelled"),
    ("OFFERED", "accept", "holder", "a wallet is bound", "ACTIVE", "Private.Accepted"),
    ("OFFERED", "reject", "holder", "-", "VOID", "Private.Rejected"),
    ("ACTIVE", "close", "anyone", "every leaf is paid", "CLOSED", "Private.Closed"),
)  # fmt: skip

LEAF = (
    ("ACTIVE", "split", "holder", "the parts' commitments add up to the leaf's, each in range",
     "SPLIT", "Private.Split"),
    ("ACTIVE", "offer_transfer", "holder", "its opening is sealed to the taker", "PENDING",
     "Private.TransferOffered"),
    ("PENDING", "accept_transfer", "taker", "a wallet is bound", "ACTIVE", "Private.Transferred"),
    ("PENDING", "decline_transfer", "taker", "-", "ACTIVE", "Private.TransferDeclined"),
    ("PENDING", "recall_transfer", "holder", "-", "ACTIVE", "Private.TransferRecalled"),
    ("ACTIVE|PENDING", "due", "anyone", "the due date of the terms is opened, and has come", "DUE",
     "Private.Due"),
    ("DUE|PRESENTED", "present", "holder",
     "opens its amount; the payment's reference stands until the end of the day", "PRESENTED",
     "Private.Presented"),
    ("PRESENTED", "record_payment", "anyone", "proof of exactly this payment by the issuer", "PAID",
     "Private.Paid"),
)  # fmt: skip
