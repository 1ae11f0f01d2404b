"""A core without a clock, a disk, a socket or chance: what `consensus/` may import at all."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3] / "consensus"
FORBIDDEN = [
    "asyncio", "time", "random", "os", "socket", "threading", "secrets", "logging", "pathlib",
    "multiprocessing", "subprocess", "io", "tempfile", "datetime", "pickle",
]  # fmt: skip
OURS = ["node", "contracts", "deploy", "tests"]


def imported(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: p.name)
def test_a_consensus_module_imports_no_input_output_and_nothing_of_ours(path: Path) -> None:
    roots = [name.split(".")[0] for name in imported(path)]
    assert not [name for name in roots if name in FORBIDDEN or name in OURS]


def is_set(node: ast.expr) -> bool:
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return isinstance(node, ast.Set | ast.SetComp) or (
        is_call and node.func.id in ("set", "frozenset")  # type: ignore[attr-defined]
    )


@pytest.mark.parametrize("path", sorted((ROOT / "pbft").rglob("*.py")), ids=lambda p: p.name)
def test_the_core_builds_no_sets_so_that_no_output_depends_on_hash_order(path: Path) -> None:
    nodes = ast.walk(ast.parse(path.read_text()))
    assert not [node for node in nodes if isinstance(node, ast.expr) and is_set(node)]


LINES_MAX, FUNCTION_LINES_MAX = 450, 60
WITHOUT_MONEY = [path for path in sorted(ROOT.rglob("*.py")) if not path.name.startswith("payment")]


@pytest.mark.parametrize("path", WITHOUT_MONEY, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_of_consensus_can_be_read_in_one_sitting(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < LINES_MAX
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, functions):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES_MAX, node.name
