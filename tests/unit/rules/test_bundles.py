"""The suite's bundles: what they carry is admitted by the linter and stays within its limit."""

from __future__ import annotations

import pytest

from contracts.bundles import SUITE, load_bundle, load_suite
from contracts.runtime.language.bundle import check_bundle
from contracts.runtime.limits import BUNDLE_BYTES_MAX


@pytest.mark.parametrize("name", SUITE)
def test_a_contract_of_the_suite_is_admitted(name: str) -> None:
    bundle = load_bundle(name)
    assert check_bundle(bundle.main, bundle.rules) == ()
    assert len(bundle.encode()) < BUNDLE_BYTES_MAX


def test_the_suite_is_complete_and_the_same_every_time() -> None:
    first, second = load_suite(), load_suite()
    assert [bundle.name for bundle in first] == list(SUITE)
    assert [bundle.digest for bundle in first] == [bundle.digest for bundle in second]
