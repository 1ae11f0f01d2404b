"""Moves a stopped node's home to another of its channels, so that the present one can be archived or left.

The home's configuration says who operates the node. What moves is two things: the name in node.toml, and the
present home's vote key and grant, which lie among the node's own keys, to the place where every other channel
has them. Nothing that a channel has signed, stored or logged is touched. A crash on the way leaves a node that
starts: the copy of the keys is whole or not there, then the name changes at once, then the originals go.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from node.config import NodeConfig, Place, load_config
from node.errors import CityError
from node.hosting.hosted import open_suite
from node.hosting.notes import State, on_disk, read_note, write_durably
from node.keys.keyring import GRANT_FILE, NEXT_GRANT_FILE, NEXT_VOTE_FILE, VOTE_FILE, open_keyring
from node.ledger.folder import FolderInUse, own_folder, sync_folder
from node.opening import peek_configuration, read_genesis

FILES = (VOTE_FILE, NEXT_VOTE_FILE, GRANT_FILE, NEXT_GRANT_FILE)
_HEAD = re.compile(r"^[ \t]*\[[ \t]*channel[ \t]*\][ \t]*(#.*)?$", re.MULTILINE)
_NAME = re.compile(r"^([ \t]*name[ \t]*=[ \t]*)(\"[^\"\n]*\"|'[^'\n]*')", re.MULTILINE)


def move_home(path: Path, channel: str) -> dict[str, Any]:
    """Blocks. path: of node.toml. Raises CityError: CITY-1004 for a channel that is not here, CITY-5001 where
    the node runs, CITY-8073 where that channel cannot be its home; nothing is changed then."""
    config = load_config(path)
    present = config.place()
    held = on_disk(config.channels_dir)
    if channel not in held:
        raise CityError("CITY-1004", channel=channel[:64], known=", ".join(held))
    facts = {"node": config.name, "home": channel, "before": present.name}
    if channel == present.name:
        return facts
    _require_stopped(present)
    text = _renamed(path, config, channel)
    _require_fit(config, present, config.place(channel))
    own = present.folder / "keys"
    if not own.exists():
        _copy(config.keys_dir, own)
    write_durably(path, text.encode())
    for name in FILES:
        with suppress(FileNotFoundError):
            (config.keys_dir / name).unlink()
    return facts


def _require_stopped(place: Place) -> None:
    for name in ("blocks", "state"):
        folder = place.folder / name
        if folder.exists():
            try:
                os.close(own_folder(folder))
            except FolderInUse:
                raise CityError("CITY-5001", folder=folder) from None


def _require_fit(config: NodeConfig, present: Place, wanted: Place) -> None:
    """Raises CITY-8073, and as `open_keyring`."""
    names = {"channel": wanted.name, "node": config.name}
    if read_note(wanted.folder).state is State.archived:
        raise CityError("CITY-8073", reason="it is archived", **names)
    genesis = read_genesis(wanted.folder)
    if genesis.config.suite != read_genesis(present.folder).config.suite:
        reason = "it is of another suite than the node's own keys"
        raise CityError("CITY-8073", reason=reason, **names)
    if config.clock.offset_file and genesis.config.clock != "development":
        reason = "its time is real, and [clock] in node.toml names an offset"
        raise CityError("CITY-8073", reason=reason, **names)
    state = peek_configuration(wanted.folder, genesis)
    open_keyring(config, state, open_suite(config, genesis.config), wanted)


def _renamed(path: Path, config: NodeConfig, channel: str) -> str:
    """The file's text with that name, everything else as it was. Raises CITY-8073."""
    text = path.read_text(encoding="utf-8")
    head = _HEAD.search(text)
    if head is None:
        changed = text.rstrip("\n") + f'\n\n[channel]\nname = "{channel}"\n'
    else:
        end = text.find("\n[", head.end())
        body = text[head.end() : end if end >= 0 else len(text)]
        named, count = _NAME.subn(rf'\g<1>"{channel}"', body, count=1)
        named = named if count else f'\nname = "{channel}"{body}'
        changed = text[: head.end()] + named + text[head.end() + len(body) :]
    trial = path.with_suffix(".trial")
    try:
        trial.write_text(changed, encoding="utf-8")
        found = load_config(trial)
    except CityError:
        found = None
    finally:
        trial.unlink(missing_ok=True)
    expected = config.model_copy(
        update={"channel": config.channel.model_copy(update={"name": channel})}
    )
    if found != expected:
        reason = f'write name = "{channel}" below [channel] in {path} yourself, in one line'
        raise CityError("CITY-8073", channel=channel, node=config.name, reason=reason)
    return changed


def _copy(keys: Path, own: Path) -> None:
    unfinished = own.with_name("keys.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    for name in FILES:
        if (keys / name).exists():
            shutil.copy2(keys / name, unfinished / name)
            with (unfinished / name).open("rb") as file:
                os.fsync(file.fileno())
    sync_folder(unfinished)
    unfinished.replace(own)
    sync_folder(own.parent)
