"""etcd's test data, read where it lies. Without it these tests say so and are skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.raft.datadriven import read
from tests.acceptance.raft.suites import CHANGES, PAPER, QUORUM, TRANSCRIPTS, run, run_file

SUITE = Path(__file__).parents[3] / "shared" / "suites" / "etcd-raft"
FILES = sorted(SUITE.rglob("*.txt"))
EXPECTED = {QUORUM: 127, CHANGES: 58, TRANSCRIPTS: 558, PAPER: 64}  # 60 rows, 2 properties twice


@pytest.mark.skipif(not FILES, reason="etcd's test data is not in ../shared/suites/etcd-raft")
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_our_raft_does_what_the_file_says(path: Path) -> None:
    differing = [outcome for outcome in run_file(path) if outcome.difference]
    assert not differing, "\n".join(f"{one.where}\n{one.difference}" for one in differing)


@pytest.mark.skipif(not FILES, reason="etcd's test data is not in ../shared/suites/etcd-raft")
def test_no_case_is_lost_on_the_way() -> None:
    counts = dict.fromkeys(EXPECTED, 0)
    for outcome in run(SUITE):
        counts[outcome.suite] += 1
        assert not outcome.difference, f"{outcome.where}\n{outcome.difference}"
    assert counts == EXPECTED


def test_a_wrong_expectation_is_noticed(tmp_path: Path) -> None:
    transcript = tmp_path / "one.txt"
    transcript.write_text(
        "add-nodes 1 voters=(1) index=3\n----\nok\n\n"
        "campaign 1\n----\nINFO 1 campaigns, says the log\n\n"
        "stabilize log-level=none\n----\nok\n\n"
        "raft-state\n----\n1: StateLeader (Voter) Term:1 Lead:1\n\n"
        "raft-state\n----\n1: StateFollower (Voter) Term:1 Lead:1\n"
    )
    outcomes = list(run_file(transcript))
    assert [outcome.where for outcome in outcomes if outcome.difference] == ["one.txt:17"]


def test_output_between_doubled_fences_may_contain_blank_lines(tmp_path: Path) -> None:
    transcript = tmp_path / "two.txt"
    transcript.write_text(
        "# a comment\nfirst a=(1, 2) \\\n  b\n----\n----\nx\n\ny\n----\n----\n\nsecond\nin\n----\nz"
    )
    first, second = read(transcript)
    assert (first.ids("a"), first.words, first.expected) == ([1, 2], ["b"], "x\n\ny")
    assert (second.input, second.expected, second.line) == ("in", "z", 12)
