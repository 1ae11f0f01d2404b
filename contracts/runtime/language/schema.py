"""What a bundle offers, as one plain value: methods, dataclasses, events, error codes.

    {"schema": 1, "doc": text, "methods": [method, …], "classes": [class, …], "events": [event, …],
     "errors": [error, …]}
    method  {"name", "kind": "export" | "view", "parameters": [field, …], "returns": hint, "doc": text}
    class   {"name", "fields": [field, …], "doc": text}
    field   {"name", "hint", "required": bool} and, where it is a constant, "default"
    event   {"name", "fields": [text, …]}      names given at any place that emits it, in order of the text
    error   {"code", "message"}                the first constant message that stands with the code, or ""

A hint is text as in a contract (hints.py); `object` where the source names none or one that no argument is
converted by. Classes and errors are in order of their names, the rest as in the source, `main` first; methods
of a chapter stand where the main module imports them.
It is derived from admitted trees only, and from nothing but them: every engine gives the same bytes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from contracts.runtime.language.hints import Hint, hint_of, hint_text
from contracts.runtime.language.modules import Trees, functions, is_exported, marks

FORMAT = 1
ANY = "object"
CODE = re.compile(r"E_[A-Z0-9_]{1,60}\Z")
# Where code and message stand among the arguments of what leaves with them.
_LEAVING = {"require": (1, 2), "Revert": (0, 1)}
Schema = dict[str, Any]


def schema_of(trees: Trees) -> Schema:
    """The schema of a bundle's modules, as they were admitted."""
    modules = ["main", *sorted(name for name in trees if name != "main")]
    ordered = {name: trees[name] for name in modules}
    return {
        "schema": FORMAT,
        "doc": _doc(ordered["main"]),
        "methods": list(_methods(ordered)),
        "classes": sorted(_classes(ordered), key=lambda found: str(found["name"])),
        "events": _events(ordered),
        "errors": _errors(ordered),
    }


# ---- methods and classes -------------------------------------------------------------------------


def _methods(trees: Trees) -> Iterator[Schema]:
    seen = class_names(trees)
    for name, module, node in functions(trees):
        if is_exported(node):
            yield {
                "name": name,
                "kind": "view" if "view" in marks(node) else "export",
                "parameters": list(_parameters(node.args, seen[module])),
                "returns": _hint(node.returns, seen[module]),
                "doc": _doc(node),
            }


def _parameters(args: ast.arguments, names: dict[str, str]) -> Iterator[Schema]:
    positional = [*args.posonlyargs, *args.args]
    none: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults))
    pairs = [
        *zip(positional, [*none, *args.defaults], strict=True),
        *zip(args.kwonlyargs, args.kw_defaults, strict=True),
    ]
    for one, default in pairs:
        yield _field(one.arg, one.annotation, default, names)


def _field(
    name: str, annotation: ast.expr | None, default: ast.expr | None, names: dict[str, str]
) -> Schema:
    found: Schema = {"name": name, "hint": _hint(annotation, names), "required": default is None}
    constant = None if default is None else _constant(default)
    return found if constant is None else {**found, "default": constant[0]}


def _constant(node: ast.expr) -> tuple[Any] | None:
    """The value of a constant default, in a tuple of one; None for a declaration such as a Decimal."""
    try:
        return (ast.literal_eval(node),)
    except (ValueError, TypeError):
        return None


def _hint(annotation: ast.expr | None, names: Mapping[str, str]) -> str:
    hint = declared_hint(annotation, names)
    return ANY if hint is None else hint_text(hint)


def declared_hint(annotation: ast.expr | None, names: Mapping[str, str]) -> Hint | None:
    """What an annotation means, with every class under the name that it was declared with.

    names: those that the module knows classes by, and the declared ones."""
    hint = None if annotation is None else hint_of(annotation, set(names))
    return None if hint is None else _renamed(hint, names)


def _renamed(hint: Hint, names: Mapping[str, str]) -> Hint:
    if hint[0] == "class":
        return ("class", names[hint[1]])
    return (hint[0], *(_renamed(part, names) for part in hint[1:]))


def class_names(trees: Trees) -> dict[str, dict[str, str]]:
    """By module: the names under which it sees classes, and those that they were declared with."""
    own = {
        module: {node.name: node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        for module, tree in trees.items()
    }
    seen = {module: dict(names) for module, names in own.items()}
    for module, name, source, original in _imports(trees):
        if original in own.get(source, {}):
            seen[module][name] = original
    return seen


def _imports(trees: Trees) -> Iterator[tuple[str, str, str, str]]:
    """Names that modules import: module, its name for it, where it is from, the name there."""
    for module, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield module, alias.asname or alias.name, node.module or "", alias.name


def _classes(trees: Trees) -> Iterator[Schema]:
    """Dataclasses of every module, with the fields of those that they extend."""
    seen = class_names(trees)
    nodes = {
        node.name: (module, node)
        for module, tree in trees.items()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.decorator_list
    }
    for name, (_, node) in nodes.items():
        fields = _fields(name, nodes, seen, frozenset())
        yield {"name": name, "fields": list(fields.values()), "doc": _doc(node)}


def _fields(
    name: str,
    nodes: Mapping[str, tuple[str, ast.ClassDef]],
    seen: Mapping[str, dict[str, str]],
    below: frozenset[str],
) -> dict[str, Schema]:
    if name not in nodes or name in below:
        return {}
    module, node = nodes[name]
    found: dict[str, Schema] = {}
    for base in node.bases:
        if isinstance(base, ast.Name):
            original = seen[module].get(base.id, "")
            found |= _fields(original, nodes, seen, below | {name})
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            label = item.target.id
            found[label] = _field(label, item.annotation, item.value, seen[module])
    return found


def _doc(node: ast.Module | ast.FunctionDef | ast.ClassDef) -> str:
    """The docstring without its indentation. Not `inspect`'s: that differs between versions."""
    first = node.body[0] if node.body else None
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return ""
    text = first.value.value
    if type(text) is not str:
        return ""
    head, *rest = text.strip().split("\n")
    margin = min((len(s) - len(s.lstrip(" ")) for s in rest if s.strip(" ")), default=0)
    return "\n".join([head.rstrip(" "), *(line[margin:].rstrip(" ") for line in rest)])


# ---- events and errors ---------------------------------------------------------------------------


def _sdk_names(trees: Trees, wanted: str) -> dict[str, set[str]]:
    """By module: its names for one thing of the SDK."""
    found: dict[str, set[str]] = {module: set() for module in trees}
    for module, name, source, original in _imports(trees):
        if (source, original) == ("sdk", wanted):
            found[module].add(name)
    return found


def _events(trees: Trees) -> list[Schema]:
    makers = _sdk_names(trees, "Event")
    labels: dict[tuple[str, str], str] = {}
    for module, tree in trees.items():
        for node in tree.body:
            label = _event_label(node, makers[module])
            if label is not None:
                labels |= {(module, name): label for name in _targets(node)}
    for module, name, source, original in _imports(trees):
        if (source, original) in labels:
            labels[module, name] = labels[source, original]
    fields: dict[str, list[str]] = {label: [] for label in labels.values()}
    for module, tree in trees.items():
        for node in _in_order(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                known = fields.get(labels.get((module, node.func.id), ""))
                if known is not None:
                    known += [k.arg for k in node.keywords if k.arg and k.arg not in known]
    return [{"name": label, "fields": names} for label, names in fields.items()]


def _event_label(node: ast.stmt, makers: set[str]) -> str | None:
    value = getattr(node, "value", None)
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Name):
        return None
    first = value.args[0] if value.args else None
    if value.func.id not in makers or not isinstance(first, ast.Constant):
        return None
    return first.value if type(first.value) is str else None


def _targets(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _errors(trees: Trees) -> list[Schema]:
    """Every code that stands in the text as a constant: helpers and tables may carry it to `require`."""
    messages: dict[str, str] = {}
    for tree in trees.values():
        for node in _in_order(tree):
            if isinstance(node, ast.Constant) and _is_code(node):
                messages.setdefault(node.value, "")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                code, message = _code_and_message(node)
                if code and not messages.get(code):
                    messages[code] = message
    return [{"code": code, "message": messages[code]} for code in sorted(messages)]


def _code_and_message(node: ast.Call) -> tuple[str, str]:
    """Of a call with constant arguments: `require(x, "E_A", "why")`, `Revert("E_A", "why")`."""
    assert isinstance(node.func, ast.Name)
    places = _LEAVING.get(node.func.id)
    if places is None:
        return "", ""
    words = {word.arg: word.value for word in node.keywords}
    found = []
    for place, name in zip(places, ("code", "message"), strict=True):
        value = node.args[place] if place < len(node.args) else words.get(name)
        text = value.value if isinstance(value, ast.Constant) else ""
        found.append(text if type(text) is str else "")
    return (found[0], found[1]) if CODE.match(found[0]) else ("", "")


def _is_code(node: ast.Constant) -> bool:
    return type(node.value) is str and CODE.match(node.value) is not None


def _in_order(tree: ast.Module) -> Iterator[ast.AST]:
    """Nodes as they stand in the text, with a stack of our own."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(ast.iter_child_nodes(node))))
