"""How much a taxpayer may invoice in a period. Table QUOTA."""

from rules.calendar import is_date, parse_date
from rules.codes import is_code
from rules.einvoice_machine import GOODS_MAX, QUOTA
from rules.einvoice_records import (
    Quota,
    QuotaApplied,
    QuotaGranted,
    QuotaRefused,
    QuotaRevoked,
    is_rate,
    quotas,
)
from rules.instrument import enter, keep, require_step, today
from rules.money import PAYMENT_MAX, is_amount
from sdk import call, ctx, export, require

TEXT_MAX = 200


def require_reason(reason: str):
    require(0 < len(reason) <= TEXT_MAX, "E_TEXT", "a reason is 1 to 200 characters")


@export
def apply_quota(id: str, tax: str, goods: list[str]) -> str:
    """A seller asks its authority. goods: codes of what it sells. Codes: E_NOT_PARTY, E_CODE, E_DUPLICATE,
    E_PARTY, E_ROLE, E_GOODS."""
    parts = {"seller": ctx.member, "tax": tax}
    require_step(QUOTA, "-", "apply_quota", parts)
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(quotas[id] is None, "E_DUPLICATE", "this number is taken")
    named = 0 < len(goods) <= GOODS_MAX and len(set(goods)) == len(goods)
    named = named and all(is_code(code, 19) for code in goods)
    require(named, "E_GOODS", "1 to 64 different codes of goods")
    call("party", "check_new_business", ctx.member)
    authority = call("party", "check_member", tax)["kind"] == "authority"
    require(authority, "E_ROLE", f"{tax} is no authority")
    return keep(quotas, Quota(id, parts, tuple(goods), state="APPLIED"), QuotaApplied)


@export
def grant(
    id: str, rates: dict[str, int], cap_fen: int, until: str, key: bytes, expected_version: int = 0
) -> str:
    """The rules of this seller. rates: parts per million for each of its goods. key: the authority's SM2 key,
    whose signature stamps the invoices. Codes: E_RATE, E_AMOUNT, E_DATE, E_KEY."""
    found = enter(QUOTA, quotas, id, "grant", expected_version)
    complete = sorted(rates) == sorted(found.goods)
    complete = complete and all(is_rate(rate) for rate in rates.values())
    require(complete, "E_RATE", "a rate of 0 to 30 % for each of the goods applied for")
    require(is_amount(cap_fen) and cap_fen <= PAYMENT_MAX, "E_AMOUNT", "1 to 2^53 - 1 fen")
    ahead = is_date(until) and parse_date(until) >= today()
    require(ahead, "E_DATE", "the last day lies ahead, YYYY-MM-DD")
    require(len(key) == 65 and key[0] == 4, "E_KEY", "a key has 65 bytes")
    found.rates = tuple((code, rates[code]) for code in found.goods)
    found.cap_fen = cap_fen
    found.until = until
    found.key = key
    return keep(quotas, found, QuotaGranted)


@export
def refuse_quota(id: str, reason: str, expected_version: int = 0) -> str:
    require_reason(reason)
    return keep(quotas, enter(QUOTA, quotas, id, "refuse_quota", expected_version), QuotaRefused)


@export
def revoke_quota(id: str, reason: str, expected_version: int = 0) -> str:
    require_reason(reason)
    return keep(quotas, enter(QUOTA, quotas, id, "revoke_quota", expected_version), QuotaRevoked)
