"""Identity-based keys (SM9) for low-tier wallets: a name instead of a certificate.

A key generation center (KGC), registered by the root key, gives a wallet the private key of its name
`wallet|yyyymm|tier`; nobody needs a certificate, and a key ends with its month. The KGC could sign for any of
its names (key escrow), so only wallets of categories 3 and 4 are opened this way.

SM9 here is pure Python (gmalg, an optional package: `pip install citychain[sm9]`): checking a signature takes
0.28 s, a thousand times SM2. A holder therefore signs once a month, to enrol an SM2 key that pays
until the month ends in Beijing; `POST /enrol` checks one signature at a time, outside the task that writes.
"""

from __future__ import annotations

import datetime
import importlib.util
from dataclasses import dataclass
from typing import Protocol

from consensus.encoding import Hash
from deploy.regcenter.errors import CenterError
from deploy.regcenter.limits import Category
from deploy.regcenter.requests import Enrolment, EnrolQuery, digest_of

SIGNING_HID = b"\x01"
MASTER_KEY_BYTES = 129
POINT_BYTES = 65
TIERS = (Category.THIRD, Category.FOURTH)
_BEIJING = datetime.timezone(datetime.timedelta(hours=8))
_FIELD = 0xB640000002A3A6F1D603AB4FF58EC74521F2934B1A7AEEDBE56F9B27E351457D
_ORDER = 0xB640000002A3A6F1D603AB4FF58EC74449F2934B18EA8BEEE56EE19CD69ECF25


@dataclass(frozen=True, slots=True)
class Kgc:
    """A key generation center: its name and master public key (04 and four field elements)."""

    name: str
    master_key: bytes


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An enrolment whose signature was checked: only `check` makes it."""

    query: EnrolQuery
    kgc_name: str


class Authenticator(Protocol):
    """What tells whether a name signed a message: the one interface, whatever the cryptography behind it."""

    def holds(self, name: bytes, message: bytes, signature: tuple[bytes, bytes]) -> bool: ...


class Sm9Authenticator:
    """Signatures of names under one master key. Raises CenterError RC_SM9 without the optional package."""

    def __init__(self, master_key: bytes) -> None:
        if importlib.util.find_spec("gmalg") is None:
            raise CenterError("RC_SM9", "the package gmalg is not installed")
        self._master_key = master_key

    def holds(self, name: bytes, message: bytes, signature: tuple[bytes, bytes]) -> bool:
        from gmalg import SM9  # type: ignore[import-untyped]
        from gmalg.errors import GMError  # type: ignore[import-untyped]

        h, point = signature
        if not _is_signature(h, point):
            return False
        try:
            checker = SM9(hid_s=SIGNING_HID, mpk_s=self._master_key, uid=name)
            return bool(checker.verify(message, h, point))
        except GMError:
            return False


def name_of(query: EnrolQuery | Enrolment) -> bytes:
    """The identity that signs: `wallet|yyyymm|tier`."""
    return f"{query.wallet}|{query.epoch}|{query.tier}".encode("ascii")


def month_of(time_ms: int) -> int:
    """yyyymm in Beijing."""
    date = datetime.datetime.fromtimestamp(time_ms / 1_000, _BEIJING)
    return date.year * 100 + date.month


def check(
    kgc: Kgc | None, log_id: Hash, public_key: bytes, query: EnrolQuery, now_ms: int
) -> Enrolled:
    """Everything that needs no state, slowest last. Raises CenterError RC_SM9."""
    wrong = {
        "no such key generation center": kgc is None,
        "the key is of another month": query.epoch != month_of(now_ms),
        "only wallets of categories 3 and 4": query.tier not in list(TIERS),
        "a wallet is named by 1 to 64 letters, digits, - and .": not _is_name(query.wallet),
    }
    for what, is_wrong in wrong.items():
        if is_wrong:
            raise CenterError("RC_SM9", what)
    assert kgc is not None
    enrolment = Enrolment(log_id, query.kgc, query.wallet, query.tier, query.epoch, public_key)
    authenticator: Authenticator = Sm9Authenticator(kgc.master_key)
    if not authenticator.holds(name_of(query), digest_of(enrolment), (query.h, query.point)):
        raise CenterError("RC_SM9", "the name did not sign it")
    return Enrolled(query, kgc.name)


def _is_name(text: str) -> bool:
    plain = text.replace("-", "").replace(".", "")
    return 0 < len(text) <= 64 and text.isascii() and plain.isalnum()


def _numbers(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 32], "big") for at in range(1, len(data), 32)]


def is_master_key(data: bytes) -> bool:
    """Four field elements after 04; that they are a good key is the word of who registers them."""
    return (
        len(data) == MASTER_KEY_BYTES and data[0] == 4 and all(n < _FIELD for n in _numbers(data))
    )


def _is_signature(h: bytes, point: bytes) -> bool:
    return (
        len(h) == 32
        and 0 < int.from_bytes(h, "big") < _ORDER
        and len(point) == POINT_BYTES
        and point[0] == 4
        and all(number < _FIELD for number in _numbers(point))
    )
