"""What a node keeps beside a channel's blocks: how it is to be run, and what is left of an archived one.

channels/<name>/hosting.json    state, addresses of peers; none: the channel runs
channels/<name>/manifest.json   of an archived channel: where the chain stood, and each file with its hash
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from node.errors import CityError
from node.ledger.folder import sync_folder
from node.opening import GENESIS_FILE

NOTE_FILE, MANIFEST_FILE = "hosting.json", "manifest.json"
GONE = ".gone-"
FILE_BYTES_MAX = 64 * 1024 * 1024


class State(StrEnum):
    """opening and failed are of this moment; the others stand in the note."""

    opening = "opening"
    running = "running"
    paused = "paused"
    failed = "failed"
    archived = "archived"


@dataclass(frozen=True, slots=True)
class Note:
    """addresses: host:port of peers by name, as they were given when the node joined."""

    state: State = State.running
    addresses: dict[str, str] = field(default_factory=dict)


def read_note(folder: Path) -> Note:
    """Raises CITY-8004 for a file that is none."""
    path = folder / NOTE_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Note(State(found["state"]), dict(found["addresses"]))
    except FileNotFoundError:
        return Note()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CityError("CITY-8004", path=path, key="state", reason=str(error)) from error


def write_note(folder: Path, note: Note) -> None:
    """Durable on return."""
    write_durably(folder / NOTE_FILE, json.dumps(asdict(note), ensure_ascii=False).encode() + b"\n")


def write_durably(path: Path, data: bytes) -> None:
    """The file is whole or not there, whatever happens."""
    unfinished = path.with_suffix(".new")
    with unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)


def seal(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Blocks. Writes the manifest of a closed channel and takes the right to write from every file.

    facts: where the chain stood. Returns the manifest."""
    files = [
        {"file": str(path.relative_to(folder)), "bytes": path.stat().st_size, "sha256": _hash(path)}
        for path in _files(folder)
    ]
    manifest = {**facts, "archived_ms": time.time_ns() // 1_000_000, "files": files}
    write_durably(
        folder / MANIFEST_FILE, json.dumps(manifest, ensure_ascii=False, indent=1).encode() + b"\n"
    )
    for path in _files(folder):
        path.chmod(0o400)
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """Blocks; without the list of files. Raises CITY-8004."""
    path = folder / MANIFEST_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {key: value for key, value in found.items() if key != "files"}
    except (OSError, ValueError, AttributeError) as error:
        raise CityError("CITY-8004", path=path, key="manifest", reason=str(error)) from error


def changed_files(folder: Path) -> list[str]:
    """Blocks. Of an archived channel: files that are gone, came since, or are not what its manifest says.
    Raises CITY-8004."""
    path = folder / MANIFEST_FILE
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["files"]
        sealed = {str(row["file"]): str(row["sha256"]) for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CityError("CITY-8004", path=path, key="files", reason=str(error)) from error
    found = {str(each.relative_to(folder)): _hash(each) for each in _files(folder)}
    return sorted(name for name in {*sealed, *found} if sealed.get(name) != found.get(name))


def on_disk(channels: Path) -> list[str]:
    """Blocks. The channels that lie there, by name."""
    return sorted(path.parent.name for path in channels.glob(f"*/{GENESIS_FILE}"))


def _files(folder: Path) -> Iterator[Path]:
    """What belongs to the chain: keys and this module's own files are no part of it."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and inside.parts[0] not in ("keys", NOTE_FILE, MANIFEST_FILE):
            yield path


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def throw_away(folder: Path) -> None:
    """Blocks. The folder is gone at once, its bytes soon; a crash between is made good by `sweep`."""
    gone = folder.with_name(f"{GONE}{folder.name}-{time.time_ns()}")
    folder.replace(gone)
    sync_folder(gone.parent)
    shutil.rmtree(gone)


def sweep(channels: Path) -> None:
    """Blocks. What an interrupted `throw_away` left."""
    for folder in channels.glob(f"{GONE}*"):
        shutil.rmtree(folder)
