"""The life of a dated rule as a table (domain/trade-finance.md 2.18; JR/T 0184 15.4).

Rows are (from, call, who, guard, to, event), read by `rules.instrument`. An issued rule is never changed: a
later version supersedes it from a day that still lies ahead.
"""

VERSIONS_MAX = 1000  # of one name
CALENDAR_DAYS_MAX = 366  # a calendar object speaks of one year at most
CALENDAR_CHANGES_MAX = 60
CLOSED_RUN_MAX = 20  # days without an open one between: no deadline runs away
COUNT_MAX = 400  # business days counted at once

RULE = (
    ("-", "draft", "authority:regulator", "competent for this rule, values as its schema says",
     "DRAFT", "Rule.Drafted"),
    ("DRAFT", "sign", "authority:regulator", "another person; its first day lies ahead", "ISSUED",
     "Rule.Issued"),
    ("DRAFT", "withdraw", "authority:regulator", "not signed yet", "WITHDRAWN", "Rule.Withdrawn"),
)  # fmt: skip
