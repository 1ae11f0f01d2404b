"""PBFT in a world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.api import Core, EpochBase, SignatureItem
from consensus.certificate import KIND_PBFT
from consensus.header import Header, block_hash
from consensus.pbft import PbftConfig, PbftCore, retain
from consensus.pbft.messages import (
    Commit,
    Message,
    NewView,
    Prepare,
    Proposal,
    SignatureRules,
    ViewChange,
    decode_message,
)
from consensus.validators import ValidatorSet
from tests.simulation.engine import DRIFT_MS, Engine, Promise, Said
from tests.simulation.ghost import SUITE, GhostSigner, GhostVerifier, hash_

if TYPE_CHECKING:
    from tests.simulation.node import SimNode
    from tests.simulation.world import World


class SharedRules(SignatureRules):
    """Checks a message once for all nodes of a world, as a driver's cache does for one node: naming its
    signatures is a pure function, and what the registry has seen stays valid."""

    def __init__(self, world: World, validators: ValidatorSet, base: EpochBase) -> None:
        channel_id, window = world.genesis.channel_id, world.shape.window
        super().__init__(SUITE, channel_id, validators, hash_, window, base)
        object.__setattr__(self, "_registry", world.registry)
        object.__setattr__(self, "_checked", {})

    def items(self, message: Message) -> list[SignatureItem]:
        found = self._checked.get(id(message))
        if found is not None:
            return _NOTHING_LEFT
        items = super().items(message)
        if all(self._registry.is_valid(item) for item in items):
            # The message is kept, so that its id stays its own.
            self._checked[id(message)] = message
        return items


_NOTHING_LEFT: list[SignatureItem] = []


def _core(world: World, node: SimNode) -> Core:
    shape, members = world.shape, node.members
    index = members.index_of(node.id)
    config = PbftConfig(
        channel_id=world.genesis.channel_id,
        suite=SUITE,
        genesis_hash=world.genesis_hash,
        config_hash=members.config_hash,
        window=shape.window,
        base_timeout_ms=shape.base_timeout_ms,
        timeout_cap=4,
        status_interval_ms=shape.base_timeout_ms // 2,
        drift_ms=DRIFT_MS,
        forward_after_ms=shape.base_timeout_ms,
        suspect_after_ms=shape.base_timeout_ms * 4,
        block_txs_max=shape.block_txs_max,
        checkpoint_interval=shape.checkpoint_interval,
    )
    validators = world.validators_of(members)
    signer = None if index is None else GhostSigner(world.registry, validators.key(index))
    base, verifier = node.epoch_base(), GhostVerifier(world.registry)
    core = PbftCore(config, validators, index, verifier, signer, node, base)
    core._rules = world.rules_of(validators, base)
    return core


def smallest_safe_quorum(n: int) -> int:
    """The least q for which any two sets of q share more than f members."""
    f = (n - 1) // 3
    return next(q for q in range(1, n + 1) if 2 * q - n > f)


def _said(message: Message) -> tuple[Said, ...]:
    if isinstance(message, Prepare | Commit):
        kind = "prepare" if isinstance(message, Prepare) else "commit"
        return (Said(kind, message.epoch, message.view, message.height, message.block_hash),)
    if isinstance(message, Proposal):
        header = message.header
        digest = block_hash(hash_, header)
        return (Said("proposal", header.epoch, message.view, header.height, digest),)
    return ()


def _promised(message: Message, sender: int) -> Promise | None:
    """Own ViewChanges and NewViews; others' are passed on."""
    if isinstance(message, ViewChange) and message.sender == sender:
        return Promise(message.epoch, message.new_view, _tip_of(message))
    if isinstance(message, NewView) and message.sender == sender:
        tip = max(_tip_of(change) for change in message.view_changes)
        return Promise(message.epoch, message.view, tip)
    return None


def _tip_of(change: ViewChange) -> int:
    """Without a certificate genesis: losses, for which alone it matters, are not drawn beside new epochs."""
    return change.tip_cert.height if change.tip_cert else 0


def _place(message: Message) -> tuple[int, int | str]:
    """View and height, for the trace and for correlated omission."""
    if isinstance(message, ViewChange):
        return message.new_view, ""
    if isinstance(message, Proposal):
        return message.view, message.header.height
    return getattr(message, "view", 0), getattr(message, "height", "")


def _sizes(core: PbftCore) -> dict[str, tuple[int, int]]:
    state = core._state
    if state is None:
        return {}
    n, horizon, window = len(state.validators), state.config.horizon, state.config.window
    return {
        "slots": (len(state.slots), horizon),
        "seals": (len(state.seals), horizon),
        "prepared": (len(state.prepared), window),
        "view changes": (len(state.view_changes), n),
        "blocks": (sum(1 for _ in state.blocks), 3 * n * horizon),
        "early messages": (len(core._lookahead), 2 * (window + 1) * n),
    }


def _brings(message: Message) -> tuple[tuple[Header, int], ...]:
    return ((message.header, message.view),) if isinstance(message, Proposal) else ()


PBFT = Engine(
    name="pbft",
    kind=KIND_PBFT,
    core=_core,
    decode=decode_message,
    quorum=smallest_safe_quorum,
    votes=_said,
    promised=_promised,
    leads=lambda message: None,
    place=_place,
    sizes=_sizes,
    retain=retain,
    brings=_brings,
    is_later_term_lenient=False,
)
