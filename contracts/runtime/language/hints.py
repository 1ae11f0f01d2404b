"""Type hints of exported methods, as plain data: what an argument is converted by.

A hint is a tuple: ("int",) ("str",) ("bool",) ("bytes",) ("Decimal",) ("any",) ("none",)
("list", T) ("tuple", T) (any number of T) ("fixed", T1, T2, …) ("dict", T) (text keys)
("union", T1, T2, …) ("class", name).
"""

from __future__ import annotations

import ast
from typing import Any

Hint = tuple[Any, ...]

_PLAIN: dict[str, Hint] = {
    "int": ("int",), "str": ("str",), "bool": ("bool",), "bytes": ("bytes",),
    "Decimal": ("Decimal",), "object": ("any",), "list": ("list", ("any",)),
    "tuple": ("tuple", ("any",)), "dict": ("dict", ("any",)),
}  # fmt: skip


def hint_of(node: ast.expr, classes: set[str]) -> Hint | None:
    """The hint an annotation means, or None when no argument can be converted by it."""
    if isinstance(node, ast.Constant) and node.value is None:
        return ("none",)
    if isinstance(node, ast.Name):
        return ("class", node.id) if node.id in classes else _PLAIN.get(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        left, right = hint_of(node.left, classes), hint_of(node.right, classes)
        if left is None or right is None:
            return None
        parts = [*(left[1:] if left[0] == "union" else [left])]
        return ("union", *parts, *(right[1:] if right[0] == "union" else [right]))
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return _parametrised(node.value.id, node.slice, classes)
    return None


def _parametrised(name: str, inner: ast.expr, classes: set[str]) -> Hint | None:
    items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name == "list" and len(items) == 1:
        item = hint_of(items[0], classes)
        return None if item is None else ("list", item)
    if name == "dict" and len(items) == 2:
        value = hint_of(items[1], classes)
        text_keys = isinstance(items[0], ast.Name) and items[0].id == "str"
        return ("dict", value) if text_keys and value is not None else None
    if name == "tuple" and items:
        last = items[-1]
        if len(items) == 2 and isinstance(last, ast.Constant) and last.value is Ellipsis:
            item = hint_of(items[0], classes)
            return None if item is None else ("tuple", item)
        hints = [hint_of(item, classes) for item in items]
        return None if None in hints else ("fixed", *hints)
    return None


_NAMES: dict[str, str] = {"any": "object", "none": "None"}


def hint_text(hint: Hint) -> str:
    """The hint as it is written in a contract: `list[str]`, `tuple[int, ...]`, `str | None`."""
    kind, inner = hint[0], hint[1:]
    if kind == "class":
        return str(inner[0])
    if kind == "union":
        return " | ".join(map(hint_text, inner))
    if kind == "dict":
        return f"dict[str, {hint_text(inner[0])}]"
    if kind in ("list", "tuple", "fixed"):
        words = ", ".join(map(hint_text, inner))
        return (
            f"list[{words}]" if kind == "list" else f"tuple[{words}{', ...' * (kind == 'tuple')}]"
        )
    return _NAMES.get(kind, kind)


def hint_of_text(text: str, classes: set[str]) -> Hint | None:
    """The hint of its text; None for text that is none."""
    try:
        return hint_of(ast.parse(text, mode="eval").body, classes)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
