"""Changes that were approved for a height, brought in force when it has come: validators say so by turns.

The change takes effect with a block of its own, as every change does, so that nothing is ordered across it.
Each validator could order it; all but one would be refused, so one waits for the other by its index.
"""

from __future__ import annotations

import structlog

from consensus.api import Signer
from node.identity.signers import SignerAway
from node.model import Envelope
from node.opening import Ledger
from node.reports import AGAIN_MS, TURN_MS, config_envelope

log = structlog.get_logger("channel")


class Scheduled:
    """Plain data, owned by the pipeline. Times are monotonic milliseconds."""

    def __init__(self, ledger: Ledger, signer: Signer | None) -> None:
        """signer: the node's identity key; without one nothing is sent."""
        self._ledger, self._signer = ledger, signer
        self._due_ms: dict[str, int] = {}

    def due(self, now_ms: int, turn: int | None) -> list[Envelope]:
        """What to submit now; each again after a while, until it is done. turn: this validator's, None for
        a node that has no vote."""
        ledger = self._ledger
        next_height = ledger.tip.height + 1
        waiting = {
            p.proposal_id: p.proposed_height
            for p in ledger.configuration.state.proposals
            if p.approved_height and p.execute_at <= next_height
        }
        self._due_ms = {id_: ms for id_, ms in self._due_ms.items() if id_ in waiting}
        if self._signer is None or turn is None:
            return []
        found = []
        for id_ in waiting:
            if self._due_ms.setdefault(id_, now_ms + turn * TURN_MS) <= now_ms:
                self._due_ms[id_] = now_ms + AGAIN_MS
                try:
                    found.append(
                        config_envelope(ledger, self._signer, "execute", {"proposal": id_})
                    )
                except SignerAway as error:
                    log.warning("channel.not_executed", code=error.code, reason=error.message)
        return found
