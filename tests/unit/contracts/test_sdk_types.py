"""The SDK as authors see it: typed for editors and mypy, and the suite's own contracts pass both checks."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contracts import sdk
from contracts.bundles import SUITE, main_file
from contracts.runtime.checking import assert_admitted, check_file
from contracts.runtime.language.tables import CONTEXT_FIELDS, SDK_NAMES

ROOT = Path(__file__).parents[3]
CONTRACTS = (*SUITE, "transfer")


def mypy(*words: str, more: tuple[Path, ...] = ()) -> str:
    """mypy's report; empty when it finds nothing."""
    folders = [ROOT / "contracts" / "sdk" / "stubs", ROOT / "contracts", *more]
    paths = os.pathsep.join(map(str, folders))
    command = [sys.executable, "-m", "mypy", "--config-file=", "--no-error-summary", *words]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "MYPYPATH": paths}, capture_output=True, text=True
    )
    return done.stdout + done.stderr


def test_the_sdk_is_strictly_typed_and_says_so() -> None:
    assert (ROOT / "contracts" / "sdk" / "py.typed").exists()
    assert mypy("--strict", "contracts/sdk/__init__.py") == ""


def test_the_money_that_contracts_import_is_strictly_typed() -> None:
    files = [f"contracts/rules/{name}.py" for name in ("money", "currency", "codes")]
    assert mypy("--strict", "--explicit-package-bases", *files) == ""


def test_mypy_understands_every_contract_of_the_suite(tmp_path: Path) -> None:
    """In one run, which takes a name for one module: each contract's chapters get a name of their own."""
    words = []
    for name in CONTRACTS:
        main = main_file(name)
        for file in (main, *main.parent.glob("chapters/*.py")):
            place = tmp_path / (f"{name}.py" if file == main else f"{name}_chapters/{file.name}")
            place.parent.mkdir(exist_ok=True)
            place.write_text(file.read_text().replace("from chapters.", f"from {name}_chapters."))
            words.append(str(place))
    assert mypy("--check-untyped-defs", "--explicit-package-bases", *words, more=(tmp_path,)) == ""


def test_mypy_finds_a_wrong_use_of_the_sdk(tmp_path: Path) -> None:
    contract = tmp_path / "token.py"
    contract.write_text(
        "from sdk import Map, ctx, export, require\n\n"
        'balances: Map[str, int] = Map("balance", 0)\n\n\n'
        "@export\ndef pay(to: str) -> int:\n"
        '    balances[5] = "much"\n    require(ctx.sendr)\n    return balances[to]\n'
    )
    found = mypy("--strict", str(contract))
    for said in ('Invalid index type "int"', '"sendr"', 'Missing positional argument "code"'):
        assert said in found


def test_types_and_engine_offer_the_same_names() -> None:
    assert set(sdk.__all__) == SDK_NAMES
    tree = ast.parse(Path(sdk.__file__).read_text())
    context = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "_Context")
    fields = {n.target.id for n in context.body if isinstance(n, ast.AnnAssign)}
    assert fields == CONTEXT_FIELDS


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_of_the_suite_is_admitted(name: str) -> None:
    assert_admitted(main_file(name))


def test_findings_are_shown_like_a_compilers(tmp_path: Path) -> None:
    contract = tmp_path / "fee.py"
    contract.write_text('def fee(x):\n\tname = "深"; return x * 1.5\n', encoding="utf-8")
    checked = check_file(contract)
    head, line, mark = str(checked).split("\n")
    assert head.startswith(f"{contract}:2:25: CT401 a decimal number is not allowed")
    assert line == '    2 | \tname = "深"; return x * 1.5'
    assert mark == "      | \t" + " " * 24 + "^"
    with pytest.raises(AssertionError, match="CT401"):
        assert_admitted(contract)


def test_a_source_that_is_no_text_and_one_that_is_too_large_are_findings(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b'def f():\n    return "\xff"\n')
    (found,) = check_file(tmp_path / "a.py").findings
    assert (found.line, found.column, found.code) == (2, 13, "CT002")
    (tmp_path / "b.py").write_text("x = 1\n" * 20_000)
    (found,) = check_file(tmp_path / "b.py").findings
    assert found.code == "CT001" and "120000 bytes" in found.message
