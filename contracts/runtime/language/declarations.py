"""What functions and classes may look like: defaults, decorators, hints, bases, fields."""

from __future__ import annotations

import ast

from contracts.runtime.language import tables
from contracts.runtime.language.hints import hint_of
from contracts.runtime.language.names import NameRules
from contracts.runtime.language.walk import is_constant, is_declaration


class DeclarationRules(NameRules):
    """Functions and classes."""

    # ---- functions ----
    def on_FunctionDef(self, node: ast.FunctionDef) -> bool:
        if node.name.startswith("__"):
            if node.name not in tables.SPECIAL_METHODS or not self.class_depth:
                self.refuse(node, "CT604", node.name)
        else:
            self.name(node, node.name)
            if node.name.startswith(tables.ATTRIBUTE_PREFIXES) and self.class_depth:
                self.refuse(node, "CT301", node.name)
        if getattr(node, "type_params", None):
            self.refuse(node, "CT612")
        for default in [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]:
            if not is_constant(default):
                self.refuse(default, "CT602")
        self.decorators(node)
        for argument in self.all_arguments(node.args):
            self.visit(argument)
        for default in [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]:
            self.visit(default)
        self.functions.append(node)
        saved, self.in_finally = self.in_finally, 0
        class_depth = self.class_depth
        for statement in node.body:
            self.visit(statement)
        self.class_depth, self.in_finally = class_depth, saved
        self.functions.pop()
        return True

    def all_arguments(self, args: ast.arguments) -> list[ast.arg]:
        several = [*args.posonlyargs, *args.args, *args.kwonlyargs]
        return several + [a for a in (args.vararg, args.kwarg) if a is not None]

    def decorators(self, node: ast.FunctionDef) -> None:
        names = []
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Name) and decorator.id in tables.DECORATORS:
                names.append(decorator.id)
            else:
                self.refuse(decorator, "CT603")
        exported = [n for n in names if n in ("export", "view")]
        if exported and (self.functions or self.class_depth):
            self.refuse(node, "CT603")
        if names and not exported and not self.class_depth:
            self.refuse(node, "CT603")
        if not exported:
            return
        if node.args.vararg or node.args.kwarg:
            self.refuse(node, "CT611")
        for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
            if argument.annotation is None:
                self.refuse(argument, "CT609", argument.arg)
            elif hint_of(argument.annotation, self.facts.classes) is None:
                self.refuse(argument.annotation, "CT610")

    def on_Lambda(self, node: ast.Lambda) -> None:
        if node.args.defaults or any(d is not None for d in node.args.kw_defaults):
            self.refuse(node, "CT602")

    # ---- classes ----
    def on_ClassDef(self, node: ast.ClassDef) -> bool:
        self.name(node, node.name)
        if self.functions or self.class_depth:
            self.refuse(node, "CT501", "a class inside a function or class")
        if getattr(node, "type_params", None):
            self.refuse(node, "CT612")
        for word in node.keywords:
            self.refuse(word.value, "CT605")
        for base in node.bases:
            known = {*self.facts.classes, *tables.EXCEPTIONS, "Contract", "Revert"}
            if not isinstance(base, ast.Name) or base.id not in known:
                self.refuse(base, "CT606")
        for decorator in node.decorator_list:
            self.class_decorator(decorator)
        self.class_depth += 1
        for statement in node.body:
            self.class_statement(statement)
        self.class_depth -= 1
        return True

    def class_decorator(self, node: ast.expr) -> None:
        call = node if isinstance(node, ast.Call) else None
        name = call.func if call else node
        if not isinstance(name, ast.Name) or name.id != "dataclass" or (call and call.args):
            self.refuse(node, "CT603")
            return
        for word in call.keywords if call else ():
            flag = isinstance(word.value, ast.Constant) and type(word.value.value) is bool
            if word.arg not in tables.DATACLASS_OPTIONS or not flag:
                self.refuse(word.value, "CT608")

    def class_statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.FunctionDef | ast.Pass) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            self.visit(node)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            value = node.value
            named = all(isinstance(t, ast.Name) for t in targets)
            constant = value is None or is_constant(value) or is_declaration(value)
            if not named or not constant:
                self.refuse(node, "CT607")
            for target in targets:
                name = target.id if isinstance(target, ast.Name) else ""
                self.name(target, name)
                if name.startswith(tables.ATTRIBUTE_PREFIXES) or name in tables.ATTRIBUTES_NEVER:
                    self.refuse(target, "CT301", name)
            if value is not None:
                self.visit(value)
        else:
            self.refuse(node, "CT607")
