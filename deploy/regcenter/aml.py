"""What banks must report of wallets: large values, haste, structuring, listed names; each report with its
clock.

Amounts are counted one-sided over a day in Beijing (dcep.md section 3.6, order 3 of 2016); the large-value
thresholds and the five business days are that order's, the others are our own figures. A report changes no
payment.

Keys of the store: `A` activity by wallet and day, `R` reports, `S` listed names, `L` the last report by
wallet and pattern.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from consensus.encoding import Hash, decode, encode
from contracts.rules import calendar, mainland_days
from deploy.regcenter.errors import CenterError
from deploy.regcenter.limits import Category, day_of
from deploy.regcenter.model import WalletRecord
from deploy.regcenter.store import Overlay

_YUAN = 100
_HOUR_MS = 3_600_000
REPORTS_PAGE = 200
NAME_CHARS_MAX = 200


class Pattern(StrEnum):
    LARGE = "large value"
    CASH = "large cash"
    VELOCITY = "velocity"
    STRUCTURING = "structuring"
    LISTED = "listed name"


@dataclass(frozen=True, slots=True)
class AmlPolicy:
    """In force from `from_ms`. All amounts in fen, a day, one-sided."""

    from_ms: int
    cash_fen: int
    corporate_fen: int
    person_fen: int
    person_abroad_fen: int
    payments_an_hour: int
    near_percent: int  # a day of at least this share of the threshold, and below it, is a near day
    near_days: int  # of the last seven
    business_days: int  # to hand a report in


POLICIES = (
    AmlPolicy(
        1_498_838_400_000,  # 2017-07-01 00:00 in Beijing, when order 3 of 2016 came into force
        50_000 * _YUAN, 2_000_000 * _YUAN, 500_000 * _YUAN, 200_000 * _YUAN, 30, 80, 3, 5,
    ),
)  # fmt: skip


def policy_at(time_ms: int) -> AmlPolicy:
    found = POLICIES[0]
    for policy in POLICIES:
        if policy.from_ms <= time_ms:
            found = policy
    return found


@dataclass(frozen=True, slots=True)
class Activity:
    """A wallet's day. abroad_fen: paid and received across the border. hour, count: payments in that hour."""

    out_fen: int
    in_fen: int
    abroad_fen: int
    cash_fen: int
    hour: int
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """due_ms: the end of the last day to hand it in. filed_ms: when it was, 0 while it was not."""

    serial: int
    pattern: str
    wallet: Hash
    bank: Hash
    day: int
    value_fen: int
    txid: Hash
    made_ms: int
    due_ms: int
    filed_ms: int

    def status(self, now_ms: int) -> str:
        if self.filed_ms:
            return "filed" if self.filed_ms < self.due_ms else "filed late"
        return "open" if now_ms < self.due_ms else "overdue"


@dataclass(frozen=True, slots=True)
class Side:
    """One wallet's side of a movement. is_payer: it pays. is_cash: handed over at a machine."""

    record: WalletRecord
    value_fen: int
    is_payer: bool
    is_abroad: bool
    is_cash: bool


def observe(overlay: Overlay, side: Side, txid: Hash, now_ms: int) -> None:
    """Counts a movement of one wallet and writes the reports it calls for, each once a day."""
    record, day, policy = side.record, day_of(now_ms), policy_at(now_ms)
    before = _activity(overlay, record.wallet, day)
    now = _counted(before, side, now_ms // _HOUR_MS)
    overlay.put(_day_key(record.wallet, day), encode(now))
    found: list[tuple[Pattern, int]] = []
    threshold = _threshold(record, policy)
    largest = max(now.out_fen, now.in_fen)
    if largest >= threshold:
        found.append((Pattern.LARGE, largest))
    elif _is_natural(record) and now.abroad_fen >= policy.person_abroad_fen:
        found.append((Pattern.LARGE, now.abroad_fen))
    if now.cash_fen >= policy.cash_fen:
        found.append((Pattern.CASH, now.cash_fen))
    if now.count >= policy.payments_an_hour:
        found.append((Pattern.VELOCITY, now.out_fen))
    if _is_near(largest, threshold, policy) and (
        _near_days(overlay, record.wallet, day, threshold, policy) >= policy.near_days
    ):
        found.append((Pattern.STRUCTURING, largest))
    if is_listed(overlay, record.holder):
        found.append((Pattern.LISTED, side.value_fen))
    for pattern, value in found:
        _report(overlay, pattern, record, value, txid, now_ms)


def screen(overlay: Overlay, record: WalletRecord, now_ms: int) -> None:
    """At the opening of a wallet."""
    if is_listed(overlay, record.holder):
        _report(overlay, Pattern.LISTED, record, 0, record.wallet, now_ms)


def is_name(name: str) -> bool:
    return 0 < len(name) <= NAME_CHARS_MAX and bool(_plain(name))


def list_name(overlay: Overlay, name: str, is_on: bool) -> None:
    overlay.put(b"S" + _plain(name).encode(), b"\x01" if is_on else None)


def is_listed(overlay: Overlay, holder: str) -> bool:
    """Whether the holder, or what stands before a comma (an identifier follows it), is on the list."""
    return any(overlay.get(key) is not None for key in _list_keys(holder))


def reports(overlay: Overlay, bank: Hash | None, after: int) -> list[Report]:
    """A page of reports, those of one bank or all."""
    found = [decode(Report, data) for _, data in overlay.items(b"R")]
    mine = [r for r in found if r.serial > after and (bank is None or r.bank == bank)]
    return mine[:REPORTS_PAGE]


def file_report(overlay: Overlay, bank: Hash, serial: int, now_ms: int) -> Report:
    """The bank has handed a report in. Raises CenterError RC_REPORT."""
    data = overlay.get(_report_key(serial))
    found = None if data is None else decode(Report, data)
    if found is None or found.bank != bank or found.filed_ms:
        raise CenterError("RC_REPORT", str(serial))
    filed = replace(found, filed_ms=now_ms)
    overlay.put(_report_key(serial), encode(filed))
    return filed


@lru_cache(4_096)
def _list_keys(holder: str) -> frozenset[bytes]:
    names = (holder, holder.partition(",")[0])
    return frozenset(b"S" + _plain(name).encode() for name in names)


def _plain(name: str) -> str:
    """One form for a name in any width, case and spacing."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _is_natural(record: WalletRecord) -> bool:
    return record.category != Category.CORPORATE


def _threshold(record: WalletRecord, policy: AmlPolicy) -> int:
    return policy.person_fen if _is_natural(record) else policy.corporate_fen


def _counted(before: Activity, side: Side, hour: int) -> Activity:
    count = (before.count if before.hour == hour else 0) + side.is_payer
    return Activity(
        out_fen=before.out_fen + side.value_fen * side.is_payer,
        in_fen=before.in_fen + side.value_fen * (not side.is_payer),
        abroad_fen=before.abroad_fen + side.value_fen * side.is_abroad,
        cash_fen=before.cash_fen + side.value_fen * side.is_cash,
        hour=hour,
        count=count,
    )


def _near_days(overlay: Overlay, wallet: Hash, day: int, threshold: int, policy: AmlPolicy) -> int:
    """Of the last seven days, those whose sum stayed just below the threshold."""
    count = 0
    for past in range(max(day - 6, 0), day + 1):
        found = _activity(overlay, wallet, past)
        count += _is_near(max(found.out_fen, found.in_fen), threshold, policy)
    return count


def _is_near(fen: int, threshold: int, policy: AmlPolicy) -> bool:
    return threshold * policy.near_percent <= fen * 100 < threshold * 100


def _business_days_after(day: int, count: int) -> int:
    """The day that lies `count` business days of mainland China after `day`."""
    while count > 0:
        day += 1
        count -= mainland_days.is_open(calendar.date_text(day), calendar.weekday(day))
    return day


def _report(
    overlay: Overlay, pattern: Pattern, record: WalletRecord, value: int, txid: Hash, now_ms: int
) -> None:
    day = day_of(now_ms)
    last_key = b"L" + record.wallet + pattern.encode()
    if overlay.get(last_key) == day.to_bytes(8, "big"):
        return
    overlay.put(last_key, day.to_bytes(8, "big"))
    serial = int.from_bytes(overlay.get(b"L") or b"", "big") + 1
    overlay.put(b"L", serial.to_bytes(8, "big"))
    due = _business_days_after(day, policy_at(now_ms).business_days)
    made = Report(
        serial, pattern.value, record.wallet, record.bank, day, value, txid, now_ms,
        calendar.day_end_ms(due), 0,
    )  # fmt: skip
    overlay.put(_report_key(serial), encode(made))


def _activity(overlay: Overlay, wallet: Hash, day: int) -> Activity:
    data = overlay.get(_day_key(wallet, day))
    return Activity(0, 0, 0, 0, 0, 0) if data is None else decode(Activity, data)


def _day_key(wallet: Hash, day: int) -> bytes:
    return b"A" + wallet + day.to_bytes(8, "big")


def _report_key(serial: int) -> bytes:
    return b"R" + serial.to_bytes(8, "big")
