"""Every planted mistake is found, by the seed or the schedule that is known to find it."""

from __future__ import annotations

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.hunt import hunt_quickly
from tests.mutants.mutant import Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_mistake_is_found_and_its_killer_passes_on_the_clean_core(mutant: Mutant) -> None:
    assert hunt_quickly(mutant) is not None, f"{mutant.name} survives: {mutant.reason}"
