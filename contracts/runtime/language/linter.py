"""The allow-list over the syntax tree: a node, name or attribute that is not listed is refused.

`check_module` answers for one module; all findings in one run, sorted by position, at most 50.
Names are resolved in scope.py; what is listed stands in tables.py; the words stand in rules.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from contracts.runtime import limits
from contracts.runtime.api import Diagnostic
from contracts.runtime.language import tables
from contracts.runtime.language.hints import hint_of
from contracts.runtime.language.rules import RULES
from contracts.runtime.language.scope import check_names
from contracts.runtime.language.source import check_text

FORMAT_SPEC = re.compile(
    r"(?:[^{}]?[<>=^])?[+\- ]?#?0?(?:[1-9]\d{0,2})?[,_]?(?:\.\d{1,2})?[bdoxXnfFs%eE]?"
)

# The interpreter looks for the line of a syntax error in a file of the source's name, and the guest has
# no files: asking for one would trap. This name cannot even be asked for, as it has no UTF-8 form.
NO_FILE = "\ud800"

_STATEMENT_NAMES = {
    "With": ("with", "with 语句"), "AsyncWith": ("with", "with 语句"),
    "Match": ("match", "match 语句"), "TypeAlias": ("a type statement", "type 语句"),
    "TryStar": ("except*", "except*"), "Import": ("import", "import 语句"),
    "MatMult": ("the operator @", "运算符 @"), "TemplateStr": ("a template string", "模板字符串"),
}  # fmt: skip


@dataclass
class ModuleFacts:
    """What the linter learns about a module and the compiler and other modules need.

    rules: names each rule module of the bundle offers. declared: fields and methods of all classes
    of the bundle. classes: this module's classes. offers: names others may import from it.
    """

    module: str
    rules: dict[str, set[str]] = field(default_factory=dict)
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


class Linter:
    """One walk over one module. Findings are collected, never raised."""

    def __init__(self, facts: ModuleFacts, imports_known: bool = True) -> None:
        self.facts, self.imports_known = facts, imports_known
        self.findings: list[tuple[int, int, str, str]] = []
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
        self.names_unclear = self.names_unclear or name != "Import"
        if name in ("Yield", "YieldFrom"):
            self.refuse(node, "CT502")
        elif name in ("Await", "AsyncFunctionDef", "AsyncFor", "AsyncWith"):
            self.refuse(node, "CT503")
        elif name in ("Global", "Nonlocal"):
            self.refuse(node, "CT504")
        elif name == "Import":
            names = ", ".join(alias.name for alias in node.names)  # type: ignore[attr-defined]
            self.refuse(node, "CT101", names)
        else:
            english, _ = _STATEMENT_NAMES.get(name, (f"the construct {name}", name))
            self.refuse(node, "CT501", english)

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
        if node.level or not (module == "sdk" or module.startswith("rules.")):
            self.refuse(node, "CT101", "." * node.level + module)
            return True
        known = tables.SDK_NAMES if module == "sdk" else self.facts.rules.get(module[6:])
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


# ---- whole modules --------------------------------------------------------------------------------


def parse(source: str) -> ast.Module | tuple[int, int]:
    """The tree, or line and column of what cannot be read."""
    try:
        return ast.parse(source, NO_FILE)
    except SyntaxError as error:
        return (error.lineno or 1, max(error.offset or 1, 1))
    except (ValueError, MemoryError, RecursionError):
        return (1, 1)


def declared_names(tree: ast.Module) -> set[str]:
    """Fields, methods and `self.x = …` of the module's classes."""
    names: set[str] = set()
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef):
                names.add(statement.name)
                names |= _self_fields(statement)
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                names.add(statement.target.id)
            elif isinstance(statement, ast.Assign):
                names |= {t.id for t in statement.targets if isinstance(t, ast.Name)}
    return names


def _self_fields(function: ast.FunctionDef) -> set[str]:
    return {
        node.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def offered_names(tree: ast.Module) -> set[str]:
    """Top-level functions, classes and constants: what another module of the bundle may import."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {t.id for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def imported_classes(tree: ast.Module, classes: dict[str, set[str]]) -> set[str]:
    """Names under which this module sees classes of the bundle's rule modules."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rules."):
            theirs = classes.get((node.module or "")[6:], set())
            found |= {a.asname or a.name for a in node.names if a.name in theirs}
    return found


def diagnostics(
    module: str, findings: Iterable[tuple[int, int, str, str]]
) -> tuple[Diagnostic, ...]:
    """Findings in order of position, without doubles, at most 50, with their words."""
    out = []
    for line, column, code, subject in sorted(set(findings))[: limits.FINDINGS_MAX]:
        rule = RULES[code]
        zh = next((c for e, c in _STATEMENT_NAMES.values() if e == subject), subject)
        out.append(
            Diagnostic(line, column, module, code, rule.message(subject), rule.message_zh(zh))
        )
    return tuple(out)


def check_source(module: str, source: str) -> tuple[Diagnostic, ...]:
    """What is wrong with the text before it is parsed."""
    return diagnostics(module, [(m.line, m.column, m.code, "") for m in check_text(source)])


def check_tree(tree: ast.Module, facts: ModuleFacts, source: str) -> tuple[Diagnostic, ...]:
    """What is wrong with a parsed module."""
    linter = Linter(facts)
    linter.visit(tree)
    if not linter.names_unclear:
        seen = {(line, column) for line, column, _, _ in linter.findings}
        linter.findings += [f for f in check_names(tree) if f[:2] not in seen]
    return diagnostics(facts.module, _in_characters(linter.findings, source))


def _in_characters(
    findings: Iterable[tuple[int, int, str, str]], source: str
) -> list[tuple[int, int, str, str]]:
    """Columns as an editor counts them: the tree has them in bytes of UTF-8."""
    lines = source.split("\n")
    out = []
    for line, column, code, subject in findings:
        text = lines[line - 1] if line <= len(lines) else ""
        before = text.encode()[: column - 1].decode("utf-8", "ignore")
        out.append((line, column if text.isascii() else len(before) + 1, code, subject))
    return out
