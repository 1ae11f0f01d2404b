"""The benchmark walks everything that has a price; the figures themselves are `city bench engine`'s."""

import ast

import pytest

from contracts.runtime import gas
from contracts.runtime.api import Bundle
from contracts.runtime.language import tables
from node.bench.engine_operations import OPERATIONS, source_of

BODIES = "\n".join(operation.body for operation in OPERATIONS)
# Declarations and marks: nothing of them runs in a transaction.
NO_CALLS = {"Contract", "Map", "Var", "Event", "dataclass", "field", "export", "view", "ctx"}


def called(name: str) -> bool:
    return f"{name}(" in BODIES


@pytest.mark.parametrize("kind", sorted(tables.TYPE_METHODS))
def test_every_method_of_a_built_in_type_is_walked(kind: str) -> None:
    assert [m for m in sorted(tables.TYPE_METHODS[kind]) if not called(f".{m}")] == []


def test_every_built_in_and_every_function_of_the_sdk_is_walked() -> None:
    # super() stands in a method that an operation calls.
    names = (tables.BUILTINS - tables.EXCEPTIONS - {"super"}) | (tables.SDK_NAMES - NO_CALLS)
    assert [name for name in sorted(names) if not called(name)] == []


def test_every_operator_and_comparison_is_walked() -> None:
    seen = {type(node) for o in OPERATIONS for node in ast.walk(ast.parse(source_of(o)))}
    assert set(tables.OPERATORS) <= seen
    assert set(tables.COMPARISONS) - {ast.NotEq, ast.LtE, ast.Gt, ast.GtE, ast.NotIn} <= seen


@pytest.mark.parametrize("operation", OPERATIONS, ids=[o.name for o in OPERATIONS])
def test_every_operation_is_admitted(operation, native_engine) -> None:
    assert native_engine.check(Bundle("price", 1, source_of(operation))) == ()


def test_prices_have_a_name_a_number_and_a_reason() -> None:
    names = [price.name for price in gas.TABLE]
    assert len(set(names)) == len(names)
    assert all(price.gas > 0 and price.reason for price in gas.TABLE)
