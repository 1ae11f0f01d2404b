"""The tables are what the contracts obey and what the documentation shows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from contracts.bundles import load_bundle
from contracts.rules.sealed_record_machine import SCHEMAS
from contracts.tables import TABLES, Table, markdown

ROOT = Path(__file__).parents[3]


def test_the_documentation_is_what_the_tables_say() -> None:
    written = (ROOT / "docs" / "instruments.md").read_text(encoding="utf-8")
    assert written == markdown(), "run python -m contracts.tables > docs/instruments.md"


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.record)
def test_every_call_and_event_of_a_table_is_in_its_contract(table: Table) -> None:
    others = {call.split(".")[0] for call in table.calls if "." in call}
    bundles = [load_bundle(name) for name in (table.contract, *sorted(others))]
    trees = [ast.parse(source) for b in bundles for source in (b.main, *b.rules.values())]
    events = {
        node.value.args[0].value
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "id", "") == "Event"
        and isinstance(node.value.args[0], ast.Constant)
    }
    functions = {n.name for t in trees for n in t.body if isinstance(n, ast.FunctionDef)}
    named = {n.value for t in trees for n in ast.walk(t) if isinstance(n, ast.Constant)}
    assert {row[5] for row in table.rows} <= events
    assert {call.split(".")[-1] for call in table.calls} <= functions | named


def test_the_page_of_who_reads_what_names_methods_and_schemas_that_there_are() -> None:
    """`contract.method(parameter, …)` of the page takes such a parameter; schemas are those of the contract."""
    page = (ROOT / "docs" / "confidentiality.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_]+)\.([a-z_]+)\(([a-z_, ]+)\)`", page)
    assert len(named) > 20
    for contract, method, words in named:
        tree = ast.parse(load_bundle(contract).main)
        found = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == method]
        bundle = load_bundle(contract).rules.values()
        found += [n for source in bundle for n in ast.parse(source).body
                  if isinstance(n, ast.FunctionDef) and n.name == method]  # fmt: skip
        taken = {arg.arg for function in found for arg in function.args.args}
        assert set(words.split(", ")) <= taken, (contract, method, words)
    rows = [line for line in page.splitlines() if line.startswith("| M")]
    for schema, _, authorities in SCHEMAS:
        named_in = [line for line in rows if f"`{schema}`" in line]
        assert named_in or schema == "OTHER", schema
        for row in named_in:
            copies = row.rstrip(" |").rpartition("| ")[2].split()
            assert copies == (list(authorities) or ["–"]), schema
