"""Code lists that contracts check against. Dated data: a change is a new version of the bundle."""

CURRENCIES = (("CNY", 2), ("HKD", 2), ("USD", 2), ("EUR", 2), ("GBP", 2), ("SGD", 2), ("JPY", 0))
PARTY_KINDS = (
    "enterprise",
    "bank",
    "factor",
    "logistics",
    "insurer",
    "platform",
    "authority",
)
# City of registration: the middle part of a credential's number.
CITIES = (
    ("SZ", "Shenzhen"),
    ("GZ", "Guangzhou"),
    ("DG", "Dongguan"),
    ("HZ", "Huizhou"),
    ("BJ", "Beijing"),
    ("SH", "Shanghai"),
    ("HK", "Hong Kong"),
)
DOCUMENT_KINDS = ("invoice", "credit-note", "contract", "delivery", "declaration")
HEX = "0123456789abcdef"


def minor_units(currency: str) -> int:
    """Decimals of a currency. Raises ValueError for one that is not on the list."""
    for code, decimals in CURRENCIES:
        if code == currency:
            return decimals
    raise ValueError("unknown currency")


def is_currency(currency: str) -> bool:
    """Whether amounts in this currency are accepted."""
    return any(code == currency for code, _ in CURRENCIES)


def is_city(code: str) -> bool:
    """Whether the two letters name a city of the network."""
    return any(known == code for known, _ in CITIES)


def is_digest(text: str) -> bool:
    """Whether the text is a 32-byte digest in lower-case hex."""
    return len(text) == 64 and all(c in HEX for c in text)


def is_code(text: str, size_max: int = 16) -> bool:
    """A short code: 1 to `size_max` of A-Z, 0-9 and inner hyphens."""
    if not text or len(text) > size_max or text[0] == "-" or text[-1] == "-":
        return False
    return all(("A" <= c <= "Z") or ("0" <= c <= "9") or c == "-" for c in text)
