"""Words of the command line as the arguments of a change: `name=value`, files, names of people."""

from __future__ import annotations

import datetime
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from node.cli.inbox import CONFIG, ask
from node.cli.output import fail


def read_change(net: Any, kind: str, words: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The method and its arguments. A word without `=` is the subject. Raises CITY-1002."""
    from node.governance.calls import CHANGES, PLACE, PLACED
    from node.governance.kinds import KINDS

    if kind not in KINDS:
        raise fail("CITY-1002", field="kind", rule=f"one of {', '.join(KINDS)}")
    row, method = KINDS[kind], KINDS[kind].method
    fields = CHANGES[method] | (PLACE if method in PLACED else {})
    given: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            name, value = row.subject, word
        if name == "card" and {"identity_key", "transport_cert"} <= set(fields):
            given |= _card(Path(value))
        elif name not in fields or not name:
            raise fail("CITY-1002", field=name or word, rule=f"one of {', '.join(fields)}")
        else:
            given[name] = value
    before = _as_it_is(net, given) if kind == "set-member" else {}
    if "certificate" in given and "public_key" in fields:
        before = _certified(given["certificate"])
    args = {}
    for name, type_ in fields.items():
        if name in given:
            args[name] = _read(net, name, given[name], type_)
        elif name in before:
            args[name] = before[name]
        elif name in PLACE:
            continue
        elif type_ in _EMPTY or kind in ("set-limits", "set-quota"):
            args[name] = _EMPTY.get(type_, 0)
        else:
            raise fail("CITY-1002", field=name, rule=f"given as {name}=…; {kind} needs it")
    return method, args


def when(at: int, until: str) -> dict[str, int]:
    """When it takes effect, and until when it may be approved: a height or a date. Raises CITY-1002."""
    found = {"execute_at": at} if at else {}
    if until.isascii() and until.isdigit():
        found["valid_until_height"] = int(until)
    elif until:
        try:
            moment = datetime.datetime.fromisoformat(until)
        except ValueError:
            raise fail(
                "CITY-1002", field="--until", rule="a height, or a date YYYY-MM-DD"
            ) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        found["valid_until_ms"] = int(moment.timestamp() * 1000)
    return found


_EMPTY: dict[str, Any] = {
    "maybe-text": "",
    "maybe-bytes": "",
    "maybe-serial": "",
    "maybe-words": "",
    "roles": [],
}


def _read(net: Any, name: str, text: str, type_: str) -> Any:
    match type_:
        case "bytes" | "maybe-bytes":
            return _bytes(name, text)
        case "roles":
            return [role for role in text.split(",") if role]
        case "number":
            if not (text.isascii() and text.isdigit()):
                raise fail("CITY-1002", field=name, rule="a whole number")
            return int(text)
        case "hash":
            return identity_of(net, text)
    return text


def _bytes(name: str, text: str) -> str:
    """@FILE (a certificate in PEM as DER), or hexadecimal digits."""
    if text.startswith("@"):
        try:
            data = Path(text[1:]).read_bytes()
        except OSError as error:
            raise fail("CITY-1091", path=text[1:], reason=error.strerror) from error
        if data.startswith(b"-----BEGIN"):
            from ssl import PEM_cert_to_DER_cert

            data = PEM_cert_to_DER_cert(data.decode("ascii", "replace"))
        return b64encode(data).decode()
    try:
        return b64encode(bytes.fromhex(text)).decode()
    except ValueError:
        raise fail("CITY-1002", field=name, rule="@FILE or hexadecimal digits") from None


def identity_of(net: Any, text: str) -> str:
    """The digest of an identity in force that is named NAME, NAME@MEMBER or by its digest. Raises CITY-1002."""
    rows = [row for row in ask(net, CONFIG, "identities") if not row["until"]]
    found = [
        row["identity"]
        for row in rows
        if text in (row["identity"], row["name"], f"{row['name']}@{row['member']}")
    ]
    if len(found) != 1:
        known = ", ".join(f"{row['name']}@{row['member']}" for row in rows[:20])
        raise fail("CITY-1002", field="identity", rule=f"one of {known}")
    return str(found[0])


def _as_it_is(net: Any, given: dict[str, str]) -> dict[str, Any]:
    rows = [r for r in ask(net, CONFIG, "members") if r["member_id"] == given.get("member_id")]
    if not rows:
        return {}
    row = rows[0]
    keys = {n: b64encode(bytes.fromhex(row[n])).decode() for n in ("admin_key", "peer_ca")}
    return {**row, **keys}


def _certified(text: str) -> dict[str, Any]:
    """What a certificate says of its holder: name, member, roles, key and serial. Raises CITY-1002."""
    from base64 import b64decode

    from node.identity.certificates import parse
    from node.identity.errors import BadSm2Certificate

    try:
        found = parse(b64decode(_bytes("certificate", text)))
    except BadSm2Certificate as error:
        raise fail("CITY-1002", field="certificate", rule=f"a certificate; {error}") from None
    return {
        "name": found.name,
        "member_id": found.organization,
        "roles": list(found.roles),
        "public_key": b64encode(found.public_key).decode(),
        "serial": str(found.serial),
    }


def _card(path: Path) -> dict[str, str]:
    """A node's card, its base64 as hexadecimal digits. Raises CITY-1091, CITY-8040."""
    from base64 import b64decode

    from node.cli.channel import read_card

    return {
        name: b64decode(value).hex()
        if name in ("identity_key", "vote_key", "transport_cert")
        else value
        for name, value in read_card(path).items()
    }
