"""Relays as processes: two race, one is killed in the middle; every payment is on the chain exactly once."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from node import failpoints
from node.network import processes
from node.network.control import relay_slug, start_relays
from node.network.relays import network_relay, wait_relay
from node.oracle.journal import read_records
from node.relay.client import relay_status
from tests.cluster.money import MoneyNet

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

WAIT_S = 180.0


@pytest.fixture(scope="module")
def money(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MoneyNet]:
    found = MoneyNet.create(tmp_path_factory.mktemp("money") / "net")
    yield found
    found.stop()


def ended(money: MoneyNet, name: str) -> dict[str, str]:
    """Outcome by the payment's reference."""
    found = relay_status(money.relay(name))
    return {row["reference"]: row["outcome"] for row in found.get("recent", [])}


def wait_for(money: MoneyNet, what: str, holds: Any) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > deadline:
            folders = sorted(money.layout.relays.iterdir())
            pytest.fail(f"{what}: {[relay_status(folder) for folder in folders]}")
        time.sleep(0.1)


def is_dead(money: MoneyNet, name: str) -> bool:
    return processes.find(money.layout, relay_slug(name)) is None


def pay(money: MoneyNet, oracle: str, amount_fen: int) -> str:
    async def run() -> str:
        reference = await money.owe(oracle, amount_fen)
        await money.pay(amount_fen, reference)
        return reference.hex()

    return asyncio.run(run())


def sent(money: MoneyNet, name: str) -> list[str]:
    """Transactions that a relay has written down before sending."""
    found = read_records(money.relay(name) / "journal")
    return [record["tx_id"] for record in found if record["do"] == "send"]


def test_relays_race_and_die_and_every_payment_is_proven_once(
    money: MoneyNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallets = [money.wallet_file]
    # killed where the transaction is written down and not sent yet
    monkeypatch.setenv(failpoints.VARIABLE, "relay-before-send")
    network_relay(money.layout.root, "one", "ops", wallets)
    first = pay(money, "a", 1_000)
    wait_for(money, "the relay to die before sending", lambda: is_dead(money, "one"))
    assert relay_status(money.relay("one"))["state"] == "stopped"
    assert asyncio.run(money.bonds()) == {} and len(sent(money, "one")) == 1

    # started again it carries that, and is killed where the next is on the chain and it has not heard so
    monkeypatch.setenv(failpoints.VARIABLE, "relay-after-send:2")
    start_relays(money.layout)
    wait_relay(money.layout, "one")
    wait_for(money, "the first payment", lambda: ended(money, "one").get(first) == "proven")
    second = pay(money, "b", 2_000)
    wait_for(money, "the relay to die after sending", lambda: is_dead(money, "one"))
    assert asyncio.run(money.bonds()) == {"a": 1_000, "b": 2_000}

    # started again it knows that it was its own; another one starts from nothing and finds both done
    monkeypatch.delenv(failpoints.VARIABLE)
    before = sent(money, "one")
    start_relays(money.layout)
    wait_relay(money.layout, "one")
    network_relay(money.layout.root, "two", "inspector", wallets)
    wait_for(money, "the second payment", lambda: ended(money, "one").get(second) == "proven")
    assert sent(money, "one") == before, "nothing was sent again"
    wait_for(money, "both to be told to the newcomer", lambda: len(ended(money, "two")) == 2)
    assert ended(money, "two") == {first: "duplicate", second: "duplicate"}

    # both at once
    third = [pay(money, oracle, 3_000) for oracle in ("c", "d")]
    for name in ("one", "two"):
        wait_for(money, f"relay {name}", lambda name=name: set(third) <= set(ended(money, name)))
    for reference in third:
        outcomes = sorted(ended(money, name)[reference] for name in ("one", "two"))
        assert outcomes == ["duplicate", "proven"]
    assert asyncio.run(money.bonds()) == {"a": 1_000, "b": 2_000, "c": 3_000, "d": 3_000}
    shows_lag_and_stops(money)


def shows_lag_and_stops(money: MoneyNet) -> None:
    found = money.told("oracle", "relay", "status", str(money.relay("one")), "-o", "json")
    assert (found["state"], found["open"], found["lag_s"]) == ("running", 0, 0)
    assert found["ended"]["proven"] >= 2
    again = money.city("oracle", "relay", "run", str(money.relay("one")))
    assert again.returncode != 0 and "CITY-7014" in again.stderr
    url = money.relay("one") / "endpoint.json"
    address = json.loads(url.read_text())["url"]
    with urllib.request.urlopen(address + "/metrics", timeout=30) as reply:
        assert b"city_relay_lag_seconds 0.0" in reply.read()
    assert processes.stop(money.layout, [relay_slug("one"), relay_slug("two")], timeout_s=60.0)
    assert not url.exists()
    stopped = money.told("oracle", "relay", "status", str(money.relay("one")), "-o", "json")
    assert (stopped["state"], stopped["ended"]) == ("stopped", found["ended"])
