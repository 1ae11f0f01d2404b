"""The worker process and its supervisor: the lock, incidents, traps, and answers that are not believed."""

import hashlib
import json
import os
import struct
import threading

import pytest

from contracts.runtime import backstop, host, keys, values, wire
from contracts.runtime.api import OUTCOMES, BlockRequest, Bundle, ContractRefused, Transaction
from contracts.runtime.artifact import ensure_artifact
from contracts.runtime.testing import MemoryState, TestNatives
from node.execution import engine as supervisor
from node.execution import sandbox
from node.execution.engine import EngineStopped, EngineWorker
from node.execution.engines import LazyEngine
from node.execution.frames import FrameReader, write_frame
from node.execution.read_prediction import ReadPredictor
from node.execution.worker import Pipe, Worker
from node.execution.worker_slots import WorkerSlots

SOURCE = """
from sdk import Map, call, ctx, export, require, sm2_verify, view

m = Map("m", 0)

@export
def put(k: str, v: int) -> int:
    require(v != 13, "E_UNLUCKY", "not this one")
    m[k] = m[k] + v
    return m[k]

@view
def get(k: str) -> int:
    return m[k]

@view
def who() -> list:
    return [ctx.sender, ctx.member, list(ctx.roles), ctx.block, ctx.time, ctx.index, ctx.channel,
            ctx.contract, ctx.version, ctx.caller, ctx.tx_id]

@export
def through(other: str, k: str, v: int) -> int:
    m["own"] = 1
    try:
        return call(other, "put", k, v)
    except Exception as error:
        return -1

@view
def page() -> list:
    return m.scan(limit=3)
"""


def tx(method, contract="a", version=1, gas=1_000_000, **args):
    seed = json.dumps([contract, method, args]).encode()
    return Transaction(
        hashlib.sha256(seed).digest(), contract, version, method, json.dumps(args), "s", "M",
        ("r",), gas,
    )  # fmt: skip


def block(*txs, **words):
    return BlockRequest("channel", 7, 1234, tuple(txs), **words)


@pytest.fixture
async def worker():
    found = EngineWorker()
    await found.start()
    await found.load([Bundle("a", 1, SOURCE), Bundle("b", 1, SOURCE)])
    yield found
    await found.close()


async def test_a_worker_runs_blocks_behind_its_lock(worker):
    assert worker.sandbox == "seccomp"
    state = MemoryState()
    state.entries[keys.state_key("a", "m", "k")] = values.encode(5)
    results = await worker.block(
        block(tx("put", k="k", v=2), tx("put", k="k", v=13), tx("get", k="k"), tx("who")), state
    )
    assert [(r.outcome, r.code) for r in results] == [
        ("ok", ""), ("revert", "E_UNLUCKY"), ("ok", ""), ("ok", ""),
    ]  # fmt: skip
    assert results[0].value == results[2].value == 7
    assert results[0].writes == ((keys.state_key("a", "m", "k"), values.encode(7)),)
    assert results[0].read_keys == (keys.state_key("a", "m", "k"),)
    assert results[1].message == "not this one" and results[1].writes == ()
    assert results[3].value[:10] == ["s", "M", ["r"], 7, 1234, 3, "channel", "a", 1, ""]


async def test_two_channels_share_one_process_and_a_rest_changes_no_result(worker):
    """Each has its own contracts, of which one was loaded late; each call of the other ends its process."""
    slots, state = WorkerSlots(1, 0), MemoryState()
    workers = [EngineWorker(), EngineWorker()]
    engines = [
        LazyEngine(each, (Bundle(name, 1, SOURCE),), True, slots)
        for name, each in zip("ab", workers, strict=True)
    ]
    try:
        await engines[0].load([Bundle("b", 1, SOURCE)])
        told = block(tx("through", other="b", k="x", v=1), tx("put", k="k", v=2))
        expected = await worker.block(told, state)
        alone = block(tx("put", contract="b", k="k", v=2))
        for _ in range(2):
            assert await engines[0].execute(told, state) == expected
            assert workers[0].pid and not workers[1].pid
            (result,) = await engines[1].execute(alone, state)
            assert result.value == 2
            assert workers[1].pid and not workers[0].pid
        assert workers[0].replaced == workers[1].replaced == 0
    finally:
        for engine in engines:
            await engine.close()
    assert slots.running == 0


async def test_a_preloaded_read_set_changes_no_result(worker):
    state = MemoryState()
    for n in range(5):
        state.entries[keys.state_key("a", "m", f"k{n}")] = values.encode(n)
    txs = [tx("put", k=f"k{n}", v=n) for n in range(5)] + [tx("page")]
    bare = await worker.block(block(*txs), state)
    known = {**state.entries, keys.state_key("a", "m", "none"): None}
    assert await worker.block(block(*txs, read_set=known), state) == bare
    assert bare[-1].value == [("k0", 0), ("k1", 2), ("k2", 4)]


async def test_a_failed_sub_call_leaves_nothing_but_its_gas(worker):
    results = await worker.block(
        block(tx("through", other="b", k="x", v=1), tx("through", other="b", k="x", v=13),
              tx("through", other="a", k="x", v=1), tx("through", other="none", k="x", v=1)),
        MemoryState(),
    )  # fmt: skip
    assert [r.value for r in results] == [1, -1, -1, -1]
    own, other = keys.state_key("a", "m", "own"), keys.state_key("b", "m", "x")
    assert [[k for k, _ in r.writes] for r in results] == [[own, other], [own], [own], [own]]


async def test_a_bad_contract_is_refused_by_the_worker(worker):
    with pytest.raises(ContractRefused) as refused:
        await worker.load([Bundle("c", 1, "def f():\n    return 1.5\n")])
    assert refused.value.diagnostics[0].code == "CT401"
    assert await worker.check(Bundle("c", 1, SOURCE)) == ()


async def test_a_killed_worker_is_replaced_and_the_block_runs_again(worker):
    before = await worker.block(block(tx("put", k="k", v=1)), MemoryState())
    worker._process._child.kill()
    after = await worker.block(block(tx("put", k="k", v=1)), MemoryState())
    assert after == before and worker.replaced == 1


class Deadly(MemoryState):
    """State whose third question finds the worker killed, in the middle of the block."""

    def __init__(self, worker: EngineWorker) -> None:
        super().__init__()
        self.worker, self.asked = worker, 0

    def state_get(self, keys: list[bytes]) -> list[bytes | None]:
        self.asked += 1
        if self.asked == 3:
            self.worker._process._child.kill()
        return super().state_get(keys)


async def test_a_worker_killed_in_the_middle_of_a_block_gives_the_same_results(worker):
    request = block(*(tx("get", k=f"k{n}") for n in range(8)), tx("put", k="k", v=1))
    quiet = await worker.block(request, MemoryState())
    worker._predictor = ReadPredictor()  # every read is asked for again
    state = Deadly(worker)
    assert await worker.block(request, state) == quiet
    assert worker.replaced == 1 and state.asked > 8


async def test_a_worker_that_is_late_twice_stops_the_channel(worker, monkeypatch):
    monkeypatch.setattr(backstop, "BLOCK_SECONDS", -1.0)
    monkeypatch.setattr(backstop, "SECONDS_PER_GAS", 0.0)
    with pytest.raises(EngineStopped):
        await worker.block(block(tx("put", k="k", v=1)), MemoryState())
    assert worker.replaced == 1


async def test_a_block_that_is_late_in_the_fast_form_is_decided_by_the_metered_one(
    worker, monkeypatch
):
    state, request = MemoryState(), block(tx("put", k="k", v=1), tx("who"))
    expected = await worker.block(request, state)
    at_once = -1e9
    monkeypatch.setattr(
        backstop, "block_seconds", lambda limits, *, metered: 600.0 if metered else at_once
    )
    assert await worker.block(request, state) == expected
    assert await worker.block(request, state) == expected  # and it stays with that form
    assert worker.replaced == 1


def test_a_trap_in_the_fast_form_is_said_to_be_undecided(monkeypatch):
    # Nothing admitted overflows the real stack, so here it is a short one.
    monkeypatch.setattr(host, "WASM_STACK_BYTES", 4 << 10)
    engine = host.WasmEngine(ensure_artifact(), TestNatives(), MemoryState(), metered=False)
    request = wire.encode_request(block(tx("who")))
    (to_worker, ask), (answer, from_worker) = os.pipe(), os.pipe()
    serving = threading.Thread(target=Worker(Pipe(to_worker, from_worker), engine).serve)
    serving.start()
    write_frame(ask, values.encode({"op": "block", "request": request, "gas": bytes(8)}))
    found = values.decode(FrameReader(answer).read())
    os.close(ask)
    serving.join()
    assert found["undecided"] is True and "trap" in found["fault"]


async def test_calls_after_close_are_refused(worker):
    await worker.close()
    with pytest.raises(supervisor.EngineRefused):
        await worker.block(block(tx("who")), MemoryState())


def test_the_filter_knows_both_architectures_and_no_dangerous_call():
    for machine, forbidden in (
        ("x86_64", (2, 257, 41, 59, 57, 56, 101)),
        ("aarch64", (56, 198, 221, 220, 117)),
    ):
        program = sandbox.build_filter(machine)
        rows = [struct.unpack("=HBBI", program[at : at + 8]) for at in range(0, len(program), 8)]
        allowed = {value for op, yes, no, value in rows[6:-1] if op == 0x15}
        assert not allowed & set(forbidden)
        assert rows[-1][3] == sandbox.RET_ERRNO_EPERM


# ---- answers of a worker that lies ---------------------------------------------------------------

REQUEST = block(tx("put", k="k", v=1))
GOOD = {
    "outcome": "ok", "code": "", "message": "", "gas": 10, "result": b"\x00", "events": [],
    "writes": {keys.state_key("a", "m", "k"): b"\x02"}, "reads": {},
}  # fmt: skip


def ran(fields: dict) -> tuple:
    """What a guest would send for these fields."""
    return OUTCOMES.index(fields["outcome"]), *list(fields.values())[1:]


def test_an_honest_answer_is_taken():
    assert wire.decode_results(wire.encode_results([ran(GOOD)]), REQUEST)[0].gas_used == 10


@pytest.mark.parametrize(
    "lie",
    [
        {"gas": 1_000_001},
        {"outcome": "oog", "code": "out-of-gas", "writes": {}, "gas": 5},
        {"outcome": "revert", "code": "E_X"},
        {"code": "E_X"},
        {"outcome": "revert", "writes": {}},
        {"writes": {b"no key": b"\x02"}},
        {"writes": {b"\x01node": b"\x02"}},
        {"outcome": "revert", "code": "E" * 65, "writes": {}},
        {"writes": {keys.state_key("a", "m", "k"): b"x" * 300_000}},
        {"message": "x" * 300, "outcome": "revert", "code": "E", "writes": {}},
        {"writes": {keys.state_key("zz", "m", n): b"\x02" for n in range(5000)}},
        {"events": [b"a\0E", b"x" * 70_000]},
        {"result": b"x" * 300_000},
    ],
)
def test_a_lying_answer_is_refused(lie):
    with pytest.raises(wire.WireError):
        wire.decode_results(wire.encode_results([ran({**GOOD, **lie})]), REQUEST)


def test_answers_of_another_shape_are_refused():
    good = wire.encode_results([ran(GOOD)])
    for bad in (
        b"",
        b"\x00",
        good[:-1],
        good + b"\x00",
        wire.encode_results([ran(GOOD), ran(GOOD)]),
    ):
        with pytest.raises(wire.WireError):
            wire.decode_results(bad, REQUEST)
