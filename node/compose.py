"""Puts a channel together from its parts: the one place that knows all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from consensus.api import Signer
from node.admission import Admission
from node.channel import Channel
from node.clock import Clock
from node.errors import CityError
from node.executor import BlockEngine
from node.links import Network
from node.opening import Ledger
from node.ordering import make_core
from node.peers.batch import PeerBatch, PeerHandler, PeerId
from node.pipeline import Pipeline
from node.signatures import CoreVerifier, Signatures
from node.telemetry import Metrics
from node.txpool import PoolLimits, TxPool


class PeerGate:
    """The links' handler from before there is a channel: links and channel need each other."""

    def __init__(self) -> None:
        self._handler: PeerHandler | None = None

    def attach(self, handler: PeerHandler) -> None:
        self._handler = handler

    async def on_batch(self, peer: PeerId, batch: PeerBatch) -> None:
        if self._handler is not None:
            await self._handler.on_batch(peer, batch)

    def on_peer(self, peer: PeerId, up: bool) -> None:
        if self._handler is not None:
            self._handler.on_peer(peer, up)


def build_channel(
    *,
    ledger: Ledger,
    vote_signer: Signer | None,
    network: Network,
    gate: PeerGate,
    clock: Clock,
    engine: BlockEngine | None,
    query_engine: BlockEngine | None,
    signatures: Signatures,
    metrics: Metrics,
    pool_limits: PoolLimits | None = None,
    describe: Callable[[], dict[str, Any]] = dict,
    room: Callable[[], CityError | None] = lambda: None,
) -> Channel:
    """A channel that is ready to `run`. vote_signer: a validator's vote key; None for an observer.

    engine and query_engine may be one object when it can take several calls at a time. Without an engine the
    node verifies and keeps certified blocks, executes nothing, and therefore does not vote."""
    config, suite = ledger.genesis.config, ledger.suite
    own_index = None
    if vote_signer is not None and engine is not None:
        own_index = config.validators.index_of(vote_signer.public_key)
    core = make_core(
        config,
        ledger.channel_id,
        ledger.genesis_header,
        suite,
        CoreVerifier(suite, signatures),
        own_index,
        vote_signer if own_index is not None else None,
    )
    admission = Admission(
        config,
        ledger.channel_id,
        suite,
        signatures,
        lambda ids: [place is not None for place in ledger.blocks.places(ids)],
    )
    pipeline = Pipeline(
        ledger=ledger,
        core=core,
        own_index=own_index,
        network=network,
        clock=clock,
        engine=engine,
        signatures=signatures,
        admission=admission,
        pool=TxPool(pool_limits),
        metrics=metrics,
    )
    gate.attach(pipeline.intake)
    return Channel(
        pipeline=pipeline,
        ledger=ledger,
        admission=admission,
        query_engine=query_engine,
        clock=clock,
        metrics=metrics,
        describe=describe,
        room=room,
    )
