"""The error catalogue: every code that is raised has its entry; every entry reads well in both languages."""

import re
import string
from pathlib import Path

import pytest

from node.errors import CATALOGUE, CityError, find
from node.errors.entry import KINDS, Entry

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [
    p for part in ("node", "deploy") for p in (ROOT / part).rglob("*.py") if "pb" not in p.parts
]
ENTRIES = sorted(CATALOGUE.values(), key=lambda entry: entry.code)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.code)
def test_an_entry_renders_in_both_languages_without_its_variables(entry: Entry) -> None:
    error = CityError(entry.code)
    for language in ("en", "zh"):
        texts = error.localized(language)
        assert all(text.strip() for text in texts)
        assert not any("{" in text or "}" in text for text in texts)
    assert any("一" <= c <= "鿿" for c in "".join(error.localized("zh")))
    assert entry.kind in KINDS


def test_codes_and_names_are_each_used_once() -> None:
    names = [entry.name for entry in ENTRIES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"CITY-\d{4}", entry.code) for entry in ENTRIES)
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]+", name) for name in names)


def test_every_code_that_the_node_names_stands_in_the_catalogue() -> None:
    named = {
        code
        for path in SOURCES
        for code in re.findall(r"\"(CITY-\d{4})\"", path.read_text("utf-8"))
    }
    assert named - set(CATALOGUE) == set()


def test_every_entry_is_used_by_some_code() -> None:
    text = "".join(
        p.read_text("utf-8") for p in SOURCES if "errors" not in p.parts or p.name == "errors.py"
    )
    # Receipts carry the name.
    unused = [e.code for e in ENTRIES if e.code not in text and f'"{e.name}"' not in text]
    assert unused == []


def test_both_languages_use_the_same_variables() -> None:
    for entry in ENTRIES:
        english = _variables(entry.message + entry.why + entry.do)
        chinese = _variables(entry.message_zh + entry.why_zh + entry.do_zh)
        assert english == chinese, entry.code


def _variables(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("word", ["CITY-3004", "3004", "tx_wrong_channel"])
def test_an_entry_is_found_by_code_number_or_name(word: str) -> None:
    entry = find(word)
    assert entry is not None and entry.code == "CITY-3004"
