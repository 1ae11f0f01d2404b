"""The Contracts service: which contracts a channel has, what they offer, their source."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import grpc

from node.api.access import Access
from node.api.calls import unary, within_deadline
from node.errors import CityError
from node.facade import Deployed
from node.wire import stubs
from node.wire.codec import json_text, value_json

NAME_CHARS_MAX = 64
NOTHING_MORE: Mapping[str, str] = MappingProxyType({})


class ContractsService(stubs.ContractsServicer):
    """Reads for every identity of the channel."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @unary
    async def ListContracts(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel, _ = await self._access.read(request.channel, context)
        return stubs.ListContractsReply(contracts=map(_version, channel.contracts()))

    @unary
    async def GetSchema(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel, _ = await self._access.read(request.channel, context)
        found = channel.contract(_name(request), request.version)
        schema = await within_deadline(context, channel.contract_schema(found.name, found.version))
        # Derived from the bundle, so it needs no place of its own in what members approve.
        digest = {"schema_digest": channel.suite.hash(schema).hex()}
        return stubs.SchemaReply(
            contract=_version(found, digest), schema=schema, schema_json=value_json(schema)
        )

    @unary
    async def GetSource(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        channel, _ = await self._access.read(request.channel, context)
        found = channel.contract(_name(request), request.version)
        bundle = await within_deadline(context, channel.contract_bundle(found.name, found.version))
        return stubs.SourceReply(contract=_version(found), bundle=bundle.encode())


def _name(request: Any) -> str:
    name: str = request.name
    if not 1 <= len(name) <= NAME_CHARS_MAX:
        raise CityError("CITY-1002", field="name", rule="a name of 1 to 64 characters")
    return name


def _version(found: Deployed, more: Mapping[str, str] = NOTHING_MORE) -> Any:
    return stubs.ContractVersion(
        name=found.name,
        version=found.version,
        digest=found.digest,
        status=found.status,
        facts_json=json_text({**found.facts, **more}),
    )
