"""Views and dry runs: one call on the state after the last applied block, whose writes go nowhere."""

from __future__ import annotations

import asyncio

from consensus.encoding import Hash
from consensus.header import Header, identity_digest
from contracts.runtime import values
from contracts.runtime.api import BlockRequest, Transaction
from node.arguments import BadArguments, check_arguments
from node.errors import CityError
from node.executor import BlockEngine, Planner
from node.facade import QueryResult
from node.genesis import Identity
from node.governance import CONTRACT
from node.governance.views import view
from node.ledger.state import StateView
from node.opening import Ledger

QUERIES_MAX = 64
NO_TRANSACTION = bytes(32)


class Queries:
    """Queries of one channel, on an engine worker of their own so that they cannot hold up blocks."""

    def __init__(self, ledger: Ledger, engine: BlockEngine | None, planner: Planner) -> None:
        self._ledger, self._engine, self._planner = ledger, engine, planner
        self._configuration = ledger.configuration
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
        if contract == CONTRACT:
            return self._configured(method, args_json, sender)
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

    def _configured(self, method: str, args_json: str, sender: Identity | None) -> QueryResult:
        """A view of the configuration, or what a config transaction would do now; no engine is needed."""
        height, configuration = self._ledger.applied_height, self._configuration
        value = view(configuration.state, method)
        if value is not None:
            return QueryResult(height, "ok", "", "", values.encode(value), 0)
        if sender is None:
            raise CityError("CITY-3010", method=method[:64])
        outcome = configuration.simulate(
            height + 1, Hash(NO_TRANSACTION), sender, method, args_json
        )
        result = values.encode(None if outcome.code else outcome.value)
        kind = "revert" if outcome.code else "ok"
        return QueryResult(height, kind, outcome.code, outcome.message, result, 0)

    async def _run(self, engine: BlockEngine, call: Transaction) -> QueryResult:
        view = self._ledger.state.view()
        try:
            # The view's own height: a block may be written, in its thread, at any moment.
            height, header = await asyncio.to_thread(self._described, view)
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

    def _described(self, state: StateView) -> tuple[int, Header]:
        height = state.height
        assert height is not None, "genesis has been applied"
        header = self._ledger.blocks.header(height)
        assert header is not None
        return height, header

    def _call(
        self,
        contract: str,
        version: int,
        method: str,
        args_json: str,
        sender: Identity | None,
        gas_limit: int,
    ) -> Transaction:
        limits, active = self._configuration.config.limits, self._planner.active.get(contract)
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
            sender="" if sender is None else self._digest(sender).hex(),
            member="" if sender is None else sender.member_id,
            roles=() if sender is None else sender.roles,
            gas_limit=gas_limit or limits.tx_gas_max,
        )

    def _digest(self, sender: Identity) -> Hash:
        suite = self._ledger.suite
        return identity_digest(suite.hash, suite.id, sender.public_key)
