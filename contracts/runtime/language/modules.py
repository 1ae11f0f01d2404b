"""The modules of a bundle: `main`, the rules that it shares with others, and its own chapters.

    rules.money       a shared module; the bundle holds it under `money`
    chapters.issue    a part of this contract; the bundle holds it under `chapters.issue`

A chapter is a module like any other, but for its exported functions: those that the main module imports are the
contract's methods, under the names by which it imports them. So the main module is the table of contents.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

MAIN, RULES, CHAPTERS = "main", "rules.", "chapters."
KEY = re.compile(r"(chapters\.)?[a-z][a-z0-9_]{0,63}\Z")
Trees = Mapping[str, ast.Module]


def module_of(key: str) -> str:
    """The module that a bundle holds under a key."""
    return key if key.startswith(CHAPTERS) else RULES + key


def key_of(module: str) -> str:
    """The key under which a bundle holds a module that is not the main one."""
    return module.removeprefix(RULES)


def is_imported(node: ast.ImportFrom) -> bool:
    """Whether an import names a module of the bundle."""
    return (node.module or "").startswith((RULES, CHAPTERS))


def imported_keys(tree: ast.Module) -> list[str]:
    """Keys of the modules that one imports, in the order of the text."""
    nodes = (node for node in tree.body if isinstance(node, ast.ImportFrom))
    return [key_of(node.module or "") for node in nodes if is_imported(node)]


def marks(node: ast.FunctionDef) -> set[str]:
    """Names of its decorators."""
    return {mark.id for mark in node.decorator_list if isinstance(mark, ast.Name)}


def is_exported(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and bool(marks(node) & {"export", "view"})


class Function(NamedTuple):
    """A function of a contract: its name, and where it is declared."""

    name: str
    module: str
    node: ast.FunctionDef


def functions(trees: Trees) -> Iterator[Function]:
    """Top-level functions of the main module and the exports of chapters that it names, in its order."""
    for node in trees[MAIN].body:
        if isinstance(node, ast.FunctionDef):
            yield Function(node.name, MAIN, node)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(CHAPTERS):
            offered = _exports(trees.get(node.module or ""))
            for alias in node.names:
                if alias.name in offered:
                    yield Function(
                        alias.asname or alias.name, node.module or "", offered[alias.name]
                    )


def unnamed(trees: Trees) -> Iterator[Function]:
    """Exports of chapters that the main module does not name."""
    named = {id(one.node) for one in functions(trees)}
    for module, tree in trees.items():
        if module.startswith(CHAPTERS):
            for name, node in _exports(tree).items():
                if id(node) not in named:
                    yield Function(name, module, node)


def _exports(tree: ast.Module | None) -> dict[str, ast.FunctionDef]:
    body = [] if tree is None else tree.body
    return {n.name: n for n in body if isinstance(n, ast.FunctionDef) and is_exported(n)}
