"""`city bench`: figures of this machine, with the command that made them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, guarded, show, stderr

app = typer.Typer(help="Measure this machine.", no_args_is_help=True)


@app.command()
@guarded
def run(
    transactions: Annotated[
        int, typer.Option("--transactions", min=1, help="how many transfers")
    ] = 5_000,
    nodes: Annotated[
        int, typer.Option("--nodes", min=1, help="cities of the network it starts")
    ] = 4,
    window: Annotated[
        int, typer.Option("--window", min=1, max=4, help="blocks in flight, 1 to 4")
    ] = 1,
    batch: Annotated[
        int, typer.Option("--batch", min=1, max=1_000, help="envelopes a message")
    ] = 250,
    in_flight: Annotated[
        int, typer.Option("--in-flight", min=1, help="transfers under way at a time")
    ] = 1_000,
    rate: Annotated[
        int,
        typer.Option(
            "--rate", min=0, help="transfers a second, sent steadily; 0: as many as are taken"
        ),
    ] = 0,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="join the network in this folder")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Drives pre-signed transfers by batch submit and prints throughput, latency and cost a node.

    Examples:  city bench run    city bench run --rate 100 --transactions 2000    city bench run --dir ./net
    """
    from node.bench.load import OPEN_LOOP_SECONDS_MAX, Load
    from node.bench.network import bench_network

    if rate and transactions > rate * OPEN_LOOP_SECONDS_MAX:
        raise typer.BadParameter(
            f"at a steady rate a run lasts at most {OPEN_LOOP_SECONDS_MAX} s:"
            f" --transactions {rate * OPEN_LOOP_SECONDS_MAX}, or a higher --rate"
        )
    load = Load(transactions, batch, rate, in_flight)
    report = bench_network(load, nodes=nodes, window=window, root=directory, say=_say)
    report["command"] = "city " + " ".join(sys.argv[1:])
    show(report, Output.json if as_json else Output.table)


def _say(text: str) -> None:
    stderr.print(text)


@app.command()
@guarded
def crypto(output: OutputOption = Output.table) -> None:
    """Signatures and hashes a second on one core, for both suites."""
    from node.identity.bench import bench_crypto
    from node.identity.suite import get_suite

    rows: list[dict[str, Any]] = [bench_crypto(get_suite(name)) for name in ("sm", "intl")]
    show(rows, output)
