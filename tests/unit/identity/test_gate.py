"""Finding a library, and the known-answer gate: broken libraries must not get through."""

import ctypes.util

import pytest

from node.identity import load
from node.identity.curve import SM2, multiply, sm2_verify_digest
from node.identity.errors import BackendFailure, NoCryptoBackend, SigningRefused
from node.identity.gate import GateFailed, check_backend
from node.identity.gmssl_backend import GmsslBackend
from node.identity.libcrypto import LibCrypto, candidates
from node.identity.openssl_backend import OpensslBackend
from node.identity.suite import get_suite


@pytest.fixture
def library():
    """A library object of our own, so that a test may break it."""
    label, path = next(candidates())
    return LibCrypto(label, path)


class Broken(OpensslBackend):
    """A library that gives one wrong answer: what is named in `wrong`."""

    def __init__(self, lib, wrong):
        super().__init__(lib)
        self.wrong = wrong

    def verify_digest(self, handle, e, r, s):
        if self.wrong == "always valid":
            return True
        if self.wrong == "never valid":
            return False
        if self.wrong == "no doubling" and s == (10).to_bytes(32):
            return False
        return super().verify_digest(handle, e, r, s)

    def verify(self, handle, id, message, r, s):
        if self.wrong == "always valid by message":
            return True
        if self.wrong == "id ignored":
            id = b"1234567812345678"
        return super().verify(handle, id, message, r, s)

    def sign_digest(self, handle, e):
        if self.wrong == "signs something else":
            e = bytes(32)
        return super().sign_digest(handle, e)

    def public_point(self, scalar):
        return bytes(64) if self.wrong == "public key" else super().public_point(scalar)

    def sm3(self, data):
        return bytes(32) if self.wrong == "sm3" else super().sm3(data)


def test_a_right_library_passes_the_gate(library):
    check_backend(Broken(library, "nothing"))


@pytest.mark.parametrize(
    "wrong",
    [
        "always valid",
        "never valid",
        "no doubling",
        "always valid by message",
        "id ignored",
        "signs something else",
        "public key",
        "sm3",
    ],
)
def test_a_library_with_one_wrong_answer_is_caught(library, wrong):
    with pytest.raises(GateFailed):
        check_backend(Broken(library, wrong))


def _only(monkeypatch, library):
    """Let loading find this one library and nothing else."""
    monkeypatch.setattr(load, "candidates", lambda paths: [("the only library", "its path")])
    monkeypatch.setattr(load, "LibCrypto", lambda label, path: library)


def test_a_libcrypto_without_sm2_fails_with_a_text_that_helps(monkeypatch, library):
    real = library.EVP_PKEY_CTX_new_from_name
    library.EVP_PKEY_CTX_new_from_name = lambda lib, name, query: (
        None if name == b"SM2" else real(lib, name, query)
    )
    _only(monkeypatch, library)
    with pytest.raises(NoCryptoBackend) as caught:
        load.load_openssl()
    text = str(caught.value)
    assert caught.value.code == "CITY-2001"
    assert "the only library" in text and library.version in text
    assert "SM2 is not built in" in text
    assert "apt install libssl3" in caught.value.do


def test_a_libcrypto_without_sm3_is_not_taken(monkeypatch, library):
    library.EVP_MD_fetch = lambda *arguments: None
    _only(monkeypatch, library)
    with pytest.raises(NoCryptoBackend, match="SM3 is not built in"):
        load.load_openssl()


def test_a_libcrypto_older_than_3_is_not_taken(monkeypatch, library):
    library.OpenSSL_version_num = lambda: 0x1010117F
    _only(monkeypatch, library)
    with pytest.raises(NoCryptoBackend, match=r"older than 3\.0"):
        load.load_openssl()


def test_a_library_that_calls_everything_valid_is_not_taken(monkeypatch, library):
    library.EVP_PKEY_verify = lambda *arguments: 1
    _only(monkeypatch, library)
    with pytest.raises(NoCryptoBackend, match="one bit changed is accepted"):
        load.load_openssl()


@pytest.mark.parametrize("answer", [0, -1, 2])
def test_only_the_return_value_1_means_valid(monkeypatch, library, answer):
    library.EVP_PKEY_verify = lambda *arguments: answer
    _only(monkeypatch, library)
    with pytest.raises(NoCryptoBackend, match="refused at digest level"):
        load.load_openssl()


def test_a_python_without_sm3_is_told_so(monkeypatch):
    import hashlib

    real = hashlib.new

    def without(name, *arguments, **options):
        if name == "sm3":
            raise ValueError("unsupported hash type sm3")
        return real(name, *arguments, **options)

    monkeypatch.setattr(hashlib, "new", without)
    for loading in (load.load_openssl, load.load_gmssl):
        with pytest.raises(NoCryptoBackend, match="hashlib has no SM3"):
            loading()


def test_a_cryptography_without_sm4_is_told_so(monkeypatch):
    from cryptography.exceptions import UnsupportedAlgorithm

    from node.identity import gate

    def without(*arguments):
        raise UnsupportedAlgorithm("SM4 in GCM mode is not supported")

    monkeypatch.setattr(gate, "seal", without)
    with pytest.raises(NoCryptoBackend, match=r"cryptography .* no SM4-GCM"):
        load.load_openssl()
    monkeypatch.setattr(gate, "seal", lambda *arguments: bytes(80))
    with pytest.raises(NoCryptoBackend, match="RFC 8998 example is wrong"):
        load.load_openssl()


def test_every_library_tried_is_listed_with_what_was_missing(monkeypatch):
    monkeypatch.setattr(
        load,
        "candidates",
        lambda paths: [(path, path) for path in (*paths, "libc.so.6")],
    )
    with pytest.raises(NoCryptoBackend) as caught:
        load.load_openssl(["/nowhere/libcrypto.so.3", __file__])
    first, second, third = caught.value.attempts
    assert first.library == "/nowhere/libcrypto.so.3" and "cannot be opened" in first.missing
    assert second.library == __file__ and "cannot be opened" in second.missing
    assert third.library == "libc.so.6" and "EVP_PKEY_verify" in third.missing
    for attempt in caught.value.attempts:
        assert str(attempt) in str(caught.value)


def test_libraries_are_tried_in_the_order_interpreter_configured_platform():
    labels = [label for label, _ in candidates(["/configured/one", "/configured/two"])]
    assert "interpreter's own" in labels[0]
    assert labels[1:3] == ["/configured/one", "/configured/two"]
    assert labels[3].startswith("libcrypto")


def test_a_library_named_by_path_serves_where_the_interpreter_hides_its_own(monkeypatch):
    path = ctypes.util.find_library("crypto")
    if path is None:
        pytest.skip("no shared libcrypto here besides the interpreter's own")
    monkeypatch.setattr(load, "candidates", lambda paths: [(p, p) for p in paths])
    try:
        backend = load.load_openssl(["/nowhere/libcrypto.so.3", path])
    except NoCryptoBackend as error:
        assert str(error.attempts[1].missing)  # found, checked and refused with a reason
        pytest.skip(f"{path} cannot serve: {error.attempts[1]}")
    assert backend.source == path


def test_auto_falls_back_to_gmssl_which_verifies_and_refuses_to_sign(monkeypatch):
    full = get_suite("sm")
    key = full.generate_key()
    signature = full.signer(key).sign(b"m")
    monkeypatch.setattr(load, "candidates", lambda paths: [("none", "/nowhere")])
    paths = ("a set of paths that no other test uses",)
    with pytest.raises(NoCryptoBackend):
        get_suite("sm", libcrypto=paths)
    fallback = get_suite("sm", "auto", libcrypto=paths)
    assert fallback.library.startswith("gmssl") and fallback.is_fallback
    assert not fallback.can_sign and full.can_sign and not full.is_fallback
    assert fallback.verify(key.public_key, b"m", signature)
    assert not fallback.verify(key.public_key, b"n", signature)
    for refused in (lambda: fallback.signer(key), fallback.generate_key):
        with pytest.raises(SigningRefused) as caught:
            refused()
        assert caught.value.code == "CITY-2008"


def test_gmssl_signs_only_where_allowed_and_with_nonces_of_our_own():
    import random

    suite = get_suite("sm", "gmssl", allow_gmssl_signing=True)
    key = suite.generate_key()
    signer = suite.signer(key)
    signatures = []
    for _ in range(3):
        random.seed(1)
        signatures.append(signer.sign(b"m"))
    assert len({s[:32] for s in signatures}) == 3
    assert all(get_suite("sm").verify(key.public_key, b"m", s) for s in signatures)


def test_gmssl_is_overruled_where_it_cannot_double():
    backend = GmsslBackend()
    g2 = bytes.fromhex(
        "56cefd60d7c87c000d58ef57fa73ba4d9c0dfa08c08a7331495c2e1da3f2bd52"
        "31b7e7e6cc8189f668535ce0f8eaf1bd6de84c182f6c8e716f780d3a970a23c3"
    )
    t = 7
    x, _ = multiply(SM2, 4 * t, SM2.generator)
    r, s = SM2.n - t, 2 * t
    e = ((r - x) % SM2.n).to_bytes(32)
    raw = backend._watched(g2).verify((r.to_bytes(32) + s.to_bytes(32)).hex(), e)
    assert not raw, "the package now doubles correctly: the special case can go"
    assert backend.verify_digest(backend.load_public_key(g2), e, r.to_bytes(32), s.to_bytes(32))
    point = (int.from_bytes(g2[:32]), int.from_bytes(g2[32:]))
    assert sm2_verify_digest(point, int.from_bytes(e), r, s)


def test_a_library_failure_is_never_an_answer_about_a_signature(library):
    backend = OpensslBackend(library)
    key = get_suite("sm").generate_key()
    handle = backend.load_public_key(key.public_key[1:])
    library.EVP_PKEY_CTX_new_from_pkey = lambda *arguments: None
    with pytest.raises(BackendFailure):
        backend.verify_digest(handle, bytes(32), b"\1" * 32, b"\1" * 32)
