"""The linter's verdict on what is proposed, found before the block that holds it where that is possible.

A verdict depends on the bundle alone, so when and in which worker it is found makes no difference but time: a
large source takes a second, and a block should not.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import structlog

from consensus.encoding import Hash
from contracts.runtime.api import Bundle, Diagnostic
from node.contracts.in_force import ContractsInForce
from node.errors import CityError
from node.execution.engine import EngineRefused, EngineStopped
from node.execution.loaded_engine import LoadedEngine
from node.lifecycle import CONTRACT
from node.ordering.admission import Admitted

VERDICTS_KEPT, AHEAD_MAX = 32, 4
Findings = tuple[Diagnostic, ...]
Key = tuple[str, int, bytes]

log = structlog.get_logger("contracts")


class Linter:
    """One a channel. blocks: the worker that runs blocks; queries: the one that works ahead."""

    def __init__(
        self, contracts: ContractsInForce, blocks: LoadedEngine, queries: LoadedEngine
    ) -> None:
        self._contracts, self._blocks, self._queries = contracts, blocks, queries
        self._found: OrderedDict[Key, Findings] = OrderedDict()
        self._ahead: dict[Key, asyncio.Task[None]] = {}

    async def check(self, bundle: Bundle) -> Findings:
        """For a block that waits: never behind queries."""
        found = self._found.get(_key(bundle))
        return await self._keep(bundle, self._blocks) if found is None else found

    def seen(self, admitted: Admitted) -> None:
        """A transaction that will be ordered soon: if it proposes a version, work begins."""
        if admitted.body.contract != CONTRACT or len(self._ahead) >= AHEAD_MAX:
            return
        asked = self._contracts.asked(0, Hash(admitted.tx_id), admitted.body)
        bundle = None if asked is None else self._contracts.to_lint(asked)
        if bundle is None or (key := _key(bundle)) in self._found or key in self._ahead:
            return
        task = asyncio.get_running_loop().create_task(self._work_ahead(bundle), name="lint")
        self._ahead[key] = task
        task.add_done_callback(lambda _: self._ahead.pop(key, None))

    async def _work_ahead(self, bundle: Bundle) -> None:
        try:
            await self._keep(bundle, self._queries)
        except (CityError, EngineRefused, EngineStopped) as error:
            log.info("contract.not_linted_ahead", contract=bundle.name, reason=str(error))

    async def _keep(self, bundle: Bundle, engine: LoadedEngine) -> Findings:
        findings = self._found[_key(bundle)] = await engine.check(bundle)
        while len(self._found) > VERDICTS_KEPT:
            self._found.popitem(last=False)
        return findings

    async def close(self) -> None:
        """Gives up what is not needed any more."""
        tasks = list(self._ahead.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _key(bundle: Bundle) -> Key:
    return bundle.name, bundle.version, bundle.digest
