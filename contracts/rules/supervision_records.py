"""How the supervisor counts: tenor classes, regions, and sums that add up to the whole."""

from rules.calendar import parse_date
from sdk import call

CREDENTIALS_MAX = 400  # counted in one call; `next` says where the following call goes on
PAGE = 50
TENORS = ((90, "to 90 days"), (183, "to 6 months"), (366, "to 1 year"))
REGIONS = (
    ("Jing-Jin-Ji", ("BJ", "TJ")),
    ("Yangtze delta", ("SH", "NJ", "SU")),
    ("Pearl delta", ("SZ", "GZ", "DG", "HZ", "HK", "MO")),
)
PAID_OUT = ("SETTLED", "DISBURSED", "REPAID", "OVERDUE", "RECOURSE", "WRITTEN_OFF", "ENFORCED",
            "REPAYMENT_OWED")  # fmt: skip
ENDED_CREDITS = ("APPLIED", "DECLINED", "CANCELLED", "EXPIRED", "EXHAUSTED")

UNMATCHED = ("OPENED", "DECLARED", "PARTIALLY_SETTLED", "OVERDUE", "EXPLAINED", "SUSPECT")
LADDER = ((30, "to 30 days"), (90, "to 90 days"), (180, "to 180 days"))  # past the window


def region_of(city: str) -> str:
    for name, cities in REGIONS:
        if city in cities:
            return name
    return "elsewhere"


def tenor_class(days: int) -> str:
    for most, name in TENORS:
        if days <= most:
            return name
    return "over 1 year"


def add(sums: dict, key: str, amount: int):
    sums[key] = sums.get(key, 0) + amount


def open_fen(leaf: dict) -> int:
    """What is owed on a leaf: nothing on one that is split, void or paid."""
    if leaf["state"] in ("SPLIT", "VOID"):
        return 0
    return leaf["amount_fen"] - leaf["paid_fen"] - leaf["reduced_fen"]


def days_of(terms: dict) -> int:
    return parse_date(terms["due_date"]) - parse_date(terms["issue_date"])


def overdue_class(days: int) -> str:
    for most, name in LADDER:
        if days <= most:
            return name
    return "over 180 days"


def credentials_after(after: str) -> tuple:
    """Credentials that came to life, after a number, and where the next page begins ("" at the end)."""
    found = []
    last = after
    for _ in range(CREDENTIALS_MAX // PAGE):
        page = call("receivable", "list_credentials", "", False, last)
        found += [terms for terms in page if terms["state"] in ("ACTIVE", "CLOSED")]
        if len(page) < PAGE:
            return (found, "")
        last = page[-1]["ec_id"]
    return (found, last)


def rows_after(after: str) -> tuple:
    """(terms, leaf, owed) of each leaf on which something is owed."""
    found, following = credentials_after(after)
    rows = []
    for terms in found:
        if terms["state"] == "ACTIVE":
            leaves = call("receivable", "tree", terms["ec_id"])
            rows += [(terms, leaf, open_fen(leaf)) for leaf in leaves if open_fen(leaf) > 0]
    return (rows, following)
