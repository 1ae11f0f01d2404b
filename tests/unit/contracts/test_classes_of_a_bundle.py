"""Dataclasses that come from rule modules, and views: what calls may rely on, in both engines."""

import pytest

from contracts.runtime.api import ContractRefused
from contracts.runtime.testing import chain, chain_engine  # noqa: F401

LINE = "from sdk import dataclass\n\n@dataclass\nclass Line:\n    item: str\n    count: int = 1\n"
BOTH = pytest.mark.parametrize("chain_engine", ["native", "wasm"])


@BOTH
def test_an_argument_may_be_a_class_under_the_name_it_was_imported_as(chain) -> None:  # noqa: F811
    source = (
        "from rules.order import Line as Row\nfrom sdk import dataclass, export\n\n"
        "@dataclass\nclass Order(Row):\n    rows: list[Row] | None = None\n\n"
        "@export\ndef place(order: Order, more: list[Row]) -> list:\n"
        "    return [order.item, order.count, order.rows[0].count, more[0].item]\n"
    )
    chain.deploy("order", source, rules={"order": LINE})
    order = {"item": "a", "rows": [{"item": "b", "count": 7}]}
    assert chain.ok("order", "place", order=order, more=[{"item": "c"}]) == ["a", 1, 7, "c"]
    wrong = {"item": "a", "rows": [{"item": "b", "count": "7"}]}
    chain.refused("arguments", "order", "place", order=wrong, more=[])


@BOTH
def test_two_classes_of_one_name_are_refused_where_the_second_stands(chain) -> None:  # noqa: F811
    main = "from rules.a import Line\nfrom rules.b import Line as Other\n\ndef f():\n    return 1\n"
    with pytest.raises(ContractRefused) as refused:
        chain.deploy("t", main, rules={"a": LINE, "b": f"\n{LINE}"})
    (found,) = refused.value.diagnostics
    assert (found.code, found.module, found.line) == ("CT105", "rules.b", 5)
    assert "Line" in found.message and "Line" in found.message_zh


VIEWS = """
from sdk import Event, Var, export, view

v = Var("v", 0)
Noted = Event("Noted")

@view
def writes() -> int:
    v.set(1)
    return 1

@view
def emits() -> int:
    Noted(x=1)
    return 1

@view
def reads() -> int:
    return v.get()

@export
def sets() -> int:
    v.set(2)
    return 2
"""


@BOTH
def test_a_view_changes_nothing_also_when_a_transaction_calls_it(chain) -> None:  # noqa: F811
    chain.deploy("t", VIEWS)
    assert chain.ok("t", "sets") == 2
    for method in ("writes", "emits"):
        chain.refused("RuntimeError", "t", method)
    assert chain.ok("t", "reads") == 2
