"""The public adversarial cases: every one as expected, and the same on both engines."""

import json
from pathlib import Path

import pytest

from contracts.runtime import cases
from contracts.runtime.cases import expected, run_case

FILE = Path(__file__).parents[3].parent / "shared" / "suites" / "contracts" / "adversarial.jsonl"
CASES = [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.exists() else []


@pytest.mark.skipif(not CASES, reason=f"the shared case file is not at {FILE}")
def test_all_public_cases_are_there():
    assert len(CASES) == 100


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_a_public_case_is_as_expected_and_equal_on_both_engines(
    case, native_engine, wasm_engine, fast_engine
):
    native, wasm = run_case(native_engine, case), run_case(wasm_engine, case)
    assert wasm["ok"], wasm
    assert run_case(fast_engine, case) == wasm
    for field in ("outcome", "value", "gas", "code"):
        assert native[field] == wasm[field], field


def test_a_wrong_outcome_is_not_as_expected(native_engine):
    case = {"id": "x", "src": "def f(): return 1", "call": "f", "args": [], "gas": 1000}
    assert run_case(native_engine, {**case, "expect": ["ok", 1]})["ok"]
    assert not run_case(native_engine, {**case, "expect": ["ok", 2]})["ok"]
    assert not run_case(native_engine, {**case, "expect": "revert"})["ok"]
    assert expected({"expect": "fatal", "accept": ["oog"]}, "oog", None)


def test_the_command_prints_a_line_a_case_and_fails_when_one_is_wrong(tmp_path, capsys):
    file = tmp_path / "cases.jsonl"
    case = {"id": "x", "src": "def f(): return 1", "call": "f", "args": [], "gas": 1000}
    file.write_text(json.dumps({**case, "expect": ["ok", 2]}) + "\n")
    assert cases.main(file, as_json=True) == 1
    shown = json.loads(capsys.readouterr().out)
    assert list(shown) == ["id", "outcome", "value", "gas", "ok"]
    assert (shown["outcome"], shown["value"], shown["ok"]) == ("ok", 1, False)
