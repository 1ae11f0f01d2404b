"""Reads: proofs that hold offline, streams that resume, and answers that wait for a height."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from contracts.runtime import values
from contracts.runtime.keys import state_key
from node.errors import CityError
from node.proofs.reading import verify_proof
from tests.unit.node.network import PATIENT_MS, Cluster, cluster


async def commit(net: Cluster, count: int = 1, **changes: object) -> list[bytes]:
    """Transactions through n0, one a block."""
    ids = []
    for _ in range(count):
        (outcome,) = await net.nodes["n0"].channel.submit([net.envelope(**changes)])
        assert outcome.error is None
        await net.nodes["n0"].channel.wait(outcome.tx_id, "committed")
        ids.append(outcome.tx_id)
    return ids


@pytest.mark.parametrize("window", [1, 4])
async def test_proofs_of_a_transaction_and_of_state_hold_offline(tmp_path, window):
    async with cluster(tmp_path, 4, window=window) as net:
        (id_,) = await commit(net)
        channel = net.nodes["n2"].channel
        await channel.wait(id_, "committed")
        shown = verify_proof(await channel.transaction_proof(id_), net.channel_id)
        assert (shown["tx_id"], shown["outcome"]) == (id_.hex(), "ok")
        fact = verify_proof(await channel.state_proof(state_key("counter", "counts", "a")))
        assert (fact["present"], fact["value"]) == (True, 1)
        absent = verify_proof(await channel.state_proof(state_key("counter", "counts", "b")))
        assert absent["present"] is False


async def test_a_window_of_four_orders_ahead_of_execution_and_ends_in_one_state(tmp_path):
    async with cluster(tmp_path, 4, window=4) as net:
        channel = net.nodes["n0"].channel
        envelopes = [net.envelope() for _ in range(60)]
        for envelope in envelopes:
            await channel.submit([envelope])
        await asyncio.gather(*(channel.wait(net.id(e), "committed") for e in envelopes))
        await net.same_state()
        found = await net.nodes["n1"].channel.query("counter", 0, "read", '{"name": "a"}', None)
        assert values.decode(found.result) == 60


async def test_a_proof_of_an_unknown_transaction_is_refused(tmp_path):
    async with cluster(tmp_path, 1) as net:
        with pytest.raises(CityError, match="CITY-3026"):
            await net.nodes["n0"].channel.transaction_proof(bytes(32))


async def test_events_come_once_in_order_and_resume_behind_an_id(tmp_path):
    async with cluster(tmp_path, 1) as net:
        channel = net.nodes["n0"].channel
        await commit(net, 3)

        async def take(count: int, from_height: int, after: str) -> list[tuple[str, int]]:
            found: list[tuple[str, int]] = []
            async for page in channel.events(from_height, after, "counter", "Counted"):
                found += [(e.id, e.event.fields()["total"]) for e in page.events]
                if len(found) >= count:
                    return found
            return found

        everything = await take(3, 0, "")
        assert [total for _, total in everything] == [1, 2, 3]
        assert await take(2, 0, everything[0][0]) == everything[1:]
        live = asyncio.create_task(take(1, 0, everything[2][0]))
        await commit(net)
        assert [total for _, total in await live] == [4]


async def test_a_bad_event_id_is_refused(tmp_path):
    async with cluster(tmp_path, 1) as net:
        with pytest.raises(CityError, match="CITY-1002"):
            await anext(net.nodes["n0"].channel.events(0, "1/x/2", "", ""))


async def test_blocks_come_from_the_past_and_then_live(tmp_path):
    async with cluster(tmp_path, 1) as net:
        channel = net.nodes["n0"].channel
        await commit(net)
        stream = channel.blocks(0)
        heights = [(await anext(stream)).header.height for _ in range(3)]
        assert heights == [0, 1, 2]  # genesis, the transaction, the empty block that settles it
        following = asyncio.create_task(anext(stream))
        await commit(net)
        assert (await following).header.height == 3
        await stream.aclose()


async def test_a_query_waits_for_the_height_it_asks_for(tmp_path):
    async with cluster(tmp_path, 4) as net:
        late = net.nodes["n3"].channel
        asked = asyncio.create_task(
            late.query("counter", 0, "read", '{"name": "a"}', None, min_height=1)
        )
        await commit(net)
        found = await asked
        assert found.height >= 1 and values.decode(found.result) == 1


async def test_the_status_is_plain_json_and_names_the_leader(tmp_path):
    async with cluster(tmp_path, 4, base_timeout_ms=PATIENT_MS) as net:
        await commit(net)
        await net.at_height(2)  # the block that settles it
        status = json.loads(json.dumps(net.nodes["n1"].channel.status()))
        assert (status["role"], status["leader"], status["quorum"]) == ("validator", "n0", 3)
        assert {peer["name"] for peer in status["peers"]} == {"n0", "n2", "n3"}
        text = net.nodes["n1"].channel.metrics.text().decode()
        assert 'city_block_height{channel="main"}' in text
        assert 'city_transactions_total{channel="main",outcome="ok"} 1.0' in text


async def test_a_query_runs_the_contracts_of_its_own_view(tmp_path, monkeypatch):
    # A block is adopted between the look at the view and the call: what it changed is not in the view.
    async with cluster(tmp_path, 1) as net:
        await commit(net)
        channel = net.nodes["n0"].channel
        queries, contracts = channel._queries, channel._ledger.contracts
        before, height, moment = contracts.state, contracts.height, queries._moment
        first, second = ("counter", 1), ("counter", 2)
        after = replace(
            before,
            terms=dict(before.terms) | {second: replace(before.terms[first], version=2)},
            stages=dict(before.stages) | {second: before.stages[first]},
            heads=dict(before.heads) | {"counter": replace(before.heads["counter"], active=2)},
        )

        def then_adopted(*words):
            found = moment(*words)
            contracts.adopt(after, height + 1)
            return found

        monkeypatch.setattr(queries, "_moment", then_adopted)
        try:
            answer = await channel.query("counter", 0, "read", '{"name": "a"}', None)
        finally:
            contracts.adopt(before, height)
        assert (answer.outcome, values.decode(answer.result), answer.height) == ("ok", 1, height)
        assert answer.version == 1
