"""The golden vectors in proto/vectors/ are what the code makes; a changed vector is a changed protocol."""

import json

import pytest

from node.identity.suite import get_suite
from tests import golden
from tests.damage import flipped
from tests.oracle import sm2

SIGNATURES = json.loads((golden.VECTORS / golden.SIGNATURES).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(golden.files()))
def test_the_golden_file_is_what_the_code_makes(name: str) -> None:
    stored = (golden.VECTORS / name).read_text(encoding="utf-8")
    assert stored == golden.render(golden.files()[name])


def test_the_sm3_roots_are_those_of_the_domain_page() -> None:
    roots = {(r["suite"], r["size"]): r["root"] for r in golden.trees()}
    assert roots["sm", 8] == "bc48ba7a709184b5f2a631e1adeb8dc2a0d4c018c1d6cc89b5664fe154c93b38"
    assert roots["intl", 8] == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@pytest.mark.parametrize("row", SIGNATURES, ids=lambda row: f"{row['suite']}-{row['what']}")
def test_the_golden_signatures_hold_here_and_for_the_independent_checker(
    row: dict[str, str],
) -> None:
    suite = get_suite(row["suite"])
    key, message, signature = (
        bytes.fromhex(row[name]) for name in ("public_key", "message", "signature")
    )
    assert suite.verify(key, message, signature)
    assert sm2.verify(suite.id, key, message, signature)
    spoiled = flipped(signature)
    assert not suite.verify(key, message, spoiled)
    assert not sm2.verify(suite.id, key, message, spoiled)
