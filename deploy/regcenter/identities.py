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
from dataclasses import dataclass, field, replace
from typing import Protocol

from consensus.encoding import Hash
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
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
        _require_sm9()
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


@dataclass(frozen=True, slots=True)
class IdentityKey:
    """The private key of a name, as its generation center hands it out."""

    master_key: bytes
    wallet: str
    tier: int
    epoch: int
    private: bytes = field(repr=False)

    @property
    def kgc(self) -> Hash:
        return Hash(sm3(self.master_key))


def make_master() -> tuple[bytes, bytes]:
    """A generation center's private number and public key. Raises CenterError RC_SM9 without the package."""
    _require_sm9()
    from gmalg import SM9KGC

    secret, public = SM9KGC(hid_s=SIGNING_HID).generate_keypair_sign()
    return secret, public


def make_identity(
    secret: bytes, master_key: bytes, wallet: str, tier: int, epoch: int
) -> IdentityKey:
    """The generation center makes a name's key for a month. Raises CenterError RC_SM9."""
    _require_sm9()
    from gmalg import SM9KGC

    query = EnrolQuery(Hash(sm3(master_key)), wallet, tier, epoch, b"", b"")
    _check_name(query)
    maker = SM9KGC(hid_s=SIGNING_HID, msk_s=secret, mpk_s=master_key)
    private = maker.generate_sk_sign(name_of(query))
    return IdentityKey(master_key, wallet, tier, epoch, private)


def enrolment(log_id: Hash, key: IdentityKey, public_key: bytes) -> EnrolQuery:
    """What a name signs so that an SM2 key pays for its wallet. Raises CenterError RC_SM9."""
    _require_sm9()
    from gmalg import SM9

    query = EnrolQuery(key.kgc, key.wallet, key.tier, key.epoch, b"", b"")
    signer = SM9(hid_s=SIGNING_HID, mpk_s=key.master_key, sk_s=key.private, uid=name_of(query))
    wanted = Enrolment(log_id, key.kgc, key.wallet, key.tier, key.epoch, public_key)
    h, point = signer.sign(digest_of(wanted))
    return replace(query, h=h, point=point)


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
    if kgc is None:
        raise CenterError("RC_SM9", "no such key generation center")
    if query.epoch != month_of(now_ms):
        raise CenterError("RC_SM9", "the key is of another month")
    _check_name(query)
    enrolment = Enrolment(log_id, query.kgc, query.wallet, query.tier, query.epoch, public_key)
    authenticator: Authenticator = Sm9Authenticator(kgc.master_key)
    if not authenticator.holds(name_of(query), digest_of(enrolment), (query.h, query.point)):
        raise CenterError("RC_SM9", "the name did not sign it")
    return Enrolled(query, kgc.name)


def _require_sm9() -> None:
    if importlib.util.find_spec("gmalg") is None:
        raise CenterError("RC_SM9", "the package gmalg is not installed")


def _check_name(query: EnrolQuery) -> None:
    if query.tier not in list(TIERS):
        raise CenterError("RC_SM9", "only wallets of categories 3 and 4")
    if not _is_name(query.wallet):
        raise CenterError("RC_SM9", "a wallet is named by 1 to 64 letters, digits, - and .")


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
