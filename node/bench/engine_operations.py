"""Every guarded operation of contract code at its worst input: what a price must hold against.

setup runs once, body again and again until the gas is used up, or so often as a cap allows.
"""

from __future__ import annotations

from typing import NamedTuple

from node.identity.hidden_amount import hide, prove
from node.identity.suite import get_suite


class Operation(NamedTuple):
    name: str
    setup: str
    body: str
    times: int = 0  # 0: until the gas is used up


_WIDE = "a = (1 << 255) + 12345\n    b = (1 << 254) + 987"
_DECIMAL = 'a = Decimal("1." + "7" * 59)\n    b = Decimal("3." + "1" * 59)'
_LONG = 't = "a" * 20000\n    p = "a" * 63 + "b"'
_LIST = "x = list(range(1000))"
_HIDDEN = hide(7)
_P256 = get_suite("intl").signer(get_suite("intl").generate_key())
_P256_KEY, _P256_SIGNATURE = _P256.public_key, _P256.sign(b"m")
_COMMITMENT, _PROOF_TEXT = _HIDDEN.commitment(), prove(_HIDDEN, bytes(32)).hex()

OPERATIONS = (
    Operation("empty loop", "", "pass"),
    Operation("int +", "a = 7", "a + a"),
    Operation("int + 256 bits", _WIDE, "b + b"),
    Operation("int * 64 bits", "a = (1 << 32) - 1", "a * a"),
    Operation("int * 256 bits", "a = (1 << 128) - 1", "a * a"),
    Operation("int // 256 bits", _WIDE, "a // b"),
    Operation("int % 256 bits", "a = (1 << 255) + 7\n    b = (1 << 127) + 5", "a % b"),
    Operation("int **", "a = 3", "a ** 161"),
    Operation("int << >>", "a = 3", "(a << 200) >> 100"),
    Operation("int bits", _WIDE, "(a & b) | (a ^ b)"),
    Operation("int text", _WIDE, "str(a)"),
    Operation("int of text", 't = "9" * 77', "int(t)"),
    Operation("compare", "a = 7", "a < 8 < 9 < 10"),
    Operation("compare lists", _LIST + "\n    y = list(range(1000))", "x == y"),
    Operation("compare texts", 's = "a" * 20000\n    t = "a" * 19999 + "b"', "s < t"),
    Operation("Decimal +", _DECIMAL, "a + b"),
    Operation("Decimal *", _DECIMAL, "a * b"),
    Operation("Decimal /", _DECIMAL, "a / b"),
    Operation("Decimal %", _DECIMAL, "a % b"),
    Operation("Decimal **", _DECIMAL, "a ** 211"),
    Operation("Decimal compare", _DECIMAL, "a < b"),
    Operation("Decimal quantize", _DECIMAL, 'a.quantize(Decimal("0.01"))'),
    Operation("Decimal of text", "", 'Decimal("123456789.123456789")'),
    Operation("Decimal text", _DECIMAL, "str(a)"),
    Operation("text +", 't = "a" * 1000', "t + t"),
    Operation("text + short", 't = "a"', "t + t"),
    Operation("text in", _LONG, "p in t"),
    Operation("text find", _LONG, "t.find(p)"),
    Operation("text count", _LONG, "t.count(p)"),
    Operation("text replace", 't = "ab" * 2000', 't.replace("a", "xyz")'),
    Operation("text split", 't = "a," * 2000', 't.split(",")'),
    Operation("text join", 'x = ["ab"] * 1000', '",".join(x)'),
    Operation("text upper", 't = "ab" * 5000', "t.upper()"),
    Operation("text strip", 't = " " * 5000', "t.strip()"),
    Operation("text encode", 't = "ab" * 5000', "t.encode()"),
    Operation("bytes decode", 'b = b"ab" * 5000', "b.decode()"),
    Operation("bytes hex", 'b = b"ab" * 5000', "b.hex()"),
    Operation("f-string", "a = 12345", 'f"{a:>12,d}{a:x}{a}"'),
    Operation("text of a list", "x = list(range(300))", "str(x)"),
    Operation("list display", "", "[1, 2, 3, 4]"),
    Operation("list +", _LIST, "x + x"),
    Operation("list append pop", "x = []", "x.append(1)\n        x.pop()"),
    Operation("list insert front", "x = list(range(20000))", "x.insert(0, 1)\n        x.pop(0)"),
    Operation("list del front", "x = list(range(20000))", "x.append(1)\n        del x[0]"),
    Operation("list in", _LIST, "-1 in x"),
    Operation("list index", _LIST, "x.index(999)"),
    Operation("list sort", "x = [(n * 7919) % 1000 for n in range(1000)]", "sorted(x)"),
    Operation("list reverse", _LIST, "x.reverse()"),
    Operation("list slice", _LIST, "x[1:]"),
    Operation("list copy", _LIST, "x.copy()"),
    Operation("list subscript", _LIST, "x[5]\n        x[6] = 7"),
    Operation("unpack", "x = [1, 2, 3, 4]", "a, b, c, d = x"),
    Operation("unpack pairs", "x = [(n, n) for n in range(100)]", "for a, b in x:\n            pass"),
    Operation("for over a list", _LIST, "for a in x:\n            pass"),
    Operation("for over a range", "", "for a in range(1000):\n            pass"),
    Operation("comprehension", _LIST, "[a for a in x]"),
    Operation("set comprehension", _LIST, "{a for a in x}"),
    Operation("dict comprehension", _LIST, "{a: a for a in x}"),
    Operation("sum", "r = range(1000)", "sum(r)"),
    Operation("any", "x = [0] * 1000", "any(x)"),
    Operation("min", _LIST, "min(x)"),
    Operation("min with key", _LIST, "min(x, key=abs)"),
    Operation("zip", _LIST, "zip(x, x, x)"),
    Operation("enumerate", _LIST, "enumerate(x)"),
    Operation("reversed", _LIST, "reversed(x)"),
    Operation("list of a range", "", "list(range(1000))"),
    Operation("tuple of a list", _LIST, "tuple(x)"),
    Operation("set of a list", _LIST, "set(x)"),
    Operation("dict display", "", '{"a": 1, "b": 2}'),
    Operation("dict of pairs", "x = [(n, n) for n in range(300)]", "dict(x)"),
    Operation("dict get set", 'd = {"a": 1}', 'd["a"] = d["a"]'),
    Operation("dict colliding", "d = {n * 2147483647: n for n in range(300)}",
              "d[299 * 2147483647]"),
    Operation("dict first and delete", "d = {n: n for n in range(3000)}",
              "for k in d:\n            break\n        del d[k]\n        d[k] = 1"),
    Operation("dict items", "d = {n: n for n in range(300)}", "d.items()"),
    Operation("dict copy", "d = {n: n for n in range(300)}", "d.copy()"),
    Operation("set union", "s = set(range(300))", "s.union(s)"),
    Operation("set intersection", "s = set(range(300))\n    x = list(range(300))",
              "s.intersection(x)"),
    Operation("set issubset", "s = set(range(300))", "s.issubset(s)"),
    Operation("call", "", "helper()"),
    Operation("lambda", "g = lambda n: n", "g(1)"),
    Operation("function object", "", "lambda: 1", 500),
    Operation("try except", "", 'try:\n            raise ValueError("x")\n'
              "        except ValueError:\n            pass"),
    Operation("instance", "", "Point(1, 2)"),
    Operation("attribute", "o = Point(1, 2)", "o.x = o.y"),
    Operation("dataclass compare", "o = Point(1, 2)\n    q = Point(1, 2)", "o == q"),
    Operation("dataclass text", "o = Point(1, 2)", "str(o)"),
    Operation("state read", "", 'm["k"]'),
    Operation("state read, missing", "n = 0", "m[n]\n        n += 1"),
    Operation("state write", "", 'm["k"] = 1'),
    Operation("state structure", "m[0] = [[n, n] for n in range(100)]", "m[0] = m[0]"),
    Operation("state record", "m[0] = Point(1, 2)", "m[0] = m[0]"),
    Operation("indexed write", "p = Point(1, 2)\n    n = 0", "p.x = n = n + 1; places[n % 500] = p"),
    Operation("indexed write of tuples", 'p = Point(("a", ("b", "c")), (("d", 1), ("e", 2)))',
              'nested["k", ("l", ("m",))] = p'),
    Operation("indexed write of text", 't = "\\0" * 100\n    p = Point(t, t)', "nested[t] = p"),
    Operation("indexed delete", "p = Point(1, 2)", "places[7] = p; places.delete(7)"),
    Operation("index page", "for n in range(50):\n        places[n] = Point(n, n)", 'places.by("x", limit=50)'),
    Operation("index page after", "for n in range(50):\n        places[n] = Point(1, n)",
              'places.by(("y", "x"), after=(20, 1, 20), limit=1)'),
    Operation("state scan", "for n in range(50):\n        m[n] = n", "m.scan(limit=50)"),
    Operation("ctx", "", "ctx.sender"),
    Operation("event", "", "Made(a=1, b=2)", 1000),
    Operation("encode decode", "x = list(range(100))", "decode(encode(x))"),
    Operation("struct_encode", "", 'struct_encode([("int", 1), ("str", "a")])'),
    Operation("sha256", 'b = b"a" * 20000', "sha256(b)"),
    Operation("sha256 short", 'b = b"a"', "sha256(b)"),
    Operation("sm3", 'b = b"a" * 20000', "sm3(b)"),
    Operation("sm3 short", 'b = b"a"', "sm3(b)"),
    Operation("sm2_verify", "k = b'\\x04' + b'\\x11' * 64\n    s = b'\\x22' * 64",
              "sm2_verify(k, b'm', s)"),
    Operation("p256_verify", f"k = {_P256_KEY!r}\n    s = {_P256_SIGNATURE!r}",
              "p256_verify(k, b'm', s)"),
    Operation("commitment_opens", f"c = {_COMMITMENT!r}\n    b = {_HIDDEN.blinding!r}",
              "commitment_opens(c, 7, b)"),
    Operation("commitments_add_up", f"c = {_COMMITMENT!r}\n    x = [c] * 16",
              "commitments_add_up(c, x)"),
    Operation("range_proof_holds",
              f"c = {_COMMITMENT!r}\n    b = b'\\x00' * 32\n    p = bytes_from_hex({_PROOF_TEXT!r})",
              "range_proof_holds(c, b, p)"),
    Operation("list extend clear", "x = []\n    y = list(range(1000))",
              "x.extend(y)\n        x.clear()"),
    Operation("list remove", "x = list(range(2000))", "x.append(-1)\n        x.remove(-1)"),
    Operation("list sort in place", "x = [(n * 7919) % 1000 for n in range(1000)]", "x.sort()"),
    Operation("list index of an object", "x = [0] * 1000\n    o = Point(1, 2)\n    x.append(o)",
              "x.index(o)"),
    Operation("list of texts, sorted", 'x = ["a" * 500 + str(n) for n in range(200)]', "sorted(x)"),
    Operation("list of objects, compared", "x = [Point(n, n) for n in range(100)]\n    y = x.copy()",
              "x == y"),
    Operation("dict get", 'd = {"a": 1}', 'd.get("b", 2)'),
    Operation("dict keys", "d = {n: n for n in range(1000)}", "d.keys()"),
    Operation("dict values", "d = {n: n for n in range(1000)}", "d.values()"),
    Operation("dict setdefault pop", "d = {}", 'd.setdefault("a", 1)\n        d.pop("a")'),
    Operation("dict update", "d = {n: n for n in range(1000)}\n    e = d.copy()", "d.update(e)"),
    Operation("dict clear", "d = {}", "d[1] = 1\n        d.clear()"),
    Operation("dict compare", "d = {n: n for n in range(1000)}\n    e = d.copy()", "d == e"),
    Operation("dict of texts", 'd = {"a" * 500 + str(n): n for n in range(500)}',
              'd["a" * 500 + "7"]'),
    Operation("set add discard", "s = set()", "s.add(1)\n        s.discard(1)"),
    Operation("set remove", "s = set()", "s.add(1)\n        s.remove(1)"),
    Operation("set difference", "s = set(range(300))\n    x = list(range(300))", "s.difference(x)"),
    Operation("set issuperset", "s = set(range(300))", "s.issuperset(s)"),
    Operation("set copy", "s = set(range(300))", "s.copy()"),
    Operation("set clear", "s = set()", "s.add(1)\n        s.clear()"),
    Operation("text lower", 't = "AB" * 5000', "t.lower()"),
    Operation("text lower, not ASCII", 't = "深A" * 5000', "t.lower()"),
    Operation("text is…", 't = "7" * 5000', "t.isdigit()\n        t.isalpha()\n        t.isalnum()"),
    Operation("text is upper, lower", 't = "7" * 5000', "t.isupper()\n        t.islower()"),
    Operation("text isidentifier", 't = "a" * 5000', "t.isidentifier()"),
    Operation("text lstrip rstrip", 't = " " * 5000', "t.lstrip()\n        t.rstrip()"),
    Operation("text strip of many", 't = "a" * 5000\n    p = "bcdefghijk" * 100 + "a"', "t.strip(p)"),
    Operation("text pads", 't = "a"', "t.ljust(900)\n        t.rjust(900)\n        t.zfill(900)"),
    Operation("text partition", _LONG, "t.partition(p)\n        t.rpartition(p)"),
    Operation("text rfind", _LONG, "t.rfind(p)"),
    Operation("text rsplit", 't = "a," * 2000', 't.rsplit(",")'),
    Operation("text split of almost", _LONG, "t.split(p)"),
    Operation("text splitlines", 't = "\\n" * 4000', "t.splitlines()"),
    Operation("text ends", 't = "a" * 5000\n    p = "a" * 4999 + "b"',
              "t.startswith(p)\n        t.endswith(p)"),
    Operation("text removes", 't = "a" * 5000\n    p = "a" * 2500',
              "t.removeprefix(p)\n        t.removesuffix(p)"),
    Operation("text slice backwards", 't = "a" * 5000', "t[::-1]"),
    Operation("text *", "", '"ab" * 5000'),
    Operation("text of a Decimal in an f-string", _DECIMAL, 'f"{a:,.30f}"'),
    Operation("bytes ends", 'b = b"a" * 5000', "b.startswith(b)\n        b.endswith(b)"),
    Operation("bytes find", 't = b"a" * 20000\n    p = b"a" * 63 + b"b"', "t.find(p)"),
    Operation("bytes of a list", "x = [7] * 1000", "bytes(x)"),
    Operation("int bit_length to_bytes", _WIDE, "a.bit_length()\n        a.to_bytes(32)"),
    Operation("int_from_bytes", 'b = b"\\x11" * 32', "int_from_bytes(b)"),
    Operation("Decimal normalize", 'a = Decimal("1" + "0" * 59)', "a.normalize()"),
    Operation("Decimal to_integral_value", _DECIMAL, "a.to_integral_value()"),
    Operation("Decimal signs", _DECIMAL, "a.is_zero()\n        a.is_signed()\n        a.copy_abs()"),
    Operation("round", _DECIMAL, "round(a, 2)"),
    Operation("abs divmod", _WIDE, "abs(a)\n        divmod(a, b)"),
    Operation("bool len ord chr", 't = "a"', 'bool(t)\n        len(t)\n        ord(t)\n        chr(97)'),
    Operation("isinstance", "a = 7", "isinstance(a, (str, bytes, list, int))"),
    Operation("all", "x = [1] * 1000", "all(x)"),
    Operation("max", _LIST, "max(x)"),
    Operation("super", "o = Leaf(1, 2)", "o.up()"),
    Operation("starred call", _LIST, "many(*x)"),
    Operation("named arguments", "", "many(a=1, b=2, c=3)"),
    Operation("starred unpacking", _LIST, "a, *b = x"),
    Operation("closure", "def inner(n):\n        return n + 1", "inner(1)"),
    Operation("operator of a class", "o = Leaf(1, 2)", "o + o"),
    Operation("exception of a class", "", "try:\n            raise Refused('x')\n"
              "        except Refused:\n            pass"),
    Operation("require", "", 'require(True, "E_X")'),
    Operation("revert caught", "", 'try:\n            raise Revert("E_X", "m")\n'
              "        except Revert:\n            pass"),
    Operation("state variable", "", "v.set(v.get() + 1)"),
    Operation("state delete", "", 'm.delete("k")'),
    Operation("state in", "n = 0", "n in m\n        n += 1"),
    Operation("state large text", 'm["t"] = "a" * 20000', 'm["t"] = m["t"]'),
    Operation("state key of a tuple", "", 'm[("a", 1, b"x", ("b", 2))] = 1'),
    Operation("contract call", "", 'call("price", "peek", 1)'),
    Operation("event of a structure", "x = [[n, n] for n in range(100)]", "Made(x=x)", 400),
    Operation("merkle_consistency", "h = b'\\x11' * 32",
              "merkle_consistency(1000, 2000, h, h, [h] * 12)"),
    Operation("tagged_hash", 'b = b"a" * 1000', 'tagged_hash("citychain/tx-id/v1", "sm", b)'),
    Operation("struct_decode", 'b = struct_encode([("list:int", list(range(100)))])',
              'struct_decode(["list:int"], b)'),
    Operation("struct_encode of a list", "x = list(range(300))", 'struct_encode([("list:int", x)])'),
    Operation("bytes_from_hex", 't = "0f" * 5000', "bytes_from_hex(t)"),
    Operation("merkle_verify", "h = b'\\x11' * 32", "merkle_verify(h, h, 0, 1024, [h] * 10)"),
)  # fmt: skip

_HEAD = """from sdk import Decimal, Event, Map, Revert, Var, bytes_from_hex, call, ctx, dataclass, decode
from sdk import encode, export, int_from_bytes, merkle_consistency, merkle_verify, require, sha256, sm2_verify
from sdk import p256_verify
from sdk import commitment_opens, commitments_add_up, range_proof_holds
from sdk import sm3, struct_decode, struct_encode, tagged_hash, view

m = Map("m", 0)
v = Var("v", 0)
counter = Map("counter", 0)
places = Map("place", None, indexes=("x", ("y", "x")))
nested = Map("nested", None, indexes=("x", "y", ("x", "y"), ("y", "x")))
Made = Event("Made")


@dataclass
class Point:
    x: int
    y: int


class Root:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def up(self):
        return self.x

    def __add__(self, other):
        return self.x + other.x


class Leaf(Root):
    def up(self):
        return super().up()


class Refused(ValueError):
    pass


def helper():
    return 1


def many(*rest, **words):
    return 1


@view
def peek(n: int) -> int:
    return n


@export
def run() -> int:
    {setup}
    {loop}:
        {body}
    return 0
"""


def source_of(operation: Operation) -> str:
    """The contract whose method `run` does nothing but this operation."""
    loop = f"for _ in range({operation.times})" if operation.times else "while True"
    parts = {"{setup}": operation.setup or "pass", "{body}": operation.body, "{loop}": loop}
    text = _HEAD
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text
