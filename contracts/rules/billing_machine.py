"""The life of a tariff and of an invoice for what a member used of the channel, as tables.

Rows are (from, call, who, guard, to, event), read by `rules.instrument`. An operator is a member that runs
nodes, as an authority has named it. Overdue is no state: an invoice is overdue once its day has passed.
"""

PAY_DAYS_MAX = 90
PRICE_MAX = 1000000000  # fen a unit
FIGURE_MAX = 4611686018427387903
DISPUTE_DAYS = 7  # to pay or dispute, at least; and to pay after a dispute is decided
SERVED_MAX = 200  # members in one statement; a day may have several
MICRO = 1000000  # parts of a fen in which lines are added up


TARIFF = (
    ("-", "propose", "operator:admin, operator:maker", "from the first of a month that has not begun",
     "PROPOSED", "Billing.TariffProposed"),
    ("PROPOSED", "accept", "any:regulator", "its month has not begun; it holds for every member",
     "ACCEPTED", "Billing.TariffAccepted"),
    ("PROPOSED", "agree", "any:admin, any:maker, any:checker",
     "its month has not begun; it holds for the member that agrees", "=", "Billing.TariffAgreed"),
    ("PROPOSED", "withdraw", "operator:admin, operator:maker", "nobody has agreed to it", "WITHDRAWN",
     "Billing.TariffWithdrawn"),
)  # fmt: skip

INVOICE = (
    ("-", "draw", "operator:admin, operator:maker",
     "the month is over, it is the next one, a tariff holds for it", "DRAWN", "Billing.Drawn"),
    ("DRAWN", "redraw", "operator:admin, operator:maker", "nobody has attested its figures yet", "=",
     "Billing.Drawn"),
    ("DRAWN", "attest", "any:admin, any:maker, any:checker, any:regulator",
     "another operator, or an authority; its own recount gives the same figures", "DUE|SETTLED",
     "Billing.Due"),
    ("DUE", "dispute", "payer:admin, payer:maker, payer:checker",
     "once, before it is overdue, with figures of an own recount", "DISPUTED", "Billing.Disputed"),
    ("DISPUTED", "concede", "operator:admin, operator:maker", "the payer's figures count from now on",
     "DUE|SETTLED", "Billing.Due"),
    ("DISPUTED", "uphold", "any:admin, any:maker, any:checker, any:regulator",
     "another operator, or an authority; its own recount gives the invoice's figures", "DUE",
     "Billing.Upheld"),
    ("DUE|DISPUTED|SETTLED", "settle", "anyone", "proof of a payment under one of its references",
     "SETTLED", "Billing.Settled"),
)  # fmt: skip
