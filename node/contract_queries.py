"""Views and dry runs: one call on the state after the last applied block, whose writes go nowhere."""

from __future__ import annotations

import asyncio

from contracts.runtime.api import BlockRequest, Transaction
from node.arguments import BadArguments, check_arguments
from node.errors import CityError
from node.executor import BlockEngine, Planner
from node.facade import QueryResult
from node.genesis import Identity
from node.opening import Ledger

QUERIES_MAX = 64
NO_TRANSACTION = bytes(32)


class Queries:
    """Queries of one channel, on an engine worker of their own so that they cannot hold up blocks."""

    def __init__(self, ledger: Ledger, engine: BlockEngine | None, planner: Planner) -> None:
        self._ledger, self._engine, self._planner = ledger, engine, planner
        self._config = ledger.genesis.config
        self._digests = {
            identity.public_key: digest
            for digest, identity in self._config.identities_by_digest(ledger.suite.hash).items()
        }
        self._waiting = 0

    async def query(
        self,
        contract: str,
        version: int,
        method: str,
        args_json: str,
        sender: Identity | None,
        gas_limit: int,
    ) -> QueryResult:
        """Raises CityError for what no transaction could be either, CITY-6005 when too many wait."""
        if self._engine is None:
            raise CityError("CITY-8011", backend=self._ledger.suite.name, what="answer queries")
        call = self._call(contract, version, method, args_json, sender, gas_limit)
        if self._waiting >= QUERIES_MAX:
            raise CityError("CITY-6005", limit=QUERIES_MAX)
        self._waiting += 1
        try:
            return await self._run(self._engine, call)
        finally:
            self._waiting -= 1

    async def _run(self, engine: BlockEngine, call: Transaction) -> QueryResult:
        view = self._ledger.state.view()
        try:
            # The view was taken at this height: nothing is awaited in between.
            height = self._ledger.applied_height
            header = await asyncio.to_thread(self._ledger.blocks.header, height)
            assert header is not None
            request = BlockRequest(
                channel_id=self._ledger.channel_id.hex(),
                height=height,
                time_ms=header.timestamp_ms,
                txs=(call,),
                active=self._planner.active,
            )
            (result,) = await engine.execute(request, view)
        finally:
            view.close()
        return QueryResult(
            height,
            result.outcome,
            result.code,
            result.message,
            result.result,
            result.gas_used,
            tuple(result.events),
        )

    def _call(
        self,
        contract: str,
        version: int,
        method: str,
        args_json: str,
        sender: Identity | None,
        gas_limit: int,
    ) -> Transaction:
        limits, active = self._config.limits, self._planner.active.get(contract)
        if active is None:
            known = ", ".join(sorted(self._planner.active)) or "none"
            raise CityError("CITY-3008", contract=contract, known=known)
        if version not in (0, active):
            raise CityError("CITY-3009", contract=contract, version=version, active=active)
        if not method.isidentifier() or method.startswith("_"):
            raise CityError("CITY-3010", method=method[:64])
        size = len(args_json.encode())
        if size > limits.args_bytes_max:
            raise CityError("CITY-3012", size=size, limit=limits.args_bytes_max)
        try:
            check_arguments(args_json)
        except BadArguments as error:
            raise CityError("CITY-3011", reason=str(error)) from None
        if gas_limit > limits.tx_gas_max:
            raise CityError("CITY-3015", gas_limit=gas_limit, limit=limits.tx_gas_max)
        return Transaction(
            tx_id=NO_TRANSACTION,
            contract=contract,
            version=active,
            method=method,
            args_json=args_json,
            sender="" if sender is None else self._digests[sender.public_key].hex(),
            member="" if sender is None else sender.member_id,
            roles=() if sender is None else sender.roles,
            gas_limit=gas_limit or limits.tx_gas_max,
        )
