"""`city oracle test`, `city dcep convict`: what works without a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from node.cli.main import app
from node.errors import CityError

RUNNER = CliRunner()
GOOD = {"pair": "CNY/HKD", "rate_e8": 108_000_000, "source": "a bank"}


def test_a_service_shows_its_schemas() -> None:
    result = RUNNER.invoke(app, ["oracle", "test", "customs-release", "-o", "json"])
    found = json.loads(result.stdout)
    assert (found["kind"], len(found["digest"])) == ("fact", 64)
    assert "declaration" in found["output"]["properties"]


def test_an_answer_that_fits_is_shown_and_another_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(GOOD), encoding="utf-8")
    result = RUNNER.invoke(app, ["oracle", "test", "fx-mid", str(file), "-o", "json"])
    assert json.loads(result.stdout)["fits"] is True
    file.write_text(json.dumps({**GOOD, "rate_e8": -1}), encoding="utf-8")
    assert RUNNER.invoke(app, ["oracle", "test", "fx-mid", str(file)]).exit_code != 0
    assert RUNNER.invoke(app, ["oracle", "test", "weather"]).exit_code != 0


@pytest.mark.parametrize("data", [b"", b"no case", bytes(1000)])
def test_a_file_that_convicts_nobody_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "fork.case"
    file.write_bytes(data)
    result = RUNNER.invoke(app, ["dcep", "convict", str(file)])
    assert result.exit_code != 0
    assert not isinstance(result.exception, CityError)
