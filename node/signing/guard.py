"""The votes that the service signed: of one height and view never two. Durable before a signature leaves.

It is a second fence behind the node's own log, for the day on which two nodes run with one key, or a node with
the log of yesterday. What it cannot know is a view that the validator has left: that only the log says.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from consensus.certificate import Seal
from consensus.tags import Tag
from node.errors import CityError

HEIGHTS_KEPT = 4_096
_SCHEMA = """
CREATE TABLE IF NOT EXISTS votes (
    key BLOB NOT NULL, channel BLOB NOT NULL, kind TEXT NOT NULL, height INTEGER NOT NULL,
    epoch INTEGER NOT NULL, view INTEGER NOT NULL, block BLOB NOT NULL,
    PRIMARY KEY (key, channel, kind, height, epoch, view)) STRICT, WITHOUT ROWID
"""


class VoteGuard:
    """One file; calls from any thread, one at a time."""

    def __init__(self, path: Path) -> None:
        """Raises CITY-2053 for a file that cannot be used."""
        self._path, self._lock = path, threading.Lock()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise CityError("CITY-2053", path=path, reason=error) from None

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def note(self, public_key: bytes, tag: Tag, vote: Seal) -> None:
        """Remembers the vote. Raises CITY-2052 for a second, different one, and for heights that are long past.

        A proposal is its leader's acceptance, so it and a prepare are one kind."""
        kind = "commit" if tag is Tag.COMMIT_SEAL else "accept"
        where = (public_key, vote.channel_id, kind)
        place = (vote.height, vote.epoch, vote.view)
        try:
            with self._lock:
                self._note(where, place, vote.block_hash)
        except sqlite3.Error as error:
            raise CityError("CITY-2053", path=self._path, reason=error) from None

    def _note(
        self, where: tuple[bytes, bytes, str], place: tuple[int, int, int], block: bytes
    ) -> None:
        height, _, view = place
        self._db.execute("BEGIN IMMEDIATE")
        try:
            known = self._db.execute(
                "SELECT block FROM votes WHERE key = ? AND channel = ? AND kind = ?"
                " AND height = ? AND epoch = ? AND view = ?",
                (*where, *place),
            ).fetchone()
            if known is None:
                (highest,) = self._db.execute(
                    "SELECT max(height) FROM votes WHERE key = ? AND channel = ? AND kind = ?",
                    where,
                ).fetchone()
                floor = (highest or 0) - HEIGHTS_KEPT
                if height <= floor:
                    raise CityError("CITY-2052", height=height, view=view, reason="it is long past")
                self._db.execute(
                    "INSERT INTO votes VALUES (?, ?, ?, ?, ?, ?, ?)", (*where, *place, block)
                )
                self._db.execute(
                    "DELETE FROM votes WHERE key = ? AND channel = ? AND kind = ? AND height <= ?",
                    (*where, max(highest or 0, height) - HEIGHTS_KEPT),
                )
            elif known[0] != block:
                reason = "another block was voted for there"
                raise CityError("CITY-2052", height=height, view=view, reason=reason)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
