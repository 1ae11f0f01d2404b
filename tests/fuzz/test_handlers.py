"""No message that is well-formed breaks a gRPC handler: read from the descriptors, so that a new one is
called too. `python -m tests.fuzz --handlers` does the same for longer."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.fuzz import handlers, running
from tests.fuzz.handlers import Method, described, served
from tests.fuzz.hostile import LARGE, Hostile, some

INPUTS = 25
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def methods(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Method]]:
    async with served(tmp_path_factory.mktemp("handlers")) as found:
        yield found


async def test_every_method_that_the_wire_describes_is_called(methods: dict[str, Method]) -> None:
    assert methods.keys() - {"Peer/Link, established"} == described().keys()
    assert len(described()) > 30


@pytest.mark.parametrize("name", [*sorted(described()), "Peer/Link, established"])
async def test_no_message_breaks_it(methods: dict[str, Method], name: str) -> None:
    done = await handlers.run(methods[name], INPUTS)
    assert done.report.inputs == INPUTS
    assert not done.report.finds, "\n".join(told for told, _ in done.report.finds)


async def test_behind_all_that_the_node_still_orders_and_answers(
    methods: dict[str, Method],
) -> None:
    for name in ("Ledger/NodeStatus", "Ledger/StateProof", "Admin/ListHosted", "Peer/Snapshot"):
        done = await handlers.run(methods[name], 20, seed=9)
        assert done.outcomes["ok"] > 5, (name, done.outcomes)


async def test_messages_are_well_formed_and_some_of_them_good_large_or_without_a_field() -> None:
    method = described()["Ledger/SubmitBatch"]
    source = Hostile(method.input_type, {"channel": some("main")}, random.Random(1))
    seen = [source.one() for _ in range(1_000)]
    kind = method.input_type._concrete_class
    parsed = [kind.FromString(data) for data in seen]
    channels = {message.channel for message in parsed}
    assert {"main", ""} < channels and len(channels) > 10
    counts = {len(message.envelopes) for message in parsed}
    assert 0 in counts and LARGE in counts
    assert any(
        message.SerializeToString() != data for message, data in zip(parsed, seen, strict=True)
    )


async def test_floats_and_numbers_of_enums_go_beyond_what_is_declared() -> None:
    level = described()["Ledger/WaitTransaction"].input_type
    source = Hostile(level, {}, random.Random(2))
    numbers = {level._concrete_class.FromString(source.one()).level for _ in range(200)}
    assert {(1 << 31) - 1, -(1 << 31)} <= numbers
    from google.protobuf import wrappers_pb2

    doubles = Hostile(wrappers_pb2.DoubleValue.DESCRIPTOR, {}, random.Random(3))
    values = [wrappers_pb2.DoubleValue.FromString(doubles.one()).value for _ in range(100)]
    assert any(map(math.isnan, values)) and any(map(math.isinf, values))


async def test_a_handler_that_breaks_or_hangs_is_a_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "TICK_S", 0.01)
    kind = described()["Ledger/NodeStatus"].input_type

    async def breaks(_: object) -> str:
        raise KeyError("inside")

    async def spins(_: object) -> str:
        while True:
            pass

    done = await handlers.run(Method("breaks", kind, {}, breaks), 20)
    assert len(done.report.finds) == 1 and "KeyError" in done.report.finds[0][0]
    done = await handlers.run(Method("spins", kind, {}, spins), 1)
    assert "processor time" in done.report.finds[0][0]
