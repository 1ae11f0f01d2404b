"""This node's place under one configuration: its core, the driver of that core, and whatever knows validators
by index. A config block that takes effect ends the seat, and a new one is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from consensus.api import Configuration, Core, EpochBase, Signer
from consensus.certificate import seals_needed
from consensus.header import block_hash
from consensus.tags import Tag, preimage
from consensus.validators import ValidatorSet
from node.genesis import NodeEntry
from node.governance import ConfigState
from node.identity.signers import SignerAway
from node.opening import Ledger
from node.ordering.bodies import WantedBodies
from node.ordering.core import make_core
from node.ordering.driver import Driver
from node.ordering.signatures import CoreVerifier, Signatures


@dataclass(frozen=True, slots=True)
class Seat:
    """own_index: position among the validators; None for a node that does not vote. is_without_signer: it would
    vote, and who signs for it gives no signature."""

    state: ConfigState
    core: Core
    own_index: int | None
    driver: Driver
    wanted: WantedBodies
    is_without_signer: bool = False

    @property
    def nodes(self) -> tuple[NodeEntry, ...]:
        """The validators, by index."""
        return self.state.config.nodes

    @property
    def seals_needed(self) -> int:
        """How many validators, this one included, make a certificate."""
        return seals_needed(self.state.config.consensus.kind, len(self.nodes))


Votes = Callable[[ValidatorSet], Signer | None]
TakeUp = Callable[[ConfigState], None]


class Cores:
    """Makes a core for each configuration."""

    def __init__(
        self,
        ledger: Ledger,
        votes: Votes,
        signatures: Signatures,
        take_up: TakeUp = lambda state: None,
    ) -> None:
        """votes: this node's signer among given validators, None where it has no vote. take_up: uses the node's
        other keys as a configuration names them. Both may read key files."""
        self._ledger, self._votes, self._take_up = ledger, votes, take_up
        self._verifier = CoreVerifier(ledger.suite, signatures)

    def can_sign(self, state: ConfigState) -> bool:
        """Blocks. Whether this node's vote key gives a signature now: one under bytes that say nothing."""
        try:
            signer = self._votes(state.validators)
            if signer is not None:
                signer.sign(preimage(Tag.STATUS, self._ledger.suite.id))
        except SignerAway:
            return False
        return True

    def make(
        self, state: ConfigState, forecast: Configuration, is_without_signer: bool = False
    ) -> tuple[Core, int | None]:
        """The core and this node's index. is_without_signer: it only follows."""
        ledger, validators = self._ledger, state.validators
        self._take_up(state)
        signer = None if is_without_signer else self._votes(validators)
        own_index = None if signer is None else validators.index_of(signer.public_key)
        core = make_core(
            state,
            ledger.channel_id,
            ledger.genesis_header,
            ledger.suite,
            self._verifier,
            own_index,
            signer if own_index is not None else None,
            forecast,
            self._base(state),
        )
        return core, own_index

    def _base(self, state: ConfigState) -> EpochBase | None:
        """The last block of the epoch before; None in the first one."""
        if state.epoch == 0:
            return None
        blocks, height = self._ledger.blocks, state.record.base_height
        header = blocks.header(height)
        assert header is not None, "an epoch stands on a block that is held"
        return EpochBase(
            height,
            block_hash(self._ledger.suite.hash, header),
            state.record.base_validators,
            blocks.certificate(height),
        )
