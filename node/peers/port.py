"""The node's peer port: one listener for the links and calls of all its channels.

TLS lets in whom any of the channels knows; which channel a connection is for stands in its first statement, and
that channel alone decides whether it takes it. A call of the other methods names its channel as well.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import grpc
import structlog

from consensus.encoding import Hash
from node.errors import CityError
from node.identity.transport import TransportIdentity
from node.keys.tls import Transports, server_credentials, shown_by
from node.peers.batch import PeerId
from node.peers.handshake import HANDSHAKE_S, Established, Party, Pipe, listen
from node.peers.link import Count, count_nothing
from node.peers.tls import LINK_OPTIONS, client_certificate
from node.wire.frames import ENGINE, parse_engine_request, peer_handler
from node.wire.snapshots import CHAIN, PART, SNAPSHOT, asked_channel

STREAMS_MAX = 4_096  # of all channels
HANDSHAKES_PER_CERTIFICATE_MAX = 3  # and one more a channel: a peer dials for each of them
_SERVER_OPTIONS = (
    *LINK_OPTIONS,
    ("grpc.so_reuseport", 0),  # a port in use is an error, not a second listener
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
)

log = structlog.get_logger("peers")

Call = Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]


class Guest(Protocol):
    """A channel's links at the port (node.peers.network.PeerNetwork)."""

    channel_id: Hash

    @property
    def calls(self) -> Mapping[str, Call]:
        """By method, beside the links."""
        ...

    @property
    def party(self) -> Party: ...

    def admit(self, peer: PeerId) -> None:
        """Raises CityError where no link to this peer is taken now."""
        ...

    async def run(self, pipe: Pipe, established: Established) -> None:
        """The link, for as long as it lives."""
        ...

    def refused(self, name: str, error: CityError, said: str = "") -> str: ...


class PeerPort:
    """`start` once, `stop` once; channels come and go between."""

    def __init__(
        self,
        transport: TransportIdentity | Transports,
        address: str,
        count: Count = count_nothing,
    ) -> None:
        """transport: what it shows, one or those of a change-over. address: host:port, port 0 takes a free one.
        count: counts refusals that belong to no channel."""
        self.transports = shown_by(transport)
        self._address, self._count = address, count
        self._guests: dict[Hash, Guest] = {}
        self._handshakes: Counter[Hash] = Counter()
        self._trusted = b""
        self._server: grpc.aio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Raises CITY-8005 when the address cannot be listened on."""
        server = grpc.aio.server(options=_SERVER_OPTIONS, maximum_concurrent_rpcs=STREAMS_MAX)
        server.add_generic_rpc_handlers((self.handler(),))
        try:
            self.port = server.add_secure_port(
                self._address, server_credentials(self.transports, lambda: self._trusted)
            )
        except RuntimeError as error:
            raise CityError(
                "CITY-8005", address=self._address, use="peer", reason="it is in use"
            ) from error
        await server.start()
        self._server = server

    def handler(self) -> grpc.GenericRpcHandler:
        """Everything that the port serves."""
        methods = (ENGINE, SNAPSHOT, PART, CHAIN)
        calls = {method: self._dispatched(method) for method in methods}
        return peer_handler(self._serve, calls)

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(grace=0.2)
            self._server = None

    def add(self, guest: Guest) -> None:
        """From here on links and calls of its channel reach it."""
        assert guest.channel_id not in self._guests
        self._guests[guest.channel_id] = guest
        self.trust_changed()

    def remove(self, guest: Guest) -> None:
        if self._guests.get(guest.channel_id) is guest:
            del self._guests[guest.channel_id]
            self.trust_changed()

    def trust_changed(self) -> None:
        """A channel knows other nodes or authorities than before."""
        known = {pem for guest in self._guests.values() for pem in guest.party.roster.trusted}
        if known:  # the last word stays where no channel is left: nothing reaches one then
            self._trusted = b"".join(sorted(known))

    # ---- links ------------------------------------------------------------------------------------

    async def _serve(self, _: Any, context: grpc.aio.ServicerContext) -> None:
        """The listener's side of a link, for as long as it lives."""
        guest: Guest | None = None
        name = "unknown"
        try:
            established = await self._handshake(context)
            guest = self._guest(established.channel_id)
            name = established.peer.name
            guest.admit(established.peer)
            await guest.run(context, established)
        except CityError as error:
            if guest is not None:
                guest.refused(name, error)
            else:
                self._count("peer_refused", code=error.code)
                log.warning("peer.refused", peer=name, code=error.code, reason=error.message)
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, f"{error.code} {error.name}")
        except TimeoutError:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the handshake took too long")

    async def _handshake(self, context: grpc.aio.ServicerContext) -> Established:
        shown = client_certificate(context)
        fingerprint = shown.fingerprint
        most = HANDSHAKES_PER_CERTIFICATE_MAX + len(self._guests)
        if self._handshakes[fingerprint] >= most:
            raise CityError("CITY-6201", reason="too many handshakes at a time")
        self._handshakes[fingerprint] += 1
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                return await listen(context, lambda id_: self._guest(id_).party, shown)
        finally:
            self._handshakes[fingerprint] -= 1
            if not self._handshakes[fingerprint]:
                del self._handshakes[fingerprint]

    def _guest(self, channel_id: Hash) -> Guest:
        """Raises CITY-2202 where this node does not have the channel."""
        guest = self._guests.get(channel_id)
        if guest is None:
            raise CityError("CITY-2202")
        return guest

    # ---- calls ------------------------------------------------------------------------------------

    def _dispatched(self, method: str) -> Call:
        # An engine is no secret, and who lacks it should learn why; of a chain nothing is told.
        is_open = method == ENGINE
        denied = grpc.StatusCode.PERMISSION_DENIED
        broken, unknown = (
            (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
            if is_open
            else (denied, denied)
        )

        async def call(data: bytes, context: grpc.aio.ServicerContext) -> bytes:
            try:
                serve = self._guest(_channel_of(method, data)).calls.get(method)
                if serve is None:
                    raise CityError("CITY-2202")
            except CityError as error:
                self._count("peer_refused", code=error.code)
                code = unknown if error.code == "CITY-2202" else broken
                await context.abort(code, f"{error.code} {error.name}")
                raise AssertionError("abort raises") from None
            return await serve(data, context)

        return call


def _channel_of(method: str, data: bytes) -> Hash:
    """The channel that a request names. Raises CITY-6201."""
    if method == ENGINE:
        return parse_engine_request(data).channel_id
    return asked_channel(method, data)
