"""Messages of another epoch: nobody's fault, and worth no more than a hint (rule R11).

Votes of another epoch are never counted, its certificates never believed: this core knows one validator
set. But who speaks of a later epoch has blocks that this node lacks, and who speaks of an earlier one lacks
blocks.
"""

from __future__ import annotations

from consensus.api import Behind
from consensus.pbft.messages import (
    Decided,
    Message,
    Proposal,
    Status,
    StatusRequest,
    ViewChange,
    epoch_of,
)
from consensus.pbft.state import State

HINT_BLOCKS_MAX = 64


class Epochs:
    """Hints are claims, so one an interval, and of few blocks: more of them follow if they were true."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._hinted_ms: int | None = None
        self._answered_ms: dict[int, int] = {}

    def on_foreign(self, message: Message, sender: int) -> None:
        epoch = epoch_of(message)
        assert epoch is not None
        if epoch < self._state.validators.epoch:
            if isinstance(message, Status | StatusRequest | ViewChange):
                self._answer(epoch, sender)
            return
        parent_cert = message.parent_cert if isinstance(message, Proposal) else None
        if parent_cert is not None and parent_cert.epoch == self._state.validators.epoch:
            # The certificate of this epoch's last block, verified under this epoch's validators.
            self._state.chain.learn(parent_cert)
        self._hint(message, sender)

    def _hint(self, message: Message, sender: int) -> None:
        state = self._state
        is_soon = (
            self._hinted_ms is not None
            and state.now_ms - self._hinted_ms < state.config.status_interval_ms
        )
        height = _claimed_height(message)
        if is_soon or (height is not None and height <= state.chain.height):
            return
        self._hinted_ms = state.now_ms
        lowest, highest = state.chain.height + 1, state.chain.height + HINT_BLOCKS_MAX
        state.out.append(Behind(min(height or lowest, highest), sender))

    def _answer(self, epoch: int, sender: int) -> None:
        """To the epoch just before: the certificate that ends it, which can be verified there. To an older one
        the newest, which is a hint."""
        state = self._state
        answered_ms = self._answered_ms.get(sender)
        half_ms = state.config.status_interval_ms // 2
        if answered_ms is not None and state.now_ms - answered_ms < half_ms:
            return
        self._answered_ms[sender] = state.now_ms
        cert = state.chain.best_cert
        if state.base.cert is not None and state.base.cert.epoch == epoch:
            cert = state.base.cert
        if cert is not None:
            state.send(sender, Decided(cert))


def _claimed_height(message: Message) -> int | None:
    match message:
        case Status(tip_height=height):
            return height
        case Decided(cert=cert):
            return cert.height
        case Proposal(header=header):
            return header.height - 1
        case _:
            return None
