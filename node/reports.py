"""Evidence against a validator on its way to the chain: each key once an epoch, whoever noticed.

All who noticed could report, and all but one report would be refused. So they take turns: a validator waits by
its index, and gives up when the evidence stands in the configuration.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from dataclasses import dataclass

import structlog

from consensus.api import Signer
from consensus.encoding import EncodingError, decode
from consensus.header import identity_digest, tx_sign_preimage
from consensus.pbft.evidence import Evidence
from node.governance import CONTRACT, VERSION
from node.identity.signers import SignerAway, sign_hashed
from node.model import Envelope
from node.opening import Ledger
from node.wire.body import TxBody, build_body
from node.wire.codec import json_text

log = structlog.get_logger("channel")

TURN_MS, AGAIN_MS = 2_000, 30_000
REPORTS_MAX = 64
VALID_FOR_BLOCKS = 600
Key = tuple[bytes, int]


@dataclass(slots=True)
class _Report:
    evidence: bytes
    due_ms: int


class Reports:
    """Plain data, owned by the pipeline. Times are monotonic milliseconds."""

    def __init__(self, ledger: Ledger, signer: Signer | None) -> None:
        """signer: the node's identity key; without one nothing is reported."""
        self._ledger, self._signer = ledger, signer
        self._open: dict[Key, _Report] = {}

    def note(self, data: bytes, turn: int, now_ms: int) -> None:
        """Evidence from the core. turn: whose turn this node is at, from 0."""
        try:
            evidence = decode(Evidence, data)
        except EncodingError:
            return  # of an engine that accuses otherwise
        key = (evidence.vote_key, evidence.epoch)
        if key not in self._open and key not in self._accepted() and len(self._open) < REPORTS_MAX:
            self._open[key] = _Report(data, now_ms + turn * TURN_MS)

    def due(self, now_ms: int) -> list[Envelope]:
        """What to submit now; each again after a while, until the chain accepted it."""
        if self._signer is None or not self._open:
            return []
        accepted = self._accepted()
        for key in [key for key in self._open if key in accepted]:
            del self._open[key]
        found = []
        for report in self._open.values():
            if report.due_ms <= now_ms:
                report.due_ms = now_ms + AGAIN_MS
                evidence = {"evidence": b64encode(report.evidence).decode()}
                try:
                    found.append(
                        config_envelope(self._ledger, self._signer, "report_evidence", evidence)
                    )
                except SignerAway as error:
                    log.warning("channel.not_reported", code=error.code, reason=error.message)
        return found

    def _accepted(self) -> set[Key]:
        return {(e.vote_key, e.epoch) for e in self._ledger.configuration.state.evidence}


def config_envelope(ledger: Ledger, signer: Signer, method: str, args: dict[str, str]) -> Envelope:
    """A config transaction of this node itself."""
    suite = ledger.suite
    body = build_body(
        TxBody(
            suite=suite.id,
            channel_id=ledger.channel_id,
            sender=identity_digest(suite.hash, suite.id, signer.public_key),
            contract=CONTRACT,
            version=VERSION,
            method=method,
            args=json_text(args),
            nonce=secrets.token_bytes(16),
            valid_until_height=ledger.tip.height
            + min(VALID_FOR_BLOCKS, ledger.configuration.config.limits.valid_until_window),
            gas_limit=1,
            request_id=f"node-{secrets.token_hex(8)}",
        )
    )
    signed = tx_sign_preimage(suite.id, ledger.channel_id, body)
    return Envelope(body, signer.public_key, sign_hashed(suite, signer, signed))
