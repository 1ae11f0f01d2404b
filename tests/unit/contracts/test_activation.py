"""`migrate` in the real engine: who may call it, what it sees, and a worker that dies in the middle of it."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from consensus.encoding import ZERO_HASH, Hash
from consensus.header import Header
from contracts.runtime import values
from contracts.runtime.api import BlockRequest, Bundle, StateReader, Transaction, TxResult
from contracts.runtime.keys import state_key
from contracts.runtime.testing import MemoryState
from node.contracts.activations import Activations, activate
from node.execution.engine import EngineWorker
from node.lifecycle.state import ACTIVE, APPROVED, SCHEDULED, Head, LifecycleState, Stage, Terms

FIRST = """
from sdk import Map, export, view

m = Map("m", 0)

@export
def put(k: str, v: int) -> int:
    m[k] = v
    return v

@view
def get(k: str) -> int:
    return m[k]
"""
# An author who exports it by mistake opens it to nobody.
EXPORTED = (
    FIRST
    + """

@export
def migrate() -> int:
    m["own"] = 1
    return 1
"""
)
SECOND = (
    FIRST
    + """

def migrate():
    for k, v in m.scan():
        m[k] = v + 1000
"""
)
THROUGH = """
from sdk import call, export

@export
def through() -> int:
    return call("a", "migrate")
"""
KEYS = [state_key("a", "m", f"k{n}") for n in range(3)]
HEADER = Header(
    1, 1, Hash(b"c" * 32), 0, 9, ZERO_HASH, ZERO_HASH, ZERO_HASH, 0, ZERO_HASH, ZERO_HASH, 1_000,
    ZERO_HASH, ZERO_HASH, ZERO_HASH, ZERO_HASH,
)  # fmt: skip


@pytest.fixture
async def worker():
    made = EngineWorker()
    await made.start()
    await made.load([Bundle("a", 1, FIRST), Bundle("a", 2, SECOND), Bundle("b", 1, THROUGH)])
    yield made
    await made.close()


def scheduled() -> LifecycleState:
    """Version 1 of `a` runs, version 2 is due behind block 9."""
    terms = {("a", v): Terms("a", v, ZERO_HASH, "", None, "", "", 0) for v in (1, 2)}
    one, two = (Stage(s, Hash(b"d" * 32), (), (), 10, "") for s in (ACTIVE, SCHEDULED))
    heads = {"a": Head(1, False, False, (), ())}
    return LifecycleState(
        MappingProxyType(terms),
        MappingProxyType({("a", 1): one, ("a", 2): two}),
        MappingProxyType(heads),
    )


class Dying(MemoryState):
    """State that kills the worker at its first question, in the middle of what it does."""

    def __init__(self, worker: EngineWorker, data: dict[bytes, bytes]) -> None:
        super().__init__()
        self.entries, self.worker, self.killed = data, worker, False

    def state_scan(
        self, prefix: bytes, after: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]:
        if not self.killed:
            self.killed = True
            assert self.worker._process is not None
            self.worker._process._child.kill()
        return super().state_scan(prefix, after, limit)


def holding(data: dict[bytes, bytes]) -> MemoryState:
    state = MemoryState()
    state.entries = dict(data)
    return state


async def run(worker: EngineWorker, state: StateReader, gas: int = 1_000_000) -> Activations:
    async def one(request: BlockRequest, reader: StateReader) -> TxResult:
        (result,) = await worker.block(request, reader)
        return result

    # k2 was written by the block itself.
    written = {KEYS[2]: values.encode(7)}
    return await activate(HEADER, scheduled(), state, written, {}, gas, one)


async def test_a_worker_killed_in_the_middle_of_a_migration_gives_the_same_result(worker):
    data = {key: values.encode(n) for n, key in enumerate(KEYS)}
    quiet = await run(worker, holding(data))
    dying = Dying(worker, dict(data))
    disturbed = await run(worker, dying)
    assert dying.killed and worker.replaced == 1
    assert disturbed == quiet
    assert quiet.writes == {
        key: values.encode(v) for key, v in zip(KEYS, (1000, 1001, 1007), strict=True)
    }
    assert quiet.state.stages["a", 2].status == ACTIVE


async def test_a_migration_without_the_gas_for_it_activates_nothing(worker):
    found = await run(worker, holding({KEYS[0]: values.encode(1)}), gas=100)
    (done,) = found.done.values()
    assert (done.failure, done.writes, found.writes) == ("oog out-of-gas", {}, {})
    assert found.state.stages["a", 2].status == APPROVED
    assert found.state.stages["a", 2].failure == done.failure
    assert found.state.running == {"a": 1}


async def test_nobody_but_the_ledger_calls_migrate(worker):
    sent = Transaction(bytes(32), "a", 2, "migrate", "{}", "s", "M", (), 1_000_000)
    through = replace(sent, contract="b", version=1, method="through")
    active = {"a": 2, "b": 1}
    await worker.load([Bundle("a", 3, EXPORTED)])
    for version in (2, 3):
        exported = replace(sent, version=version)
        for call, code in ((exported, "no-such-method"), (through, "LookupError")):
            request = BlockRequest("c", 1, 1, (call,), active=active | {"a": version})
            (result,) = await worker.block(request, MemoryState())
            assert (result.outcome, result.code) == ("revert", code)


async def test_what_does_not_run_is_not_called_though_it_is_loaded(worker):
    """The same on a node that happens to have loaded it and on one that has not."""
    sent = Transaction(bytes(32), "a", 1, "get", '{"k": "x"}', "s", "M", (), 1_000_000)
    request = BlockRequest("c", 1, 1, (sent,), active={"a": 0, "b": 1})
    (result,) = await worker.block(request, MemoryState())
    assert (result.outcome, result.code) == ("revert", "version-not-active")
