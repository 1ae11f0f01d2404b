"""Money across the border: who lives where, what a wallet is for, and what it may therefore pay. Pure.

A wallet that no bank registered counts as one of the home country without a use. Reserve-class money is what
lies in reserve wallets: it goes to reserve wallets and back to a bank, never into a purse at home, so the
class needs no mark on the coin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from consensus.payment import Kind
from deploy.regcenter.errors import CenterError

HOME = "CN"


class Use(IntEnum):
    """TRAVELLER and MERCHANT are retail: no purpose code is asked of them."""

    ORDINARY = 0
    TRAVELLER = 1
    MERCHANT = 2
    RESERVE = 3


PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        "GOODS": "trade in goods",
        "SERVICES": "trade in services",
        "CURRENT": "other current items: wages, dividends, donations",
        "CAPITAL": "investment and financing",
        "RESERVE": "reserve holdings of monetary authorities",
    }
)
"""First word of the purpose of a payment across the border. Our own codes, modelled on those banks ask for."""

_RETAIL = (Use.TRAVELLER, Use.MERCHANT)
_PAYMENTS = (Kind.TRANSFER, Kind.LOCK)


@dataclass(frozen=True, slots=True)
class Profile:
    """until_ms: when the wallet ends, 0 for never."""

    residence: str = HOME
    use: int = Use.ORDINARY
    until_ms: int = 0

    @property
    def is_abroad(self) -> bool:
        return self.residence != HOME


UNREGISTERED = Profile()


def check_profile(profile: Profile) -> None:
    """Raises CenterError RC_WALLET."""
    code = profile.residence
    if len(code) != 2 or not (code.isascii() and code.isalpha() and code.isupper()):
        raise CenterError("RC_WALLET", "the residence is a country code of two letters")
    if profile.use not in list(Use):
        raise CenterError("RC_WALLET", "no such use")
    if profile.use != Use.ORDINARY and not profile.is_abroad:
        raise CenterError("RC_WALLET", "this use is for holders from abroad")
    if (profile.use == Use.TRAVELLER) is (profile.until_ms == 0):
        raise CenterError("RC_WALLET", "a traveller's wallet, and only that, has an end")


def check_pair(kind: int, payer: Profile, payee: Profile, purpose: str, now_ms: int) -> None:
    """Whether money may go from one wallet to another. Raises CenterError."""
    if kind == Kind.EXCHANGE:
        _check_open(payee, now_ms)
    if kind not in _PAYMENTS:
        return
    _check_open(payer, now_ms)
    _check_open(payee, now_ms)
    if (payer.use == Use.RESERVE) is not (payee.use == Use.RESERVE):
        raise CenterError("RC_RESERVE_CLASS", "between a reserve wallet and another")
    if payer.is_abroad is payee.is_abroad or payer.use in _RETAIL or payee.use in _RETAIL:
        return
    code = purpose.partition(" ")[0]
    if code not in PURPOSES:
        raise CenterError("RC_PURPOSE_CODE", f"known are {', '.join(PURPOSES)}")


def _check_open(profile: Profile, now_ms: int) -> None:
    if profile.until_ms and now_ms >= profile.until_ms:
        raise CenterError("RC_WALLET_ENDED", f"at {profile.until_ms}")
