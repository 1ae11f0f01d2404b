"""`city regcenter`: errors are one line and a next step, never a traceback."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.regcenter.center import Center
from deploy.regcenter.cli import app
from deploy.regcenter.store import Store

RUN = CliRunner()


def test_a_stopped_center_can_be_recomputed(tmp_path: Path) -> None:
    Center.open(tmp_path).close()
    result = RUN.invoke(app, ["check", "--dir", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"entries": 0, "heads": 1, "coins": 0, "unspent": 0}


def test_a_rolled_back_store_is_refused_with_the_next_step(tmp_path: Path) -> None:
    center = Center.open(tmp_path)
    center.close()
    (tmp_path / "latest-head").write_bytes(b"damage")
    for command in (["check"], ["run"]):
        result = RUN.invoke(app, [*command, "--dir", str(tmp_path)])
        assert result.exit_code == 70
        assert "RC_DAMAGED" in result.stderr
        assert "next:" in result.stderr
        assert "Traceback" not in result.output


def test_a_store_held_by_another_center_is_said_plainly(tmp_path: Path) -> None:
    center = Center.open(tmp_path)
    result = RUN.invoke(app, ["check", "--dir", str(tmp_path)])
    assert result.exit_code == 70
    assert "RC_IN_USE" in result.stderr
    center.close()


def test_a_port_in_use_is_said_plainly(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        result = RUN.invoke(app, ["run", "--dir", str(tmp_path), "--listen", f"127.0.0.1:{port}"])
    assert result.exit_code == 3
    assert f"127.0.0.1:{port}" in result.stderr
    Store(tmp_path / "ledger").close()  # the store was let go


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    for listen in ("here", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000"):
        result = RUN.invoke(app, ["run", "--dir", str(tmp_path), "--listen", listen])
        assert result.exit_code == 2
        assert "--listen" in result.stderr


@pytest.mark.parametrize("options", [[], ["--registered"]])
def test_the_bench_accepts_every_payment_and_says_how_fast(options: list[str]) -> None:
    found = RUN.invoke(app, ["bench", "--payments", "20", "--batch", "16", *options])
    assert found.exit_code == 0, found.output
    figures = json.loads(found.stdout)
    assert (figures["payments"], figures["batch"]) == (20, 16)
    assert figures["per_second"] > 0 < figures["per_core"]
