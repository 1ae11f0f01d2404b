"""A channel in memory that answers as `ChannelFacade` says: for the tests of what stands in front of a channel.

It admits well-formed, rightly signed envelopes, makes a block of each submitted batch, and lets the "contract"
echo its arguments: method `fail` reverts, `lost` is never committed, `late` when it is sent a second time.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from consensus.encoding import ZERO_HASH, Hash
from consensus.header import Header, tx_id, tx_sign_digest
from contracts.runtime import values
from contracts.runtime.api import Bundle, EventRecord
from contracts.runtime.native import NativeEngine
from contracts.runtime.testing import MemoryState, TestNatives
from node.contracts.catalogue import Catalogue, bundle_digest
from node.errors import CityError
from node.facade import Deployed, EventsPage, Level, QueryResult, SubmitOutcome, TxStatus, TxView
from node.genesis import (
    GENESIS_VERSION,
    ChannelConfig,
    ConsensusParams,
    EngineRef,
    Genesis,
    Identity,
    Limits,
    Member,
    NodeEntry,
    channel_id,
)
from node.identity.signers import MemorySigner
from node.identity.suite import get_suite
from node.identity.transport import issue_transport_certificate, make_peer_ca
from node.metering.counting import Asked, Figures, Metered, Used
from node.model import Envelope, Receipt, StoredBlock, StoredEvent
from node.wire.body import parse_body

SUITE = get_suite("sm")


class Versions:
    """A contract with an archived version, one that is active and one that is only proposed."""

    def __init__(self) -> None:
        words = {1: "archived", 2: "active", 3: "proposed"}
        sources = {at: f'"""Version {at}."""\n{COUNTER}' for at in words}
        self.bundles = {at: Bundle("counter", at, text) for at, text in sources.items()}
        self.words = words

    def deployed(self) -> list[Deployed]:
        return [
            Deployed("counter", at, bundle_digest(SUITE, bundle.encode()), self.words[at],
                     {"notes": f"the {at}. version"})
            for at, bundle in self.bundles.items()
        ]  # fmt: skip

    def bundle(self, name: str, version: int) -> Bundle | None:
        return self.bundles.get(version) if name == "counter" else None


class NativeSchemas:
    def __init__(self) -> None:
        self.derived = 0

    async def schema(self, bundle: Bundle) -> bytes:
        self.derived += 1
        return NativeEngine(TestNatives(), MemoryState()).schema(bundle)


COUNTER = """
from sdk import Map, export, require, view

counts = Map("counts", 0)

@export
def add(name: str, by: int = 1) -> int:
    require(by > 0, "E_NOT_POSITIVE", "only upwards")
    counts[name] = counts[name] + by
    return counts[name]

@view
def read(name: str) -> int:
    return counts[name]
"""
VERSIONS = Versions()


class MemoryChannel:
    """One channel on one node, `Shenzhen`, with the users buyer and supplier."""

    def __init__(self, name: str = "main") -> None:
        self.name = name
        self.reads = Counter[str]()
        self.receipts_of: dict[int, list[bytes]] = {}
        self.suite = SUITE
        self.node_name = "Shenzhen"
        self.node_signer = MemorySigner(SUITE.generate_key())
        self.user_keys = {user: SUITE.generate_key() for user in ("buyer", "supplier")}
        self.users = {user: MemorySigner(key) for user, key in self.user_keys.items()}
        authority = make_peer_ca("PX")
        self.transport = issue_transport_certificate(authority, "Shenzhen", ["127.0.0.1"])
        self.config = self._config()
        self.genesis = Genesis(self.config, ())
        self.channel_id = channel_id(SUITE.hash, self.config)
        self.catalogue = Catalogue(VERSIONS, NativeSchemas())
        self.ready = True
        self.verifies = True
        self.stored: list[StoredBlock] = [StoredBlock(self._header(0, 0), (), None)]
        self.executed: dict[Hash, tuple[int, int, Receipt]] = {}
        self.heard: set[bytes] = set()
        self.submitted = 0
        self.fault: CityError | None = None  # why it takes no transaction now
        self._news = asyncio.Condition()

    def identity(self, digest: Hash) -> Identity | None:
        return self.config.identities_by_digest(SUITE.hash).get(digest)

    def _config(self) -> ChannelConfig:
        vote = SUITE.generate_key().public_key
        identities = tuple(
            Identity(user, "PX", signer.public_key, ("trader",))
            for user, signer in self.users.items()
        )
        node = NodeEntry("Shenzhen", "Shenzhen", "PX", self.node_signer.public_key, vote, b"")
        member = Member("PX", "core enterprise", "Shenzhen", self.node_signer.public_key, b"")
        return ChannelConfig(
            version=GENESIS_VERSION,
            suite=SUITE.id,
            name=self.name,
            created_ms=0,
            clock="real",
            consensus=ConsensusParams(),
            limits=Limits(),
            engine=EngineRef("test", ZERO_HASH, 0),
            members=(member,),
            identities=identities,
            nodes=(node,),
            contracts=(),
        )

    def _header(self, height: int, count: int) -> Header:
        zero = ZERO_HASH
        return Header(
            1, 1, zero, 0, height, zero, zero, zero, count, zero, zero, 1000 + height, zero, zero, zero, zero
        )  # fmt: skip

    async def submit(self, envelopes: Sequence[Envelope], source: str = "") -> list[SubmitOutcome]:
        if self.fault is not None:
            raise self.fault
        self.submitted += len(envelopes)
        outcomes = [self._admit(envelope) for envelope in envelopes]
        admitted = [e for e, o in zip(envelopes, outcomes, strict=True) if o.error is None]
        if admitted:
            async with self._news:
                self._commit(admitted)
                self._news.notify_all()
        return outcomes

    def _admit(self, envelope: Envelope) -> SubmitOutcome:
        id_ = tx_id(SUITE.hash, SUITE.id, envelope.body)
        digest = tx_sign_digest(SUITE.hash, SUITE.id, self.channel_id, envelope.body)
        try:
            parse_body(envelope.body)
        except CityError as error:
            return SubmitOutcome(id_, error)
        if self.verifies and not SUITE.verify(envelope.public_key, digest, envelope.signature):
            return SubmitOutcome(id_, CityError("CITY-3006"))
        return SubmitOutcome(id_)

    def _commit(self, envelopes: list[Envelope]) -> None:
        kept = [e for e in envelopes if self._is_kept(e)]
        height = len(self.stored)
        for index, envelope in enumerate(kept):
            body = parse_body(envelope.body)
            id_ = tx_id(SUITE.hash, SUITE.id, envelope.body)
            failed = body.method == "fail"
            event = EventRecord(body.contract, "Called", values.encode({"method": body.method}))
            receipt = Receipt(
                tx_id=id_,
                outcome="revert" if failed else "ok",
                code="E_FAILED" if failed else "",
                message="as asked" if failed else "",
                gas_used=1000,
                gas_limit=body.gas_limit,
                result=values.encode(None if failed else json.loads(body.args)),
                events=() if failed else (event,),
                writes_digest=ZERO_HASH,
            )
            self.executed[id_] = (height, index, receipt)
        self.stored.append(StoredBlock(self._header(height, len(kept)), tuple(kept), None))

    def _is_kept(self, envelope: Envelope) -> bool:
        method = parse_body(envelope.body).method
        if method == "late" and envelope.body not in self.heard:
            self.heard.add(envelope.body)
            return False
        return method != "lost"

    async def wait(self, tx_id: Hash, level: Level) -> TxStatus:
        async with self._news:
            await self._news.wait_for(lambda: tx_id in self.executed)
        height, _, receipt = self.executed[tx_id]
        return TxStatus(tx_id, level, height, receipt if level == "committed" else None)

    async def transaction(self, tx_id: Hash) -> TxView | None:
        if tx_id not in self.executed:
            return None
        height, index, receipt = self.executed[tx_id]
        return TxView(self.stored[height].envelopes[index], height, index, receipt)

    async def block(self, height: int) -> StoredBlock | None:
        return self.stored[height] if height < len(self.stored) else None

    async def query(
        self,
        contract: str,
        version: int,
        method: str,
        args_json: str,
        sender: Identity | None,
        min_height: int = 0,
        gas_limit: int = 0,
        height: int = 0,
    ) -> QueryResult:
        await self._reach(min_height)
        if contract == "broken":
            raise RuntimeError("secret detail of the machine")
        if contract == "absent":
            raise CityError("CITY-3008", contract=contract, known="receivable")
        value = {"args": json.loads(args_json), "sender": sender.name if sender else ""}
        if method == "fail":
            return QueryResult(self.tip, "revert", "E_FAILED", "as asked", values.encode(None), 500)
        events = (EventRecord(contract, "Called", values.encode({"n": 1})),)
        return QueryResult(height or self.tip, "ok", "", "", values.encode(value), 500, events)

    def contracts(self) -> list[Deployed]:
        return self.catalogue.contracts()

    def contract(self, name: str, version: int) -> Deployed:
        return self.catalogue.find(name, version)

    async def contract_bundle(self, name: str, version: int) -> Bundle:
        return self.catalogue.bundle(name, version)

    async def contract_schema(self, name: str, version: int) -> bytes:
        return await self.catalogue.schema(name, version)

    async def _reach(self, height: int) -> None:
        async with self._news:
            await self._news.wait_for(lambda: self.tip >= height)

    async def state(self, key: bytes, min_height: int = 0) -> tuple[int, bytes | None]:
        await self._reach(min_height)
        return self.tip, values.encode({"n": 7}) if key == b"present" else None

    async def blocks(self, from_height: int) -> AsyncIterator[StoredBlock]:
        height = from_height
        while True:
            await self._reach(height)
            yield self.stored[height]
            height += 1

    async def events(
        self, from_height: int, after_id: str, contract: str, name: str
    ) -> AsyncIterator[EventsPage]:
        after = tuple(map(int, after_id.split("/"))) if after_id else (-1,)
        height = max(from_height, after[0])
        while True:
            if height > self.tip:
                yield EventsPage(self.tip)  # a heartbeat
            await self._reach(height)
            found = [
                StoredEvent(height, index, number, id_, event)
                for id_, (at, index, receipt) in self.executed.items()
                if at == height
                for number, event in enumerate(receipt.events)
                if (height, index, number) > after
                and contract in ("", event.contract)
                and name in ("", event.name)
            ]
            if found:
                yield EventsPage(height, found)
            height += 1

    async def transaction_proof(self, tx_id: Hash) -> bytes:
        if tx_id not in self.executed:
            raise CityError("CITY-1007", tx_id=tx_id.hex())
        return b"proof of " + tx_id

    def note_read(self, member_id: str) -> None:
        self.reads[member_id] += 1

    async def statements(self, first: int) -> list[bytes]:
        return [b"statement"][max(0, first - 1) :]

    async def receipts(self, height: int) -> list[bytes]:
        return self.receipts_of.get(height, [])

    async def usage(self, asked: Asked, min_height: int = 0) -> Metered:
        await self._reach(min_height)
        row = Used(asked.first_day, "PX", "counter", Figures(2, 1, 300, 40, 5))
        return Metered(1, self.tip, (row,) if asked.member in ("", "PX") else ())

    async def state_proof(self, key: bytes) -> bytes:
        return b"proof of " + key

    async def membership_proof(
        self, who: str, name: str, height: int = 0, time_ms: int = 0
    ) -> bytes:
        return f"proof of {who} {name} at {height} or {time_ms}".encode()

    @property
    def tip(self) -> int:
        return len(self.stored) - 1

    def status(self) -> dict[str, Any]:
        return {
            "name": self.node_name,
            "channel": self.name,
            "height": self.tip,
            "applied_height": self.tip,
            "ready": self.ready,
            "state_root": "11" * 32,
            "block_hash": "22" * 32,
            "view": 0,
            "leader": "Shenzhen",
            "peers": [{"name": "<script>alert(1)</script>", "up": True}],
        }
