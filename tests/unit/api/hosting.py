"""A node's channels as the Admin service asks for them: a dictionary that remembers what was ordered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from consensus.encoding import Hash
from consensus.header import identity_digest
from node.errors import CityError
from node.facade import Operators
from node.identity.signers import MemorySigner
from tests.unit.api.chain import SUITE


class MemoryHosting:
    """Implements node.facade.HostingFacade. `ordered`: what an operator had done."""

    def __init__(self, node_key: bytes) -> None:
        self.operator = MemorySigner(SUITE.generate_key())
        self.identity = Hash(identity_digest(SUITE.hash, SUITE.id, node_key))
        self.ordered: list[tuple[Any, ...]] = []
        self.states = {"main": "running"}

    def operators(self) -> Operators:
        keys = frozenset((self.operator.public_key,))
        return Operators(SUITE, self.identity, "Shenzhen", keys)

    def hosted(self) -> list[dict[str, Any]]:
        return [self.show(name) for name in self.states]

    def show(self, name: str) -> dict[str, Any]:
        if name not in self.states:
            raise CityError("CITY-1004", channel=name, known=", ".join(self.states))
        return {"channel": name, "state": self.states[name], "height": 7}

    def genesis(self, name: str) -> bytes:
        self.ordered.append(("genesis", name))
        return b"genesis of " + name.encode()

    async def prepare(self, name: str, suite_name: str) -> bytes:
        self.ordered.append(("prepare", name, suite_name))
        return b"card"

    async def join(
        self,
        genesis: bytes,
        addresses: Mapping[str, str],
        grant: bytes = b"",
        from_snapshot: bool = False,
    ) -> dict[str, Any]:
        self.ordered.append(("join", genesis, dict(addresses), grant, from_snapshot))
        self.states["new"] = "opening"
        return self.show("new")

    async def leave(self, name: str, is_forced: bool = False) -> dict[str, Any]:
        self.ordered.append(("leave", name, is_forced))
        return {"channel": name, "state": "left"}

    async def _change(self, name: str, word: str, state: str) -> dict[str, Any]:
        self.show(name)
        self.ordered.append((word, name))
        self.states[name] = state
        return self.show(name)

    async def backup(self, name: str) -> dict[str, Any]:
        self.ordered.append(("backup", name))
        return {**self.show(name), "file": "main-7.backup"}

    async def pause(self, name: str) -> dict[str, Any]:
        return await self._change(name, "pause", "paused")

    async def resume(self, name: str) -> dict[str, Any]:
        return await self._change(name, "resume", "opening")

    async def archive(self, name: str) -> dict[str, Any]:
        return await self._change(name, "archive", "archived")
