"""Conditional coins: what LOCK, RELEASE and REFUND_LOCK must satisfy. Pure (dcep.md section 3.7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from consensus.encoding import ZERO_HASH, Hash
from consensus.payment import Coin, CoinState, CoinTransaction
from consensus.payment_lock import (
    ARBITERS_MAX,
    LOCK_VERSION,
    PREIMAGE_BYTES,
    Condition,
    LockTerms,
    lock_address,
)
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.rules import Posting, Tier, check_balance, check_free, known, spendable

LOCK_MS_MAX = 366 * 86_400_000
_BY_ARBITERS = (Condition.MULTISIG, Condition.MILESTONE)


def check_lock(
    tx: CoinTransaction,
    signer: Hash,
    coins: Sequence[Coin | None],
    tier_of: Callable[[Hash], Tier],
    terms: LockTerms | None,
    now_ms: int,
) -> Posting:
    """Output 0 goes under the terms, all others back to the payer. Raises CenterError."""
    if terms is None:
        raise CenterError("RC_TERMS", "a lock comes with its terms")
    found = spendable(tx, coins, signer)
    if tier_of(signer) is not Tier.WALLET:
        raise CenterError("RC_TIER", "only a wallet locks money")
    check_balance(tx, found)
    check_terms(terms, now_ms)
    if tier_of(terms.payee) is not Tier.WALLET:
        raise CenterError("RC_TIER", "only a wallet is paid by a lock")
    if terms.payer != signer:
        raise CenterError("RC_TERMS", "the payer of the terms is another wallet")
    locked, *change = tx.outputs
    if locked.owner != lock_address(sm3, terms) or locked.value_fen != terms.amount_fen:
        raise CenterError("RC_TERMS", "output 0 is not the one of the terms")
    if any(output.owner != signer for output in change):
        raise CenterError("RC_TERMS", "only change may stand beside the locked output")
    return Posting(signer, locked=frozenset((0,)))


def check_terms(terms: LockTerms, now_ms: int) -> None:
    """The terms can be met and can expire. Raises CenterError RC_TERMS."""
    condition = terms.condition
    by_arbiters = condition in _BY_ARBITERS
    threshold_max = len(terms.arbiters)
    wrong = {
        "unknown version": terms.version != LOCK_VERSION,
        "this condition is not offered": condition not in (Condition.TIME, Condition.HASH)
        and not by_arbiters,
        "payer and payee are one": terms.payer == terms.payee,
        "it expires in the past or too late": not now_ms < terms.expires_ms <= now_ms + LOCK_MS_MAX,
        "a hash, and only a hash, has a program": (condition == Condition.HASH)
        is (terms.program_hash == ZERO_HASH),
        "a time, and only a time, has a beginning": (condition == Condition.TIME)
        is (terms.after_ms == 0),
        "it begins when it has expired": terms.after_ms >= terms.expires_ms,
        "arbiters stand where they decide": by_arbiters is (threshold_max == 0),
        "too many arbiters, or one twice": threshold_max > ARBITERS_MAX
        or len(set(terms.arbiters)) != threshold_max,
        "the threshold cannot be met": not int(by_arbiters) <= terms.threshold <= threshold_max,
    }
    for what, is_wrong in wrong.items():
        if is_wrong:
            raise CenterError("RC_TERMS", what)


def check_release(
    tx: CoinTransaction,
    signer: Hash,
    coins: Sequence[Coin | None],
    terms: LockTerms | None,
    evidence: tuple[bytes, frozenset[Hash]],
    now_ms: int,
    reference: Hash,
) -> Posting:
    """The payee takes the money. evidence: preimage, and the addresses that signed too. Raises CenterError.

    reference: of the lock. What a hash opens pays what the lock was for, so that its payer can prove it."""
    coin, terms = _locked(tx, coins, terms)
    if signer != terms.payee:
        raise CenterError("RC_OWNER", "only the payee takes it")
    if now_ms >= terms.expires_ms:
        raise CenterError("RC_EXPIRED", f"since {terms.expires_ms}")
    check_balance(tx, [coin])
    _check_condition(terms, *evidence, now_ms)
    rest = frozenset(i for i, output in enumerate(tx.outputs) if output.owner == coin.owner)
    if rest and (terms.condition != Condition.MILESTONE or len(rest) > 1):
        raise CenterError("RC_CONDITION", "these terms leave no rest")
    if len(rest) == len(tx.outputs):
        raise CenterError("RC_CONDITION", "nothing is released")
    if terms.condition == Condition.HASH and any(o.reference != reference for o in tx.outputs):
        raise CenterError("RC_CONDITION", "it pays under another reference than the lock's")
    if any(o.owner not in (terms.payee, coin.owner) for o in tx.outputs):
        raise CenterError("RC_OWNER", "a release pays the payee")
    return Posting(terms.payer, locked=rest)


def check_refund(
    tx: CoinTransaction,
    signer: Hash,
    coins: Sequence[Coin | None],
    terms: LockTerms | None,
    approved: frozenset[Hash],
    now_ms: int,
) -> Posting:
    """The payer takes the money back: from the expiry on, before it with the payee's signature."""
    coin, terms = _locked(tx, coins, terms)
    if signer != terms.payer or tx.outputs[0].owner != terms.payer:
        raise CenterError("RC_OWNER", "a refund is the payer's, to the payer")
    if now_ms < terms.expires_ms and terms.payee not in approved:
        raise CenterError("RC_NOT_EXPIRED", f"until {terms.expires_ms}")
    check_balance(tx, [coin])
    return Posting(terms.payer)


def _locked(
    tx: CoinTransaction, coins: Sequence[Coin | None], terms: LockTerms | None
) -> tuple[Coin, LockTerms]:
    (coin,) = known(tx, coins)
    check_free(coin, CoinState.LOCKED)
    assert terms is not None, "a locked coin has its terms"
    return coin, terms


def _check_condition(
    terms: LockTerms, preimage: bytes, approved: frozenset[Hash], now_ms: int
) -> None:
    if terms.condition == Condition.TIME and now_ms < terms.after_ms:
        raise CenterError("RC_CONDITION", f"not before {terms.after_ms}")
    if terms.condition == Condition.HASH and (
        len(preimage) != PREIMAGE_BYTES or sm3(preimage) != terms.program_hash
    ):
        raise CenterError("RC_CONDITION", "it is not the preimage")
    if terms.condition in _BY_ARBITERS:
        agreed = len(approved.intersection(terms.arbiters))
        if agreed < terms.threshold:
            raise CenterError("RC_CONDITION", f"{agreed} of {terms.threshold} arbiters signed")
