"""What may be asked: the feed, a coin's state, a wallet's limits, postings; and the rotation of the head
key."""

from __future__ import annotations

from pathlib import Path

import pytest

from consensus.center_request import FeedQuery
from consensus.encoding import Hash, encode
from consensus.payment import REGIMES, Kind
from consensus.payment_proof import ProofRefused, TrustedLog, check_proof
from deploy.regcenter.audit import audit
from deploy.regcenter.center import Center
from deploy.regcenter.client import Wallet
from deploy.regcenter.hashing import sm3
from deploy.regcenter.operations import Refresh
from deploy.regcenter.postings import interest_fen, postings
from deploy.regcenter.requests import (
    DeviceStatement,
    PostingsQuery,
    RotateQuery,
    Signed,
    WalletStateQuery,
)
from deploy.regcenter.voice import check_said
from tests.damage import flipped
from tests.unit.regcenter.desk_world import City, refusal
from tests.unit.regcenter.test_center import refused
from tests.unit.suite.center_world import NOW, placement


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path / "center")


# ---- feed, coins, wallets ------------------------------------------------------------------------


def test_the_feed_tells_a_wallet_what_came_and_goes_on_where_it_ended(city: City) -> None:
    me, reference = city.other, Hash(sm3(b"obligation"))
    paid = city.money.process(
        city.send(city.wallet, city.coin, (me.address, 600), reference=reference)
    )
    first = city.read(me, FeedQuery(0))
    (event,) = first["events"]
    assert (event["event"], event["value_fen"]) == ("payment.final", 600)
    assert (event["txid"], event["reference"]) == (paid.txid.hex(), reference.hex())
    assert event["leaf"] < first["tree_size"]
    assert city.read(me, FeedQuery(first["next"]))["events"] == []
    city.money.fund(me, 5)
    (later,) = city.read(me, FeedQuery(first["next"]))["events"]
    assert later["kind"] == "EXCHANGE"
    assert len(city.read(me, FeedQuery(0))["events"]) == 2
    assert city.read(Wallet.generate(), FeedQuery(0))["events"] == []


def test_a_statement_of_another_center_or_with_another_body_does_not_hold(city: City) -> None:
    center = city.money.center
    said = center.voice.say(DeviceStatement(center.log_id, city.coin, False, NOW))
    assert check_said(center.suite, said, center.root_key, DeviceStatement, NOW).time_ms == NOW
    for broken in (
        Signed(flipped(said.body), said.key_chain, said.signature),
        Signed(said.body + b"x", said.key_chain, said.signature),
        Signed(said.body, (), said.signature),
        Signed(said.body, said.key_chain * 2, said.signature),
    ):
        wrong = (center.suite, broken, center.root_key, DeviceStatement, NOW)
        assert refusal(check_said, *wrong) == "RC_SIGNATURE"
    stranger = Wallet.generate().public_key
    args = (center.suite, said, stranger, DeviceStatement, NOW)
    assert refusal(check_said, *args) == "RC_SIGNATURE"
    old = (center.suite, said, center.root_key, DeviceStatement, 0)
    assert refusal(check_said, *old) == "RC_SIGNATURE"


def test_a_wallet_learns_its_limits_and_what_it_has_paid(city: City) -> None:
    wallet = city.open(category=3, residence="FR")
    coin = city.money.fund(wallet, 500)
    city.money.process(
        city.send(wallet, coin, (city.other.address, 200), (wallet.address, 300), purpose="GOODS")
    )
    found = city.read(wallet, WalletStateQuery(wallet.address))
    assert (found["balance_fen"], found["paid_today_fen"]) == (300, 200)
    assert (found["category"], found["residence"], found["use"]) == ("THIRD", "FR", "ORDINARY")
    assert (found["payment_max_fen"], found["day_max_fen"]) == (500_000, 1_000_000)
    asked = WalletStateQuery(wallet.address)
    assert refusal(city.read, city.other, asked) == "RC_UNAUTHORISED"
    unknown = WalletStateQuery(city.other.address)
    assert refusal(city.read, city.other, unknown) == "RC_NOT_FOUND"


# ---- regimes -------------------------------------------------------------------------------------


def test_one_movement_has_two_postings_under_two_regimes() -> None:
    old, new = REGIMES
    before, after = (postings(Kind.EXCHANGE, 500, regime) for regime in (old, new))
    assert [(line.book, line.debit, line.credit) for line in before] == [
        ("central bank", "e-CNY in vaults", "e-CNY with the public"),
        ("bank", "deposits of customers", "e-CNY in the vault"),
    ]
    assert [(line.book, line.debit, line.credit) for line in after] == [
        ("bank", "deposits of customers", "wallet balances"),
    ]
    for regime in (old, new):
        there, back = (postings(kind, 500, regime) for kind in (Kind.EXCHANGE, Kind.REDEEM))
        for one, other in zip(there, back, strict=True):
            assert (one.debit, one.credit) == (other.credit, other.debit)
        assert postings(Kind.TRANSFER, 500, regime) == ()


def test_money_bears_interest_under_the_rules_of_2026_only() -> None:
    old, new = REGIMES
    assert interest_fen(1_000_000, 365, 5, new) == 500
    assert interest_fen(999, 1, 5, new) == 0
    assert refusal(interest_fen, 1_000_000, 365, 5, old) == "RC_REGIME"


def test_a_party_asks_for_the_postings_of_a_transaction(city: City) -> None:
    given = city.recharge(city.wallet, 70, "")
    receipt = city.money.process(given)
    found = city.read(city.wallet, PostingsQuery(receipt.txid))
    assert found["regime"] == "2026"
    assert [line["amount_fen"] for line in found["lines"]] == [70]
    assert refusal(city.read, city.other, PostingsQuery(receipt.txid)) == "RC_UNAUTHORISED"
    assert refusal(city.read, city.other, PostingsQuery(Hash(bytes(32)))) == "RC_NOT_FOUND"


def test_a_day_of_2025_and_one_of_2026_give_the_same_movements_two_postings(
    tmp_path: Path,
) -> None:
    """The center itself, with its clock in each of the regimes."""
    old, new = REGIMES
    told = {}
    for regime, now_ms in ((old, new.from_ms - 1), (new, new.from_ms)):
        city = City(tmp_path / regime.regime_id, now_ms)
        given = city.money.process(
            city.send(city.bank, city.vault_coin, (city.wallet.address, 1_000), kind=Kind.EXCHANGE)
        )
        spent = city.coin_of(given)
        back = city.money.process(
            city.send(city.wallet, spent, (city.bank.address, 1_000), kind=Kind.REDEEM)
        )
        found = [city.read(city.wallet, PostingsQuery(each.txid)) for each in (given, back)]
        assert {answer["regime"] for answer in found} == {regime.regime_id}
        told[regime.regime_id] = [
            [(line["book"], line["debit"], line["credit"], line["amount_fen"]) for line in lines]
            for lines in (answer["lines"] for answer in found)
        ]
        assert all(set(answer["under"]) == {"2020", "2026"} for answer in found)
        city.money.center.close()
    assert told["2020"] == [
        [
            ("central bank", "e-CNY in vaults", "e-CNY with the public", 1_000),
            ("bank", "deposits of customers", "e-CNY in the vault", 1_000),
        ],
        [
            ("central bank", "e-CNY with the public", "e-CNY in vaults", 1_000),
            ("bank", "e-CNY in the vault", "deposits of customers", 1_000),
        ],
    ]
    assert told["2026"] == [
        [("bank", "deposits of customers", "wallet balances", 1_000)],
        [("bank", "wallet balances", "deposits of customers", 1_000)],
    ]


def test_a_bank_exchanges_with_another_bank_and_both_post_it(city: City) -> None:
    other = Wallet.generate()
    city.money.process(placement("NB", other.public_key, 0))
    before = city.money.center.totals
    out = ((other.address, 700), (city.wallet.address, 200), (city.bank.address, 100))
    moved = city.money.process(city.send(city.bank, city.vault_coin, *out, kind=Kind.EXCHANGE))
    after = city.money.center.totals
    assert (after.vault_fen, after.public_fen) == (before.vault_fen - 200, before.public_fen + 200)
    found = city.read(other, PostingsQuery(moved.txid))
    assert [(n["book"], n["debit"], n["credit"], n["amount_fen"]) for n in found["lines"]] == [
        ("bank", "deposits of customers", "wallet balances", 200),
        ("bank", "claims on banks", "e-CNY in the vault", 700),
        ("the other bank", "e-CNY in the vault", "owed to banks", 700),
    ]
    coin = city.coin_of(moved)
    city.money.process(city.send(other, coin, (city.other.address, 700), kind=Kind.EXCHANGE))
    change = city.coin_of(moved, 2)
    refused(
        city, "RC_TIER", city.send(city.bank, change, (city.bank.address, 100), kind=Kind.EXCHANGE)
    )
    refused(city, "RC_TIER", city.send(city.bank, change, (other.address, 100)))
    refused(city, "RC_TIER", city.send(city.bank, change, (other.address, 100), kind=Kind.REDEEM))


# ---- rotation ------------------------------------------------------------------------------------


def key_files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "center/keys").iterdir())


def test_a_rotated_key_signs_from_its_own_head_on_and_older_proofs_still_hold(
    city: City, tmp_path: Path
) -> None:
    center = city.money.center
    paid = city.money.process(city.send(city.wallet, city.coin, (city.other.address, 600)))
    old_proof = city.money.proof_bytes(city.other, paid.txid)
    old_head = center.latest
    assert city.ask(city.root, RotateQuery(0))["serial"] == 1
    assert center.latest.head.key_id not in (old_head.head.key_id, Hash(bytes(32)))
    assert key_files(tmp_path) == ["head-1.key", "root.key"]
    new_proof = city.money.proof_bytes(city.other, paid.txid)
    trusted = TrustedLog(center.root_key, anchor=old_head.head)
    for proof in (old_proof, new_proof):
        found = check_proof(sm3, center.suite.verify, proof, TrustedLog(center.root_key), None)
        assert found.amount_fen == 600
    anchored = encode(city.money.proof(city.other, paid.txid, anchor=old_head.head.tree_size))
    check_proof(sm3, center.suite.verify, anchored, trusted, None)
    revoked = TrustedLog(center.root_key, revoked=frozenset((old_head.head.key_id,)))
    check_proof(sm3, center.suite.verify, new_proof, revoked, None)
    with pytest.raises(ProofRefused):
        check_proof(sm3, center.suite.verify, old_proof, revoked, None)
    audit(center)


def test_a_restart_after_rotations_knows_every_key_of_the_log(city: City, tmp_path: Path) -> None:
    for serial in range(3):
        city.ask(city.root, RotateQuery(serial))
        city.money.fund(city.other, 5)
    root, latest = city.money.center.root_key, city.money.center.latest
    city.money.center.close()
    again = Center.open(tmp_path / "center", lambda: NOW)
    assert (again.root_key, again.latest, len(again.chains)) == (root, latest, 4)
    audit(again)
    again.process([Refresh()])
    assert again.is_signed(again.latest)
    again.close()


def test_a_rotation_that_was_cut_short_leaves_the_old_key_in_office(
    city: City, tmp_path: Path
) -> None:
    """The next key's file is there, the store knows nothing of it."""
    center = city.money.center
    center.close()
    (tmp_path / "center/keys/head-1.key").write_text(bytes(31).hex() + "07\n")
    (tmp_path / "center/keys/head-1.key").chmod(0o600)
    city.money.center = Center.open(tmp_path / "center", lambda: NOW)
    assert key_files(tmp_path) == ["head-1.key", "head.key", "root.key"]
    assert city.ask(city.root, RotateQuery(0))["serial"] == 1
    assert key_files(tmp_path) == ["head-1.key", "root.key"]
    audit(city.money.center)
    city.money.center.close()


def test_no_head_of_the_old_key_lies_in_the_time_of_the_new_one(city: City) -> None:
    """The clock stands still: the new key's time begins after the last head all the same."""
    center = city.money.center
    for serial in range(3):
        city.money.process(Refresh())
        last = center.latest.head.timestamp_ms
        city.ask(city.root, RotateQuery(serial))
        begins = center.chain.entries[-1].key.not_before_ms
        assert last < begins <= center.latest.head.timestamp_ms
    city.now_ms += 1_000
    audit(center)


def test_only_the_root_key_rotates_and_only_what_it_has_seen(city: City) -> None:
    refused(city, "RC_UNAUTHORISED", city.instruction(city.bank, RotateQuery(0)))
    city.ask(city.root, RotateQuery(0))
    refused(city, "RC_ROTATION", city.instruction(city.root, RotateQuery(0)))
    refused(city, "RC_ROTATION", city.instruction(city.root, RotateQuery(2)))
