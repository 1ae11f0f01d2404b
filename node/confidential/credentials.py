"""Trusted e-credentials outside the ledger: their fields, their signature, and a check that needs no network.

Field, root_of, content_of    what the contract `trusted_credential` computes, for who issues and presents
Held                          the holder's own file: every field with its salt
Presentation                  fields opened to one reader, with proofs of credential and key from the ledger
verify_presentation           the facts a presentation shows, or what is wrong with it

The revocation snapshot is the proof itself: it shows the credential's state after one sealed block, whose time
the reader compares with the age it accepts.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consensus.encoding import Hash, encode
from consensus.proof import ProofError, read_proof_file
from contracts.runtime import values
from contracts.runtime.keys import state_key
from node.identity.suite import get_suite
from node.proofs.reading import verify_proof

CONTRACT, FORMAT = "trusted_credential", "citychain-presentation/1"
HELD_FORMAT = "citychain-credential/1"
SIZE_MAX = 4 * 1024 * 1024
SALT_MIN, SALT_MAX = 16, 32
_SUITE = get_suite("sm")  # contracts sign with SM2 over SM3 on every channel


class PresentationRefused(ValueError):
    """A presentation that does not show what it claims; the text says which step failed."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a credential. salt: 16 to 32 random bytes, one a field."""

    name: str
    value: str
    salt: bytes


@dataclass(frozen=True, slots=True)
class _Committed:
    domain: str
    name: str
    value: str
    salt: bytes


@dataclass(frozen=True, slots=True)
class _Content:
    domain: str
    channel: Hash
    id: str
    kind: str
    issuer: str
    holder: str
    root: Hash
    until: str


def commitment(field: Field) -> bytes:
    """32 bytes that hide the field and bind to it."""
    return _SUITE.hash(
        encode(_Committed("credential-field/v1", field.name, field.value, field.salt))
    )


def root_of(commitments: Sequence[bytes]) -> bytes:
    """Merkle root over the commitments in ascending order; an odd last node moves up (RFC 9162)."""
    level = [_SUITE.hash(b"\x00" + leaf) for leaf in sorted(commitments)]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        level = [
            _SUITE.hash(b"\x01" + a + b) for a, b in zip(level[::2], level[1::2], strict=False)
        ]
        level += odd
    return level[0]


def content_of(
    channel: bytes, *, id: str, kind: str, issuer: str, holder: str, root: bytes, until: str
) -> bytes:
    """The digest that the issuer's accredited key signs."""
    content = _Content(
        "trusted-credential/v1", Hash(channel), id, kind, issuer, holder, Hash(root), until
    )
    return bytes(_SUITE.hash(encode(content)))


@dataclass(frozen=True, slots=True)
class Held:
    """What issuer and holder keep outside the ledger: who has it can open every field."""

    id: str
    fields: tuple[Field, ...]

    @property
    def root(self) -> bytes:
        return root_of([commitment(field) for field in self.fields])

    def open(self, names: Sequence[str], credential: bytes, key: bytes) -> Presentation:
        """Shows these fields and hides the others. Raises PresentationRefused for a name it has not."""
        known = {field.name for field in self.fields}
        if not names or not set(names) <= known:
            raise PresentationRefused("fields to open: some of " + ", ".join(sorted(known)))
        opened = tuple(field for field in self.fields if field.name in names)
        hidden = tuple(commitment(field) for field in self.fields if field.name not in names)
        return Presentation(self.id, opened, hidden, credential, key)

    def to_bytes(self) -> bytes:
        fields = [{"name": f.name, "value": f.value, "salt": f.salt.hex()} for f in self.fields]
        document = {"format": HELD_FORMAT, "id": self.id, "fields": fields}
        return json.dumps(document, ensure_ascii=False, sort_keys=True).encode("utf-8")


def salt_fields(id: str, values: Mapping[str, str]) -> Held:
    """A new credential's fields, each under a fresh random salt."""
    return Held(id, tuple(Field(n, v, secrets.token_bytes(SALT_MIN)) for n, v in values.items()))


def read_held(data: bytes) -> Held:
    """Raises PresentationRefused for anything but a holder's file."""
    document = read_json(data)
    try:
        if document["format"] != HELD_FORMAT:
            raise PresentationRefused("the file is of another format")
        return Held(str(document["id"]), read_fields(document["fields"]))
    except (ValueError, KeyError, TypeError) as error:
        raise PresentationRefused("the file is no credential of a holder") from error


def read_fields(rows: Any) -> tuple[Field, ...]:
    return tuple(Field(str(f["name"]), str(f["value"]), bytes.fromhex(f["salt"])) for f in rows)


def read_json(data: bytes) -> Any:
    if len(data) > SIZE_MAX:
        raise PresentationRefused("the file is larger than 4 MiB")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PresentationRefused("the file is not JSON") from error


@dataclass(frozen=True, slots=True)
class Presentation:
    """opened: fields shown; hidden: commitments of the others; credential, key: proof files of the ledger's
    records of both."""

    id: str
    opened: tuple[Field, ...]
    hidden: tuple[bytes, ...]
    credential: bytes
    key: bytes

    def to_bytes(self) -> bytes:
        document = {
            "format": FORMAT,
            "id": self.id,
            "opened": [
                {"name": f.name, "value": f.value, "salt": f.salt.hex()} for f in self.opened
            ],
            "hidden": [leaf.hex() for leaf in self.hidden],
            "credential": b64encode(self.credential).decode("ascii"),
            "key": b64encode(self.key).decode("ascii"),
        }
        return json.dumps(document, ensure_ascii=False, sort_keys=True).encode("utf-8")


def read_presentation(data: bytes) -> Presentation:
    """Raises PresentationRefused for anything but a presentation."""
    document = read_json(data)
    try:
        if document["format"] != FORMAT:
            raise PresentationRefused("the file is of another format")
        return Presentation(
            str(document["id"]),
            read_fields(document["opened"]),
            tuple(bytes.fromhex(leaf) for leaf in document["hidden"]),
            b64decode(document["credential"], validate=True),
            b64decode(document["key"], validate=True),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PresentationRefused("the file is no presentation") from error


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A record of the contract as one sealed block left it."""

    fields: dict[str, Any]
    channel: bytes
    time_ms: int


def snapshot_of(
    contract: str, data: bytes, table: str, key: str, channel: bytes | None
) -> Snapshot:
    """The record of a contract that a proof file shows. Raises PresentationRefused."""
    try:
        shown = verify_proof(data, channel)
        fact = read_proof_file(data).state
    except ProofError as error:
        raise PresentationRefused(f"a proof does not hold: {error}") from error
    if fact is None or fact.key != state_key(contract, table, key):
        raise PresentationRefused(f"a proof is not about the {table} {key}")
    if fact.value is None:
        raise PresentationRefused(f"the ledger has no {table} {key}")
    record = values.decode(fact.value)
    return Snapshot(
        dict(record.fields), bytes.fromhex(shown["channel_id"]), fact.settled.header.timestamp_ms
    )


def _snapshot(data: bytes, table: str, key: str, channel: bytes | None) -> Snapshot:
    return snapshot_of(CONTRACT, data, table, key, channel)


def verify_presentation(
    data: bytes, now_ms: int, age_max_ms: int, channel: bytes | None = None,
    snapshot: Callable[[bytes, str, str, bytes | None], Snapshot] = _snapshot,
) -> dict[str, Any]:  # fmt: skip
    """What a presentation shows, JSON-ready. channel: the one you trust; None takes the proofs' own.

    Raises PresentationRefused: a proof does not hold or is too old, the key was not the issuer's, the signature
    does not hold, the fields are others, the credential is not in force."""
    found = read_presentation(data)
    credential = snapshot(found.credential, CONTRACT, found.id, channel)
    record = credential.fields
    key = snapshot(found.key, "accreditation", record["accreditation"], credential.channel)
    seen_ms = min(credential.time_ms, key.time_ms)
    if now_ms - seen_ms > age_max_ms:
        raise PresentationRefused("the proofs are older than you accept: ask for new ones")
    if record["state"] not in ("HELD", "USED"):
        raise PresentationRefused(f"the credential is {record['state']}")
    if key.fields["reason"] == "key-compromised":
        raise PresentationRefused("the issuer's key was withdrawn as compromised")
    issuer, holder = record["parties"]["issuer"], record["parties"]["holder"]
    if key.fields["parties"]["issuer"] != issuer or record["kind"] not in key.fields["kinds"]:
        raise PresentationRefused("the key is not accredited for this issuer and kind")
    content = content_of(
        credential.channel, id=found.id, kind=record["kind"], issuer=issuer, holder=holder,
        root=record["root"], until=record["until"],
    )  # fmt: skip
    if not _SUITE.verify(key.fields["key"], content, record["signature"]):
        raise PresentationRefused("the issuer's key has not signed this credential")
    check_fields(found.opened, found.hidden, record["root"], record["fields"])
    return {
        "valid": True,
        "id": found.id,
        "kind": record["kind"],
        "issuer": issuer,
        "holder": holder,
        "authority": key.fields["parties"]["authority"],
        "certificate": key.fields["certificate"],
        "until": record["until"],
        "state": record["state"],
        "seen_ms": seen_ms,
        "channel_id": credential.channel.hex(),
        "fields": {field.name: field.value for field in found.opened},
        "hidden": len(found.hidden),
    }


def check_fields(opened: Sequence[Field], hidden: Sequence[bytes], root: bytes, count: int) -> None:
    """Raises PresentationRefused unless opened fields and commitments of the others make the root."""
    names = {field.name for field in opened}
    salted = all(SALT_MIN <= len(field.salt) <= SALT_MAX for field in opened)
    whole = len(opened) + len(hidden) == count
    if not names or len(names) != len(opened) or not salted or not whole:
        raise PresentationRefused(
            "fields are opened once each, with their salts, the others hidden"
        )
    if root_of([*(commitment(field) for field in opened), *hidden]) != root:
        raise PresentationRefused("the opened fields are not those of the record")
