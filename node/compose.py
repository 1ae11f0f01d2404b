"""Puts a channel together from its parts: the one place that knows all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from consensus.api import Signer
from consensus.validators import ValidatorSet
from node.catchup.snapshots import Snapshots
from node.channel import Channel
from node.clock import Clock
from node.contracts.attesting import Attester
from node.contracts.catalogue import Catalogue, SchemaEngine
from node.contracts.linting import Linter
from node.errors import CityError
from node.execution.loaded_engine import BlockEngine, LoadedEngine
from node.links import Network
from node.metering.served import Served
from node.opening import Ledger, replay
from node.ordering.admission import Admission
from node.ordering.signatures import Signatures
from node.ordering.txpool import PoolLimits, TxPool
from node.peers.batch import PeerBatch, PeerHandler, PeerId
from node.pipeline import Pipeline
from node.pruning import Pruning
from node.seat import Cores, TakeUp, Votes
from node.telemetry import Metrics


class QueryEngine(BlockEngine, SchemaEngine, Protocol):
    """What answers queries also reads contracts."""


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
    votes: Votes,
    take_up: TakeUp = lambda state: None,
    reporter: Signer | None = None,
    network: Network,
    gate: PeerGate,
    clock: Clock,
    engine: BlockEngine | None,
    query_engine: QueryEngine | None,
    signatures: Signatures,
    metrics: Metrics,
    pool_limits: PoolLimits | None = None,
    describe: Callable[[], dict[str, Any]] = dict,
    room: Callable[[], CityError | None] = lambda: None,
    snapshots: Snapshots | None = None,
    pruning: Pruning | None = None,
    served: Served | None = None,
) -> Channel:
    """A channel that is ready to `run`. votes: the signer with which this node votes among given validators.
    take_up: told of a configuration before a seat is taken under it, for the node's other keys.
    reporter: the node's identity key, which signs reports of evidence.

    engine and query_engine may be one object when it can take several calls at a time. Without an engine the
    node verifies and keeps certified blocks, executes nothing, and therefore does not vote."""
    suite = ledger.suite
    if engine is None:
        replay(ledger, ledger.tip.height)
    blocks = None if engine is None else LoadedEngine(engine, ledger.contracts)
    queries = None if query_engine is None else LoadedEngine(query_engine, ledger.contracts)
    attester = linter = None
    if blocks is not None and queries is not None:
        linter = Linter(ledger.contracts, blocks, queries)
        attester = Attester(ledger, blocks, queries, reporter, linter)
    admission = Admission(
        ledger.configuration,
        ledger.channel_id,
        suite,
        signatures,
        lambda ids: [place is not None for place in ledger.blocks.places(ids)],
        ledger.contracts if engine is not None else None,
        linter.seen if linter is not None else lambda admitted: None,
        lambda admitted: ledger.quotas.refusal(admitted, clock.now_ms()),
    )
    pipeline = Pipeline(
        ledger=ledger,
        cores=Cores(ledger, votes if engine is not None else no_vote, signatures, take_up),
        reporter=reporter,
        network=network,
        clock=clock,
        engine=blocks,
        signatures=signatures,
        admission=admission,
        pool=TxPool(
            pool_limits,
            admission.refusal,
            lambda admitted, held: ledger.quotas.room(admitted, held, clock.now_ms()),
        ),
        metrics=metrics,
        attester=attester,
        snapshots=snapshots,
        pruning=pruning,
    )
    gate.attach(pipeline.intake)
    return Channel(
        pipeline=pipeline,
        ledger=ledger,
        admission=admission,
        query_engine=queries,
        catalogue=Catalogue(ledger.contracts, query_engine),
        clock=clock,
        metrics=metrics,
        describe=describe,
        room=room,
        served=served,
    )


def one_key(signer: Signer | None) -> Votes:
    """A node with one vote key for ever."""

    def votes(validators: ValidatorSet) -> Signer | None:
        has_vote = signer is not None and validators.index_of(signer.public_key) is not None
        return signer if has_vote else None

    return votes


def no_vote(_: ValidatorSet) -> Signer | None:
    return None
