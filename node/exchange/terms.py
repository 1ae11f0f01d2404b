"""Terms of an exchange as a file that both sides read and agree on before anything is locked."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from node.errors import CityError

SIDE = ("channel", "channel_id", "contract", "asset", "giver", "taker")
SALT_BYTES = 32
FILE_BYTES_MAX = 64 * 1024


def parse_side(text: str, name: str) -> dict[str, str]:
    """`channel:contract:asset:giver:taker`; an asset's own colons stay. Raises CITY-1092."""
    parts = text.split(":")
    if len(parts) < 5 or not all(parts):
        raise CityError("CITY-1092", name=name, reason="channel:contract:asset:giver:taker")
    channel, contract, *asset, giver, taker = parts
    return {"channel": channel, "contract": contract, "asset": ":".join(asset), "giver": giver,
            "taker": taker}  # fmt: skip


def write_terms(
    file: Path, first: dict[str, str], second: dict[str, str], until_ms: int
) -> dict[str, Any]:
    """Sides with their channels' ids. Raises CITY-1092 where the file is there already."""
    terms = {
        "first": first, "second": second, "until_ms": until_ms,
        "salt": secrets.token_hex(SALT_BYTES),
    }  # fmt: skip
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(json.dumps(terms, ensure_ascii=False, indent=2) + "\n")
    except OSError as error:
        raise CityError("CITY-1092", name="FILE", reason=f"{file}: {error.strerror}") from error
    return terms


def read_terms(file: Path) -> dict[str, Any]:
    """What `write_terms` wrote, checked for shape. Raises CITY-1091 where it cannot be read, CITY-1092."""
    try:
        data = file.read_bytes()[: FILE_BYTES_MAX + 1]
        terms = json.loads(data)
        sides = [terms[name] for name in ("first", "second")]
        fits = all(set(side) == set(SIDE) and all(type(v) is str for v in side.values())
                   for side in sides)  # fmt: skip
        for side in sides:
            bytes.fromhex(side["channel_id"])
        bytes.fromhex(terms["salt"])
        if not fits or type(terms["until_ms"]) is not int or len(data) > FILE_BYTES_MAX:
            raise ValueError("not the terms of an exchange")
    except OSError as error:
        raise CityError("CITY-1091", path=file, reason=error.strerror or error) from error
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{file} does not hold the terms of an exchange; see: city exchange terms"
        raise CityError("CITY-1092", name="FILE", reason=reason) from error
    return dict(terms)


def as_argument(terms: dict[str, Any]) -> dict[str, Any]:
    """The terms as the contract takes them."""

    def side(one: dict[str, str]) -> dict[str, Any]:
        named = {name: one[name] for name in ("contract", "asset", "giver", "taker")}
        return {"channel": bytes.fromhex(one["channel_id"]), **named}

    return {
        "first": side(terms["first"]), "second": side(terms["second"]),
        "until_ms": terms["until_ms"], "salt": bytes.fromhex(terms["salt"]),
    }  # fmt: skip
