"""The linter answers every text in bounded time, with positions and reasons in two languages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.runtime import gas
from contracts.runtime.api import Bundle
from contracts.runtime.builtins import FUNCTIONS
from contracts.runtime.language import tables
from contracts.runtime.language.bundle import check_bundle
from contracts.runtime.language.rules import RULES, find_rule
from contracts.runtime.sdk_impl import SDK

GOOD = """from sdk import Map, Decimal, dataclass, ctx, export, require
from rules.money import TABLE, half

m = Map("m", 0)


@dataclass
class Line:
    index: int
    amount: Decimal = Decimal("1.50")


@export
def f(lines: list[Line], who: str | None = None) -> int:
    total = sum([half(line.index) for line in lines])
    require(f"{total:04d}" != TABLE[0][1], "E_TABLE", "{[(" + str(ctx.index))
    return total
"""
MONEY = 'TABLE = (("a", "x"), ("b", "y"))\n\n\ndef half(n: int) -> int:\n    return n // 2\n'


def test_a_bundle_with_rules_and_tables_is_admitted():
    assert check_bundle(GOOD, {"money": MONEY}) == ()


def test_findings_come_sorted_with_position_code_and_both_languages():
    found = check_bundle(GOOD + "\nx = []\ny = 1.5\n", {"money": MONEY})
    assert [(d.line, d.column, d.code) for d in found] == [(19, 1, "CT601"), (20, 5, "CT401")]
    assert str(found[1]).startswith(
        "main: line 20, column 5: a decimal number is not allowed: its last digits differ between"
    )
    assert found[1].message_zh.startswith("不允许浮点数")


@pytest.mark.parametrize(
    ("main", "rules", "code"),
    [
        ("from rules.none import x\n", {}, "CT101"),
        ("from rules.money import missing\n", {"money": MONEY}, "CT102"),
        ("from sdk import _fetch\n", {}, "CT102"),
        ("from rules.a import x\n", {"a": "from rules.b import x\n", "b": "from rules.a import x\n"}, "CT10"),
        ("x = 1\n", {"Bad-Name": "x = 1\n"}, "CT008"),
        ("x = 1\n", {"big": "# " + "x" * 70_000}, "CT001"),
        ("from sdk import export\n@export\ndef f(x): return x\n", {}, "CT609"),
        ("from sdk import export\n@export\ndef f(x: set): return x\n", {}, "CT610"),
        ("from sdk import export\n@export\ndef f(*x: int): return x\n", {}, "CT611"),
    ],
)  # fmt: skip
def test_bundles_are_checked_as_a_whole(main, rules, code):
    assert any(d.code.startswith(code) for d in check_bundle(main, rules))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_sources_are_answered_never_crashed_on(data):
    at = data.draw(st.integers(0, len(GOOD)))
    cut = data.draw(st.integers(0, 12))
    put = data.draw(st.text(alphabet="()[]{}:'\"#\\\n \tfx=.,*@-~0é\0", max_size=6))
    for finding in check_bundle(GOOD[:at] + put + GOOD[at + cut :], {"money": MONEY}):
        assert finding.line >= 1 and finding.column >= 1 and finding.code in RULES


def test_at_most_fifty_findings_a_module():
    assert len(check_bundle("x = 1.5\n" * 200, {})) == 50


def test_tables_name_what_the_runtime_has():
    assert set(FUNCTIONS) | tables.EXCEPTIONS | {"super"} == tables.BUILTINS
    assert set(SDK) | {"dataclass", "export", "view"} == tables.SDK_NAMES


def test_every_public_attribute_of_interpreter_types_is_listed():
    kinds = (int, str, bytes, list, dict, tuple, set, range, bool, property, type, BaseException,
             KeyError, UnicodeDecodeError, type(lambda: 0), type("".join), tables.ast.AST)[:-1]  # fmt: skip
    for kind in kinds:
        for name in dir(kind):
            if name.startswith(("_", *tables.ATTRIBUTE_PREFIXES)):
                continue
            assert name in tables.INTERPRETER_ATTRIBUTES, (kind, name)


def test_rules_and_prices_are_data_with_reasons():
    rule = find_rule("CT401")
    assert rule is not None and rule.code == "CT401" and "Decimal" in rule.instead
    assert find_rule("CT999") is None
    assert all(text for rule in RULES.values() for text in rule)
    assert all(price.gas > 0 and price.reason for price in gas.TABLE)


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("def f(:\n  pass\n", 1, None),
        ("def f():\n    return 1 +\n", 2, None),
        ("def f():\nreturn 1\n", 2, None),
        ("def f():\n    x = (1\n", 2, 9),
        ("def f():\n  if 1:\n    pass\n   x = 1\n", 4, None),
        ("print 'a'\n", 1, 1),
    ],
)
def test_a_syntax_error_says_where_in_both_engines(
    source, line, column, native_engine, wasm_engine
):
    for engine in (native_engine, wasm_engine):
        (found,) = engine.check(Bundle("a", 1, source))
        assert (found.code, found.line) == ("CT006", line)
        assert column in (None, found.column)


def test_columns_count_characters_and_every_finding_comes_in_one_run(wasm_engine):
    source = 'def f(x):\n    s = "深圳"; t = 1.5; return "深" + missing + 2.5\n'
    found = [(d.line, d.column, d.code) for d in wasm_engine.check(Bundle("a", 1, source))]
    assert found == [(2, 19, "CT401"), (2, 37, "CT203"), (2, 47, "CT401")]


def test_what_to_write_instead_names_the_parameter(native_engine):
    source = "from sdk import export\n\n\n@export\ndef pay(amount) -> int:\n    return 1\n"
    (found,) = native_engine.check(Bundle("a", 1, source))
    assert "Write amount: int" in found.message and "{" not in found.message
