"""`city bench regcenter`: what the center's core accepts a second on one core."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def regcenter(
    payments: Annotated[int, typer.Option(min=1, max=50_000, help="How many transfers.")] = 5_000,
    batch: Annotated[int, typer.Option(min=1, max=1_024, help="Transfers under one head.")] = 256,
    registered: Annotated[
        bool, typer.Option("--registered", help="Between wallets with limits and reports.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on one line.")] = False,
) -> None:
    """Registration center: payments a second of its core, with and without the payers' signatures."""
    from deploy.regcenter.bench import measure
    from deploy.regcenter.errors import CenterError

    with tempfile.TemporaryDirectory(prefix="regcenter-") as directory:
        try:
            figures = measure(Path(directory) / "center", payments, batch, registered)
        except CenterError as error:
            typer.echo(f"regcenter: {error}\n  next: {error.next_step}", err=True)
            raise typer.Exit(70) from None
    report = {**figures, "command": "city " + " ".join(sys.argv[1:])}
    typer.echo(json.dumps(report, indent=None if as_json else 1))


@app.command()
def sm9(
    signatures: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on one line.")] = False,
) -> None:
    """Identity-based signatures (SM9, pure Python): seconds to make and to check one."""
    from deploy.regcenter.bench import measure_sm9
    from deploy.regcenter.errors import CenterError

    try:
        figures = measure_sm9(signatures)
    except CenterError as error:
        typer.echo(f"regcenter: {error}\n  next: {error.next_step}", err=True)
        raise typer.Exit(70) from None
    report = {**figures, "command": "city " + " ".join(sys.argv[1:])}
    typer.echo(json.dumps(report, indent=None if as_json else 1))
