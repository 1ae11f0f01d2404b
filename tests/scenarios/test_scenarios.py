"""Every scenario of every transcript, one test each, and what the transcripts must cover together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios import runner
from tests.scenarios.transcript import Scenario, TranscriptError, parse

SCENARIOS = [scenario for path in runner.all_files() for scenario in parse(path).scenarios]
RULES = [f"R{number}" for number in range(1, 14)]

# One of each row of the design's tables 9.1 to 9.4 that is a story and not a matter of bytes on a disk.
PITFALLS = """
besu#1734, celo-blockchain#117, raijin#8, CCF#839, neo-modules#792, tendermint#1047, mixed-view seals,
indy-plenum PR#1368, tendermint#3244, FISCO#2211, FISCO PR#704, FISCO#4018, FISCO PR#2160, FISCO#4417,
FISCO PR#3107, besu#7642, besu#2095, besu#10917, besu#6613, besu#6457, indy-plenum#1488, sawtooth-pbft PR#90,
SmartBFT PR#476, fabric PR#5024, bft-smart#62, cometbft#5801, tendermint#3089, SmartBFT#149, fabric#3639,
fabric#3992, etcd#12136, etcd#14370, CCF#5891, CCF rollback safety, openraft#2080, fabric#5467
"""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[each.title for each in SCENARIOS])
def test_scenario(scenario: Scenario) -> None:
    runner.check(scenario)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_scenario(rule: str) -> None:
    assert any(rule in each.labels.get("Rules", ()) for each in SCENARIOS)


@pytest.mark.parametrize("pitfall", [" ".join(each.split()) for each in PITFALLS.split(",")])
def test_every_pitfall_that_is_a_story_has_a_scenario(pitfall: str) -> None:
    guarded = [name for each in SCENARIOS for name in each.labels.get("Pitfalls", ())]
    assert any(pitfall in name for name in guarded)


def test_every_scenario_says_what_it_restates_or_guards() -> None:
    for each in SCENARIOS:
        assert each.labels.get("Rules"), f"{each.path.name}:{each.line}"


def test_every_scenario_begins_with_what_is_at_stake() -> None:
    for each in SCENARIOS:
        prose = [line for line in each.cases[0].prose if line.strip("# ")]
        assert not prose[-1].startswith("# ==") and len(prose) > 2, f"{each.path.name}:{each.line}"


def test_titles_are_unique() -> None:
    titles = [each.title for each in SCENARIOS]
    assert len(titles) == len(set(titles))


def test_the_index_is_that_of_the_files() -> None:
    """If this fails: python -m tests.scenarios --index"""
    assert runner.INDEX.read_text(encoding="utf-8") == runner.readme()


# --- the runner itself


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "a_story.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_output_that_differs_is_reported_with_file_and_line(tmp_path: Path) -> None:
    path = written(tmp_path, "# == A story\nnodes 4\n----\n5 nodes, quorum 3, window 1\n")
    with pytest.raises(TranscriptError, match=r"a_story.txt:2: nodes 4: \(-\) expected"):
        runner.check(parse(path).scenarios[0])


def test_a_command_that_cannot_be_is_reported_with_file_and_line(tmp_path: Path) -> None:
    text = "# == A story\nnodes 4\n----\n4 nodes, quorum 3, window 1\n\ndeliver kind=commit\n----\n"
    with pytest.raises(TranscriptError, match=r"a_story.txt:6: .*no such message is waiting"):
        runner.check(parse(written(tmp_path, text)).scenarios[0])


def test_a_liar_cannot_show_a_certificate_that_nobody_sealed(tmp_path: Path) -> None:
    text = """# == A story
nodes 4 liars=(0)
----

submit tx1
----

lie proposal from=0 txs=(tx1)
----

lie decided from=0 block=1a
----
"""
    _, errors = runner.rewritten(parse(written(tmp_path, text)))
    assert [str(each).split(" ")[0] for each in errors] == ["a_story.txt:11:"]
    assert "only [0] sealed 1a in view 0" in str(errors[0])


def test_a_rewrite_changes_nothing_in_a_transcript_that_passes() -> None:
    path = runner.HERE / "a_block_goes_through_three_phases.txt"
    assert runner.rewritten(parse(path)) == (path.read_text(encoding="utf-8"), [])
