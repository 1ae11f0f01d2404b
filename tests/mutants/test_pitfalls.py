"""Every pitfall names what would notice it, and all that it names exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.mutants.catalogue import BY_NAME
from tests.scenarios import runner
from tests.scenarios.transcript import parse

ROOT = Path(__file__).parents[2]
PITFALLS: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "pitfalls.toml").read_text(encoding="utf-8")
)["pitfall"]
TITLES = {each.title for path in runner.all_files() for each in parse(path).scenarios}


@pytest.mark.parametrize("pitfall", PITFALLS, ids=[each["where"] for each in PITFALLS])
def test_what_is_said_to_notice_a_pitfall_exists(pitfall: dict[str, Any]) -> None:
    known = ("where", "lesson", "mutants", "scenarios", "tests", "why")
    assert [key for key in pitfall if key not in known] == []
    assert any(pitfall.get(key) for key in known[2:]), "nothing would notice it"
    assert [name for name in pitfall.get("mutants", ()) if name not in BY_NAME] == []
    assert [title for title in pitfall.get("scenarios", ()) if title not in TITLES] == []
    for test in pitfall.get("tests", ()):
        path, _, name = test.partition("::")
        assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE), test


def test_every_mutant_that_scenarios_tell_of_names_one_that_there_is() -> None:
    told = {mutant.told_in for mutant in BY_NAME.values() if mutant.told_in}
    assert sorted(told - TITLES) == []
