"""Every code a contract of the suite can leave with is explained in two languages, and none is left over."""

from __future__ import annotations

import re
from pathlib import Path

from contracts.codes import SUITE_CODES

CONTRACTS = Path(__file__).parents[3] / "contracts"


def used() -> set[str]:
    sources = [*(CONTRACTS / "suite").rglob("*.py"), *(CONTRACTS / "rules").glob("*.py")]
    return {
        code
        for path in sources
        for code in re.findall(r'"(E_[A-Z0-9_]+)"', path.read_text(encoding="utf-8"))
    }


def test_every_code_of_the_suite_is_explained_and_none_is_left_over() -> None:
    assert used() == set(SUITE_CODES)


def test_every_explanation_stands_in_both_languages() -> None:
    for code, texts in SUITE_CODES.items():
        assert all(texts), code
        assert texts.why.isascii() and texts.do.isascii(), code
        assert not texts.why_zh.isascii() and not texts.do_zh.isascii(), code
