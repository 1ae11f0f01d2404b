"""Which statements a contract may write, and what they may assign to."""

from __future__ import annotations

import ast

from contracts.runtime.language import tables
from contracts.runtime.language.names import NameRules


class StatementRules(NameRules):
    """Assignments, loops, handlers, leaving."""

    # ---- statements ----
    def on_Assign(self, node: ast.Assign) -> bool:
        for target in node.targets:
            self.target(target, starred=True)
        self.visit(node.value)
        return True

    def on_AugAssign(self, node: ast.AugAssign) -> bool:
        self.target(node.target)
        self.visit(node.op)
        self.visit(node.value)
        return True

    def on_AnnAssign(self, node: ast.AnnAssign) -> bool:
        if isinstance(node.target, ast.Attribute):
            self.refuse(node.target, "CT304")
        self.target(node.target)
        if node.value is not None:
            self.visit(node.value)
        return True

    def target(self, node: ast.expr, inside: bool = False, starred: bool = False) -> None:
        """An assignment target: attributes only alone, slices never."""
        if isinstance(node, ast.Attribute):
            if inside or not isinstance(node.value, ast.Name):
                self.refuse(node, "CT304")
            self.stored_attribute(node)
        elif isinstance(node, ast.Tuple | ast.List):
            for item in node.elts:
                self.target(item, inside=True, starred=starred)
        elif isinstance(node, ast.Starred):
            if not starred:
                self.refuse(node, "CT513")
            self.target(node.value, inside=True)
        elif isinstance(node, ast.Subscript):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if any(isinstance(part, ast.Slice) for part in parts):
                self.refuse(node, "CT510")
            self.visit(node.value)
            self.visit(node.slice)
        else:
            self.visit(node)

    def stored_attribute(self, node: ast.Attribute) -> None:
        name = node.attr
        private = name.startswith("_") and not name.startswith("__")
        owner = isinstance(node.value, ast.Name) and node.value.id == "self" and self.class_depth
        if not name.isascii():
            self.refuse(node, "CT202", name)
        elif name.startswith(("__", tables.PREFIX)) or (private and not owner):
            self.refuse(node, "CT301" if name.startswith("__") else "CT302", name)
        elif name in tables.ATTRIBUTES_NEVER or name.startswith(tables.ATTRIBUTE_PREFIXES):
            self.refuse(node, "CT301", name)
        self.visit(node.value)

    def on_Delete(self, node: ast.Delete) -> bool:
        for target in node.targets:
            if isinstance(target, ast.Attribute):
                self.refuse(target, "CT304")
            elif isinstance(target, ast.Subscript):
                self.target(target)
            elif not isinstance(target, ast.Name):
                self.refuse(target, "CT501", "del of this")
            else:
                self.visit(target)
        return True

    def loop_target(self, node: ast.expr) -> None:
        for part in ast.walk(node):
            if isinstance(part, ast.Starred):
                self.refuse(part, "CT513")
            elif isinstance(part, ast.Attribute | ast.Subscript):
                self.refuse(part, "CT304")
            elif isinstance(part, ast.Name):
                self.name(part, part.id)

    def on_For(self, node: ast.For) -> bool:
        self.loop_target(node.target)
        self.visit(node.iter)
        self.loop(node)
        return True

    def on_While(self, node: ast.While) -> bool:
        self.visit(node.test)
        self.loop(node)
        return True

    def loop(self, node: ast.For | ast.While) -> None:
        saved, self.loops_in_finally = self.loops_in_finally, self.loops_in_finally + 1
        for statement in node.body:
            self.visit(statement)
        self.loops_in_finally = saved
        for statement in node.orelse:
            self.visit(statement)

    def on_comprehension(self, node: ast.comprehension) -> bool:
        if node.is_async:
            self.refuse(node.target, "CT503")
        self.loop_target(node.target)
        self.in_source += 1
        self.visit(node.iter)
        self.in_source -= 1
        for test in node.ifs:
            self.visit(test)
        return True

    def on_Try(self, node: ast.Try) -> bool:
        for part in [*node.body, *node.handlers, *node.orelse]:
            self.visit(part)
        saved = self.in_finally, self.loops_in_finally
        self.in_finally, self.loops_in_finally = 1, 0
        for part in node.finalbody:
            self.visit(part)
        self.in_finally, self.loops_in_finally = saved
        return True

    def on_ExceptHandler(self, node: ast.ExceptHandler) -> bool:
        if node.name:
            self.name(node, node.name)
        if node.type is None:
            self.refuse(node, "CT505")
        else:
            types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            known = {*self.facts.classes, *tables.EXCEPTIONS, "Revert"}
            for one in types:
                if not isinstance(one, ast.Name) or one.id not in known:
                    self.refuse(one, "CT506")
        for statement in node.body:
            self.visit(statement)
        return True

    def on_Return(self, node: ast.Return) -> None:
        if self.in_finally:
            self.refuse(node, "CT508", "return")

    def on_Break(self, node: ast.Break) -> None:
        if self.in_finally and not self.loops_in_finally:
            self.refuse(node, "CT508", "break")

    def on_Continue(self, node: ast.Continue) -> None:
        if self.in_finally and not self.loops_in_finally:
            self.refuse(node, "CT508", "continue")

    def on_Raise(self, node: ast.Raise) -> None:
        if node.cause is not None:
            self.refuse(node, "CT507")
