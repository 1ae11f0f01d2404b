"""`city contract`: what a channel's contracts are and offer; check a source, run cases in the real engine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli import lifecycle
from node.cli.completion import complete_contract
from node.cli.output import Output, OutputOption, fail, guarded, show, stdout, wants_chinese

if TYPE_CHECKING:
    from contracts.runtime.api import Bundle

app = typer.Typer(
    help="The channel's contracts and how they change; check contracts and run cases in the engine.",
    no_args_is_help=True,
)
lifecycle.register(app)


@app.command()
@guarded
def check(
    path: Annotated[
        Path, typer.Argument(help="a contract's file, or its folder with main.py and chapters")
    ],
    output: OutputOption = Output.table,
) -> None:
    """Says what the contract language does not allow, where and why, and what to write instead.

    Examples:  city contract check contracts/suite/bill.py    city contract check contracts/suite/receivable
    """
    from contracts.runtime.checking import check_file

    checked = check_file(path)
    if output is Output.json:
        show([asdict(finding) for finding in checked.findings], output)
    else:
        for finding in checked.findings:
            stdout.print(checked.show(finding, chinese=wants_chinese()), markup=False)
        count = len(checked.findings)
        said = "no findings" if not count else "1 finding" if count == 1 else f"{count} findings"
        stdout.print(f"{path}: {said}", markup=False)
    raise typer.Exit(4 if checked.findings else 0)


@app.command()
@guarded
def cases(
    file: Annotated[Path, typer.Argument(help="one JSON object a line")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a case")] = False,
) -> None:
    """Runs a file of contract cases in the WebAssembly engine. Exit 1 if any is not as expected.

    Example:  city contract cases adversarial.jsonl --json
    """
    from contracts.runtime.cases import main

    raise typer.Exit(main(file, as_json))


NameArgument = Annotated[
    str, typer.Argument(help="the contract's name", autocompletion=complete_contract)
]
VersionOption = Annotated[int, typer.Option("--version", help="a version; 0: the active one")]


@app.command("list")
@guarded
def list_contracts(output: OutputOption = Output.table) -> None:
    """Every version of every contract of the channel."""
    from node.cli.contracts import version_row
    from node.cli.session import open_network

    with open_network() as net:
        show([version_row(found) for found in net.contracts()], output)


@app.command("show")
@guarded
def show_contract(
    name: NameArgument,
    version: VersionOption = 0,
    source: Annotated[
        bool, typer.Option("--source", help="print the source, checked against its digest")
    ] = False,
    module: Annotated[
        str, typer.Option("--module", help="with --source: another module than the main one")
    ] = "",
    output: OutputOption = Output.table,
) -> None:
    """A contract: what the channel holds of it, what it keeps (city proof state), and what it offers; or its
    source.

    Examples:  city contract show receivable    city contract show dcep --source --module money
    city contract show receivable --source --module chapters.split
    """
    from node.cli.contracts import facts_rows, schema_json, schema_text
    from node.cli.session import open_network
    from node.sdk.objects import objects_of

    with open_network() as net:
        if source:
            print(_module(net.source(name, version)[1], module), end="")
            return
        found, schema = net.schema(name, version)
        keeps = list(objects_of(net.source(name, version)[1]))
    if output is Output.json:
        show({**facts_rows(found), "keeps": keeps, "schema": schema_json(schema)}, output)
        return
    show({**facts_rows(found), "keeps": ", ".join(keeps)}, output)
    stdout.print("\n" + schema_text(schema), markup=False)


def _module(bundle: Bundle, module: str) -> str:
    if not module:
        return bundle.main
    if module not in bundle.rules:
        known = ", ".join(bundle.rules) or "none"
        raise fail("CITY-1092", name="--module", reason=f"the bundle's other modules are: {known}")
    return bundle.rules[module]


@app.command("schema")
@guarded
def derive_schema(
    path: Annotated[
        Path, typer.Argument(help="a contract's file or folder, or a folder of contracts")
    ],
    output: OutputOption = Output.table,
) -> None:
    """What contracts offer, derived from their source here: no network is needed.

    Example:  city contract schema contracts/suite/receivable
    """
    from contracts.runtime.checking import check_file, contract_name, schema_of_file
    from contracts.schema import Schema
    from node.cli.contracts import schema_json, schema_text

    found: dict[str, Schema] = {}
    for file in _contracts_in(path):
        data = schema_of_file(file)
        if data is None:
            for finding in (checked := check_file(file)).findings:
                stdout.print(checked.show(finding, chinese=wants_chinese()), markup=False)
            raise typer.Exit(4)
        found[contract_name(file)] = Schema.decode(data)
    if output is Output.json:
        show({name: schema_json(schema) for name, schema in found.items()}, output)
        return
    for name, schema in found.items():
        stdout.print(f"── {name} ──\n{schema_text(schema)}\n", markup=False)


def _contracts_in(path: Path) -> list[Path]:
    """The contract itself, or every one of a folder."""
    if not path.is_dir() or (path / "main.py").is_file():
        return [path]
    files = [file for file in path.glob("*.py") if file.name != "__init__.py"]
    return sorted([*files, *(file.parent for file in path.glob("*/main.py"))])
