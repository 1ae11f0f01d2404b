"""Views and dry runs: one call on the state after a block, the last applied one or an earlier one, whose writes
go nowhere."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from consensus.encoding import Hash
from consensus.header import Header, identity_digest
from contracts.runtime import values
from contracts.runtime.api import BlockRequest, Transaction
from node.configuration import InForce
from node.contracts.arguments import BadArguments, check_arguments
from node.contracts.in_force import Asked, ContractsInForce
from node.errors import CityError
from node.execution.loaded_engine import LoadedEngine
from node.facade import QueryResult
from node.genesis import Identity
from node.governance import CONTRACT
from node.governance import load_state as load_configuration
from node.governance.calls import NUMBER_MAX
from node.ledger.past import PastView
from node.ledger.state import StateView
from node.lifecycle import CONTRACT as LIFECYCLE
from node.lifecycle import METHODS, LifecycleState
from node.lifecycle import load_state as load_contracts
from node.lifecycle.views import view as contract_view
from node.opening import Ledger
from node.ordering.fairness import Gate, GateFull
from node.quotas.counting import CONTRACT as QUOTA
from node.quotas.counting import load_used
from node.quotas.in_force import QuotasInForce

QUERIES_MAX = 64
RUNNING_MAX = 4  # at a time: one in the engine, others on their way to it and back
NO_TRANSACTION = bytes(32)


@dataclass(frozen=True, slots=True)
class _Moment:
    """A block, and the contracts as they are behind it: what a question is answered from."""

    header: Header
    contracts: LifecycleState


class Queries:
    """Queries of one channel, on an engine worker of their own so that they cannot hold up blocks."""

    def __init__(self, ledger: Ledger, engine: LoadedEngine | None) -> None:
        self._ledger, self._engine = ledger, engine
        self._configuration, self._contracts = ledger.configuration, ledger.contracts
        self._gate: Gate[str] = Gate(RUNNING_MAX, QUERIES_MAX)

    async def query(
        self,
        contract: str,
        version: int,
        method: str,
        args_json: str,
        sender: Identity | None,
        gas_limit: int,
        height: int = 0,
    ) -> QueryResult:
        """version: any that was ever deployed; 0 for the one that runs, or ran last. height: of the block
        behind which it is asked; 0: the last applied one.

        Raises CityError for what no transaction could be either, CITY-6005 when too many wait, CITY-5010 for
        a height whose state is not held, CITY-5011."""
        if contract == QUOTA and not height:
            return self._used(self._ledger.applied_height, self._ledger.quotas, method, args_json)
        if contract == CONTRACT and not height:
            now = self._ledger.applied_height
            return self._configured(now, self._configuration, method, args_json, sender)
        if self._engine is None:
            raise CityError("CITY-8011", backend=self._ledger.suite.name, what="answer queries")
        asked = (contract, version, method, args_json, sender, gas_limit, height)
        try:
            async with self._gate.turn("" if sender is None else sender.member_id):
                return await self._answer(self._engine, *asked)
        except GateFull:
            raise CityError("CITY-6005", limit=QUERIES_MAX) from None

    async def _answer(
        self,
        engine: LoadedEngine,
        contract: str,
        version: int,
        method: str,
        args_json: str,
        sender: Identity | None,
        gas_limit: int,
        height: int,
    ) -> QueryResult:
        """Of what needs the engine, or an earlier state."""
        if contract == LIFECYCLE and not height:
            return await self._lifecycle(
                engine, self._contracts, method, args_json, sender, gas_limit
            )
        # What is in force is taken here: on this loop, where nothing is adopted meanwhile.
        in_force = self._contracts.height, self._contracts.state
        state = self._ledger.state
        opened = await asyncio.to_thread(state.view_at, height) if height else state.view()
        try:
            at = await asyncio.to_thread(self._moment, opened, *in_force)
            if contract in (CONTRACT, LIFECYCLE, QUOTA):
                configuration = await asyncio.to_thread(self._configuration_in, at.header, opened)
                if contract == CONTRACT:
                    now = at.header.height
                    return self._configured(now, configuration, method, args_json, sender)
                if contract == QUOTA:
                    used = await asyncio.to_thread(load_used, opened.scan_all)
                    quotas = QuotasInForce(configuration, used)
                    return self._used(at.header.height, quotas, method, args_json)
                contracts = self._contracts_at(at, configuration)
                return await self._lifecycle(
                    engine, contracts, method, args_json, sender, gas_limit
                )
            call = self._call(at.contracts, contract, version, method, args_json, sender, gas_limit)
            return await self._run(engine, call, at, opened)
        finally:
            opened.close()

    async def _lifecycle(
        self,
        engine: LoadedEngine,
        contracts: ContractsInForce,
        method: str,
        args_json: str,
        sender: Identity | None,
        gas_limit: int,
    ) -> QueryResult:
        """A view of the contracts, or what a lifecycle transaction would do now."""
        self._check_args(args_json)
        state, height = contracts.state, contracts.height
        value = await asyncio.to_thread(
            contract_view, state, method, json.loads(args_json), contracts.transcript
        )
        if value is not None:
            return QueryResult(height, "ok", "", "", values.encode(value), 0)
        if sender is None or method not in METHODS:
            raise CityError("CITY-3010", method=method[:64])
        ask = Asked(
            height + 1,
            Hash(NO_TRANSACTION),
            sender,
            method,
            args_json,
            gas_limit or self._configuration.config.limits.tx_gas_max,
        )
        bundle = contracts.to_lint(ask)
        findings = () if bundle is None else await engine.check(bundle)
        outcome = await asyncio.to_thread(contracts.decide, state, ask, findings)
        result = values.encode(None if outcome.code else outcome.value)
        kind = "revert" if outcome.code else "ok"
        gas_used = outcome.gas_used
        return QueryResult(height, kind, outcome.code, outcome.message, result, gas_used)

    @staticmethod
    def _configured(
        height: int, configuration: InForce, method: str, args_json: str, sender: Identity | None
    ) -> QueryResult:
        """A view of the configuration, or what a config transaction would do; no engine is needed."""
        try:
            check_arguments(args_json)
        except BadArguments as error:
            raise CityError("CITY-3011", reason=str(error)) from None
        args, nothing = json.loads(args_json), Hash(NO_TRANSACTION)
        value = configuration.view(method, args, height + 1)
        if value is not None:
            return QueryResult(height, "ok", "", "", values.encode(value), 0)
        if sender is None:
            raise CityError("CITY-3010", method=method[:64])
        if method == "preview":
            asked, given = str(args.get("method")), json.dumps(args.get("args", {}))
            found = configuration.preview(height + 1, nothing, sender, asked, given)
            return QueryResult(height, "ok", "", "", values.encode(found), 0)
        outcome = configuration.simulate(height + 1, nothing, sender, method, args_json)
        result = values.encode(None if outcome.code else outcome.value)
        kind = "revert" if outcome.code else "ok"
        return QueryResult(height, kind, outcome.code, outcome.message, result, 0)

    @staticmethod
    def _used(height: int, quotas: QuotasInForce, method: str, args_json: str) -> QueryResult:
        """How quotas stand behind the block, at its time or at a later one that is asked for; no engine is
        needed."""
        try:
            check_arguments(args_json)
        except BadArguments as error:
            raise CityError("CITY-3011", reason=str(error)) from None
        if method != "show":
            raise CityError("CITY-3010", method=method[:64])
        time_ms = json.loads(args_json).get("time_ms", 0)
        if type(time_ms) is not int or not 0 <= time_ms <= NUMBER_MAX:
            raise CityError("CITY-3011", reason="time_ms is a whole number of at most 53 bits")
        return QueryResult(height, "ok", "", "", values.encode(quotas.rows(time_ms)), 0)

    async def _run(
        self, engine: LoadedEngine, call: Transaction, at: _Moment, state: StateView | PastView
    ) -> QueryResult:
        request = BlockRequest(
            channel_id=self._ledger.channel_id.hex(),
            height=at.header.height,
            time_ms=at.header.timestamp_ms,
            txs=(call,),
            active=at.contracts.running | {call.contract: call.version},
        )
        (result,) = await engine.execute(request, state)
        if isinstance(state, PastView) and state.failure is not None:
            raise state.failure
        return QueryResult(
            at.header.height,
            result.outcome,
            result.code,
            result.message,
            result.result,
            result.gas_used,
            tuple(result.events),
            call.version,
            tuple(sorted(result.writes)),
        )

    def _moment(
        self, state: StateView | PastView, held_height: int, held: LifecycleState
    ) -> _Moment:
        """Of the view's own height: a block may be written, in its thread, at any moment. held: the contracts
        behind `held_height`, which is nearly always the same."""
        height, ledger = state.height, self._ledger
        assert height is not None, "genesis has been applied"
        header = ledger.blocks.header(height)
        assert header is not None
        if height == held_height:
            return _Moment(header, held)
        return _Moment(header, load_contracts(ledger.genesis.config, state.scan_all))

    def _configuration_in(self, header: Header, state: StateView | PastView) -> InForce:
        ledger = self._ledger
        found = load_configuration(
            ledger.genesis.config, lambda key: state.state_get([key])[0], state.scan_all
        )
        return InForce(found, ledger.channel_id, ledger.suite, header.timestamp_ms)

    def _contracts_at(self, at: _Moment, configuration: InForce) -> ContractsInForce:
        ledger, height = self._ledger, at.header.height
        get = ledger.state.get  # bundles and transcripts, which nothing ever takes away
        genesis, suite = ledger.genesis, ledger.suite
        return ContractsInForce(at.contracts, configuration, genesis, suite, get, height)

    def _call(
        self,
        state: LifecycleState,
        contract: str,
        version: int,
        method: str,
        args_json: str,
        sender: Identity | None,
        gas_limit: int,
    ) -> Transaction:
        limits = self._configuration.config.limits
        versions = state.versions(contract)
        if not versions:
            names = ", ".join(sorted({name for name, _ in state.terms})) or "none"
            raise CityError("CITY-3008", contract=contract, known=names)
        # Of one that never ran, those who are to approve it may try what was proposed.
        version = version or state.head(contract).active or versions[-1]
        if version not in versions:
            known = ", ".join(map(str, versions))
            raise CityError("CITY-4060", contract=contract, version=version, known=known)
        if not method.isidentifier() or method.startswith("_"):
            raise CityError("CITY-3010", method=method[:64])
        self._check_args(args_json)
        if gas_limit > limits.tx_gas_max:
            raise CityError("CITY-3015", gas_limit=gas_limit, limit=limits.tx_gas_max)
        return Transaction(
            tx_id=NO_TRANSACTION,
            contract=contract,
            version=version,
            method=method,
            args_json=args_json,
            sender="" if sender is None else self._digest(sender).hex(),
            member="" if sender is None else sender.member_id,
            roles=() if sender is None else sender.roles,
            gas_limit=gas_limit or limits.tx_gas_max,
        )

    def _check_args(self, args_json: str) -> None:
        size, limit = len(args_json.encode()), self._configuration.config.limits.args_bytes_max
        if size > limit:
            raise CityError("CITY-3012", size=size, limit=limit)
        try:
            check_arguments(args_json)
        except BadArguments as error:
            raise CityError("CITY-3011", reason=str(error)) from None

    def _digest(self, sender: Identity) -> Hash:
        suite = self._ledger.suite
        return identity_digest(suite.hash, suite.id, sender.public_key)
