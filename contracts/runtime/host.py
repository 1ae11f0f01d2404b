"""The host of the guest: wasmtime with deterministic settings, and a fresh instance a block.

In the metered form it counts fuel and decides what follows a trap; the fast form decides no trap (backstop.py).

This is the second wall. It takes `Natives` and a `StateReader` and knows nothing of the node; the worker
(node/execution/worker.py) composes it with the crypto provider and a pipe.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from wasmtime import Config, Engine, Store, Trap, WasmtimeError
from wasmtime.component import Component, Linker

from contracts.runtime import backstop, limits, values, wire
from contracts.runtime.api import (
    BlockRequest,
    Bundle,
    ContractRefused,
    Diagnostic,
    Natives,
    StateReader,
    TxResult,
)
from contracts.runtime.artifact import Artifact, ArtifactError, precompiled
from contracts.runtime.language.linter import diagnostics
from contracts.runtime.native import default_active

MEMORY_BYTES_MAX = 256 << 20
WASM_STACK_BYTES = 1 << 20
START_FUEL = 2_000_000_000
PREPARED_CONTRACTS_MAX = 8
PREPARED_BLOCKS_MAX = 64  # after so many the contracts to prepare are noted afresh


class EngineFault(Exception):
    """The engine failed in a way that is no transaction's outcome: the worker is replaced."""


class Undecided(EngineFault):
    """A trap in the fast form: the metered one decides what it means."""


def make_engine(*, metered: bool) -> Engine:
    """wasmtime as the engine version defines it. The metered form has twice the stack of the fast one, so that
    it traps for its own larger frames nowhere."""
    config = Config()
    config.consume_fuel = metered
    config.cranelift_nan_canonicalization = True
    config.wasm_relaxed_simd = False
    config.wasm_threads = False
    config.max_wasm_stack = 2 * WASM_STACK_BYTES if metered else WASM_STACK_BYTES
    return Engine(config)


def _to_text(data: bytes) -> str:
    return data.decode("latin-1")


def _to_bytes(text: str) -> bytes:
    return text.encode("latin-1")


EMPTY_BLOCK = _to_text(wire.encode_request(BlockRequest("", 1, 1, ())))
EMPTY_CONTROL = _to_text(wire.encode_control())


class _Instance:
    """One live guest and its store."""

    __slots__ = ("about", "block", "compile", "metered", "prepare", "schema", "store")

    def __init__(
        self, engine: Engine, linker: Linker, component: Component, *, metered: bool
    ) -> None:
        self.store, self.metered = Store(engine), metered
        self.refuel(START_FUEL)
        self.store.set_limits(memory_size=MEMORY_BYTES_MAX)
        instance = linker.instantiate(self.store, component)
        self.block = instance.get_func(self.store, "block")
        self.compile = instance.get_func(self.store, "compile")
        self.prepare = instance.get_func(self.store, "prepare")
        self.about = instance.get_func(self.store, "about")
        self.schema = instance.get_func(self.store, "schema")

    def refuel(self, fuel: int) -> None:
        if self.metered:
            self.store.set_fuel(fuel)


class WasmEngine:
    """Loads bundles and runs blocks inside WebAssembly. Not for several threads at once."""

    def __init__(
        self,
        artifact: Artifact | Path,
        natives: Natives,
        state: StateReader,
        *,
        metered: bool = True,
    ) -> None:
        """artifact: compiled here when needed, or the path of a trusted compiled form.

        metered: its form. The fast one needs somebody who watches the time (node/execution/engine.py).
        """
        path = artifact
        if isinstance(artifact, Artifact):
            path = precompiled(artifact, metered=metered)
        self._natives, self._state, self._metered = natives, state, metered
        self._engine = make_engine(metered=metered)
        self._component = Component.deserialize_file(self._engine, str(path))
        self._linker = self._link()
        self._code: dict[tuple[str, int], str] = {}
        self._recent: dict[tuple[str, int], None] = {}
        self._blocks_noted = 0
        self._fault: BaseException | None = None
        self._live: _Instance | None = None
        self._position: int | None = None
        self._gas_limits: tuple[int, ...] = ()
        self._spare: _Instance | None = None
        self._spent: _Instance | None = None
        self.prepare()

    @property
    def loaded(self) -> list[tuple[str, int]]:
        """Names and versions that blocks can call."""
        return list(self._code)

    def prepare(self) -> None:
        """Make the next block's instance ahead of time, while nobody waits.

        It has run a rehearsal, set up the contracts that the last blocks called, each of which costs as much
        as the rehearsal, and answered a block without transactions. All of it changes speed, never results.
        What the last block used is given back here as well, since that takes as long as a few transfers.
        """
        self._spent = None
        if self._spare is None:
            instance = self._bare()
            contracts = values.encode(list(self._recent))
            try:
                instance.prepare(instance.store, _to_text(contracts))
                instance.block(instance.store, EMPTY_BLOCK, EMPTY_CONTROL)
            except (Trap, WasmtimeError):
                self._raise_fault()
                instance = self._bare()
            self._spare = instance

    def seconds_to_make(self, rounds: int) -> tuple[float, float]:
        """The fastest of several times it takes to make an instance, and to prepare it as well for the next
        block, in CPU seconds: for benchmarks."""
        bare = prepared = float("inf")
        for _ in range(rounds):
            self._spare = self._spent = None
            started = time.thread_time()
            self._spent = self._bare()
            bare = min(bare, time.thread_time() - started)
            self._spent = None
            started = time.thread_time()
            self.prepare()
            prepared = min(prepared, time.thread_time() - started)
        return bare, prepared

    def _bare(self) -> _Instance:
        return _Instance(self._engine, self._linker, self._component, metered=self._metered)

    def _fresh(self) -> _Instance:
        self.prepare()
        instance, self._spare = self._spare, None
        assert instance is not None
        self._live = instance
        return instance

    def about(self) -> dict[str, Any]:
        """What the artifact says of itself: Python version, gas table, limits."""
        instance = self._bare()
        if instance.about is None:
            raise ArtifactError("this artifact is of an older release: it does not say what it is")
        found = values.decode(_to_bytes(instance.about(instance.store)))
        assert type(found) is dict
        return found

    # ---- imports of the guest ----
    def _link(self) -> Linker:
        linker = Linker(self._engine)
        with linker.root() as root:
            root.add_func("state-get", self._guarded(self._state_get))
            root.add_func("state-scan", self._guarded(self._state_scan))
            root.add_func("code-get", self._guarded(self._code_get))
            root.add_func("tx-begin", self._guarded(self._tx_begin))
            root.add_func("sm3", self._guarded(self._sm3))
            root.add_func("verify", self._guarded(self._verify))
            root.add_func("amounts", self._guarded(self._amounts))
        return linker

    def _guarded(self, function: Any) -> Any:
        """A failure of the host is remembered: it must never look like a trap of a contract."""

        def run(_store: Any, *args: Any) -> Any:
            try:
                return function(*args)
            except BaseException as error:
                self._fault = error
                raise

        return run

    def _state_get(self, request: str) -> str:
        value = self._state.state_get([_to_bytes(request)])[0]
        return "" if value is None else "+" + _to_text(value)

    def _state_scan(self, request: str) -> str:
        found = self._state.state_scan(*wire.read_scan(_to_bytes(request)))
        return _to_text(wire.scan_answer(found))

    def _code_get(self, name: str, version: int) -> str:
        code = self._code.get((name, version), "")
        if code and self._live is not None:
            self._note(name, version)
        return code

    def _note(self, name: str, version: int) -> None:
        """A contract that a block called: the next instances set it up in advance."""
        self._recent.pop((name, version), None)
        self._recent[name, version] = None
        if len(self._recent) > PREPARED_CONTRACTS_MAX:
            del self._recent[next(iter(self._recent))]

    def _tx_begin(self, index: int) -> None:
        self._position = index
        assert self._live is not None
        self._live.refuel(backstop.transaction_fuel(self._gas_limits[index]))

    def _sm3(self, data: str) -> str:
        return _to_text(self._natives.sm3(_to_bytes(data)))

    def _verify(self, request: str) -> bool:
        suite, key, message, signature, id_ = values.decode(_to_bytes(request))
        return self._natives.verify(suite, key, message, signature, id_)

    def _amounts(self, request: str) -> bool:
        operation, *operands = values.decode(_to_bytes(request))
        return self._natives.amounts(operation, tuple(operands))

    # ---- bundles ----
    def compile(self, bundle: Bundle) -> tuple[bytes, tuple[Diagnostic, ...]]:
        """Code of a bundle for `code-get`, or findings. Outside blocks, under its own fuel."""
        return self._read("compile", bundle, "code")

    def schema(self, bundle: Bundle) -> bytes:
        """What a bundle offers, value-encoded: see language/schema.py. Raises ContractRefused."""
        schema, findings = self._read("schema", bundle, "schema")
        if findings:
            raise ContractRefused(findings)
        return schema

    def _read(
        self, export: str, bundle: Bundle, answer: str
    ) -> tuple[bytes, tuple[Diagnostic, ...]]:
        """What an export of the guest makes of a bundle's source, or findings."""
        instance = self._bare()
        function = getattr(instance, export)
        if function is None:
            raise ArtifactError(f"this artifact is of an older release: it derives no {export}")
        instance.refuel(backstop.compile_fuel())
        request = (bundle.name, bundle.version, bundle.main, dict(bundle.rules))
        try:
            found = function(instance.store, _to_text(values.encode(request)))
        except values.ValueEncodingError:
            return b"", diagnostics("main", [(1, 1, "CT002", "")])
        except Exception as error:
            self._raise_fault()
            self._refuse(error)
            return b"", diagnostics("main", [(1, 1, "CT007", "")])
        message = values.decode(_to_bytes(found))
        if answer in message:
            return message[answer], ()
        return b"", tuple(Diagnostic(*finding) for finding in message["findings"])

    def load(self, bundle: Bundle, every_function: bool = False) -> bytes:
        """Make a bundle callable; its code. Raises ContractRefused. every_function: case files only."""
        code, findings = self.compile(bundle)
        if findings:
            raise ContractRefused(findings)
        self.install(bundle.name, bundle.version, code, every_function)
        return code

    def install(self, name: str, version: int, code: bytes, every_function: bool = False) -> None:
        """Make code callable that `compile` of this artifact made, here or in its other form."""
        self._code[name, version] = _to_text(values.encode((code, every_function)))
        self._spare = None  # it may hold what this name meant before

    def check(self, bundle: Bundle) -> tuple[Diagnostic, ...]:
        return self.compile(bundle)[1]

    def forget(self, name: str, version: int) -> None:
        self._code.pop((name, version), None)
        self._recent.pop((name, version), None)
        self._spare = None

    # ---- blocks ----
    def run_block(self, request: bytes, gas_limits: tuple[int, ...]) -> bytes:
        """Result columns of a block's request columns.

        Results leave only when the whole block has run. After a trap in the metered form the block runs again
        from its start, announcing each transaction, with those that trapped marked fatal; after 16 of them the
        rest of the block is fatal. Every node does the same. Raises Undecided in the fast form.
        """
        self._gas_limits = gas_limits
        self._blocks_noted = (self._blocks_noted + 1) % PREPARED_BLOCKS_MAX
        if self._blocks_noted == 0:
            self._recent.clear()
        text = _to_text(request)
        fatal: set[int] = set()
        stop, careful = len(gas_limits), False
        while True:
            control = _to_text(wire.encode_control(fatal, stop, careful))
            instance = self._fresh()
            self._position = None
            if not careful:
                instance.refuel(backstop.block_fuel(gas_limits))
            try:
                return _to_bytes(instance.block(instance.store, text, control))
            except Exception as error:
                self._raise_fault()
                self._refuse(error)
                if not careful:
                    careful = True
                    continue
                if self._position is None or self._position in fatal:
                    raise EngineFault(f"trap outside a transaction: {error}") from error
                fatal.add(self._position)
                if len(fatal) >= limits.TRAPS_BLOCK_MAX:
                    stop = self._position + 1
            finally:
                self._live, self._spent = None, instance

    def block(self, block: BlockRequest) -> list[TxResult]:
        """Results of a block, checked."""
        known = default_active(self.loaded, block)
        answer = self.run_block(wire.encode_request(known), tuple(tx.gas_limit for tx in block.txs))
        return wire.decode_results(answer, known)

    def _refuse(self, error: Exception) -> None:
        """Go on only after a trap of the metered form."""
        if not isinstance(error, Trap | WasmtimeError):
            raise error
        if not self._metered:
            raise Undecided(f"trap in the fast form: {error}") from error

    def _raise_fault(self) -> None:
        fault, self._fault = self._fault, None
        if fault is not None:
            raise EngineFault("the host failed to answer the guest") from fault
