"""Supervision as tables: rules that run inside contracts, orders that freeze (domain/trade-finance.md 2.18).

Rows are (from, call, who, guard, to, event), read by `rules.instrument`. Source: JR/T 0184 15.4, 17.3.2.
"""

ACTIONS = ("block", "hold", "alert", "report")
# Steps that ask the regulator before they bind anybody or fix a payment.
STEPS = ("receivable.sign", "receivable.transfer", "financing.accept", "payment")
# What a predicate may speak of; more by party: payer.city, payer.kind, payer.country, payer.risk, payee.…
FACTS = ("step", "contract", "subject", "amount_fen", "payer", "payee", "tenor_days", "rate_ppm")
PARTY_FACTS = ("city", "kind", "country", "risk")
OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in", "not in")
CONDITIONS_MAX = 8
VALUES_MAX = 32
RULES_MAX = 20  # in force or to come for one step
SIGNERS = 2  # authorities that an order and its end take, of all that the channel has
OBJECTS_A_CALL = 50  # leaves frozen or released in one transaction
RECEIPT_MS = 3600000  # a view follows its receipt within an hour

REGULATION = (
    ("-", "draft_rule", "authority:regulator", "scope and predicate well formed", "DRAFT",
     "Reg.RuleDrafted"),
    ("DRAFT", "sign_rule", "authority:regulator", "another person; its first day lies ahead",
     "ISSUED", "Reg.RuleIssued"),
    ("DRAFT", "withdraw_rule", "authority:regulator", "not signed yet", "WITHDRAWN",
     "Reg.RuleWithdrawn"),
    ("ISSUED", "let_pass", "authority:regulator", "a rule that holds: names step and subject", "=",
     "Reg.LetPass"),
)  # fmt: skip

ORDER = (
    ("-", "request_freeze", "authority:regulator", "number and digest of the order, last day ahead",
     "REQUESTED", "Reg.FreezeRequested"),
    ("REQUESTED", "approve_freeze", "any:regulator", "another authority than asked", "IN_FORCE",
     "Reg.OrderInForce"),
    ("REQUESTED", "drop_freeze", "authority:regulator", "not approved yet", "DROPPED",
     "Reg.FreezeDropped"),
    ("IN_FORCE", "reach", "anyone", "leaves of the frozen party that are not held yet", "=",
     "Reg.Reached"),
    ("IN_FORCE", "request_release", "any:regulator", "digest of the grounds", "=",
     "Reg.ReleaseRequested"),
    ("IN_FORCE", "approve_release", "any:regulator", "another authority than asked", "RELEASED",
     "Reg.OrderReleased"),
    ("IN_FORCE", "expire", "anyone", "its last day has passed", "EXPIRED", "Reg.OrderExpired"),
    ("RELEASED|EXPIRED", "carry_on", "anyone", "leaves are still held", "=", "Reg.CarriedOn"),
)  # fmt: skip

ACCESS = (
    ("-", "open_view", "any:regulator", "competent for the screen; the purpose as a digest", "RECORDED",
     "Reg.Viewed"),
)  # fmt: skip

# Which authority may look at which screen, by what its member ids begin with (need to supervise).
SCREENS = (
    ("stock", ("PBC", "NFRA")),
    ("exposure", ("PBC", "NFRA")),
    ("regions", ("PBC", "NFRA", "SAFE")),
    ("rates", ("PBC",)),
    ("pools", ("PBC",)),
    ("breaches", ("PBC", "NFRA")),
    ("credits", ("HKMA", "SAFE", "NFRA")),
    ("stablecoin", ("HKMA",)),
    ("matching", ("SAFE",)),
    ("forms", ("TAX", "SAFE")),
    ("alerts", ("PBC", "NFRA", "SAFE", "TAX", "CUS", "HKMA")),
    ("sealed", ("PBC", "NFRA", "SAFE", "TAX", "CUS", "HKMA")),
    ("case", ("PBC", "NFRA", "SAFE", "TAX", "CUS", "HKMA")),
)  # fmt: skip
