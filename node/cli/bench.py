"""`city bench`: figures of this machine, with the command that made them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, guarded, show

app = typer.Typer(help="Measure this machine.", no_args_is_help=True)


@app.command()
@guarded
def run(
    transactions: Annotated[int, typer.Option("--transactions", help="how many transfers")] = 5_000,
    nodes: Annotated[int, typer.Option("--nodes", help="cities of the network it starts")] = 4,
    window: Annotated[int, typer.Option("--window", help="blocks in flight, 1 to 4")] = 1,
    batch: Annotated[int, typer.Option("--batch", help="envelopes a message")] = 500,
    rate: Annotated[
        int, typer.Option("--rate", help="transfers a second; 0: as fast as they are taken")
    ] = 0,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="join the network in this folder")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Drives pre-signed transfers by batch submit and prints throughput, latency and cost a node.

    Examples:  city bench run    city bench run --transactions 20000 --json    city bench run --dir ./net
    """
    from node.bench.load import Load
    from node.bench.network import bench_network

    load = Load(transactions, batch, rate)
    report = bench_network(load, nodes=nodes, window=window, root=directory)
    report["command"] = "city " + " ".join(sys.argv[1:])
    show(report, Output.json if as_json else Output.table)


@app.command()
@guarded
def crypto(output: OutputOption = Output.table) -> None:
    """Signatures and hashes a second on one core, for both suites."""
    from node.identity.bench import bench_crypto
    from node.identity.suite import get_suite

    rows: list[dict[str, Any]] = [bench_crypto(get_suite(name)) for name in ("sm", "intl")]
    show(rows, output)
