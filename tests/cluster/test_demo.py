"""deploy/demo.sh as a new user runs it: it plays, cleans up, and fails where a figure is not the story's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "deploy" / "demo.sh"
SECONDS_MAX = 600
REFUSALS = (
    "E_CHECK_DIGIT", "CITY-1106", "CITY-1101", "CITY-1107", "E_ORACLE_QUORUM", "E_DUPLICATE_FINANCING",
    "E_TENOR_HARD", "E_SPLIT_SUM", "E_PREIMAGE", "E_STATE", "E_PROOF_REF", "E_PROOF_PAYEE",
    "E_PROOF_PAYEE", "E_PROOF_NULLIFIER", "E_PROOF_LOG_HALTED",
)  # fmt: skip
LINES = (
    "9 parties ACTIVE", "1,200,000,000 fen", "7 of 7 oracles say CLEARED", "960,000,000 fen by DC/EP",
    "the relay saw it, fetched the proof and carried it into block", "checked offline",
    "EC-2026-SZ-000001: PX promises LG 600,000,000 fen", "E_TENOR_WARN", "kill -9",
    "50,000,000 fen at 3.05 % for 163 days", "discount 690,486 fen · net 49,309,514 fen",
    "same state root", "QB locks 49,309,514 fen for XY under a hash", "RELEASE",
    "discount 3,410,069 fen, net 246,589,931 fen", "QB 967,680,000 fen", "PX 232,320,000 fen",
    "600,000,000 fen in one payment with 4 outputs", "HL gives 1,000,000 fen back by REVERSE",
    "its log is HALTED", "city dcep convict fork.case (offline): two roots of one size",
    "python -m tests.oracle fork.case --fork (offline): VALID",
    "EC-2026-SZ-000001 is CLOSED: 600,000,000 fen paid",
    "city evidence verify EC.evidence (offline): VALID",
    "python -m tests.oracle EC.evidence (offline): VALID", "All steps held",
)  # fmt: skip


def processes_of(folder: Path) -> list[str]:
    """Command lines of all processes that work in a folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder)}


def assert_played(output: str) -> None:
    missing = [line for line in LINES if line not in output]
    assert not missing, output
    refused = [
        line.split()[1] for line in output.splitlines() if line.strip().startswith("refused ")
    ]
    assert tuple(refused) == REFUSALS
    assert output.count("equal") == 4


def test_the_demo_plays_the_story_and_leaves_nothing_behind(tmp_path: Path) -> None:
    # Over Raft; the next one plays it over PBFT.
    done = subprocess.run(
        [DEMO, "--engine", "raft"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert_played(done.stdout)
    assert "trusts its members not to lie" in done.stdout
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_keep_leaves_a_network_that_answers_and_can_be_taken_down(tmp_path: Path) -> None:
    net = tmp_path / "net"
    cluster = [ROOT / "deploy" / "cluster.sh"]
    try:
        # not into a pipe: the network it leaves behind must not hold this test
        with (tmp_path / "out").open("w") as out:
            done = subprocess.run(
                [DEMO, "--keep", "--dir", net], stdout=out, stderr=out, timeout=SECONDS_MAX
            )
        output = (tmp_path / "out").read_text()
        assert done.returncode == 0, output
        assert_played(output)
        assert "trusts its members not to lie" not in output
        assert f"export CITY_CONTEXT={net}" in output
        shown = subprocess.run(
            [sys.executable, "-m", "node.cli.main", "party", "show", "PX"],
            env={**os.environ, "CITY_CONTEXT": str(net)}, cwd=ROOT, capture_output=True, text=True,
            timeout=180,
        )  # fmt: skip
        assert "ACTIVE" in shown.stdout, shown.stderr
        assert len(processes_of(net)) == 6  # four cities, the registration center and a relay
        again = subprocess.run([DEMO, "--dir", net], capture_output=True, text=True, timeout=180)
        assert again.returncode == 2 and "not empty" in again.stderr
        assert len(processes_of(net)) == 6
    finally:
        subprocess.run([*cluster, "down", "--dir", net], timeout=180, check=False)
    # What the network was made of is gone; the evidence is the reader's to keep.
    assert processes_of(net) == []
    assert sorted(p.name for p in net.iterdir()) == ["EC.evidence", "fork.case"]


def test_ctrl_c_in_the_middle_stops_everything(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [DEMO],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    seen = []
    for line in demo.stdout:
        seen.append(line)
        if "e-invoice" in line:
            assert len(processes_of(tmp_path)) >= 6
            demo.send_signal(signal.SIGINT)
            break
    rest, _ = demo.communicate(timeout=180)
    assert demo.returncode == 130, "".join(seen) + rest
    assert "interrupted" in rest and "Traceback" not in rest
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_figure_that_is_not_the_storys_fails_with_what_was_expected_and_came(
    tmp_path: Path,
) -> None:
    told = tmp_path / "told"
    shutil.copytree(ROOT / "deploy" / "demo", told)
    story = (told / "story.toml").read_text(encoding="utf-8")
    assert story.count("amount_fen = 1_200_000_000") == 1
    (told / "story.toml").write_text(
        story.replace("amount_fen = 1_200_000_000", "amount_fen = 1_200_000_001"), encoding="utf-8"
    )
    program = (
        "import sys, typer, pathlib\nfrom deploy.demo import story\n"
        "story.FOLDER = pathlib.Path(sys.argv.pop(1))\n"
        "from deploy.demo.__main__ import main\ntyper.run(main)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(told), "--dir", str(tmp_path / "net")],
        cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_MAX,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "✗ step failed" in done.stdout and "Traceback" not in done.stdout + done.stderr
    assert "Expected  1200000001" in done.stdout and "Came      1200000000" in done.stdout
    assert f"Logs      {tmp_path / 'net' / 'logs'}" in done.stdout
    assert (tmp_path / "net" / "logs" / "shenzhen.log").exists()
    assert processes_of(tmp_path / "net") == []
