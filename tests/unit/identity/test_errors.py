"""Every error of the package stands in the catalogue and says what to do."""

import ast
from pathlib import Path

import pytest

from node.errors import CATALOGUE
from node.identity import errors
from node.identity.errors import Attempt, CryptoError, NoCryptoBackend

ROOT = Path(__file__).parents[3]
CLASSES = sorted(
    (c for c in vars(errors).values() if isinstance(c, type) and hasattr(c, "CODE")),
    key=lambda c: c.CODE,
)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_an_error_has_its_code_name_cause_and_next_step(kind):
    error = (
        NoCryptoBackend("sm", [Attempt("x", "1", "all {of} it")])
        if kind is NoCryptoBackend
        else kind("a {detail} with braces")
    )
    assert isinstance(error, CryptoError)
    assert CATALOGUE[kind.CODE] is error.entry
    assert str(error).startswith(f"{kind.CODE} {error.name}: ")
    assert "{" in str(error) and error.detail in str(error)
    assert error.why and error.do


def test_codes_are_not_shared():
    assert len({kind.CODE for kind in CLASSES}) == len(CLASSES) == 12


def test_the_product_draws_no_randomness_from_the_random_module():
    # Predictable numbers in a ledger end as private keys; secrets and the library serve instead.
    found = []
    for package in ("node", "consensus", "deploy"):
        for path in (ROOT / package).rglob("*.py"):
            for part in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(part, ast.Import):
                    modules = [alias.name for alias in part.names]
                else:
                    modules = [part.module] if isinstance(part, ast.ImportFrom) else []
                found += [f"{path}:{part.lineno}" for module in modules if module == "random"]
    assert found == []
