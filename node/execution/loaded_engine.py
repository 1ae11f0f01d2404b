"""A contract engine that holds whatever a block may call: bundles go into it when they are first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from contracts.runtime.api import BlockRequest, Bundle, Diagnostic, StateReader, TxResult
from node.contracts.in_force import ContractsInForce


class BlockEngine(Protocol):
    """The contract engine as a channel needs it."""

    async def execute(self, request: BlockRequest, state: StateReader) -> list[TxResult]: ...

    async def check(self, bundle: Bundle) -> tuple[Diagnostic, ...]:
        """The linter's findings: the same on every node."""
        ...

    async def load(self, bundles: list[Bundle]) -> None:
        """Makes them callable."""
        ...


class LoadedEngine:
    """One worker, and which versions it holds. What it holds decides speed, never a result: a request names
    every contract of the channel, those that do not run as version 0."""

    def __init__(self, engine: BlockEngine, contracts: ContractsInForce) -> None:
        self._engine, self._contracts = engine, contracts
        self._held: set[tuple[str, int]] = set()
        self._loading = asyncio.Lock()

    async def execute(self, request: BlockRequest, state: StateReader) -> list[TxResult]:
        """As of the engine, with all that `request.active` names."""
        await self.load(request.active)
        return await self._engine.execute(request, state)

    async def check(self, bundle: Bundle) -> tuple[Diagnostic, ...]:
        return await self._engine.check(bundle)

    async def load(self, active: Mapping[str, int]) -> None:
        """Loads what is missing. Before a block needs it nobody waits for it."""
        if self._held.issuperset(active.items()):
            return
        async with self._loading:
            missing = sorted({p for p in active.items() if p[1]} - self._held)
            if missing:
                bundles = await asyncio.to_thread(self._bundles, missing)
                await self._engine.load(bundles)
            self._held.update(missing, ((name, 0) for name in active))

    def _bundles(self, places: list[tuple[str, int]]) -> list[Bundle]:
        found: list[Any] = [self._contracts.bundle(*place) for place in places]
        assert None not in found, "what is called has been deployed"
        return found
