"""From a checked tree to code that counts its own gas and asks before it works.

Every basic block begins with its charge; every operator, subscript, iteration and built-in method
goes through a guard of the runtime (names that begin with `_pl_`). A module becomes one closure that
returns its top-level names, so no writable module namespace exists at run time.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Sequence
from typing import Any

from contracts.runtime import gas
from contracts.runtime.language import tables
from contracts.runtime.language.linter import NO_FILE
from contracts.runtime.language.tables import PREFIX

_BLOCKS = (ast.FunctionDef, ast.ClassDef)


def cost(node: ast.AST) -> int:
    """Expression and statement nodes that run with this one; lambdas and comprehension elements

    charge for themselves."""
    if isinstance(node, ast.Lambda):
        return 1
    if isinstance(node, tables.COMPREHENSIONS):
        return 1 + cost(node.generators[0].iter)
    own = 1 if isinstance(node, ast.expr | ast.stmt) else 0
    own += gas.NODES.get(type(node).__name__, 0)
    return own + sum(cost(child) for child in ast.iter_child_nodes(node))


def block_cost(statements: Sequence[ast.stmt]) -> int:
    """Charge at the head of a block: its statements without the blocks inside them."""
    total = 0
    for node in statements:
        if isinstance(node, _BLOCKS):
            total += 2
        elif isinstance(node, ast.If | ast.While):
            total += 1 + cost(node.test)
        elif isinstance(node, ast.For):
            total += 1 + cost(node.iter)
        elif isinstance(node, ast.Try):
            total += 1 + block_cost(node.body)
        else:
            total += cost(node)
    return total


def load(name: str) -> ast.Name:
    return ast.Name(id=name, ctx=ast.Load())


def store(name: str) -> ast.Name:
    return ast.Name(id=name, ctx=ast.Store())


def call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(func=load(PREFIX + name), args=list(args), keywords=[])


def assign(name: str, value: ast.expr) -> ast.Assign:
    return ast.Assign(targets=[store(name)], value=value)


def tick(amount: int) -> list[ast.stmt]:
    """The charge of a block. What is left is kept in a local name, so that the cell is read once."""
    left = f"{PREFIX}left"
    return ast.parse(
        f"{PREFIX}G[0] = {left} = {PREFIX}G[0] - {amount}\nif {left} < 0: {PREFIX}oog()"
    ).body


def is_short(node: ast.expr) -> bool:
    """A constant whose comparison costs nothing worth counting."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and is_short(node.operand)
    if not isinstance(node, ast.Constant):
        return False
    value = node.value
    return (
        value is None
        or type(value) is bool
        or (type(value) is int and abs(value) < 1 << 64)
        or (type(value) is str and len(value) <= 64)
    )


def unpack_depth(target: ast.expr) -> int:
    """How deep a target unpacks; 0 for a plain name."""
    if isinstance(target, ast.Tuple | ast.List):
        return 1 + max((unpack_depth(item) for item in target.elts), default=0)
    return unpack_depth(target.value) if isinstance(target, ast.Starred) else 0


class Instrumenter(ast.NodeTransformer):
    """Adds charges and guards to one module that the linter has admitted."""

    def __init__(self, classes: dict[str, ast.ClassDef]) -> None:
        self.classes = classes
        self.temporaries = 0
        self.function_depth = 0
        self.in_class = False

    def temporary(self) -> str:
        self.temporaries += 1
        return f"{PREFIX}v{self.temporaries}"

    def block(self, statements: Sequence[ast.stmt], extra: int = 0) -> list[ast.stmt]:
        return tick(block_cost(statements) + extra) + self.statements(statements)

    def statements(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for statement in statements:
            found = self.visit(statement)
            out.extend(found if isinstance(found, list) else [found])
        return out or [ast.Pass()]

    # ---- declarations ----
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        nested = self.function_depth > 0
        in_class, self.in_class = self.in_class, False
        self.function_depth += 1
        body = self.block(node.body, extra=gas.FUNCTION_ENTRY)
        self.function_depth -= 1
        if node.args.vararg:
            body.insert(2, ast.Expr(value=call("tuple", load(node.args.vararg.arg))))
        if node.args.kwarg:
            body.insert(2, ast.Expr(value=call("new", load(node.args.kwarg.arg))))
        depth = f"{PREFIX}depth"
        enter = ast.parse(
            f"{depth} = {PREFIX}D[0]\nif {depth} >= {gas.CALL_DEPTH_MAX}: {PREFIX}deep()\n"
            f"{PREFIX}D[0] = {depth} + 1"
        ).body
        leave = ast.parse(f"{PREFIX}D[0] = {depth}").body
        node.body = [*enter, ast.Try(body=body, handlers=[], orelse=[], finalbody=leave)]
        self.strip_hints(node)
        kept = ("staticmethod", "classmethod", "property")
        node.decorator_list = [
            load(PREFIX + d.id)
            for d in node.decorator_list
            if isinstance(d, ast.Name) and d.id in kept and in_class
        ]
        if nested:
            node.decorator_list.append(load(PREFIX + "function"))
        self.in_class = in_class
        return node

    def strip_hints(self, node: ast.FunctionDef) -> None:
        node.returns = None
        args = node.args
        for one in [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]:
            if one is not None:
                one.annotation = None

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        amount = gas.LAMBDA_CALL + cost(node.body)
        node.body = self.visit(node.body)
        return call("lambda", ast.Constant(amount), node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        fields = [
            (s.target.id, s.value is not None)
            for s in node.body
            if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
        ]
        node.bases = [self.real_class(b) for b in node.bases]
        self.in_class = True
        node.body = self.statements(node.body)
        self.in_class = False
        options: dict[str, bool] = {}
        for decorator in node.decorator_list:
            words = decorator.keywords if isinstance(decorator, ast.Call) else []
            options |= {w.arg: w.value.value for w in words}  # type: ignore[attr-defined,misc]
        if node.decorator_list:
            facts = ast.parse(repr((tuple(fields), tuple(sorted(options.items()))))).body[0].value  # type: ignore[attr-defined]
            node.decorator_list = [call("dataclass", facts)]
        return node

    def real_class(self, node: ast.expr) -> ast.expr:
        """In `except` and as a base the exception class itself, elsewhere its metered constructor."""
        assert isinstance(node, ast.Name)
        if node.id in {*tables.EXCEPTIONS, "Revert"} and node.id not in self.classes:
            return load(f"{PREFIX}x_{node.id}")
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for alias in node.names:
            if node.module == "sdk":
                if alias.name in ("dataclass", "export", "view"):
                    continue
                value: ast.expr = load(f"{PREFIX}sdk_{alias.name}")
            else:
                module = ast.Subscript(
                    value=load(PREFIX + "modules"),
                    slice=ast.Constant(node.module),
                    ctx=ast.Load(),
                )
                value = ast.Subscript(value=module, slice=ast.Constant(alias.name), ctx=ast.Load())
            out.append(assign(alias.asname or alias.name, value))
        return out or [ast.Pass()]

    # ---- statements ----
    def visit_If(self, node: ast.If) -> ast.If:
        node.test = self.visit(node.test)
        node.body = self.block(node.body)
        node.orelse = self.block(node.orelse) if node.orelse else []
        return node

    def visit_While(self, node: ast.While) -> ast.While:
        extra = gas.WHILE_BODY + cost(node.test)
        node.test = self.visit(node.test)
        node.body = self.block(node.body, extra)
        node.orelse = self.block(node.orelse) if node.orelse else []
        return node

    def visit_For(self, node: ast.For) -> ast.For:
        node.iter = self.iterable(node.iter, node.target)
        node.body = self.block(node.body, gas.FOR_BODY)
        node.orelse = self.block(node.orelse) if node.orelse else []
        return node

    def iterable(self, source: ast.expr, target: ast.expr) -> ast.expr:
        depth = unpack_depth(target)
        value = self.visit(source)
        return call("pairs", value, ast.Constant(depth)) if depth else call("iter", value)

    def visit_Try(self, node: ast.Try) -> ast.Try:
        node.body = self.statements(node.body)
        for handler in node.handlers:
            assert handler.type is not None
            if isinstance(handler.type, ast.Tuple):
                handler.type.elts = [self.real_class(t) for t in handler.type.elts]
            else:
                handler.type = self.real_class(handler.type)
            caught: list[ast.stmt] = [ast.Expr(value=call("caught"))]
            handler.body = caught + self.block(handler.body, gas.HANDLER)
        node.orelse = self.block(node.orelse) if node.orelse else []
        node.finalbody = self.block(node.finalbody) if node.finalbody else []
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        if node.exc is not None:
            node.exc = call("raise", self.visit(node.exc))
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.If:
        message = [] if node.msg is None else [self.visit(node.msg)]
        failed = call("raise", call("AssertionError", *message))
        return ast.If(
            test=ast.UnaryOp(op=ast.Not(), operand=self.visit(node.test)),
            body=[ast.Raise(exc=failed, cause=None)],
            orelse=[],
        )

    def visit_Delete(self, node: ast.Delete) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                parts = self.visit(target.value), self.visit(target.slice)
                out.append(ast.Expr(value=call("delitem", *parts)))
            else:
                out.append(ast.Delete(targets=[target]))
        return out

    def visit_Assign(self, node: ast.Assign) -> Any:
        value = self.visit(node.value)
        if len(node.targets) == 1:
            return self.assign_to(node.targets[0], value)
        name = self.temporary()
        out: list[ast.stmt] = [assign(name, value)]
        for target in node.targets:
            out.extend(self.assign_to(target, load(name)))
        return out

    def assign_to(self, target: ast.expr, value: ast.expr) -> list[ast.stmt]:
        if isinstance(target, ast.Name):
            return [ast.Assign(targets=[target], value=value)]
        if isinstance(target, ast.Subscript):
            parts = self.visit(target.value), self.visit(target.slice)
            return [ast.Expr(value=call("setitem", value, *parts))]
        if isinstance(target, ast.Attribute):
            owner = self.visit(target.value)
            return [ast.Expr(value=call("setattr", value, owner, ast.Constant(target.attr)))]
        later: list[ast.stmt] = []
        plain = self.plain_target(target, later)
        value = call("unpack", value, ast.Constant(unpack_depth(target)))
        return [ast.Assign(targets=[plain], value=value), *later]

    def plain_target(self, target: ast.expr, later: list[ast.stmt]) -> ast.expr:
        """The target with names only; what else is to be stored follows in `later`."""
        if isinstance(target, ast.Tuple | ast.List):
            target.elts = [self.plain_target(item, later) for item in target.elts]
        elif isinstance(target, ast.Starred):
            inner = target.value
            if not isinstance(inner, ast.Name):
                name = self.temporary()
                target.value = store(name)
                later.append(ast.Expr(value=call("new", load(name))))
                later.extend(self.assign_to(inner, load(name)))
            else:
                later.append(ast.Expr(value=call("new", load(inner.id))))
        elif isinstance(target, ast.Subscript):
            name = self.temporary()
            later.extend(self.assign_to(target, load(name)))
            return store(name)
        return target

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is None:
            return ast.Pass()
        return self.assign_to(node.target, self.visit(node.value))

    def visit_AugAssign(self, node: ast.AugAssign) -> list[ast.stmt]:
        guard = "iadd" if isinstance(node.op, ast.Add) else tables.OPERATORS[type(node.op)]
        target = node.target
        if isinstance(target, ast.Name):
            return [assign(target.id, call(guard, load(target.id), self.visit(node.value)))]
        owner = self.temporary()
        out: list[ast.stmt] = [assign(owner, self.visit(target.value))]
        if isinstance(target, ast.Attribute):
            old = self.attribute(load(owner), target.attr)
            new = call(guard, old, self.visit(node.value))
            out.append(ast.Expr(value=call("setattr", new, load(owner), ast.Constant(target.attr))))
            return out
        key = self.temporary()
        out.append(assign(key, self.visit(target.slice)))
        new = call(guard, call("getitem", load(owner), load(key)), self.visit(node.value))
        out.append(ast.Expr(value=call("setitem", new, load(owner), load(key))))
        return out

    # ---- expressions ----
    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        return call(tables.OPERATORS[type(node.op)], left, right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        node.operand = self.visit(node.operand)
        if isinstance(node.op, ast.Invert):
            return call("invert", node.operand)
        if isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
            return call("neg", node.operand)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        operands = [self.visit(x) for x in (node.left, *node.comparators)]
        if len(node.ops) == 1:
            return self.comparison(node.ops[0], operands[0], operands[1])
        parts = []
        for at, operator in enumerate(node.ops):
            left, right = operands[at], operands[at + 1]
            if at + 1 < len(node.ops) and not isinstance(right, ast.Name | ast.Constant):
                # Kept for the second half: each operand is evaluated once, the rest only if needed.
                name = self.temporary()
                operands[at + 1] = load(name)
                right = ast.NamedExpr(target=store(name), value=right)
            parts.append(self.comparison(operator, left, right))
        return ast.BoolOp(op=ast.And(), values=parts)

    def comparison(self, operator: ast.cmpop, left: ast.expr, right: ast.expr) -> ast.expr:
        native = isinstance(operator, ast.Is | ast.IsNot)
        if not native and not isinstance(operator, ast.In | ast.NotIn):
            native = is_short(left) or is_short(right)
        if native:
            return ast.Compare(left=left, ops=[operator], comparators=[right])
        return call(tables.COMPARISONS[type(operator)], left, right)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.args = [self.visit(a) for a in node.args]
        for word in node.keywords:
            word.value = self.visit(word.value)
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in tables.METHODS:
            args = [self.visit(function.value), ast.Constant(function.attr), *node.args]
            return ast.Call(func=load(PREFIX + "method"), args=args, keywords=node.keywords)
        node.func = self.visit(function)
        return node

    def visit_Starred(self, node: ast.Starred) -> ast.Starred:
        node.value = call("list_of", self.visit(node.value))
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return self.attribute(self.visit(node.value), node.attr)

    def attribute(self, owner: ast.expr, name: str) -> ast.expr:
        private = name.startswith("_") and name != "__init__"
        if private or name in tables.INTERPRETER_ATTRIBUTES:
            return call("getattr", owner, ast.Constant(name))
        return ast.Attribute(value=owner, attr=name, ctx=ast.Load())

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        value = self.visit(node.value)
        if isinstance(node.slice, ast.Slice):
            parts = (node.slice.lower, node.slice.upper, node.slice.step)
            bounds = [ast.Constant(None) if p is None else self.visit(p) for p in parts]
            return call("slice", value, *bounds)
        return call("getitem", value, self.visit(node.slice))

    def visit_List(self, node: ast.List) -> ast.expr:
        node.elts = [self.visit(item) for item in node.elts]
        return call("new", node)

    def visit_Tuple(self, node: ast.Tuple) -> ast.expr:
        if all(isinstance(item, ast.Constant) for item in node.elts):
            return node
        node.elts = [self.visit(item) for item in node.elts]
        return call("tuple", node)

    def visit_Set(self, node: ast.Set) -> ast.expr:
        items = ast.List(elts=[self.visit(item) for item in node.elts], ctx=ast.Load())
        return call("set", items)

    def visit_Dict(self, node: ast.Dict) -> ast.expr:
        parts: list[ast.expr] = []
        for key, value in zip(node.keys, node.values, strict=True):
            assert key is not None
            parts += [self.visit(key), self.visit(value)]
        return call("dict", ast.List(elts=parts, ctx=ast.Load()))

    def comprehension(self, node: Any) -> Any:
        amount = gas.COMPREHENSION_ELEMENT
        amount += sum(cost(e) for e in (getattr(node, "elt", None), getattr(node, "key", None),
                                        getattr(node, "value", None)) if e is not None)  # fmt: skip
        amount += sum(cost(test) for test in node.generators[-1].ifs)
        for at, part in enumerate(node.generators):
            inner = node.generators[at + 1].iter if at + 1 < len(node.generators) else None
            own = amount if inner is None else 1 + cost(inner) + sum(cost(x) for x in part.ifs)
            part.iter = self.iterable(part.iter, part.target)
            part.ifs = [call("tick", ast.Constant(own)), *(self.visit(x) for x in part.ifs)]
        for name in ("elt", "key", "value"):
            if getattr(node, name, None) is not None:
                setattr(node, name, self.visit(getattr(node, name)))
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
        return call("new", self.comprehension(node))

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        """Eager: no lazy iterator ever exists."""
        return self.visit_ListComp(ast.ListComp(elt=node.elt, generators=node.generators))

    def visit_SetComp(self, node: ast.SetComp) -> ast.expr:
        plain = ast.ListComp(elt=node.elt, generators=node.generators)
        return call("set", self.comprehension(plain))

    def visit_DictComp(self, node: ast.DictComp) -> ast.expr:
        """Built from a list of pairs, so that every insertion goes through the guard."""
        node = self.comprehension(node)
        pair = ast.Tuple(elts=[node.key, node.value], ctx=ast.Load())
        return call("dict_of_pairs", ast.ListComp(elt=pair, generators=node.generators))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        parts: list[ast.expr] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                spec = ""
                if isinstance(part.format_spec, ast.JoinedStr):
                    spec = "".join(str(p.value) for p in part.format_spec.values)  # type: ignore[attr-defined]
                conversion = ast.Constant(part.conversion == ord("r"))
                parts.append(call("format", self.visit(part.value), conversion, ast.Constant(spec)))
            else:
                parts.append(part)
        return call("join", ast.List(elts=parts, ctx=ast.Load()))


def compile_module(tree: ast.Module, offers: Sequence[str]) -> types.CodeType:
    """Code of one module: it defines `_pl_module`, a function of the rule modules' exports."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    body = Instrumenter(classes).statements(tree.body)
    names = sorted(offers)
    result = ast.Dict(keys=[ast.Constant(n) for n in names], values=[load(n) for n in names])
    shell = ast.parse(f"def {PREFIX}module({PREFIX}modules): pass").body[0]
    assert isinstance(shell, ast.FunctionDef)
    shell.body = [*body, ast.Return(value=result)]
    module = ast.fix_missing_locations(ast.Module(body=[shell], type_ignores=[]))
    return compile(module, NO_FILE, "exec", dont_inherit=True, optimize=0)
