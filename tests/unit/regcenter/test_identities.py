"""Identity-based keys: the standard's vector, enrolment for a month, and what a name may not do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from consensus.encoding import Hash
from consensus.payment import Kind
from deploy.regcenter import identities
from deploy.regcenter.api_common import IDENTITIES
from deploy.regcenter.center import Center
from deploy.regcenter.client import CenterRefused, Wallet
from deploy.regcenter.desk import Instruction
from deploy.regcenter.hashing import sm3
from deploy.regcenter.identities import Kgc, Sm9Authenticator, month_of
from deploy.regcenter.requests import Enrolment, EnrolQuery, KgcQuery, WalletStateQuery, digest_of
from tests.damage import flipped
from tests.unit.regcenter.desk_world import City, refusal
from tests.unit.regcenter.test_api import Service, service
from tests.unit.regcenter.test_center import refused
from tests.unit.suite.center_world import NOW

__all__ = ["service"]
sm9 = pytest.importorskip("gmalg.sm9", reason="the optional package gmalg is not installed")

# GB/T 38635.2, appendix A: signature by Alice (domain page standards.md, section 4.3).
MASTER = bytes.fromhex("000130e78459d78545cb54c587e02cf480ce0b66340f319f348a1d5b1f2dc5f4")
H = bytes.fromhex("823c4b21e4bd2dfe1ed92c606653e996668563152fc33f55d7bfbb9bd9705adb")
S = bytes.fromhex(
    "0473bf96923ce58b6ad0e13e9643a406d8eb98417c50ef1b29cef9adb48b6d598c"
    "856712f1c2e0968ab7769f42a99586aed139d5b8b3e15891827cc2aced9baa05"
)


@pytest.fixture(scope="module")
def master_key() -> bytes:
    found: bytes = sm9.SM9KGC(hid_s=b"\x01", msk_s=MASTER).generate_mpk_sign(MASTER)
    return found


def enrolment(
    master_key: bytes, log_id: Hash, key: Wallet, epoch: int, tier: int = 4
) -> EnrolQuery:
    """Signed by the name's key, which the KGC makes."""
    kgc = Hash(sm3(master_key))
    query = EnrolQuery(kgc, "bus-7", tier, epoch, b"", b"")
    name = identities.name_of(query)
    private = sm9.SM9KGC(hid_s=b"\x01", msk_s=MASTER, mpk_s=master_key).generate_sk_sign(name)
    signer = sm9.SM9(hid_s=b"\x01", mpk_s=master_key, sk_s=private, uid=name)
    signed = Enrolment(log_id, kgc, "bus-7", tier, epoch, key.public_key)
    h, point = signer.sign(digest_of(signed))
    return replace(query, h=h, point=point)


def test_the_standards_signature_holds_and_no_other(master_key: bytes) -> None:
    alice = Sm9Authenticator(master_key)
    assert alice.holds(b"Alice", b"Chinese IBS standard", (H, S))
    assert not alice.holds(b"Bob", b"Chinese IBS standard", (H, S))


@pytest.mark.parametrize(
    ("h", "point"),
    [
        (bytes(32), S),
        (b"\xff" * 32, S),
        (H[:-1], S),
        (H, S[:-1]),
        (H, b"\x00"),
        (H, b"\x02" + S[1:33]),
        (H, b"\x04" + bytes(64)),
        (H, b"\x04" + b"\xff" * 64),
        (H, flipped(S)),
    ],
)
def test_a_malformed_signature_is_no_signature(master_key: bytes, h: bytes, point: bytes) -> None:
    assert not Sm9Authenticator(master_key).holds(b"Alice", b"Chinese IBS standard", (h, point))


def test_months_are_those_of_beijing() -> None:
    assert month_of(NOW) == 202612
    assert month_of(1_798_732_799_999) == 202612  # 2026-12-31 23:59:59.999
    assert month_of(1_798_732_800_000) == 202701


def test_a_name_enrols_a_key_that_pays_until_its_month_is_over(
    master_key: bytes, tmp_path: Path
) -> None:
    city, key = City(tmp_path / "center"), Wallet.generate()
    center = city.money.center
    kgc = Kgc("Shenzhen Bus", master_key)
    assert city.ask(city.root, KgcQuery(kgc.name, master_key))["kgc"] == sm3(master_key).hex()

    def enrol(epoch: int) -> Instruction:
        query = enrolment(master_key, center.log_id, key, epoch)
        found = identities.check(kgc, center.log_id, key.public_key, query, city.now_ms)
        return city.instruction(key, found)

    city.money.process(enrol(202612))
    state = city.read(key, WalletStateQuery(key.address))
    assert (state["category"], state["payment_max_fen"]) == ("FOURTH", 200_000)
    coin = city.money.fund(key, 500)
    paid = city.money.process(city.send(key, coin, (city.other.address, 100), (key.address, 400)))
    city.now_ms = 1_798_732_800_000  # January
    center.close()
    city.money.center = center = Center.open(tmp_path / "center", lambda: city.now_ms)
    rest = city.coin_of(paid, 1)
    late = city.send(key, rest, (city.other.address, 400))
    refused(city, "RC_EPOCH", late)
    city.money.process(enrol(202701))
    city.money.process(late)
    back = city.money.fund(key, 7)
    city.now_ms += 40 * 86_400_000
    city.money.process(city.send(key, back, (city.bank.address, 7), kind=Kind.REDEEM))
    center.close()


def test_an_enrolment_that_does_not_hold_is_refused(master_key: bytes) -> None:
    key, log = Wallet.generate(), Hash(sm3(b"log"))
    kgc, good = Kgc("Bus", master_key), enrolment(master_key, log, key, 202612)
    wrong = {
        "no KGC": (None, good),
        "another month": (kgc, replace(good, epoch=202611)),
        "a high tier": (kgc, replace(good, tier=1)),
        "an unclear name": (kgc, replace(good, wallet="a|b")),
        "no name": (kgc, replace(good, wallet="")),
        "another wallet": (kgc, replace(good, wallet="bus-8")),
    }
    for what, (found, query) in wrong.items():
        code = refusal(identities.check, found, log, key.public_key, query, NOW)
        assert code == "RC_SM9", what
    other = Wallet.generate().public_key
    assert refusal(identities.check, kgc, log, other, good, NOW) == "RC_SM9"


def test_only_the_root_key_registers_a_kgc(master_key: bytes, tmp_path: Path) -> None:
    city = City(tmp_path / "center")
    refused(city, "RC_UNAUTHORISED", city.instruction(city.bank, KgcQuery("Bus", master_key)))
    for bad in (b"", master_key[:-1], b"\x02" + master_key[1:], b"\x04" + b"\xff" * 128):
        refused(city, "RC_SM9", city.instruction(city.root, KgcQuery("Bus", bad)))


async def test_the_interface_enrols_a_name(service: Service, master_key: bytes) -> None:
    client, key = service.client, Wallet.generate()
    await client.ask(Wallet(service.center.keys.root), KgcQuery("Bus", master_key))
    now = month_of((await client.status())["now_ms"])
    query = enrolment(master_key, service.center.log_id, key, now)
    assert (await client.ask(key, query))["category"] == 4
    with pytest.raises(CenterRefused) as refusal_:
        await client.ask(key, replace(query, epoch=now + 1))
    assert refusal_.value.code == "RC_SM9"
    async with service.app[IDENTITIES]:  # somebody else's signature is being checked
        with pytest.raises(CenterRefused) as refusal_:
            await client.ask(key, query)
    assert refusal_.value.code == "RC_BUSY"
