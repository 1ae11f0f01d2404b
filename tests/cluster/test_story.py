"""The story of 28 steps as its command plays it, over real processes; step 26, of seven nodes, by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.test_demo import environment, processes_of

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
STORY = [sys.executable, "-m", "deploy.story", "run"]
SECONDS_MAX = 840
REFUSALS = (
    "E_CHECK_DIGIT", "CITY-1106", "CITY-1101", "CITY-1107", "E_ORACLE_QUORUM", "E_DUPLICATE_FINANCING",
    "E_TENOR_HARD", "E_SPLIT_SUM", "E_PREIMAGE", "E_STATE", "E_PROOF_REF", "E_PROOF_PAYEE", "E_PARTIAL",
    "E_STATE", "E_STATE", "E_PROOF_REF", "E_STATE", "E_PROOF_PAYEE", "E_PROOF_NULLIFIER", "E_STATE",
    "E_PROOF_LOG_HALTED", "E_STATE", "E_FOUR_EYES", "E_STATE",
)  # fmt: skip
LINES = (
    "Shanghai holds no byte of scf-px", "channel tax-safe on Shenzhen, Guangzhou, Beijing, Shanghai",
    "international: Hong Kong", "Shanghai 0",
    "9 parties ACTIVE", "SM2 stamp of TAX-SZ", "7 of 7 oracles say CLEARED", "claim RESERVED",
    "960,000,000 fen by DC/EP", "claim ACTIVE", "ALERT 0.97", "PBC-SZ sees QB and NB",
    "EC-2026-SZ-000001: PX promises LG 600,000,000 fen", "E_TENOR_WARN", "its own path of 3 pieces",
    "discount 690,486 fen · net 49,309,514 fen", "QB locks 49,309,514 fen for XY under a hash",
    "discount 3,410,069 fen, net 246,589,931 fen", "rates: tier 1 3.05 %, tier 3 3.05 %",
    "presentation until 2027-02-01", "day 1 is 2027-01-06", "until the close of 2027-01-12",
    "description conflict", "REFUSED → EXAMINING → ACCEPTED", "2027-04-04, payable 2027-04-06",
    "COMPLYING by itself", "straight discount 5,828,889 fen, net 794,171,111 fen",
    "discount to yield 5,786,726 fen", "PX → QB → NB", "FILED → USED", "USD 50,000.00 exactly needs no form",
    "QB 967,680,000 fen", "PX 232,320,000 fen", "SETTLED", "claim RELEASED",
    "600,000,000 fen in one payment with 4 outputs", "HL gives 1,000,000 fen back by REVERSE",
    "interest 1,750,000 fen", "its log is HALTED", "drops to 99.2 % of its supply: RESTRICTED",
    "not applied: FROZEN", "stands on 4 of 4 nodes", "EC-2026-SZ-000001 is CLOSED: 600,000,000 fen paid",
    "city evidence verify EC.evidence (offline): VALID",
    "python -m tests.oracle EC.evidence (offline): VALID", "11,780,555 fen earned, to the fen",
    "All steps held",
)  # fmt: skip
SCREENS = (
    "PBC-SZ stock", "PBC-SZ rates", "PBC-SZ breaches", "HKMA credits", "TAX-SZ forms", "SAFE matching",
    "PBC-SZ pools", "HKMA stablecoin", "PBC-SZ case",
)  # fmt: skip


def test_the_story_holds_to_the_fen_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [*STORY, "--without-faults"], cwd=ROOT, env=environment(tmp_path), capture_output=True,
        text=True, timeout=SECONDS_MAX,
    )  # fmt: skip
    output = done.stdout
    assert done.returncode == 0, output + done.stderr
    assert [line for line in LINES if line not in output] == []
    refused = [
        line.split()[1] for line in output.splitlines() if line.strip().startswith("refused ")
    ]
    assert tuple(refused) == REFUSALS
    screens = [line for line in output.splitlines() if "▤" in line]
    assert [name for name in SCREENS if not any(name in line for line in screens)] == []
    assert all("· receipt " in line for line in screens)
    assert output.count("equal") == 12
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
