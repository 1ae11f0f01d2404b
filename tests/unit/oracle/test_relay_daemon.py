"""The relay's process without its process: configuration, status page, what it may be told, the hub's queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from typer.testing import CliRunner

from deploy.regcenter.client import Wallet
from node.cli.main import app
from node.client import Event
from node.errors import CityError
from node.oracle.relay import Outcome
from node.relay.client import relay_status
from node.relay.config import FILE, RelayConfig, load_relay
from node.relay.daemon import Daemon
from node.relay.hub import BATCH_MAX, forward, registration
from node.relay.ports import CenterPort
from node.relay.rules import RULES, Rule, obligations
from tests.unit.oracle.test_relay import Bench
from tests.unit.suite.test_dcep import make_story

ROOT = Path(__file__).resolve().parents[3]
RUNNER = CliRunner()
ROOT_KEY = "04" + "ab" * 64


def example() -> str:
    """relay.toml as the documentation shows it."""
    text = (ROOT / "docs" / "payments.md").read_text(encoding="utf-8")
    return text.split("```toml\n")[1].split("```")[0].replace('"04…"', f'"{ROOT_KEY}"')


def configured(folder: Path, text: str) -> RelayConfig:
    (folder / FILE).write_text(text, encoding="utf-8")
    return load_relay(folder)


def test_the_documented_configuration_is_one(tmp_path: Path) -> None:
    config = configured(tmp_path, example())
    assert config.journal == tmp_path / "journal"
    assert config.all_rules() == (*RULES, Rule("escrow", "Escrow.Due", "paid"))
    assert config.hub is not None and config.network("nowhere") == "nowhere"
    (tmp_path / "net").mkdir()
    assert config.network("net") == str(tmp_path / "net") and config.network("") is None


@pytest.mark.parametrize(
    "old,new,code",
    [
        ("poll_ms = 1000", "poll_s = 1", "CITY-8003"),
        ("poll_ms = 1000", "poll_ms = 1", "CITY-8004"),
        (ROOT_KEY, "04ab", "CITY-8004"),
        ('user = "ops"                          #', "#", "CITY-8004"),
        ("[center]", "[centre]", "CITY-8003"),
    ],
)
def test_a_wrong_configuration_is_refused_with_the_key(
    tmp_path: Path, old: str, new: str, code: str
) -> None:
    with pytest.raises(CityError, match=code):
        configured(tmp_path, example().replace(old, new, 1))


def test_a_relays_folder_is_made_by_command(tmp_path: Path) -> None:
    center, folder = tmp_path / "center", tmp_path / "one"
    center.mkdir()
    words = ["oracle", "relay", "new", str(folder), "--wallet", "qb.pem", "--center", str(center)]
    assert RUNNER.invoke(app, ["--as", "ops", *words]).exit_code == 2, "no running center there"
    (center / "endpoint.json").write_text(f'{{"url": "http://x", "root_key": "{ROOT_KEY}"}}')
    nobody = RUNNER.invoke(app, words)
    assert nobody.exit_code == 2 and not folder.exists()
    made = RUNNER.invoke(app, ["--as", "ops", *words, "--plain"])
    assert made.exit_code == 0, made.output
    config = load_relay(folder)
    assert (config.name, config.user, config.development) == ("one", "ops", True)
    assert (config.center.at, config.center.root_key) == (str(center), ROOT_KEY)
    assert RUNNER.invoke(app, ["--as", "ops", *words]).exit_code == 2, "it is there already"
    url = ["oracle", "relay", "new", str(tmp_path / "two"), "--wallet", "a", "--center", "http://x"]
    assert RUNNER.invoke(app, ["--as", "ops", *url]).exit_code == 2, "a URL says nothing of its key"
    assert RUNNER.invoke(app, ["--as", "ops", *url, "--root-key", ROOT_KEY]).exit_code == 0
    shown = RUNNER.invoke(app, ["oracle", "relay", "status", str(folder)])
    assert shown.exit_code != 0 and "CITY-7015" in shown.output


# ---- what it may be told -------------------------------------------------------------------------


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Bench, Daemon, TestClient[Any, Any]]]:
    bench = Bench(make_story(tmp_path), tmp_path)
    config = configured(tmp_path, example())
    center = CenterPort("http://127.0.0.1:1", bytes.fromhex(ROOT_KEY), [Wallet.generate().signer])
    daemon = Daemon(config, bench.relay(), center, None, None)  # type: ignore[arg-type]
    async with TestClient(TestServer(daemon.pages())) as client:
        yield bench, daemon, client


Served = tuple[Bench, Daemon, TestClient[Any, Any]]


async def test_what_is_told_with_the_token_is_carried_and_shown(served: Served) -> None:
    bench, daemon, client = served
    token = {"Authorization": f"Bearer {daemon.token}"}
    owed = {"reference": bench.owed.reference, "contract": "payer", "method": "discharge"}
    for new in (True, False):
        answer = await client.post("/watch", json={**owed, "args": {}}, headers=token)
        assert await answer.json() == {"new": new}
    paid = {"reference": bench.owed.reference, "txid": bench.story.txid.hex(), "index": 0}
    assert (await client.post("/notice", json=paid, headers=token)).status == 200
    shown = await (await client.get("/status", headers=token)).json()
    assert (shown["watched"], shown["open"], shown["ended"]) == (1, 1, {})
    assert await daemon.relay.run_once() == 1
    shown = await (await client.get("/status", headers=token)).json()
    assert (shown["open"], shown["ended"]) == (0, {"proven": 1})
    assert shown["recent"][0]["outcome"] == Outcome.PROVEN
    assert "city_relay_lag_seconds 0.0" in await (await client.get("/metrics")).text()


async def test_no_route_but_the_metrics_answers_who_has_no_token(served: Served) -> None:
    # The routes are read from the application, so that a new one is tried too.
    _, daemon, client = served
    assert client.server is not None
    tried = 0
    for route in client.server.app.router.routes():  # type: ignore[attr-defined]
        assert route.resource is not None
        for wrong in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer "}):
            answer = await client.request(route.method, route.resource.canonical, headers=wrong)
            if route.resource.canonical == "/metrics":
                assert answer.status == 200
                continue
            assert answer.status == 401
            assert route.method == "HEAD" or (await answer.text()).startswith("CITY-7016")
            tried += 1
    assert tried >= 9
    assert not daemon.relay.book.watched and not daemon.relay.book.payments


@pytest.mark.parametrize(
    "path,body",
    [
        ("/watch", {}),
        ("/watch", {"reference": "zz", "contract": "a", "method": "b", "args": {}}),
        ("/watch", {"reference": "00" * 32, "contract": "a", "method": "b", "args": []}),
        ("/notice", {"reference": "00" * 32, "txid": "00" * 32, "index": -1}),
        ("/notice", {"reference": "00" * 32, "txid": 7, "index": 0}),
        ("/notice", {"reference": "00" * 32, "txid": "00" * 32, "index": 0, "more": 1}),
    ],
)
async def test_nonsense_and_strangers_are_refused(served: Served, path: str, body: object) -> None:
    _, daemon, client = served
    token = {"Authorization": f"Bearer {daemon.token}"}
    assert (await client.post(path, json=body, headers=token)).status == 400
    assert (await client.post(path, data=b"{", headers=token)).status == 400
    for wrong in ({}, {"Authorization": "Bearer x"}, {"Authorization": daemon.token + "é"}):
        assert (await client.post(path, json=body, headers=wrong)).status == 401
    assert not daemon.relay.book.watched and not daemon.relay.book.payments


def test_a_relay_that_does_not_run_is_told_by_its_journal(tmp_path: Path) -> None:
    with pytest.raises(CityError, match="CITY-7015"):
        relay_status(tmp_path)
    bench = Bench(make_story(tmp_path), tmp_path)
    bench.noticed(bench.relay("journal"))
    shown = relay_status(tmp_path)
    assert (shown["state"], shown["watched"], shown["open"]) == ("stopped", 1, 1)
    (tmp_path / "endpoint.json").write_text('{"url": "http://127.0.0.1:1", "token": ""}')
    assert relay_status(tmp_path)["state"] == "stopped", "it was killed before it could tidy up"


# ---- rules and hub -------------------------------------------------------------------------------


def test_a_rule_makes_an_obligation_of_a_reference_and_of_nothing_else() -> None:
    rule = Rule("financing", "Fin.QuoteAccepted", "disburse", "pay_reference", ("request_id",))
    fields = {"request_id": "FR-1", "version": 3}
    (owed,) = obligations(rule, fields, {"pay_reference": bytes(32)})
    assert (owed.reference, owed.args) == ("00" * 32, {"request_id": "FR-1"})
    for value in ({"pay_reference": b""}, {}, None, b"", 7, {"pay_reference": "00" * 32}):
        assert obligations(rule, fields, value) == []
    assert obligations(rule, {}, {"pay_reference": bytes(32)}) == []


def test_a_rule_numbers_the_parts_of_an_agreement() -> None:
    rule = Rule("conditional", "Cond.Agreed", "record_release", "", ("agreement_id",), "number")
    found = obligations(rule, {"agreement_id": "A-1"}, [bytes(32), b"\1" * 32])
    assert [(o.reference, o.args) for o in found] == [
        ("00" * 32, {"agreement_id": "A-1", "number": 1}),
        ("01" * 32, {"agreement_id": "A-1", "number": 2}),
    ]


def event(number: int) -> Event:
    fields = {"nullifier": number.to_bytes(32)}
    return Event(f"{number}/0/0", number, f"{number:064x}", "dcep", "Dcep.PaymentVerified", fields)


async def test_the_hub_is_told_everything_in_order_and_in_bounded_batches() -> None:
    told: list[int] = []
    kept: list[str] = []
    everything = asyncio.Event()

    async def events() -> AsyncIterator[Event]:
        for number in range(500):
            yield event(number)
        await asyncio.Event().wait()

    async def tell(batch: Any) -> None:
        assert len(batch) <= BATCH_MAX
        args = registration(bytes(32), batch)
        assert len(args["nullifiers"]) == len(args["transactions"]) == len(batch)
        told.extend(found.height for found in batch)
        if len(told) == 500:
            everything.set()

    task = asyncio.create_task(forward(events(), tell, lambda last: kept.append(last.id)))
    await asyncio.wait_for(everything.wait(), 30)
    task.cancel()
    assert told == list(range(500))


async def test_a_hub_that_is_away_ends_the_forwarding_with_what_was_not_kept() -> None:
    kept: list[str] = []

    async def events() -> AsyncIterator[Event]:
        yield event(1)
        await asyncio.Event().wait()

    async def tell(batch: Any) -> None:
        raise CityError("CITY-7001", url="hub", detail="away")

    with pytest.raises(CityError, match="CITY-7001"):
        await asyncio.wait_for(forward(events(), tell, lambda last: kept.append(last.id)), 30)
    assert kept == []
