"""Authenticated encryption of both suites: 128-bit keys, 96-bit nonces, 128-bit tags, only these.

A pair of key and nonce is used once; the caller counts, or draws at most 2^32 nonces a key.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from node.identity.errors import BadSeal
from node.identity.keys import INTL_ID, SM_ID

KEY_LEN, NONCE_LEN, TAG_LEN = 16, 12, 16
_CIPHERS = {SM_ID: algorithms.SM4, INTL_ID: algorithms.AES128}


def _check(key: bytes, nonce: bytes) -> None:
    if len(key) != KEY_LEN:
        raise ValueError(f"a sealing key is {KEY_LEN} bytes, not {len(key)}")
    if len(nonce) != NONCE_LEN:
        raise ValueError(f"a nonce is {NONCE_LEN} bytes, not {len(nonce)}")


def seal(suite_id: int, key: bytes, nonce: bytes, data: bytes, aad: bytes) -> bytes:
    """Ciphertext followed by the 16-byte tag. Raises ValueError on a wrong key or nonce length."""
    _check(key, nonce)
    encryptor = Cipher(_CIPHERS[suite_id](key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(aad)
    return encryptor.update(data) + encryptor.finalize() + encryptor.tag


def open_sealed(suite_id: int, key: bytes, nonce: bytes, data: bytes, aad: bytes) -> bytes:
    """The plaintext. Raises BadSeal if anything was changed, ValueError on misuse."""
    _check(key, nonce)
    if len(data) < TAG_LEN:
        raise BadSeal("a sealed text is at least 16 bytes")
    mode = modes.GCM(nonce, data[-TAG_LEN:])
    decryptor = Cipher(_CIPHERS[suite_id](key), mode).decryptor()
    decryptor.authenticate_additional_data(aad)
    try:
        return decryptor.update(data[:-TAG_LEN]) + decryptor.finalize()
    except InvalidTag as error:
        raise BadSeal("the sealed text was changed, or the key or nonce is another") from error
