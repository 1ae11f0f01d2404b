"""Offline money: vouchers between secure elements, settled in any order, and double spends attributed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from consensus.encoding import ZERO_HASH, Hash, Sig, decode, encode
from consensus.payment import Kind, log_id
from deploy.regcenter.audit import audit
from deploy.regcenter.center import Center
from deploy.regcenter.client import Wallet
from deploy.regcenter.devices import OFFLINE_POLICIES, offline_limits_at
from deploy.regcenter.hashing import sm3
from deploy.regcenter.requests import (
    DeviceQuery,
    SettleQuery,
    Signed,
    SignedVoucher,
    SyncQuery,
    Voucher,
    digest_of,
)
from deploy.regcenter.residence import Use
from deploy.regcenter.secure_element import SecureElement
from node.identity.suite import get_suite
from tests.unit.regcenter.desk_world import City, refusal
from tests.unit.regcenter.test_center import refused
from tests.unit.suite.center_world import NOW

DAY = 86_400_000
SUITE = get_suite("sm")


class Offline(City):
    """Two devices, the first loaded with 900 fen."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "center")
        self.folder = directory
        self.vendor = Wallet.generate()
        self.certificates: dict[Hash, Signed] = {}
        self.one, self.two = self.device("one"), self.device("two")
        self.load(self.one, 900)

    def device(self, name: str) -> SecureElement:
        root_key = self.money.center.root_key
        made = SecureElement.create(self.folder / name, SUITE, root_key, NOW)
        query = DeviceQuery(made.public_key, self.vendor.address, NOW + 100 * DAY)
        answer = self.ask(self.bank, query)
        self.certificates[made.address] = decode(Signed, bytes.fromhex(answer["certificate"]))
        return made

    def load(self, device: SecureElement, fen: int) -> None:
        coin = self.money.fund(self.wallet, fen)
        paid = self.money.process(self.send(self.wallet, coin, (device.address, fen)))
        device.load(self.money.proof_bytes(self.wallet, paid.txid))

    def hand(self, payer: SecureElement, payee: SecureElement, fen: int) -> SignedVoucher:
        """Offline: no center in it."""
        voucher = payer.pay(payee.address, fen, NOW)
        payee.receive(voucher, self.certificates[payer.address], NOW)
        return voucher

    def forged(self, device: SecureElement, fen: int) -> SignedVoucher:
        """A voucher of counter 0 that the element's own rules would not let out."""
        voucher = Voucher(
            1,
            self.money.center.log_id,
            device.address,
            self.other.address,
            fen,
            0,
            ZERO_HASH,
            NOW - 1,
        )
        signature = Sig(device.signer.sign(digest_of(voucher)))
        return SignedVoucher(voucher, device.public_key, signature)

    def settle(self, voucher: SignedVoucher) -> dict[str, object]:
        return self.ask(self.other, SettleQuery(encode(voucher)))


@pytest.fixture
def city(tmp_path: Path) -> Offline:
    return Offline(tmp_path)


def twin(device: SecureElement, city: Offline) -> SecureElement:
    """A copy of the device's memory: what a broken secure element amounts to."""
    path = city.folder / f"copy-{device.counter}"
    path.write_bytes((city.folder / "one").read_bytes())
    return SecureElement.open(path, SUITE)


def test_money_goes_offline_from_hand_to_hand_and_is_settled_on_sync(city: Offline) -> None:
    first = city.hand(city.one, city.two, 300)
    assert (city.one.balance_fen, city.two.balance_fen) == (600, 300)
    out = city.two.pay(city.other.address, 120, NOW)
    refused(city, "RC_OVERSPEND", city.instruction(city.other, SettleQuery(encode(out))))
    assert city.settle(first)["status"] == "SETTLED"
    assert city.settle(out)["status"] == "SETTLED"
    assert (city.balance(city.one.address), city.balance(city.two.address)) == (600, 180)
    assert city.balance(city.other) == 120
    size = city.money.center.totals.tree_size
    assert city.settle(first) == {"status": "SETTLED", "value_fen": 300}, "once"
    assert city.money.center.totals.tree_size == size
    audit(city.money.center)


def test_a_settled_voucher_stands_in_the_log_as_a_payment_that_pays_no_debt(city: Offline) -> None:
    answer = city.settle(city.hand(city.one, city.two, 300))
    txid = Hash(bytes.fromhex(str(answer["txid"])))
    proof = city.money.proof(Wallet(city.two.signer), txid)
    kinds = [d.value for d in proof.disclosures if d.name == "kind"]
    assert kinds == [b"OFFLINE_SETTLE"]


def test_a_double_spend_is_attributed_and_the_second_payee_made_whole(city: Offline) -> None:
    city.money.fund(city.vendor, 50)
    three = city.device("three")
    copy = twin(city.one, city)
    first, second = city.hand(city.one, city.two, 300), city.hand(copy, three, 200)
    assert first.voucher.counter == second.voucher.counter
    assert city.settle(first)["status"] == "SETTLED"
    before = city.money.center.totals
    answer = city.settle(second)
    assert answer["status"] == "VOID"
    assert answer["attributed_to"] == city.one.address.hex()
    assert (answer["vendor_fen"], answer["bank_fen"], answer["claim_fen"]) == (50, 150, 0)
    assert city.balance(three.address) == 200
    after = city.money.center.totals
    assert (after.public_fen - before.public_fen, before.vault_fen - after.vault_fen) == (150, 150)
    pair = [decode(SignedVoucher, bytes.fromhex(item)) for item in answer["evidence"]]  # type: ignore[attr-defined]
    for voucher in pair:  # the evidence convicts by itself
        assert SUITE.verify(voucher.public_key, digest_of(voucher.voucher), voucher.signature)
    assert pair[0].voucher.counter == pair[1].voucher.counter
    again = city.settle(second)
    assert again == answer, "nobody is paid twice for it"
    assert city.money.center.totals == after
    audit(city.money.center)


def test_a_device_that_was_convicted_learns_it_at_its_next_synchronisation(city: Offline) -> None:
    copy = twin(city.one, city)
    city.settle(city.hand(city.one, city.two, 300))
    city.settle(city.hand(copy, city.two, 299))
    said = city.ask(Wallet(city.one.signer), SyncQuery(city.one.counter))
    assert said["blocked"] is True
    city.one.sync(decode(Signed, bytes.fromhex(said["statement"])), NOW)
    assert refusal(city.one.pay, city.two.address, 1, NOW) == "RC_DEVICE"


def test_another_past_convicts_as_well_as_the_same_counter(city: Offline) -> None:
    copy = twin(city.one, city)
    city.hand(city.one, city.two, 10)
    later = city.hand(city.one, city.two, 20)
    assert city.settle(later)["status"] == "SETTLED", "vouchers come in any order"
    assert city.settle(city.hand(copy, city.two, 30))["status"] == "VOID"


def test_what_others_pay_for_one_device_is_capped(city: Offline) -> None:
    limit = offline_limits_at(NOW)
    city.money.fund(city.vendor, 2 * limit.between_fen)
    city.load(city.one, 2 * limit.between_fen)
    copy = twin(city.one, city)
    count = limit.between_fen // limit.voucher_fen + 1
    for _ in range(count):
        assert city.settle(city.hand(city.one, city.two, 10))["status"] == "SETTLED"
    answers = [
        city.settle(copy.pay(city.other.address, limit.voucher_fen, NOW)) for _ in range(count - 1)
    ]
    assert [answer["claim_fen"] for answer in answers] == [0] * (count - 1)
    answer = city.settle(city.forged(copy, limit.voucher_fen))
    assert (answer["vendor_fen"], answer["bank_fen"]) == (0, 0)
    assert answer["claim_fen"] == limit.voucher_fen


# ---- the secure element's own rules --------------------------------------------------------------


def test_a_device_pays_within_its_limits_and_is_reset_by_the_center_only(city: Offline) -> None:
    limit = offline_limits_at(NOW)
    assert limit == OFFLINE_POLICIES[1]
    city.load(city.one, limit.between_fen + 10)
    one, two = city.one, city.two
    assert refusal(one.pay, two.address, limit.voucher_fen + 1, NOW) == "RC_LIMIT"
    for _ in range(limit.between_fen // limit.voucher_fen):
        one.pay(two.address, limit.voucher_fen, NOW)
    assert refusal(one.pay, two.address, 1, NOW) == "RC_LIMIT"
    said = city.ask(Wallet(one.signer), SyncQuery(one.counter))
    one.sync(decode(Signed, bytes.fromhex(said["statement"])), NOW)
    one.pay(two.address, 1, NOW)
    late = NOW + limit.between_ms + 1
    assert refusal(one.pay, two.address, 1, late) == "RC_LIMIT"
    assert refusal(one.pay, two.address, 10_000_000, NOW) == "RC_OVERSPEND"
    assert refusal(one.pay, one.address, 1, NOW) == "RC_DEVICE"
    assert refusal(one.pay, two.address, 0, NOW) == "RC_DEVICE"


def test_a_device_credits_each_coin_and_each_voucher_once(city: Offline) -> None:
    coin = city.money.fund(city.wallet, 40)
    paid = city.money.process(city.send(city.wallet, coin, (city.two.address, 40)))
    proof = city.money.proof_bytes(city.wallet, paid.txid)
    assert city.two.load(proof) == 40
    assert refusal(city.two.load, proof) == "RC_DEVICE"
    assert refusal(city.one.load, proof) == "RC_DEVICE", "it was paid to another device"
    assert refusal(city.two.load, proof[:-1]) == "RC_DEVICE"
    voucher = city.hand(city.one, city.two, 5)
    certificate = city.certificates[city.one.address]
    again = SecureElement.open(city.folder / "two", SUITE)
    assert again.balance_fen == 45
    assert refusal(again.receive, voucher, certificate, NOW) == "RC_DEVICE"


def test_a_device_takes_no_voucher_that_no_certified_device_signed(city: Offline) -> None:
    good = city.one.pay(city.two.address, 100, NOW)
    certificate = city.certificates[city.one.address]
    stranger = SUITE.signer(SUITE.generate_key())
    forged = replace(good.voucher, sender=Hash(sm3(b"someone")))
    more = replace(good.voucher, value_fen=101)
    wrong = {
        "a larger value": SignedVoucher(more, good.public_key, good.signature),
        "another signer": SignedVoucher(
            good.voucher, stranger.public_key, Sig(stranger.sign(digest_of(good.voucher)))
        ),
        "another sender": SignedVoucher(
            forged, city.one.public_key, Sig(city.one.signer.sign(digest_of(forged)))
        ),
    }
    for what, voucher in wrong.items():
        assert refusal(city.two.receive, voucher, certificate, NOW) == "RC_DEVICE", what
    other = city.certificates[city.two.address]
    assert refusal(city.two.receive, good, other, NOW) == "RC_DEVICE"
    assert refusal(city.two.receive, good, certificate, NOW + 101 * DAY) == "RC_DEVICE"
    broken = replace(certificate, signature=Sig(bytes(64)))
    assert refusal(city.two.receive, good, broken, NOW) == "RC_SIGNATURE"
    city.two.receive(good, certificate, NOW)


def test_a_crash_after_paying_loses_no_counter(city: Offline) -> None:
    first = city.one.pay(city.two.address, 1, NOW)
    again = SecureElement.open(city.folder / "one", SUITE)
    second = again.pay(city.two.address, 1, NOW)
    assert (first.voucher.counter, second.voucher.counter) == (0, 1)
    assert second.voucher.previous == digest_of(first.voucher)


# ---- what the center refuses ---------------------------------------------------------------------


def test_a_device_pays_by_vouchers_only(city: Offline) -> None:
    (coin, _), *_ = city.money.center.unspent(city.one.address, Hash(bytes(32)), 1)
    thief = Wallet(city.one.signer)
    for kind in (Kind.TRANSFER, Kind.REDEEM):
        to = city.bank if kind is Kind.REDEEM else city.other
        refused(city, "RC_DEVICE", city.send(thief, coin, (to.address, 900), kind=kind))
    settle = city.send(thief, coin, (city.other.address, 900), kind=Kind.OFFLINE_SETTLE)
    refused(city, "RC_KIND", settle)


def test_a_voucher_that_does_not_hold_is_refused(city: Offline) -> None:
    one = city.one
    good = one.pay(city.two.address, 100, NOW).voucher
    stranger = SUITE.signer(SUITE.generate_key())
    reserve = city.open(residence="TH", use=Use.RESERVE)

    def signed(signer: object = one.signer, **changes: object) -> SignedVoucher:
        voucher = replace(good, **changes)  # type: ignore[arg-type]
        key = signer.public_key  # type: ignore[attr-defined]
        return SignedVoucher(voucher, key, Sig(signer.sign(digest_of(voucher))))  # type: ignore[attr-defined]

    address = Wallet(stranger).address
    wrong = {
        "RC_DEVICE": [
            signed(version=2),
            signed(log_id=log_id(sm3, stranger.public_key)),
            signed(stranger),
            signed(stranger, sender=address),
            signed(to=one.address),
            signed(value_fen=0),
            signed(time_ms=NOW + 300_001),
            signed(previous=Hash(bytes([1] * 32))),
            signed(counter=1),
            signed(time_ms=NOW + 101 * DAY),
            replace(signed(), signature=Sig(bytes(64))),
        ],
        "RC_LIMIT": [
            signed(value_fen=100_001),
            signed(value_fen=50_001, time_ms=1_600_000_000_000),
        ],
        "RC_TIER": [signed(to=city.bank.address)],
        "RC_RESERVE_CLASS": [signed(to=reserve.address)],
        "RC_OVERSPEND": [signed(value_fen=901)],
    }
    for code, vouchers in wrong.items():
        for voucher in vouchers:
            query = SettleQuery(encode(voucher))
            refused(city, code, city.instruction(city.other, query))
    refused(city, "RC_DEVICE", city.instruction(city.other, SettleQuery(b"")))
    assert city.settle(signed())["status"] == "SETTLED"


def test_a_device_is_registered_once_by_a_bank_for_a_key_of_its_own(city: Offline) -> None:
    fresh, vendor = Wallet.generate(), city.vendor.address
    wrong = (
        (city.other, DeviceQuery(fresh.public_key, vendor, NOW + DAY), "RC_OPERATOR"),
        (city.bank, DeviceQuery(city.one.public_key, vendor, NOW + DAY), "RC_TIER"),
        (city.bank, DeviceQuery(city.bank.public_key, vendor, NOW + DAY), "RC_TIER"),
        (city.bank, DeviceQuery(fresh.public_key, city.bank.address, NOW + DAY), "RC_DEVICE"),
        (city.bank, DeviceQuery(fresh.public_key, vendor, NOW), "RC_DEVICE"),
        (fresh, SyncQuery(0), "RC_DEVICE"),
    )
    for by, body, code in wrong:
        refused(city, code, city.instruction(by, body))


def test_settled_vouchers_are_known_after_a_restart(city: Offline) -> None:
    copy = twin(city.one, city)
    city.settle(city.hand(city.one, city.two, 300))
    city.money.center.close()
    city.money.center = Center.open(city.folder / "center", lambda: NOW)
    assert city.settle(city.hand(copy, city.two, 200))["status"] == "VOID"
    (coin, _), *_ = city.money.center.unspent(city.one.address, Hash(bytes(32)), 1)
    refused(city, "RC_DEVICE", city.send(Wallet(city.one.signer), coin, (city.other.address, 1)))
    city.money.center.close()
