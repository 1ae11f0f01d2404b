"""The port for clients: Ledger, Contracts, Admin, health, reflection, over TLS with the node's certificate."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from node.api.access import READS_PER_SECOND, Access
from node.api.admin import AdminService
from node.api.contracts import ContractsService
from node.api.ledger import LedgerService
from node.errors import CityError
from node.facade import ChannelFacade, HostingFacade
from node.identity.transport import TransportIdentity
from node.keys.tls import Transports, server_credentials, shown_by
from node.wire import stubs
from node.wire.codec import MESSAGE_BYTES_MAX, REPLY_BYTES_MAX

CALLS_MAX = 4096
HEALTH_PERIOD_S = 0.5
_STOP_S = 2.0
_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", REPLY_BYTES_MAX),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.so_reuseport", 0),  # a port in use is an error, not a second listener
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)
log = structlog.get_logger("api")


class _Health(health.aio.HealthServicer):  # type: ignore[misc]
    """Answers from the channels' state at the moment of the question."""

    def __init__(self, refresh: Any) -> None:
        super().__init__()
        self._refresh = refresh

    async def Check(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._refresh()
        return await super().Check(request, context)


class ApiServer:
    """Serves clients of all channels of a node. `start` once, `stop` once."""

    def __init__(
        self,
        channels: Mapping[str, ChannelFacade],
        *,
        node_name: str,
        identity_keys: Mapping[int, bytes],
        transport: TransportIdentity | Transports,
        listen: str,
        hosting: HostingFacade,
        reads_per_second: int = READS_PER_SECOND,
    ) -> None:
        """channels: by name, the node's first channel first; they may change while it serves.

        identity_keys: the node's own public keys, by suite. hosting: what its operator may change.
        reads_per_second: of one member in one channel.

        listen: host:port, port 0 takes a free one. A channel's `status()["ready"]` says whether it serves."""
        self._channels = channels
        access = Access(channels, identity_keys, reads_per_second)
        self._ledger = LedgerService(access, node_name)
        self._contracts = ContractsService(access)
        self._admin = AdminService(hosting)
        self._transports = shown_by(transport)
        self._listen = listen
        self._server: grpc.aio.Server | None = None
        self._health = _Health(self._refresh_health)
        self._watching: asyncio.Task[None] | None = None
        self._ready: bool | None = None
        self.port = 0

    async def start(self) -> None:
        """Raises CITY-8005 when the address cannot be listened on."""
        server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=CALLS_MAX)
        stubs.add_LedgerServicer_to_server(self._ledger, server)
        stubs.add_ContractsServicer_to_server(self._contracts, server)
        stubs.add_AdminServicer_to_server(self._admin, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection(
            (
                stubs.LEDGER_SERVICE,
                stubs.CONTRACTS_SERVICE,
                stubs.ADMIN_SERVICE,
                health.SERVICE_NAME,
                reflection.SERVICE_NAME,
            ),
            server,
        )
        try:
            self.port = server.add_secure_port(self._listen, server_credentials(self._transports))
        except RuntimeError as error:
            raise CityError(
                "CITY-8005", address=self._listen, use="api", reason="it is in use"
            ) from error
        await self._refresh_health()
        await server.start()
        self._server = server
        self._watching = asyncio.create_task(self._watch_health(), name="api-health")

    async def stop(self) -> None:
        """Health first says that it no longer serves; calls then get two seconds."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._server is not None:
            await self._health.enter_graceful_shutdown()
            await self._server.stop(grace=_STOP_S)
            self._server = None

    async def _watch_health(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_PERIOD_S)
            await self._refresh_health()

    async def _refresh_health(self) -> None:
        # One channel that catches up, or broke, must not turn the clients of all others away.
        ready = any(c.status().get("ready", False) for c in self._channels.values())
        if ready is self._ready:
            return
        self._ready = ready
        response = health_pb2.HealthCheckResponse
        status = response.SERVING if ready else response.NOT_SERVING
        for service in ("", stubs.LEDGER_SERVICE):
            await self._health.set(service, status)
