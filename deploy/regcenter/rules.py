"""What a coin transaction must satisfy. Pure: facts in, a refusal or nothing out (dcep.md section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from consensus.encoding import Hash
from consensus.payment import (
    CCY,
    OUTPUTS_MAX,
    VALUE_FEN_MAX,
    VERSION,
    Coin,
    CoinState,
    CoinTransaction,
    Kind,
    regime_at,
)
from deploy.regcenter.errors import CenterError

TX_AGE_MAX_MS = 120_000
TX_AHEAD_MAX_MS = 5_000
PURPOSE_CHARS_MAX = 64


class Tier(Enum):
    """Where money is: at the center, in an operator's vault, in a wallet of the public."""

    CENTER = "center"
    VAULT = "vault"
    WALLET = "wallet"


@dataclass(frozen=True, slots=True)
class KindRule:
    """From which tier to which. Change may always go back to the payer, except where nothing comes out."""

    source: Tier
    target: Tier


KIND_RULES: Mapping[int, KindRule] = {
    Kind.ISSUE: KindRule(Tier.CENTER, Tier.VAULT),
    Kind.EXCHANGE: KindRule(Tier.VAULT, Tier.WALLET),
    Kind.TRANSFER: KindRule(Tier.WALLET, Tier.WALLET),
    Kind.REDEEM: KindRule(Tier.WALLET, Tier.VAULT),
    Kind.DESTROY: KindRule(Tier.VAULT, Tier.CENTER),
}


def check_shape(tx: CoinTransaction, now_ms: int) -> KindRule:
    """Everything that needs no state. Raises CenterError."""
    if tx.version != VERSION:
        raise CenterError("RC_VERSION", str(tx.version))
    rule = KIND_RULES.get(tx.kind)
    if rule is None:
        raise CenterError("RC_KIND", str(tx.kind))
    if tx.ccy != CCY:
        raise CenterError("RC_CURRENCY", tx.ccy)
    if not now_ms - TX_AGE_MAX_MS <= tx.time_ms <= now_ms + TX_AHEAD_MAX_MS:
        raise CenterError("RC_TIME", f"time_ms {tx.time_ms}, the center's clock says {now_ms}")
    if regime_at(now_ms) is None:
        raise CenterError("RC_TIME", "the center's clock stands before the first regime")
    if len(tx.purpose) > PURPOSE_CHARS_MAX or not (tx.purpose.isascii() and _printable(tx.purpose)):
        raise CenterError("RC_PURPOSE")
    inputs_min = 0 if rule.source is Tier.CENTER else 1
    inputs_max = 0 if rule.source is Tier.CENTER else OUTPUTS_MAX
    if not inputs_min <= len(tx.inputs) <= inputs_max:
        raise CenterError("RC_INPUTS", f"{len(tx.inputs)} inputs")
    outputs_min = 0 if rule.target is Tier.CENTER else 1
    outputs_max = 0 if rule.target is Tier.CENTER else OUTPUTS_MAX
    if not outputs_min <= len(tx.outputs) <= outputs_max:
        raise CenterError("RC_OUTPUTS", f"{len(tx.outputs)} outputs")
    if len(set(tx.inputs)) != len(tx.inputs):
        raise CenterError("RC_DUPLICATE_INPUT")
    for output in tx.outputs:
        if not 0 < output.value_fen <= VALUE_FEN_MAX:
            raise CenterError("RC_VALUE", f"{output.value_fen} fen")
    return rule


def check_coins(
    tx: CoinTransaction,
    rule: KindRule,
    payer: Hash,
    coins: Sequence[Coin | None],
    tier_of: Callable[[Hash], Tier],
) -> None:
    """Ownership, spending once, balance and tiers. `coins` are those of the inputs. Raises CenterError."""
    for wanted, coin in zip(tx.inputs, coins, strict=True):
        if coin is None:
            raise CenterError("RC_UNKNOWN_COIN", wanted.hex())
        if coin.owner != payer:
            raise CenterError("RC_OWNER", wanted.hex())
        if coin.state == CoinState.SPENT:
            raise CenterError("RC_DOUBLE_SPEND", wanted.hex())
        assert coin.state == CoinState.UNSPENT, "no other states are made yet"
    if rule.source is not Tier.CENTER and tier_of(payer) is not rule.source:
        raise CenterError("RC_TIER", f"the payer is no {rule.source.value}")
    if rule.source is not Tier.CENTER and rule.target is not Tier.CENTER:
        paid_in = sum(coin.value_fen for coin in coins if coin is not None)
        paid_out = sum(output.value_fen for output in tx.outputs)
        if paid_out > paid_in:
            raise CenterError("RC_OVERSPEND", f"{paid_out} of {paid_in} fen")
        if paid_out < paid_in:
            raise CenterError("RC_UNBALANCED", f"{paid_out} of {paid_in} fen")
    _check_targets(tx, rule, payer, tier_of)


def _check_targets(
    tx: CoinTransaction, rule: KindRule, payer: Hash, tier_of: Callable[[Hash], Tier]
) -> None:
    reached = rule.target is Tier.CENTER
    for output in tx.outputs:
        if tier_of(output.owner) is rule.target and (
            rule.source is not Tier.CENTER or output.owner == payer
        ):
            reached = True
        elif output.owner != payer:
            raise CenterError("RC_TIER", f"an output goes to no {rule.target.value}")
    if not reached:
        raise CenterError("RC_TIER", f"no output goes to a {rule.target.value}")


def _printable(text: str) -> bool:
    return all(" " <= character <= "~" for character in text)
