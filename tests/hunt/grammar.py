# ruff: noqa: E501
"""Random contract programs that the linter admits: templates by type, filled in recursively.

A program is a few exported methods of random statements, in a contract with a fixed head (state, events,
classes, helpers). Every statement stands in a `try`, so that a refused operation is recorded and the
next one runs. `Choices` is all the randomness there is: a seed names a program for good.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import NamedTuple, Protocol

DEPTH_MAX = 3
STATEMENTS_MAX = 6
METHODS_MAX = 2
CALLS_MAX = 4


class Choices(Protocol):
    def number(self, count: int) -> int:
        """One of 0 … count - 1."""
        ...


class Seeded:
    """Choices of a campaign: the same program for the same seed, on every machine."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def number(self, count: int) -> int:
        return self._random.randrange(count)


class Program(NamedTuple):
    """Source of a few methods and the calls to make of it: method, arguments as JSON, gas limit."""

    source: str
    calls: tuple[tuple[str, str, int], ...]


HEAD = """from sdk import Decimal, Event, Map, Revert, Var, bytes_from_hex, call, ctx, dataclass, decode, encode
from sdk import export, field, int_from_bytes, require, sha256, sm3, struct_decode, struct_encode, view

m = Map("m", 0)
n = Map("n", None)
total = Var("total", 7)
Made = Event("Made")
Moved = Event("Moved")
TABLE = (("a", 1, (2, 3)), ("b", -4, ()))
LIMIT = 115792089237316195423570985008687907853269984665640564039457584007913129639935


@dataclass
class Point:
    x: int
    y: list = field(default_factory=list)
    label: str = "p"


@dataclass(frozen=True, order=True)
class Rank:
    level: int
    name: str = ""


class Money:
    def __init__(self, fen: int) -> None:
        self.fen = fen
        self._log = []

    def __add__(self, other):
        return Money(self.fen + other.fen)

    def __eq__(self, other):
        return isinstance(other, Money) and self.fen == other.fen

    def __lt__(self, other):
        return self.fen < other.fen

    def __len__(self):
        return abs(self.fen) % 10

    def __bool__(self):
        return self.fen != 0

    def __contains__(self, item):
        return item == self.fen

    def __getitem__(self, index):
        return self.fen + index

    def __str__(self):
        return f"{self.fen} fen"

    @property
    def yuan(self):
        return self.fen // 100

    @staticmethod
    def zero():
        return Money(0)

    @classmethod
    def of(cls, yuan):
        return cls(yuan * 100)


class Coin(Money):
    def __init__(self, fen):
        super().__init__(fen)
        self.kind = "coin"

    def __str__(self):
        return "coin"


class Refusal(ValueError):
    pass


def helper(a, b=2, *rest, key="k", **more):
    return [a, b, len(rest), key, len(more)]


def fib(k):
    return k if k < 2 else fib(k - 1) + fib(k - 2)


@view
def echo(value: object) -> object:
    return value


@export
def bump(by: int) -> int:
    require(by != 13, "E_UNLUCKY", "not this one")
    total.set(total.get() + by)
    Moved(by=by, caller=ctx.caller)
    return total.get()
"""

# {type} is filled with an expression of that type; the first entries of a type are its atoms.
ATOMS = 6
EXPRESSIONS: dict[str, tuple[str, ...]] = {
    "int": (
        "a", "b", "0", "7", "-3", "LIMIT",
        "({int} + {int})", "({int} - {int})", "({int} * {int})", "({int} // {int})", "({int} % {int})",
        "({int} ** {small})", "({int} << {small})", "({int} >> {small})", "({int} & {int})",
        "({int} | {int})", "({int} ^ {int})", "(-{int})", "(~{int})", "abs({int})", "len({list})",
        "len({text})", "len({map})", "len({set})", "int({text})", "int({decimal})", "sum({list})",
        "min({list})", "max({list}, default={int})", "min({int}, {int}, key=lambda q: -q)", "ord({text})",
        "({int} if {bool} else {int})", "{list}[{small}]", "{map}[{key}]", "{map}.get({key}, {int})",
        "{int}.bit_length()", "{text}.find({text})", "{text}.count({text})", "{list}.index({int})",
        "{list}.count({int})", "m[{key}]", "total.get()", "fib({small})", "divmod({int}, {int})[0]",
        "Money({int}).yuan", "Point({int}).x", "int_from_bytes({bytes})",
        "call('peer', 'bump', {int})", "Money({int})[{small}]", "round({decimal})", "{pair}[0]",
        "len(Money({int}))", "ctx.block", "TABLE[{small}][1]", "{list}.pop()", "{map}.setdefault({key}, {int})",
        "(lambda q, *r: q + len(r))({int}, *{list})", "sorted({list})[0]", "{bytes}.count({bytes})",
    ),
    "small": ("0", "1", "2", "3", "5", "-1", "({small} + {small})", "len({text}) % 7", "9"),
    "bool": (
        "True", "False", "{int} == {int}", "{int} < {int}", "{text} <= {text}", "{int} in {list}",
        "{list} == {list}", "{text} in {text}", "{key} in {map}", "{int} in {set}", "{key} in m",
        "not {bool}", "({bool} and {bool})", "({bool} or {bool})", "{int} < {int} <= {int} != {int}",
        "{text}.isdigit()", "{text}.startswith({text})", "any({list})", "all({list})", "isinstance({any}, int)",
        "{decimal} < {decimal}", "Money({int}) < Coin({int})", "{int} in Money({int})", "bool({any})",
        "Rank({int}) < Rank({int}, {text})", "{set}.issubset({list})", "{any} is None", "{pair} == {pair}",
        "{bytes} < {bytes}", "Point({int}) == Point({int})", "{map} == {map}", "{text}.isidentifier()",
        "{decimal}.is_zero()", "{any} == {any}", "{any} < {any}",
    ),
    "text": (
        "s", "''", "'abc'", "'深圳 Ä'", "'a,b,,c'", "' x\\n'",
        "({text} + {text})", "({text} * {small})", "{text}[{small}:{int}]", "{text}[{int}:{int}:{small}]",
        "{text}[{small}]", "str({any})", "f'{{a}}|{{s!r}}'", "f'{{a:>8,d}}{{s}}'", "f'{{s:^9}}'",
        "f'{{b:+x}}{{x}}'", "f'{{total.get():.2f}}{{b:_}}'", "{text}.upper()", "{text}.lower()", "{text}.strip()",
        "{text}.lstrip({text})", "{text}.replace({text}, {text})", "{text}.zfill({small})",
        "{text}.ljust({small}, '*')", "{text}.removeprefix({text})", "','.join([str(q) for q in {list}])",
        "{text}.join({words})", "{words}[{small}]", "{text}.partition({text})[2]", "{bytes}.hex()",
        "{bytes}.decode()", "chr({int})", "str(Point({int}, {list}))", "str(Coin({int}))", "ctx.sender",
        "str({map})", "str({pair})", "str(Rank({int}, {text}))", "str({set})",
        "min({words})", "str({words})",
    ),
    "words": (
        "['b', 'a']", "[]", "[s]", "['x'] * 3", "['']", "['Ä', 'a']",
        "{text}.split({text})", "{text}.split()", "{text}.splitlines()", "sorted({words})",
        "[{text}, {text}]", "list({text})", "{text}.rsplit({text}, {small})", "[str(q) for q in {list}]",
    ),
    "list": (
        "x", "[]", "[1, 2, 3]", "[0] * 4", "[5, -5]", "[a, b]",
        "({list} + {list})", "({list} * {small})", "{list}[{small}:{int}]", "list(range({small}, {small}))",
        "sorted({list})", "sorted({list}, key=lambda q: -q, reverse={bool})", "[q for q in {list} if q > {int}]",
        "[q * {int} for q in {list}]", "[q + r for q in {list} for r in {list} if q != r]", "list({set})",
        "[{int}, {int}]", "list({map}.values())", "reversed({list})", "{list}.copy()", "list({pair})[:1]",
        "[u + v for u, v in zip({list}, {list})]", "[u * v for u, v in enumerate({list}, {int})]",
        "n.get({key}, {list})", "decode(encode({list}))", "Point({int}, {list}).y", "list({bytes})",
        "call('peer', 'echo', {list})", "struct_decode(['int', 'list:int'], struct_encode([('int', {int}),"
        " ('list:int', {list})]))[1]", "[len(q) for q in {words}]", "range({small})",
    ),
    "set": ("{{1, 2}}", "set()", "set({list})", "{{{int}, {int}}}", "set([3])", "{{a}}",
            "{set}.union({list})", "{set}.intersection({set})", "{set}.difference({list})",
            "{{q % 3 for q in {list}}}", "{set}.copy()", "set(range({small}))"),
    "map": ("{{}}", "{{'a': 1}}", "{{1: 2, 'k': 3}}", "dict(a=1)", "{{b: a}}", "{{(1, 'a'): 2}}",
            "{{{key}: {int}, {key}: {int}}}", "{{q: q * q for q in {list}}}", "dict(zip({list}, {list}))",
            "{map}.copy()", "{{k: v + 1 for k, v in {map}.items()}}", "dict([({key}, {int})])"),
    "key": ("'a'", "'k'", "1", "a", "s", "b'z'", "{text}", "{int}", "({int}, {text})", "({key}, 'x')",
            "{bool}", "{decimal}"),
    "pair": ("(1, 'a')", "(a, s)", "(1, (2, 3))", "TABLE[0]", "(b'', None)", "(0, '')",
             "({int}, {text})", "({int}, {pair})", "tuple({list})", "divmod({int}, {int})",
             "({pair} + {pair})", "{pair}[{small}:]", "({list}, {map})"),
    "decimal": (
        "Decimal('1.50')", "Decimal(3)", "Decimal('-0.001')", "Decimal('1E+30')", "Decimal(a)", "Decimal('0')",
        "({decimal} + {decimal})", "({decimal} - {int})", "({decimal} * {decimal})", "({decimal} / {decimal})",
        "({decimal} // {decimal})", "({decimal} % {decimal})", "({decimal} ** {small})", "Decimal({text})",
        "{decimal}.quantize(Decimal('0.01'))", "round({decimal}, {small})", "-{decimal}",
        "{decimal}.normalize()", "{decimal}.quantize({decimal}, 'ROUND_DOWN')", "({int} / {decimal})",
        "max({decimal}, {decimal})", "sum([{decimal}, {decimal}], {decimal})", "{decimal}.to_integral_value()",
    ),
    "bytes": ("b''", "b'ab'", "b'\\x00\\xff'", "s.encode()", "sha256(b'q')[:4]", "encode(a)",
              "({bytes} + {bytes})", "{bytes}[{small}:{small}]", "{text}.encode()", "sm3({bytes})[:8]",
              "bytes({small})", "bytes({list})", "bytes_from_hex({text})", "encode({any})",
              "{int}.to_bytes({small})", "({bytes} * {small})", "struct_encode([('str', {text})])"),
    "any": ("{int}", "{text}", "{list}", "{bool}", "{map}", "{pair}", "{decimal}", "{bytes}", "None",
            "{set}", "Point({int}, {list})", "Rank({int})", "{words}", "n[{key}]", "helper({any}, {any}, *{list})",
            "helper({int}, key={any}, z={any})", "Money({int}) + Coin({int})"),
}  # fmt: skip
KEPT = ("int", "bool", "text", "list", "map", "pair", "decimal", "bytes", "words", "any")
# Statements of one line, then blocks: {block} is a list of further statements, one level deeper.
LINES = (
    "out.append({kept})", "a = {int}", "b = {int}", "s = {text}", "x = {list}", "a += {int}", "s += {text}",
    "x += {list}", "x.append({int})", "x.insert({small}, {int})", "del x[{small}]", "x[{small}] = {int}",
    "x.extend({list})", "x.sort()", "x.remove({int})", "d = {map}\n    d[{key}] = {any}\n    out.append(str(d))",
    "d = {map}\n    d.update({map})\n    d.pop({key})\n    out.append(d)", "m[{key}] = {int}", "m[{key}] += {int}",
    "n[{key}] = {any}", "n[{key}] = Point({int}, {list}, {text})", "m.delete({key})", "del m[{key}]",
    "total.set({int})", "Made(a={any}, b={text})", "Moved(by={int})", "out.append(m.scan(limit=3))",
    "out.append(n.scan({text}, limit=2))", "a, b = b, {int}", "a, *x = {list}", "(a, b), s = ({int}, {int}), {text}",
    "p = Point({int})\n    p.x += {int}\n    p.y.append(a)\n    n['p'] = p\n    out.append(p)",
    "r = Rank({int})\n    r.level = 3", "require({bool}, 'E_RANDOM', {text})", "assert {bool}, {text}",
    "raise Refusal({text})", "raise ValueError({text})", "raise Revert('E_OTHER')", "q = lambda u, v: u + v\n    out.append(q({any}, {any}))",
    "y = {set}\n    y.add({int})\n    y.discard({int})\n    out.append(list(y))", "return out",
    "out.append([ctx.index, ctx.time, ctx.contract, list(ctx.roles)])", "out.append({any} if {bool} else {any})",
    "x.reverse()", "if (w := {int}) > 2:\n        out.append(w)", "out.append(m.get({key}, {any}))", "n[{key}] = None", "b = call('peer', 'bump', {int})",
)  # fmt: skip
BLOCKS = (
    "if {bool}:\n{block}else:\n{block}", "for i in {list}:\n{block}", "for i in range({small}):\n{block}",
    "for i, j in {map}.items():\n{block}", "for i in {text}:\n{block}    else:\n{block}",
    "w = 0\n    while w < {small}:\n        w += 1\n{block}",
    "try:\n{block}except ({error}, {error}) as e:\n        out.append(str(e))\n{block}",
    "try:\n{block}except {error}:\n{block}finally:\n        out.append({int})\n", "for i in {list}:\n        if i > 1:\n            break\n{block}",
    "def inner(q, r=1):\n{block}        return q\n    out.append(inner({int}))",
)  # fmt: skip
ERRORS = ("Exception", "ValueError", "TypeError", "KeyError", "ZeroDivisionError", "IndexError",
          "LookupError", "Refusal", "Revert", "OverflowError", "ArithmeticError")  # fmt: skip
GAS = (2_000_000, 2_000_000, 300_000, 20_000, 2_000)


class _Writer:
    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    def pick(self, options: tuple[str, ...]) -> str:
        return options[self._choices.number(len(options))]

    def expression(self, kind: str, depth: int) -> str:
        options = EXPRESSIONS[kind]
        if self._choices.number(12) == 0 and depth < DEPTH_MAX:
            options = EXPRESSIONS["any"]  # of another type: the refusal must be the same as well
        template = self.pick(options[:ATOMS] if depth >= DEPTH_MAX else options)
        written = self.filled(template, depth + 1)
        # Comparisons and `not` bind loosely: inside an operation they stand in brackets.
        return f"({written})" if options is EXPRESSIONS["bool"] and " " in written else written

    def filled(self, template: str, depth: int) -> str:
        """The template with every {type} written; {{ and }} are braces."""
        out, at = [], 0
        while at < len(template):
            char = template[at]
            if template.startswith(("{{", "}}"), at) and not template.startswith("{{{", at):
                out.append(char)
                at += 2
            elif template.startswith("{{{", at):
                out.append("{")
                at += 2
            elif char == "{":
                end = template.index("}", at)
                written = self.part(template[at + 1 : end], depth)
                at = end + 1
                # An operand of `.` or `[`: the whole of it.
                out.append(f"({written})" if template[at : at + 1] in (".", "[") else written)
            else:
                out.append(char)
                at += 1
        return "".join(out)

    def part(self, kind: str, depth: int) -> str:
        if kind == "kept":
            kind = self.pick(KEPT)
        if kind == "error":
            return self.pick(ERRORS)
        # A set stays inside: it has no encoding, and would end the transaction.
        return self.expression(kind, depth)

    def statement(self, depth: int) -> list[str]:
        """Lines, indented as if the statement stood at the first column of a function."""
        if depth < 2 and self._choices.number(4) == 0:
            template = self.pick(BLOCKS)
            parts = template.split("{block}")
            text = self.filled(parts[0], 1)
            for part in parts[1:]:
                inner = [
                    line
                    for _ in range(1 + self._choices.number(2))
                    for line in self.statement(depth + 1)
                ]
                text += "".join(f"        {line}\n" for line in inner)
                text += ("    " if part and not part.startswith(" ") else "") + self.filled(part, 1)
        else:
            text = self.filled(self.pick(LINES), 0)
        lines = text.rstrip("\n").split("\n")
        return [lines[0], *(line.removeprefix("    ") for line in lines[1:])]

    def method(self, name: str) -> str:
        lines = [
            f"@export\ndef {name}(a: int, s: str, x: list[int]) -> list:",
            "    out = []",
            "    b = 3",
        ]
        for _ in range(1 + self._choices.number(STATEMENTS_MAX)):
            lines.append("    try:")
            lines += [f"        {line}" for line in self.statement(0)]
            lines += ["    except Exception as error:", "        out.append(str(error))"]
        return "\n".join([*lines, "    out.append([a, b, s, x])", "    return out", ""])

    def arguments(self) -> str:
        numbers = (0, 1, -7, 12, 1 << 40, (1 << 256) - 1)
        texts = ("", "abc", "12", "深圳", "a,b c", "00ff")
        lists = ([], [1, 2, 3], [5, -1, 5], list(range(20)), [1 << 200])
        number = self._choices.number
        return json.dumps({"a": numbers[number(6)], "s": texts[number(6)], "x": lists[number(5)]})


def write_program(choices: Choices, prefix: str) -> Program:
    """A random program and random calls of it; its methods' names begin with the prefix."""
    writer = _Writer(choices)
    names = [f"{prefix}f{at}" for at in range(1 + choices.number(METHODS_MAX))]
    source = "\n\n".join(writer.method(name) for name in names)
    calls = tuple(
        (names[choices.number(len(names))], writer.arguments(), GAS[choices.number(len(GAS))])
        for _ in range(1 + choices.number(CALLS_MAX))
    )
    return Program(source, calls)


def contract_of(programs: Sequence[Program]) -> str:
    """One contract that holds several programs: they share its head, and its state."""
    return "\n\n".join([HEAD, *(program.source for program in programs)])


def numbered_programs(start: int, stop: int) -> dict[int, Program]:
    """The programs of a campaign by their numbers; the same ones for good."""
    return {n: write_program(Seeded(n), f"p{n}_") for n in range(start, stop)}
