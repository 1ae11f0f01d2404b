"""The life of a trusted e-credential and of an issuer's key, as tables (domain/trade-finance.md 2.14).

Rows are (from, call, who, guard, to, event), read by `rules.instrument`.
"""

KINDS = ("sales-slip", "payment-bill", "policy", "corporate-receipt")
REVOKE_REASONS = ("issued-in-error", "replaced", "cancelled", "key-compromised", "ordered")
FIELDS_MAX = 40
PRESENTATIONS_MAX = 32
VALID_DAYS_MAX = 3660

ACCREDITATION = (
    ("-", "accredit", "any:regulator", "an active issuer, a key, its kinds and last day", "ACTIVE",
     "Issuer.Accredited"),
    ("ACTIVE", "withdraw_key", "any:regulator", "a reason", "WITHDRAWN", "Issuer.KeyWithdrawn"),
)  # fmt: skip

CREDENTIAL = (
    ("-", "issue", "issuer:maker", "signed by a key accredited for this kind", "ISSUED",
     "Trusted.Issued"),
    ("ISSUED", "hold", "holder", "-", "HELD", "Trusted.Held"),
    ("ISSUED", "reject", "holder", "a reason", "REJECTED", "Trusted.Rejected"),
    ("HELD", "present", "holder", "to one member; what is shown goes outside the ledger", "=",
     "Trusted.Presented"),
    ("HELD", "redeem", "any:checker", "by a member it was presented to, once, until its last day",
     "USED", "Trusted.Redeemed"),
    ("ISSUED|HELD", "revoke", "issuer:checker", "a reason of the list", "REVOKED",
     "Trusted.Revoked"),
    ("ISSUED|HELD", "expire", "anyone", "after its last day", "EXPIRED", "Trusted.Expired"),
)  # fmt: skip
