"""Lifecycle transactions as they are sent: methods, their arguments, and the strict reading of them.

    propose    name text, version int, bundle base64, notes text, governing_law text, clause_hash hex,
               operator text, licence text, examples text (a JSON list)
    approve    name text, version int, digest hex     what is approved, by the digest of the whole proposal
    reject, withdraw   name text, version int
    attest     name text, version int, transcript text
    activate   name text, version int, height int     0: the block after the one that orders this
    pause, resume, retire    name text

Exactly these arguments: what is missing or more is refused.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from consensus.encoding import Hash
from node.contracts.arguments import BadArguments, check_arguments
from node.genesis import Identity

CONTRACT, VERSION = "_contract", 1
ATTEST = "attest"  # what nodes send, under their own keys
MIGRATE = "migrate"  # the function of a version that the ledger alone calls
NAME_CHARS_MAX, NOTES_CHARS_MAX = 64, 2_000
EXAMPLES_CHARS_MAX, TRANSCRIPT_CHARS_MAX = 16 * 1024, 32 * 1024
BUNDLE_BYTES_MAX = 128 * 1024  # more than any bundle that the linter admits
NUMBER_MAX = 2**53 - 1
_NAMED = {"name": "text", "version": "number"}
METHODS: dict[str, dict[str, str]] = {
    "propose": _NAMED
    | {
        "bundle": "bytes",
        "notes": "notes",
        "governing_law": "text",
        "clause_hash": "hash",
        "operator": "text",
        "licence": "text",
        "examples": "examples",
    },
    "approve": _NAMED | {"digest": "hash"},
    "reject": _NAMED,
    "withdraw": _NAMED,
    ATTEST: _NAMED | {"transcript": "transcript"},
    "activate": _NAMED | {"height": "number"},
    "pause": {"name": "text"},
    "resume": {"name": "text"},
    "retire": {"name": "text"},
}


@dataclass(frozen=True, slots=True)
class ContractCall:
    """A lifecycle transaction in its block. height: of that block."""

    height: int
    tx_id: Hash
    sender: Identity
    method: str
    args: dict[str, Any]
    gas_limit: int


def parse_call(method: str, args: str) -> dict[str, Any]:
    """The arguments by name. Raises BadArguments for an unknown method as well."""
    wanted = METHODS.get(method)
    if wanted is None:
        raise BadArguments(f"{CONTRACT} has {', '.join(METHODS)}, not {method}")
    check_arguments(args)
    given = json.loads(args)
    if set(given) != set(wanted):
        raise BadArguments(f"{method} takes exactly: {', '.join(wanted)}")
    return {name: _READERS[kind](name, given[name]) for name, kind in wanted.items()}


def _text(name: str, value: Any, most: int, least: int = 1, lines: bool = False) -> str:
    if type(value) is not str:
        raise BadArguments(f"{name} is a text")
    if not least <= len(value) <= most:
        raise BadArguments(f"{name} has {least} to {most} characters")
    # Control characters by their number: which others are printable depends on the version of Python.
    if any((c < " " and not (lines and c == "\n")) or "\x7f" <= c <= "\x9f" for c in value):
        raise BadArguments(f"{name} has a control character")
    return value


def _number(name: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value <= NUMBER_MAX:
        raise BadArguments(f"{name} is a whole number of at most 53 bits")
    return value


def _hash(name: str, value: Any) -> Hash:
    text = _text(name, value, 64, 64)
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if data.hex() != text:
        raise BadArguments(f"{name} is 64 hexadecimal digits in lower case")
    return Hash(data)


def _bytes(name: str, value: Any) -> bytes:
    if type(value) is not str:
        raise BadArguments(f"{name} is base64")
    try:
        data = b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise BadArguments(f"{name} is base64") from None
    if b64encode(data).decode() != value:
        raise BadArguments(f"{name} is base64 in its one canonical form")
    if not 1 <= len(data) <= BUNDLE_BYTES_MAX:
        raise BadArguments(f"{name} has 1 to {BUNDLE_BYTES_MAX} bytes")
    return data


_READERS = {
    # What the law asks for may be left empty here: that it is missing has a code of its own.
    "text": lambda name, value: _text(name, value, NAME_CHARS_MAX, 0),
    "notes": lambda name, value: _text(name, value, NOTES_CHARS_MAX, 0, lines=True),
    "examples": lambda name, value: _text(name, value, EXAMPLES_CHARS_MAX, 0, lines=True),
    "transcript": lambda name, value: _text(name, value, TRANSCRIPT_CHARS_MAX, 1, lines=True),
    "number": _number,
    "hash": _hash,
    "bytes": _bytes,
}
