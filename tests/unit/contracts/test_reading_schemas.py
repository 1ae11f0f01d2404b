"""A client's use of a schema: what a call may look like, and what hostile bytes may not do."""

import pytest

from contracts.runtime import values
from contracts.runtime.api import Bundle
from contracts.schema import DoesNotFit, NotASchema, Schema, did_you_mean
from tests.unit.contracts.test_schema import BUNDLE

SOURCE = """
from sdk import Decimal, dataclass, export


@dataclass
class Row:
    item: str
    count: int = 1
    inner: Row | None = None


@export
def take(n: int, on: bool, t: str, d: Decimal, b: bytes, rows: list[Row], pair: tuple[int, str],
         many: tuple[int, ...], by: dict[str, int], maybe: int | None = None, free: object = None) -> None:
    pass
"""
GOOD = {"n": 1, "on": True, "t": "x", "d": "1.50", "b": "AA==", "rows": [{"item": "a"}],
        "pair": [1, "a"], "many": [1, 2, 3], "by": {"a": 1}}  # fmt: skip


@pytest.fixture(scope="module")
def schema(native_engine) -> Schema:
    return Schema.decode(native_engine.schema(Bundle("a", 1, SOURCE)))


def check(schema: Schema, **changes) -> None:
    found = {k: v for k, v in {**GOOD, **changes}.items() if v != "absent"}
    schema.check(schema.method("take"), found)


@pytest.mark.parametrize(
    "changes",
    [{}, {"maybe": 5}, {"maybe": None}, {"free": [1, {"a": None}]}, {"rows": []}, {"many": []},
     {"rows": [{"item": "a", "inner": {"item": "b", "count": 2}}]}, {"n": -(2**255)}],
)  # fmt: skip
def test_arguments_that_fit_pass(schema: Schema, changes) -> None:
    check(schema, **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": "1"}, "'n' is not a whole number"),
        ({"n": True}, "'n' is not a whole number"),
        ({"n": 2**256}, "'n' is not a whole number"),
        ({"n": "absent"}, r"'n' \(int\) is missing"),
        ({"on": 1}, "'on' is not true or false"),
        ({"t": 1}, "'t' is not text"),
        ({"d": "NaN"}, "'d' is not a decimal"),
        ({"d": 1}, "'d' is not a decimal"),
        ({"b": "AB=="}, "'b' is not bytes"),
        ({"b": "ä"}, "'b' is not bytes"),
        ({"rows": {"item": "a"}}, "'rows' is not a list"),
        ({"rows": [{"itm": "a"}]}, "no field 'rows\\[0\\].itm'; did you mean 'item'"),
        ({"rows": [{}]}, r"field 'rows\[0\].item' \(str\) is missing"),
        ({"rows": [{"item": "a", "inner": {"item": 1}}]}, "inner' is not an object or null"),
        ({"pair": [1]}, "'pair' is not a list"),
        ({"pair": ["a", 1]}, r"'pair\[0\]' is not a whole number"),
        ({"many": [1, "2"]}, r"'many\[1\]' is not a whole number"),
        ({"by": {"a": "b"}}, "'by.a' is not a whole number"),
        ({"maybe": "x"}, "'maybe' is not a whole number or null"),
        ({"maybee": 1}, "no argument 'maybee'; did you mean 'maybe'"),
        ({"zzz": 1}, "no argument 'zzz'$"),
    ],
)
def test_arguments_that_do_not_fit_are_named(schema: Schema, changes, said: str) -> None:
    with pytest.raises(DoesNotFit, match=said):
        check(schema, **changes)


def test_text_becomes_what_the_method_takes(schema: Schema) -> None:
    words = {"n": "-5", "on": "true", "t": "7", "d": "1", "rows": '[{"item": "a"}]', "maybe": "null",
             "free": "5", "many": "[1", "zzz": "1"}  # fmt: skip
    found = schema.typed(schema.method("take"), words)
    assert found == {"n": -5, "on": True, "t": "7", "d": "1", "rows": [{"item": "a"}], "maybe": None,
                     "free": "5", "many": "[1", "zzz": "1"}  # fmt: skip


def test_the_suite_example_reads_back(native_engine) -> None:
    schema = Schema.decode(native_engine.schema(BUNDLE))
    assert schema.method("place").declaration == (
        "place(number: str, rows: list[Line], size: tuple[int, str] = (-1, 'a'), "
        "fast: bool = False) -> Order"
    )
    assert schema.record("Order").fields[2].declaration == "price: Decimal = …"
    assert schema.events["Order.Placed"] == ("number", "count", "speed")


def test_a_near_word_is_offered_and_a_far_one_is_not() -> None:
    assert did_you_mean("tranfser", ["transfer", "balance"]) == "; did you mean 'transfer'?"
    assert did_you_mean("xyz", ["transfer", "balance"]) == ""


@pytest.mark.parametrize(
    "name", ["a b", "class", "", "x\nimport os", "ä", "__import__('os')", 5, None]
)
def test_names_that_no_program_may_be_made_of_are_refused(native_engine, name) -> None:
    good = values.decode(native_engine.schema(Bundle("a", 1, SOURCE)))
    for path in ("methods", "classes"):
        for change in ("own", "field"):
            value = values.decode(values.encode(good))
            target = value[path][0]
            inner = target["parameters" if path == "methods" else "fields"][0]
            (target if change == "own" else inner)["name"] = name
            with pytest.raises(NotASchema):
                Schema.decode(values.encode(value))


@pytest.mark.parametrize("data", [b"", b"\x00", values.encode([]), values.encode({"schema": 2})])
def test_bytes_that_are_no_schema_are_refused(data: bytes) -> None:
    with pytest.raises(NotASchema):
        Schema.decode(data)
