"""The Ledger service over a real gRPC server with TLS on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2 as details
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from consensus.encoding import Hash
from consensus.header import tx_id
from node.errors import CityError
from node.identity.signers import MemorySigner
from node.wire import stubs
from node.wire.codec import MESSAGE_BYTES_MAX, envelope_to_pb
from node.wire.read_statement import METADATA_KEY
from node.wire.status import from_rpc_error
from tests.unit.api.chain import SUITE
from tests.unit.api.served import Served, served

SECONDS = 60  # for what takes milliseconds


@pytest_asyncio.fixture
async def net() -> AsyncIterator[Served]:
    async with served() as each:
        yield each


def give_up_soon(patch: pytest.MonkeyPatch) -> None:
    """The node answers 0.3 s after a call came, long before its caller's own clock ends the call."""
    patch.setattr("node.api.calls._ANSWER_S", SECONDS - 0.3)


async def refused(call: Any) -> CityError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = from_rpc_error(caught.value)
    assert error is not None, caught.value
    assert caught.value.code().name == error.entry.grpc_status
    assert "Traceback" not in caught.value.details() and "/work" not in caught.value.details()
    return error


async def submit(net: Served, envelope: Any, timeout: float | None = SECONDS) -> Any:
    request = stubs.SubmitRequest(channel="main", envelope=envelope_to_pb(envelope))
    return await net.stub.Submit(request, timeout=timeout)


async def test_a_transaction_is_submitted_awaited_and_proven(net: Served) -> None:
    envelope = net.envelope()
    id_ = tx_id(SUITE.hash, SUITE.id, envelope.body)
    assert (await submit(net, envelope)).tx_id == id_
    wait = stubs.WaitRequest(tx_id=id_, level=stubs.COMMITTED)
    status = await net.stub.WaitTransaction(wait, timeout=SECONDS, metadata=net.read())
    assert (status.height, status.level, status.receipt.outcome) == (1, stubs.COMMITTED, "ok")
    assert status.receipt.result_json == '{"amount":5}'
    get = stubs.GetTransactionRequest(tx_id=id_)
    view = await net.stub.GetTransaction(get, timeout=SECONDS, metadata=net.read())
    assert view.envelope.body == envelope.body and (view.height, view.index) == (1, 0)
    proof = await net.stub.TransactionProof(get, timeout=SECONDS, metadata=net.read())
    assert proof.proof == b"proof of " + id_


async def test_a_batch_is_answered_one_by_one_in_order(net: Served) -> None:
    good, bad = net.envelope(), envelope_to_pb(net.envelope())
    forged = net.envelope()
    bad.public_key = b"short"
    wrong = envelope_to_pb(forged)
    wrong.signature = bytes(64)
    request = stubs.SubmitBatchRequest(envelopes=[wrong, envelope_to_pb(good), bad])
    reply = await net.stub.SubmitBatch(request, timeout=SECONDS)
    codes = [result.code.split(" ")[0] for result in reply.results]
    assert codes == ["CITY-3006", "", "CITY-1014"]
    assert [result.tx_id for result in reply.results] == [
        tx_id(SUITE.hash, SUITE.id, body) for body in (forged.body, good.body, bad.body)
    ]
    assert len(net.chain.stored) == 2 and len(net.chain.stored[1].envelopes) == 1


async def test_a_stream_of_batches_is_answered_batch_by_batch(net: Served) -> None:
    call = net.stub.SubmitStream()
    for height in (1, 2, 3):
        batch = [envelope_to_pb(net.envelope()) for _ in range(3)]
        await call.write(stubs.SubmitBatchRequest(envelopes=batch))
        reply = await call.read()
        assert [result.code for result in reply.results] == [""] * 3
        assert net.chain.tip == height
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF


async def test_an_empty_or_oversize_batch_is_refused(net: Served) -> None:
    error = await refused(net.stub.SubmitBatch(stubs.SubmitBatchRequest(), timeout=SECONDS))
    assert error.code == "CITY-1006" and error.variables["count"] == "0"


async def test_a_message_over_the_limit_is_refused_and_nothing_happens(net: Served) -> None:
    envelope = stubs.Envelope(body=bytes(MESSAGE_BYTES_MAX))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await net.stub.Submit(stubs.SubmitRequest(envelope=envelope), timeout=SECONDS)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert net.chain.submitted == 0


async def test_a_write_without_a_deadline_is_refused(net: Served) -> None:
    assert (await refused(submit(net, net.envelope(), timeout=None))).code == "CITY-1005"
    assert net.chain.submitted == 0


async def test_an_error_carries_reason_variables_both_languages_and_the_next_step(
    net: Served,
) -> None:
    request = stubs.SubmitRequest(channel="harbour", envelope=envelope_to_pb(net.envelope()))
    error = await refused(net.stub.Submit(request, timeout=SECONDS))
    assert error.code == "CITY-1004" and error.name == "CHANNEL_UNKNOWN"
    assert error.variables == {"channel": "harbour", "known": "main"}
    assert "harbour" in error.message and "harbour" in error.localized("zh")[0]


async def test_a_defect_shows_a_trace_and_nothing_of_the_machine(net: Served) -> None:
    request = stubs.QueryRequest(contract="broken", method="m")
    error = await refused(net.stub.Query(request, timeout=SECONDS, metadata=net.read()))
    assert error.code == "CITY-1011" and len(error.variables["trace"]) == 16
    assert "secret" not in str(error)


async def test_waiting_past_the_deadline_says_that_the_fate_is_unknown(
    net: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelope = net.envelope(method="lost")
    id_ = (await submit(net, envelope)).tx_id
    wait = stubs.WaitRequest(tx_id=id_)
    give_up_soon(monkeypatch)
    error = await refused(net.stub.WaitTransaction(wait, timeout=SECONDS, metadata=net.read()))
    assert error.code == "CITY-1009" and error.variables["tx_id"] == id_.hex()


async def test_a_member_that_reads_too_fast_is_told_when_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("node.api.pace.BURST_SECONDS", 0.0)  # not even a first one
    async with served(reads_per_second=1_000) as net:
        request = stubs.QueryRequest(contract="receivable", method="get", args='{"id":"R1"}')
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await net.stub.Query(request, timeout=SECONDS, metadata=net.read())
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        status = rpc_status.from_call(caught.value)
        assert status is not None
        waits = [d.retry_delay for a in status.details if a.Unpack(d := details.RetryInfo())]
        assert [(wait.seconds, wait.nanos) for wait in waits] == [(0, 2_000_000)]
        # What only waits, and the node's own word, are not reads.
        assert (await net.stub.NodeStatus(stubs.NodeStatusRequest(), timeout=SECONDS)).height == 0
        id_ = (await submit(net, net.envelope())).tx_id
        wait = stubs.WaitRequest(tx_id=id_)
        assert (await net.stub.WaitTransaction(wait, timeout=SECONDS, metadata=net.read())).height


async def test_a_query_runs_as_the_reader(net: Served) -> None:
    request = stubs.QueryRequest(contract="receivable", method="get", args='{"id":"R1"}')
    supplier = net.read(net.chain.users["supplier"])
    reply = await net.stub.Query(request, timeout=SECONDS, metadata=supplier)
    assert reply.result_json == '{"args":{"id":"R1"},"sender":"supplier"}'
    assert reply.events_json == '[{"contract":"receivable","name":"Called","fields":{"n":1}}]'


async def test_a_query_waits_for_its_height_until_the_deadline(
    net: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = stubs.QueryRequest(contract="receivable", method="get", min_height=1)
    with monkeypatch.context() as patch:
        give_up_soon(patch)
        error = await refused(net.stub.Query(request, timeout=SECONDS, metadata=net.read()))
    assert error.code == "CITY-1009"
    call = net.stub.Query(request, timeout=SECONDS, metadata=net.read())
    await submit(net, net.envelope())
    assert (await call).height == 1


async def test_state_is_read_and_proven(net: Served) -> None:
    present = stubs.GetStateRequest(key=b"present")
    reply = await net.stub.GetState(present, timeout=SECONDS, metadata=net.read())
    assert reply.present and reply.value_json == '{"n":7}'
    absent = stubs.GetStateRequest(key=b"absent")
    assert not (await net.stub.GetState(absent, timeout=SECONDS, metadata=net.read())).present
    proof = await net.stub.StateProof(present, timeout=SECONDS, metadata=net.read())
    assert proof.proof == b"proof of present"


async def test_blocks_are_streamed_from_the_past_into_the_present(net: Served) -> None:
    await submit(net, net.envelope())
    call = net.stub.Blocks(stubs.BlocksRequest(from_height=0), metadata=net.read())
    assert [(await call.read()).height for _ in range(2)] == [0, 1]
    await submit(net, net.envelope())
    assert (await call.read()).height == 2
    call.cancel()


async def test_an_unknown_block_names_the_tip(net: Served) -> None:
    request = stubs.GetBlockRequest(height=9)
    error = await refused(net.stub.GetBlock(request, timeout=SECONDS, metadata=net.read()))
    assert (error.code, error.variables["tip"]) == ("CITY-1008", "0")


async def test_events_resume_behind_an_id_and_heartbeats_say_how_far(net: Served) -> None:
    for _ in range(3):
        await submit(net, net.envelope())
    call = net.stub.Events(stubs.EventsRequest(after_id="1/0/0"), metadata=net.read())
    ids = [(await call.read()).events[0].id for _ in range(2)]
    assert ids == ["2/0/0", "3/0/0"]
    heartbeat = await call.read()
    assert (len(heartbeat.events), heartbeat.height) == (0, 3)
    call.cancel()


async def test_a_malformed_event_cursor_is_refused(net: Served) -> None:
    call = net.stub.Events(stubs.EventsRequest(after_id="latest"), metadata=net.read())
    error = await refused(call.read())
    assert (error.code, error.variables["field"]) == ("CITY-1002", "after_id")


async def test_streams_of_one_reader_are_bounded(net: Served) -> None:
    calls = []
    for _ in range(64):
        calls.append(net.stub.Blocks(stubs.BlocksRequest(), metadata=net.read()))
        await calls[-1].read()
    over = net.stub.Blocks(stubs.BlocksRequest(), metadata=net.read())
    assert (await refused(over.read())).code == "CITY-1017"
    other = net.stub.Blocks(stubs.BlocksRequest(), metadata=net.read(net.chain.users["supplier"]))
    assert (await other.read()).height == 0
    for call in (*calls, other):
        call.cancel()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"channel_id": Hash(bytes(32))}, "another channel"),
        ({"node_identity": Hash(bytes(32))}, "another node"),
        ({"not_after_ms": 1}, "expired"),
        ({"not_after_ms": 1 << 50}, "lives too long"),
        ({"reader_key": b"\x04" + bytes(64)}, "a key that did not sign"),
    ],
)
async def test_a_read_statement_about_anything_else_is_refused(
    net: Served, changes: dict[str, Any], why: str
) -> None:
    call = net.stub.GetBlock(stubs.GetBlockRequest(), timeout=SECONDS, metadata=net.read(**changes))
    assert (await refused(call)).code == "CITY-2211", why


async def test_reads_need_a_statement_of_an_identity_of_the_channel(net: Served) -> None:
    request = stubs.GetBlockRequest()
    assert (await refused(net.stub.GetBlock(request, timeout=SECONDS))).code == "CITY-2210"
    for junk in (b"", bytes(64), bytes(600), net.read()[0][1][:-1], net.read()[0][1] + b"x"):
        call = net.stub.GetBlock(request, timeout=SECONDS, metadata=((METADATA_KEY, junk),))
        assert (await refused(call)).code == "CITY-2211"
    stranger = net.read(MemorySigner(SUITE.generate_key()))
    call = net.stub.GetBlock(request, timeout=SECONDS, metadata=stranger)
    assert (await refused(call)).code == "CITY-2212"


async def test_a_removed_identity_reads_nothing_more_even_with_a_remembered_statement(
    net: Served,
) -> None:
    import dataclasses

    statement = net.read()
    await net.stub.GetBlock(stubs.GetBlockRequest(), timeout=SECONDS, metadata=statement)
    net.chain.config = dataclasses.replace(net.chain.config, identities=())
    call = net.stub.GetBlock(stubs.GetBlockRequest(), timeout=SECONDS, metadata=statement)
    assert (await refused(call)).code == "CITY-2212"


async def test_health_is_serving_only_when_the_node_is_caught_up(net: Served) -> None:
    stub = health_pb2_grpc.HealthStub(net.channel)
    request = health_pb2.HealthCheckRequest(service=stubs.LEDGER_SERVICE)
    assert (await stub.Check(request, timeout=SECONDS)).status == 1
    net.chain.ready = False
    assert (await stub.Check(request, timeout=SECONDS)).status == 2


async def test_reflection_lists_the_services(net: Served) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(net.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    call = stub.ServerReflectionInfo(iter([request]))
    names = {s.name for s in (await call.read()).list_services_response.service}
    assert {"citychain.v1.Ledger", "grpc.health.v1.Health"} <= names


async def test_channel_info_and_status_are_open(net: Served) -> None:
    info = await net.stub.ChannelInfo(stubs.ChannelInfoRequest(), timeout=SECONDS)
    assert (info.channel, info.channel_id, info.node) == ("main", net.chain.channel_id, "Shenzhen")
    status = await net.stub.NodeStatus(stubs.NodeStatusRequest(), timeout=SECONDS)
    assert status.height == 0 and status.state_root == b"\x11" * 32


async def test_any_bytes_as_a_request_are_answered_with_a_status(net: Served) -> None:
    for method in ("Submit", "SubmitBatch", "Query", "WaitTransaction"):
        call = net.channel.unary_unary(f"/{stubs.LEDGER_SERVICE}/{method}")
        for data in (b"\xff\xff", b"\x0a\x7f", bytes(100)):
            with pytest.raises(grpc.aio.AioRpcError):
                await call(data, timeout=SECONDS)
    assert (await submit(net, net.envelope())).tx_id


async def test_a_port_in_use_is_named(net: Served) -> None:
    from node.api.server import ApiServer

    second = ApiServer(
        {"main": net.chain},
        node_name="Shenzhen",
        identity_keys={SUITE.id: net.chain.node_signer.public_key},
        transport=net.chain.transport,
        listen=f"127.0.0.1:{net.server.port}",
        hosting=net.hosting,
    )
    with pytest.raises(CityError) as caught:
        await second.start()
    assert caught.value.code == "CITY-8005"
