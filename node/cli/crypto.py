"""`city crypto`: run a file of cryptographic cases over every backend."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.output import guarded

app = typer.Typer(help="Check the cryptography that runs here.", no_args_is_help=True)


@app.command()
@guarded
def cases(
    file: Annotated[Path, typer.Argument(help="a file of SM2, SM3, SM4 or Wycheproof cases")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a case")] = False,
) -> None:
    """Runs a file of cases on every backend and compares the verdicts. Exit 1 if any is not as expected.

    Example:  city crypto cases sm2_verify_edge.json --json
    """
    from node.identity.cases import main

    raise typer.Exit(main(file, as_json))
