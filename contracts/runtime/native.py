"""The native engine: the same language on the host interpreter. Tests and `city contract test` only.

It has the first wall (the language) and not the second (the machine): a node never runs contracts
with it. One engine at a time in a process, since the runtime's objects are a process's own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from contracts.runtime import machine, session, values, wire
from contracts.runtime.api import (
    BlockRequest,
    Bundle,
    Diagnostic,
    Natives,
    StateReader,
    TxResult,
)
from contracts.runtime.language.bundle import (
    Compiled,
    bundle_schema,
    check_bundle,
    compile_bundle,
)
from contracts.runtime.loading import check_set_up

T = TypeVar("T")
# The native engine must not be the one that runs out of stack.
STACK_BYTES = 256 << 20


def compile_checked(bundle: Bundle) -> Compiled:
    """Lint, compile, and set the modules up once."""
    compiled = compile_bundle(bundle.main, bundle.rules)
    check_set_up(bundle.name, bundle.version, compiled)
    return compiled


class NativeEngine:
    """Same calls as the worker's host, without a process: load, block, check."""

    def __init__(self, natives: Natives, state: StateReader) -> None:
        self.natives, self.state = natives, state
        self.code: dict[tuple[str, int], tuple[Compiled, bool]] = {}

    def load(self, bundle: Bundle, every_function: bool = False) -> None:
        """Make a bundle callable. Raises ContractRefused."""
        compiled = _on_deep_stack(lambda: compile_checked(bundle))
        self.code[bundle.name, bundle.version] = compiled, every_function

    def check(self, bundle: Bundle) -> tuple[Diagnostic, ...]:
        return _on_deep_stack(lambda: check_bundle(bundle.main, bundle.rules))

    def schema(self, bundle: Bundle) -> bytes:
        """What a bundle offers, value-encoded. Raises ContractRefused."""
        return _on_deep_stack(lambda: values.encode(bundle_schema(bundle.main, bundle.rules)))

    def block(self, block: BlockRequest) -> list[TxResult]:
        """Execute a block on a fresh set of contracts."""
        active = default_active(self.code, block)
        request = wire.decode_request(wire.encode_request(active), wire.encode_control())
        return _on_deep_stack(lambda: self._block(request, active))

    def _block(self, request: wire.Request, block: BlockRequest) -> list[TxResult]:
        session.IMPORTS.state_get = self.state.state_get  # type: ignore[method-assign]
        session.IMPORTS.state_scan = self.state.state_scan  # type: ignore[method-assign]
        session.IMPORTS.sm3 = self.natives.sm3  # type: ignore[method-assign]
        session.IMPORTS.verify = self.natives.verify  # type: ignore[method-assign]
        session.IMPORTS.amounts = self.natives.amounts  # type: ignore[method-assign]
        machine.CONTRACTS.clear()
        machine.LOADER[0] = lambda name, version: self.code.get((name, version))
        results = machine.run_block(request, None)
        return wire.decode_results(wire.encode_results(results), block)


def default_active(
    loaded: Sequence[tuple[str, int]] | dict[tuple[str, int], Any], block: BlockRequest
) -> BlockRequest:
    """The block with every loaded name's active version: the highest where none is given."""
    active: dict[str, int] = {}
    for name, version in loaded:
        active[name] = max(version, active.get(name, 0))
    active.update(block.active)
    return BlockRequest(
        block.channel_id, block.height, block.time_ms, block.txs, block.read_set, active,
        block.first_index,
    )  # fmt: skip


def _on_deep_stack(work: Callable[[], T]) -> T:
    """Run on a thread with a large stack; its result or its exception."""
    found: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            failed.append(error)

    old = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(target=run, name="native-engine")
        thread.start()
    finally:
        threading.stack_size(old)
    thread.join()
    if failed:
        raise failed[0]
    return found[0]
