"""The Ledger service over a node's channels: submit, wait, query, blocks, events, proofs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import accumulate
from typing import Any

import grpc

from consensus.encoding import Hash, encode
from consensus.header import block_hash, identity_digest, tx_id
from contracts.runtime import values
from node.api.access import Access, source_of
from node.api.calls import require_deadline, streaming, unary, within_deadline
from node.errors import CityError
from node.facade import ChannelFacade, Level, QueryResult
from node.genesis import Identity
from node.metering.counting import Asked
from node.model import StoredBlock
from node.wire import stubs
from node.wire.codec import (
    BATCH_ENVELOPES_MAX,
    block_to_pb,
    envelope_from_pb,
    envelope_to_pb,
    envelopes_from_pb,
    event_to_pb,
    hash_from_bytes,
    header_json,
    json_text,
    receipt_to_pb,
    value_json,
)

STREAMS_PER_READER_MAX = 64
RECEIPTS_BYTES_MAX = 4 * 1024 * 1024  # of one answer, unless a single one is larger
_EVENT_ID = re.compile(r"[0-9]{1,18}/[0-9]{1,9}/[0-9]{1,9}")
_LEVELS: dict[int, Level] = {
    stubs.LEVEL_UNSPECIFIED: "committed",
    stubs.ORDERED: "ordered",
    stubs.COMMITTED: "committed",
}
_LEVEL_NUMBERS = {"ordered": stubs.ORDERED, "committed": stubs.COMMITTED}


class LedgerService(stubs.LedgerServicer):
    """Every method checks what arrived, asks the channel, and puts the answer on the wire."""

    def __init__(self, access: Access, node_name: str) -> None:
        self._access = access
        self._streams: Counter[tuple[str, str]] = Counter()
        self._node_name = node_name

    # ---- writes: signed by themselves -------------------------------------------------------------

    @unary
    async def Submit(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        require_deadline(context)
        channel = self._access.channel(request.channel)
        envelope = envelope_from_pb(request.envelope)
        (outcome,) = await within_deadline(context, channel.submit([envelope], source_of(context)))
        if outcome.error is not None:
            raise outcome.error
        return stubs.SubmitReply(tx_id=outcome.tx_id)

    @unary
    async def SubmitBatch(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        require_deadline(context)
        return await within_deadline(context, self._submit(request, source_of(context)))

    @streaming
    async def SubmitStream(
        self, requests: AsyncIterator[Any], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[Any]:
        """One reply a batch, in order. The next batch is read when this one is answered: that is the
        backpressure."""
        async for request in requests:
            yield await self._submit(request, source_of(context))

    async def _submit(self, request: Any, source: str) -> Any:
        channel = self._access.channel(request.channel)
        count = len(request.envelopes)
        if not 1 <= count <= BATCH_ENVELOPES_MAX:
            raise CityError("CITY-1006", limit=BATCH_ENVELOPES_MAX, count=count)
        envelopes, malformed = envelopes_from_pb(request.envelopes)
        outcomes = await channel.submit(envelopes, source) if envelopes else []
        assert len(outcomes) == len(envelopes)
        result, answered = stubs.SubmitResult, iter(outcomes)
        results = []
        for index in range(count):
            error = malformed.get(index)
            if error is None:
                outcome = next(answered)
                id_, error = outcome.tx_id, outcome.error
            else:
                id_ = tx_id(channel.suite.hash, channel.suite.id, request.envelopes[index].body)
            if error is None:
                results.append(result(tx_id=id_))
            else:
                code = f"{error.code} {error.name}"
                results.append(result(tx_id=id_, code=code, message=error.message))
        return stubs.SubmitBatchReply(results=results)

    # ---- transactions -----------------------------------------------------------------------------

    @unary
    async def WaitTransaction(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel, _ = await self._access.read(request.channel, context, is_paced=False)
        id_ = hash_from_bytes(request.tx_id, "tx_id")
        level = _LEVELS.get(request.level)
        if level is None:
            raise CityError("CITY-1002", field="level", rule="ORDERED or COMMITTED")
        status = await within_deadline(context, channel.wait(id_, level), id_.hex())
        receipt = None
        if status.receipt is not None:
            view = await channel.transaction(id_)
            assert view is not None  # it has a receipt, so it stands in a block
            receipt = receipt_to_pb(status.receipt, status.height, view.index)
        return stubs.TransactionStatus(
            tx_id=id_, level=_LEVEL_NUMBERS[status.level], height=status.height, receipt=receipt
        )

    @unary
    async def GetTransaction(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel, _ = await self._access.read(request.channel, context)
        id_ = hash_from_bytes(request.tx_id, "tx_id")
        view = await within_deadline(context, channel.transaction(id_))
        if view is None:
            raise CityError("CITY-1007", tx_id=id_.hex())
        receipt = view.receipt
        return stubs.TransactionView(
            envelope=envelope_to_pb(view.envelope),
            height=view.height,
            index=view.index,
            receipt=receipt_to_pb(receipt, view.height, view.index) if receipt else None,
        )

    @unary
    async def TransactionProof(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel, _ = await self._access.read(request.channel, context)
        id_ = hash_from_bytes(request.tx_id, "tx_id")
        proof = await within_deadline(context, channel.transaction_proof(id_), id_.hex())
        return stubs.ProofReply(proof=proof)

    # ---- state ------------------------------------------------------------------------------------

    @unary
    async def Query(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        return _query_reply(await self._query(request, context))

    @unary
    async def Simulate(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        found = await self._query(request, context)
        return stubs.SimulateReply(
            result=_query_reply(found),
            version=found.version,
            writes=[
                stubs.StateWrite(key=key, present=value is not None, value=value or b"")
                for key, value in found.writes
            ],
        )

    async def _query(self, request: Any, context: grpc.aio.ServicerContext) -> QueryResult:
        channel, reader = await self._access.read(request.channel, context)
        for field in ("contract", "method"):
            if not 1 <= len(getattr(request, field)) <= 64:
                raise CityError("CITY-1002", field=field, rule="a name of 1 to 64 characters")
        return await within_deadline(
            context,
            channel.query(
                request.contract,
                request.version,
                request.method,
                request.args or "{}",
                reader,
                request.min_height,
                request.gas_limit,
                request.height,
            ),
        )

    @unary
    async def GetState(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel, _ = await self._access.read(request.channel, context)
        height, value = await within_deadline(
            context, channel.state(request.key, request.min_height)
        )
        if value is None:
            return stubs.StateReply(height=height, present=False)
        return stubs.StateReply(
            height=height, present=True, value=value, value_json=value_json(value)
        )

    @unary
    async def StateProof(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel, _ = await self._access.read(request.channel, context)
        return stubs.ProofReply(
            proof=await within_deadline(context, channel.state_proof(request.key))
        )

    @unary
    async def MembershipProof(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel, _ = await self._access.read(request.channel, context)
        asked = (request.who, request.name, request.height, request.time_ms)
        proof = await within_deadline(context, channel.membership_proof(*asked))
        return stubs.ProofReply(proof=proof)

    # ---- blocks and events ------------------------------------------------------------------------

    @unary
    async def GetBlock(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel, _ = await self._access.read(request.channel, context)
        block = await within_deadline(context, channel.block(request.height))
        if block is None:
            tip = channel.status().get("height", "unknown")
            raise CityError("CITY-1008", height=request.height, tip=tip)
        return _block_view(channel, block)

    @unary
    async def GetReceipts(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel, _ = await self._access.read(request.channel, context)
        found = await within_deadline(context, channel.receipts(request.height))
        sizes = accumulate(map(len, found[request.first :]))
        fitting = sum(size <= RECEIPTS_BYTES_MAX for size in sizes)
        told = found[request.first : request.first + max(1, fitting)]
        return stubs.ReceiptsReply(receipts=told, count=len(found))

    @unary
    async def GetStatements(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel, _ = await self._access.read(request.channel, context)
        return stubs.StatementsReply(statements=await channel.statements(request.first))

    @unary
    async def GetUsage(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel, _ = await self._access.read(request.channel, context)
        days = request.first_day, request.last_day
        asked = Asked(*days, request.member, request.application, request.by_day)
        found = await within_deadline(context, channel.usage(asked, request.min_height))
        return stubs.UsageReply(
            first_height=found.first,
            last_height=found.last,
            rows=[
                stubs.Usage(
                    day=row.day, member=row.member, application=row.app, **asdict(row.figures)
                )
                for row in found.rows
            ],
        )

    @streaming
    async def Blocks(self, request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        channel, reader = await self._access.read(request.channel, context, is_paced=False)
        with self._stream(channel, reader):
            async for block in channel.blocks(request.from_height):
                yield _block_view(channel, block)

    @streaming
    async def Events(self, request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        channel, reader = await self._access.read(request.channel, context, is_paced=False)
        if request.after_id and _EVENT_ID.fullmatch(request.after_id) is None:
            raise CityError("CITY-1002", field="after_id", rule="an event id: height/index/index")
        with self._stream(channel, reader):
            async for page in channel.events(
                request.from_height, request.after_id, request.contract, request.name
            ):
                yield stubs.EventsReply(
                    events=[event_to_pb(event) for event in page.events], height=page.height
                )

    # ---- the node: open to whoever reaches the port ------------------------------------------------

    @unary
    async def NodeStatus(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        status = self._access.channel(request.channel).status()
        return stubs.NodeStatusReply(
            status_json=json_text(status),
            height=status.get("height", 0),
            state_root=bytes.fromhex(status.get("state_root", "")),
            block_hash=bytes.fromhex(status.get("block_hash", "")),
        )

    @unary
    async def ChannelInfo(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel = self._access.channel(request.channel)
        suite = channel.suite
        return stubs.ChannelInfoReply(
            channel=channel.name,
            channel_id=channel.channel_id,
            genesis=encode(channel.genesis.config),
            height=channel.status().get("height", 0),
            suite=suite.id,
            node=self._node_name,
            node_identity=identity_digest(suite.hash, suite.id, self._access.identity_key(channel)),
        )

    # ---- helpers ----------------------------------------------------------------------------------

    @contextmanager
    def _stream(self, channel: ChannelFacade, reader: Identity):  # type: ignore[no-untyped-def]
        key = (channel.name, reader.name)
        if self._streams[key] >= STREAMS_PER_READER_MAX:
            raise CityError("CITY-1017", limit=STREAMS_PER_READER_MAX)
        self._streams[key] += 1
        try:
            yield
        finally:
            self._streams[key] -= 1
            if not self._streams[key]:
                del self._streams[key]


def _query_reply(found: QueryResult) -> Any:
    events = [
        {"contract": event.contract, "name": event.name, "fields": values.to_json(event.fields())}
        for event in found.events
    ]
    return stubs.QueryReply(
        height=found.height,
        outcome=found.outcome,
        code=found.code,
        message=found.message,
        result_json=value_json(found.result),
        result=found.result,
        gas_used=found.gas_used,
        events_json=json_text(events),
    )


def _block_view(channel: ChannelFacade, block: StoredBlock) -> Any:
    hash_: Hash = block_hash(channel.suite.hash, block.header)
    return stubs.BlockView(
        height=block.header.height,
        block_hash=hash_,
        block=block_to_pb(block),
        header_json=json_text(header_json(block.header)),
    )
