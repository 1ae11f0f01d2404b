"""No method of the clients' port serves a stranger: the methods are read from the service descriptors, so a new
one cannot be forgotten. What is open on purpose is listed here with its reason."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from consensus.encoding import Hash
from node.api.readers import real_now_ms
from node.identity.signers import MemorySigner
from node.wire import operator_statement
from node.wire.codec import envelope_to_pb
from node.wire.pb import api_pb2
from node.wire.read_statement import METADATA_KEY
from node.wire.status import from_rpc_error
from tests.unit.api.chain import SUITE
from tests.unit.api.served import Served, order, served

SECONDS = 60
OPEN = {
    "Ledger.NodeStatus": "operators and monitors have no key of the channel",
    "Ledger.ChannelInfo": "a client that holds only the channel's id checks genesis by it",
}
# What is signed there is the envelope itself.
SUBMITS = {"Ledger.Submit", "Ledger.SubmitBatch", "Ledger.SubmitStream"}
TOOLS = {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
METHODS: dict[str, MethodDescriptor] = {
    f"{service.name}.{method.name}": method
    for service in api_pb2.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
ORDERS = sorted(name for name in METHODS if name.startswith("Admin."))
READS = sorted(METHODS.keys() - OPEN.keys() - SUBMITS - set(ORDERS))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def net() -> AsyncIterator[Served]:
    async with served() as each:
        yield each


async def answer(net: Served, name: str, request: Any, metadata: Any = ()) -> Any:
    """The first reply of a method. Raises AioRpcError."""
    method = METHODS[name]
    shape = ("stream" if method.client_streaming else "unary") + (
        "_stream" if method.server_streaming else "_unary"
    )
    call = getattr(net.channel, shape)(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    sent = iter([request]) if method.client_streaming else request
    going = call(sent, timeout=SECONDS, metadata=metadata)
    return await going.read() if method.server_streaming else await going


async def refusal(net: Served, name: str, request: Any, metadata: Any = ()) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await answer(net, name, request, metadata)
    error = from_rpc_error(caught.value)
    assert error is not None, caught.value
    return error.code


@pytest.mark.asyncio(loop_scope="module")
async def test_the_port_serves_these_services_and_no_others(net: Served) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(net.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    reply = await stub.ServerReflectionInfo(iter([request]), timeout=SECONDS).read()
    served_ = {service.name for service in reply.list_services_response.service}
    assert served_ == {m.containing_service.full_name for m in METHODS.values()} | TOOLS


def test_what_is_open_exists() -> None:
    assert OPEN.keys() | SUBMITS <= METHODS.keys()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", READS)
async def test_a_read_without_a_statement_of_a_member_is_refused(net: Served, name: str) -> None:
    request = GetMessageClass(METHODS[name].input_type)()
    before = len(net.chain.stored)
    stranger = MemorySigner(SUITE.generate_key())
    assert await refusal(net, name, request) == "CITY-2210"
    assert await refusal(net, name, request, net.read(stranger)) == "CITY-2212"
    junk = ((METADATA_KEY, b"\x00" * 200),)
    assert await refusal(net, name, request, junk) == "CITY-2211"
    now_ms = real_now_ms()
    for changes in (
        {"channel_id": Hash(bytes(32))},
        {"node_identity": Hash(bytes(32))},
        {"reader_key": stranger.public_key},
        {"not_after_ms": now_ms - 1},
        {"not_after_ms": now_ms + 3_600_000},
    ):
        assert await refusal(net, name, request, net.read(**changes)) == "CITY-2211", changes
    # An operator's order, which says who runs the node, is no member's question.
    told = order(net, name.partition(".")[2])
    assert await refusal(net, name, request, told) == "CITY-2210"
    assert len(net.chain.stored) == before


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", READS)
async def test_who_was_removed_reads_nothing_from_that_block_on(net: Served, name: str) -> None:
    request, good = (
        GetMessageClass(METHODS[name].input_type)(),
        net.read(net.chain.users["supplier"]),
    )
    with contextlib.suppress(grpc.aio.AioRpcError):
        await answer(net, name, request, good)  # served, or refused for what it asks
    config = net.chain.config
    left = tuple(each for each in config.identities if each.name != "supplier")
    net.chain.config = replace(config, identities=left)
    try:
        assert await refusal(net, name, request, good) == "CITY-2212"
    finally:
        net.chain.config = config


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", sorted(READS + sorted(OPEN) + sorted(SUBMITS)))
async def test_of_a_channel_that_the_node_has_no_part_in_nothing_is_told(
    net: Served, name: str
) -> None:
    request = GetMessageClass(METHODS[name].input_type)(channel="elsewhere")
    before = len(net.chain.stored)
    assert await refusal(net, name, request, net.read()) == "CITY-1004"
    assert len(net.chain.stored) == before


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ORDERS)
async def test_an_order_that_no_operator_of_the_node_signed_is_refused(
    net: Served, name: str
) -> None:
    request = GetMessageClass(METHODS[name].input_type)()
    method = name.partition(".")[2]
    hosting = net.hosting
    before = (list(hosting.ordered), dict(hosting.states))
    stranger = MemorySigner(SUITE.generate_key())
    other = "ListHosted" if method != "ListHosted" else "ShowHosted"
    junk = ((operator_statement.METADATA_KEY, b"\x00" * 200),)
    # A reader's statement, which every user of a channel can make, is no operator's.
    read = net.read(net.chain.users["buyer"])
    now_ms = real_now_ms()
    for metadata, code in (
        ((), "CITY-2213"),
        (read, "CITY-2213"),
        (((operator_statement.METADATA_KEY, read[0][1]),), "CITY-2214"),
        (junk, "CITY-2214"),
        (order(net, method, stranger), "CITY-2215"),
        (order(net, method, net.chain.users["buyer"]), "CITY-2215"),
        (order(net, other), "CITY-2214"),
        (order(net, method, stranger, operator_key=hosting.operator.public_key), "CITY-2214"),
        (order(net, method, node_identity=Hash(bytes(32))), "CITY-2214"),
        (order(net, method, not_after_ms=now_ms - 1), "CITY-2214"),
        (order(net, method, not_after_ms=now_ms + 3_600_000), "CITY-2214"),
    ):
        assert await refusal(net, name, request, metadata) == code
    assert (hosting.ordered, hosting.states) == before


@pytest.mark.asyncio(loop_scope="module")
async def test_an_operator_is_served(net: Served) -> None:
    metadata = order(net, "ListHosted")
    request = GetMessageClass(METHODS["Admin.ListHosted"].input_type)()
    reply = await answer(net, "Admin.ListHosted", request, metadata)
    assert [(row.channel, row.state) for row in reply.channels] == [("main", "running")]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", sorted(SUBMITS))
async def test_an_envelope_that_its_sender_did_not_sign_is_refused(net: Served, name: str) -> None:
    good = net.envelope()
    forged = envelope_to_pb(type(good)(good.body, good.public_key, bytes(len(good.signature))))
    field = "envelope" if name == "Ledger.Submit" else "envelopes"
    request = GetMessageClass(METHODS[name].input_type)(
        channel="main", **{field: forged if field == "envelope" else [forged]}
    )
    before = len(net.chain.stored)
    if name == "Ledger.Submit":
        assert (await refusal(net, name, request)).startswith("CITY-3")
    else:
        reply = await answer(net, name, request)
        (result,) = reply.results
        assert result.code.startswith("CITY-3") and result.message
    assert len(net.chain.stored) == before
