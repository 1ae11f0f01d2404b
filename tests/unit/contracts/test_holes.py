# ruff: noqa: E501
"""Holes that a prototype of the engine had, and their kind: each a case on both engines.

Outcome, value, code, gas must be as written here and equal on CPython 3.11/3.12 and in WebAssembly.
"""

import json

import pytest

from contracts.runtime.cases import run_case

SDK = "from sdk import *\n"

LINT = {
    "attribute as a loop target": "class M:\n    n = 1\ndef f():\n    for M.n in [1]: pass",
    "attribute as a comprehension target": "class M:\n    n = 1\ndef f():\n    return [0 for M.n in [1]]",
    "attribute in an annotated assignment": "class M:\n    n = 1\ndef f():\n    m = M()\n    m.n: int = 2",
    "del of an attribute": "class M:\n    n = 1\ndef f():\n    m = M()\n    del m.n",
    "attribute in unpacking": "class M:\n    n = 1\ndef f():\n    m = M()\n    m.n, x = 1, 2",
    "starred attribute": "class M:\n    n = 1\ndef f():\n    m = M()\n    *m.n, x = 1, 2",
    "with as attribute": "def f():\n    with f() as g: pass",
    "exception arguments": "def f():\n    try:\n        1 // 0\n    except Exception as e:\n        return e.args[0]",
    "exception name": "def f():\n    try:\n        return x\n    except Exception as e:\n        return e.name\n    x = 1",
    "exception object": "def f():\n    try:\n        [].nothing\n    except Exception as e:\n        return e.obj",
    "map default list": "from sdk import Map\nm = Map('a', [])\ndef f(): return 1",
    "map default call": "from sdk import Map\nm = Map('a', list())\ndef f(): return 1",
    "bound method": "def f():\n    a = []\n    g = a.append\n    g(1)",
    "private of another": "class A:\n    def g(self, o): return o._x\ndef f(): return 1",
    "unknown name": "def f():\n    return ammount",
    "name of a class body": "class A:\n    x = 1\n    def g(self): return x\ndef f(): return 1",
    "double star call": "def g(**k): return 1\ndef f():\n    return g(**{'a': 1})",
    "double star display": "def f():\n    return {**{'a': 1}}",
    "type parameters": "def f[T](x: T): return x",
    "match": "def f(x):\n    match x:\n        case 1: return 2",
    "template or bytes specification": "def f(x):\n    return f'{x:{x}}'",
    "raise from": "def f():\n    raise ValueError('a') from None",
    "nonlocal": "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = 2\n    g()",
    "return in finally": "def f():\n    try:\n        return 1\n    finally:\n        return 2",
    "break in finally": "def f():\n    while True:\n        try:\n            pass\n        finally:\n            break",
    "ellipsis": "def f():\n    return ...",
    "big literal": "def f():\n    return " + str(1 << 256),
    "long elif chain": "def f(x):\n    if x == 0: return 0\n"
    + "".join(f"    elif x == {n}: return {n}\n" for n in range(1, 200)),
    "long sum": "def f():\n    return " + "+".join(["1"] * 3000),
    "many nots": "def f():\n    return " + "not " * 500 + "1",
    "deep attributes": "def f(x):\n    return x" + ".a" * 3000,
    "nested lambdas": "def f():\n    return " + "lambda: " * 400 + "1",
    "nested f-string": "def f():\n    return f'{" + "(" * 60 + "1" + ")" * 60 + "}'",
    "bom": "\ufeffdef f(): return 1",
    "nul": "def f(): return 1\0",
    "carriage return": "def f():\r\n    return 1",
    "fullwidth name": "def f():\n    ｌｅｎ = 1\n    return ｌｅｎ",
    "class in a function": "def f():\n    class A: pass\n    return 1",
    "loops in loops": "def f():\n"
    + "".join(" " * (i + 1) + f"for x{i} in range(1):\n" for i in range(17))
    + " " * 19
    + "return 1",
    "base from a call": "class A(type('B', (), {})): pass\ndef f(): return 1",
    "super elsewhere": "class A:\n    def g(self):\n        s = super()\n        return s\ndef f(): return 1",
    "dunder of runtime on self": "class A:\n    def g(self):\n        self._pl_message = 1\ndef f(): return 1",
    "break outside a loop": "def f():\n    break",
    "assignment in a comprehension source": "def f():\n    return [x for x in (y := [1])]",
    "twice the same parameter": "def f(a, a): return 1",
    "def twice": "def f(): return 1\ndef f(): return 2",
    "float method": "def f():\n    return (1).real",
    "decorator at module level": "@property\ndef f(): return 1",
    "dataclass order broken": "from sdk import dataclass\n@dataclass\nclass A:\n    x: int = 1\n    y: int\ndef f(): return 1",
}

# name: (source, outcome, value or code)
RUN = {
    "cap after adding one": ("def f():\n    x = 2 ** 255 - 1 + 2 ** 255\n    return x + 1", "revert", "OverflowError"),
    "cap after augmented one": ("def f():\n    x = 2 ** 255 - 1 + 2 ** 255\n    x += 1\n    return x", "revert", "OverflowError"),
    "cap after invert": ("def f():\n    x = 2 ** 255 - 1 + 2 ** 255\n    return ~x", "revert", "OverflowError"),
    "the largest number": ("def f():\n    return -(2 ** 255 - 1 + 2 ** 255)", "ok", -((1 << 256) - 1)),
    "keys of two types": (
        SDK.replace("*", "Map") + "m = Map('m', 0)\ndef f():\n    m[5] = 1\n    m['i5'] = 2\n    m['5'] = 3\n"
        "    m[(1, 'x')] = 4\n    m[('1', 'x')] = 5\n    m[b'5'] = 6\n"
        "    return [m[5], m['i5'], m['5'], m[(1, 'x')], m[('1', 'x')], m[b'5']]", "ok", [1, 2, 3, 4, 5, 6]),
    "objects with a slash": (
        SDK.replace("*", "Map") + "a = Map('a', 0)\nb = Map('a/b', 0)\ndef f():\n    a['b/x'] = 1\n    b['x'] = 2\n"
        "    return [a['b/x'], b['x']]", "ok", [1, 2]),
    "default of get": (
        SDK.replace("*", "Map") + "m = Map('m', 7)\ndef f():\n    return [m.get('a', 1), m.get('a'), m['a'], 'a' in m]",
        "ok", [1, 7, 7, False]),
    "value types come back": (
        SDK.replace("*", "Map, Decimal, dataclass") + "@dataclass\nclass P:\n    x: int\n    y: list\nm = Map('m')\ndef f():\n"
        "    m['a'] = {1: (1, b'x', Decimal('1.50')), (1, 'b'): [P(1, [2])]}\n    v = m['a']\n"
        "    p = v[(1, 'b')][0]\n    return [v[1][0], str(v[1][2]), p.x, p.y, p == P(1, [2]), isinstance(p, P)]",
        "ok", [1, "1.50", 1, [2], True, True]),
    "changed after storing": (
        SDK.replace("*", "Map, dataclass") + "@dataclass\nclass P:\n    x: int\nm = Map('m')\ndef f():\n"
        "    p = P(1)\n    m['a'] = p\n    p.x = 2\n    q = m['a']\n    q.x = 3\n    return m['a'].x", "ok", 1),
    "sdk object as self": (
        SDK.replace("*", "Map") + "m = Map('m', 7)\nclass A:\n    def g(self): return self._default\n"
        "def f():\n    return A.g(m)", "revert", "TypeError"),
    "set as self": ("class A:\n    def g(self): return self._items\ndef f():\n    return A.g({1})", "revert", "TypeError"),
    "set an attribute through self": (
        SDK.replace("*", "Map") + "m = Map('m', 7)\nclass A:\n    def g(self):\n        self._default = 9\n"
        "def f():\n    A.g(m)\n    return m['x']", "revert", "TypeError"),
    "brackets in text": ("def f():\n    return len('" + "(" * 60 + "') # " + "[" * 60, "ok", 60),
    "brackets in f-strings": ("def f():\n    x = 1\n    return f'{{{x}}}" + "((" * 30 + "'", "ok", "{1}" + "((" * 30),
    "chains short-circuit": ("def f():\n    return 1 > 2 > 1 // 0", "ok", False),
    "chains evaluate once": (
        "def g(l):\n    l.append(1)\n    return len(l)\ndef f():\n    l = []\n    return [0 < g(l) < 5, len(l)]", "ok", [True, 1]),
    "chain in a comprehension": ("def f():\n    return [x for x in range(9) if 1 < x + 1 < 4]", "ok", [1, 2]),
    "closed swallow": ("def f():\n    try:\n        return f()\n    except Exception:\n        return 1", "fatal", "call-depth"),
    "exception chain": (
        "def f():\n    s = None\n    for i in range(3000):\n        try:\n            try:\n                raise ValueError('a')\n"
        "            except ValueError as e:\n                t = e\n                if s is None: s = e\n                raise s\n"
        "        except ValueError as e:\n            s = t\n    return 1", "ok", 1),
    "nested exceptions": ("def f():\n    e = ValueError('x')\n    for i in range(100): e = ValueError(e)\n    return 1", "revert", "TypeError"),
    "nested own exceptions": (
        "class E(ValueError):\n    def __init__(self, inner): self.inner = inner\ndef f():\n    e = None\n"
        "    for i in range(9000): e = E(e)\n    return 1", "ok", 1),
    "own exception": (
        "class E(ValueError):\n    pass\ndef f():\n    try:\n        raise E('why')\n    except ValueError as e:\n        return str(e)", "ok", "why"),
    "text of a zero division": (
        "def f():\n    try:\n        1 // 0\n    except ZeroDivisionError as e:\n        return str(e)", "ok", "ZeroDivisionError"),
    "iterating what changes": ("def f():\n    d = {1: 1}\n    for k in d: d[k + 1] = 1\n    return len(d)", "ok", 2),
    "star from a dict": ("def f():\n    a, *b = {1: 2, 3: 4}\n    b.append(9)\n    return [a, b]", "ok", [1, [3, 9]]),
    "swap": ("def f():\n    a = [1, 2]\n    a[0], a[1] = a[1], a[0]\n    return a", "ok", [2, 1]),
    "chained assignment": ("def f():\n    a = [0]\n    b = a[0] = 5\n    return [a, b]", "ok", [[5], 5]),
    "order of evaluation": (
        "def g(l, x):\n    l.append(x)\n    return x\ndef f():\n    l = []\n    d = {}\n    d[g(l, 2)] = g(l, 1)\n    return l", "ok", [1, 2]),
    "set of objects": ("def f():\n    return {(1, [2])}", "revert", "TypeError"),
    "set methods with lists": (
        "def f():\n    s = {3, 1, 2}\n    return [list(s.union([5])), list(s.intersection([2, 3])), list(s.difference([1])),"
        " s.issubset([1, 2, 3]), s.issuperset([1]), len(s.copy())]", "ok", [[3, 1, 2, 5], [3, 2], [3, 2], True, True, 3]),
    "default of a dataclass": (
        SDK.replace("*", "dataclass, field") + "@dataclass\nclass A:\n    x: list = field(default_factory=list)\n    y: int = 2\n"
        "def f():\n    a = A()\n    a.x.append(1)\n    return [A().x, a.x, A(y=3).y, str(A())]", "ok", [[], [1], 3, "A(x=[], y=2)"]),
    "frozen dataclass": (
        SDK.replace("*", "dataclass") + "@dataclass(frozen=True)\nclass A:\n    x: int\ndef f():\n    a = A(1)\n    a.x = 2",
        "revert", "TypeError"),
    "ordered dataclass": (
        SDK.replace("*", "dataclass") + "@dataclass(order=True)\nclass A:\n    x: int\n    y: int\n"
        "def f():\n    return [p.y for p in sorted([A(2, 1), A(1, 9), A(1, 3)])]", "ok", [3, 9, 1]),
    "a missing object is not shown by the interpreter": (
        SDK.replace("*", "Var, dataclass") + "v = Var('v', 0)\n@dataclass\nclass A:\n    x: int\n    def __repr__(self):\n"
        "        v.set(1)\n        return 'seen'\ndef f():\n    out = []\n    for x in ([1, 2], (1, 2), [A(2)]):\n        try:\n"
        "            x.index(A(1))\n        except ValueError as e:\n            out.append(str(e))\n"
        "    return [out, [A(2), A(1)].index(A(1)), v.get()]",
        "ok", [["ValueError"] * 3, 1, 0]),
    "a slice inside a subscript that is assigned": (
        SDK.replace("*", "Map") + "m = Map('m', 0)\ndef f():\n    d = {}\n    d['abc'[:2]] = 1\n    m['abc'[1:]] = 2\n    return [d, m['bc']]",
        "ok", [{"ab": 1}, 2]),
    "subclass and super": (
        "class A:\n    def __init__(self, x): self.x = x\n    def v(self): return self.x\nclass B(A):\n    def __init__(self):\n"
        "        super().__init__(4)\n    def v(self): return super().v() + 1\ndef f(): return B().v()", "ok", 5),
    "property": ("class A:\n    @property\n    def two(self): return 2\n    @classmethod\n    def make(cls): return cls()\ndef f(): return A.make().two", "ok", 2),
    "operator methods": (
        "class V:\n    def __init__(self, x): self.x = x\n    def __add__(self, o): return V(self.x + o.x)\n"
        "    def __eq__(self, o): return self.x == o.x\n    def __len__(self): return self.x\n    def __getitem__(self, i): return i\n"
        "def f():\n    return [(V(1) + V(2)).x, V(1) == V(1), len(V(3)), V(1)[7], V(1) in [V(1)]]", "ok", [3, True, 3, 7, True]),
    "unicode case": ("def f():\n    return ['äB'.upper(), 'ÄB'.lower(), '٣'.isdigit(), 'ß'.isalpha(), '深圳A'.lower()]", "ok",
                     ["äB", "Äb", False, False, "深圳a"]),
    "arabic digits": ("def f():\n    return int('٣')", "revert", "ValueError"),
    "repr of text": ("def f():\n    return str(['a\\n', \"it's\", '深', '\\x7f', b'\\x00', None, True, (1,), {}])", "ok",
                     "['a\\n', \"it's\", '深', '\\x7f', b'\\x00', None, True, (1,), {}]"),
    "percent is no formatting": ("def f():\n    return '%s' % 5", "revert", "TypeError"),
    "decimal": (SDK.replace("*", "Decimal") + "def f():\n    d = Decimal('10') / 3\n    return [str(d), str(round(d, 2)), str(d.quantize(Decimal('0.1'))),"
                " int(d), str(Decimal('1E+400') * 1), f'{Decimal(\"2.5\"):.1f}', Decimal('1.0') == 1]", "ok",
                ["3." + "3" * 59, "3.33", "3.3", 3, "1E+400", "2.5", True]),
    "decimal overflow": (SDK.replace("*", "Decimal") + "def f():\n    return Decimal('1E+400') * 10", "revert", "Overflow"),
    "decimal nan": (SDK.replace("*", "Decimal") + "def f():\n    return Decimal('NaN')", "revert", "ValueError"),
    "integer format of a float kind": ("def f():\n    x = 5\n    return f'{x:.2f}'", "revert", "ValueError"),
    "nothing leaves as a set": ("def f():\n    return {1}", "revert", "TypeError"),
    "a range leaves as a list": ("def f():\n    return range(3)", "ok", [0, 1, 2]),
    "a function does not leave": ("def f():\n    return f", "revert", "TypeError"),
    "huge range length": ("def f():\n    return len(range(10 ** 30))", "ok", 10**30),
    "allocation": ("def f():\n    l = []\n    for i in range(100): l.append([0] * 1000000)\n    return 1", "fatal", "allocation"),
    "value too deep": (SDK.replace("*", "Var") + "v = Var('v')\ndef f():\n    x = []\n    for i in range(20): x = [x]\n    v.set(x)", "fatal", "value-depth"),
    "value too large": (SDK.replace("*", "Var") + "v = Var('v')\ndef f():\n    v.set('a' * 300000)", "fatal", "value-too-large"),
    "key too long": (SDK.replace("*", "Map") + "m = Map('m')\ndef f():\n    m['a' * 2000] = 1", "fatal", "key-too-long"),
    "numbers beyond 32 bits as places and counts": ("def f():\n    n = 2 ** 40\n    out = []\n    for k in (n, -n, 2 ** 70, -(2 ** 70)):\n        x = [1, 2]\n"
        "        x.insert(k, 3)\n        out.append([[] * k, k * '', 'ab'.replace('a', 'c', k), 'a b'.split(' ', k), 'a b'.rsplit(' ', k), x, x[k:], x[:k]])\n"
        "    for k in (-n, -(2 ** 70)): out.append([[1] * k, 'a' * k, 'a'.zfill(k), 'a'.ljust(k), 'a'.rjust(k)])\n"
        "    for k in (n, -n, 2 ** 70):\n        try: [1].pop(k)\n        except IndexError: out.append('IndexError')\n    return out", "ok",
        [[[], "", "cb", ["a", "b"], ["a", "b"], [1, 2, 3], [], [1, 2, 3]], [[], "", "cb", ["a", "b"], ["a", "b"], [3, 1, 2], [3, 1, 2], []],
         [[], "", "cb", ["a", "b"], ["a", "b"], [1, 2, 3], [], [1, 2, 3]], [[], "", "cb", ["a", "b"], ["a", "b"], [3, 1, 2], [3, 1, 2], []],
         [[], "", "a", "a", "a"], [[], "", "a", "a", "a"], "IndexError", "IndexError", "IndexError"]),
    "scan prefix too long": (SDK.replace("*", "Map") + "m = Map('m')\ndef f():\n    return m.scan('a' * 1100)", "fatal", "key-too-long"),
    "scan tuple prefix too long": (SDK.replace("*", "Map") + "m = Map('m')\ndef f():\n    return m.scan(('a' * 600, 'b' * 600))", "fatal", "key-too-long"),
    "scan position too long": (SDK.replace("*", "Map") + "m = Map('m')\ndef f():\n    return m.scan(after='a' * 1100)", "fatal", "key-too-long"),
    "scan prefix of a wide tuple": (SDK.replace("*", "Map") + "m = Map('m')\ndef f():\n    return m.scan((1,) * 1000000)", "oog", "out-of-gas"),
    "scan prefix of another type": (SDK.replace("*", "Map") + "m = Map('m')\ndef f():\n    return m.scan(5)", "revert", "TypeError"),
    "too many events": (SDK.replace("*", "Event") + "E = Event('E')\ndef f():\n    for i in range(1100): E(i=i)", "fatal", "too-many-events"),
    "event too large": (SDK.replace("*", "Event") + "E = Event('E')\ndef f():\n    E(text='a' * 70000)", "fatal", "event-too-large"),
    "result too large": ("def f():\n    return ['a' * 100000, 'b' * 100000, 'c' * 100000]", "fatal", "value-too-large"),
    "too many writes": (SDK.replace("*", "Map") + "m = Map('m')\ndef f():\n    for n in range(5000): m[n] = 1", "fatal", "too-many-writes"),
    "scan": (SDK.replace("*", "Map") + "m = Map('m')\ndef f():\n    for n in (3, 1, -2, 300): m[n] = n\n    m['t'] = 0\n    m.delete(1)\n"
             "    return [m.scan(limit=2), m.scan(after=-2, limit=2), m.scan('t')]", "ok",
             [[["t", 0], [-2, -2]], [[3, 3], [300, 300]], [["t", 0]]]),
    "require": (SDK.replace("*", "require") + "def f():\n    require(False, 'E_X', 'no\\x01pe')", "revert", "E_X"),
    "require without a code": (SDK.replace("*", "require") + "def f():\n    require(False, 'bad code')", "revert", "ValueError"),
    "catch a revert": (SDK.replace("*", "require, Revert") + "def f():\n    try:\n        require(False, 'E_X', 'why')\n    except Revert as e:\n        return str(e)", "ok", "why"),
    "hashes": (SDK.replace("*", "sm3, sha256, bytes_from_hex, int_from_bytes") + "def f():\n    return [sm3(b'abc').hex()[:8], sha256(b'abc').hex()[:8], int_from_bytes(bytes_from_hex('0100'))]",
               "ok", ["66c7f0f4", "ba7816bf", 256]),
    "structures": (SDK.replace("*", "struct_encode, struct_decode") + "def f():\n    d = struct_encode([('int', 5), ('str', 'a'), ('list:bytes', [b'x'])])\n"
                   "    return [d.hex(), struct_decode(['int', 'str', 'list:bytes'], d)]", "ok",
                   ["000000080000000000000005" + "0000000161" + "00000009" + "00000001" + "00000001" + "78", [5, "a", ["eA=="]]]),
    "assert": ("def f():\n    assert 1 == 2, 'not so'", "revert", "AssertionError"),
    "reraise": ("def f():\n    try:\n        raise KeyError('k')\n    except KeyError:\n        raise", "revert", "KeyError"),
    "lambda closure": ("def f():\n    x = 2\n    g = lambda a, *b: a * x + len(b)\n    return g(3, 1)", "ok", 7),
    "star arguments": ("def g(a, *b, c=1, **d): return [a, list(b), c, d]\ndef f():\n    return g(*[1, 2, 3], c=5, e=6)", "ok", [1, [2, 3], 5, {"e": 6}]),
    "nested comprehension": ("def f():\n    return [[x * y for y in range(2)] for x in range(3) if x]", "ok", [[0, 1], [0, 2]]),
    "pairs": ("def f():\n    return [k + str(v) for k, v in {'a': 1, 'b': 2}.items()]", "ok", ["a1", "b2"]),
    "nested pairs": ("def f():\n    return [i + a + b for i, (a, b) in enumerate([(1, 2), (3, 4)])]", "ok", [3, 8]),
    "walrus in a condition": ("def f():\n    l = [3, 4]\n    while (n := len(l)) > 0: l.pop()\n    return n", "ok", 0),
    "sort by key is stable": ("def f():\n    return sorted([[1, 'b'], [0, 'a'], [1, 'a']], key=lambda p: p[0], reverse=True)", "ok",
                              [[1, "b"], [1, "a"], [0, "a"]]),
    "min max": ("def f():\n    return [max(3, 1), min([2, 1]), max('ab', 'b', key=len), max([], default=9)]", "ok", [3, 1, "ab", 9]),
    "text methods": ("def f():\n    return [' a '.strip(), 'a,b'.split(','), 'x'.join(['a', 'b']), 'aaa'.replace('a', 'b', 2), '7'.zfill(3), 'abc'.find('c'), 'a-b'.partition('-')]",
                     "ok", ["a", ["a", "b"], "axb", "bba", "007", 2, ["a", "-", "b"]]),
    "late name": ("def f():\n    y = x\n    x = 1\n    return y", "revert", "NameError"),
    "late name in a comprehension": ("def f():\n    out = []\n    for g in (lambda: [a for q in [1]], lambda: a):\n        try: g()\n"
                                     "        except Exception as e: out.append(str(e))\n    try: [a for q in [1]]\n"
                                     "    except Exception as e: out.append(str(e))\n    a = 1\n    return out", "ok", ["NameError"] * 3),
}  # fmt: skip


def case(source, expect, gas=1_000_000):
    return {"id": "hole", "src": source, "call": "f", "args": [], "gas": gas, "expect": expect}


def facts(result):
    return {k: result[k] for k in ("outcome", "value", "gas", "code", "ok")}


@pytest.mark.parametrize("name", LINT)
def test_a_hole_in_the_language_is_refused_at_deployment(name, native_engine, wasm_engine):
    for engine in (native_engine, wasm_engine):
        result = run_case(engine, case(LINT[name], "lint"))
        assert result["ok"], result


@pytest.mark.parametrize("name", RUN)
def test_a_hole_in_the_runtime_is_closed_on_both_engines(name, native_engine, wasm_engine):
    source, outcome, value = RUN[name]
    expect = ["ok", value] if outcome == "ok" else outcome
    gas = 20_000_000 if name == "allocation" else 1_000_000
    native = run_case(native_engine, case(source, expect, gas))
    wasm = run_case(wasm_engine, case(source, expect, gas))
    assert native["ok"], native
    if outcome != "ok":
        assert native["code"] == value, native
    assert facts(native) == facts(wasm)


def test_json_of_a_case_is_as_documented(native_engine):
    result = run_case(native_engine, case("def f(): return (1, 2)", ["ok", [1, 2]]))
    assert json.loads(json.dumps(result))["value"] == [1, 2]
