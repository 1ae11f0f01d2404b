"""Contexts: where a network's nodes are, and whose keys to use (decisions section 4.9).

Looked for in this order: what the caller names, CITY_CONTEXT, `./.city/contexts.toml`,
`~/.config/city/contexts.toml`. CITY_HOME is the one folder to look in when it is set.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from node.sdk.errors import InvalidRequest
from node.signing.token_place import is_token

FILE_NAME = "contexts.toml"
_FILE_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """api: host:port of the gRPC port. certificate: PEM file to pin. web: base URL, may be empty. operator: the
    user of the context who administers the node, may be empty."""

    name: str
    api: str
    certificate: Path
    web: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """A further channel of a context's nodes. nodes: names of those that hold it."""

    name: str
    channel_id: bytes
    suite: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserKey:
    """key: PKCS#8 PEM file, or pkcs11:/module.so?token=LABEL&object=NAME."""

    name: str
    key: Path
    member: str


@dataclass(frozen=True, slots=True)
class Context:
    """A channel of a network as a client sees it. `file` is None where the caller gave an address. channels:
    others of the same network, see `on`; key files are those for the suite of this one."""

    name: str
    channel: str
    channel_id: bytes
    suite: str
    nodes: tuple[NodeAddress, ...]
    users: tuple[UserKey, ...]
    clock_offset_file: str = ""
    file: Path | None = None
    channels: tuple[ChannelRef, ...] = ()

    def on(self, channel: str) -> Context:
        """The same network with another of its channels, and the nodes that hold it. Raises CITY-1018."""
        if channel == self.channel:
            return self
        ref = next((ref for ref in self.channels if ref.name == channel), None)
        if ref is None:
            known = ", ".join((self.channel, *(ref.name for ref in self.channels)))
            raise InvalidRequest("CITY-1018", context=self.name, channel=channel, known=known)
        nodes = tuple(node for node in self.nodes if node.name in ref.nodes)
        users = self.users
        if ref.suite != self.suite:
            users = tuple(replace(user, key=key_in(user.key, ref.suite)) for user in users)
        return replace(
            self,
            channel=channel,
            channel_id=ref.channel_id,
            suite=ref.suite,
            nodes=nodes,
            users=users,
        )

    def node(self, name: str) -> NodeAddress:
        """Raises CITY-1002 naming the nodes there are; in any case of letters."""
        for node in self.nodes:
            if node.name.lower() == name.strip().lower():
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise InvalidRequest("CITY-1002", field="node", rule=f"one of {known}")

    def user(self, name: str) -> UserKey:
        """Raises CITY-1013 naming the users there are. `name` may be `user` or `user@member`."""
        for user in self.users:
            if name in (user.name, f"{user.name}@{user.member}"):
                return user
        known = ", ".join(user.name for user in self.users) or "none"
        raise InvalidRequest("CITY-1013", context=self.name, user=name, known=known)


def _key(root: Path, text: str) -> Path:
    return Path(text) if is_token(text) else root / text


def key_in(path: Path, suite: str) -> Path:
    """Where a user's key of another suite lies, beside the one of the context's own."""
    return path.with_name(f"{path.stem}.{suite}.pem")


def add_channel(file: Path, context: str, ref: ChannelRef) -> None:
    """Writes a further channel into a contexts file."""
    lines = [
        "",
        f"[contexts.{json.dumps(context)}.channels.{json.dumps(ref.name)}]",
        f"channel_id = {json.dumps(ref.channel_id.hex())}",
        f"suite = {json.dumps(ref.suite)}",
        f"nodes = {json.dumps(list(ref.nodes), ensure_ascii=False)}",
    ]
    text = _without(file.read_text(encoding="utf-8"), lines[1])
    _write(file, text.rstrip("\n") + "\n" + "\n".join(lines) + "\n")


def drop_channel(file: Path, context: str, channel: str) -> None:
    """Takes it out again."""
    head = f"[contexts.{json.dumps(context)}.channels.{json.dumps(channel)}]"
    _write(file, _without(file.read_text(encoding="utf-8"), head))


def _without(text: str, head: str) -> str:
    """The file's text without the table that begins with this line."""
    before, found, rest = text.partition(f"\n{head}\n")
    if not found:
        return text
    at = rest.find("\n[")
    return before.rstrip("\n") + "\n" + ("" if at < 0 else rest[at:])


def _write(file: Path, text: str) -> None:
    unfinished = file.with_suffix(".new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.chmod(0o600)
    unfinished.replace(file)


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
            NodeAddress(
                n["name"],
                n["api"],
                root / n["certificate"],
                n.get("web", ""),
                n.get("operator", ""),
            )
            for n in table["nodes"]
        )
        channels = tuple(
            ChannelRef(channel, bytes.fromhex(c["channel_id"]), c["suite"], tuple(c["nodes"]))
            for channel, c in table.get("channels", {}).items()
        )
        users = tuple(
            UserKey(user, _key(root, u["key"]), u.get("member", ""))
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
            channels,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        looked = f"{file}: {type(error).__name__} {error}"
        raise InvalidRequest("CITY-1012", context=name, looked=looked) from error
