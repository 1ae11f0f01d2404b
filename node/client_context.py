"""Contexts: where a network's nodes are, and whose keys to use (decisions section 4.9).

Looked for in this order: what the caller names, CITY_CONTEXT, `./.city/contexts.toml`,
`~/.config/city/contexts.toml`. CITY_HOME is the one folder to look in when it is set.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.client_errors import InvalidRequest

FILE_NAME = "contexts.toml"
_FILE_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """api: host:port of the gRPC port. certificate: PEM file to pin. web: base URL, may be empty."""

    name: str
    api: str
    certificate: Path
    web: str = ""


@dataclass(frozen=True, slots=True)
class UserKey:
    """key: PKCS#8 PEM file."""

    name: str
    key: Path
    member: str


@dataclass(frozen=True, slots=True)
class Context:
    """A channel of a network as a client sees it. `file` is None where the caller gave an address."""

    name: str
    channel: str
    channel_id: bytes
    suite: str
    nodes: tuple[NodeAddress, ...]
    users: tuple[UserKey, ...]
    clock_offset_file: str = ""
    file: Path | None = None

    def user(self, name: str) -> UserKey:
        """Raises CITY-1013 naming the users there are. `name` may be `user` or `user@member`."""
        for user in self.users:
            if name in (user.name, f"{user.name}@{user.member}"):
                return user
        known = ", ".join(user.name for user in self.users) or "none"
        raise InvalidRequest("CITY-1013", context=self.name, user=name, known=known)


def find_context(name: str | None = None) -> Context:
    """The context called `name`, or the current one of the first file that exists.

    name: a context's name, or a path: a contexts.toml, or a folder that holds `.city/contexts.toml`.
    Raises CITY-1012 where none is found, or the file is no contexts file."""
    name = name or os.environ.get("CITY_CONTEXT") or ""
    files, wanted = ([Path(name)], "") if _is_path(name) else (_files(), name)
    for file in files:
        if file.is_dir():
            file = next((f for f in _inside(file) if f.is_file()), file)
        if not file.is_file():
            continue
        document = _document(file)
        contexts = document.get("contexts", {})
        chosen = wanted or document.get("current") or next(iter(contexts), "")
        if chosen in contexts:
            return _context(chosen, contexts[chosen], file)
    looked = ", ".join(str(file) for file in files)
    raise InvalidRequest("CITY-1012", context=name or "(current)", looked=looked)


def _is_path(name: str) -> bool:
    return bool(name) and ("/" in name or name.endswith(".toml") or name in (".", ".."))


def _inside(folder: Path) -> tuple[Path, ...]:
    return folder / FILE_NAME, folder / ".city" / FILE_NAME


def _files() -> list[Path]:
    home = os.environ.get("CITY_HOME")
    if home:
        return list(_inside(Path(home)))
    return [Path(".city") / FILE_NAME, Path("~/.config/city").expanduser() / FILE_NAME]


def _document(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _FILE_BYTES_MAX:
            raise ValueError("too large")
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        if not isinstance(document.get("contexts", {}), dict):
            raise ValueError("contexts is no table")
        return document
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidRequest("CITY-1012", context=file.name, looked=f"{file}: {error}") from error


def _context(name: str, table: dict[str, Any], file: Path) -> Context:
    """Relative paths are relative to the file."""
    root = file.resolve().parent
    try:
        nodes = tuple(
            NodeAddress(n["name"], n["api"], root / n["certificate"], n.get("web", ""))
            for n in table["nodes"]
        )
        users = tuple(
            UserKey(user, root / u["key"], u.get("member", ""))
            for user, u in table.get("users", {}).items()
        )
        return Context(
            name,
            table["channel"],
            bytes.fromhex(table["channel_id"]),
            table.get("suite", "sm"),
            nodes,
            users,
            table.get("clock_offset_file", ""),
            file,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        looked = f"{file}: {type(error).__name__} {error}"
        raise InvalidRequest("CITY-1012", context=name, looked=looked) from error
