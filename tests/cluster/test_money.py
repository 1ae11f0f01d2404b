"""Relays as processes, and the commands of oracles, money and rails, against a real city and a real center.

Two relays race and one is killed in the middle: every payment is on the chain exactly once. The test that
halts the center's log comes last.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consensus.encoding import Hash, Sig, encode
from consensus.payment import CertifiedTreeHead, ForkEvidence, SignedTreeHead, tree_head_digest
from deploy.regcenter.keys import open_key
from node import failpoints
from node.client import ContractError
from node.metering.counting import day_of_ms, days_of, month_of
from node.network import processes
from node.network.control import relay_slug, start_relays
from node.network.relays import network_relay, wait_relay
from node.oracle.journal import read_records
from node.relay.client import relay_status
from tests.cluster.money import COMMAND_S, ORACLES, ROOT, MoneyNet
from tests.damage import flipped
from tests.oracle.__main__ import main as independent

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

WAIT_S = 180.0
SERVICES = {"customs": "customs-release", "fx-mid": "fx-mid"}
NUMBER = ["heartbeat_ms:=3600000", "deviation_bps:=25", "low:=1", "high:=999999999"]


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

    # it shall tell a hub too; nobody has let it yet
    file = money.relay("one") / "relay.toml"
    file.write_text(file.read_text() + '[hub]\ncontext = "../.."\nuser = "ops"\n')

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
    hub_knows(money, 4)
    shows_lag_and_stops(money)


def hub_knows(money: MoneyNet, count: int) -> None:
    """A regulator lets the bank report for the channel: then the hub knows every payment that was used."""

    async def name_reporter() -> list[Any]:
        async with money.net("inspector") as net:
            channel = net.context.channel_id
            named = {"channel": channel, "member": "QB"}
            await net.call("settlement_hub", "name_reporter", named)
            found = []
            async for event in net.events("dcep", "Dcep.PaymentVerified"):
                found.append(event)
                if len(found) == count:
                    return found
        raise AssertionError("unreachable")

    used = asyncio.run(name_reporter())

    def all_told() -> bool:
        try:
            for event in used:
                use = ("settlement_hub", "use_of")
                told = asyncio.run(money.ask(*use, nullifier=event.fields["nullifier"]))
                assert told["transaction"].hex() == event.tx_id
        except ContractError as error:
            assert error.reason == "E_NOT_FOUND"
            return False
        return True

    wait_for(money, "the hub to know all payments", all_told)


def shows_lag_and_stops(money: MoneyNet) -> None:
    # A hub that refused it was a trouble until the relay heard that this one was taken.
    untroubled = lambda: relay_status(money.relay("one"))["state"] == "running"  # noqa: E731
    wait_for(money, "the relay to have no troubles", untroubled)
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


# ---- the commands --------------------------------------------------------------------------------

DECLARATION = "530120260001234567"
BOOK = """
[QB]
name = "Sample Bank A"
bic = "SBADCNBSXXX"
town = "Shenzhen"
country = "CN"
[HB]
name = "Harbour Bright Trading (HK) Ltd"
town = "Hong Kong"
country = "HK"
lei = "3003DEM0HKHARBOURB66"
bank = "VB"
[VB]
name = "Sample Bank HK"
bic = "SBHDHKHHXXX"
country = "HK"
"""


def test_the_committee_reports_and_its_word_is_read(money: MoneyNet, tmp_path: Path) -> None:
    told = money.told("oracle", "status", "-o", "json")
    assert [row["name"] for row in told["oracles"]] == list(ORACLES) and told["quorum"] == 5
    for feed, kind, more in (("customs", "fact", []), ("fx-mid", "number", NUMBER)):
        service = money.told("oracle", "test", SERVICES[feed], "-o", "json")["digest"]
        digest = base64.b64encode(bytes.fromhex(service)).decode()
        words = [f"feed={feed}", f"kind={kind}", f"service={digest}", "max_age_ms:=3600000", *more]
        money.told("call", "oracle", "define_feed", *words, "-o", "json", user="inspector")
    fact = ("oracle", "status", "customs", DECLARATION, "-o", "json")
    assert money.told(*fact)["status"] == "hold"
    keys = ("--keys", str(money.oracle_keys), "-o", "json")
    report = ("oracle", "report", "customs", "CLEARED", "--subject", DECLARATION)
    assert money.told(*report, *keys, user="ops")["value"] == "CLEARED"
    found = money.told(*fact)
    assert (found["status"], found["value"]) == ("ok", "CLEARED")
    assert money.told("oracle", "report", "fx-mid", "71200000", *keys, user="ops")["value"]
    assert money.told("oracle", "status", "fx-mid", "-o", "json")["status"] == "ok"
    four = tmp_path / "four"
    four.mkdir(mode=0o700)
    for name in ORACLES[:4]:
        shutil.copy(money.oracle_keys / f"{name}.pem", four)
    refused = money.city(*report, "--keys", str(four), user="ops")
    assert refused.returncode != 0 and "CITY-7006" in refused.stderr


def test_a_payment_is_made_proven_checked_offline_and_written_for_the_rails(
    money: MoneyNet, tmp_path: Path
) -> None:
    assert (
        money.told("dcep", "binding", "QB", "-o", "json")["address"]
        == money.custodian.address.hex()
    )
    reference = asyncio.run(money.owe("e", 5_000)).hex()
    to = money.custodian.address.hex()
    paid = money.told("dcep", "pay", str(money.payer_file), to, "5000", "--reference", reference)
    proof = tmp_path / "payment.bin"
    size = str(money.told("dcep", "log", money.log_id, "-o", "json")["size"])
    told = ("dcep", "proof", str(money.payer_file), paid["txid"], "--out", str(proof))
    shown = (*told, "--anchor", size)
    assert money.told(*shown)["bytes"] == proof.stat().st_size
    # stand-alone: no network, no context, another folder
    alone = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    for command in (("proof", "verify"), ("dcep", "verify")):
        words = [*command, str(proof), "--root-key", money.root_key, "-o", "json"]
        done = subprocess.run(
            [sys.executable, "-m", "node.cli.main", *words],
            cwd=tmp_path, env=alone, capture_output=True, text=True, timeout=COMMAND_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["valid"], told["amount_fen"], told["txid"]) == (True, 5_000, paid["txid"])
    keyless = money.city("proof", "verify", str(proof))
    assert keyless.returncode == 2 and "--root-key" in keyless.stderr
    proof.with_suffix(".bad").write_bytes(flipped(proof.read_bytes()))
    bad = ("proof", "verify", str(proof.with_suffix(".bad")), "--root-key", money.root_key)
    assert money.city(*bad).returncode == 4

    done = money.told(
        "call", "oracle", "post_bond", "name=e", f"proof=@{proof}", "-o", "json", user="ops"
    )
    book, out = tmp_path / "banks.toml", tmp_path / "pay.xml"
    book.write_text(BOOK, encoding="utf-8")
    sides = ("--payer", "HB", "--book", str(book), "--out", str(out), "-o", "json")
    told = money.told("iso20022", "pay", done["tx_id"], *sides)
    assert (told["kind"], told["rail"], told["amount_minor"]) == ("pacs.008", "cbpr+", 5_000)
    assert (told["reference"], told["obligation_id"]) == (reference, "oracle e")
    (row,) = money.told("iso20022", "check", str(out), "-o", "json")
    assert (row["accepted"], row["kind"]) == (True, "pacs.008")


def test_what_a_member_used_is_metered_invoiced_attested_and_closed_by_a_relayed_proof(
    money: MoneyNet,
) -> None:
    month = following_month(money)
    money.told("call", "billing", "name_operator", "member=QB", "-o", "json", user="inspector")
    prices = (
        "base_fen:=10000",
        "transactions_fen:=200000",
        "bytes_fen:=7",
        "gas_fen:=3000000",
        "queries_fen:=5000",
    )
    money.told("billing", "propose", month, *prices, "-o", "json", user="ops")
    money.told("billing", "accept", "QB/1", "-o", "json", user="inspector")
    advance_to(money, month)
    early = money.city("billing", "draw", month, user="ops")
    assert early.returncode == 4 and "CITY-1024" in early.stderr
    asyncio.run(use(money))
    advance_to(money, following_month(money))

    asked = ("--month", month, "-o", "json")
    (row,) = money.told("meter", "show", "--member", "PX", *asked)["rows"]
    assert (row["app"], row["transactions"], row["refused"]) == ("billing", 3, 2)
    recounted = money.told("meter", "recount", *asked)
    assert (recounted["equal"], recounted["transactions"]) == (True, 4)  # with the operator's own

    # Queries are the node's signed word; anchored, they are part of the bill.
    def stated() -> int:
        rows = money.told("meter", "statements", "Shenzhen", "--member", "PX", "-o", "json")
        found = rows if isinstance(rows, list) else []
        return sum(row["queries"] for row in found if row["day"][:7] == month)

    wait_for(money, "the day's statement", lambda: stated() > 0)
    (anchored, *_) = money.told("billing", "anchor", "Shenzhen", "-o", "json", user="ops")
    assert anchored["number"] == 1
    queries = stated()
    assert money.told("billing", "anchor", "Shenzhen", "-o", "json", user="ops") == "nothing new"

    (drawn,) = money.told("billing", "draw", month, "-o", "json", user="ops")
    id_ = f"QB/PX/{month}"
    assert drawn["id"] == id_
    again = money.told("billing", "draw", month, "-o", "json", user="ops")
    assert again == [{"id": id_, "drawn": "before"}]
    micro = 10**6 * (10_000 + 3 * 200 + queries * 5) + row["bytes"] * 7 + row["gas"] * 3_000_000
    fen = (2 * micro + 10**6) // (2 * 10**6)
    attested = money.told(
        "billing", "attest", id_, "--node", "Shenzhen", "-o", "json", user="inspector"
    )
    assert (attested["state"], attested["amount_fen"]) == ("DUE", fen)

    network_relay(money.layout.root, "three", "ops", [money.wallet_file])
    assert money.told("billing", "show", id_, "-o", "json", user="buyer")["queries"] == queries
    told = money.told("billing", "pay", id_, "-o", "json", user="buyer")
    assert (told["payee"], told["reference"]) == (
        money.custodian.address.hex(),
        attested["reference"],
    )
    money.told("dcep", "pay", str(money.payer_file), told["payee"], str(fen),
               "--reference", told["reference"])  # fmt: skip
    wait_for(
        money,
        "the invoice to close",
        lambda: (
            money.told("billing", "show", id_, "-o", "json", user="buyer")["state"] == "SETTLED"
        ),
    )
    standing = money.told("billing", "standing", "PX", "-o", "json", user="buyer")
    assert (standing["is_suspended"], standing["oldest_due_ms"]) == (False, 0)
    assert processes.stop(money.layout, [relay_slug("three")], timeout_s=60.0)


async def use(money: MoneyNet) -> None:
    """Three transactions of PX, two of which are refused: they are ordered, and counted, like any other."""
    async with money.net("buyer") as net:
        for number in (1, 2):
            with pytest.raises(ContractError):
                args = {"id": f"QB/{number}"}
                await net.call("billing", "agree", args, gas_limit=1_000_000)
        args = {"from_month": following_month(money)}
    prices = dict.fromkeys(
        ("base_fen", "transactions_fen", "bytes_fen", "gas_fen", "queries_fen"), 0
    )
    await money.call("ops", "billing", "propose", **args, **prices)
    await money.call("buyer", "billing", "agree", id="QB/2")


def chain_day(money: MoneyNet) -> int:
    return day_of_ms(money.told("node", "status", "-o", "json")["time_ms"])


def following_month(money: MoneyNet) -> str:
    _, last = days_of(month_of(chain_day(money)))
    return month_of(last + 1)


def advance_to(money: MoneyNet, month: str) -> None:
    days = days_of(month)[0] + 1 - chain_day(money)
    money.told("dev", "clock", "advance", f"{days}d", "--dir", str(money.layout.root), "-o", "json")


def test_a_fork_halts_the_log_and_its_evidence_convicts_anywhere(
    money: MoneyNet, tmp_path: Path
) -> None:
    asyncio.run(report_fork(money))
    found = money.told("dcep", "log", money.log_id, "-o", "json")
    assert (found["halted"], found["root_key"]) == (True, money.root_key)
    case = tmp_path / "fork.case"
    told = money.told("dcep", "evidence", money.log_id, "--out", str(case), "-o", "json")
    assert told["reason"] == "two roots of one size" and told["bytes"] == case.stat().st_size
    convicted = money.told("dcep", "convict", str(case), "-o", "json")
    assert (convicted["convicted"], convicted["log_id"]) == (True, money.log_id)
    assert independent([str(case), "--fork"]) == 0
    case.write_bytes(flipped(case.read_bytes()))
    assert money.city("dcep", "convict", str(case)).returncode == 4


async def report_fork(money: MoneyNet) -> None:
    """What a center that lies would sign, with its own key, brought to the chain by anybody."""
    async with money.center() as center:
        signed, keys = await center.tree_head(), await center.keys()
    head = open_key(money.layout.regcenter / "keys" / "head.key", money.suite)
    other = replace(signed.head, root=Hash(money.suite.hash(signed.head.root)))
    lie = SignedTreeHead(other, Sig(head.sign(tree_head_digest(money.suite.hash, other))))
    sides = (CertifiedTreeHead(each, keys.key_chain) for each in (signed, lie))
    evidence = encode(ForkEvidence(1, *sides))
    await money.call("supplier", "dcep", "report_fork", evidence=evidence)
