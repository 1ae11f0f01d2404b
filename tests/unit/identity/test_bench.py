"""The benchmark measures what it says, on every backend."""

import pytest

from node.identity.bench import bench_crypto
from node.identity.suite import get_suite


@pytest.mark.parametrize("arguments", [("sm",), ("intl",), ("sm", "gmssl")])
def test_a_benchmark_names_suite_and_backend_and_gives_rates(arguments):
    result = bench_crypto(get_suite(*arguments), seconds=0.02)
    assert result["suite"] == arguments[0]
    assert result["backend"]
    assert result["verify_per_s"] > 0 and result["hash_per_s"] > 0
    assert (result["sign_per_s"] is None) == ("gmssl" in arguments)
