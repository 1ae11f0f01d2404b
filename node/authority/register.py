"""The authority's memory: certificates, tokens and numbers of its lists, in one SQLite file.

Whatever belongs together is one transaction: a token is spent exactly where its certificate is on record.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from node.errors import CityError
from node.identity.certificates import Certificate

_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE certificates (
    serial TEXT PRIMARY KEY, use TEXT NOT NULL, name TEXT NOT NULL, public_key BLOB NOT NULL,
    not_after_ms INTEGER NOT NULL, issued_ms INTEGER NOT NULL, der BLOB NOT NULL,
    revoked_ms INTEGER, reason TEXT NOT NULL DEFAULT '') STRICT;
CREATE INDEX certificates_by_name ON certificates (use, name);
CREATE TABLE tokens (
    digest BLOB PRIMARY KEY, use TEXT NOT NULL, name TEXT NOT NULL, roles TEXT NOT NULL,
    hosts TEXT NOT NULL, days INTEGER NOT NULL, renews INTEGER NOT NULL, expires_ms INTEGER NOT NULL,
    serial TEXT NOT NULL DEFAULT '') STRICT;
CREATE TABLE lists (use TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT;
"""


class Use(StrEnum):
    """Who a certificate is for: an identity of the channel's suite, or a node's TLS (P-256)."""

    IDENTITY = "identity"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate on record. revoked_ms: None while it is not revoked."""

    serial: int
    use: Use
    name: str
    public_key: bytes
    not_after_ms: int
    issued_ms: int
    der: bytes
    revoked_ms: int | None
    reason: str

    def holds(self, now_ms: int) -> bool:
        return self.revoked_ms is None and now_ms <= self.not_after_ms


@dataclass(frozen=True, slots=True)
class Token:
    """What a token allows, without the word itself. serial: hexadecimal of what it was spent on, else empty."""

    digest: bytes
    use: Use
    name: str
    roles: tuple[str, ...]
    hosts: tuple[str, ...]
    days: int
    renews: bool
    expires_ms: int
    serial: str = ""


class Register:
    """One connection; used by one thread at a time. Other processes wait for their turn."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Raises CITY-2030 where there is no register, or one already."""
        if path.exists() == create:
            reason = "there is one already" if create else "there is no authority here"
            raise CityError("CITY-2030", path=path.parent, reason=reason)
        if create:
            path.touch(mode=0o600)
        self._path = path
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA synchronous = FULL")
        if create:
            with self.change():
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """All of it or nothing, alone among all processes. Raises CITY-2030 for a damaged file."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise CityError("CITY-2030", path=self._path.parent, reason=str(error)) from error

    # ---- facts -----------------------------------------------------------------------------------

    def set_fact(self, name: str, value: object) -> None:
        self._db.execute("INSERT INTO facts VALUES (?, ?)", (name, json.dumps(value)))

    def fact(self, name: str) -> object:
        """What was said at the beginning. Raises CITY-2030."""
        try:
            row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        except sqlite3.Error as error:
            raise CityError("CITY-2030", path=self._path.parent, reason=str(error)) from error
        if row is None:
            raise CityError("CITY-2030", path=self._path.parent, reason=f"it says no {name}")
        return json.loads(row[0])

    # ---- certificates ----------------------------------------------------------------------------

    def add(self, use: Use, certificate: Certificate, now_ms: int) -> None:
        self._db.execute(
            "INSERT INTO certificates (serial, use, name, public_key, not_after_ms, issued_ms, der)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                f"{certificate.serial:x}",
                use,
                certificate.name,
                certificate.public_key,
                certificate.not_after_ms,
                now_ms,
                certificate.der,
            ),
        )

    def revoke(self, serial: int, now_ms: int, reason: str) -> None:
        self._db.execute(
            "UPDATE certificates SET revoked_ms = ?, reason = ? WHERE serial = ?",
            (now_ms, reason, f"{serial:x}"),
        )

    def entries(self) -> list[Entry]:
        """All of them, in the order in which they were issued."""
        return self._entries("ORDER BY rowid")

    def named(self, use: Use, name: str) -> list[Entry]:
        return self._entries("WHERE use = ? AND name = ? ORDER BY rowid", use, name)

    def of_key(self, public_key: bytes) -> list[Entry]:
        return self._entries("WHERE public_key = ? ORDER BY rowid", public_key)

    def _entries(self, where: str, *values: object) -> list[Entry]:
        columns = "serial, use, name, public_key, not_after_ms, issued_ms, der, revoked_ms, reason"
        rows = self._db.execute(f"SELECT {columns} FROM certificates {where}", values)
        return [Entry(int(serial, 16), Use(use), *rest) for serial, use, *rest in rows]

    # ---- tokens and lists ------------------------------------------------------------------------

    def add_token(self, token: Token) -> None:
        self._db.execute(
            "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                token.digest,
                token.use,
                token.name,
                json.dumps(token.roles),
                json.dumps(token.hosts),
                token.days,
                token.renews,
                token.expires_ms,
                token.serial,
            ),
        )

    def token(self, digest: bytes) -> Token | None:
        rows = self._db.execute("SELECT * FROM tokens WHERE digest = ?", (digest,)).fetchall()
        for found, use, name, roles, hosts, days, renews, expires_ms, serial in rows:
            words = tuple(json.loads(roles)), tuple(json.loads(hosts))
            return Token(found, Use(use), name, *words, days, bool(renews), expires_ms, serial)
        return None

    def spend(self, digest: bytes, serial: int) -> None:
        self._db.execute("UPDATE tokens SET serial = ? WHERE digest = ?", (f"{serial:x}", digest))

    def open_tokens(self, now_ms: int) -> int:
        """How many may still be spent."""
        query = "SELECT count(*) FROM tokens WHERE serial = '' AND expires_ms >= ?"
        return int(self._db.execute(query, (now_ms,)).fetchone()[0])

    def drop_expired_tokens(self, before_ms: int) -> None:
        """Those that were never spent; spent ones stay, so that a second use is told as such."""
        self._db.execute("DELETE FROM tokens WHERE serial = '' AND expires_ms < ?", (before_ms,))

    def next_list(self, use: Use) -> int:
        """The number of the next revocation list: they rise for ever."""
        statement = (
            "INSERT INTO lists VALUES (?, 1) ON CONFLICT (use) DO UPDATE SET number = number + 1"
            " RETURNING number"
        )
        return int(self._db.execute(statement, (use,)).fetchone()[0])
