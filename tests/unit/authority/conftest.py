"""An authority of member PX in a folder, and holders who ask it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from node.authority.authority import DAY_MS, Asked, Keys, MemberAuthority
from node.authority.register import Use
from node.identity.certificates import Certificate
from node.identity.keys import PrivateKey
from node.identity.requests import make_request
from node.identity.suite import Suite, get_suite

START_MS = 1_900_000_000_000


@dataclass
class World:
    authority: MemberAuthority
    keys: Keys
    suite: Suite
    at: dict[str, int] = field(default_factory=lambda: {"ms": START_MS})

    def request(
        self, name: str = "buyer", roles: tuple[str, ...] = ("maker",), **more: Any
    ) -> tuple[PrivateKey, bytes]:
        """A fresh key and its request; a node's where it names hosts."""
        suite = self.authority.suite_for(Use.NODE if more.get("hosts") else Use.IDENTITY)
        key = more.pop("key", None) or suite.generate_key()
        return key, make_request(suite, suite.signer(key), name, roles, **more)

    def issue(self, name: str = "buyer", **more: Any) -> Certificate:
        _, request = self.request(name, **more)
        return self.authority.issue(self.keys, Use.IDENTITY, request, Asked())

    def later(self, days: float) -> None:
        self.at["ms"] += round(days * DAY_MS)

    def contents(self) -> list[Any]:
        """All that a refusal must leave as it is: the register and both lists."""
        database = self.authority.register._db
        tables = ("facts", "certificates", "tokens", "lists")
        rows = [
            database.execute(f"SELECT * FROM {t} ORDER BY rowid").fetchall() for t in tables[:2]
        ]
        rows += [sorted(database.execute(f"SELECT * FROM {t}").fetchall()) for t in tables[2:]]
        return [
            *rows,
            *((p.name, p.read_bytes()) for p in sorted(self.authority.folder.glob("*.crl"))),
        ]


@pytest.fixture(params=["sm", "intl"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    suite, at = get_suite(request.param), {"ms": START_MS}
    authority = MemberAuthority.create(
        tmp_path / "ca", "PX", suite, None, dev=True, roles=("maker", "checker", "kyc"),
        now_ms=lambda: at["ms"],
    )  # fmt: skip
    yield World(authority, authority.unlock(None, dev=True), suite, at)
    authority.close()
