"""Which dated rules there are, who issues them, what they say, and what held before anybody issued one.

A row is (name, authorities, fields, defaults). A name that ends with ":" stands for any code behind it.
authorities: what a member's id begins with, up to its first hyphen: PBC-SZ is a branch of PBC.
fields: (name, kind, low, high); kinds: "int" from low to high, "text" and "code" of low to high characters,
"digest", "dates" (low to high of them, as YYYY-MM-DD, stored as day numbers).
defaults: (first day, values in the order of the fields): version 0, the law at genesis.
"""

from rules.calendar import is_date, parse_date
from rules.codes import is_code, is_digest

RULES = (
    ("calendar:CN", ("PBC",),
     (("days_off", "dates", 0, 60), ("worked", "dates", 0, 20)), ()),
    ("calendar:HK", ("HKMA",),
     (("days_off", "dates", 0, 60), ("worked", "dates", 0, 20)), ()),
    ("tenor:receivable", ("PBC", "NFRA"),
     (("warn_days", "int", 1, 3660), ("hard_days", "int", 1, 3660)), (("2020-01-01", (183, 366)),)),
    ("tenor:bill", ("PBC", "NFRA"), (("months", "int", 1, 12),), (("2020-01-01", (6,)),)),
    ("tenor:credit", ("PBC", "NFRA"), (("days", "int", 1, 3660),), (("2020-01-01", (366,)),)),
    ("rate:rediscount", ("PBC",), (("rate_ppm", "int", 0, 1000000),),
     (("2020-07-01", (20000,)), ("2024-01-25", (17500,)))),
    ("cap:advance", ("PBC", "NFRA"), (("bps", "int", 0, 10000),), (("2020-01-01", (8000,)),)),
    ("threshold:outward-payment", ("TAX", "SAFE"),
     (("currency", "code", 3, 3), ("amount", "int", 0, 9007199254740991)),
     (("2020-01-01", ("USD", 5000000)),)),
    ("window:tax-review", ("TAX",), (("business_days", "int", 1, 60),), (("2020-01-01", (15,)),)),
    ("window:trade-account", ("SAFE",), (("days", "int", 1, 3660),), (("2020-01-01", (90,)),)),
    ("window:circular-trade", ("SAFE",), (("days", "int", 1, 366), ("least_bps", "int", 1, 10000)),
     (("2020-01-01", (90, 9000)),)),
    ("price-band:", ("CUS",),
     (("currency", "code", 3, 3), ("low", "int", 0, 9007199254740991),
      ("high", "int", 1, 9007199254740991)), ()),
    ("parameter:macro-prudential", ("PBC", "SAFE"),
     (("leverage_bps", "int", 0, 1000000), ("parameter_bps", "int", 0, 1000000)),
     (("2020-01-01", (20000, 15000)),)),
    ("factor:tenor", ("PBC", "SAFE"),
     (("short_days", "int", 1, 3660), ("short_bps", "int", 0, 100000),
      ("long_bps", "int", 0, 100000)),
     (("2020-01-01", (365, 15000, 10000)),)),
    ("factor:currency", ("PBC", "SAFE"),
     (("cny_bps", "int", 0, 100000), ("foreign_bps", "int", 0, 100000)),
     (("2020-01-01", (10000, 15000)),)),
    ("factor-type:", ("PBC", "SAFE"), (("bps", "int", 0, 100000),), (("2020-01-01", (10000,)),)),
    ("coverage:stablecoin", ("HKMA",),
     (("full_bps", "int", 10000, 20000), ("suspend_bps", "int", 1, 20000),
      ("attestation_hours", "int", 1, 720), ("redeem_business_days", "int", 1, 5)),
     (("2020-01-01", (10000, 9800, 24, 1)),)),
    ("haircut:CASH", ("HKMA",), (("bps", "int", 0, 10000),), (("2020-01-01", (0,)),)),
    ("haircut:BILL", ("HKMA",), (("bps", "int", 0, 10000),), (("2020-01-01", (100,)),)),
    ("haircut:REPO", ("HKMA",), (("bps", "int", 0, 10000),), (("2020-01-01", (200,)),)),
    ("haircut:BOND", ("HKMA",), (("bps", "int", 0, 10000),), (("2020-01-01", (500,)),)),
    ("haircut:", ("HKMA", "PBC"), (("bps", "int", 0, 10000),), ()),
    ("access:receipts", ("PBC", "NFRA", "HKMA"), (("required", "int", 0, 1),),
     (("2020-01-01", (0,)),)),
    ("retention:PARTY-PAPERS", ("PBC", "NFRA"), (("days", "int", 1, 36500),),
     (("2020-01-01", (3653,)),)),
    ("retention:", ("PBC", "NFRA", "TAX", "CUS"), (("days", "int", 1, 36500),),
     (("2020-01-01", (1827,)),)),
    ("regime:", ("PBC", "NFRA", "SAFE", "TAX", "CUS", "HKMA"),
     (("law", "text", 1, 120), ("clause", "digest", 64, 64)), ()),
)  # fmt: skip


def authority_of(member: str) -> str:
    """The authority that a member belongs to: what stands before the first hyphen of its id."""
    return member.split("-")[0]


def row_of(name: str):
    """The catalogue's row for a rule, or None."""
    for row in RULES:
        if not row[0].endswith(":"):
            same = row[0] == name
        else:
            same = name.startswith(row[0]) and is_code(name[len(row[0]) :])
        if same:
            return row
    return None


def default_on(row: tuple, day: int):
    """What held on this day before any issued version, by field; None where nothing did."""
    found = None
    for since, given in row[3]:
        if parse_date(since) <= day:
            found = given
    if found is None:
        return None
    fields = row[2]
    return {fields[at][0]: found[at] for at in range(len(fields))}


def fits(kind: str, low: int, high: int, value) -> bool:
    """Whether a value is of a kind and within its bounds."""
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    if kind == "dates":
        if not isinstance(value, list) or not low <= len(value) <= high:
            return False
        return all(isinstance(one, str) and is_date(one) for one in value)
    if not isinstance(value, str) or not low <= len(value) <= high:
        return False
    if kind == "digest":
        return is_digest(value)
    return is_code(value) if kind == "code" else True


def wrong_field(row: tuple, value: dict) -> str:
    """The first field that is missing, unknown or does not fit; "" when the value is as the schema says."""
    names = [field[0] for field in row[2]]
    for name in value:
        if name not in names:
            return name
    for name, kind, low, high in row[2]:
        if name not in value or not fits(kind, low, high, value[name]):
            return name
    return ""


def stored(row: tuple, value: dict) -> dict:
    """A value that fits, as it is stored: dates as sorted day numbers."""
    return {
        name: tuple(sorted(parse_date(one) for one in value[name]))
        if kind == "dates"
        else value[name]
        for name, kind, _, _ in row[2]
    }
