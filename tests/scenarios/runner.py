"""Runs transcripts, rewrites their expected output for review, and keeps the index."""

from __future__ import annotations

import difflib
from pathlib import Path

from consensus.api import InvariantBroken
from tests.scenarios.cluster import ScenarioError
from tests.scenarios.stage import Stage
from tests.scenarios.transcript import (
    Case,
    Scenario,
    Transcript,
    TranscriptError,
    parse,
    render,
)

HERE = Path(__file__).parent
INDEX = HERE / "README.md"
INDEX_MARK = "<!-- index -->"


def all_files() -> list[Path]:
    return [*sorted(HERE.glob("*.txt")), *sorted(HERE.glob("raft/*.txt"))]


def _output(stage: Stage, scenario: Scenario, case: Case) -> list[str]:
    try:
        return stage.run(case)
    except TranscriptError:
        raise
    except (ScenarioError, InvariantBroken, AssertionError, KeyError, ValueError) as error:
        text = f"{case.text}: {type(error).__name__}: {error}"
        raise TranscriptError(scenario.path, case.line, text) from error


def _finish(stage: Stage, scenario: Scenario) -> None:
    try:
        stage.finish()
    except AssertionError as error:
        raise TranscriptError(scenario.path, scenario.line, str(error)) from error


def check(scenario: Scenario) -> None:
    """Run it. Raises TranscriptError at the first line that differs or breaks an invariant."""
    stage = Stage()
    for case in scenario.cases:
        printed = _output(stage, scenario, case)
        if printed != case.expected:
            lines = difflib.ndiff(case.expected, printed)
            shown = "\n".join(line for line in lines if not line.startswith("?"))
            raise TranscriptError(
                scenario.path, case.line, f"{case.text}: (-) expected, (+) printed\n{shown}"
            )
    _finish(stage, scenario)


def rewritten(transcript: Transcript) -> tuple[str, list[TranscriptError]]:
    """The file with the output that its commands print now: to be read line by line before it is kept.
    A scenario that fails keeps its expected output from there on."""
    outputs = {case.line: case.expected for each in transcript.scenarios for case in each.cases}
    errors = []
    for scenario in transcript.scenarios:
        stage = Stage()
        try:
            for case in scenario.cases:
                outputs[case.line] = _output(stage, scenario, case)
            _finish(stage, scenario)
        except TranscriptError as error:
            errors.append(error)
    return render(transcript, outputs), errors


# --- the index


def _sentence(path: Path) -> str:
    return path.stem.replace("_", " ").capitalize()


def index() -> str:
    """What the README lists below its mark."""
    lines = []
    for path in all_files():
        transcript = parse(path)
        lines += [
            f"### [{_sentence(path)}]({path.relative_to(HERE).as_posix()})",
            "",
            transcript.stake,
            "",
        ]
        lines += ["| scenario | rules and pitfalls | restates |", "|---|---|---|"]
        for scenario in transcript.scenarios:
            labels = scenario.labels
            rules = ", ".join([*labels.get("Rules", []), *labels.get("Pitfalls", [])])
            suite = ", ".join(labels.get("Suite", [])) or "—"
            lines.append(f"| {scenario.title} | {rules} | {suite} |")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def readme() -> str:
    """The README with its index as the files say now."""
    above, mark, _ = INDEX.read_text(encoding="utf-8").partition(INDEX_MARK)
    return f"{above}{mark}\n\n{index()}" if mark else above
