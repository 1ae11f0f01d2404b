"""The Admin service: the channels of a node as its operator changes them. Nobody else gets anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc
import structlog

from node.api.calls import unary
from node.api.readers import real_now_ms
from node.errors import CityError
from node.facade import HostingFacade
from node.wire import stubs
from node.wire.codec import json_text
from node.wire.operator_statement import METADATA_KEY, check_operator

ADDRESSES_MAX = 256

log = structlog.get_logger("api")


class AdminService(stubs.AdminServicer):
    """Every method checks who calls before it looks at what is asked."""

    def __init__(self, hosting: HostingFacade) -> None:
        self._hosting = hosting

    @unary
    async def PrepareChannel(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._authorise(context, "PrepareChannel")
        card = await self._hosting.prepare(request.channel, request.suite)
        return stubs.NodeCardReply(card=card)

    @unary
    async def JoinChannel(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._authorise(context, "JoinChannel")
        if len(request.addresses) > ADDRESSES_MAX:
            raise CityError("CITY-1002", field="addresses", rule=f"at most {ADDRESSES_MAX}")
        return _hosted(
            await self._hosting.join(
                request.genesis, dict(request.addresses), request.grant, request.from_snapshot
            )
        )

    @unary
    async def LeaveChannel(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._authorise(context, "LeaveChannel")
        return _hosted(await self._hosting.leave(request.channel, request.force))

    @unary
    async def PauseChannel(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._authorise(context, "PauseChannel")
        return _hosted(await self._hosting.pause(request.channel))

    @unary
    async def ResumeChannel(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._authorise(context, "ResumeChannel")
        return _hosted(await self._hosting.resume(request.channel))

    @unary
    async def ArchiveChannel(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._authorise(context, "ArchiveChannel")
        return _hosted(await self._hosting.archive(request.channel))

    @unary
    async def ListHosted(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._authorise(context, "ListHosted")
        return stubs.ListHostedReply(channels=map(_hosted, self._hosting.hosted()))

    @unary
    async def ShowHosted(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._authorise(context, "ShowHosted")
        return _hosted(self._hosting.show(request.channel))

    @unary
    async def ExportGenesis(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._authorise(context, "ExportGenesis")
        genesis = await asyncio.to_thread(self._hosting.genesis, request.channel)
        return stubs.GenesisReply(genesis=genesis)

    @unary
    async def BackupChannel(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        await self._authorise(context, "BackupChannel")
        return _hosted(await self._hosting.backup(request.channel))

    async def _authorise(self, context: grpc.aio.ServicerContext, method: str) -> None:
        """Raises CITY-2213 (no statement), CITY-2214 (invalid), CITY-2215 (not by an operator of this node)."""
        data = dict(context.invocation_metadata() or ()).get(METADATA_KEY)
        if not isinstance(data, bytes):
            raise CityError("CITY-2213")
        who = self._hosting.operators()
        statement = await asyncio.to_thread(
            check_operator, who.suite, data, who.identity, method, real_now_ms()
        )
        if statement.operator_key not in who.keys:
            raise CityError("CITY-2215", node=who.node_name)
        log.info("admin.call", method=method, operator=statement.operator_key.hex()[:16])


def _hosted(row: Mapping[str, Any]) -> Any:
    facts = {key: value for key, value in row.items() if key not in ("channel", "state")}
    return stubs.HostedReply(
        channel=row["channel"], state=row["state"], facts_json=json_text(facts)
    )
