"""What a contract offers, derived by both engines from its source alone."""

import pytest

from contracts.bundles import SUITE, load_bundle
from contracts.runtime import values
from contracts.runtime.api import Bundle, ContractRefused
from contracts.runtime.language.hints import hint_of_text, hint_text
from node.execution.engine import EngineWorker

RULE = '''
from sdk import Decimal, Event, Revert, dataclass

Closed = Event("Order.Closed")


@dataclass
class Line:
    """One line of an order."""

    item: str
    count: int = 1
    price: Decimal = Decimal("0.00")


def stop(code, why):
    raise Revert(code, why)


STATES = (("open", "E_OPEN"), ("closed", "E_CLOSED"))
'''
MAIN = '''
"""Orders and their lines.

    A second paragraph.
"""

from rules.order import Closed as Done
from rules.order import Line as Row
from rules.order import stop
from sdk import Event, Map, dataclass, export, require, view

orders = Map("orders", None)
Placed = Event("Order.Placed")


@dataclass
class Order(Row):
    tags: tuple[str, ...]
    parent: str | None = None
    notes: dict[int, str] = None


class Oops(Exception):
    pass


@export
def place(number: str, rows: list[Row], size: tuple[int, str] = (-1, "a"), *, fast: bool = False) -> Order:
    """Places an order.

    As it is:
        indented once more.
    """
    require(rows, "E_EMPTY", "an order has lines")
    require(number not in orders, code="E_TWICE")
    Placed(number=number, count=len(rows))
    if fast:
        Placed(number=number, speed="fast")
    if number == "x":
        stop("E_NUMBER", "bad number")
    Done(number=number)
    return orders[number]


@view
def lines(number: str) -> dict[str, list[int | None]]:
    def inner(x):
        return x
    return inner({})


def helper(anything):
    return anything
'''
BUNDLE = Bundle("order", 1, MAIN, {"order": RULE})


def schema_of(engine, bundle: Bundle) -> dict:
    return values.decode(engine.schema(bundle))


def test_a_schema_names_methods_classes_events_and_errors(native_engine) -> None:
    found = schema_of(native_engine, BUNDLE)
    assert list(found) == ["schema", "doc", "methods", "classes", "events", "errors"]
    assert found["doc"] == "Orders and their lines.\n\nA second paragraph."
    place, lines = found["methods"]
    assert (place["name"], place["kind"], place["returns"]) == ("place", "export", "Order")
    assert place["doc"] == "Places an order.\n\nAs it is:\n    indented once more."
    assert place["parameters"] == [
        {"name": "number", "hint": "str", "required": True},
        {"name": "rows", "hint": "list[Line]", "required": True},
        {"name": "size", "hint": "tuple[int, str]", "required": False, "default": (-1, "a")},
        {"name": "fast", "hint": "bool", "required": False, "default": False},
    ]
    assert (lines["kind"], lines["returns"]) == ("view", "dict[str, list[int | None]]")
    line, order = found["classes"]
    assert line == {
        "name": "Line",
        "fields": [
            {"name": "item", "hint": "str", "required": True},
            {"name": "count", "hint": "int", "required": False, "default": 1},
            {"name": "price", "hint": "Decimal", "required": False},
        ],
        "doc": "One line of an order.",
    }
    assert [field["name"] for field in order["fields"]] == [
        "item", "count", "price", "tags", "parent", "notes",
    ]  # fmt: skip
    assert [field["hint"] for field in order["fields"][3:]] == [
        "tuple[str, ...]", "str | None", "object",
    ]  # fmt: skip
    assert found["events"] == [
        {"name": "Order.Placed", "fields": ["number", "count", "speed"]},
        {"name": "Order.Closed", "fields": ["number"]},
    ]
    assert found["errors"] == [
        {"code": "E_CLOSED", "message": ""},
        {"code": "E_EMPTY", "message": "an order has lines"},
        {"code": "E_NUMBER", "message": ""},
        {"code": "E_OPEN", "message": ""},
        {"code": "E_TWICE", "message": ""},
    ]


@pytest.mark.parametrize("name", [*SUITE, "transfer"])
def test_both_engines_derive_the_same_bytes_from_the_suite(
    native_engine, wasm_engine, name: str
) -> None:
    bundle = load_bundle(name)
    schema = native_engine.schema(bundle)
    assert wasm_engine.schema(bundle) == schema
    found = values.decode(schema)
    classes = {one["name"] for one in found["classes"]}
    assert found["methods"] and all(m["doc"] == m["doc"].strip() for m in found["methods"])
    assert found["errors"] or "require(" not in bundle.main  # whoever only asks others has no codes
    for method in found["methods"]:
        for text in [p["hint"] for p in method["parameters"]]:
            hint = hint_of_text(text, classes)
            assert hint is not None and hint_text(hint) == text


def test_both_engines_derive_the_same_bytes_from_the_example(native_engine, wasm_engine) -> None:
    assert wasm_engine.schema(BUNDLE) == native_engine.schema(BUNDLE)


def test_what_the_linter_refuses_has_no_schema(native_engine, wasm_engine) -> None:
    for engine in (native_engine, wasm_engine):
        with pytest.raises(ContractRefused, match="CT401"):
            engine.schema(Bundle("a", 1, "x = 1.5\n"))


@pytest.mark.parametrize(
    "text",
    ["int", "object", "None", "list[str]", "tuple[int, ...]", "tuple[int]", "tuple[int, str]",
     "dict[str, list[Line]]", "str | int | None", "bytes | Decimal | bool"],
)  # fmt: skip
def test_the_text_of_a_hint_reads_back_as_the_hint(text: str) -> None:
    hint = hint_of_text(text, {"Line"})
    assert hint is not None and hint_text(hint) == text


@pytest.mark.parametrize("text", ["", "int[", "Line", "dict[int, str]", "f()", "(" * 500])
def test_text_that_is_no_hint_is_none(text: str) -> None:
    assert hint_of_text(text, set()) is None


async def test_a_worker_derives_the_schema_and_says_why_there_is_none() -> None:
    worker = EngineWorker()
    try:
        schema = values.decode(await worker.schema(load_bundle("transfer")))
        assert [m["name"] for m in schema["methods"]] == ["open_account", "transfer", "balance_of"]
        with pytest.raises(ContractRefused, match="CT401"):
            await worker.schema(Bundle("a", 1, "x = 1.5\n"))
    finally:
        await worker.close()
