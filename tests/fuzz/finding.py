"""Decoders, found in the product's own code: nobody has to remember to name a new one.

A decoder is a function whose name begins as below and that takes bytes, a text or a message. A structure is
read wherever `consensus.encoding.decode` is called with its class.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("consensus", "contracts", "node", "deploy")
# What runs in the engine is metered: whatever it raises is the outcome of a transaction.
INSIDE_THE_ENGINE = ("contracts/suite", "contracts/rules", "contracts/sdk")
_NAME = re.compile(
    r"_?(parse|read|decode|unpack|from)(_|d?$)|.*_from_(pb|bytes|pem)$|open_(request|voucher)$"
    r"|check_read$|load_(certificate|csv|json|records)$"
)
_BYTES = {"bytes", "bytes | None", "str"}


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if "/pb/" not in name and not name.startswith(INSIDE_THE_ENGINE):
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def _module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _takes_bytes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    hints = [
        ast.unparse(arg.annotation) for arg in function.args.args if arg.annotation is not None
    ]
    return any(hint in _BYTES or re.search(r"\bpb\.", hint) for hint in hints)


@functools.cache
def functions() -> frozenset[str]:
    """`module.function` of everything that looks like a decoder."""
    found = set()
    for path, tree in _modules():
        for each in ast.walk(tree):
            is_function = isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_function and _NAME.match(each.name) and _takes_bytes(each):
                found.add(f"{_module_name(path)}.{each.name}")
    return frozenset(found)


@functools.cache
def _decoded() -> frozenset[tuple[str, str, str]]:
    """Of each call of `consensus.encoding.decode`: its module, its first argument, and the module that this
    name is imported from, wherever in the file ("" for none)."""
    found = set()
    for path, tree in _modules():
        imports = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        if not any(
            n.module == "consensus.encoding" and any(a.name == "decode" for a in n.names)
            for n in imports
        ):
            continue
        homes = {a.asname or a.name: n.module or "" for n in imports for a in n.names}
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(
                call.func, ast.Name | ast.Attribute
            ):
                continue
            # functools.partial(decode, X) and map(decode, …) hand it on.
            arguments = call.args
            if isinstance(call.func, ast.Name) and call.func.id == "decode" and arguments:
                text = ast.unparse(arguments[0])
                found.add((_module_name(path), text, homes.get(text, "")))
            elif any(isinstance(a, ast.Name) and a.id == "decode" for a in arguments):
                found.add((_module_name(path), f"handed on: {ast.unparse(call)}", ""))
    return frozenset(found)


@functools.cache
def structures() -> dict[str, type]:
    """Every structure that is decoded under its own name, by `Name` or, where two share one, `module.Name`."""
    kinds = set()
    for module, text, home in _decoded():
        kind = getattr(importlib.import_module(home or module), text, None)
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            kinds.add(kind)
    names = [kind.__name__ for kind in kinds]
    return {
        kind.__name__
        if names.count(kind.__name__) == 1
        else f"{kind.__module__}.{kind.__name__}": kind
        for kind in sorted(kinds, key=lambda kind: (kind.__name__, kind.__module__))
    }


@functools.cache
def indirect() -> frozenset[tuple[str, str]]:
    """Calls whose class stands in a variable: (module, text of the argument)."""
    known = {kind.__name__ for kind in structures().values()}
    return frozenset((module, text) for module, text, _ in _decoded() if text not in known)
