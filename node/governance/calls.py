"""Config transactions as they are sent: methods, their arguments, and the strict reading of them.

    add_validator      name, city, member_id text; identity_key, vote_key, transport_cert base64
    remove_validator   name text
    replace_key        name text, vote_key base64
    approve, withdraw  proposal text
    report_evidence    evidence base64

Exactly these arguments: what is missing or more is refused.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from consensus.encoding import Hash
from node.arguments import BadArguments, check_arguments
from node.genesis import Identity

CONTRACT, VERSION = "_config", 1
TEXT_CHARS_MAX = 64
BYTES_MAX = 16 * 1024
METHODS: dict[str, dict[str, type]] = {
    "add_validator": {
        "name": str,
        "city": str,
        "member_id": str,
        "identity_key": bytes,
        "vote_key": bytes,
        "transport_cert": bytes,
    },
    "remove_validator": {"name": str},
    "replace_key": {"name": str, "vote_key": bytes},
    "approve": {"proposal": str},
    "withdraw": {"proposal": str},
    "report_evidence": {"evidence": bytes},
}


@dataclass(frozen=True, slots=True)
class ConfigCall:
    """A config transaction in its block. height: of that block."""

    height: int
    tx_id: Hash
    sender: Identity
    method: str
    args: dict[str, Any]


def parse_call(method: str, args: str) -> dict[str, Any]:
    """The arguments, text or bytes by name. Raises BadArguments for an unknown method as well."""
    wanted = METHODS.get(method)
    if wanted is None:
        raise BadArguments(f"{CONTRACT} has {', '.join(METHODS)}, not {method}")
    check_arguments(args)
    given = json.loads(args)
    if set(given) != set(wanted):
        raise BadArguments(f"{method} takes exactly: {', '.join(wanted)}")
    return {name: _value(name, given[name], kind) for name, kind in wanted.items()}


def _value(name: str, value: Any, kind: type) -> Any:
    if type(value) is not str:
        raise BadArguments(f"{name} is a text")
    if kind is bytes:
        try:
            data = b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise BadArguments(f"{name} is base64") from None
        if b64encode(data).decode() != value:
            raise BadArguments(f"{name} is base64 in its one canonical form")
        if not 1 <= len(data) <= BYTES_MAX:
            raise BadArguments(f"{name} has 1 to {BYTES_MAX} bytes")
        return data
    # ASCII only: which other characters are printable depends on the version of Python.
    if not 1 <= len(value) <= TEXT_CHARS_MAX or not (value.isascii() and value.isprintable()):
        raise BadArguments(f"{name} has 1 to {TEXT_CHARS_MAX} printable ASCII characters")
    return value
