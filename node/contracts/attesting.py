"""This validator's word about versions that are proposed: it runs their examples and says what they gave.

It also puts versions that will soon be called into the engine, while no block waits for it. Both happen behind
the chain and change no outcome; what is lost is said again until it stands in the state.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Protocol

import structlog

from consensus.api import Signer
from consensus.header import identity_digest, tx_sign_preimage
from node.contracts.linting import Linter
from node.errors import CityError
from node.execution.engine import EngineRefused, EngineStopped
from node.execution.loaded_engine import LoadedEngine
from node.identity.signers import SignerAway, sign_hashed
from node.lifecycle import CONTRACT, VERSION
from node.lifecycle.examples import EmptyState, parse_examples, request_of, transcript
from node.lifecycle.state import APPROVED, OPEN, SCHEDULED, Place
from node.model import Envelope
from node.opening import Ledger
from node.ordering.intake import monotonic_ms
from node.wire.body import TxBody, build_body
from node.wire.codec import json_text

AGAIN_MS = 10_000
LOOK_SECONDS = 1.0
VALID_FOR_BLOCKS = 600
TRANSCRIPTS_KEPT = 8

log = structlog.get_logger("contracts")


class Ground(Protocol):
    """The pipeline, as attesting needs it."""

    @property
    def is_catching_up(self) -> bool: ...

    async def progress(self, seconds: float) -> None:
        """Waits until the chain moved, or so long."""
        ...

    async def report(self, envelope: Envelope) -> None:
        """Submits a transaction of the node's own."""
        ...


class Attester:
    """One a channel."""

    def __init__(
        self,
        ledger: Ledger,
        blocks: LoadedEngine,
        queries: LoadedEngine,
        signer: Signer | None,
        linter: Linter,
    ) -> None:
        """blocks: the engine that runs blocks, made ready here; queries: the one that runs the examples.
        signer: the node's identity key; without one nothing is attested. linter: ends with this."""
        self._ledger, self._blocks, self._queries, self._signer = ledger, blocks, queries, signer
        self.linter = linter
        self._transcripts: dict[Place, str] = {}
        self._sent: dict[Place, int] = {}

    async def run(self, ground: Ground) -> None:
        """Until cancelled. It waits until the node has caught up: before that, others may have long decided."""
        seen = None
        try:
            while True:
                state = self._ledger.contracts.state
                if state is seen or ground.is_catching_up:
                    await ground.progress(LOOK_SECONDS)
                if not ground.is_catching_up:
                    seen = state
                    await self.prepare()
                    for envelope in await self.due(monotonic_ms()):
                        await ground.report(envelope)
        finally:
            await self.linter.close()

    async def prepare(self) -> None:
        """Approved versions into the engine for blocks."""
        state = self._ledger.contracts.state
        for place, stage in sorted(state.stages.items()):
            if stage.status in (APPROVED, SCHEDULED):
                await self._blocks.load(dict([place]))

    async def due(self, now_ms: int) -> list[Envelope]:
        """Attestations to submit now, each again after a while until it stands in the state."""
        signer, wanted = self._signer, self._wanted()
        self._sent = {place: at for place, at in self._sent.items() if place in wanted}
        found = []
        for place in wanted:
            if signer is None or now_ms - self._sent.get(place, -AGAIN_MS) < AGAIN_MS:
                continue
            try:
                text = await self._transcript(place)
            except (CityError, EngineRefused, EngineStopped) as error:
                log.warning("contract.not_attested", contract=place, reason=str(error))
                continue
            self._sent[place] = now_ms
            try:
                found.append(await asyncio.to_thread(self._envelope, signer, place, text))
            except SignerAway as error:
                log.warning("contract.not_attested", contract=place, reason=str(error))
        return found

    def _wanted(self) -> list[Place]:
        """Open versions that this node has said nothing of, if it is a validator."""
        key = None if self._signer is None else self._signer.public_key
        config = self._ledger.configuration.config
        own = next((n.name for n in config.nodes if n.identity_key == key), None)
        if own is None:
            return []
        return sorted(
            place
            for place, stage in self._ledger.contracts.state.stages.items()
            if stage.status in OPEN and all(a.node != own for a in stage.attestations)
        )

    async def _transcript(self, place: Place) -> str:
        held = self._transcripts.get(place)
        if held is not None:
            return held
        contracts, (name, version) = self._ledger.contracts, place
        terms = contracts.state.terms[place]
        examples = parse_examples(terms.examples)
        request = request_of(examples, name, version, contracts.running)
        results = await self._queries.execute(request, EmptyState())
        head = f"{name} version {version}, bundle {terms.bundle_digest.hex()}"
        text = transcript(self._ledger.suite.hash, head, examples, results)
        self._transcripts[place] = text
        while len(self._transcripts) > TRANSCRIPTS_KEPT:
            del self._transcripts[next(iter(self._transcripts))]
        return text

    def _envelope(self, signer: Signer, place: Place, text: str) -> Envelope:
        ledger, suite, (name, version) = self._ledger, self._ledger.suite, place
        body = build_body(
            TxBody(
                suite=suite.id,
                channel_id=ledger.channel_id,
                sender=identity_digest(suite.hash, suite.id, signer.public_key),
                contract=CONTRACT,
                version=VERSION,
                method="attest",
                args=json_text({"name": name, "version": version, "transcript": text}),
                nonce=secrets.token_bytes(16),
                valid_until_height=ledger.tip.height + VALID_FOR_BLOCKS,
                gas_limit=1,
                request_id=f"attest-{secrets.token_hex(8)}",
            )
        )
        signed = tx_sign_preimage(suite.id, ledger.channel_id, body)
        return Envelope(body, signer.public_key, sign_hashed(suite, signer, signed))
