"""`city codegen`: clients from a contract's schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.completion import complete_contract
from node.cli.output import guarded, progress

app = typer.Typer(help="Writes typed clients of contracts.", no_args_is_help=True)


@app.callback()
def _language() -> None:
    """The language comes first."""


@app.command()
@guarded
def python(
    name: Annotated[
        str, typer.Argument(help="the contract's name", autocompletion=complete_contract)
    ],
    file: Annotated[Path, typer.Option("--out", "-o", help="the module to write")],
    version: Annotated[int, typer.Option("--version", help="a version; 0: the active one")] = 0,
) -> None:
    """Writes a Python module: a class for the contract, dataclasses for records, an exception for each code.

    Example:  city codegen python receivable -o receivable.py
    """
    from node.cli.session import open_network
    from node.sdk.codegen import python_client

    with open_network() as net:
        found, schema = net.schema(name, version)
    text = python_client(found.name, found.version, found.digest, schema)
    file.write_text(text, encoding="utf-8")
    progress(f"{file}: {found.name}, version {found.version}")
