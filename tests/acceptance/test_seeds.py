"""The map of what was set out to be shown names tests that exist, long before a whole run finds out."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, kinds)}


def test_every_test_that_the_map_names_exists() -> None:
    items = tomllib.loads((ROOT / "tests/acceptance/seeds.toml").read_text(encoding="utf-8"))
    named = [test.split("::") for item in items["item"] for test in item["tests"]]
    assert named
    assert [f"{file}::{name}" for file, name in named if name not in _functions(ROOT / file)] == []
