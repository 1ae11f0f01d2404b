"""The life of a bank's claim on an invoice, as a table (domain/trade-finance.md 2.8), and what makes two alike.

Rows are (from, call, who, guard, to, event), read by `rules.machine`.
"""

RESERVATION_MS = 259200000  # 72 hours
BANKS_MAX = 16  # banks that share one invoice
MARKS_MAX = 12  # of one registration, stored and looked up
MARKED_MAX = 32  # invoices that one mark leads to

# What a mark says two invoices have in common, and how sure that makes it (basis points).
MARKS = (
    ("near", 9700),  # seller, folded number and date; the amount within one per cent
    ("undated", 9500),  # seller, folded number and amount
    ("declaration", 9500),
    ("bill-of-lading", 9300),
    ("number", 8000),  # seller and folded number
    ("contract", 5000),
)

CLAIM = (
    ("-", "register", "a bank", "shares of all banks together at most 100 %",
     "RESERVED", "IR.Reserved"),
    ("RESERVED", "acknowledge", "the bank that registered", "an alert, with a reason", "RESERVED",
     "IR.AlertAcknowledged"),
    ("RESERVED", "activate", "the financing contract", "disbursement proven", "ACTIVE",
     "IR.Activated"),
    ("RESERVED", "release", "the bank that registered", "no payment under way", "FREE",
     "IR.Freed"),
    ("RESERVED", "hold", "the financing contract", "a payment is under way, no alert is open",
     "RESERVED", "IR.Held"),
    ("RESERVED", "unhold", "the financing contract", "the payment did not come", "FREE",
     "IR.Freed"),
    ("ACTIVE", "void_underlying", "the bank that registered", "the invoice was reversed",
     "VOID_UNDERLYING", "IR.UnderlyingVoided"),
    ("ACTIVE|VOID_UNDERLYING", "repay", "the financing contract", "repayment proven", "RELEASED",
     "IR.Released"),
    ("RELEASED", "reopen", "the financing contract", "a repayment was given back", "ACTIVE",
     "IR.Activated"),
)  # fmt: skip


def weight_of(kind: str) -> int:
    """How much a mark of this kind says; 0 for an unknown kind."""
    for known, weight in MARKS:
        if known == kind:
            return weight
    return 0
