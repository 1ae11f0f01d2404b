"""`city seeds`: what the project set out to show, the command that shows it, and the tests that keep it so."""

from __future__ import annotations

import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, fail, guarded, show

DEFAULT_FILE = Path(__file__).resolve().parents[2] / "tests" / "acceptance" / "seeds.toml"


@guarded
def seeds(
    file: Annotated[Path, typer.Option("--file", help="the map")] = DEFAULT_FILE,
    results: Annotated[
        list[Path] | None, typer.Option("--results", help="JUnit files of a test run")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Lists each item with its command and tests. With --results, fails where a named test did not pass.

    Example:  city seeds --results .venv/unit.xml --results .venv/cluster.xml
    """
    try:
        items = tomllib.loads(file.read_text(encoding="utf-8"))["item"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise fail("CITY-1091", path=file, reason=error) from error
    ran = None if results is None else _passed(results)
    rows = [_row(item, ran) for item in items]
    if ran is None:
        rows = [{k: v for k, v in row.items() if k != "missing"} for row in rows]
    show(rows, output)
    missing = [name for row in rows for name in row.get("missing", ())]
    if missing:
        raise fail("CITY-1094", failed=len(missing), total=sum(len(i["tests"]) for i in items))


def _row(item: dict[str, Any], ran: set[str] | None) -> dict[str, Any]:
    missing = [] if ran is None else [t for t in item["tests"] if t not in ran]
    return {
        "item": item["name"],
        "shown by": item["command"],
        "tests": len(item["tests"]),
        "missing": missing,
    }


def _passed(files: list[Path]) -> set[str]:
    """`path::test` of every test that passed, parameters cut off."""
    found: set[str] = set()
    for file in files:
        try:
            tree = ElementTree.parse(file)
        except (OSError, ElementTree.ParseError) as error:
            raise fail("CITY-1091", path=file, reason=error) from error
        for case in tree.iter("testcase"):
            if any(case.find(kind) is not None for kind in ("failure", "error", "skipped")):
                continue
            module = case.get("classname", "").replace(".", "/") + ".py"
            found.add(f"{module}::{case.get('name', '').partition('[')[0]}")
    return found
