"""What a coin transaction must satisfy. Pure: facts in, a refusal or nothing out (dcep.md section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from consensus.encoding import ZERO_HASH, Hash
from consensus.payment import (
    CCY,
    NO_REFERENCE,
    OUTPUTS_MAX,
    VALUE_FEN_MAX,
    VERSION,
    Coin,
    CoinState,
    CoinTransaction,
    Kind,
    OwnerKind,
    regime_at,
)
from deploy.regcenter.errors import CenterError

TX_AGE_MAX_MS = 120_000
TX_AHEAD_MAX_MS = 5_000
# What opens a locked coin may be signed when the coin is locked, so that others can carry it when the time
# comes: the coin goes once, and its terms say until when.
SIGNED_AHEAD = (Kind.RELEASE, Kind.REFUND_LOCK)
SIGNED_AHEAD_MAX_MS = 366 * 86_400_000
PURPOSE_CHARS_MAX = 64


class Tier(Enum):
    """Where money is: at the center, in an operator's vault, in a wallet of the public."""

    CENTER = "center"
    VAULT = "vault"
    WALLET = "wallet"


@dataclass(frozen=True, slots=True)
class KindRule:
    """From which tier to which ones. Change may always go back to the payer, except where nothing comes out."""

    source: Tier
    targets: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """How many inputs and outputs, from and to."""

    inputs: tuple[int, int]
    outputs: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Posting:
    """What an accepted transaction does beside moving coins. payer: who paid, as the log says it.

    inputs: the state its inputs get; None gives a frozen coin the state it had. locked: outputs that stay
    under terms. reverses: the coin whose payment is taken back."""

    payer: Hash
    inputs: CoinState | None = CoinState.SPENT
    locked: frozenset[int] = frozenset()
    reverses: Hash | None = None


KIND_RULES: Mapping[int, KindRule] = {
    Kind.ISSUE: KindRule(Tier.CENTER, (Tier.VAULT,)),
    Kind.EXCHANGE: KindRule(Tier.VAULT, (Tier.WALLET, Tier.VAULT)),  # another bank's vault
    Kind.TRANSFER: KindRule(Tier.WALLET, (Tier.WALLET,)),
    Kind.REDEEM: KindRule(Tier.WALLET, (Tier.VAULT,)),
    Kind.DESTROY: KindRule(Tier.VAULT, (Tier.CENTER,)),
}


_SOME, _NONE, _ONE = (1, OUTPUTS_MAX), (0, 0), (1, 1)
SHAPES: Mapping[int, Shape] = {
    Kind.ISSUE: Shape(_NONE, _SOME),
    Kind.EXCHANGE: Shape(_SOME, _SOME),
    Kind.TRANSFER: Shape(_SOME, _SOME),
    Kind.REDEEM: Shape(_SOME, _SOME),
    Kind.DESTROY: Shape(_SOME, _NONE),
    Kind.LOCK: Shape(_SOME, _SOME),
    Kind.RELEASE: Shape(_ONE, _SOME),
    Kind.REFUND_LOCK: Shape(_ONE, _ONE),
    Kind.REVERSE: Shape(_SOME, _SOME),
    Kind.FREEZE: Shape(_SOME, _NONE),
    Kind.UNFREEZE: Shape(_SOME, _NONE),
    Kind.COURT_TRANSFER: Shape(_SOME, _SOME),
    Kind.MERGE: Shape((2, OUTPUTS_MAX), _ONE),
    Kind.SPLIT: Shape(_ONE, (2, OUTPUTS_MAX)),
}


def check_shape(tx: CoinTransaction, now_ms: int) -> None:
    """Everything that needs no state. Raises CenterError."""
    if tx.version != VERSION:
        raise CenterError("RC_VERSION", str(tx.version))
    shape = SHAPES.get(tx.kind)
    if shape is None:
        raise CenterError("RC_KIND", str(tx.kind))
    if tx.ccy != CCY:
        raise CenterError("RC_CURRENCY", tx.ccy)
    age_max_ms = SIGNED_AHEAD_MAX_MS if tx.kind in SIGNED_AHEAD else TX_AGE_MAX_MS
    if not now_ms - age_max_ms <= tx.time_ms <= now_ms + TX_AHEAD_MAX_MS:
        raise CenterError("RC_TIME", f"time_ms {tx.time_ms}, the center's clock says {now_ms}")
    if regime_at(now_ms) is None:
        raise CenterError("RC_TIME", "the center's clock stands before the first regime")
    if len(tx.purpose) > PURPOSE_CHARS_MAX or not (tx.purpose.isascii() and _printable(tx.purpose)):
        raise CenterError("RC_PURPOSE")
    if not shape.inputs[0] <= len(tx.inputs) <= shape.inputs[1]:
        raise CenterError("RC_INPUTS", f"{len(tx.inputs)} inputs")
    if not shape.outputs[0] <= len(tx.outputs) <= shape.outputs[1]:
        raise CenterError("RC_OUTPUTS", f"{len(tx.outputs)} outputs")
    if len(set(tx.inputs)) != len(tx.inputs):
        raise CenterError("RC_DUPLICATE_INPUT")
    for output in tx.outputs:
        if not 0 < output.value_fen <= VALUE_FEN_MAX:
            raise CenterError("RC_VALUE", f"{output.value_fen} fen")


def check_payment(
    tx: CoinTransaction,
    signer: Hash,
    coins: Sequence[Coin | None],
    tier_of: Callable[[Hash], Tier],
) -> Posting:
    """The five plain kinds: ownership, spending once, balance and tiers. `coins` are those of the inputs."""
    rule = KIND_RULES[tx.kind]
    found = spendable(tx, coins, signer)
    if rule.source is not Tier.CENTER and tier_of(signer) is not rule.source:
        raise CenterError("RC_TIER", f"the payer is no {rule.source.value}")
    if rule.source is not Tier.CENTER and tx.kind != Kind.DESTROY:
        check_balance(tx, found)
    _check_targets(tx, rule, signer, tier_of)
    return Posting(ZERO_HASH if tx.kind == Kind.ISSUE else signer)


def check_own(tx: CoinTransaction, signer: Hash, coins: Sequence[Coin | None]) -> Posting:
    """MERGE and SPLIT: an owner's coins become other coins of the same owner. Raises CenterError."""
    check_balance(tx, spendable(tx, coins, signer))
    if any((o.owner, o.reference) != (signer, NO_REFERENCE) for o in tx.outputs):
        raise CenterError("RC_TIER", "merging and splitting pay nobody")
    return Posting(signer)


def known(tx: CoinTransaction, coins: Sequence[Coin | None]) -> list[Coin]:
    """The coins of the inputs, none of them missing. Raises CenterError."""
    found = []
    for wanted, coin in zip(tx.inputs, coins, strict=True):
        if coin is None:
            raise CenterError("RC_UNKNOWN_COIN", wanted.hex())
        found.append(coin)
    return found


def spendable(tx: CoinTransaction, coins: Sequence[Coin | None], owner: Hash) -> list[Coin]:
    """The coins of the inputs: this owner's, free to be spent. Raises CenterError."""
    found = known(tx, coins)
    for coin in found:
        if coin.owner_kind == OwnerKind.CONTRACT and coin.state == CoinState.LOCKED:
            raise CenterError("RC_LOCKED", coin.coin_id.hex())
        if coin.owner != owner:
            raise CenterError("RC_OWNER", coin.coin_id.hex())
        check_free(coin, CoinState.UNSPENT)
    return found


def check_free(coin: Coin, wanted: CoinState) -> None:
    """The coin is in the state that the kind needs. Raises CenterError with the code of the state it is in."""
    if coin.state != wanted:
        raise CenterError(_STATE_CODES[coin.state], coin.coin_id.hex())


_STATE_CODES: Mapping[int, str] = {
    CoinState.UNSPENT: "RC_NOT_HELD",
    CoinState.SPENT: "RC_DOUBLE_SPEND",
    CoinState.LOCKED: "RC_LOCKED",
    CoinState.FROZEN: "RC_FROZEN",
    CoinState.VOID: "RC_DOUBLE_SPEND",
}


def check_balance(tx: CoinTransaction, coins: Sequence[Coin]) -> None:
    """What goes in comes out, to the fen. Raises CenterError."""
    paid_in = sum(coin.value_fen for coin in coins)
    paid_out = sum(output.value_fen for output in tx.outputs)
    if paid_out > paid_in:
        raise CenterError("RC_OVERSPEND", f"{paid_out} of {paid_in} fen")
    if paid_out < paid_in:
        raise CenterError("RC_UNBALANCED", f"{paid_out} of {paid_in} fen")


def _check_targets(
    tx: CoinTransaction, rule: KindRule, payer: Hash, tier_of: Callable[[Hash], Tier]
) -> None:
    wanted = " or ".join(tier.value for tier in rule.targets)
    reached = tx.kind == Kind.DESTROY
    for output in tx.outputs:
        is_payers = output.owner == payer
        counts = (
            is_payers if tx.kind == Kind.ISSUE else not (is_payers and rule.source is Tier.VAULT)
        )
        if tier_of(output.owner) in rule.targets and counts:
            reached = True
        elif not is_payers:
            raise CenterError("RC_TIER", f"an output goes to no {wanted}")
    if not reached:
        raise CenterError("RC_TIER", f"no output goes to a {wanted}")


def _printable(text: str) -> bool:
    return all(" " <= character <= "~" for character in text)
