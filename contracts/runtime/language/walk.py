"""What one walk of the linter over a module carries, and how it goes from node to node.

The rules of each part of the language are methods `on_<node type>` of the classes in names.py,
declarations.py, statements.py and expressions.py; a true answer means that the children are done.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from contracts.runtime import limits
from contracts.runtime.language import tables

Finding = tuple[int, int, str, str]  # line, column from 1, code of a rule, what its text names

# Nodes that the allow-list leaves out and that have more to say than their name: the rule, and what its
# text calls them in English and Chinese.
UNLISTED = {
    "Yield": ("CT502", "", ""), "YieldFrom": ("CT502", "", ""),
    "Await": ("CT503", "", ""), "AsyncFunctionDef": ("CT503", "", ""),
    "AsyncFor": ("CT503", "", ""), "AsyncWith": ("CT503", "", ""),
    "Global": ("CT504", "", ""), "Nonlocal": ("CT504", "", ""),
    "With": ("CT501", "with", "with 语句"), "Match": ("CT501", "match", "match 语句"),
    "TypeAlias": ("CT501", "a type statement", "type 语句"), "TryStar": ("CT501", "except*", "except*"),
    "MatMult": ("CT501", "the operator @", "运算符 @"),
    "TemplateStr": ("CT501", "a template string", "模板字符串"),
}  # fmt: skip
CHINESE = {english: chinese for _, english, chinese in UNLISTED.values() if english}


@dataclass
class ModuleFacts:
    """What the linter learns about a module and the compiler and other modules need.

    modules: names each other module of the bundle offers. declared: fields and methods of all classes
    of the bundle. classes: this module's classes. offers: names others may import from it.
    """

    module: str
    modules: dict[str, set[str]] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)
    offers: set[str] = field(default_factory=set)


def is_constant(node: ast.expr) -> bool:
    """Constants, signed constants, and tuples of them."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return isinstance(node.operand, ast.Constant) and type(node.operand.value) is int
    if isinstance(node, ast.Tuple):
        return all(is_constant(item) for item in node.elts)
    return isinstance(node, ast.Constant)


def is_declaration(node: ast.expr) -> bool:
    """`Map("x", 0)`, `Decimal("1.5")` and their kind, with constant arguments; tuples of them too."""
    if isinstance(node, ast.Tuple):
        return all(is_constant(item) or is_declaration(item) for item in node.elts)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    if node.func.id not in tables.DECLARATIONS:
        return False
    for word in node.keywords:
        factory = word.arg == "default_factory" and isinstance(word.value, ast.Name)
        if factory and word.value.id in tables.FACTORIES:  # type: ignore[attr-defined]
            continue
        if not is_constant(word.value) and not is_declaration(word.value):
            return False
    return all(is_constant(a) or is_declaration(a) for a in node.args)


class Walk:
    """One walk over one module. Findings are collected, never raised."""

    def __init__(self, facts: ModuleFacts, imports_known: bool = True) -> None:
        self.facts, self.imports_known = facts, imports_known
        self.findings: list[Finding] = []
        self.depth = 0
        self.names_unclear = False  # too deep, or a construct whose names nobody resolves
        self.in_finally = 0
        self.loops_in_finally = 0
        self.functions: list[ast.FunctionDef | ast.Lambda] = []
        self.class_depth = 0
        self.blocks = 0  # loops and try around the place, in one function
        self.in_source = 0  # inside what a comprehension runs over, where no name can be bound
        self.called: set[int] = set()
        self.ellipses: set[int] = set()  # `...` inside annotations: tuple[int, ...]

    def refuse(self, node: ast.AST, code: str, subject: str = "") -> None:
        line = getattr(node, "lineno", 1)
        column = getattr(node, "col_offset", 0) + 1
        self.findings.append((line, column, code, subject))

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.For | ast.While | ast.Try | ast.FunctionDef):
            outer = self.blocks
            self.blocks = 0 if isinstance(node, ast.FunctionDef) else outer + 1
            self.visit_counted(node)
            self.blocks = outer
        else:
            self.visit_counted(node)

    def visit_counted(self, node: ast.AST) -> None:
        self.depth += 1
        if self.depth > limits.SYNTAX_DEPTH_MAX or self.blocks > limits.BLOCK_DEPTH_MAX:
            self.names_unclear = True
            self.refuse(node, "CT007")
        elif type(node) not in tables.ALLOWED_NODES:
            self.unlisted(node)
        else:
            handler: Callable[[ast.AST], bool | None] | None = getattr(
                self, "on_" + type(node).__name__, None
            )
            if handler is None or not handler(node):
                self.children(node)
        self.depth -= 1

    def children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self.visit(child)

    def unlisted(self, node: ast.AST) -> None:
        name = type(node).__name__
        if isinstance(node, ast.Import):
            self.refuse(node, "CT101", ", ".join(alias.name for alias in node.names))
            return
        self.names_unclear = True
        code, subject, _ = UNLISTED.get(name, ("CT501", f"the construct {name}", ""))
        self.refuse(node, code, subject)
