"""S10, the half that demands: whoever holds two contradicting votes of one member says so.

A core remembers votes of its current view and of heights in reach. So a node that took both votes while
it was there, in one life, must have accused their signer. A configuration block ends a core, even where the
epoch goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.encoding import Hash
from consensus.pbft import PbftCore
from consensus.pbft.messages import Commit, Message, Prepare, Proposal
from tests.simulation.engine import DRIFT_MS, Said

if TYPE_CHECKING:
    from tests.simulation.node import SimNode

Key = tuple[int, int, int, int, str, int, int, int]


class Witness:
    """`expected` maps an accused node to what was seen."""

    def __init__(self) -> None:
        self._held: dict[Key, tuple[int, Hash]] = {}
        self.expected: dict[int, str] = {}

    def sees(self, node: SimNode, sender: int, message: Message, said: Said) -> bool:
        """Before the step: whether the core will remember this vote."""
        core = node.core
        if not isinstance(core, PbftCore) or core._state is None:
            return False
        state = core._state
        if said.epoch != state.validators.epoch or not state.is_in_reach(said.height):
            return False
        if isinstance(message, Commit):
            return True
        is_current = message.view == state.view and state.is_active
        if isinstance(message, Proposal):
            skew = abs(message.header.timestamp_ms - state.wall_ms)
            return is_current and skew < DRIFT_MS // 2
        return is_current and isinstance(message, Prepare) and message.sender != state.leader

    def note(self, node: SimNode, sender: int, said: Said) -> None:
        """After the step, which did not refuse it."""
        view = 0 if said.kind == "commit" else said.view
        core = node.life, len(node.configs)
        key = (node.id, *core, said.epoch, said.kind, sender, said.height, view)
        held = self._held.get(key)
        if held is None or held[0] < said.view:
            self._held[key] = (said.view, said.block_hash)
        elif held[0] == said.view and held[1] != said.block_hash:
            where = f"height {said.height}, view {said.view}"
            self.expected.setdefault(sender, f"two {said.kind}s, {where}, before node {node.id}")
