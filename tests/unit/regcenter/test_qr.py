"""QR codes: what a payee signed is what a payer sees; any change of a code is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.encoding import Hash
from consensus.payment import NO_REFERENCE
from deploy.regcenter import qr
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.purse import Wallet
from node.identity.suite import get_suite
from tests.unit.regcenter.desk_world import refusal
from tests.unit.suite.center_world import NOW

SUITE = get_suite("sm")
SHOP, THIEF = Wallet.generate(), Wallet.generate()
REFERENCE = Hash(sm3(b"obligation"))
CODE = qr.make(SHOP.signer, "Tea & 茶/1", 1_250, REFERENCE, NOW + 60_000)


def test_a_code_for_one_payment_says_all_of_it_until_it_ends() -> None:
    found = qr.read(CODE, SUITE, NOW)
    assert (found.address, found.amount_fen, found.reference) == (SHOP.address, 1_250, REFERENCE)
    assert found.name == "Tea & 茶/1"
    assert not found.is_static
    qr.read(CODE, SUITE, NOW + 59_999)
    assert refusal(qr.read, CODE, SUITE, NOW + 60_000) == "RC_QR"


def test_a_static_code_leaves_the_amount_to_the_payer() -> None:
    found = qr.read(qr.make(SHOP.signer, "Tea"), SUITE, NOW)
    assert found.is_static
    assert (found.amount_fen, found.reference, found.expires_ms) == (0, NO_REFERENCE, 0)


@given(at=st.integers(0, len(CODE) - 1), to=st.characters(min_codepoint=32, max_codepoint=126))
def test_no_character_of_a_code_is_free(at: int, to: str) -> None:
    changed = CODE[:at] + to + CODE[at + 1 :]
    if changed != CODE:
        assert refusal(qr.read, changed, SUITE, NOW) == "RC_QR"


def test_a_thief_cannot_put_his_address_or_key_into_a_code() -> None:
    key, address = SHOP.public_key.hex(), SHOP.address.hex()
    for changed in (
        CODE.replace(address, THIEF.address.hex()),
        CODE.replace(key, THIEF.public_key.hex()),
        CODE.replace(key, THIEF.public_key.hex()).replace(address, THIEF.address.hex()),
    ):
        assert refusal(qr.read, changed, SUITE, NOW) == "RC_QR"


@pytest.mark.parametrize(
    "changed",
    [
        CODE.replace("ecny://", "ECNY://"),
        CODE.replace("ecny://pay", "https://pay"),
        CODE + "&s=00",
        CODE.replace("m=1250", "m=01250"),
        CODE.replace("m=1250", "m=+1250"),
        CODE.replace("m=1250", "m=١٢٥٠"),
        CODE.replace("c=156", "c=840"),
        CODE.replace("v=1&", "v=2&"),
        CODE.replace("%26", "&"),
        CODE.replace("%E8%8C%B6", "%e8%8c%b6"),
        CODE.replace("%E8%8C%B6", "%E8%8C"),
        CODE.replace("v=1&", ""),
        CODE[:-1],
        "",
        "ecny://pay?" + "a" * 5_000,
    ],
)
def test_another_form_of_a_code_is_no_code(changed: str) -> None:
    assert refusal(qr.read, changed, SUITE, NOW) == "RC_QR"


@pytest.mark.parametrize(
    "options",
    [
        {"name": ""},
        {"name": "x" * 41},
        {"name": "a\nb"},
        {"name": "x", "amount_fen": 5},
        {"name": "x", "expires_ms": NOW},
        {"name": "x", "reference": REFERENCE},
        {"name": "x", "amount_fen": 1 << 53, "expires_ms": NOW},
    ],
)
def test_a_code_that_could_not_be_read_is_not_made(options: dict[str, object]) -> None:
    with pytest.raises(CenterError):
        qr.make(SHOP.signer, **options)  # type: ignore[arg-type]


def test_a_code_is_drawn_as_a_picture(tmp_path: Path) -> None:
    qr.draw(CODE, tmp_path / "code.png")
    assert (tmp_path / "code.png").read_bytes().startswith(b"\x89PNG")
