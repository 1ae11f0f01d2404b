"""A small chain for contract tests: deploy, call, look at outcome, value, events and state.

Import the fixtures into a test module (or its conftest.py):

    from contracts.bundles import load_bundle
    from contracts.runtime.testing import chain, chain_engine  # noqa: F401

    def test_a_transfer_moves_the_balance(chain):
        chain.deploy(load_bundle("token"))                      # a Bundle, or: deploy("token", SOURCE)
        chain.ok("token", "mint", to="alice", amount=5, sender="issuer", roles=("issuer",))
        result = chain.call("token", "transfer", to="bob", amount=3, sender="alice")
        assert result.ok and result.value is True
        assert result.events == [("Transfer", {"sender": "alice", "to": "bob", "amount": 3})]
        assert chain.state("token", "balance") == {"alice": 2, "bob": 3}
        chain.refused("E_BALANCE", "token", "transfer", to="bob", amount=9, sender="alice")

`call` never raises for a failing transaction; `ok` asserts success and returns the value; `refused`
asserts the code and that the state is unchanged. Arguments are the method's, by name; the words
`sender member roles time_ms gas version` are the call's own (for a parameter of such a name pass
`args={…}`). bytes and Decimal arguments are turned into their JSON text. `chain.time_ms` is the block
time of the next call, `chain.height` its height. Dataclasses come back as `values.Record`
(`result.value.amount`). One call is one block.

The engine is the native one. `@pytest.mark.parametrize("chain_engine", ["native", "wasm"])` runs a
test on the real one as well. Signatures are checked by the product's own SM2 when it is available.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import pytest

from contracts.runtime import keys, values
from contracts.runtime.api import BlockRequest, Bundle, Natives, Transaction, TxResult
from contracts.runtime.native import NativeEngine

GAS = 20_000_000
START_MS = 1_800_000_000_000  # 2027-01-15 08:00:00 UTC


class MemoryState:
    """State of the small chain: a sorted dict."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}

    def state_get(self, keys: list[bytes]) -> list[bytes | None]:
        return [self.entries.get(key) for key in keys]

    def state_scan(
        self, prefix: bytes, after: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]:
        ordered = sorted(self.entries)
        at = bisect.bisect_left(ordered, prefix)
        if after is not None:
            at = max(at, bisect.bisect_right(ordered, after))
        found = []
        while at < len(ordered) and ordered[at].startswith(prefix) and len(found) < limit:
            found.append((ordered[at], self.entries[ordered[at]]))
            at += 1
        return found

    def apply(self, writes: tuple[tuple[bytes, bytes | None], ...]) -> None:
        for key, value in writes:
            if value is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = value


class TestNatives:
    """SM3 of the platform; signatures of the product's suites."""

    __test__ = False

    def __init__(self) -> None:
        self._suites: dict[str, Any] = {}

    def sm3(self, data: bytes) -> bytes:
        return hashlib.new("sm3", data).digest()

    def verify(self, suite: str, key: bytes, message: bytes, signature: bytes, id: bytes) -> bool:
        if suite not in self._suites:
            # By name: contracts import nothing of the node, and only tests come here.
            self._suites[suite] = importlib.import_module("node.identity.suite").get_suite(suite)
        return bool(self._suites[suite].verify(key, message, signature, id))

    def amounts(self, operation: str, operands: tuple[Any, ...]) -> bool:
        module = importlib.import_module("node.identity.hidden_amount")
        return bool(module.check(operation, operands))


class Engine(Protocol):
    def load(self, bundle: Bundle, every_function: bool = False) -> None: ...
    def block(self, block: BlockRequest) -> list[TxResult]: ...


@dataclass(frozen=True, slots=True)
class CallResult:
    """What one call did. events: (name, fields); raw: everything the engine said."""

    outcome: str
    code: str
    message: str
    value: Any
    gas: int
    events: list[tuple[str, dict[str, Any]]]
    raw: TxResult

    @property
    def ok(self) -> bool:
        return self.outcome == "ok"


class ContractChain:
    """One channel in memory, one call a block."""

    def __init__(self, engine: str = "native", natives: Natives | None = None) -> None:
        self.states = MemoryState()
        self.height, self.time_ms = 1, START_MS
        self.channel_id = "test-channel"
        self.active: dict[str, int] = {}
        natives = natives or TestNatives()
        self.engine: Engine
        if engine == "native":
            self.engine = NativeEngine(natives, self.states)
        else:
            from contracts.runtime.artifact import ensure_artifact
            from contracts.runtime.host import WasmEngine

            self.engine = WasmEngine(ensure_artifact(), natives, self.states)

    def deploy(
        self,
        contract: Bundle | str,
        source: str = "",
        *,
        version: int = 1,
        rules: Mapping[str, str] | None = None,
    ) -> None:
        """Make a contract callable and its version the active one. Raises ContractRefused."""
        bundle = contract
        if isinstance(bundle, str):
            bundle = Bundle(bundle, version, source, dict(rules or {}))
        self.engine.load(bundle)
        self.active[bundle.name] = bundle.version

    def call(
        self,
        contract: str,
        method: str,
        *,
        sender: str = "tester",
        member: str = "TEST",
        roles: tuple[str, ...] = (),
        time_ms: int | None = None,
        gas: int = GAS,
        version: int | None = None,
        args: Mapping[str, Any] | None = None,
        **named: Any,
    ) -> CallResult:
        """One transaction in a block of its own; its writes stay if it succeeds."""
        result = self._run(contract, method, sender, member, roles, time_ms, gas, version,
                           {**(args or {}), **named})  # fmt: skip
        self.states.apply(result.writes)
        self.height += 1
        return _shown(result)

    def query(self, contract: str, method: str, **words: Any) -> Any:
        """Value of a call whose writes are dropped; asserts success."""
        before = dict(self.states.entries)
        try:
            return self.ok(contract, method, **words)
        finally:
            self.states.entries = before

    def ok(self, contract: str, method: str, **words: Any) -> Any:
        """Value of a call that must succeed."""
        result = self.call(contract, method, **words)
        assert result.ok, f"{contract}.{method}: {result.outcome} {result.code} {result.message}"
        return result.value

    def refused(self, code: str, contract: str, method: str, **words: Any) -> CallResult:
        """A call that must revert with this code and leave the state as it was."""
        before = dict(self.states.entries)
        result = self.call(contract, method, **words)
        found = (result.outcome, result.code, result.message)
        assert result.outcome == "revert" and result.code == code, f"expected {code}, got {found}"
        assert self.states.entries == before
        return result

    def state(self, contract: str, name: str) -> dict[Any, Any]:
        """Entries of a Map by key; a Var's value stands under `keys.VAR`."""
        prefix = keys.object_prefix(contract, name)
        found = sorted(pair for pair in self.states.entries.items() if pair[0].startswith(prefix))
        return {keys.split_state_key(key)[2]: values.decode(value) for key, value in found}

    def _run(
        self,
        contract: str,
        method: str,
        sender: str,
        member: str,
        roles: tuple[str, ...],
        time_ms: int | None,
        gas: int,
        version: int | None,
        args: dict[str, Any],
    ) -> TxResult:
        text = json.dumps(args, default=_json_default, ensure_ascii=False)
        seed = f"{self.height} {contract} {method} {sender} {text}"
        tx = Transaction(
            tx_id=hashlib.sha256(seed.encode()).digest(),
            contract=contract,
            version=self.active.get(contract, 1) if version is None else version,
            method=method,
            args_json=text,
            sender=sender,
            member=member,
            roles=tuple(roles),
            gas_limit=gas,
        )
        block = BlockRequest(
            channel_id=self.channel_id,
            height=self.height,
            time_ms=self.time_ms if time_ms is None else time_ms,
            txs=(tx,),
            active=dict(self.active),
        )
        return self.engine.block(block)[0]


def _json_default(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, values.Record):
        return dict(value.fields)
    raise TypeError(f"no JSON for {type(value).__name__}")


def _shown(result: TxResult) -> CallResult:
    events = [(event.name, event.fields()) for event in result.events]
    return CallResult(
        result.outcome,
        result.code,
        result.message,
        result.value,
        result.gas_used,
        events,
        result,
    )


@pytest.fixture
def chain_engine() -> str:
    """`native` or `wasm`; parametrise a test with it to choose."""
    return "native"


@pytest.fixture
def chain(chain_engine: str) -> Iterator[ContractChain]:
    """An empty chain without contracts."""
    yield ContractChain(chain_engine)
