"""What folders on disk need besides files: one owner, and names that survive a power cut."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

LOCK_NAME = "OWNER"


class FolderInUse(Exception):
    """Somebody else owns the folder."""


def own_folder(folder: Path) -> int:
    """Makes the calling object the folder's one owner until the returned descriptor is closed.

    Raises FolderInUse, also within one process: flock belongs to the open file, unlike the fcntl locks
    LevelDB uses, which a process loses when it closes any descriptor of the file (a refused second
    open does that).
    """
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise FolderInUse(str(folder)) from None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def sync_folder(folder: Path) -> None:
    """Makes created, renamed and removed names durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
