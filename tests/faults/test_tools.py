"""The tools of the fault runner notice what they are for: a stalled link, a lost call, an odd answer."""

from __future__ import annotations

import asyncio
import random
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import permutations
from pathlib import Path
from typing import Any, cast

import pytest

from tests.faults import checks, hosts
from tests.faults.checks import Broken, Ledger
from tests.faults.city_network import Network
from tests.faults.faults import FAULTS
from tests.faults.load import Load, Operation
from tests.faults.playing import Played, Report, order, percentiles
from tests.faults.wires import Mesh

WAIT = 30.0


@asynccontextmanager
async def echo(mesh: Mesh) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that `a` dials to `b`, who answers what it hears."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = await mesh.add("a", "b", ("127.0.0.1", server.sockets[0].getsockname()[1]))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        await mesh.stop()
        server.close()


async def _hears(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytes) -> bytes:
    writer.write(said)
    async with asyncio.timeout(WAIT):
        return await reader.readexactly(len(said))


async def test_a_wire_carries_both_ways_and_slowly_too() -> None:
    mesh = Mesh(random.Random(1))
    async with echo(mesh) as (reader, writer):
        assert await _hears(reader, writer, b"one") == b"one"
        mesh.slow(0.01, 0.5)
        assert await _hears(reader, writer, b"two") == b"two"
        mesh.heal()
        assert await _hears(reader, writer, b"three") == b"three"


@pytest.mark.parametrize("silent", ["a", "b"])
async def test_what_one_end_says_can_stall_and_comes_when_the_wire_is_healed(silent: str) -> None:
    mesh = Mesh(random.Random(1))
    async with echo(mesh) as (reader, writer):
        assert await _hears(reader, writer, b"one") == b"one"
        mesh.mute(silent, ["a", "b"])
        writer.write(b"two")
        waiting = asyncio.create_task(reader.readexactly(3))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        mesh.heal()
        async with asyncio.timeout(WAIT):
            assert await waiting == b"two"


async def test_a_cut_resets_what_stands_and_refuses_what_comes_until_it_is_healed() -> None:
    mesh = Mesh(random.Random(1))
    async with echo(mesh) as (reader, writer):
        assert await _hears(reader, writer, b"one") == b"one"
        mesh.cut(["b"], ["a"])
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await _hears(reader, writer, b"two")
        port = mesh.wires["a", "b"].port
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await _hears(*await asyncio.open_connection("127.0.0.1", port), b"three")
        mesh.heal()
        again = await asyncio.open_connection("127.0.0.1", port)
        assert await _hears(*again, b"four") == b"four"
        again[1].transport.abort()


async def test_a_link_that_loses_something_breaks_and_can_be_dialled_again() -> None:
    mesh = Mesh(random.Random(1))
    async with echo(mesh) as (reader, writer):
        mesh.lose(1.0)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await _hears(reader, writer, b"nothing of this arrives whole")
        mesh.heal()
        again = await asyncio.open_connection("127.0.0.1", mesh.wires["a", "b"].port)
        assert await _hears(*again, b"but this does") == b"but this does"
        again[1].transport.abort()


def _reaches(hub: str, source: int, target: int) -> bool:
    """Whether a host knows a way to another."""
    command = ["ip", "-n", f"{hub}-{source}", "route", "get", hosts.seen_at(target)]
    return subprocess.run(command, capture_output=True, timeout=30).returncode == 0


def test_hosts_are_cut_off_in_one_direction_or_both_and_leave_nothing_behind() -> None:
    try:
        with hosts.prepared(3) as hub:
            routes = hosts.Hosts(hub, ["a", "b", "c"], random.Random(1))
            assert all(_reaches(hub, *pair) for pair in permutations(range(3), 2))
            routes.mute("a", ["b"])
            assert not _reaches(hub, 0, 1) and _reaches(hub, 1, 0)
            routes.cut(["a", "b"], ["c"])
            assert not any(_reaches(hub, *pair) for pair in ((0, 2), (2, 0), (1, 2), (2, 1)))
            routes.heal()
            assert all(_reaches(hub, *pair) for pair in permutations(range(3), 2))
    except hosts.NoNamespaces as error:
        pytest.skip(f"HOSTS NOT TESTED: no network namespaces here: {error}")
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, timeout=30)
    assert hub not in left.stdout


def _load(*operations: Operation) -> Load:
    load = Load(cast(Any, None), 1, random.Random(1))
    load.operations += operations
    load.acknowledged += [o for o in operations if o.balance is not None]
    return load


def test_an_acknowledged_call_that_is_not_in_the_chain_is_lost() -> None:
    ledger = Ledger(cast(Network, None))
    ledger.place, ledger.height = {"there": 5, "moved": 6}, 9
    called = [
        Operation("x", 1, "there", 0.0, 1.0, 1, 5),
        Operation("x", 1, "moved", 0.0, 1.0, 2, 5),
        Operation("x", 1, "gone", 0.0, 1.0, 3, 5),
        Operation("x", 1, "later", 0.0, 1.0, 3, 10),  # above what was read
    ]
    assert [o.tx_id for o in ledger.lost(called)] == ["moved", "gone"]


@pytest.mark.skipif(
    not checks.LINCHECK.exists(), reason="NOT TESTED: the shared suites are not here"
)
def test_answers_that_no_order_explains_are_noticed() -> None:
    first, second = Operation("x", 5, "1", 0.0, 1.0, 5), Operation("x", 7, "2", 2.0, 3.0, 12)
    assert checks.linearizable(_load(first, second)) == "yes"
    unknown = Operation("x", 100, "3", 1.5)
    assert checks.linearizable(_load(first, second, unknown)) == "yes", "it is not in the chain"
    took_effect = Operation("x", 100, "3", 1.5, balance=112)
    assert checks.linearizable(_load(first, second, took_effect)) == "yes"
    for wrong in (5, 7, 13):  # what came before is forgotten, or out of nowhere
        with pytest.raises(Broken):
            checks.linearizable(_load(first, Operation("x", 7, "2", 2.0, 3.0, wrong)))


def test_the_same_seed_draws_the_same_faults_and_all_of_them() -> None:
    def drawn(seed: int, engine: str) -> list[str]:
        faults = iter(order(engine, random.Random(seed)))
        return [next(faults).name for _ in range(2 * len(FAULTS))]

    assert drawn(3, "pbft") == drawn(3, "pbft") != drawn(4, "pbft")
    assert set(drawn(3, "pbft")) == {fault.name for fault in FAULTS}
    assert "byzantine member" not in drawn(3, "raft")
    assert [f.name for f in order("raft", random.Random(1), ["bridge"])] == ["bridge"]


def test_a_table_says_what_was_lost_and_what_is_broken() -> None:
    report = Report("pbft", 4, 1, [Played("bridge", 5.0, 3, 0.5, 1.5)], {"disk full": "no mount"})
    assert report.is_whole
    assert "bridge" in report.table() and "not played: disk full: no mount" in report.table()
    report.lost = 1
    assert not report.is_whole and "1 lost" in report.table()
    assert percentiles([0.001 * n for n in range(1, 101)])[0] == pytest.approx(50.5)
    assert percentiles([]) == (0.0, 0.0, 0.0) and isinstance(checks.LINCHECK, Path)
