"""The life of a party, as a table (domain/trade-finance.md 2.3).

Rows are (from, call, who, guard, to, event), read by `rules.machine`.
"""

PARTY = (
    ("-|REJECTED", "apply", "the member itself or a KYC officer", "check digits right", "APPLIED",
     "Party.Applied"),
    ("APPLIED|SUSPENDED", "attest", "KYC officer of another member",
     "expiry ahead; after a suspension the bank that suspended", "KYC_REVIEW", "Party.Attested"),
    ("KYC_REVIEW", "approve", "KYC officer of the attesting member, another person", "four eyes",
     "ACTIVE", "Party.Approved"),
    ("APPLIED|KYC_REVIEW", "reject", "KYC officer of another member, under review the attesting one",
     "a reason, never admitted before", "REJECTED", "Party.Rejected"),
    ("ACTIVE", "renew", "KYC officer of another member", "a new customer check, any bank's", "ACTIVE",
     "Party.RenewalProposed"),
    ("ACTIVE", "confirm_renewal", "KYC officer of the renewing member, another person", "four eyes",
     "ACTIVE", "Party.Renewed"),
    ("ACTIVE", "halt", "the kyc contract", "a hit on a list, or a revoked licence", "SUSPENDED",
     "Party.Suspended"),
    ("SUSPENDED", "lift", "the kyc contract", "the last such reason is gone", "ACTIVE",
     "Party.Resumed"),
    ("ACTIVE", "suspend", "regulator or a KYC officer of the attesting member", "a reason",
     "SUSPENDED", "Party.Suspended"),
    ("SUSPENDED", "resume", "regulator or a KYC officer of the bank that suspended", "a reason",
     "ACTIVE", "Party.Resumed"),
    ("ACTIVE|SUSPENDED", "freeze", "the regulator contract", "an order of two authorities",
     "FROZEN", "Reg.Frozen"),
    ("FROZEN", "unfreeze", "the regulator contract", "the order has ended: the state before returns",
     "ACTIVE|SUSPENDED", "Reg.Released"),
    ("ACTIVE|SUSPENDED", "close", "regulator or the member itself", "a reason", "CLOSED",
     "Party.Closed"),
)  # fmt: skip
