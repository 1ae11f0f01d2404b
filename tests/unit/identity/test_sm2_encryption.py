"""SM2 encryption: the standard's example, other products' form, and nothing but what was sealed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from gmssl import sm2 as gmssl_sm2
from hypothesis import given
from hypothesis import strategies as st

from node.identity.errors import BadKey, BadSeal
from node.identity.keyfile import write_key
from node.identity.sm2_encryption import OVERHEAD, decrypt, der_to_raw, encrypt, raw_to_der
from node.identity.suite import get_suite
from tests.damage import flipped

SUITE = get_suite("sm")
# GB/T 32918.5-2017 Annex C.
KEY = SUITE.private_key(
    bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
)
SEALED = bytes.fromhex(
    "0404ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"
    "e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
    "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"
    "21886ca989ca9c7d58087307ca93092d651efa"
)
SECRET = bytes(range(16))


def test_the_standards_example_opens() -> None:
    assert decrypt(KEY, SEALED) == b"encryption standard"


def test_the_same_secret_is_sealed_otherwise_each_time() -> None:
    sealed = {encrypt(KEY.public_key, SECRET) for _ in range(8)}
    assert len(sealed) == 8 and {len(one) for one in sealed} == {OVERHEAD + 16}
    assert all(decrypt(KEY, one) == SECRET for one in sealed)


@given(st.binary(min_size=1, max_size=1024))
def test_whatever_is_sealed_comes_back_whole(text: bytes) -> None:
    sealed = encrypt(KEY.public_key, text)
    assert decrypt(KEY, sealed) == text
    assert der_to_raw(raw_to_der(sealed)) == sealed


@pytest.mark.parametrize("at", range(0, len(SEALED)))
def test_a_changed_byte_anywhere_opens_nothing(at: int) -> None:
    with pytest.raises(BadSeal):
        decrypt(KEY, flipped(SEALED, at))


@pytest.mark.parametrize(
    "sealed", [b"", SEALED[:OVERHEAD], SEALED + b"\0", b"\4" + bytes(64) + SEALED[65:]]
)
def test_what_is_no_ciphertext_is_refused_before_the_library_sees_it(sealed: bytes) -> None:
    with pytest.raises(BadSeal):
        decrypt(KEY, sealed)


def test_another_key_opens_nothing_and_no_key_is_no_key() -> None:
    with pytest.raises(BadSeal):
        decrypt(SUITE.generate_key(), SEALED)
    with pytest.raises(BadKey):
        encrypt(b"\4" + bytes(64), SECRET)
    with pytest.raises(BadKey):
        decrypt(get_suite("intl").generate_key(), SEALED)
    for text in (b"", bytes(1025)):
        with pytest.raises(ValueError, match="1 to 1024 bytes"):
            encrypt(KEY.public_key, text)


def test_the_exchange_form_has_one_encoding() -> None:
    encoded = raw_to_der(encrypt(KEY.public_key, SECRET))
    for wrong in (encoded + b"\0", encoded[:-1], b"", b"\x30\x80" + encoded[2:] + b"\0\0"):
        with pytest.raises(BadSeal):
            der_to_raw(wrong)


def test_another_implementation_opens_it_and_is_opened() -> None:
    other = gmssl_sm2.CryptSM2(
        private_key=KEY.scalar.hex(), public_key=KEY.public_key[1:].hex(), mode=1
    )
    assert other.decrypt(encrypt(KEY.public_key, SECRET)[1:]) == SECRET
    assert decrypt(KEY, b"\4" + other.encrypt(SECRET)) == SECRET


def test_the_openssl_tool_opens_the_exchange_form(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl tool here")
    write_key(tmp_path / "key.pem", KEY, None, dev=True)
    (tmp_path / "sealed.der").write_bytes(raw_to_der(encrypt(KEY.public_key, SECRET)))
    done = subprocess.run(
        ["openssl", "pkeyutl", "-decrypt", "-inkey", "key.pem", "-in", "sealed.der"],
        cwd=tmp_path, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == SECRET
