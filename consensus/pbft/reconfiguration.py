"""Configuration blocks (rule R11): what their headers must say, and where a core ends.

Why this cannot fork. Block h + 1 is voted for under the configuration that block h made. Honest validators
vote for a configuration block h only on a committed and executed tip, so its effect is the same on all of
them and the header's next_validators_hash is checked before a vote, not believed. Nothing is voted for
above h before h is committed: the core ends with h as its tip, and the next one starts from it as from
genesis. So no vote of the new epoch exists before a quorum of the old one has sealed h, and none of the old
one exists above h. The two sets need not overlap: a vote of one epoch is never counted in another, for the
epoch is inside every signature.
"""

from __future__ import annotations

from consensus.api import ConfigEffect, Configuration, InvariantBroken
from consensus.encoding import Hash
from consensus.header import Header
from consensus.ordering.blocks import Candidate
from consensus.pbft.state import State
from consensus.validators import validators_hash


class Reconfiguration:
    """Asks the driver for effects; it knows the configuration, the core does not."""

    def __init__(self, state: State, configuration: Configuration | None) -> None:
        self._state = state
        self._configuration = configuration

    def promise(self, tx_ids: tuple[Hash, ...], is_config: bool) -> tuple[Hash, Hash] | None:
        """next_validators_hash and evidence_root for the next block. None: not to be said yet, because the
        tip is not executed or the body not here."""
        state = self._state
        if not is_config:
            return state.validators_hash, state.empty_root
        if self._configuration is None or not state.chain.is_executed:
            return None
        effect = self._configuration.effect(tx_ids[0])
        if effect is None:
            return None
        self._check_epoch(effect)
        digest = validators_hash(state.hash_, state.config.suite, effect.validators)
        return digest, effect.evidence_root

    def is_next(self, candidate: Candidate) -> bool:
        """Whether a block may be voted for as far as R11 goes: a configuration block only on the tip."""
        height = candidate.block.header.height
        return not candidate.is_config or height == self._state.chain.height + 1

    def fault(self, header: Header, candidate: Candidate) -> str | None:
        """What is wrong with a header's promises. The empty text: nobody can tell yet."""
        promised = self.promise(candidate.block.tx_ids, candidate.is_config)
        if promised is None:
            return ""
        if header.next_validators_hash != promised[0]:
            return "header names other next validators"
        if header.evidence_root != promised[1]:
            return "header of other evidence"
        return None

    def _check_epoch(self, effect: ConfigEffect) -> None:
        """An epoch begins exactly where members or keys change."""
        old, new = self._state.validators, effect.validators
        is_changed = old.validators != new.validators
        if new.epoch != old.epoch + is_changed:
            raise InvariantBroken("the driver's next validators have the wrong epoch")
