"""Every code that a contract of the suite, or a change of the configuration, is refused with is explained in
two languages, and none is left over."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.codes import SUITE_CODES
from node.cli.main import app
from node.errors.changes import CHANGE_CODES
from node.sdk.calls import contract_error

ROOT = Path(__file__).parents[3]
CONTRACTS = ROOT / "contracts"
OF_SUITE = [*(CONTRACTS / "suite").rglob("*.py"), *(CONTRACTS / "rules").glob("*.py")]
OF_CHANGES = list((ROOT / "node" / "governance").glob("*.py"))


def used(sources: Iterable[Path]) -> set[str]:
    return {
        code
        for path in sources
        for code in re.findall(r'"(E_[A-Z0-9_]+)"', path.read_text(encoding="utf-8"))
    }


def test_every_code_of_the_suite_is_explained_and_none_is_left_over() -> None:
    assert used(OF_SUITE) == set(SUITE_CODES)


def test_every_code_of_a_change_is_explained_and_none_is_left_over() -> None:
    assert used(OF_CHANGES) == set(CHANGE_CODES)


@pytest.mark.parametrize("code", sorted(CHANGE_CODES))
def test_the_next_step_that_a_refused_change_names_leads_somewhere(code: str) -> None:
    error = contract_error("revert", "_config", "set_limits", code, "why", None, 0)
    do = error.localized("en")[2]
    assert f"city explain {code};" in do and do.endswith("city proposal kinds")
    done = CliRunner().invoke(app, ["explain", code, "-o", "json"])
    told = json.loads(done.stdout)
    assert CHANGE_CODES[code].do in (told["do"], told.get("_config: do"))
    if code in SUITE_CODES:
        assert told["do"] == SUITE_CODES[code].do


def test_every_explanation_stands_in_both_languages() -> None:
    for code, texts in [*SUITE_CODES.items(), *CHANGE_CODES.items()]:
        assert all(texts), code
        assert texts.why.isascii() and texts.do.isascii(), code
        assert not texts.why_zh.isascii() and not texts.do_zh.isascii(), code
