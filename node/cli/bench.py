"""`city bench`: figures of this machine, with the command that made them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, guarded, show, stderr

app = typer.Typer(invoke_without_command=True)

Transactions = Annotated[int, typer.Option("--transactions", min=1, help="how many transfers")]
Nodes = Annotated[int, typer.Option("--nodes", min=1, help="cities of the network it starts")]
Window = Annotated[int, typer.Option("--window", min=1, max=4, help="blocks in flight, 1 to 4")]
Batch = Annotated[int, typer.Option("--batch", min=1, max=1_000, help="envelopes a message")]
InFlight = Annotated[int, typer.Option("--in-flight", min=1, help="transfers under way at a time")]
Rate = Annotated[
    int,
    typer.Option(
        "--rate", min=0, help="transfers a second, sent steadily; 0: as many as are taken"
    ),
]
Directory = Annotated[Path | None, typer.Option("--dir", help="join the network in this folder")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object, as -o json")]


@app.callback()
@guarded
def bench(
    context: typer.Context,
    transactions: Transactions = 5_000,
    nodes: Nodes = 4,
    window: Window = 1,
    batch: Batch = 250,
    in_flight: InFlight = 1_000,
    rate: Rate = 0,
    directory: Directory = None,
    as_json: AsJson = False,
    output: OutputOption = Output.table,
) -> None:
    """Drives pre-signed transfers by batch submit and prints throughput, latency and cost a node.

    Examples:  city bench --json    city bench --rate 100 --transactions 2000    city bench --dir ./net
    """
    if context.invoked_subcommand is None:
        output = Output.json if as_json else output
        _run(transactions, nodes, window, batch, in_flight, rate, directory, output)


@app.command()
@guarded
def run(
    transactions: Transactions = 5_000,
    nodes: Nodes = 4,
    window: Window = 1,
    batch: Batch = 250,
    in_flight: InFlight = 1_000,
    rate: Rate = 0,
    directory: Directory = None,
    as_json: AsJson = False,
    output: OutputOption = Output.table,
) -> None:
    """The same as `city bench` without a word behind it."""
    output = Output.json if as_json else output
    _run(transactions, nodes, window, batch, in_flight, rate, directory, output)


def _run(
    transactions: int,
    nodes: int,
    window: int,
    batch: int,
    in_flight: int,
    rate: int,
    directory: Path | None,
    output: Output,
) -> None:
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
    show(report, output)


def _say(text: str) -> None:
    stderr.print(text)


@app.command()
@guarded
def engine(output: OutputOption = Output.table, as_json: AsJson = False) -> None:
    """Contract engine: transfers, one over IPC, fresh instance, starts, memory, every gas price.

    Example:  city bench engine --json
    """
    from node.bench.engine import bench_engine

    _say("contract engine: about a minute")
    report = bench_engine()
    report["command"] = "city " + " ".join(sys.argv[1:])
    if as_json or output is Output.json:
        show(report, Output.json)
        return
    prices = report.pop("prices")
    show(report, output)
    show(prices, output)


@app.command()
@guarded
def crypto(output: OutputOption = Output.table) -> None:
    """Signatures and hashes a second on one core, for both suites."""
    from node.identity.bench import bench_crypto
    from node.identity.suite import get_suite

    rows: list[dict[str, Any]] = [bench_crypto(get_suite(name)) for name in ("sm", "intl")]
    show(rows, output)
