"""What others wrote is shown as it was written, whatever a terminal or a markup would make of it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer
from rich.console import Console

from node.cli import output

HOSTILE = [
    "x [/bold] y",
    "[red]QB[/red]",
    "\x1b[2Jgone",
    "a\rb",
    "\u202edecar",
    "[link=http://x]",
    "\\[",
]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    stream = io.StringIO()
    console = Console(file=stream, width=200, highlight=False, soft_wrap=True)
    monkeypatch.setattr(output, "stdout", console)
    monkeypatch.setattr(output, "stderr", console)
    return stream.getvalue


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "tell",
    [
        output.progress,
        lambda text: output.show([{"name": text}], output.Output.table),
        lambda text: output.show({"name": text}, output.Output.table),
        lambda text: output.show(text, output.Output.table),
        lambda text: output.show(
            {}, output.Output.table, lambda: output.rows_table(None, [(text,)])
        ),
    ],
)
def test_text_of_others_is_neither_markup_nor_an_order_to_the_terminal(
    printed: Callable[[], str], tell: Any, text: str
) -> None:
    tell(text)
    shown = printed()
    harmless = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    assert harmless in shown
    assert all(c.isprintable() or c == "\n" for c in shown)


def test_what_a_nodes_parts_log_is_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        output.logs_aside()
        structlog.get_logger("node").info("node.identity_key_taken_up")
        structlog.get_logger("node").warning("node.disk_low")
    finally:
        structlog.reset_defaults()
    told = capsys.readouterr()
    assert told.out == "" and "node.disk_low" in told.err and "taken_up" not in told.err


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, True),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_HK"}, True),
        ({"LC_ALL": "zh_CN", "LC_MESSAGES": "en_US", "LANG": "en_US"}, True),
    ],
)
def test_the_language_of_errors_is_the_first_that_is_set(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: bool
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert output.wants_chinese() is expected


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "utf-8"])
def test_an_answer_is_whole_whatever_characters_its_reader_has(encoding: str) -> None:
    command = [sys.executable, "-m", "node.cli.main", "explain", "CITY-1002", "-o", "json"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=180)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.decode(encoding))
    assert said["do_zh"] == "更正 <field> 后重新发送"


def test_a_character_that_is_missing_is_written_as_json_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    output.never_fail_to_write()
    print(json.dumps("中✗ \N{GRINNING FACE}\t", ensure_ascii=False))
    stream.flush()
    assert json.loads(written.getvalue().decode("ascii")) == "中✗ \N{GRINNING FACE}\t"


def test_bytes_are_shown_as_hexadecimal(capsys: pytest.CaptureFixture[str]) -> None:
    output.show({"channel_id": b"\xd3(", "rows": [{"root": b"\x01"}]}, output.Output.json)
    assert json.loads(capsys.readouterr().out) == {"channel_id": "d328", "rows": [{"root": "01"}]}


def test_a_file_that_is_not_there_and_a_folder_that_cannot_be_written_are_two_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(act: Callable[[], object]) -> str:
        with pytest.raises(typer.Exit):
            output.guarded(act)()
        return capsys.readouterr().err

    assert "CITY-1091" in told(lambda: (tmp_path / "a.csr").read_bytes())
    assert "CITY-1095" in told(lambda: (tmp_path / "no" / "a.csr").write_bytes(b""))
    assert "CITY-1095" in told(lambda: tmp_path.write_bytes(b""))
