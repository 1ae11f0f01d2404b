"""`city contract`: check a contract's source, and run a file of cases in the real engine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from node.cli.output import Output, OutputOption, guarded, show, stdout, wants_chinese

app = typer.Typer(help="Check contracts and run cases in the engine.", no_args_is_help=True)


@app.command()
@guarded
def check(
    file: Annotated[Path, typer.Argument(help="a contract's main module")],
    output: OutputOption = Output.table,
) -> None:
    """Says what the contract language does not allow, where and why, and what to write instead.

    Example:  city contract check contracts/suite/receivable.py
    """
    from contracts.runtime.checking import check_file

    checked = check_file(file)
    if output is Output.json:
        show([asdict(finding) for finding in checked.findings], output)
    else:
        for finding in checked.findings:
            stdout.print(checked.show(finding, chinese=wants_chinese()), markup=False)
        count = len(checked.findings)
        said = "no findings" if not count else "1 finding" if count == 1 else f"{count} findings"
        stdout.print(f"{file}: {said}", markup=False)
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


@app.command("show")
@guarded
def show_contract(
    name: Annotated[str, typer.Argument(help="the contract's name; empty: list all")] = "",
    source: Annotated[bool, typer.Option("--source", help="print the main module")] = False,
    output: OutputOption = Output.table,
) -> None:
    """The channel's contracts; for one of them its calls with their arguments, or its source.

    The source shown is this installation's, and only if its digest is the one that genesis names.

    Examples:  city contract show    city contract show receivable    city contract show dcep --source
    """
    from node.cli.contracts import contract_rows, method_rows, verified_bundle
    from node.cli.session import open_network

    with open_network() as net:
        info = net.info()
    if not name:
        show(contract_rows(info.genesis), output)
        return
    bundle = verified_bundle(info.genesis, name)
    if source:
        print(bundle.main, end="")
    else:
        show(method_rows(bundle.main), output)
