"""Faults under load over both engines; what other tests show alone is left to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.conftest import ENGINES
from tests.faults import playing, seven
from tests.faults.faults import FAILPOINTS, FAULTS

pytestmark = pytest.mark.cluster

# Each kind once; `python -m tests.faults` plays all of them over each engine.
# tests/cluster shows kill -9 of one and of all, a full disk, strangers and a liar.
EVERYWHERE = (
    "leader stopped (SIGSTOP)",
    "two halves",
    "one-way links",
    "peer floods, stalls, garbage",
)
PLAYED = {
    "pbft": (
        *EVERYWHERE,
        "delay and stalls",
        "clock jumps an hour",
        "dies at before-wal",
        "dies at after-block",
        "dies at before-state",
    ),
    "raft": (
        *EVERYWHERE,
        "leader isolated",
        "bridge",
        "links break in the middle",
        "dies at after-wal",
        "dies at before-block",
        "dies at after-state",
    ),
}

CHANNELS = {"pbft": 1, "raft": 2}  # on the same nodes, each with clients and checks of its own


@pytest.mark.parametrize("engine", ENGINES)
async def test_no_fault_loses_what_was_acknowledged_or_divides_the_chain(
    engine: str, tmp_path: Path
) -> None:
    channels = CHANNELS[engine]
    report = await playing.run(tmp_path / "net", engine, 4, 1, 0, print, PLAYED[engine], channels)
    print(report.table())
    assert not report.broken, report.table()
    assert (report.lost, report.stale_reads) == (0, 0), report.table()
    assert [played.fault for played in report.played] == list(PLAYED[engine])
    assert report.linearizable == "yes" or "no lincheck" in report.linearizable


def test_between_them_the_engines_die_at_every_failpoint() -> None:
    played = {name for names in PLAYED.values() for name in names}
    assert {f"dies at {name}" for name in FAILPOINTS} <= played <= {f.name for f in FAULTS}


async def test_seven_cities_live_with_a_liar_a_newcomer_and_a_death(tmp_path: Path) -> None:
    result = await seven.run(tmp_path / "net", "pbft", 1, print, filled=100)
    print(result.table())
    assert not result.broken, result.table()
    assert (result.lost, result.stale_reads) == (0, 0), result.table()
    assert "convicted" in result.facts["the liar"]
    assert "the newcomer votes" in result.times
    assert result.linearizable == "yes" or "no lincheck" in result.linearizable
