"""The SDK against real gRPC servers on loopback."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio

from node.client import (
    CityError,
    Committed,
    ContractError,
    Denied,
    InvalidRequest,
    NotFound,
    Timeout,
    Unavailable,
    connect,
)
from node.sdk.calls import uuid7
from node.wire.body import parse_body
from tests.unit.client.network import Network, network

SECONDS = 60  # for what takes milliseconds


@pytest_asyncio.fixture
async def one(tmp_path: Path) -> AsyncIterator[Network]:
    async with network(tmp_path) as held:
        yield held


async def test_five_lines_commit_a_transaction(one: Network) -> None:
    async with connect.aio(one.context, user="buyer", timeout=SECONDS) as net:
        done = await net.contract("receivable").issue(amount=Decimal("120000.00"), to="LG")
        assert isinstance(done, Committed)
        assert (done.block, done.level, len(done.tx_id)) == (1, "committed", 64)
        assert done.value == {"amount": "120000.00", "to": "LG"}
        assert [(e.id, e.name, e.fields) for e in done.events] == [
            ("1/0/0", "Called", {"method": "issue"})
        ]


async def test_the_synchronous_network_does_the_same(one: Network) -> None:
    def use() -> None:
        with connect(one.context, user="buyer", timeout=SECONDS) as net:
            done = net.contract("receivable").issue(amount=5)
            assert done.value == {"amount": 5}
            tx = net.contract("receivable").issue.submit({"amount": 6}, request_id="invoice-6")
            assert tx.wait("ordered").block == 2
            assert tx.wait(timeout=SECONDS).value == {"amount": 6}
            assert net.query("receivable", "get", {"id": "R1"}).value["sender"] == "buyer"
            assert net.node_status()["height"] == 2
            blocks = net.blocks(from_height=1)
            assert next(blocks).tx_ids == (done.tx_id,)
            blocks.close()
            events = net.events("receivable")
            assert [next(events).id, next(events).id] == ["1/0/0", "2/0/0"]
            events.close()
            with pytest.raises(ContractError):
                net.call("receivable", "fail")
            net.close()
        net.close()

    await asyncio.to_thread(use)


async def test_bodies_are_built_as_decisions_ask(one: Network) -> None:
    async with connect.aio(one.context, user="supplier", timeout=SECONDS) as net:
        signed = await net.build("receivable", "issue", {"n": 1}, request_id="r-1")
        body = parse_body(signed.envelope.body)
        assert body.gas_limit == 100_000, "twice the 500 that the simulation used, but a floor"
        assert (body.version, body.request_id, len(body.nonce)) == (1, "r-1", 16)
        assert 0 < body.valid_until_height <= 1000
        failing = await net.build("receivable", "fail", {})
        assert failing.gas_limit == 20_000_000
        chosen = await net.build("receivable", "issue", {}, gas_limit=777, valid_until_height=9)
        body = parse_body(chosen.envelope.body)
        assert (body.gas_limit, body.valid_until_height) == (777, 9)
        again = await net.build("receivable", "issue", {"n": 1}, request_id="r-1")
        assert again.tx_id != signed.tx_id, "a fresh nonce each time"


async def test_a_refusal_by_the_contract_names_reason_and_keeps_the_receipt(one: Network) -> None:
    async with connect.aio(one.context, user="buyer", timeout=SECONDS) as net:
        with pytest.raises(ContractError) as caught:
            await net.call("receivable", "fail")
        error = caught.value
        assert (error.code, error.reason) == ("CITY-4001", "E_FAILED")
        assert error.receipt.outcome == "revert" and error.receipt.gas_limit == 20_000_000
        with pytest.raises(ContractError):
            await net.query("receivable", "fail")
        assert (await net.simulate("receivable", "fail")).reason == "E_FAILED"


async def test_a_timeout_carries_the_transactions_id_and_waiting_can_go_on(one: Network) -> None:
    async with connect.aio(one.context, user="buyer", timeout=SECONDS) as net:
        tx = await net.submit("receivable", "lost", timeout=SECONDS)
        with pytest.raises(Timeout) as caught:
            await tx.wait(timeout=0.3)
        assert re.fullmatch("[0-9a-f]{64}", caught.value.tx_id)
        with pytest.raises(Timeout) as again:
            await net.wait(caught.value.tx_id, timeout=0.2)
        assert again.value.tx_id == caught.value.tx_id


async def test_pre_signed_batches_are_admitted_one_by_one(one: Network) -> None:
    async with connect.aio(one.context, user="buyer", timeout=SECONDS) as net:
        signed = [await net.build("receivable", "issue", {"n": n}, gas_limit=9) for n in range(3)]
        answers = await net.batch(signed)
        assert [(a.tx_id, a.code) for a in answers] == [(s.tx_id, "") for s in signed]

        async def batches():
            yield signed[:2]
            yield signed[2:]

        assert [len(reply) async for reply in net.stream(batches())] == [2, 1]


async def test_an_away_node_is_passed_over_and_all_away_is_named(tmp_path: Path) -> None:
    async with (
        network(tmp_path, nodes=2) as two,
        connect.aio(two.context, user="buyer", timeout=SECONDS) as net,
    ):
        await two.servers[0].stop()
        assert (await net.call("receivable", "issue", {"n": 1})).block == 1
        with pytest.raises(Unavailable) as only:
            await net.node_status("node0", timeout=SECONDS)
        assert only.value.code == "CITY-1010"
        await two.servers[1].stop()
        with pytest.raises(Unavailable) as caught:
            await net.query("receivable", "get", timeout=SECONDS)
        assert caught.value.code == "CITY-1010"
        assert all(str(server.port) in caught.value.message for server in two.servers)


async def test_a_node_without_the_channel_is_passed_over_by_calls_reads_and_streams(
    tmp_path: Path,
) -> None:
    async with network(tmp_path, nodes=3, without=(0, 1)) as three:
        async with connect.aio(three.context, user="buyer", timeout=SECONDS) as net:
            events = net.events("receivable", "Called", from_height=1)
            following = asyncio.create_task(anext(events))
            assert (await net.call("receivable", "issue", {"n": 1})).block == 1
            assert (await following).id == "1/0/0"
            await events.aclose()
            with pytest.raises(CityError) as only:
                await net.node_status("node0", timeout=SECONDS)
            assert only.value.code == "CITY-1004"
        await three.servers[2].stop()
        async with connect.aio(three.context, user="buyer", timeout=SECONDS) as net:
            with pytest.raises(Unavailable) as caught:
                await net.query("receivable", "get", timeout=SECONDS)
            assert caught.value.code == "CITY-1010"


async def test_where_all_have_paused_the_channel_that_is_what_is_told(tmp_path: Path) -> None:
    async with (
        network(tmp_path, nodes=2) as two,
        connect.aio(two.context, user="buyer", timeout=SECONDS) as net,
    ):
        two.chain.fault = CityError("CITY-8062", channel="main")
        with pytest.raises(Unavailable) as caught:
            await net.call("receivable", "issue")
        assert caught.value.code == "CITY-8062"
        await two.servers[1].stop()
        with pytest.raises(Unavailable) as caught:
            await net.call("receivable", "issue")
        assert caught.value.code == "CITY-1010"
        assert two.chain.submitted == 0


async def test_where_no_node_has_the_channel_each_kind_of_call_says_so(tmp_path: Path) -> None:
    async with (
        network(tmp_path, nodes=2, without=(0, 1)) as two,
        connect.aio(two.context, user="buyer", timeout=SECONDS) as net,
    ):
        asked = (
            net.query("receivable", "get"),
            net.call("receivable", "issue"),
            anext(net.events()),
        )
        for each in asked:
            with pytest.raises(CityError) as caught:
                await each
            assert caught.value.code == "CITY-1004"
        assert two.chain.submitted == 0


async def test_a_wait_goes_on_at_the_next_node_with_the_same_bytes(tmp_path: Path) -> None:
    async with (
        network(tmp_path, nodes=2) as two,
        connect.aio(two.context, user="buyer", timeout=SECONDS) as net,
    ):
        tx = await net.submit("receivable", "late")
        waiting = asyncio.create_task(tx.wait())
        await asyncio.sleep(0)
        await two.servers[0].stop()
        assert (await waiting).tx_id == tx.tx_id
        assert two.chain.submitted == 2


async def test_events_resume_at_the_next_node_without_loss_or_repetition(tmp_path: Path) -> None:
    async with (
        network(tmp_path, nodes=2) as two,
        connect.aio(two.context, user="buyer", timeout=SECONDS) as net,
    ):
        for n in range(2):
            await net.call("receivable", "issue", {"n": n})
        events = net.events("receivable", "Called")
        assert [(await anext(events)).id for _ in range(2)] == ["1/0/0", "2/0/0"]
        following = asyncio.create_task(anext(events))
        await asyncio.sleep(0)
        await two.servers[0].stop()
        await net.call("receivable", "issue", {"n": 2})
        assert (await following).id == "3/0/0"
        await events.aclose()


async def test_events_resume_behind_the_id_that_the_caller_kept(one: Network) -> None:
    async with connect.aio(one.context, user="buyer", timeout=SECONDS) as net:
        for n in range(3):
            await net.call("receivable", "issue", {"n": n})
        events = net.events(after_id="2/0/0")
        event = await anext(events)
        assert (event.id, event.fields) == ("3/0/0", {"method": "issue"})
        await events.aclose()


async def test_past_events_end_with_what_the_channel_has_by_now(one: Network) -> None:
    async with connect.aio(one.context, user="buyer", timeout=SECONDS) as net:
        assert await net.past_events() == []
        for n in range(3):
            await net.call("receivable", "issue", {"n": n})
        assert [event.id for event in await net.past_events()] == ["1/0/0", "2/0/0", "3/0/0"]
        behind = await net.past_events("receivable", "Called", from_height=2)
        assert [event.height for event in behind] == [2, 3]
        assert await net.past_events("financing") == []


async def test_reads_see_what_this_client_wrote(one: Network) -> None:
    async with connect.aio(one.context, user="buyer", timeout=SECONDS) as net:
        await net.call("receivable", "issue", {"n": 1})
        answer = await net.query("receivable", "get", {"id": "R1"})
        assert answer.height >= 1 and answer.events == (("receivable", "Called", {"n": 1}),)
        assert (await net.state(b"present"))[1] == {"n": 7}
        assert (await net.state(b"absent"))[1] is None


async def test_proofs_blocks_and_transactions_are_fetched(one: Network) -> None:
    async with connect.aio(one.context, user="buyer", timeout=SECONDS) as net:
        done = await net.call("receivable", "issue", {"n": 1})
        assert await net.proof(done.tx_id) == b"proof of " + bytes.fromhex(done.tx_id)
        assert await net.state_proof(b"k") == b"proof of k"
        assert (await net.block(1)).tx_ids == (done.tx_id,)
        assert (await net.transaction(done.tx_id)).receipt.gas_used == 1000
        with pytest.raises(NotFound) as caught:
            await net.block(99)
        assert caught.value.code == "CITY-1008"


@pytest.mark.parametrize("value", [1.5, float("nan"), object(), {"a": [2.5]}, {1, 2}])
async def test_an_argument_without_one_text_is_refused_before_sending(
    one: Network, value: object
) -> None:
    async with connect.aio(one.context, user="buyer", timeout=SECONDS) as net:
        with pytest.raises(InvalidRequest) as caught:
            await net.call("receivable", "issue", {"amount": value})
        assert caught.value.variables["field"].startswith("args.amount")
    assert one.chain.submitted == 0


async def test_an_unknown_context_or_user_is_named_with_those_there_are(
    one: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITY_HOME", str(tmp_path))
    with pytest.raises(InvalidRequest) as no_context:
        connect.aio("prod")
    assert no_context.value.code == "CITY-1012" and str(tmp_path) in no_context.value.why
    with pytest.raises(InvalidRequest) as no_user:
        connect.aio("dev", user="mallory")
    assert no_user.value.code == "CITY-1013" and "buyer, supplier" in no_user.value.why


async def test_without_a_user_reads_are_signed_and_writes_are_refused(one: Network) -> None:
    async with connect.aio(one.context) as net:
        assert (await net.query("receivable", "get")).value["sender"] == "buyer"
        with pytest.raises(InvalidRequest) as caught:
            await net.call("receivable", "issue")
        assert caught.value.code == "CITY-1033"


async def test_contexts_are_found_in_the_order_of_decisions(
    one: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from node.client import find_context

    for name in ("CITY_HOME", "CITY_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.chdir(tmp_path)
    assert find_context().name == "dev"
    monkeypatch.chdir("/")
    with pytest.raises(InvalidRequest):
        find_context()
    monkeypatch.setenv("CITY_HOME", str(tmp_path))
    assert find_context().channel_id == one.chain.channel_id
    monkeypatch.setenv("CITY_CONTEXT", "other")
    with pytest.raises(InvalidRequest):
        find_context()
    assert find_context("dev").name == "dev", "what the caller names comes first"


async def test_a_damaged_contexts_file_is_refused_with_a_code(tmp_path: Path) -> None:
    from node.client import find_context

    file = tmp_path / "contexts.toml"
    for text in ("[contexts", "contexts = 3", "[contexts.dev]", "[contexts]\ndev = 5\n"):
        file.write_text(text)
        with pytest.raises(InvalidRequest) as caught:
            find_context(str(file))
        assert caught.value.code == "CITY-1012"


async def test_a_node_of_another_channel_is_refused(one: Network, tmp_path: Path) -> None:
    file = tmp_path / ".city" / "contexts.toml"
    file.write_text(file.read_text().replace(one.chain.channel_id.hex(), "00" * 32))
    async with connect.aio(one.context, user="buyer", timeout=SECONDS) as net:
        with pytest.raises(InvalidRequest) as caught:
            await net.call("receivable", "issue")
        assert caught.value.code == "CITY-1004"
    assert one.chain.submitted == 0


async def test_a_node_with_another_certificate_is_not_spoken_to(
    one: Network, tmp_path: Path
) -> None:
    from tests.unit.api.chain import MemoryChannel

    certificate = MemoryChannel().transport.certificate_pem
    (tmp_path / ".city" / "node.crt").write_bytes(certificate)
    async with connect.aio(one.context, user="buyer", timeout=SECONDS) as net:
        with pytest.raises(Unavailable):
            await net.call("receivable", "issue", timeout=SECONDS)


async def test_an_address_and_a_key_do_without_a_contexts_file(
    one: Network, tmp_path: Path
) -> None:
    folder = tmp_path / ".city"
    async with connect.aio(
        f"127.0.0.1:{one.servers[0].port}",
        user=str(folder / "buyer.pem"),
        certificate=folder / "node.crt",
    ) as net:
        assert (await net.call("receivable", "issue", {"n": 1})).block == 1


async def test_a_stranger_is_denied(one: Network, tmp_path: Path) -> None:
    from node.identity.keyfile import write_key
    from tests.unit.api.chain import SUITE

    write_key(tmp_path / "stranger.pem", SUITE.generate_key(), None, dev=True)
    async with connect.aio(one.context, user=str(tmp_path / "stranger.pem")) as net:
        with pytest.raises(Denied) as caught:
            await net.query("receivable", "get")
        assert caught.value.code == "CITY-2212"


def test_request_ids_are_version_7_and_sort_by_time() -> None:
    ids = [uuid7() for _ in range(200)]
    pattern = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert all(re.fullmatch(pattern, each) for each in ids)
    assert len(set(ids)) == 200
    assert [each[:13] for each in ids] == sorted(each[:13] for each in ids)
