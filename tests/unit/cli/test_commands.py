"""The command line without a network: arguments, errors, files."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from node.cli.call import parse_arguments
from node.cli.main import app, with_user
from node.errors import CityError

RUNNER = CliRunner()


def test_arguments_are_text_json_or_files(tmp_path: Path) -> None:
    (tmp_path / "proof.bin").write_bytes(b"\x00\x01")
    words = ["owner=26442000000123456789", "amounts:=[1, 2]", f"proof=@{tmp_path}/proof.bin"]
    expected = {"owner": "26442000000123456789", "amounts": [1, 2], "proof": b"\x00\x01"}
    assert parse_arguments(words) == expected


@pytest.mark.parametrize(
    ("word", "code", "why"),
    [
        ("amount", "CITY-1092", "no value"),
        ("amount:=1.5", "CITY-1092", "a fraction of a fen"),
        ("amount:={", "CITY-1092", "no JSON"),
        ("2amount=1", "CITY-1092", "no name"),
        ("proof=@/nowhere/at/all", "CITY-1091", "no such file"),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused(word: str, code: str, why: str) -> None:
    with pytest.raises(CityError) as caught:
        parse_arguments([word])
    assert caught.value.code == code, why


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("as ops call a b", "--as ops call a b"),
        ("--channel trade as ops call a b", "--channel trade --as ops call a b"),
        ("--context net --channel=trade as ops why", "--context net --channel=trade --as ops why"),
        ("as ops --channel trade why", "--as ops --channel trade why"),
        ("query as ops", "query as ops"),
        ("--channel as ops why", "--channel as ops why"),
        ("as", "as"),
        ("", ""),
    ],
)
def test_a_user_is_named_before_or_behind_the_common_options(typed: str, meant: str) -> None:
    assert with_user(typed.split()) == meant.split()


def test_the_version_is_told_by_the_usual_option_too() -> None:
    told = [RUNNER.invoke(app, [word]) for word in ("--version", "version")]
    assert {done.exit_code for done in told} == {0}
    assert told[0].stdout == told[1].stdout != ""


def test_the_same_argument_twice_is_refused() -> None:
    with pytest.raises(CityError, match="CITY-1092"):
        parse_arguments(["a=1", "a=2"])


@pytest.mark.parametrize("code", ["CITY-3004", "CT101", "E_SPLIT_SUM"])
def test_every_kind_of_code_is_explained(code: str) -> None:
    result = RUNNER.invoke(app, ["explain", code, "-o", "json"])
    assert result.exit_code == 0
    assert code in json.loads(result.output)["code"]


def test_an_unknown_code_has_a_code_of_its_own_and_its_exit_status() -> None:
    assert RUNNER.invoke(app, ["explain", "CITY-0000"]).exit_code == 6


def test_a_file_that_is_no_proof_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"not a proof")
    for command in (["proof", "verify"], ["evidence", "verify"]):
        result = RUNNER.invoke(app, [*command, str(tmp_path / "x")])
        assert result.exit_code == 4
    assert RUNNER.invoke(app, ["proof", "verify", str(tmp_path / "gone")]).exit_code == 2


def test_the_development_clock_moves_forward_by_words(tmp_path: Path) -> None:
    (tmp_path / "clock_offset_ms").write_text("-5000\n")
    moved = ["dev", "clock", "advance", "2h", "--dir", str(tmp_path), "-o", "json"]
    assert RUNNER.invoke(app, moved).exit_code == 0
    assert int((tmp_path / "clock_offset_ms").read_text()) == 2 * 3_600_000 - 5_000
    assert (
        RUNNER.invoke(app, ["dev", "clock", "advance", "soon", "--dir", str(tmp_path)]).exit_code
        == 2
    )


def test_every_command_has_a_help_text() -> None:
    listed = RUNNER.invoke(app, ["--help"])
    assert listed.exit_code == 0
    for command in app.registered_groups:
        result = RUNNER.invoke(app, [str(command.name), "--help"])
        assert result.exit_code == 0 and "Usage" in result.output
