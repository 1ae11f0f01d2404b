"""The life of a reserve-backed stablecoin, of a redemption, of a node's pledge and of coins in an exchange, as
tables (domain 2.17).

Rows as in `rules.instrument`. Ratios, ages and days are the dated rule coverage:stablecoin, haircuts haircut:….
"""

CLASSES = ("CASH", "BILL", "REPO", "BOND")  # of the reserve: cash, government bills, repo, bonds
CURE_STATEMENTS = 2  # full statements in a row that end a restriction
CAPITAL_MIN = 2_500_000_000  # paid-up capital of an issuer in cents: HKD 25 m
HOLDERS_SHOWN = 10
MINIMUM_DAYS = 30

COIN = (
    ("-", "apply", "issuer:maker", "parties active; the custodian is another bank", "APPLIED",
     "SC.Applied"),
    ("APPLIED", "license", "supervisor:regulator", "paid-up capital, licence ahead", "SUSPENDED",
     "SC.Licensed"),
    ("APPLIED", "refuse_licence", "supervisor:regulator", "-", "REFUSED", "SC.LicenceRefused"),
    ("ACTIVE|RESTRICTED|SUSPENDED", "reserve_update", "custodian:checker",
     "a newer statement by classes; below 100 % restricted, below 98 % suspended",
     "ACTIVE|RESTRICTED|SUSPENDED", "SC.ReserveStated"),
    ("ACTIVE|RESTRICTED", "stale", "anyone", "the last statement is too old", "SUSPENDED",
     "SC.AttestationStale"),
    ("RESTRICTED|SUSPENDED", "cure", "issuer:checker", "two full statements in a row, the last fresh",
     "ACTIVE", "SC.Cured"),
    ("ACTIVE", "order_mint", "issuer:maker", "-", "=", "SC.MintOrdered"),
    ("ACTIVE", "mint", "issuer:checker",
     "another person; licence valid, statement fresh, reserve after haircuts covers it", "=",
     "SC.Minted"),
    ("ACTIVE|RESTRICTED", "transfer", "any:maker", "own balance, an active party", "=",
     "SC.Transferred"),
    ("ACTIVE|RESTRICTED", "exchange_hold", "@exchange",
     "own balance, an active party, for whoever may transfer it", "=", "SC.Held"),
    ("ACTIVE|RESTRICTED|SUSPENDED|REVOKED", "redeem_request", "any:maker", "own balance, at par", "=",
     "SC.RedemptionRequested"),
    ("ACTIVE|RESTRICTED|SUSPENDED", "supervisor_order", "supervisor:regulator",
     "digest of the order; ACTIVE only when fully covered",
     "ACTIVE|RESTRICTED|SUSPENDED|REVOKED", "SC.SupervisorOrdered"),
)  # fmt: skip

REDEMPTION = (
    ("-", "redeem_request", "holder:maker", "through the coin", "QUEUED", "SC.RedemptionRequested"),
    ("QUEUED|LATE", "redeem_paid", "custodian:checker", "digest of the payment", "PAID",
     "SC.Redeemed"),
    ("QUEUED", "mark_late", "anyone", "one business day has passed", "LATE", "SC.RedemptionLate"),
)  # fmt: skip

PLEDGE = (
    ("-", "pledge", "node:checker", "own balance", "NODE_ACTIVE", "SC.Pledged"),
    ("NODE_ACTIVE|NODE_LIMITED", "add_pledge", "node:checker", "own balance",
     "NODE_ACTIVE|NODE_LIMITED", "SC.Pledged"),
    ("NODE_ACTIVE|NODE_LIMITED", "set_exposure", "issuer:checker", "what the node clears",
     "NODE_ACTIVE|NODE_LIMITED", "SC.ExposureSet"),
    ("NODE_ACTIVE", "unpledge", "node:checker", "what is left covers the exposure", "=",
     "SC.Unpledged"),
    ("NODE_ACTIVE|NODE_LIMITED", "slash", "supervisor:regulator", "digest of the order",
     "NODE_ACTIVE|NODE_LIMITED", "SC.Slashed"),
)  # fmt: skip

# What was decided while coins moved is carried out in every state of the coin.
ESCROW = (
    ("-", "exchange_hold", "@exchange", "through the coin", "HELD", "SC.Held"),
    ("HELD", "exchange_move", "@exchange", "for the exchange that holds them", "MOVED",
     "SC.Transferred"),
    ("HELD", "exchange_free", "@exchange", "for the exchange that holds them", "FREED", "SC.Freed"),
)  # fmt: skip
