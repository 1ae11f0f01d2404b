"""A client, TLS, the API, four channels with TLS links and SM2 statements between them, and their consensus."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import Result
from typer.testing import CliRunner

from consensus.proof import ProofError
from node.cli.main import app
from node.client import Admission, AlreadyExists, ContractError, connect
from node.proofs.reading import verify_proof
from tests.unit.client.test_minimal_client import ROOT, SCRIPT
from tests.unit.client.whole import Whole, whole_network

SECONDS = 120  # for what takes one or two on a quiet machine


@pytest_asyncio.fixture
async def net4(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole_network(tmp_path) as whole:
        yield whole


async def test_a_committed_transaction_is_read_at_every_city_and_all_states_agree(
    net4: Whole,
) -> None:
    async with connect.aio(net4.context, user="buyer", timeout=SECONDS) as net:
        done = await net.contract("counter").add(name="a", by=5)
        assert done.value == 5 and done.events[0].fields == {"name": "a", "total": 5}
        for name in net4.cities:
            answer = await net.query("counter", "read", {"name": "a"})
            assert answer.value == 5 and answer.height >= done.block
            assert (await net.node_status(name))["quorum"] == 3
    await net4.same_state()


async def test_a_batch_to_one_city_is_committed_by_all(net4: Whole) -> None:
    async with connect.aio(net4.context, user="supplier", timeout=SECONDS) as net:
        arguments = {"name": "b", "by": 1}
        signed = [
            await net.build("counter", "add", arguments, gas_limit=200_000) for _ in range(100)
        ]
        answers = await net.batch(signed)
        assert answers == [Admission(s.tx_id, "", "") for s in signed]
        outcomes = await asyncio.gather(*(net.wait(s) for s in signed))
        assert sorted(o.value for o in outcomes) == list(range(1, 101))
        with pytest.raises(AlreadyExists) as caught:
            await net._transport.call("Submit", _again(net, signed[0]), SECONDS, signed=False)
        assert caught.value.code == "CITY-3017"
        await net.send(signed[0])  # the SDK takes it for what it is: done already
    await net4.same_state()


def _again(net, signed):
    from node.wire import stubs
    from node.wire.codec import envelope_to_pb

    return stubs.SubmitRequest(channel="main", envelope=envelope_to_pb(signed.envelope))


async def test_what_the_contract_refuses_changes_nothing_anywhere(net4: Whole) -> None:
    async with connect.aio(net4.context, user="buyer", timeout=SECONDS) as net:
        await net.call("counter", "add", {"name": "a", "by": 1})
        before = await net4.same_state()
        with pytest.raises(ContractError) as caught:
            await net.call("counter", "add", {"name": "a", "by": 0})
        assert (caught.value.code, caught.value.reason) == ("CITY-4001", "E_NOT_POSITIVE")
        with pytest.raises(ContractError) as spun:
            await net.call("counter", "spin", gas_limit=100_000)
        assert spun.value.code == "CITY-4002" and spun.value.receipt.gas_used == 100_000
        assert await net4.same_state() == before


async def test_a_request_id_sent_twice_happens_once(net4: Whole) -> None:
    async with connect.aio(net4.context, user="buyer", timeout=SECONDS) as net:
        first = await net.call("counter", "add", {"name": "a", "by": 3}, request_id="invoice-7")
        second = await net.call("counter", "add", {"name": "a", "by": 3}, request_id="invoice-7")
        assert second.duplicate_of == first.tx_id and second.value == first.value == 3
        assert (await net.query("counter", "read", {"name": "a"})).value == 3


async def test_a_proof_from_the_api_verifies_offline(net4: Whole) -> None:
    async with connect.aio(net4.context, user="buyer", timeout=SECONDS) as net:
        done = await net.call("counter", "add", {"name": "a", "by": 1})
        proof = await net.proof(done.tx_id)
    shown = verify_proof(proof, net4.world.channel_id)
    assert done.tx_id in json.dumps(shown)
    with pytest.raises(ProofError):
        verify_proof(proof, bytes(32))


async def test_each_kind_of_proof_is_fetched_and_checked_by_command(
    net4: Whole, tmp_path: Path
) -> None:
    def run(*words: object) -> Result:
        context = ["--context", str(net4.folder), "--as", "buyer"]
        return CliRunner().invoke(app, [*context, "proof", *map(str, words)])

    async with connect.aio(net4.context, user="buyer", timeout=SECONDS) as net:
        done = await net.call("counter", "add", {"name": "a", "by": 2})
    trusted, file = net4.world.channel_id.hex(), tmp_path / "one.proof"
    for words, facts in (
        (["transaction", done.tx_id], {"tx_id": done.tx_id, "outcome": "ok"}),
        (["event", f"{done.block}/0/0"], {"name": "Counted", "fields": {"name": "a", "total": 2}}),
        (["state", "counter", "counts", "a"], {"present": True, "value": 2}),
        (["absence", "counter", "counts", "b"], {"present": False, "object": "counter.counts 'b'"}),
        (["member", "PX"], {"who": "member", "in_force": True}),
        (["member", "nobody@PX", "--as", "identity"], {"in_force": False}),
        (["member", "PX", "--height", "1"], {"height": 1, "in_force": True}),
    ):
        written = await asyncio.to_thread(run, *words, "--out", file)
        assert written.exit_code == 0, written.output
        shown = await asyncio.to_thread(
            run, "verify", file, "--channel-id", trusted, "--output", "json"
        )
        view = json.loads(shown.stdout)
        assert view["trust"] == "the channel you trust"
        assert {name: view[name] for name in facts} == facts
        refused = await asyncio.to_thread(run, "verify", file, "--channel-id", "00" * 32)
        assert (refused.exit_code, "another channel" in refused.output) == (4, True)
        file.unlink()
    for words, said in (
        (["event", f"{done.block}/0/9"], "none number 9"),
        (["event", f"{done.block}/7/0"], "holds 1 transactions"),
        (["event", "seven"], "such as 12/0/1"),
        (["state", "counter", "counts", "b"], "city proof absence"),
        (["absence", "counter", "counts", "a"], "a value stands under"),
        (["absence", "counter", "counts", ":=[1"], "KEY"),
        (["member", "PX", "--at", "2026-11-22T10:00:00"], "names no zone"),
        (["member", "PX", "--as", "guest"], "member, validator or identity"),
        (["member", "PX", "--height", "100000"], "CITY-1008"),
    ):
        refused = await asyncio.to_thread(run, *words, "--out", file)
        assert refused.exit_code not in (0, 1, 70) and said in refused.output, refused.output
        assert not file.exists()


async def test_events_go_on_when_the_city_that_sent_them_dies(net4: Whole) -> None:
    async with connect.aio(net4.context, user="buyer", timeout=SECONDS) as net:
        await net.call("counter", "add", {"name": "a", "by": 1})
        events = net.events("counter", "Counted")
        totals = [(await anext(events)).fields["total"]]
        first = next(iter(net4.cities))  # the context's first node serves the stream
        following = asyncio.create_task(anext(events))
        await net4.cities.pop(first).stop()
        await net.call("counter", "add", {"name": "a", "by": 1}, timeout=SECONDS)
        totals.append((await following).fields["total"])
        assert totals == [1, 2]
        await events.aclose()
    await net4.same_state()


async def test_the_minimal_client_commits_on_a_real_channel(net4: Whole) -> None:
    folder, (name, city) = net4.folder / ".city", next(iter(net4.cities.items()))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        f"127.0.0.1:{city.api.port}",
        str(folder / f"{name}.crt"),
        str(folder / "buyer.pem"),
        "counter",
        "add",
        '{"name": "m", "by": 9}',
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    said = json.loads(out)
    assert (said["outcome"], said["result"]) == ("ok", "9") and said["proof_bytes"] > 1000
