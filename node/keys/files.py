"""Key files that follow one another: KEY-next.pem becomes KEY.pem, and what was there is destroyed."""

from __future__ import annotations

import os
from pathlib import Path

from node.identity.transport import NEXT
from node.ledger.folder import sync_folder

OLD = ".old"


def next_path(path: Path) -> Path:
    """Where the file lies that is to follow the one in `path`."""
    return path.with_stem(path.stem + NEXT)


def old_path(path: Path) -> Path:
    """Where a former key waits for its destruction."""
    return path.with_name(path.name + OLD)


def supersede(path: Path) -> None:
    """What lies in NAME-next becomes NAME; what was in NAME is destroyed. After a crash the same call goes on:
    until the new file is in place it stands under its own name, and the former one was moved aside before."""
    following = next_path(path)
    if following.exists():
        if path.exists():
            finish(path)  # of another round: a rename over it would only hide its bytes
            os.replace(path, old_path(path))
        os.replace(following, path)
        sync_folder(path.parent)
    finish(path)


def finish(path: Path) -> None:
    """Destroys a former key that a crash has left."""
    if old_path(path).exists() and path.exists():
        destroy(old_path(path))


def destroy(path: Path) -> None:
    """Overwrites a file's bytes and removes it. A disk that writes elsewhere than it is told may keep them."""
    with path.open("r+b") as file:
        file.write(b"\0" * os.fstat(file.fileno()).st_size)
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_folder(path.parent)
