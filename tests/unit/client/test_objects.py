"""What a contract keeps is read whole from its source: each name that a declaration of the suite has."""

from __future__ import annotations

import ast

import pytest

from contracts.bundles import SUITE, load_bundle
from contracts.runtime.api import Bundle
from node.sdk.objects import objects_of

KINDS = ("Map", "Var")


def declared(bundle: Bundle) -> set[str]:
    calls = (
        node
        for source in (bundle.main, *bundle.rules.values())
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS
    )
    return {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}  # type: ignore[misc]


@pytest.mark.parametrize("name", [*SUITE, "directory", "foreign_channel", "settlement_hub"])
def test_every_declaration_of_the_suite_is_found_and_nothing_else(name: str) -> None:
    bundle = load_bundle(name)
    assert set(objects_of(bundle)) == declared(bundle)


def test_annotated_and_broken_declarations_are_found() -> None:
    text = 'a: Map[str, tuple[str, ...]] = Map[str, int](\n    "alpha",\n)\nb = Var("beta", 0)\nMap(name)'
    assert objects_of(Bundle("x", 1, text)) == ("alpha", "beta")
