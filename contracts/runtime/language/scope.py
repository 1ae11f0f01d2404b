"""Which names a module uses that nothing gives: found at deployment, not as a NameError at run time."""

from __future__ import annotations

import ast

from contracts.runtime.language import tables

Finding = tuple[int, int, str, str]


def bound_names(node: ast.AST) -> set[str]:
    """Names a function (or module) binds in its own scope; nested functions keep theirs."""
    names: set[str] = set()

    def walk(part: ast.AST) -> None:
        if isinstance(part, ast.FunctionDef | ast.ClassDef):
            names.add(part.name)
            return
        if isinstance(part, ast.Lambda):
            return
        if isinstance(part, tables.COMPREHENSIONS):
            names.update(_walrus(part))
            return
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            names.add(part.id)
        if isinstance(part, ast.ExceptHandler) and part.name:
            names.add(part.name)
        if isinstance(part, ast.alias):
            names.add(part.asname or part.name)
        for child in ast.iter_child_nodes(part):
            walk(child)

    if isinstance(node, ast.FunctionDef | ast.Lambda):
        args = node.args
        several = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        names |= {a.arg for a in several if a is not None}
    body = node.body if isinstance(getattr(node, "body", None), list) else [node.body]  # type: ignore[attr-defined]
    for statement in body:
        walk(statement)
    return names


def _walrus(node: ast.AST) -> set[str]:
    return {
        part.target.id
        for part in ast.walk(node)
        if isinstance(part, ast.NamedExpr) and isinstance(part.target, ast.Name)
    }


class _Resolver:
    """Walks with the stack of scopes around the place."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def visit(self, node: ast.AST, known: frozenset[str]) -> None:
        if isinstance(node, ast.FunctionDef):
            for default in [*node.args.defaults, *node.args.kw_defaults]:
                if default is not None:
                    self.visit(default, known)
            inner = known | bound_names(node)
            for statement in node.body:
                self.visit(statement, inner)
        elif isinstance(node, ast.Lambda):
            self.visit(node.body, known | bound_names(node))
        elif isinstance(node, ast.ClassDef):
            for statement in node.body:
                self.visit(statement, known)
        elif isinstance(node, tables.COMPREHENSIONS):
            self.comprehension(node, known)
        elif isinstance(node, ast.AnnAssign):
            for part in (node.target, node.value):
                if part is not None:
                    self.visit(part, known)
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load) and node.id not in known:
                self.findings.append((node.lineno, node.col_offset + 1, "CT203", node.id))
        else:
            for child in ast.iter_child_nodes(node):
                self.visit(child, known)

    def comprehension(self, node: ast.AST, known: frozenset[str]) -> None:
        inner = known
        for part in node.generators:  # type: ignore[attr-defined]
            self.visit(part.iter, inner)
            inner |= {n.id for n in ast.walk(part.target) if isinstance(n, ast.Name)}
            for test in part.ifs:
                self.visit(test, inner)
        for name in ("elt", "key", "value"):
            if (part := getattr(node, name, None)) is not None:
                self.visit(part, inner)


def check_names(tree: ast.Module) -> list[Finding]:
    """Unknown names of a module. `dataclass`, `export` and `view` must be imported like the rest."""
    resolver = _Resolver()
    known = frozenset(bound_names(tree) | tables.BUILTINS)
    for statement in tree.body:
        resolver.visit(statement, known)
        for decorator in getattr(statement, "decorator_list", ()):
            name = decorator.func if isinstance(decorator, ast.Call) else decorator
            if isinstance(name, ast.Name) and name.id not in known:
                resolver.findings.append((name.lineno, name.col_offset + 1, "CT203", name.id))
    return resolver.findings
