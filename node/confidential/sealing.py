"""Sealed records outside the ledger: what is encrypted, to whom, and how a copy is opened and shown on.

Content         a record's salted fields and, of a document, its bytes
seal, reseal    encrypt a record to keys; pass its data key on to another one
open_copy       a recipient's copy as plain content, checked against the root on the ledger
SealingKeys     the folder of private keys for encryption
Disclosure      fields opened to an outsider, with a proof of the record: `verify_disclosure` needs no network

A fresh SM4 key encrypts each record with GCM, bound to channel, number, owner, schema and root; SM2 encrypts
that key to each recipient. The root binds the content: no two recipients are given different ones unnoticed.
"""

from __future__ import annotations

import json
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consensus.encoding import EncodingError, Hash, decode, encode
from node.confidential.credentials import (
    Field,
    Held,
    PresentationRefused,
    Snapshot,
    check_fields,
    commitment,
    read_fields,
    read_held,
    read_json,
    salt_fields,
    snapshot_of,
)
from node.identity.errors import BadKey, BadSeal
from node.identity.keyfile import read_key, write_key
from node.identity.keys import PrivateKey
from node.identity.sm2_encryption import decrypt, encrypt
from node.identity.suite import get_suite

CONTRACT, FORMAT = "sealed_record", "citychain-disclosure/1"
INLINE_MAX = 32_768  # bytes of a ciphertext on the ledger
DATA_KEY, NONCE = 16, 12
FILE_NAME, FILE_DIGEST, FILE_SIZE = "document.name", "document.sm3", "document.size"
_SUITE = get_suite("sm")  # papers are sealed with SM2 and SM4 on every channel


class SealedRefused(ValueError):
    """A record, copy or disclosure that is not what it should be; the text says which step failed."""


@dataclass(frozen=True, slots=True)
class _Payload:
    domain: str
    held: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class _Bound:
    domain: str
    channel: Hash
    id: str
    owner: str
    schema: str
    root: Hash


@dataclass(frozen=True, slots=True)
class Content:
    """held: the fields with their salts. body: of a document, else empty; its digest is one of the fields."""

    held: Held
    body: bytes = b""

    def __post_init__(self) -> None:
        digests = [f.value for f in self.held.fields if f.name == FILE_DIGEST]
        if digests != ([_SUITE.hash(self.body).hex()] if self.body else []):
            raise SealedRefused("the document is not the one that the fields name")

    @property
    def root(self) -> bytes:
        return self.held.root

    def to_bytes(self) -> bytes:
        return encode(_Payload("sealed-content/v1", self.held.to_bytes(), self.body))


def content_of(id: str, fields: Mapping[str, str], name: str = "", body: bytes = b"") -> Content:
    """A new record's content, each field under a fresh salt. name, body: of a document."""
    given = dict(fields)
    if body:
        given |= {FILE_NAME: name, FILE_DIGEST: _SUITE.hash(body).hex(), FILE_SIZE: str(len(body))}
    if not given:
        raise SealedRefused("a record has fields or a document")
    return Content(salt_fields(id, given), body)


def read_content(data: bytes) -> Content:
    try:
        payload = decode(_Payload, data)
        held = read_held(payload.held)
    except (EncodingError, PresentationRefused) as error:
        raise SealedRefused("what was sealed is no record") from error
    return Content(held, payload.body)


@dataclass(frozen=True, slots=True)
class SealedCopy:
    """What `sealed_record.seal` takes. wrapped: the data key under each key, in the order given."""

    root: bytes
    fields: int
    ciphertext: bytes
    wrapped: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        return _SUITE.hash(self.ciphertext).hex()


def seal(
    content: Content, channel: bytes, owner: str, schema: str, keys: Sequence[bytes]
) -> SealedCopy:
    """Encrypt a record to public keys for encryption. Raises SealedRefused for one that is no point."""
    data_key, nonce = secrets.token_bytes(DATA_KEY), secrets.token_bytes(NONCE)
    bound = _bound(channel, content.held.id, owner, schema, content.root)
    sealed = nonce + _SUITE.seal(data_key, nonce, content.to_bytes(), bound)
    wrapped = tuple(_wrap(key, data_key) for key in keys)
    return SealedCopy(content.root, len(content.held.fields), sealed, wrapped)


def reseal(private: PrivateKey, wrapped: bytes, to: bytes) -> bytes:
    """The data key of a record under another public key. Raises SealedRefused."""
    return _wrap(to, _unwrap(private, wrapped))


def open_copy(
    private: PrivateKey, wrapped: bytes, ciphertext: bytes, record: Mapping[str, Any]
) -> Content:
    """Plain content of a copy. record: `channel`, `id`, `owner`, `schema`, `root`, `digest` as the ledger has
    them. Raises SealedRefused: another ciphertext or key, or content of another root."""
    if _SUITE.hash(ciphertext).hex() != record["digest"]:
        raise SealedRefused("the ciphertext is not the one on the ledger")
    bound = _bound(
        bytes.fromhex(record["channel"]), record["id"], record["owner"], record["schema"],
        record["root"],
    )  # fmt: skip
    try:
        data_key = _unwrap(private, wrapped)
        plain = _SUITE.open(data_key, ciphertext[:NONCE], ciphertext[NONCE:], bound)
    except (BadSeal, ValueError) as error:
        raise SealedRefused("it was sealed to another key, or for another record") from error
    content = read_content(plain)
    if content.root != record["root"] or content.held.id != record["id"]:
        raise SealedRefused("what was sealed is not what the ledger's root commits to")
    return content


def _bound(channel: bytes, id: str, owner: str, schema: str, root: bytes) -> bytes:
    return encode(_Bound("sealed-record/v1", Hash(channel), id, owner, schema, Hash(root)))


def _wrap(key: bytes, data_key: bytes) -> bytes:
    try:
        return encrypt(key, data_key)
    except BadKey as error:
        raise SealedRefused("a recipient's key is no SM2 key") from error


def _unwrap(private: PrivateKey, wrapped: bytes) -> bytes:
    try:
        data_key = decrypt(private, wrapped)
    except (BadSeal, BadKey) as error:
        raise SealedRefused("the data key is sealed to another key") from error
    if len(data_key) != DATA_KEY:
        raise SealedRefused("the data key has another length")
    return data_key


# ---- private keys --------------------------------------------------------------------------------


class SealingKeys:
    """A folder of private keys for encryption, each file named after its public key; mode 0600, encrypted
    with the password where there is one."""

    def __init__(self, folder: Path, password: bytes | None = None) -> None:
        self.folder, self._password = folder, password

    def create(self) -> PrivateKey:
        """A new key, on disk before anybody seals to it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = _SUITE.generate_key()
        write_key(self._path(key.public_key), key, self._password, dev=True)
        return key

    def find(self, public_key: bytes) -> PrivateKey | None:
        path = self._path(public_key)
        return read_key(path, self._password, dev=True) if path.exists() else None

    def destroy(self, public_key: bytes) -> bool:
        """Overwrite and remove a key. False where it is not here. Copies elsewhere and what a disk keeps of
        overwritten blocks are beyond a file's reach: keep the folder on an encrypted disk."""
        path = self._path(public_key)
        if not path.exists():
            return False
        with path.open("r+b", buffering=0) as file:
            file.write(secrets.token_bytes(path.stat().st_size))
            os.fsync(file.fileno())
        path.unlink()
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return True

    def _path(self, public_key: bytes) -> Path:
        return self.folder / f"{_SUITE.hash(public_key).hex()[:32]}.pem"


# ---- opened to outsiders -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Fields of a record opened to somebody, the commitments of the others, and a proof of the record."""

    id: str
    opened: tuple[Field, ...]
    hidden: tuple[bytes, ...]
    record: bytes

    def to_bytes(self) -> bytes:
        document = {
            "format": FORMAT,
            "id": self.id,
            "opened": [
                {"name": f.name, "value": f.value, "salt": f.salt.hex()} for f in self.opened
            ],
            "hidden": [leaf.hex() for leaf in self.hidden],
            "record": b64encode(self.record).decode("ascii"),
        }
        return json.dumps(document, ensure_ascii=False, sort_keys=True).encode("utf-8")


def disclose(content: Content, names: Sequence[str], record: bytes) -> Disclosure:
    """Opens these fields and hides the others. record: proof file of the ledger's record."""
    fields = content.held.fields
    known = {field.name for field in fields}
    if not names or not set(names) <= known:
        raise SealedRefused("fields to open: some of " + ", ".join(sorted(known)))
    return Disclosure(
        content.held.id,
        tuple(field for field in fields if field.name in names),
        tuple(commitment(field) for field in fields if field.name not in names),
        record,
    )


def read_disclosure(data: bytes) -> Disclosure:
    """Raises SealedRefused for anything but a disclosure."""
    try:
        document = read_json(data)
        if document["format"] != FORMAT:
            raise SealedRefused("the file is of another format")
        return Disclosure(
            str(document["id"]),
            read_fields(document["opened"]),
            tuple(bytes.fromhex(leaf) for leaf in document["hidden"]),
            b64decode(document["record"], validate=True),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise SealedRefused(f"the file is no disclosure: {error}") from error


def _record(data: bytes, table: str, key: str, channel: bytes | None) -> Snapshot:
    return snapshot_of(CONTRACT, data, table, key, channel)


def verify_disclosure(
    data: bytes, channel: bytes | None = None,
    snapshot: Callable[[bytes, str, str, bytes | None], Snapshot] = _record,
) -> dict[str, Any]:  # fmt: skip
    """What a disclosure shows, JSON-ready. channel: the one you trust; None takes the proof's own.

    Raises SealedRefused: the proof does not hold, or the fields are not the record's."""
    found = read_disclosure(data)
    try:
        record = snapshot(found.record, CONTRACT, found.id, channel)
        check_fields(found.opened, found.hidden, record.fields["root"], record.fields["fields"])
    except PresentationRefused as error:
        raise SealedRefused(str(error)) from error
    return {
        "valid": True,
        "id": found.id,
        "owner": record.fields["parties"]["owner"],
        "schema": record.fields["schema"],
        "root": record.fields["root"].hex(),
        "sealed_on": record.fields["sealed_on"],
        "state": record.fields["state"],
        "seen_ms": record.time_ms,
        "channel_id": record.channel.hex(),
        "fields": {field.name: field.value for field in found.opened},
        "hidden": len(found.hidden),
    }
