"""Every planted mistake is found, by the seed or the schedule that is known to find it."""

from __future__ import annotations

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.hunt import is_clean, is_known_kill
from tests.mutants.mutant import Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_mistake_is_found_and_its_killer_passes_on_the_clean_core(mutant: Mutant) -> None:
    assert is_known_kill(mutant), f"{mutant.name} survives: {mutant.reason}"
    assert is_clean(mutant), "the same run without the mistake fails too: it proves nothing"
