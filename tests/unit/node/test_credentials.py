"""A credential is checked from its file alone: key, signature, fields, state and age of the proofs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import node.cli.credential
from consensus.encoding import Hash
from contracts.bundles import load_bundle
from contracts.runtime.keys import state_key
from node.cli.main import app
from node.confidential.credentials import (
    Field,
    Held,
    Presentation,
    PresentationRefused,
    Snapshot,
    commitment,
    content_of,
    read_held,
    read_presentation,
    root_of,
    salt_fields,
    verify_presentation,
)
from node.genesis import BundleSource, ContractEntry, Identity, channel_id
from node.identity.signers import MemorySigner
from tests.unit.node.network import SUITE, Cluster
from tests.unit.suite.center_world import as_json

RUNNER = CliRunner()
CHANNEL = bytes(range(32))
KEY = SUITE.generate_key()
FIELDS = tuple(
    Field(name, value, bytes([n]) * 16)
    for n, (name, value) in enumerate(
        [("amount", "12000.00"), ("goods", "phones"), ("shop", "A")], 1
    )
)
LEAVES = [commitment(field) for field in FIELDS]
ROOT = root_of(LEAVES)
UNTIL = f"{time.gmtime().tm_year + 3}-01-01"
NOW_MS, HOUR_MS = 1_800_000_000_000, 3_600_000
SHOWN = Presentation("SLIP-1", FIELDS[:1], tuple(LEAVES[1:]), b"credential", b"key")


def signature(channel: bytes = CHANNEL, until: str = "2036-01-01") -> bytes:
    content = content_of(
        channel, id="SLIP-1", kind="sales-slip", issuer="QB", holder="PX", root=ROOT, until=until
    )
    return bytes(SUITE.signer(KEY).sign(content))


def ledger(**changes: Any) -> Callable[[bytes, str, str, bytes | None], Snapshot]:
    """Records as proofs show them, with changes by `table__field`."""
    records: dict[str, dict[str, Any]] = {
        "trusted_credential": {
            "parties": {"issuer": "QB", "holder": "PX"}, "accreditation": "QB/1",
            "kind": "sales-slip", "root": ROOT, "fields": 3, "until": "2036-01-01",
            "state": "HELD", "signature": signature(),
        },
        "accreditation": {
            "parties": {"issuer": "QB", "authority": "PBC"}, "kinds": ("sales-slip",),
            "key": KEY.public_key, "certificate": "c", "reason": "",
        },
    }  # fmt: skip
    for place, value in changes.items():
        table, _, name = place.partition("__")
        records[table][name] = value

    def read(data: bytes, table: str, key: str, channel: bytes | None) -> Snapshot:
        return Snapshot(records[table], CHANNEL, NOW_MS - HOUR_MS)

    return read


def test_a_presentation_shows_the_opened_fields_and_no_others() -> None:
    shown = verify_presentation(SHOWN.to_bytes(), NOW_MS, HOUR_MS, None, ledger())
    assert (shown["fields"], shown["hidden"], shown["state"]) == ({"amount": "12000.00"}, 2, "HELD")
    assert "phones" not in SHOWN.to_bytes().decode()


@pytest.mark.parametrize(
    ("word", "shown", "changes"),
    [
        ("not those", replace(SHOWN, opened=(replace(FIELDS[0], value="99000.00"),)), {}),
        ("not those", replace(SHOWN, opened=FIELDS[1:2]), {}),
        ("opened once", replace(SHOWN, opened=()), {}),
        ("opened once", replace(SHOWN, hidden=SHOWN.hidden[:1]), {}),
        ("REVOKED", SHOWN, {"trusted_credential__state": "REVOKED"}),
        ("ISSUED", SHOWN, {"trusted_credential__state": "ISSUED"}),
        ("has not signed", SHOWN, {"trusted_credential__signature": bytes(64)}),
        ("has not signed", SHOWN, {"trusted_credential__until": "2037-01-01"}),
        (
            "has not signed",
            SHOWN,
            {"trusted_credential__parties": {"issuer": "QB", "holder": "XY"}},
        ),
        ("has not signed", SHOWN, {"accreditation__key": SUITE.generate_key().public_key}),
        ("accredited", SHOWN, {"accreditation__kinds": ("policy",)}),
        ("accredited", SHOWN, {"accreditation__parties": {"issuer": "NB", "authority": "PBC"}}),
        ("compromised", SHOWN, {"accreditation__reason": "key-compromised"}),
    ],
)
def test_a_presentation_that_does_not_hold_is_refused(
    word: str, shown: Presentation, changes: dict[str, Any]
) -> None:
    with pytest.raises(PresentationRefused, match=word):
        verify_presentation(shown.to_bytes(), NOW_MS, HOUR_MS, None, ledger(**changes))


def test_a_holder_opens_what_it_chooses_from_its_own_file() -> None:
    held = read_held(Held("SLIP-1", FIELDS).to_bytes())
    assert held.root == ROOT and held.open(["amount"], b"credential", b"key") == SHOWN
    for names in ([], ["price"], ["amount", "price"]):
        with pytest.raises(PresentationRefused, match="some of amount, goods, shop"):
            held.open(names, b"", b"")
    for data in (b"", b"[]", b'{"format": "x"}', SHOWN.to_bytes()):
        with pytest.raises(PresentationRefused):
            read_held(data)
    one, two = (salt_fields("S", {"amount": "1.00"}) for _ in range(2))
    assert one.root != two.root and read_held(one.to_bytes()) == one


def test_proofs_older_than_the_reader_accepts_are_refused() -> None:
    with pytest.raises(PresentationRefused, match="older"):
        verify_presentation(SHOWN.to_bytes(), NOW_MS + 1, HOUR_MS, None, ledger())


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 9999, b'{"format": "other"}', b"\xff"])
def test_a_file_that_is_no_presentation_is_refused(data: bytes) -> None:
    with pytest.raises(PresentationRefused):
        read_presentation(data)


# ---- with a real ledger --------------------------------------------------------------------------

PEOPLE = {
    "pbc": ("PBC", ("regulator",)), "kyc": ("NB", ("kyc",)), "kyc-2": ("NB", ("kyc",)),
    "qb": ("QB", ("maker",)), "px": ("PX", ("maker",)),
}  # fmt: skip
LEIS = {"QB": "3003DEM0QIANHAIBKA73", "PX": "3003DEM0SZPENGXUEX86"}


class Ledger(Cluster):
    """One validator that runs a few contracts, with people that have roles."""

    def __init__(
        self, root: Path, contracts: tuple[str, ...] = ("party", "trusted_credential")
    ) -> None:
        super().__init__(root, 1)
        bundles = [load_bundle(name) for name in contracts]
        self.keys.users = {name: MemorySigner(SUITE.generate_key()) for name in PEOPLE}
        config = replace(
            self.genesis.config,
            identities=tuple(
                Identity(name, member, self.keys.users[name].public_key, roles)
                for name, (member, roles) in PEOPLE.items()
            ),
            members=tuple(
                replace(self.genesis.config.members[0], member_id=member)
                for member in dict.fromkeys(member for member, _ in PEOPLE.values())
            ),
            nodes=tuple(replace(node, member_id="PBC") for node in self.genesis.config.nodes),
            contracts=tuple(ContractEntry(b.name, 1, Hash(bytes(32))) for b in bundles),
        )
        sources = tuple(BundleSource(b.name, 1, b.encode()) for b in bundles)
        self.genesis = replace(self.genesis, config=config, bundles=sources)
        self.channel_id = channel_id(SUITE.hash, config)

    async def call(self, who: str, target: str, **args: Any) -> None:
        contract, method = target.split(".")
        channel = self.nodes["n0"].channel
        envelope = self.envelope(
            user=who,
            contract=contract,
            method=method,
            args=json.dumps(as_json(args)),
            gas_limit=5_000_000,
        )
        (outcome,) = await channel.submit([envelope])
        assert outcome.error is None, outcome.error
        status = await channel.wait(outcome.tx_id, "committed")
        assert status.receipt is not None and status.receipt.outcome == "ok", (
            target,
            status.receipt,
        )

    async def party(self, party_id: str) -> None:
        await self.call(
            "kyc", "party.apply", party_id=party_id, legal_name=party_id, kind="enterprise",
            country="HK", city="HK", lei=LEIS[party_id],
        )  # fmt: skip
        await self.call("kyc", "party.attest", party_id=party_id, level=1, risk="low",
                        report="0" * 64, expires=UNTIL)  # fmt: skip
        await self.call("kyc-2", "party.approve", party_id=party_id)


class Proofs:
    """A connection that knows the proofs of two records."""

    def __init__(self, proofs: dict[bytes, bytes]) -> None:
        self.state_proof = proofs.__getitem__

    def __enter__(self) -> Proofs:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def query(self, contract: str, method: str, args: dict[str, str]) -> SimpleNamespace:
        return SimpleNamespace(value={"accreditation": "QB/1"})


def command(*words: str) -> Any:
    return RUNNER.invoke(app, ["credential", *words, "-o", "json"])


def test_fields_are_salted_into_a_file_of_their_holder(tmp_path: Path) -> None:
    out = tmp_path / "slip.json"
    done = command("prepare", "SLIP-1", "amount=12000.00", "goods=phones", "--out", str(out))
    held = read_held(out.read_bytes())
    assert json.loads(done.stdout)["root"] == held.root.hex() and len(held.fields) == 2
    assert out.stat().st_mode & 0o077 == 0
    for words in (["amount"], ["a=1", "a=2"]):
        assert command("prepare", "SLIP-1", *words, "--out", str(out)).exit_code == 2


async def test_a_presentation_is_checked_offline_from_proofs_of_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = Ledger(tmp_path)
    await net.start_all()
    try:
        for party_id in LEIS:
            await net.party(party_id)
        await net.call("pbc", "trusted_credential.accredit", issuer="QB", key=KEY.public_key,
                       kinds=["sales-slip"], certificate="0" * 64, until=UNTIL)  # fmt: skip
        signed = signature(net.channel_id, UNTIL)
        await net.call("qb", "trusted_credential.issue", id="SLIP-1", accreditation="QB/1",
                       kind="sales-slip", holder="PX", root=ROOT, fields=3, until=UNTIL,
                       signature=signed)  # fmt: skip
        await net.call("px", "trusted_credential.hold", id="SLIP-1")
        channel = net.nodes["n0"].channel
        slip, key = [
            await channel.state_proof(state_key("trusted_credential", table, number))
            for table, number in (("trusted_credential", "SLIP-1"), ("accreditation", "QB/1"))
        ]
    finally:
        await net.stop_all()
    file = replace(SHOWN, credential=slip, key=key).to_bytes()
    now_ms = int(time.time() * 1000)
    shown = verify_presentation(file, now_ms, 24 * HOUR_MS, net.channel_id)
    assert (shown["issuer"], shown["authority"], shown["fields"]) == (
        "QB",
        "PBC",
        {"amount": "12000.00"},
    )
    proofs = {state_key("trusted_credential", "trusted_credential", "SLIP-1"): slip,
              state_key("trusted_credential", "accreditation", "QB/1"): key}  # fmt: skip
    monkeypatch.setattr(node.cli.credential, "open_network", lambda: Proofs(proofs))
    held, saved = tmp_path / "slip.json", tmp_path / "shown.json"
    held.write_bytes(Held("SLIP-1", FIELDS).to_bytes())
    done = command("hand-over", str(held), "amount", "--out", str(saved))
    assert json.loads(done.stdout)["digest"] == SUITE.hash(saved.read_bytes()).hex()
    assert saved.read_bytes() == file
    trusted = command("verify", str(saved), "--channel-id", net.channel_id.hex())
    assert trusted.exit_code == 0 and json.loads(trusted.stdout)["issuer"] == "QB", trusted.output
    assert command("verify", str(saved), "--channel-id", CHANNEL.hex()).exit_code == 4
    for wrong in (
        replace(SHOWN, credential=key, key=slip),
        replace(SHOWN, credential=slip, key=slip[:-1]),
    ):
        with pytest.raises(PresentationRefused):
            verify_presentation(wrong.to_bytes(), now_ms, 24 * HOUR_MS)
    with pytest.raises(PresentationRefused, match="another channel"):
        verify_presentation(file, now_ms, 24 * HOUR_MS, CHANNEL)
