"""Private keys in files: PKCS#8 PEM, encrypted with PBES2, as the `openssl` tool writes them.

Written: scrypt (N = 2^14, r = 8, p = 5) with SM4-CBC in the `sm` suite, AES-256-CBC in `intl`.
N = 2^15 needs a little more than the 32 MiB that the `openssl` tool allows when it reads a key, so
it could not open our files; more rounds (p = 5) make up for the smaller memory.
Read: any of these in bounds, and PBKDF2. Files are 0600, and are checked to be so. Built with
asn1crypto because `cryptography` knows neither SM2 keys nor SM4 in PBES2.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Any, ClassVar

from asn1crypto import core, pem
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from node.identity.errors import BAD_ASN1, BadKey, KeyFileError, UnsafeKeyFile, WrongPassword
from node.identity.keys import CURVES, INTL_ID, SM_ID, PrivateKey
from node.identity.suite import get_suite

FILE_LEN_MAX = 16 * 1024
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 5
_SCRYPT_MEMORY_MAX = 256 * 1024 * 1024  # bytes; a hostile file must not ask for all of it
_PBKDF2_ITERATIONS_MAX = 10_000_000
_SALT_LEN = 16

_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
_PBES2 = "1.2.840.113549.1.5.13"
_PBKDF2 = "1.2.840.113549.1.5.12"
_SCRYPT = "1.3.6.1.4.1.11591.4.11"
_HMACS = {
    "1.2.840.113549.2.7": "sha1",  # the standard's default; read only
    "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512",
    "1.2.156.10197.1.401.2": "sm3",
}
_SM4_CBC, _AES256_CBC = "1.2.156.10197.1.104.2", "2.16.840.1.101.3.4.1.42"
_CIPHERS: dict[str, tuple[Any, int]] = {
    _SM4_CBC: (algorithms.SM4, 16),
    "2.16.840.1.101.3.4.1.2": (algorithms.AES128, 16),
    _AES256_CBC: (algorithms.AES256, 32),
}
_WRITTEN_CIPHER = {SM_ID: _SM4_CBC, INTL_ID: _AES256_CBC}


class _Algorithm(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("algorithm", core.ObjectIdentifier),
        ("parameters", core.Any, {"optional": True}),
    ]


class _PrivateKeyInfo(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("version", core.Integer),
        ("algorithm", _Algorithm),
        ("private_key", core.OctetString),
        ("attributes", core.Any, {"implicit": 0, "optional": True}),
    ]


class _EcPrivateKey(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("version", core.Integer),
        ("private_key", core.OctetString),
        ("parameters", core.ObjectIdentifier, {"explicit": 0, "optional": True}),
        ("public_key", core.OctetBitString, {"explicit": 1, "optional": True}),
    ]


class _EncryptedInfo(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [("algorithm", _Algorithm), ("data", core.OctetString)]


class _Pbes2(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [("kdf", _Algorithm), ("cipher", _Algorithm)]


class _Scrypt(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("salt", core.OctetString),
        ("n", core.Integer),
        ("r", core.Integer),
        ("p", core.Integer),
        ("length", core.Integer, {"optional": True}),
    ]


class _Pbkdf2(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("salt", core.OctetString),
        ("iterations", core.Integer),
        ("length", core.Integer, {"optional": True}),
        ("prf", _Algorithm, {"optional": True}),
    ]


def encode_key(key: PrivateKey, password: bytes | None, *, dev: bool = False) -> bytes:
    """PKCS#8 PEM of the key. Without a password only for development (UnsafeKeyFile)."""
    plain = _encode_info(key)
    if password is None:
        if not dev:
            raise UnsafeKeyFile("a private key is written encrypted; give a password")
        return bytes(pem.armor("PRIVATE KEY", plain))
    if not password:
        raise UnsafeKeyFile("the password of a private key is empty")
    cipher_oid = _WRITTEN_CIPHER[key.suite_id]
    algorithm, key_len = _CIPHERS[cipher_oid]
    salt, iv = secrets.token_bytes(_SALT_LEN), secrets.token_bytes(16)
    derived = _scrypt(password, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P, key_len)
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithm(derived), modes.CBC(iv)).encryptor()
    data = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    kdf = _Scrypt({"salt": salt, "n": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P})
    pbes2 = _Pbes2(
        {
            "kdf": {"algorithm": _SCRYPT, "parameters": kdf},
            "cipher": {"algorithm": cipher_oid, "parameters": core.OctetString(iv)},
        }
    )
    info = _EncryptedInfo({"algorithm": {"algorithm": _PBES2, "parameters": pbes2}, "data": data})
    return bytes(pem.armor("ENCRYPTED PRIVATE KEY", info.dump()))


def decode_key(data: bytes, password: bytes | None = None, *, dev: bool = False) -> PrivateKey:
    """The key of a PKCS#8 PEM text; its curve says the suite.

    Raises WrongPassword, UnsafeKeyFile (not encrypted outside development), KeyFileError.
    """
    if len(data) > FILE_LEN_MAX:
        raise KeyFileError(f"a key file has at most {FILE_LEN_MAX} bytes")
    try:
        kind, _, encoded = pem.unarmor(data)
    except BAD_ASN1 as error:
        raise KeyFileError("this is no PEM file") from error
    if kind == "PRIVATE KEY":
        if not dev:
            raise UnsafeKeyFile("the private key is not encrypted; only --dev takes that")
        return _decode_info(encoded)
    if kind != "ENCRYPTED PRIVATE KEY":
        raise KeyFileError(f"a PEM of kind {kind!r}, not a PKCS#8 private key")
    if password is None:
        raise WrongPassword("the key file is encrypted and no password was given")
    try:
        plain = _decrypt(encoded, password)
    except BAD_ASN1 as error:
        raise KeyFileError("the encrypted key is damaged") from error
    try:
        return _decode_info(plain)
    except KeyFileError as error:
        # One wrong password in 256 gives padding that looks right, so this says the same.
        raise WrongPassword("wrong password, or the key file is damaged") from error


def write_key(
    path: str | Path, key: PrivateKey, password: bytes | None, *, dev: bool = False
) -> None:
    """Write a new key file, mode 0600, synced to disk. An existing file is never replaced."""
    text = encode_key(key, password, dev=dev)
    path = Path(path)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyFileError(f"{path} exists already; a key file is never overwritten") from error
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)  # whatever the umask made of it
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def read_key(path: str | Path, password: bytes | None = None, *, dev: bool = False) -> PrivateKey:
    """The key of a file that is ours alone. Raises KeyFileError and its kinds, see decode_key."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            _check_mode(path, status)
            data = file.read(FILE_LEN_MAX + 1)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return decode_key(data, password, dev=dev)
    except KeyFileError as error:
        raise type(error)(f"{path}: {error.detail}") from error


def _check_mode(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeKeyFile(f"{path} is not a regular file")
    if os.name != "posix":
        return
    if stat.S_IMODE(status.st_mode) & 0o177:
        mode = stat.S_IMODE(status.st_mode)
        raise UnsafeKeyFile(f"{path} has mode {mode:04o}; run: chmod 600 {path}")
    if status.st_uid != os.geteuid():
        raise UnsafeKeyFile(f"{path} belongs to another user")


def _encode_info(key: PrivateKey) -> bytes:
    inner = _EcPrivateKey({"version": 1, "private_key": key.scalar, "public_key": key.public_key})
    curve = core.ObjectIdentifier(CURVES[key.suite_id].oid)
    info = _PrivateKeyInfo(
        {
            "version": 0,
            "algorithm": {"algorithm": _EC_PUBLIC_KEY, "parameters": curve},
            "private_key": inner.dump(),
        }
    )
    return bytes(info.dump())


def _decode_info(encoded: bytes) -> PrivateKey:
    suite_by_curve = {curve.oid: suite_id for suite_id, curve in CURVES.items()}
    try:
        info = _PrivateKeyInfo.load(encoded, strict=True)
        if info["algorithm"]["algorithm"].dotted != _EC_PUBLIC_KEY:
            raise KeyFileError("not an elliptic-curve key")
        curve_oid = info["algorithm"]["parameters"].parse(core.ObjectIdentifier).dotted
        inner = _EcPrivateKey.load(info["private_key"].native, strict=True)
        if (info["version"].native, inner["version"].native) not in ((0, 1), (1, 1)):
            raise KeyFileError("a key of an unknown version")
        inner_curve = inner["parameters"].native
        scalar: bytes = inner["private_key"].native
        public_key: bytes | None = inner["public_key"].native
    except BAD_ASN1 as error:
        raise KeyFileError("the private key is damaged") from error
    suite_id = suite_by_curve.get(curve_oid)
    if suite_id is None or inner_curve not in (None, curve_oid):
        raise KeyFileError(f"a key on curve {curve_oid}; known are SM2 and P-256")
    try:
        key = get_suite(suite_id).private_key(scalar.rjust(32, b"\0"))
    except BadKey as error:
        raise KeyFileError("the private scalar is out of range") from error
    if public_key is not None and public_key != key.public_key:
        raise KeyFileError("the public key in the file does not belong to the private key")
    return key


def _decrypt(encoded: bytes, password: bytes) -> bytes:
    outer = _EncryptedInfo.load(encoded, strict=True)
    if outer["algorithm"]["algorithm"].dotted != _PBES2:
        raise KeyFileError("only PBES2 encryption is read")
    scheme = outer["algorithm"]["parameters"].parse(_Pbes2)
    cipher_oid = scheme["cipher"]["algorithm"].dotted
    if cipher_oid not in _CIPHERS:
        raise KeyFileError(f"cipher {cipher_oid}; read are SM4-CBC, AES-128-CBC and AES-256-CBC")
    algorithm, key_len = _CIPHERS[cipher_oid]
    iv = scheme["cipher"]["parameters"].parse(core.OctetString).native
    data = outer["data"].native
    if len(iv) != 16 or not data or len(data) % 16:
        raise KeyFileError("the encrypted key is damaged")
    derived = _derive(scheme["kdf"], password, key_len)
    decryptor = Cipher(algorithm(derived), modes.CBC(iv)).decryptor()
    unpadder = PKCS7(128).unpadder()
    padded = decryptor.update(data) + decryptor.finalize()
    try:
        return bytes(unpadder.update(padded) + unpadder.finalize())
    except ValueError as error:
        raise WrongPassword("wrong password, or the key file is damaged") from error


def _derive(kdf: _Algorithm, password: bytes, key_len: int) -> bytes:
    oid = kdf["algorithm"].dotted
    if oid == _SCRYPT:
        params = kdf["parameters"].parse(_Scrypt)
        n, r, p = (params[name].native for name in ("n", "r", "p"))
        if not (1 < n <= 2**20 and n & (n - 1) == 0 and 0 < r <= 32 and 0 < p <= 16):
            raise KeyFileError("scrypt parameters out of range")
        if 128 * n * r > _SCRYPT_MEMORY_MAX:
            raise KeyFileError("scrypt asks for more than 256 MiB")
        _check_length(params["length"].native, key_len)
        return _scrypt(password, params["salt"].native, n, r, p, key_len)
    if oid == _PBKDF2:
        params = kdf["parameters"].parse(_Pbkdf2)
        iterations = params["iterations"].native
        if not 0 < iterations <= _PBKDF2_ITERATIONS_MAX:
            raise KeyFileError("PBKDF2 iterations out of range")
        prf_oid = "1.2.840.113549.2.7"
        if params["prf"].native is not None:
            prf_oid = params["prf"]["algorithm"].dotted
        if prf_oid not in _HMACS:
            raise KeyFileError(f"PBKDF2 with {prf_oid} is not known")
        _check_length(params["length"].native, key_len)
        salt = params["salt"].native
        return hashlib.pbkdf2_hmac(_HMACS[prf_oid], password, salt, iterations, key_len)
    raise KeyFileError(f"key derivation {oid}; read are scrypt and PBKDF2")


def _check_length(length: int | None, key_len: int) -> None:
    if length not in (None, key_len):
        raise KeyFileError("the key derivation's length does not fit the cipher")


def _scrypt(password: bytes, salt: bytes, n: int, r: int, p: int, key_len: int) -> bytes:
    memory = 128 * r * (n + p + 2) + 1024 * 1024
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=key_len)
