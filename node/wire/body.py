"""`TxBody`: what a client signs. Built once by it, parsed strictly by every node, never re-serialised."""

from __future__ import annotations

import re
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from consensus.encoding import Hash
from consensus.tags import SUITE_NAMES
from node.errors import CityError
from node.wire.pb import ledger_pb2

BODY_BYTES_MAX = 320 * 1024
ARGS_BYTES_MAX = 256 * 1024
NAME_CHARS_MAX = 64
REQUEST_ID_CHARS_MAX = 128
NONCE_BYTES = 16

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_FROM_STRING = ledger_pb2.TxBody.FromString


@dataclass(frozen=True, slots=True)
class TxBody:
    """Field for field the message of proto/citychain/v1/ledger.proto; see the comments there.

    sender: identity digest, 32 bytes; args: JSON text; nonce: 16 random bytes; gas_limit in gas."""

    suite: int
    channel_id: Hash
    sender: Hash
    contract: str
    version: int
    method: str
    args: str
    nonce: bytes
    valid_until_height: int
    gas_limit: int
    request_id: str


def parse_body(data: bytes) -> TxBody:
    """The body whose serialisation is `data`.

    Raises CityError: CITY-1001 (not a TxBody, unknown or repeated field), CITY-1002 (a field of the wrong
    size or form), CITY-1003 (too large). Limits that a channel configures are checked at admission.
    """
    if len(data) > BODY_BYTES_MAX:
        raise CityError("CITY-1003", what="transaction body", size=len(data), limit=BODY_BYTES_MAX)
    try:
        message = _FROM_STRING(data)
    except DecodeError as error:
        raise CityError("CITY-1001", reason="the bytes are not a TxBody") from error
    # What is left without unknown fields must account for every byte. So unknown fields, repeated ones, and
    # zeros written out are all refused, on every node alike and whatever its protobuf library.
    message.DiscardUnknownFields()
    if message.ByteSize() != len(data):
        raise CityError("CITY-1001", reason="it has an unknown or repeated field, or padding")
    body = TxBody(
        message.suite,
        Hash(message.channel_id),
        Hash(message.sender),
        message.contract,
        message.version,
        message.method,
        message.args,
        message.nonce,
        message.valid_until_height,
        message.gas_limit,
        message.request_id,
    )
    _check(body)
    return body


def build_body(body: TxBody) -> bytes:
    """The bytes to sign and send. Raises CityError like `parse_body`: what is built can be parsed."""
    _check(body)
    try:
        data: bytes = ledger_pb2.TxBody(
            suite=body.suite,
            channel_id=body.channel_id,
            sender=body.sender,
            contract=body.contract,
            version=body.version,
            method=body.method,
            args=body.args,
            nonce=body.nonce,
            valid_until_height=body.valid_until_height,
            gas_limit=body.gas_limit,
            request_id=body.request_id,
        ).SerializeToString()
    except (ValueError, TypeError) as error:
        raise CityError("CITY-1002", field="body", rule=str(error)) from error
    if len(data) > BODY_BYTES_MAX:
        raise CityError("CITY-1003", what="transaction body", size=len(data), limit=BODY_BYTES_MAX)
    return data


def _check(body: TxBody) -> None:
    if body.suite not in SUITE_NAMES:
        raise _field("suite", "1 (sm) or 2 (intl)")
    if len(body.channel_id) != 32:
        raise _field("channel_id", "32 bytes")
    if len(body.sender) != 32:
        raise _field("sender", "32 bytes")
    if _NAME.fullmatch(body.contract) is None:
        raise _field("contract", "a name of 1 to 64 letters, digits and underscores")
    if body.version < 1:
        raise _field("version", "at least 1")
    if _NAME.fullmatch(body.method) is None:
        raise _field("method", "a name of 1 to 64 letters, digits and underscores")
    # A character takes at most four bytes, so most arguments need no second pass.
    if len(body.args) * 4 > ARGS_BYTES_MAX and len(body.args.encode()) > ARGS_BYTES_MAX:
        raise CityError("CITY-1003", what="args", size=len(body.args), limit=ARGS_BYTES_MAX)
    if not body.args:
        raise _field("args", "a JSON object; {} when the method takes nothing")
    if len(body.nonce) != NONCE_BYTES:
        raise _field("nonce", "16 random bytes")
    if body.valid_until_height < 1:
        raise _field("valid_until_height", "at least 1")
    if body.gas_limit < 1:
        raise _field("gas_limit", "at least 1")
    if not 1 <= len(body.request_id) <= REQUEST_ID_CHARS_MAX or not body.request_id.isprintable():
        raise _field("request_id", "1 to 128 printable characters")


def _field(name: str, rule: str) -> CityError:
    return CityError("CITY-1002", field=name, rule=rule)
