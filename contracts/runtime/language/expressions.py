"""Which constants and expressions a contract may write."""

from __future__ import annotations

import ast
import re

from contracts.runtime import limits
from contracts.runtime.language.names import NameRules

FORMAT_SPEC = re.compile(
    r"(?:[^{}]?[<>=^])?[+\- ]?#?0?(?:[1-9]\d{0,2})?[,_]?(?:\.\d{1,2})?[bdoxXnfFs%eE]?"
)


class ExpressionRules(NameRules):
    """Constants, comparisons, displays, subscripts, calls, f-strings."""

    # ---- expressions ----
    def on_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if type(value) is float:
            self.refuse(node, "CT401")
        elif type(value) is complex:
            self.refuse(node, "CT402")
        elif type(value) is int and abs(value) >= limits.INT_LIMIT:
            self.refuse(node, "CT403")
        elif (value is Ellipsis and id(node) not in self.ellipses) or (
            type(value) is str and any(0xD800 <= ord(c) <= 0xDFFF for c in value)
        ):
            self.refuse(node, "CT404")

    def on_Compare(self, node: ast.Compare) -> None:
        for operator, right in zip(node.ops, node.comparators, strict=True):
            fixed = isinstance(right, ast.Constant) and (
                right.value is None or type(right.value) is bool
            )
            if isinstance(operator, ast.Is | ast.IsNot) and not fixed:
                self.refuse(right, "CT509")
        for middle in node.comparators[:-1]:
            if self.in_source and not isinstance(middle, ast.Name | ast.Constant):
                self.refuse(middle, "CT514")

    def on_NamedExpr(self, node: ast.NamedExpr) -> None:
        if self.in_source:
            self.refuse(node, "CT501", "an assignment inside a comprehension's source")

    def on_Dict(self, node: ast.Dict) -> bool:
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                self.refuse(value, "CT511")
            else:
                self.visit(key)
            self.visit(value)
        return True

    def on_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.slice, ast.Tuple):
            for item in node.slice.elts:
                if isinstance(item, ast.Slice | ast.Starred):
                    self.refuse(item, "CT501", "a slice in a tuple")

    def on_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            self.called.add(id(node.func))

    def on_FormattedValue(self, node: ast.FormattedValue) -> bool:
        self.visit(node.value)
        if node.conversion == ord("a"):
            self.refuse(node, "CT405")
        spec = node.format_spec
        if isinstance(spec, ast.JoinedStr):
            parts = spec.values
            fixed = all(isinstance(p, ast.Constant) for p in parts)
            text = "".join(str(p.value) for p in parts if isinstance(p, ast.Constant))
            if not fixed or not FORMAT_SPEC.fullmatch(text):
                self.refuse(node, "CT405")
        return True
