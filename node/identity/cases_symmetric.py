"""Vectors of SM3, HMAC-SM3 and SM4 on what the product hashes and encrypts with.

The product offers SM3, HMAC-SM3 and SM4-GCM with 96-bit nonces. Other modes are computed with the
same library to show that its SM4 is right, marked "offered": false. CCM is refused by design.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers import modes as old_modes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from node.identity import aead
from node.identity.errors import BadCaseFile, BadSeal
from node.identity.keys import SM_ID
from node.identity.verdicts import REFUSED, VALID, from_hex, line, verdict

Case = dict[str, Any]
_ITERATIONS_MAX = 10_000_000
_GMSSL_BYTES_MAX = 4096  # the pure-Python package hashes and encrypts a few kilobytes a second
_GCM_IV_LENS = range(8, 129)  # bytes that `cryptography` takes
_NO_CCM = "SM4-CCM is not offered: the product seals with SM4-GCM only"


def run_sm3(test: Case, name: str) -> dict[str, Any]:
    message, digest = from_hex(test, "msg"), from_hex(test, "digest")
    backends = {"hashlib": verdict(hashlib.new("sm3", message).digest() == digest)}
    if len(message) <= _GMSSL_BYTES_MAX:
        backends["gmssl"] = verdict(_gmssl_sm3(message) == digest)
    return line(name, test.get("result", VALID), backends)


def run_sm4(test: Case, name: str) -> dict[str, Any]:
    mode = str(test["mode"]).upper().removeprefix("SM4-")
    result = test.get("result", VALID)
    if mode == "CCM":
        return _refused(name, result, _NO_CCM, mode)
    if mode == "GCM":
        return _run_gcm(name, result, test, from_hex(test, "pt"), mode=mode)
    key, plain, expected = (from_hex(test, field) for field in ("key", "pt", "ct"))
    iterations = test.get("iterations", 1)
    if type(iterations) is not int or not 0 < iterations <= _ITERATIONS_MAX:
        raise BadCaseFile(f"case {name}: iterations must be 1 to {_ITERATIONS_MAX}")
    iv = b"" if mode == "ECB" else from_hex(test, "iv")
    backends = {"cryptography": verdict(_library_fits(mode, key, iv, plain, expected, iterations))}
    if mode in ("ECB", "CBC") and iterations * len(plain) <= _GMSSL_BYTES_MAX:
        backends["gmssl"] = verdict(_gmssl_fits(mode, key, iv, plain, expected, iterations))
    return line(name, result, backends, mode=mode) | {"offered": False}


def run_wycheproof(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    algorithm = str(document.get("algorithm", "")).upper().replace("-", "")
    groups = document["testGroups"]
    if algorithm not in ("SM4GCM", "SM4CCM", "HMACSM3") or not isinstance(groups, list):
        raise BadCaseFile(f"a Wycheproof file for {document.get('algorithm')!r}")
    for group in groups:
        for test in group.get("tests", ()) if isinstance(group, dict) else ():
            if not isinstance(test, dict) or not {"tcId", "result"} <= set(test):
                raise BadCaseFile("a Wycheproof case has no tcId or result")
            name, result = str(test["tcId"]), str(test["result"])
            if algorithm == "SM4CCM":
                yield _refused(name, result, _NO_CCM, "CCM")
            elif algorithm == "SM4GCM":
                yield _run_gcm(name, result, test, from_hex(test, "msg"), test.get("comment", ""))
            else:
                yield _run_hmac(name, result, test, group)


def _refused(name: str, result: str, reason: str, mode: str = "") -> dict[str, Any]:
    backends = {"cryptography": REFUSED}
    more = line(name, REFUSED, backends, reason=reason, result=result, mode=mode)
    return more | {"offered": False}


def _run_gcm(
    name: str, result: str, test: Case, plain: bytes, comment: str = "", mode: str = "GCM"
) -> dict[str, Any]:
    """Sealing must give the case's bytes and opening must give the text back, or both not."""
    key, iv = from_hex(test, "key"), from_hex(test, "iv")
    aad = from_hex(test, "aad") if "aad" in test else b""
    sealed, tag = from_hex(test, "ct"), from_hex(test, "tag")
    if len(key) != aead.KEY_LEN or len(tag) != aead.TAG_LEN:
        return _refused(name, result, "only 128-bit keys and 128-bit tags are offered", mode)
    offered = len(iv) == aead.NONCE_LEN
    if len(iv) not in _GCM_IV_LENS:
        if result == VALID:
            reason = f"an IV of {len(iv) * 8} bits: only 96-bit nonces are offered"
            return _refused(name, result, reason, mode)
        # An empty IV is invalid in every GCM, so refusing it is the right answer itself.
        backends = {"cryptography": verdict(False)}
    else:
        backends = {"cryptography": verdict(_gcm_fits(key, iv, aad, plain, sealed, tag))}
    if offered:
        backends["suite"] = verdict(_suite_fits(key, iv, aad, plain, sealed + tag))
    return line(name, result, backends, comment=comment, mode=mode) | {"offered": offered}


def _gcm_fits(key: bytes, iv: bytes, aad: bytes, plain: bytes, sealed: bytes, tag: bytes) -> bool:
    encryptor = Cipher(algorithms.SM4(key), modes.GCM(iv)).encryptor()
    encryptor.authenticate_additional_data(aad)
    made = encryptor.update(plain) + encryptor.finalize()
    decryptor = Cipher(algorithms.SM4(key), modes.GCM(iv, tag)).decryptor()
    decryptor.authenticate_additional_data(aad)
    try:
        opened = decryptor.update(sealed) + decryptor.finalize()
    except InvalidTag:
        return False
    return (made, encryptor.tag, opened) == (sealed, tag, plain)


def _suite_fits(key: bytes, nonce: bytes, aad: bytes, plain: bytes, sealed: bytes) -> bool:
    try:
        opened = aead.open_sealed(SM_ID, key, nonce, sealed, aad)
    except BadSeal:
        return False
    return opened == plain and aead.seal(SM_ID, key, nonce, plain, aad) == sealed


def _run_hmac(name: str, result: str, test: Case, group: dict[str, Any]) -> dict[str, Any]:
    key, message, tag = (from_hex(test, field) for field in ("key", "msg", "tag"))
    size = group.get("tagSize", 256)  # bits
    if not isinstance(size, int) or not 0 < size <= 256 or size % 8:
        raise BadCaseFile(f"case {name}: a tag of {size!r} bits")
    length = size // 8
    own = hmac.digest(key, message, "sm3")[:length]
    backends = {"hashlib": verdict(hmac.compare_digest(own, tag))}
    if len(message) <= _GMSSL_BYTES_MAX:
        backends["gmssl"] = verdict(_gmssl_hmac(key, message)[:length] == tag)
    return line(name, result, backends, comment=test.get("comment", ""))


def _library_fits(
    mode: str, key: bytes, iv: bytes, plain: bytes, expected: bytes, iterations: int
) -> bool:
    """Encrypting gives the ciphertext; a single encryption is also decrypted back."""
    chosen = _mode(mode, iv)
    try:
        cipher = Cipher(algorithms.SM4(key), chosen)
    except ValueError:  # a key or IV of a wrong length has no ciphertext
        return False
    data = plain
    if mode == "ECB":  # blocks are independent, so one context serves all rounds
        encryptor = cipher.encryptor()
        for _ in range(iterations):
            data = encryptor.update(data)
    else:
        for _ in range(iterations):
            encryptor = cipher.encryptor()
            data = encryptor.update(data) + encryptor.finalize()
    if data != expected or iterations > 1:
        return data == expected
    decryptor = cipher.decryptor()
    return decryptor.update(expected) + decryptor.finalize() == plain


def _mode(mode: str, iv: bytes) -> Any:
    if mode == "ECB":
        return modes.ECB()
    makers: dict[str, Any] = {
        "CBC": modes.CBC,
        "CTR": modes.CTR,
        "OFB": old_modes.OFB,
        "CFB": old_modes.CFB,
    }
    if mode not in makers:
        raise BadCaseFile(f"SM4 mode {mode!r} is not known")
    return makers[mode](iv)


def _gmssl_sm3(message: bytes) -> bytes:
    from gmssl import sm3

    return bytes.fromhex(sm3.sm3_hash(list(message)))


def _gmssl_hmac(key: bytes, message: bytes) -> bytes:
    """RFC 2104 over the package's SM3; it has no HMAC of its own."""
    block = (_gmssl_sm3(key) if len(key) > 64 else key).ljust(64, b"\0")
    inner = _gmssl_sm3(bytes(byte ^ 0x36 for byte in block) + message)
    return _gmssl_sm3(bytes(byte ^ 0x5C for byte in block) + inner)


def _gmssl_fits(
    mode: str, key: bytes, iv: bytes, plain: bytes, expected: bytes, iterations: int
) -> bool:
    """ECB and CBC over the package's block function, without its padding."""
    from gmssl import sm4

    if len(key) != 16 or len(plain) % 16 or (mode == "CBC" and len(iv) != 16):
        return False
    cipher = sm4.CryptSM4()
    cipher.set_key(key, sm4.SM4_ENCRYPT)
    data = plain
    for _ in range(iterations):
        chain, out = iv, b""
        for start in range(0, len(data), 16):
            block = data[start : start + 16]
            if mode == "CBC":
                block = bytes(a ^ b for a, b in zip(block, chain, strict=True))
            chain = bytes(cipher.one_round(cipher.sk, list(block)))
            out += chain
        data = out
    return data == expected
