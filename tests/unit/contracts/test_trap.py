"""What follows a trap: the block runs again, the transaction is fatal, the others keep their results."""

import hashlib
import json

import pytest

from contracts.runtime import backstop, limits
from contracts.runtime.api import BlockRequest, Bundle, Transaction
from contracts.runtime.artifact import ensure_artifact
from contracts.runtime.host import EngineFault, WasmEngine
from contracts.runtime.testing import MemoryState, TestNatives

SOURCE = """
from sdk import Var, export

v = Var("v", 0)

@export
def work(rounds: int) -> int:
    for i in range(rounds):
        pass
    v.set(v.get() + 1)
    return v.get()
"""


def tx(rounds, gas=1_000_000):
    seed = hashlib.sha256(str(rounds).encode()).digest()
    return Transaction(seed, "a", 1, "work", json.dumps({"rounds": rounds}), "s", "m", (), gas)


@pytest.fixture
def engine(monkeypatch):
    found = WasmEngine(ensure_artifact(), TestNatives(), MemoryState())
    found.load(Bundle("a", 1, SOURCE))
    # Little fuel for a transaction stands in for a trap: nothing admitted reaches one otherwise.
    monkeypatch.setattr(backstop, "TRANSACTION_FUEL", 30_000_000)
    monkeypatch.setattr(backstop, "BLOCK_SECONDS", 30_000_000 / backstop.FUEL_PER_SECOND)
    monkeypatch.setattr(backstop, "FUEL_PER_GAS", 0)
    return found


def test_a_transaction_that_traps_is_fatal_and_the_others_stand(engine):
    block = BlockRequest("c", 1, 1, (tx(1), tx(90_000), tx(2)))
    results = engine.block(block)
    assert [(r.outcome, r.code) for r in results] == [("ok", ""), ("fatal", "trap"), ("ok", "")]
    assert results[1].gas_used == 1_000_000 and results[1].writes == ()
    assert [results[0].value, results[2].value] == [1, 2]
    assert engine.block(block) == results


def test_traps_of_a_block_are_capped(engine, monkeypatch):
    monkeypatch.setattr(limits, "TRAPS_BLOCK_MAX", 2)
    results = engine.block(BlockRequest("c", 1, 1, (tx(90_000), tx(90_001), tx(1))))
    assert [r.code for r in results] == ["trap"] * 3


def test_a_failing_host_is_no_outcome(engine):
    def broken(keys):
        raise OSError("disk")

    engine._state.state_get = broken
    with pytest.raises(EngineFault):
        engine.block(BlockRequest("c", 1, 1, (tx(1),)))


def test_gas_does_not_move_with_the_history_of_an_instance():
    engine = WasmEngine(ensure_artifact(), TestNatives(), MemoryState())
    engine.load(Bundle("a", 1, SOURCE))
    for before in (0, 1, 7, 300):
        results = engine.block(BlockRequest("c", 1, 1, (tx(3),) * (before + 1)))
        assert len({r.gas_used for r in results}) == 1
