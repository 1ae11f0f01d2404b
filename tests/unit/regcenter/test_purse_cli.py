"""What holders of money, banks and institutions do from the command line, against a real center."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from deploy.regcenter.cli import app as regcenter
from deploy.regcenter.cli_purse import app as dcep
from deploy.regcenter.hashing import sm3
from node.cli import main
from tests.damage import flipped

RUN = CliRunner()


class Desk:
    """A running center in a folder, with a bank and two wallets that have key files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.center = folder / "center"
        self.addresses: dict[str, str] = {}
        for name in ("qb", "li", "shop"):
            self.key(name)

    def key(self, name: str) -> None:
        self.addresses[name] = self.dcep("wallet", "new", name, "--plain")["address"]

    def path(self, word: str) -> str:
        return str(self.folder / f"{word}.pem") if word in self.addresses else word

    def run(self, app: typer.Typer, *words: object, code: int = 0) -> Any:
        """Key names become key files; the answer is JSON."""
        texts = [str(word) for word in words]
        if texts[:2] == ["wallet", "new"]:
            texts[2] = str(self.folder / f"{texts[2]}.pem")
        arguments = [self.path(text) for text in texts]
        found = RUN.invoke(app, arguments, env={"CITY_CENTER": str(self.center)})
        assert found.exit_code == code, (arguments, found.output, found.exception)
        if code:
            assert "Traceback" not in found.output
            return found.stderr
        return json.loads(found.stdout) if found.stdout.startswith("{") else found.stdout.strip()

    def dcep(self, *words: object, code: int = 0) -> Any:
        return self.run(dcep, *words, code=code)

    def regcenter(self, *words: object, code: int = 0) -> Any:
        return self.run(regcenter, *words, code=code)

    def balance(self, name: str) -> int:
        found: int = self.dcep("wallet", "show", name)["balance_fen"]
        return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One center for all tests of this module: each uses wallets of its own or looks at differences."""
    found = Desk(tmp_path_factory.mktemp("desk"))
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "deploy.regcenter",
            "run",
            "--dir",
            str(found.center),
            "--hook-host",
            "bank.example",
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    try:
        assert process.stdout is not None
        assert b"listening" in process.stdout.readline()
        found.regcenter("bank", "QB", "qb", "--reserve", 10_000_000)
        found.regcenter("issue", "qb", 5_000_000)
        opened = found.dcep("wallet", "open", "qb", "--holder", "Li", "--category", 3,
                            "--address", found.addresses["li"])  # fmt: skip
        assert opened["category"] == 3
        found.regcenter("exchange", "qb", found.addresses["li"], 1_000_000)
        yield found
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_wallet_pays_within_its_limits_and_proves_it(desk: Desk) -> None:
    before = desk.balance("shop")
    limits = desk.dcep("wallet", "limits", "li")
    assert limits["payment_max_fen"] == 500_000
    refused = desk.dcep("pay", "li", desk.addresses["shop"], 500_001, code=1)
    assert "RC_LIMIT" in refused and "Do " in refused
    paid = desk.dcep("pay", "li", desk.addresses["shop"], 70_000, "--purpose", "tea")
    assert desk.balance("shop") == before + 70_000
    out = desk.folder / "payment.bin"
    desk.dcep("proof", "shop", paid["txid"], "--out", out)
    root_key = json.loads((desk.center / "endpoint.json").read_text())["root_key"]
    for command in (["dcep", "verify"], ["proof", "verify"]):
        options = [str(out), "--root-key", root_key, "-o", "json"]
        checked = RUN.invoke(main.app, [*command, *options])
        assert json.loads(checked.stdout)["amount_fen"] == 70_000
    events = desk.dcep("feed", "shop")["events"]
    assert paid["txid"] in [event["txid"] for event in events]


def test_a_signed_code_is_paid_and_a_changed_one_is_not(desk: Desk) -> None:
    picture = desk.folder / "code.svg"
    code = desk.dcep("qr", "make", "shop", "--name", "Tea & Co 茶", "--amount", 1_250,
                     "--minutes", 5, "--out", picture)  # fmt: skip
    assert "<svg" in picture.read_text()
    assert desk.dcep("qr", "read", code)["name"] == "Tea & Co 茶"
    before = desk.balance("shop")
    assert "RC_QR" in desk.dcep("pay", "li", code.replace("m=1250", "m=1251"), code=1)
    assert "RC_QR" in desk.dcep("pay", "li", code, 1_000, code=1)
    desk.dcep("pay", "li", code)
    assert desk.balance("shop") == before + 1_250
    static = desk.dcep("qr", "make", "shop", "--name", "Tea")
    desk.dcep("pay", "li", static, 8)
    assert desk.balance("shop") == before + 1_258


def test_locked_money_is_released_by_its_preimage_or_refunded_by_agreement(desk: Desk) -> None:
    preimage = secrets.token_bytes(32)
    before = desk.balance("shop")
    options = ("--condition", "hash", "--program-hash", sm3(preimage).hex())
    locked = desk.dcep("lock", "li", desk.addresses["shop"], 900, *options)
    wrong = desk.dcep("release", "shop", locked["coin"], 900, "--preimage", "00" * 32, code=1)
    assert "RC_CONDITION" in wrong
    desk.dcep("release", "shop", locked["coin"], 900, "--preimage", preimage.hex())
    assert desk.balance("shop") == before + 900
    again = desk.dcep("lock", "li", desk.addresses["shop"], 40, *options)
    assert "RC_NOT_EXPIRED" in desk.dcep("refund", "li", again["coin"], 40, code=1)
    held = desk.balance("li")
    desk.dcep("refund", "li", again["coin"], 40, "--agree", "shop")
    assert desk.balance("li") == held + 40


def test_a_coin_is_proven_unspent_to_whoever_trusts_the_root_key(desk: Desk) -> None:
    out = desk.folder / "coin.bin"
    (coin, *_) = desk.dcep("wallet", "show", "li")["coins"]
    said = desk.dcep("coin", "li", coin["coin"], "--out", out)
    assert (said["state"], said["value_fen"]) == ("UNSPENT", coin["fen"])
    assert "RC_UNAUTHORISED" in desk.dcep("coin", "shop", coin["coin"], code=1)
    root_key = json.loads((desk.center / "endpoint.json").read_text())["root_key"]
    checked = desk.dcep("verify-coin", out, "--root-key", root_key)
    assert (checked["state"], checked["owner"]) == ("UNSPENT", desk.addresses["li"])
    desk.dcep("coin", "shop", "ab" * 32, "--out", out)
    assert desk.dcep("verify-coin", out, "--root-key", root_key)["state"] == "NOT UNSPENT"
    out.write_bytes(flipped(out.read_bytes()))
    assert "E_PROOF" in desk.dcep("verify-coin", out, "--root-key", root_key, code=1)


def test_a_bank_comes_in_by_a_certificate_renews_and_loses_it(desk: Desk) -> None:
    desk.key("nb")
    folder, words = desk.folder, ("ca", "issue")
    desk.regcenter("ca", "request", "nb", "NB", "bank", "--out", folder / "nb.csr")
    first = desk.regcenter(*words, folder / "nb.csr", "--out", folder / "nb.crt")
    assert (first["name"], first["role"]) == ("NB", "bank")
    assert "RC_CERTIFICATE_KEY" in desk.regcenter("ca", "present", "qb", folder / "nb.crt", code=1)
    desk.regcenter("ca", "present", "nb", folder / "nb.crt")
    desk.regcenter("bank", "NB", "nb", "--reserve", 500)
    desk.regcenter("issue", "nb", 100)
    desk.regcenter("ca", "revoke", folder / "nb.crt")
    assert "RC_CERTIFICATE_REVOKED" in desk.regcenter("issue", "nb", 100, code=1)
    listed = desk.regcenter("ca", "list", "--out", folder / "ca.crl")
    assert listed["revoked"] == [first["serial"]]
    desk.regcenter(*words, folder / "nb.csr", "--days", 30, "--out", folder / "nb.crt")
    desk.regcenter("ca", "present", "nb", folder / "nb.crt")
    desk.regcenter("issue", "nb", 100)
    desk.regcenter("ca", "show", "--out", folder / "ca.crt")
    shown = desk.regcenter("ca", "of", desk.addresses["nb"], "--out", folder / "shown.crt")
    assert shown["serial"] not in listed["revoked"]
    desk.regcenter("ca", "request", "nb", "NB", "clerk", "--out", folder / "nb.csr")
    assert "RC_CERTIFICATE_ROLE" in desk.regcenter(
        *words, folder / "nb.csr", "--out", folder / "x.crt", code=1
    )


def test_money_goes_back_to_the_bank(desk: Desk) -> None:
    before = desk.balance("li")
    done = desk.dcep("redeem", "li", desk.addresses["qb"], 30)
    (line,) = desk.dcep("postings", "li", done["txid"])["lines"]
    assert (line["debit"], line["amount_fen"]) == ("wallet balances", 30)
    assert desk.balance("li") == before - 30
    assert "RC_TIER" in desk.dcep("redeem", "li", desk.addresses["shop"], 30, code=1)


def test_two_devices_pay_offline_and_settle_afterwards(desk: Desk) -> None:
    one, two, note = (desk.folder / name for name in ("one", "two", "note"))
    for device in (one, two):
        desk.dcep("offline", "new", device, "--bank", "qb", "--vendor", desk.addresses["shop"])
    assert desk.dcep("offline", "load", one, "li", 5_000)["balance_fen"] == 5_000
    address = desk.dcep("offline", "show", two)["address"]
    desk.dcep("offline", "pay", one, address, 1_200, "--out", note)
    desk.dcep("offline", "receive", two, note, f"{one}.cert")
    assert "RC_DEVICE" in desk.dcep("offline", "receive", two, note, f"{one}.cert", code=1)
    leaving = desk.folder / "leaving"
    before = desk.balance("shop")
    desk.dcep("offline", "pay", two, desk.addresses["shop"], 200, "--out", leaving)
    settled = desk.dcep("offline", "settle", two, note, leaving)["vouchers"]
    assert [item["status"] for item in settled] == ["SETTLED", "SETTLED"]
    assert desk.balance("shop") == before + 200
    assert desk.dcep("offline", "sync", two) == {"blocked": False, "balance_fen": 1_000}


def test_an_institution_keeps_balances_and_states_its_solvency(desk: Desk) -> None:
    desk.key("pool")
    pool = desk.regcenter("institution", "PAY-1", "pool")["pool"]
    desk.dcep("pay", "li", pool, 800)
    assert desk.dcep("account", "show", "li", pool) == {"balance_fen": 800}
    desk.dcep("account", "pay", "li", pool, desk.addresses["shop"], 300)
    desk.dcep("account", "withdraw", "shop", pool, 100)
    assert "RC_OVERSPEND" in desk.dcep("account", "withdraw", "shop", pool, 201, code=1)
    stated = desk.regcenter("statement", "pool")
    assert (stated["owed_fen"], stated["pool_fen"]) == (700, 700)
    proof = desk.folder / "share.bin"
    desk.regcenter("share", "li", pool, "--out", proof)
    root_key = json.loads((desk.center / "endpoint.json").read_text())["root_key"]
    checked = desk.regcenter("solvency", proof, "--root-key", root_key)
    assert (checked["valid"], checked["balance_fen"], checked["coverage_percent"]) == (
        True,
        500,
        100,
    )
    data = bytearray(proof.read_bytes())
    data[-1] ^= 1
    proof.write_bytes(data)
    desk.regcenter("solvency", proof, "--root-key", root_key, code=1)


def test_a_machine_recharges_a_wallet_and_the_authority_sees_cash(desk: Desk) -> None:
    for name in ("machine", "watch", "wang"):
        desk.key(name)
    desk.regcenter("authority", "PBC-AML", "aml", "watch")
    desk.dcep("wallet", "open", "qb", "--holder", "Wang", "--category", 1,
              "--address", desk.addresses["wang"])  # fmt: skip
    machine = ("--limit", 6_000_000)
    desk.regcenter("bank", "QB", "qb", "--reserve", 9_000_000)
    desk.regcenter("issue", "qb", 6_000_000)
    desk.regcenter("terminal", "qb", "SZ-01", "machine", *machine)
    desk.regcenter("recharge", "qb", "machine", desk.addresses["wang"], 5_000_000,
                   "--purpose", "ATM:SZ-01")  # fmt: skip
    found = desk.regcenter("reports", "watch")["reports"]
    report = next(r for r in found if r["pattern"] == "large cash")
    assert report["status"] == "open"
    assert desk.regcenter("file-report", "qb", report["serial"])["status"] == "filed"


def test_two_authorities_together_learn_an_owner(desk: Desk) -> None:
    for name, role in (("judge", "court"), ("bureau", "aml")):
        desk.key(name)
        desk.regcenter("authority", name.upper(), role, name)
    address = desk.addresses["li"]
    order = ("--order", "2026-7")
    assert "RC_AUTHORITY" in desk.regcenter("identify", "judge", "judge", address, *order, code=1)
    found = desk.regcenter("identify", "judge", "bureau", address, *order)
    assert (found["holder"], found["bank"]) == ("Li", "QB")


def test_the_head_key_is_rotated_for_real(desk: Desk) -> None:
    first = desk.regcenter("rotate")
    second = desk.regcenter("rotate")
    assert second["serial"] == first["serial"] + 1
    assert second["key_id"] != first["key_id"]
    desk.dcep("pay", "li", desk.addresses["shop"], 1)


def test_a_traveller_opens_a_wallet_and_no_more_than_that(desk: Desk) -> None:
    desk.key("marie")
    options = ("--holder", "+33 6 12 34 56 78", "--residence", "FR", "--use", "traveller")
    desk.dcep("wallet", "open", "marie", *options, "--days", 30)
    assert desk.dcep("wallet", "limits", "marie")["use"] == "TRAVELLER"
    wrong = desk.dcep("wallet", "open", "marie", *options, "--days", 30, "--category", 1, code=1)
    assert "RC_WALLET" in wrong


def test_an_authority_freezes_what_it_finds_and_the_court_moves_it(desk: Desk) -> None:
    for name, role in (("magistrate", "court"), ("warden", "aml")):
        desk.key(name)
        desk.regcenter("authority", name.upper(), role, name)
    desk.key("thief")
    desk.regcenter("exchange", "qb", desk.addresses["thief"], 500)
    order = ("--order", "2026-77")
    asked = ("holdings", "magistrate", desk.addresses["thief"], *order)
    (coin,) = desk.regcenter(*asked)["coins"]
    assert (coin["fen"], coin["state"]) == (500, "UNSPENT")
    assert "RC_AUTHORITY" in desk.regcenter(
        "holdings", "li", desk.addresses["thief"], *order, code=1
    )
    desk.regcenter("freeze", "warden", coin["coin"], *order)
    assert "RC_AUTHORITY" in desk.regcenter("unfreeze", "magistrate", coin["coin"], *order, code=1)
    desk.regcenter("unfreeze", "warden", coin["coin"], *order)
    desk.regcenter("freeze", "magistrate", coin["coin"], *order)
    assert desk.regcenter(*asked)["coins"][0]["state"] == "FROZEN"
    assert "RC_OVERSPEND" in desk.dcep("pay", "thief", desk.addresses["shop"], 500, code=1)
    before = desk.balance("shop")
    moved = ("--to", desk.addresses["shop"], "--amount", 500)
    desk.regcenter("court-transfer", "magistrate", coin["coin"], *moved, *order)
    assert desk.balance("shop") == before + 500
    assert desk.regcenter("screen", "warden", "Mallory")["listed"] is True
    paid = desk.dcep("pay", "shop", desk.addresses["thief"], 500)
    back = desk.dcep("reverse", "thief", paid["txid"], desk.addresses["shop"], 200)
    assert back["kind"] == "REVERSE" and desk.balance("thief") == 300


def test_a_name_enrols_a_key_without_a_bank(desk: Desk) -> None:
    pytest.importorskip("gmalg", reason="the optional package gmalg is not installed")
    desk.key("bus")
    folder = desk.folder
    desk.regcenter("kgc", "new", folder / "kgc.json")
    assert (folder / "kgc.json").stat().st_mode & 0o077 == 0
    asked = ("kgc", "key", folder / "kgc.json", "bus-7", "--out")
    desk.regcenter(*asked, folder / "bus.id")
    refused = desk.dcep("enrol", "bus", folder / "bus.id", code=1)
    assert "RC_SM9" in refused and "no such key generation center" in refused
    desk.regcenter("kgc", "register", "Transit", folder / "kgc.json")
    done = desk.dcep("enrol", "bus", folder / "bus.id")
    assert done["category"] == 4 and done["signed_s"] > 0
    desk.regcenter("exchange", "qb", desk.addresses["bus"], 900)
    desk.dcep("pay", "bus", desk.addresses["shop"], 900)
    assert "RC_SM9" in desk.dcep("enrol", "bus", folder / "kgc.json", code=1)
    assert "RC_SM9" in desk.regcenter(*asked[:3], "no name!", "--out", folder / "x", code=1)


def test_a_bank_registers_webhooks_on_allowed_hosts(desk: Desk) -> None:
    url = "https://bank.example/in"
    hook = desk.regcenter("hook", "add", "qb", url, "--event", "payment.final", "--event", "head")
    (found,) = desk.regcenter("hook", "list", "qb")["hooks"]
    assert (found["hook"], found["url"]) == (hook["hook"], url)
    assert "RC_HOOK" in desk.regcenter("hook", "add", "qb", "https://other.example/", code=1)
    assert "RC_HOOK" in desk.regcenter("hook", "add", "li", url, code=1)
    body = desk.folder / "message"
    body.write_text("{}")
    root_key = json.loads((desk.center / "endpoint.json").read_text())["root_key"]
    words = ("hook", "check", body, "--signature", "00", "--root-key", root_key)
    assert "RC_SIGNATURE" in desk.regcenter(*words, code=1)
    desk.regcenter("hook", "remove", "qb", hook["hook"])
    assert desk.regcenter("hook", "list", "qb")["hooks"] == []


def test_without_a_center_it_says_how_to_start_one(desk: Desk, tmp_path: Path) -> None:
    env = {"CITY_CENTER": str(tmp_path)}
    found = RUN.invoke(dcep, ["wallet", "show", desk.path("li")], env=env)
    assert found.exit_code == 3
    assert "city regcenter run" in found.stderr


def test_plug_ins_add_to_a_group_that_is_there() -> None:
    before = {command.name for command in main.dcep.app.registered_commands}
    found = typer.Typer()
    found.command("anew")(lambda: None)
    main.plug_in("dcep", found)
    try:
        groups = [group for group in main.app.registered_groups if group.name == "dcep"]
        assert len(groups) == 1
        names = {command.name for command in main.dcep.app.registered_commands}
        assert names == before | {"anew"}
    finally:
        main.dcep.app.registered_commands.pop()
