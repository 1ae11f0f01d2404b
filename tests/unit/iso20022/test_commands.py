"""What a bank's operations type: a folder of messages is checked, and what came back is matched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from node.cli.main import app
from tests.unit.iso20022.test_messages import GOLDEN, OWED, SAMPLES, credit

RUNNER = CliRunner()


@pytest.mark.skipif(not SAMPLES.exists(), reason="the folder ../shared is not here")
def test_a_folder_is_checked_and_each_refusal_names_its_rule() -> None:
    result = RUNNER.invoke(app, ["iso20022", "check", str(SAMPLES), "-o", "json"])
    assert result.exit_code == 1
    rows = {row["file"]: row for row in json.loads(result.stdout)}
    assert len(rows) == 16
    for name, row in rows.items():
        assert row["accepted"] is not name.startswith("violator__")
        if not row["accepted"]:
            assert row["rule"].replace(":", "-") in name


def test_a_message_that_holds_is_accepted_and_what_is_none_is_refused(tmp_path: Path) -> None:
    good = str(GOLDEN / "pacs008.xml")
    assert RUNNER.invoke(app, ["iso20022", "check", good]).exit_code == 0
    (tmp_path / "x.xml").write_text("<a/>")
    result = RUNNER.invoke(app, ["iso20022", "check", good, str(tmp_path), "-o", "json"])
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)
    assert (first["kind"], first["accepted"], second["accepted"]) == ("pacs.008", True, False)
    assert RUNNER.invoke(app, ["iso20022", "check", str(tmp_path / "gone.xml")]).exit_code == 2


def test_what_came_back_is_matched_and_only_settled_is_success(tmp_path: Path) -> None:
    owed = {
        "reference": OWED.reference.hex(), "obligation_id": OWED.obligation_id,
        "amount_minor": OWED.amount_minor, "ccy": OWED.ccy,
    }  # fmt: skip
    (tmp_path / "owed.json").write_text(json.dumps([owed]))
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    words = ["iso20022", "match", str(inbox), "--owed", str(tmp_path / "owed.json"), "-o", "json"]
    (inbox / "1.xml").write_bytes(credit())
    result = RUNNER.invoke(app, words)
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert (row["verdict"], row["obligation_id"]) == ("settled", OWED.obligation_id)
    (inbox / "2.xml").write_bytes(credit(amount="11999999.99"))
    result = RUNNER.invoke(app, words)
    assert result.exit_code == 1
    assert [row["verdict"] for row in json.loads(result.stdout)] == ["settled", "wrong amount"]
    (tmp_path / "owed.json").write_text('[{"reference": 7}]')
    assert RUNNER.invoke(app, words).exit_code == 2
