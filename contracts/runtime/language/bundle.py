"""A bundle from source to code: lint every module, order the rule modules, compile, collect facts.

The compiled form is bytes for this interpreter only (marshalled code): it is made by the guest for
itself, kept by its own node, and never comes from the network.
"""

from __future__ import annotations

import ast
import marshal
import types
from collections.abc import Mapping
from typing import Any, NamedTuple

from contracts.runtime.api import ContractRefused, Diagnostic
from contracts.runtime.language import linter
from contracts.runtime.language.compiler import compile_module
from contracts.runtime.language.hints import Hint
from contracts.runtime.language.modules import (
    KEY,
    MAIN,
    functions,
    imported_keys,
    is_exported,
    marks,
    module_of,
    unnamed,
)
from contracts.runtime.language.schema import Schema, class_names, declared_hint, schema_of
from contracts.runtime.limits import BUNDLE_BYTES_MAX

Parameter = tuple[str, Hint | None, bool]


class Method(NamedTuple):
    """A function of the contract. exported, view: its decorators."""

    parameters: tuple[Parameter, ...]
    exported: bool
    view: bool


class Compiled(NamedTuple):
    """Code of a bundle's modules in loading order (`main` last) and what the machine must know.

    class_hints: hints of the fields of dataclasses by class name, for arguments.
    """

    modules: tuple[tuple[str, types.CodeType], ...]
    methods: dict[str, Method]
    class_hints: dict[str, dict[str, Hint | None]]

    def dump(self) -> bytes:
        methods = {name: tuple(method) for name, method in self.methods.items()}
        return marshal.dumps((self.modules, methods, self.class_hints))

    @classmethod
    def load(cls, data: bytes) -> Compiled:
        """Only for bytes that `dump` of this same interpreter made."""
        modules, methods, class_hints = marshal.loads(data)
        return cls(modules, {n: Method(*m) for n, m in methods.items()}, class_hints)


def _refusal(module: str, code: str, subject: str = "", line: int = 1) -> tuple[Diagnostic, ...]:
    return linter.diagnostics(module, [(line, 1, code, subject)])


class _Bundle:
    """The modules of a bundle while they are checked. Names: as in modules.py."""

    def __init__(self, main: str, rules: Mapping[str, str]) -> None:
        self.sources = {**{module_of(n): s for n, s in sorted(rules.items())}, MAIN: main}
        self.rules = rules
        self.trees: dict[str, ast.Module] = {}
        self.found: list[Diagnostic] = []

    def parse(self) -> bool:
        total = sum(len(s.encode("utf-8", "surrogatepass")) for s in self.sources.values())
        if total > BUNDLE_BYTES_MAX:
            self.found += _refusal("main", "CT001", f" ({total} bytes)")
            return False
        for name in self.rules:
            if not KEY.match(name):
                self.found += _refusal("main", "CT008", name[:64])
                return False
        for module, source in self.sources.items():
            found = linter.check_source(module, source)
            if found:
                self.found += found
                continue
            tree = linter.parse(source)
            if isinstance(tree, tuple):
                line, column = tree
                self.found += linter.diagnostics(module, [(line, column, "CT006", "")])
            else:
                self.trees[module] = tree
        return not self.found

    def order(self) -> list[str]:
        """Modules so that each follows what it imports; a circle is a finding."""
        done: list[str] = []
        active: list[str] = []

        def place(module: str) -> None:
            if module in done or module not in self.trees:
                return
            if module in active:
                self.found.extend(_refusal(module, "CT104", module))
                return
            active.append(module)
            for key in imported_keys(self.trees[module]):
                place(module_of(key))
            active.pop()
            done.append(module)

        for module in self.trees:
            place(module)
        return done

    def lint(self) -> None:
        offers = {m: linter.offered_names(t) for m, t in self.trees.items() if m != MAIN}
        own = _classes(self.trees)
        declared = set().union(*(linter.declared_names(t) for t in self.trees.values()))
        for module, tree in self.trees.items():
            facts = linter.ModuleFacts(
                module,
                offers,
                declared,
                own[module] | linter.imported_names(tree, own),
                offers.get(module, set()),
            )
            self.found += linter.check_tree(tree, facts, self.sources[module])
        self.found += self._second_classes()
        for one in () if self.found else unnamed(self.trees):
            at = (one.node.lineno, one.node.col_offset + 1, "CT615", one.name)
            self.found += linter.diagnostics(one.module, [at])

    def _second_classes(self) -> list[Diagnostic]:
        """Classes whose name another module of the bundle has too: a stored value could be either's."""
        known: set[str] = set()
        found: list[Diagnostic] = []
        for module, tree in self.trees.items():
            own = [node for node in tree.body if isinstance(node, ast.ClassDef)]
            for node in own:
                if node.name in known:
                    at = (node.lineno, node.col_offset + 1, "CT105", node.name)
                    found += linter.diagnostics(module, [at])
            known |= {node.name for node in own}
        return found


def _classes(trees: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    return {
        module: {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        for module, tree in trees.items()
    }


def _methods(trees: Mapping[str, ast.Module]) -> dict[str, Method]:
    seen = class_names(trees)
    found = {}
    for name, module, node in functions(trees):
        args, names = node.args, seen[module]
        positional = [*args.posonlyargs, *args.args]
        optional = {a.arg for a in positional[len(positional) - len(args.defaults) :]}
        optional |= {a.arg for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d}
        parameters = []
        for one in [*positional, *args.kwonlyargs]:
            parameters.append((one.arg, declared_hint(one.annotation, names), one.arg in optional))
        found[name] = Method(tuple(parameters), is_exported(node), "view" in marks(node))
    return found


def _class_hints(trees: Mapping[str, ast.Module]) -> dict[str, dict[str, Hint | None]]:
    seen = class_names(trees)
    hints: dict[str, dict[str, Hint | None]] = {}
    for module, tree in trees.items():
        names = seen[module]
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.decorator_list:
                own: dict[str, Hint | None] = {}
                for base in node.bases:
                    own |= (
                        hints.get(names.get(base.id, ""), {}) if isinstance(base, ast.Name) else {}
                    )
                for item in node.body:
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                        own[item.target.id] = declared_hint(item.annotation, names)
                hints[node.name] = own
    return hints


def check_bundle(main: str, rules: Mapping[str, str]) -> tuple[Diagnostic, ...]:
    """Every finding of the linter; empty when the bundle may be deployed."""
    return _checked(main, rules)[1]


def bundle_schema(main: str, rules: Mapping[str, str]) -> Schema:
    """What an admitted bundle offers. Raises ContractRefused with every finding."""
    bundle, found, _ = _checked(main, rules)
    if found:
        raise ContractRefused(found)
    return schema_of(bundle.trees)


def _checked(
    main: str, rules: Mapping[str, str]
) -> tuple[_Bundle, tuple[Diagnostic, ...], list[str]]:
    bundle = _Bundle(main, rules)
    order: list[str] = []
    if bundle.parse():
        bundle.lint()
        order = bundle.order()
    return bundle, tuple(sorted(bundle.found)), order


def compile_bundle(main: str, rules: Mapping[str, str]) -> Compiled:
    """Code of an admitted bundle. Raises ContractRefused with every finding."""
    bundle, found, order = _checked(main, rules)
    if found:
        raise ContractRefused(found)
    own = _classes(bundle.trees)
    methods = _methods(bundle.trees)
    hints = _class_hints({m: bundle.trees[m] for m in order})
    modules: list[tuple[str, types.CodeType]] = []
    for module in order:
        one = bundle.trees[module]
        offers: Any = linter.offered_names(one)
        if module == MAIN:
            offers |= linter.imported_names(one, own) | methods.keys()
        try:
            modules.append((module, compile_module(one, sorted(offers))))
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            raise ContractRefused(_refusal(module, "CT006", line=line)) from None
        except RecursionError:
            raise ContractRefused(_refusal(module, "CT007")) from None
    return Compiled(tuple(modules), methods, hints)
