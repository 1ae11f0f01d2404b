"""Money that goes another way than its owner's word: REVERSE, FREEZE, UNFREEZE, COURT_TRANSFER. Pure.

A payment is final. The payee may pay it back (REVERSE: output 0 refers to the coin of the payment); an
authority may freeze coins under the number of an order, which stands in the purpose; the court that froze
them may move them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consensus.encoding import Hash
from consensus.payment import NO_REFERENCE, Coin, CoinState, CoinTransaction, Kind
from deploy.regcenter.errors import CenterError
from deploy.regcenter.model import Authority, Freeze
from deploy.regcenter.rules import Posting, Tier, check_balance, check_free, known, spendable

ROLE_COURT, ROLE_AML = "court", "aml"
ROLES = (ROLE_COURT, ROLE_AML)
REVERSIBLE = (Kind.TRANSFER, Kind.RELEASE)


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment that is to be taken back. payer, kind: of its transaction. reversed_fen: given back so far."""

    coin: Coin
    kind: int
    payer: Hash
    reversed_fen: int


def check_reverse(
    tx: CoinTransaction, signer: Hash, coins: Sequence[Coin | None], paid: Paid | None
) -> Posting:
    """The payee pays back, wholly or partly, never more than was paid. Raises CenterError."""
    found = spendable(tx, coins, signer)
    check_balance(tx, found)
    if paid is None or paid.kind not in REVERSIBLE:
        raise CenterError("RC_REVERSAL", "output 0 refers to no payment")
    if paid.coin.owner != signer or paid.payer == signer:
        raise CenterError("RC_REVERSAL", "only the payee gives a payment back")
    back, *change = tx.outputs
    if back.owner != paid.payer:
        raise CenterError("RC_REVERSAL", "it goes back to the payer")
    if any((o.owner, o.reference) != (signer, NO_REFERENCE) for o in change):
        raise CenterError("RC_REVERSAL", "only change may stand beside it")
    if paid.reversed_fen + back.value_fen > paid.coin.value_fen:
        left = paid.coin.value_fen - paid.reversed_fen
        raise CenterError("RC_REVERSAL", f"{back.value_fen} of {left} fen that are left")
    return Posting(signer, reverses=paid.coin.coin_id)


def check_freeze(
    tx: CoinTransaction, coins: Sequence[Coin | None], authority: Authority | None
) -> Posting:
    """Coins of one owner, free or locked, are held. They keep id, value and owner. Raises CenterError."""
    _require(tx, authority, ROLES)
    found = known(tx, coins)
    for coin in found:
        if coin.state != CoinState.LOCKED:
            check_free(coin, CoinState.UNSPENT)
    return Posting(_owner(found), inputs=CoinState.FROZEN)


def check_unfreeze(
    tx: CoinTransaction,
    signer: Hash,
    coins: Sequence[Coin | None],
    authority: Authority | None,
    freezes: Sequence[Freeze | None],
) -> Posting:
    """Who froze lets go, under the same order; each coin is again what it was. Raises CenterError."""
    _require(tx, authority, ROLES)
    found = _frozen(tx, signer, coins, freezes)
    return Posting(_owner(found), inputs=None)


def check_court_transfer(
    tx: CoinTransaction,
    signer: Hash,
    coins: Sequence[Coin | None],
    authority: Authority | None,
    freezes: Sequence[Freeze | None],
    tier_of: Callable[[Hash], Tier],
) -> Posting:
    """The court moves what it froze, under the same order, into wallets. Raises CenterError."""
    _require(tx, authority, (ROLE_COURT,))
    found = _frozen(tx, signer, coins, freezes)
    check_balance(tx, found)
    owner = _owner(found)
    if any(
        tier_of(address) is not Tier.WALLET for address in (owner, *(o.owner for o in tx.outputs))
    ):
        raise CenterError("RC_TIER", "a court moves money between wallets")
    return Posting(owner)


def _require(tx: CoinTransaction, authority: Authority | None, roles: Sequence[str]) -> None:
    if authority is None or authority.role not in roles:
        raise CenterError("RC_AUTHORITY", f"needed: {' or '.join(roles)}")
    if not tx.purpose:
        raise CenterError("RC_ORDER", "the purpose is the number of the order")


def _frozen(
    tx: CoinTransaction,
    signer: Hash,
    coins: Sequence[Coin | None],
    freezes: Sequence[Freeze | None],
) -> list[Coin]:
    found = known(tx, coins)
    for coin, freeze in zip(found, freezes, strict=True):
        check_free(coin, CoinState.FROZEN)
        assert freeze is not None, "a frozen coin has its order"
        if freeze.authority != signer:
            raise CenterError("RC_AUTHORITY", "another authority froze it")
        if freeze.order != tx.purpose:
            raise CenterError("RC_ORDER", f"it was frozen under {freeze.order}")
    return found


def _owner(coins: Sequence[Coin]) -> Hash:
    owners = {coin.owner for coin in coins}
    if len(owners) != 1:
        raise CenterError("RC_OWNER", "an order names the coins of one owner at a time")
    return owners.pop()
