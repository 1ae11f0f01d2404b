"""The asynchronous SDK: one connection to a channel as one user. node/client.py is the public module."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from consensus.encoding import Hash
from consensus.header import identity_digest, tx_id, tx_sign_digest
from contracts.runtime.api import Bundle
from contracts.schema import NotASchema, Schema
from node.contracts.catalogue import RAN_LAST, bundle_digest
from node.identity.suite import Signer, get_suite
from node.model import Envelope, decode_receipt
from node.sdk.calls import (
    Admission,
    Answer,
    Block,
    Committed,
    ContractVersion,
    Event,
    Signed,
    answer_of,
    args_text,
    block_of,
    contract_error,
    event_of,
    events_of,
    simulation_of,
    uuid7,
    value_of,
    version_of,
)
from node.sdk.context import Context
from node.sdk.errors import CityError, InvalidRequest, Timeout, Unavailable
from node.sdk.transport import Transport
from node.wire import stubs
from node.wire.body import TxBody, build_body
from node.wire.codec import envelope_to_pb

TIMEOUT_S = 10.0
VALID_FOR_BLOCKS = (
    600  # of the thousand a channel allows, so that a node that is behind takes it too
)
TIP_KNOWN_S = 10.0
GAS_LEAST = 100_000
RESUME_S, RESUME_S_MAX = 0.1, 2.0
_ALREADY_ORDERED, _UNKNOWN, _INACTIVE = "CITY-3017", "CITY-3026", "CITY-3009"

Args = Mapping[str, Any] | str | None


class Tx:
    """A transaction that was admitted. `wait` can be called again after a Timeout."""

    def __init__(self, net: AsyncNet, signed: Signed) -> None:
        self._net = net
        self.signed = signed
        self.tx_id = signed.tx_id

    async def wait(self, level: str = "committed", timeout: float | None = None) -> Committed:
        """level: `ordered` (in a durable block) or `committed` (executed). Raises ContractError, Timeout."""
        return await self._net.wait(self.signed, level, timeout)


class AsyncNet:
    """Use with `async with`. Every method takes `timeout` in seconds over all attempts."""

    def __init__(
        self,
        context: Context,
        *,
        writer: Signer | None = None,
        reader: Signer | None = None,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """writer: signs transactions; reader: signs reads, the writer's key by default."""
        self.context = context
        self.timeout = timeout
        self.suite = get_suite(context.suite)
        self._writer = writer
        self._transport = Transport(context, self.suite, reader or writer)
        self._height = 0  # the greatest seen: reads after a write see it on every node
        self._tip, self._tip_at = 0, float("-inf")
        self._versions: dict[str, int] | None = None

    async def __aenter__(self) -> AsyncNet:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._transport.close()

    # ---- writing ----------------------------------------------------------------------------------

    async def call(
        self,
        contract: str,
        method: str,
        args: Args = None,
        *,
        level: str = "committed",
        **options: Any,
    ) -> Committed:
        """Builds, signs, submits and waits. options: as of `build`, and timeout.

        Raises ContractError where the contract refused, Timeout (with tx_id) when the fate is unknown."""
        ends = time.monotonic() + (options.get("timeout") or self.timeout)
        tx = await self.submit(contract, method, args, **options)
        return await tx.wait(level, max(0.001, ends - time.monotonic()))

    async def submit(self, contract: str, method: str, args: Args = None, **options: Any) -> Tx:
        """Returns after admission. options: as of `build`, and timeout."""
        signed = await self.build(contract, method, args, **options)
        try:
            await self.send(signed, options.get("timeout"))
        except CityError as error:
            if error.code != _INACTIVE or options.get("version") or contract.startswith("_"):
                raise
            # Another version runs since; whoever names none means that one.
            assert self._versions is not None  # `build` has asked for them
            self._versions[contract] = int(error.variables.get("active", 0))
            signed = await self.build(contract, method, args, **options)
            await self.send(signed, options.get("timeout"))
        return Tx(self, signed)

    async def build(
        self,
        contract: str,
        method: str,
        args: Args = None,
        *,
        version: int = 0,
        gas_limit: int = 0,
        request_id: str = "",
        valid_until_height: int = 0,
        timeout: float | None = None,
    ) -> Signed:
        """A signed transaction. version 0: the active one. gas_limit 0: twice what a simulation used.

        request_id: the caller's own id of the business fact; sent twice, it happens once."""
        if self._writer is None:
            known = ", ".join(user.name for user in self.context.users) or "none"
            raise InvalidRequest("CITY-1033", context=self.context.name, known=known)
        timeout = timeout or self.timeout
        text = args_text(args)
        await self._config(timeout)
        if not gas_limit:
            gas_limit = await self._estimate(contract, version, method, text, timeout)
        body = build_body(
            TxBody(
                suite=self.suite.id,
                channel_id=self._transport.channel_id,
                sender=identity_digest(self.suite.hash, self.suite.id, self._writer.public_key),
                contract=contract,
                version=version or await self._running(contract, timeout),
                method=method,
                args=text,
                nonce=secrets.token_bytes(16),
                valid_until_height=valid_until_height or self._tip + VALID_FOR_BLOCKS,
                gas_limit=gas_limit,
                request_id=request_id or uuid7(),
            )
        )
        digest = tx_sign_digest(self.suite.hash, self.suite.id, self._transport.channel_id, body)
        envelope = Envelope(body, self._writer.public_key, self._writer.sign(digest))
        id_ = tx_id(self.suite.hash, self.suite.id, body).hex()
        return Signed(id_, envelope, contract, method, gas_limit)

    async def send(self, signed: Signed, timeout: float | None = None) -> None:
        """Admission of a built transaction; sending it again is safe."""
        request = stubs.SubmitRequest(
            channel=self.context.channel, envelope=envelope_to_pb(signed.envelope)
        )
        try:
            await self._transport.call(
                "Submit", request, timeout or self.timeout, signed=False, tx_id=signed.tx_id
            )
        except CityError as error:
            # A reply that was lost on the way, and the failover sent it again: it is in a block already.
            if error.code != _ALREADY_ORDERED:
                raise

    async def wait(
        self, tx: Signed | str, level: str = "committed", timeout: float | None = None
    ) -> Committed:
        """The outcome of a transaction, by its id or as it was built.

        Raises ContractError, Timeout; CITY-3026 where the node does not know an id."""
        ends = time.monotonic() + (timeout or self.timeout)
        while True:
            try:
                return await self._wait(tx, level, max(0.001, ends - time.monotonic()))
            except CityError as error:
                is_away = isinstance(error, Unavailable) or error.code == _UNKNOWN
                if not isinstance(tx, Signed) or not is_away or time.monotonic() >= ends:
                    raise
            # The node that admitted it is gone, and the next one may never have heard of it.
            self._transport.move_on()
            await self.send(tx, max(0.001, ends - time.monotonic()))

    async def _wait(self, tx: Signed | str, level: str, timeout: float) -> Committed:
        levels = {"ordered": stubs.ORDERED, "committed": stubs.COMMITTED}
        if level not in levels:
            raise InvalidRequest("CITY-1002", field="level", rule="ordered or committed")
        id_ = tx.tx_id if isinstance(tx, Signed) else tx
        request = stubs.WaitRequest(
            channel=self.context.channel, tx_id=_hash(id_), level=levels[level]
        )
        status = await self._transport.call(
            "WaitTransaction", request, timeout, tx_id=id_, failover=not isinstance(tx, Signed)
        )
        if not status.HasField("receipt"):
            return Committed(id_, status.height, "ordered")
        self._seen(status.height)
        receipt = decode_receipt(status.receipt.canonical)
        if receipt.outcome == "duplicate":
            first: str = value_of(receipt.result).hex()
            done = await self._wait(first, level, timeout)
            return Committed(
                id_,
                done.block,
                done.level,
                done.value,
                done.gas_used,
                done.events,
                first,
                done.receipt,
            )
        if receipt.outcome != "ok":
            contract, method = (
                (tx.contract, tx.method) if isinstance(tx, Signed) else (id_[:16], "")
            )
            raise contract_error(
                receipt.outcome, contract, method, receipt.code, receipt.message, receipt, receipt.gas_limit
            )  # fmt: skip
        return Committed(
            id_,
            status.height,
            "committed",
            value_of(receipt.result),
            receipt.gas_used,
            events_of(receipt, status.height, status.receipt.index),
            "",
            status.receipt.canonical,
        )

    async def batch(
        self, signed: Sequence[Signed], timeout: float | None = None
    ) -> list[Admission]:
        """Submits built transactions in one message; answers in their order."""
        reply = await self._transport.call(
            "SubmitBatch", self._batch_request(signed), timeout or self.timeout, signed=False
        )
        return _admissions(reply)

    async def stream(
        self, batches: AsyncIterator[Sequence[Signed]]
    ) -> AsyncIterator[list[Admission]]:
        """Batches one after the other over one stream, each answered before the next is sent."""

        async def requests() -> AsyncIterator[Any]:
            async for batch in batches:
                yield self._batch_request(batch)

        async for reply in self._transport.submit_stream(requests()):
            yield _admissions(reply)

    def _batch_request(self, signed: Sequence[Signed]) -> Any:
        envelopes = [envelope_to_pb(each.envelope) for each in signed]
        return stubs.SubmitBatchRequest(channel=self.context.channel, envelopes=envelopes)

    # ---- reading ----------------------------------------------------------------------------------

    async def query(self, contract: str, method: str, args: Args = None, **options: Any) -> Answer:
        """A view's answer. Raises ContractError where it did not end well. options: as of `simulate`."""
        reply = await self._ask("Query", contract, method, args, **options)
        self._seen(reply.height)
        answer = answer_of(reply)
        if answer.outcome != "ok":
            raise contract_error(
                answer.outcome,
                contract,
                method,
                answer.reason,
                answer.message,
                None,
                answer.gas_used,
            )
        return answer

    async def simulate(
        self, contract: str, method: str, args: Args = None, **options: Any
    ) -> Answer:
        """What a transaction would do now, and what it would write; nothing is written.

        options: version (0: the one that runs, or ran last), min_height (by default what was seen), height (ask
        behind an earlier block), gas_limit, timeout."""
        reply = await self._ask("Simulate", contract, method, args, **options)
        self._seen(reply.result.height)
        return simulation_of(reply)

    async def _ask(
        self,
        rpc: str,
        contract: str,
        method: str,
        args: Args,
        *,
        version: int = 0,
        min_height: int | None = None,
        gas_limit: int = 0,
        height: int = 0,
        timeout: float | None = None,
    ) -> Any:
        request = stubs.QueryRequest(
            channel=self.context.channel,
            contract=contract,
            version=version,
            method=method,
            args=args_text(args),
            min_height=self._height if min_height is None else min_height,
            gas_limit=gas_limit,
            height=height,
        )
        return await self._transport.call(rpc, request, timeout or self.timeout)

    async def contracts(self, timeout: float | None = None) -> list[ContractVersion]:
        """Every version of every contract, by name and version."""
        request = stubs.ListContractsRequest(channel=self.context.channel)
        reply = await self._transport.call("ListContracts", request, timeout or self.timeout)
        return [version_of(message) for message in reply.contracts]

    async def schema(
        self, contract: str, version: int = 0, timeout: float | None = None
    ) -> tuple[ContractVersion, Schema]:
        """What a version offers; 0: the active one. Raises CITY-3008, CITY-4060."""
        reply = await self._contract("GetSchema", contract, version, timeout)
        try:
            return version_of(reply.contract), Schema.decode(reply.schema)
        except NotASchema as error:
            raise CityError("CITY-1016", remote="schema", message=str(error)) from error

    async def source(
        self, contract: str, version: int = 0, timeout: float | None = None
    ) -> tuple[ContractVersion, Bundle]:
        """The bundle of a version, checked against its digest. Raises CITY-3008, CITY-4060, CITY-4010."""
        reply = await self._contract("GetSource", contract, version, timeout)
        found = version_of(reply.contract)
        if bundle_digest(self.suite, reply.bundle).hex() != found.digest:
            raise InvalidRequest("CITY-4010", contract=found.name, digest=found.digest)
        try:
            return found, Bundle.decode(found.name, found.version, reply.bundle)
        except ValueError as error:
            raise CityError("CITY-1016", remote="bundle", message=str(error)) from error

    async def _contract(
        self, method: str, contract: str, version: int, timeout: float | None
    ) -> Any:
        request = stubs.GetContractRequest(
            channel=self.context.channel, name=contract, version=version
        )
        return await self._transport.call(method, request, timeout or self.timeout)

    async def transaction(self, tx_id: str, timeout: float | None = None) -> Any:
        """The `TransactionView` message. Raises CITY-1007."""
        request = stubs.GetTransactionRequest(channel=self.context.channel, tx_id=_hash(tx_id))
        return await self._transport.call("GetTransaction", request, timeout or self.timeout)

    async def block(self, height: int, timeout: float | None = None) -> Block:
        """Raises CITY-1008 where the node has none."""
        request = stubs.GetBlockRequest(channel=self.context.channel, height=height)
        return self._block(await self._transport.call("GetBlock", request, timeout or self.timeout))

    async def whole_block(self, height: int, node: str | None = None) -> Any:
        """The `BlockView` message: canonical header and certificate, envelopes. Raises CITY-1008."""
        request = stubs.GetBlockRequest(channel=self.context.channel, height=height)
        return await self._transport.call("GetBlock", request, self.timeout, node=node)

    async def whole_header(self, height: int, node: str | None = None) -> bytes:
        """The canonical header of a block. Raises CITY-1008."""
        return bytes((await self.whole_block(height, node)).block.header)

    async def receipts(self, height: int, node: str | None = None) -> list[bytes]:
        """Canonical receipts of a block, in its order. Raises CITY-1008, CITY-5008."""
        found: list[bytes] = []
        while True:
            request = stubs.ReceiptsRequest(
                channel=self.context.channel, height=height, first=len(found)
            )
            reply = await self._transport.call("GetReceipts", request, self.timeout, node=node)
            found += reply.receipts
            if len(found) >= reply.count or not reply.receipts:
                return found

    async def statements(self, node: str, first: int = 1) -> list[bytes]:
        """A node's canonical signed statements of what it served, from a number on."""
        found: list[bytes] = []
        while True:
            at = first + len(found)
            request = stubs.StatementsRequest(channel=self.context.channel, first=at)
            reply = await self._transport.call("GetStatements", request, self.timeout, node=node)
            if not reply.statements:
                return found
            found += reply.statements

    async def usage(self, node: str | None = None, **asked: Any) -> Any:
        """The `UsageReply` message. asked: fields of `UsageRequest`. Raises CITY-1021."""
        request = stubs.UsageRequest(
            channel=self.context.channel, **{"min_height": self._height, **asked}
        )
        return await self._transport.call("GetUsage", request, self.timeout, node=node)

    async def state(self, key: bytes, timeout: float | None = None) -> tuple[int, Any]:
        """Height and value under a state key; None where there is none."""
        request = stubs.GetStateRequest(
            channel=self.context.channel, key=key, min_height=self._height
        )
        reply = await self._transport.call("GetState", request, timeout or self.timeout)
        return reply.height, value_of(reply.value) if reply.present else None

    async def proof(self, tx_id: str, timeout: float | None = None) -> bytes:
        """Canonical proof that a transaction was executed with its receipt; waits for settling."""
        request = stubs.GetTransactionRequest(channel=self.context.channel, tx_id=_hash(tx_id))
        timeout = timeout or self.timeout
        reply = await self._transport.call("TransactionProof", request, timeout, tx_id=tx_id)
        return bytes(reply.proof)

    async def state_proof(self, key: bytes, timeout: float | None = None) -> bytes:
        """Canonical proof of what stands, or does not stand, under a state key."""
        request = stubs.GetStateRequest(channel=self.context.channel, key=key)
        reply = await self._transport.call("StateProof", request, timeout or self.timeout)
        return bytes(reply.proof)

    async def membership_proof(
        self,
        who: str,
        name: str,
        height: int = 0,
        time_ms: int = 0,
        timeout: float | None = None,
    ) -> bytes:
        """Canonical proof that a member, validator or identity took part, or did not."""
        request = stubs.MembershipProofRequest(
            channel=self.context.channel, who=who, name=name, height=height, time_ms=time_ms
        )
        reply = await self._transport.call("MembershipProof", request, timeout or self.timeout)
        return bytes(reply.proof)

    async def node_status(
        self, name: str | None = None, timeout: float | None = None
    ) -> dict[str, Any]:
        """Status of the node of that name, or of the first that answers. Needs no user."""
        request = stubs.NodeStatusRequest(channel=self.context.channel)
        reply = await self._transport.call(
            "NodeStatus", request, timeout or self.timeout, signed=False, node=name
        )
        status: dict[str, Any] = json.loads(reply.status_json)
        return status

    async def info(self, timeout: float | None = None) -> Any:
        """The `ChannelInfo` message of the first node that answers, its genesis checked against the id."""
        return await self._transport.info(timeout or self.timeout)

    # ---- streams ----------------------------------------------------------------------------------

    async def blocks(self, from_height: int = 0) -> AsyncIterator[Block]:
        """Blocks from a height on, then live; goes on at another node where one is away."""
        following = from_height
        delay = RESUME_S
        while True:
            request = stubs.BlocksRequest(channel=self.context.channel, from_height=following)
            try:
                async for view in self._transport.stream("Blocks", request, self.timeout):
                    following, delay = view.height + 1, RESUME_S
                    yield self._block(view)
            except Unavailable:
                delay = await _pause(delay)

    async def events(
        self, contract: str = "", name: str = "", *, from_height: int = 0, after_id: str = ""
    ) -> AsyncIterator[Event]:
        """Events in order, past then live, at least once each; goes on at another node where one is away.

        after_id: the last event that was dealt with; the next one comes first."""
        delay = RESUME_S
        while True:
            request = stubs.EventsRequest(
                channel=self.context.channel,
                from_height=from_height,
                after_id=after_id,
                contract=contract,
                name=name,
            )
            try:
                async for page in self._transport.stream("Events", request, self.timeout):
                    delay = RESUME_S
                    for event in page.events:
                        yield event_of(event)
                        after_id, from_height = event.id, event.height
                    if not page.events and page.height >= from_height:
                        after_id, from_height = "", page.height + 1  # nothing is left up to here
            except Unavailable:
                delay = await _pause(delay)

    async def past_events(
        self, contract: str = "", name: str = "", *, from_height: int = 0
    ) -> list[Event]:
        """Events in order up to the block that the channel has by now; unlike `events` it ends there."""
        until = max((await self.info()).height, self._height)
        found: list[Event] = []
        after_id, reached = "", False
        while not reached:
            request = stubs.EventsRequest(
                channel=self.context.channel, from_height=from_height, after_id=after_id,
                contract=contract, name=name,
            )  # fmt: skip
            async for page in self._transport.stream("Events", request, self.timeout):
                found += [event_of(event) for event in page.events]
                if page.height < until:
                    continue
                reached = not page.events
                break  # a page with events may not be the last: ask once more behind it
            if found:
                after_id, from_height = found[-1].id, found[-1].height
        return found

    # ---- helpers ----------------------------------------------------------------------------------

    async def _config(self, timeout: float) -> None:
        """Learns the channel's configuration, a tip that is fresh enough for `valid_until_height`, and which
        versions run: a contract may have been upgraded since."""
        if time.monotonic() - self._tip_at > TIP_KNOWN_S or self._transport.config is None:
            info = await self._transport.info(timeout)
            self._tip, self._tip_at = max(info.height, self._height), time.monotonic()
            self._versions = None

    async def _running(self, contract: str, timeout: float) -> int:
        """The version that a transaction names: the one that runs, or else ran last. 1 for a name that is not
        deployed: the node then says so."""
        if contract.startswith("_"):
            return 1
        if self._versions is None:
            found = await self.contracts(timeout)
            self._versions = {c.name: c.version for c in found if c.status in RAN_LAST}
        return self._versions.get(contract, 1)

    async def _estimate(
        self, contract: str, version: int, method: str, text: str, timeout: float
    ) -> int:
        """Twice what the call would use now; the channel's maximum where that cannot be told, because what
        the call needs may still be on its way."""
        config = self._transport.config
        assert config is not None
        maximum = min(config.limits.tx_gas_max, config.limits.block_gas_max)
        answer = await self.simulate(contract, method, text, version=version, timeout=timeout)
        if answer.outcome != "ok":
            return maximum
        return min(maximum, max(GAS_LEAST, 2 * answer.gas_used))

    def _seen(self, height: int) -> None:
        self._height = max(self._height, height)
        self._tip = max(self._tip, height)

    def _block(self, view: Any) -> Block:
        suite = self.suite
        ids = (tx_id(suite.hash, suite.id, each.body).hex() for each in view.block.transactions)
        return block_of(view, tuple(ids))


def _admissions(reply: Any) -> list[Admission]:
    return [Admission(r.tx_id.hex(), r.code, r.message) for r in reply.results]


def _hash(text: str) -> Hash:
    try:
        found = Hash(bytes.fromhex(text))
    except ValueError:
        found = Hash(b"")
    if len(found) != 32:
        raise InvalidRequest("CITY-1002", field="tx_id", rule="64 hexadecimal digits")
    return found


async def _pause(delay: float) -> float:
    await asyncio.sleep(delay)
    return min(delay * 2, RESUME_S_MAX)


__all__ = ["TIMEOUT_S", "AsyncNet", "Timeout", "Tx"]
