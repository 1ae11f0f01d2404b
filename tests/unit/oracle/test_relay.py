"""A relay that watches: once, whatever happens; and the operator's interface, asked by oracles over HTTP."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from consensus.encoding import Hash, decode
from consensus.oracle_report import OracleConfig, PaymentReport
from consensus.payment import CoinPoint, nullifier
from contracts.bundles import load_bundle
from contracts.runtime.native import NativeEngine
from contracts.schema import Schema
from deploy.operator.api import make_operator
from deploy.regcenter.hashing import sm3
from deploy.regcenter.operations import Refresh
from node.errors import CityError
from node.oracle.adapter import PaymentAdapter
from node.oracle.committee import Oracle
from node.oracle.journal import Journal
from node.oracle.operator_api import OperatorReports, OperatorSource
from node.oracle.relay import FORGET_MS, PATIENCE_MS, Obligation, Outcome, Relay
from node.relay.rules import RULES
from tests.unit.oracle.committee_world import NAMES, signers
from tests.unit.suite.center_world import CHANNEL, MemoryState, Natives
from tests.unit.suite.test_dcep import Story, make_story


class Proofs:
    """A PaymentAdapter over the center's core. down: it does not answer."""

    def __init__(self, story: Story) -> None:
        self.story, self.down, self.asked = story, False, 0

    async def payment_proof(
        self, txid: bytes, output_index: int, *, anchor_size: int = 0, fields: Any = ()
    ) -> bytes:
        self.asked += 1
        if self.down:
            raise CityError("CITY-7001", url="center", detail="down")
        self.story.money.center.process([Refresh()])
        return self.story.money.proof_bytes(self.story.xy, Hash(txid), output_index, anchor_size)


class BenchChain:
    """A relay's connection to the one chain. lost: answers that never arrive."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    async def anchor_size(self) -> int:
        log_id = self.bench.story.money.center.log_id
        size: int = self.bench.story.chain.ok("XY", "dcep", "anchor", log_id=log_id)
        return size

    async def is_used(self, txid: bytes, output_index: int) -> bool:
        own = nullifier(
            sm3, self.bench.story.money.center.log_id, CoinPoint(Hash(txid), output_index)
        )
        used: bool = self.bench.story.chain.ok("XY", "dcep", "is_used", nullifier=bytes(own))
        return used

    async def attempt(self, owed: Obligation, proof: bytes, sending: Callable[[str], None]) -> str:
        story, bench = self.bench.story, self.bench
        tx_id = f"tx-{len(bench.outcomes)}"
        sending(tx_id)
        if bench.dies_before_sending:
            raise CityError("CITY-7001", url="chain", detail="it was never sent")
        result = story.chain.call("XY", "payer", "discharge", proof=proof, **story.expected())
        code = bench.outcomes[tx_id] = "" if result.outcome == "ok" else result.code
        if bench.lost:
            bench.lost -= 1
            raise CityError("CITY-7001", url="chain", detail="the answer was lost")
        return code

    async def outcome_of(self, tx_id: str) -> str | None:
        return self.bench.outcomes.get(tx_id)


class Bench:
    """One chain and any number of relays with journals of their own."""

    def __init__(self, story: Story, directory: Path) -> None:
        self.story, self.directory = story, directory
        self.adapter: PaymentAdapter = Proofs(story)
        self.outcomes: dict[str, str] = {}
        self.lost, self.dies_before_sending = 0, False
        self.owed = Obligation(story.reference.hex(), "payer", "discharge", {})

    def relay(self, name: str = "one") -> Relay:
        return Relay(
            Journal(self.directory / name), self.adapter, BenchChain(self),
            lambda: self.story.chain.now_ms, jitter_ms=lambda limit: 0,
        )  # fmt: skip

    def noticed(self, relay: Relay) -> Relay:
        relay.watch(self.owed)
        self.notice(relay)
        return relay

    def notice(self, relay: Relay, txid: bytes = b"") -> None:
        relay.notice(self.owed.reference, txid or self.story.txid, 0, self.story.chain.now_ms)

    def pay_again(self, amount: int) -> bytes:
        """Somebody pays this much under the same reference."""
        story = self.story
        return bytes(story.money.pay(story.qb, story.xy.address, amount, story.reference).txid)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(make_story(tmp_path), tmp_path)


def end_of(relay: Relay, bench: Bench, txid: bytes = b"") -> Outcome:
    return relay.book.payments[f"{(txid or bench.story.txid).hex()}/0"].outcome


async def test_a_noticed_payment_is_proven_once(bench: Bench) -> None:
    relay = bench.noticed(bench.relay())
    assert await relay.run_once() == 1
    assert end_of(relay, bench) is Outcome.PROVEN
    assert relay.book.payments[f"{bench.story.txid.hex()}/0"].tx_id == "tx-0"
    assert await relay.run_once() == 0
    assert len(bench.outcomes) == 1


async def test_a_payment_seen_before_its_obligation_waits_for_it(bench: Bench) -> None:
    relay = bench.relay()
    bench.notice(relay)
    assert await relay.run_once() == 0
    relay = bench.relay()
    relay.watch(bench.owed)
    assert await relay.run_once() == 1
    assert end_of(relay, bench) is Outcome.PROVEN


async def test_an_obligation_without_a_payment_is_not_work(bench: Bench) -> None:
    relay = bench.relay()
    relay.watch(bench.owed)
    assert await relay.run_once() == 0
    assert (relay.book.pending(), relay.lag_ms()) == ([], 0)


async def test_of_two_relays_that_race_one_wins_and_the_other_is_told(bench: Bench) -> None:
    first = bench.noticed(bench.relay("one"))
    second = bench.noticed(bench.relay("two"))
    assert await first.run_once() == await second.run_once() == 1
    assert (end_of(first, bench), end_of(second, bench)) == (Outcome.PROVEN, Outcome.DUPLICATE)
    (found,) = second.book.payments.values()
    assert found.code == "E_PROOF_NULLIFIER"


async def test_a_restart_at_any_point_loses_and_repeats_nothing(bench: Bench) -> None:
    relay = bench.relay()
    relay.watch(bench.owed)
    relay = bench.relay()
    bench.notice(relay)
    bench.dies_before_sending = True
    relay = bench.relay()
    assert await relay.run_once() == 0
    bench.dies_before_sending = False
    bench.lost = 1  # the chain took it, and the relay died before it heard so
    relay = bench.relay()
    assert await relay.run_once() == 0
    relay = bench.relay()
    assert await relay.run_once() == 1
    assert end_of(relay, bench) is Outcome.PROVEN
    relay = bench.relay()
    assert end_of(relay, bench) is Outcome.PROVEN
    assert await relay.run_once() == 0
    assert len(bench.outcomes) == 1, "carried once"


async def test_a_fen_under_the_same_reference_does_not_stop_the_payment(bench: Bench) -> None:
    relay = bench.relay()
    relay.watch(bench.owed)
    dust = bench.pay_again(1)
    bench.notice(relay, dust)
    assert await relay.run_once() == 1
    assert end_of(relay, bench, dust) is Outcome.REFUSED
    bench.notice(relay)
    assert await relay.run_once() == 1
    assert end_of(relay, bench) is Outcome.PROVEN


async def test_a_silent_center_is_asked_less_and_less_and_the_lag_is_shown(bench: Bench) -> None:
    relay = bench.noticed(bench.relay())
    assert isinstance(bench.adapter, Proofs)
    bench.adapter.down = True
    tries = []
    for _ in range(40):
        bench.story.chain.now_ms += 500
        before = bench.adapter.asked
        await relay.run_once()
        tries.append(bench.adapter.asked > before)
    assert sum(tries[:10]) > sum(tries[30:])
    assert relay.lag_ms() == 20_000
    assert relay.metrics.registry.get_sample_value("city_relay_lag_seconds") == 20.0
    bench.adapter.down = False
    relay.wake()
    assert await relay.run_once() == 1
    assert relay.metrics.registry.get_sample_value("city_relay_lag_seconds") == 0
    assert relay.metrics.registry.get_sample_value("city_relay_open") == 0


async def test_what_an_order_holds_back_is_carried_when_it_is_lifted(bench: Bench) -> None:
    order = {"address": bench.story.xy.address, "order": "SZ-1"}
    bench.story.chain.ok("PBC", "dcep", "freeze_wallet", "regulator", **order)
    relay = bench.noticed(bench.relay())
    assert await relay.run_once() == 0
    (found,) = relay.book.payments.values()
    assert (found.outcome, found.code) == (Outcome.OPEN, "E_PROOF_FROZEN")
    bench.story.chain.ok("PBC", "dcep", "release_wallet", "regulator", **order)
    bench.story.chain.now_ms += 60_000
    assert await relay.run_once() == 1
    assert end_of(relay, bench) is Outcome.PROVEN


async def test_what_waits_for_longer_than_a_week_is_refused_with_the_contracts_code(
    bench: Bench,
) -> None:
    bench.story.chain.ok(
        "PBC", "dcep", "freeze_wallet", "regulator", address=bench.story.xy.address, order="SZ-1"
    )
    relay = bench.noticed(bench.relay())
    bench.story.chain.now_ms += PATIENCE_MS
    assert await relay.run_once() == 1
    (found,) = relay.book.payments.values()
    assert (found.outcome, found.code) == (Outcome.REFUSED, "E_PROOF_FROZEN")


async def test_a_journal_is_written_anew_and_says_the_same(bench: Bench) -> None:
    relay = bench.noticed(bench.relay())
    assert await relay.run_once() == 1
    for leaf in range(40):
        relay.keep_cursor("wallet", str(leaf))
    before = list(relay.book.records())
    relay = bench.relay()
    assert list(relay.book.records()) == before
    assert len((bench.directory / "one").read_bytes().splitlines()) == len(before)
    bench.story.chain.now_ms += FORGET_MS + 1
    relay = bench.relay()
    assert (relay.book.payments, relay.book.watched) == ({}, {})
    assert relay.book.cursors == {"wallet": "39"}


@pytest.mark.parametrize(
    "line", ['{"do": "end"}', '{"do": "notice", "reference": 1}', "[]", "{"], ids=range(4)
)
def test_a_file_that_is_no_relays_journal_is_refused(bench: Bench, line: str) -> None:
    (bench.directory / "one").write_text(line + "\n")
    with pytest.raises(CityError, match="CITY-7010"):
        bench.relay()


def test_every_rule_names_an_event_and_a_call_that_takes_a_proof() -> None:
    engine = NativeEngine(Natives(), MemoryState())
    for rule in RULES:
        schema = Schema.decode(engine.schema(load_bundle(rule.contract)))
        method = schema.method(rule.method)
        assert method is not None, rule
        # what `keep` of rules/instrument.py tells is not in the schema: it tells id and version
        fields = set(schema.events[rule.event]) or {"id", "version"}
        assert set(rule.args) <= fields, rule
        wanted = {"proof", *rule.args, *([rule.numbered] if rule.numbered else [])}
        assert wanted <= {one.name for one in method.parameters}, rule


# ---- the operator's interface --------------------------------------------------------------------


class Operators:
    """Seven oracles at one operator's interface; `handlers` says which of them meet a liar instead."""

    def __init__(self, story: Story, session: aiohttp.ClientSession, urls: list[str]) -> None:
        self.story = story
        keys = signers()
        self.config = OracleConfig(
            Hash(CHANNEL), 1, 2, NAMES, tuple(k.public_key for k in keys), "QB"
        )
        log_id = story.money.center.log_id
        self.oracles = [
            Oracle(i, key, OperatorSource(session, urls[i], log_id, lambda: story.chain.now_ms, f"t{i}"),
                   self.config)
            for i, key in enumerate(keys)
        ]  # fmt: skip
        self.adapter = OperatorReports(self.oracles, log_id, self.next_round)

    async def next_round(self, topic: str) -> tuple[int, int]:
        return (1, 1)


Lie = Callable[[dict[str, Any]], bytes | dict[str, Any]]


@pytest.fixture
async def operators(tmp_path: Path) -> AsyncIterator[Callable[[dict[int, Lie]], Any]]:
    story = make_story(tmp_path)
    tokens = {f"t{i}": NAMES[i] for i in range(7)}
    app = make_operator(story.money.center, tokens)
    servers: list[TestServer] = []
    async with TestServer(app) as honest, aiohttp.ClientSession() as session:

        async def build(lies: dict[int, Lie]) -> Operators:
            urls = [str(honest.make_url("/"))] * 7
            for index, lie in lies.items():
                server = TestServer(liar(story, lie))
                await server.start_server()
                servers.append(server)
                urls[index] = str(server.make_url("/"))
            return Operators(story, session, urls)

        yield build
    for server in servers:
        await server.close()
    story.money.center.close()


def liar(story: Story, lie: Lie) -> web.Application:
    from consensus.payment import parse_field
    from deploy.regcenter.fields import disclosures

    async def answer(request: web.Request) -> web.Response:
        record = story.money.center.record(story.txid)
        assert record is not None
        fields = {d.name: parse_field(d.name, d.value) for d in disclosures(record, 0)}
        view = {n: v.hex() if isinstance(v, bytes) else v for n, v in fields.items()}
        told = lie({"txid": story.txid.hex(), "output_index": 0, **view})
        if isinstance(told, bytes):
            return web.Response(body=told)
        return web.json_response(told)

    app = web.Application()
    app.router.add_get("/payments/{txid}/{index}", answer)
    return app


def more(view: dict[str, Any]) -> dict[str, Any]:
    return {**view, "amount_fen": view["amount_fen"] + 1}


async def test_five_of_seven_oracles_make_a_report_whatever_the_other_two_were_told(
    operators: Any,
) -> None:
    found = await operators({0: more, 6: lambda view: b"<html>"})
    report = decode(PaymentReport, await found.adapter.payment_proof(found.story.txid, 0))
    assert report.signers == (1, 2, 3, 4, 5)
    assert report.point.txid == found.story.txid


async def test_three_liars_of_seven_mean_no_report(operators: Any) -> None:
    found = await operators({0: more, 1: more, 2: lambda view: {**view, "extra": 1}})
    with pytest.raises(CityError, match="CITY-7006"):
        await found.adapter.payment_proof(found.story.txid, 0)


@pytest.mark.parametrize(
    "lie",
    [
        lambda view: b"",
        lambda view: {**view, "txid": "00" * 32},
        lambda view: {k: v for k, v in view.items() if k != "payer"},
        lambda view: {**view, "amount_fen": "7"},
        lambda view: {**view, "payee": "zz"},
    ],
)
async def test_an_oracle_signs_no_malformed_answer(operators: Any, lie: Lie) -> None:
    found = await operators({0: lie})
    topic = f"payment/{found.story.money.center.log_id.hex()}/{found.story.txid.hex()}/0"
    with pytest.raises(CityError, match=r"CITY-7007|CITY-7009"):
        await found.oracles[0].observe(topic, 1, 1)


async def test_an_operator_lets_only_its_oracles_ask_and_knows_only_its_payments(
    operators: Any,
) -> None:
    found = await operators({})
    with pytest.raises(CityError, match="CITY-7006"):
        await found.adapter.payment_proof(bytes(32), 0)
    source = found.oracles[0]._source
    stranger = Oracle(
        0, signers(1)[0],
        OperatorSource(source._session, source._url, found.story.money.center.log_id,
                       lambda: 0, "unknown"),
        dataclasses.replace(found.config),
    )  # fmt: skip
    topic = f"payment/{found.story.money.center.log_id.hex()}/{found.story.txid.hex()}/0"
    with pytest.raises(CityError, match="HTTP 401"):
        await stranger.observe(topic, 1, 1)


async def test_no_route_of_an_operator_answers_who_has_no_token(tmp_path: Path) -> None:
    # The routes are read from the application, so that a new one is tried too.
    story = make_story(tmp_path)
    app = make_operator(story.money.center, {"t0": NAMES[0]})
    paid = f"/payments/{story.txid.hex()}/0"
    async with TestServer(app) as served, aiohttp.ClientSession() as session:
        for route in app.router.routes():
            assert route.resource is not None and route.resource.canonical.startswith("/payments/")
            for given in ("", "Bearer ", "Bearer t1", "t0é", "Basic t0"):
                headers = {"Authorization": given} if given else {}
                async with session.request(
                    route.method, served.make_url(paid), headers=headers
                ) as answer:
                    assert answer.status == 401, (route, given)
                    if route.method != "HEAD":
                        assert (await answer.json())["error"]["code"] == "OP_TOKEN"
        good = {"Authorization": "Bearer t0"}
        async with session.get(served.make_url(paid), headers=good) as answer:
            assert answer.status == 200
        other = served.make_url(f"/payments/{'00' * 32}/0")
        async with session.get(other, headers=good) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (404, "OP_NO_OUTPUT")
    story.money.center.close()
