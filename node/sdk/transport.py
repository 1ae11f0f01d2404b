"""Calls to the nodes of a context: pinned TLS, signed reads, deadlines, and failover where a node is away."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc

from consensus.encoding import EncodingError, Hash, decode
from node.genesis import ChannelConfig, channel_id
from node.identity.suite import Signer, Suite
from node.peers.roster import server_name
from node.sdk.context import Context, NodeAddress
from node.sdk.errors import CityError, InvalidRequest, Timeout, Unavailable, by_kind
from node.wire import stubs
from node.wire.codec import MESSAGE_BYTES_MAX, REPLY_BYTES_MAX
from node.wire.read_statement import METADATA_KEY, ReadStatement, sign_read
from node.wire.status import from_rpc_error

# How a call ends that the node neither answered nor refused; its own refusals always carry details.
_CUT = (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)
NOT_HELD = "CITY-5008"  # names nodes that hold it
PAUSED = "CITY-8062"  # up, and takes nothing: where all say so, that is what the caller is told
NOT_HERE = (
    "CITY-1004"  # this node has no such channel, any more or yet; another one of the context may
)
READ_LIFETIME_MS, READ_RENEWED_MS = 10 * 60 * 1000, 2 * 60 * 1000
_OPTIONS = (
    ("grpc.max_receive_message_length", REPLY_BYTES_MAX),
    ("grpc.max_send_message_length", REPLY_BYTES_MAX),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


class _Stub(stubs.LedgerStub, stubs.ContractsStub):
    """The methods of both services of a node."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        stubs.LedgerStub.__init__(self, channel)
        stubs.ContractsStub.__init__(self, channel)


@dataclass
class _Node:
    """One node: its channel, and what it said of itself once."""

    address: NodeAddress
    channel: grpc.aio.Channel
    stub: Any
    identity: Hash | None = None
    statement: bytes = b""
    statement_ends_ms: int = 0
    info: Any = field(default=None, repr=False)


class Transport:
    """The nodes of one context, on one event loop. Starts with the first; moves on when one is away."""

    def __init__(self, context: Context, suite: Suite, reader: Signer | None) -> None:
        """reader: signs reads; None: only what is open can be read."""
        self.context = context
        self.suite = suite
        self._reader = reader
        self._channel_id = Hash(context.channel_id)
        self._nodes = [self._open(address) for address in context.nodes]
        self._at = 0
        self.config: ChannelConfig | None = None

    def _open(self, address: NodeAddress) -> _Node:
        try:
            pem = address.certificate.read_bytes()
            name = server_name(pem)
        except (OSError, ValueError) as error:
            rule = f"a readable PEM file ({error})"
            raise InvalidRequest(
                "CITY-1002", field=f"certificate {address.certificate}", rule=rule
            ) from error
        channel = grpc.aio.secure_channel(
            address.api,
            grpc.ssl_channel_credentials(pem),
            options=(*_OPTIONS, ("grpc.ssl_target_name_override", name)),
        )
        return _Node(address, channel, _Stub(channel))

    async def close(self) -> None:
        for node in self._nodes:
            await node.channel.close()

    # ---- calls ------------------------------------------------------------------------------------

    async def call(
        self,
        method: str,
        request: Any,
        timeout: float,
        *,
        signed: bool = True,
        tx_id: str = "",
        node: str | None = None,
        failover: bool = True,
    ) -> Any:
        """The reply of the first node that answers. timeout: seconds over all attempts.

        signed: a read that needs a statement. tx_id: for the Timeout. node: only the one of that name.
        failover: whether to try the next node where one is away, has not this channel (it left, or archived
        it), or let go of what is asked for.
        Raises the node's error by kind, Timeout, or CITY-1010 when every node was tried once in vain."""
        ends = time.monotonic() + timeout
        reasons: list[str] = []
        nodes = self._order(node)[: None if failover else 1]
        waiting = deque(nodes)
        not_held: CityError | None = None
        paused: list[CityError] = []
        while waiting:
            each = waiting.popleft()
            try:
                metadata = await self._metadata(each, ends) if signed else ()
                remaining = max(0.001, ends - time.monotonic())
                reply = await getattr(each.stub, method)(
                    request, timeout=remaining, metadata=metadata
                )
                if not_held is None or not_held.code == NOT_HERE:
                    self._at = self._nodes.index(each)
                return reply
            except grpc.aio.AioRpcError as error:
                try:
                    reasons.append(f"{each.address.name}: {self._moved_on(error, timeout, tx_id)}")
                    away = from_rpc_error(error)
                    paused += [away] if away is not None and away.code == PAUSED else []
                except CityError as said:
                    if said.code not in (NOT_HELD, NOT_HERE) or not failover:
                        raise
                    if not_held is None or not_held.code == NOT_HERE:
                        not_held = said
                    archives = str(said.variables.get("archives", "")).split(", ")
                    waiting = deque(sorted(waiting, key=lambda n: n.address.name not in archives))
        if not_held is not None and (not_held.code == NOT_HELD or not reasons):
            raise not_held
        if paused and len(paused) == len(reasons):
            raise by_kind(paused[0])
        tried = ", ".join(each.address.api for each in nodes)
        raise Unavailable("CITY-1010", tried=tried, reason="; ".join(reasons))

    async def stream(self, method: str, request: Any, timeout: float) -> AsyncIterator[Any]:
        """Replies of one node until its stream breaks. Raises Unavailable then: the caller resumes.

        timeout: seconds for the connection; the stream itself has no deadline."""
        if self._nodes[self._at].identity is None:
            await self.info(timeout)  # at a node that has the channel
        node = self._nodes[self._at]
        try:
            metadata = await self._metadata(node, time.monotonic() + timeout)
            async for reply in getattr(node.stub, method)(request, metadata=metadata):
                yield reply
        except grpc.aio.AioRpcError as error:
            try:
                reason = self._moved_on(error, timeout, "")
            except CityError as said:
                if said.code != NOT_HERE:
                    raise
                reason, node.identity = said.message, None  # it had the channel, and gave it up
            self.move_on()
            raise Unavailable("CITY-1010", tried=node.address.api, reason=reason) from error
        raise Unavailable("CITY-1010", tried=node.address.api, reason="the node ended the stream")

    async def submit_stream(self, batches: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """One reply a batch request, over one node. Raises like `call`."""
        node = self._nodes[self._at]
        call = node.stub.SubmitStream()
        try:
            async for batch in batches:
                await call.write(batch)
                reply = await call.read()
                if reply is grpc.aio.EOF:
                    raise Unavailable("CITY-1010", tried=node.address.api, reason="stream ended")
                yield reply
            await call.done_writing()
        except grpc.aio.AioRpcError as error:
            reason = self._moved_on(error, 0, "")
            raise Unavailable("CITY-1010", tried=node.address.api, reason=reason) from error
        finally:
            call.cancel()

    def move_on(self) -> None:
        """Starts the next call at the next node."""
        self._at = (self._at + 1) % len(self._nodes)

    def _order(self, name: str | None) -> list[_Node]:
        if name is None:
            return self._nodes[self._at :] + self._nodes[: self._at]
        named = [node for node in self._nodes if node.address.name == name]
        if not named:
            known = ", ".join(node.address.name for node in self._nodes)
            raise InvalidRequest("CITY-1002", field="node", rule=f"one of {known}")
        return named

    def _moved_on(self, error: grpc.aio.AioRpcError, timeout: float, tx_id: str) -> str:
        """Why to try the next node. Raises where the answer is final: only a node that is away is passed
        over, and one whose shutdown cut the call. Writes are safe to send again: the same bytes count once."""
        said, code = from_rpc_error(error), error.code()
        if code is grpc.StatusCode.UNAVAILABLE or (said is None and code in _CUT):
            return said.message if said else (error.details() or "unavailable")[:200]
        if said is not None:
            raise by_kind(said) from error
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            raise Timeout("CITY-1009", seconds=f"{timeout:g}", tx_id=tx_id) from error
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise InvalidRequest(
                "CITY-1003", what="message", size="too many", limit=MESSAGE_BYTES_MAX
            ) from error
        raise CityError("CITY-1016", remote=code.name, message=error.details() or "") from error

    # ---- who the node is, who we are ---------------------------------------------------------------

    async def info(self, timeout: float) -> Any:
        """What the first node that answers says of the channel; checked to be the channel we mean."""
        reason, not_here = "", None
        for each in self._order(None):
            try:
                found = await self._info(each, time.monotonic() + timeout)
            except grpc.aio.AioRpcError as error:
                try:
                    reason = self._moved_on(error, timeout, "")
                except CityError as said:
                    if said.code != NOT_HERE:
                        raise
                    not_here = not_here or said
            else:
                self._at = self._nodes.index(each)
                return found
        if not_here is not None and not reason:
            raise not_here
        tried = ", ".join(node.address.api for node in self._nodes)
        raise Unavailable("CITY-1010", tried=tried, reason=reason)

    async def _info(self, node: _Node, ends: float) -> Any:
        request = stubs.ChannelInfoRequest(channel=self.context.channel)
        info = await node.stub.ChannelInfo(request, timeout=max(0.001, ends - time.monotonic()))
        try:
            config = decode(ChannelConfig, info.genesis)
        except EncodingError as error:
            raise CityError("CITY-1016", remote="genesis", message=str(error)) from error
        # The id is a hash of the configuration, so a node cannot pass another channel off as ours.
        id_ = channel_id(self.suite.hash, config)
        if self._channel_id and id_ != self._channel_id:
            raise InvalidRequest("CITY-1004", channel=self.context.channel, known=id_.hex())
        self._channel_id = id_
        self.config, node.info, node.identity = config, info, Hash(info.node_identity)
        return info

    @property
    def channel_id(self) -> Hash:
        return self._channel_id

    async def _metadata(self, node: _Node, ends: float) -> tuple[tuple[str, bytes], ...]:
        """The read statement for this node, made anew some minutes before it ends."""
        if self._reader is None:
            return ()
        if node.identity is None:
            await self._info(node, ends)
        assert node.identity is not None
        now_ms = time.time_ns() // 1_000_000
        if node.statement_ends_ms - now_ms < READ_RENEWED_MS:
            node.statement_ends_ms = now_ms + READ_LIFETIME_MS
            statement = ReadStatement(
                self._channel_id, node.identity, self._reader.public_key, node.statement_ends_ms
            )
            node.statement = sign_read(self.suite, self._reader, statement)
        return ((METADATA_KEY, node.statement),)
