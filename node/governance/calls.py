"""Config transactions as they are sent: methods, their arguments, and the strict reading of them.

What each kind of change takes stands in `CHANGES`; beside those there are

    approve, reject, withdraw, execute    proposal text
    report_evidence                       evidence base64

Texts of identifiers are ASCII, names of people and places any text without control characters, keys and
certificates base64, serials decimal digits. Exactly the arguments of the table: what is missing or more is
refused. A change may say beside them when it takes effect and how long it may be approved (`WHEN`), and where
members and nodes are (`PLACE`).
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from consensus.encoding import Hash
from node.contracts.arguments import BadArguments, check_arguments
from node.genesis import Identity

CONTRACT, VERSION = "_config", 1
TEXT_CHARS_MAX, WORDS_CHARS_MAX = 64, 128
BYTES_MAX = 16 * 1024
NUMBER_MAX = 2**53 - 1
ITEMS_MAX = 16
SERIAL_DIGITS_MAX = 49  # of 20 bytes, as certificates have them

_NODE = {
    "name": "text",
    "city": "text",
    "member_id": "text",
    "identity_key": "bytes",
    "vote_key": "bytes",
    "transport_cert": "bytes",
}
LIMITS = (
    "block_txs_max",
    "block_bytes_max",
    "block_gas_max",
    "tx_gas_max",
    "tx_bytes_max",
    "args_bytes_max",
    "valid_until_window",
)
CHANGES: dict[str, dict[str, str]] = {
    "add_validator": _NODE,
    "remove_validator": {"name": "text"},
    "replace_key": {"name": "text", "vote_key": "bytes"},
    "replace_transport": {"name": "text", "transport_cert": "bytes"},
    "replace_node_identity": {"name": "text", "identity_key": "bytes"},
    "add_node": _NODE | {"vote_key": "maybe-bytes", "role": "text"},
    "remove_node": {"name": "text"},
    "set_node_role": {"name": "text", "role": "text"},
    "add_member": {
        "member_id": "text",
        "name": "words",
        "city": "words",
        "admin_key": "maybe-bytes",
        "peer_ca": "maybe-bytes",
        "roles": "roles",
    },
    "set_member": {
        "member_id": "text",
        "name": "words",
        "city": "words",
        "admin_key": "maybe-bytes",
        "peer_ca": "maybe-bytes",
        "roles": "roles",
    },
    "remove_member": {"member_id": "text"},
    "add_identity": {
        "name": "words",
        "member_id": "text",
        "public_key": "bytes",
        "roles": "roles",
        "certificate": "maybe-bytes",
        "serial": "maybe-serial",
    },
    "revoke_identity": {"identity": "hash"},
    "replace_identity_key": {
        "identity": "hash",
        "public_key": "bytes",
        "certificate": "maybe-bytes",
        "serial": "maybe-serial",
    },
    "set_roles": {"identity": "hash", "roles": "roles"},
    "set_authority": {"member_id": "text", "certificate": "maybe-bytes"},
    "revoke_certificate": {"member_id": "text", "serial": "serial"},
    "set_limits": dict.fromkeys(LIMITS, "number"),
    "set_quota": {
        "member": "maybe-text",
        "application": "maybe-text",
        "seconds": "number",
        "transactions": "number",
        "bytes": "number",
        "gas": "number",
    },
    "set_policy": {"kind": "text", "policy": "text"},
    "set_zones": {"zones": "roles"},
    "activate_flag": {"flag": "text", "height": "number"},
    "cancel_flag": {"flag": "text"},
}
# Where somebody is: left out, it stays as it is, or is not said.
PLACE = {"region": "maybe-words", "zone": "text", "jurisdiction": "maybe-words"}
PLACED = ("add_validator", "add_node", "add_member", "set_member")
WHEN = {"execute_at": "number", "valid_until_height": "number", "valid_until_ms": "number"}
METHODS: dict[str, dict[str, str]] = CHANGES | {
    "approve": {"proposal": "text"},
    "reject": {"proposal": "text"},
    "withdraw": {"proposal": "text"},
    "execute": {"proposal": "text"},
    "report_evidence": {"evidence": "bytes"},
}


@dataclass(frozen=True, slots=True)
class ConfigCall:
    """A config transaction in its block. height: of that block; time_ms: of the block below it."""

    height: int
    tx_id: Hash
    sender: Identity
    method: str
    args: dict[str, Any]
    time_ms: int = 0


def parse_call(method: str, args: str) -> dict[str, Any]:
    """The arguments by name. Raises BadArguments for an unknown method as well."""
    wanted = METHODS.get(method)
    if wanted is None:
        raise BadArguments(f"{CONTRACT} has {', '.join(METHODS)}, not {method}")
    check_arguments(args)
    given = json.loads(args)
    allowed = wanted | (WHEN if method in CHANGES else {}) | (PLACE if method in PLACED else {})
    if not set(wanted) <= set(given) <= set(allowed):
        raise BadArguments(f"{method} takes exactly: {', '.join(wanted)}")
    return {name: _READERS[allowed[name]](name, given[name]) for name in allowed if name in given}


def _text(name: str, value: Any) -> str:
    if type(value) is not str:
        raise BadArguments(f"{name} is a text")
    # ASCII only: which other characters are printable depends on the version of Python.
    if not 1 <= len(value) <= TEXT_CHARS_MAX or not (value.isascii() and value.isprintable()):
        raise BadArguments(f"{name} has 1 to {TEXT_CHARS_MAX} printable ASCII characters")
    return value


def _words(name: str, value: Any) -> str:
    if type(value) is not str:
        raise BadArguments(f"{name} is a text")
    if not 1 <= len(value) <= WORDS_CHARS_MAX:
        raise BadArguments(f"{name} has 1 to {WORDS_CHARS_MAX} characters")
    if any(c < " " or "\x7f" <= c <= "\x9f" for c in value):
        raise BadArguments(f"{name} has a control character")
    return value


def _bytes(name: str, value: Any) -> bytes:
    if type(value) is not str:
        raise BadArguments(f"{name} is a text")
    try:
        data = b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise BadArguments(f"{name} is base64") from None
    if b64encode(data).decode() != value:
        raise BadArguments(f"{name} is base64 in its one canonical form")
    if not 1 <= len(data) <= BYTES_MAX:
        raise BadArguments(f"{name} has 1 to {BYTES_MAX} bytes")
    return data


def _roles(name: str, value: Any) -> tuple[str, ...]:
    if type(value) is not list or len(value) > ITEMS_MAX:
        raise BadArguments(f"{name} is a list of at most {ITEMS_MAX} roles")
    roles = tuple(_text(name, each) for each in value)
    if len(set(roles)) != len(roles) or any(set(role) & {" ", ","} for role in roles):
        raise BadArguments(f"{name} names each role once, without blanks and commas")
    return roles


def _hash(name: str, value: Any) -> Hash:
    data = b""
    if type(value) is str and len(value) == 64 and value.isascii() and value.isalnum():
        try:
            data = bytes.fromhex(value)
        except ValueError:
            data = b""
    if data.hex() != value:
        raise BadArguments(f"{name} is 64 hexadecimal digits in lower case")
    return Hash(data)


def _number(name: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value <= NUMBER_MAX:
        raise BadArguments(f"{name} is a whole number of at most 53 bits")
    return value


def _serial(name: str, value: Any) -> str:
    is_digits = type(value) is str and value.isascii() and value.isdigit()
    if not is_digits or len(value) > SERIAL_DIGITS_MAX or value.startswith("0"):
        raise BadArguments(f"{name} is a serial number in decimal digits")
    return str(value)


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "text": _text,
    "maybe-text": lambda name, value: "" if value == "" else _text(name, value),
    "words": _words,
    "maybe-words": lambda name, value: "" if value == "" else _words(name, value),
    "bytes": _bytes,
    "maybe-bytes": lambda name, value: b"" if value == "" else _bytes(name, value),
    "roles": _roles,
    "hash": _hash,
    "number": _number,
    "serial": _serial,
    "maybe-serial": lambda name, value: "" if value == "" else _serial(name, value),
}
