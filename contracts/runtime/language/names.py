"""Which names, imports and attributes a contract may write."""

from __future__ import annotations

import ast

from contracts.runtime.language import tables
from contracts.runtime.language.modules import is_imported
from contracts.runtime.language.walk import Walk, is_constant, is_declaration


class NameRules(Walk):
    """Module level, imports, names and attributes."""

    # ---- module level, imports ----
    def on_Module(self, node: ast.Module) -> None:
        seen: set[str] = set()
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef):
                names = [statement.name]
            elif isinstance(statement, ast.ImportFrom):
                names = [a.asname or a.name for a in statement.names]
            elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            elif isinstance(statement, ast.Assign | ast.AnnAssign) and self.plain(statement):
                targets = (
                    statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                )
                names = [t.id for t in targets if isinstance(t, ast.Name)]
            else:
                if type(statement) in tables.ALLOWED_NODES:  # others are refused by themselves
                    self.refuse(statement, "CT601")
                continue
            for name in names:
                if name in seen:
                    self.refuse(statement, "CT613", name)
                seen.add(name)

    def plain(self, node: ast.Assign | ast.AnnAssign) -> bool:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not all(isinstance(t, ast.Name) for t in targets) or node.value is None:
            return False
        return is_constant(node.value) or is_declaration(node.value)

    def on_ImportFrom(self, node: ast.ImportFrom) -> bool:
        if self.depth != 2:
            self.refuse(node, "CT103")
            return True
        module = node.module or ""
        if node.level or not (module == "sdk" or is_imported(node)):
            self.refuse(node, "CT101", "." * node.level + module)
            return True
        known = tables.SDK_NAMES if module == "sdk" else self.facts.modules.get(module)
        if known is None:
            self.refuse(node, "CT101", module)
            return True
        for alias in node.names:
            if alias.name not in known and (module == "sdk" or self.imports_known):
                self.refuse(alias, "CT102", alias.name)
            self.name(alias, alias.asname or alias.name)
        return True

    # ---- names and attributes ----
    def name(self, node: ast.AST, name: str) -> None:
        if not name.isascii():
            self.refuse(node, "CT202", name)
        elif name.startswith(("__", tables.PREFIX)):
            self.refuse(node, "CT201", name)

    def on_Name(self, node: ast.Name) -> None:
        self.name(node, node.id)
        if node.id == "super" and id(node) not in self.called:
            self.refuse(node, "CT512")
        if node.id == "super" and not isinstance(node.ctx, ast.Load):
            self.refuse(node, "CT204", node.id)

    def on_arg(self, node: ast.arg) -> None:
        self.name(node, node.arg)
        if node.annotation is not None:
            self.ellipses |= {
                id(x)
                for x in ast.walk(node.annotation)
                if isinstance(x, ast.Constant) and x.value is Ellipsis
            }
        if node.arg == "super":
            self.refuse(node, "CT204", node.arg)

    def on_keyword(self, node: ast.keyword) -> None:
        if node.arg is None:
            self.refuse(node.value, "CT511")
        else:
            self.name(node, node.arg)

    def on_Attribute(self, node: ast.Attribute) -> bool:
        name = node.attr
        if not isinstance(node.ctx, ast.Load):
            self.refuse(node, "CT304")  # the allowed targets never reach this place
        self.attribute(node, name)
        if self.is_super(node.value):
            self.called.add(id(node.value.func))  # type: ignore[attr-defined]
        self.visit(node.value)
        return True

    def is_super(self, node: ast.expr) -> bool:
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "super"
            and not node.args
            and not node.keywords
        )

    def attribute(self, node: ast.Attribute, name: str) -> None:
        if not name.isascii():
            self.refuse(node, "CT202", name)
        elif name.startswith(tables.PREFIX):
            self.refuse(node, "CT201", name)
        elif name.startswith("_"):
            if name == "__init__" and self.is_super(node.value) and id(node) in self.called:
                return
            owner = isinstance(node.value, ast.Name) and node.value.id == "self"
            if not owner or not self.class_depth or name.startswith("__"):
                code = "CT301" if name.startswith("__") else "CT302"
                self.refuse(node, code, name)
        elif name in ("format", "format_map"):
            self.refuse(node, "CT305", name)
        elif name in tables.ATTRIBUTES_NEVER or name.startswith(tables.ATTRIBUTE_PREFIXES):
            self.refuse(node, "CT301", name)
        elif name in tables.METHODS:
            if id(node) not in self.called and not self.is_declared(node, name):
                self.refuse(node, "CT303", name)
        elif name in tables.INTERPRETER_ATTRIBUTES and not self.is_declared(node, name):
            self.refuse(node, "CT301", name)

    def is_declared(self, node: ast.Attribute, name: str) -> bool:
        context = isinstance(node.value, ast.Name) and name in tables.CONTEXT_FIELDS
        return context or name in self.facts.declared
