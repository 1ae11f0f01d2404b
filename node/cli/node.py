"""`city node`: run one city node, and ask it how it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.output import Output, OutputOption, guarded, show
from node.cli.session import open_network

app = typer.Typer(help="Run a city node and ask it how it is.", no_args_is_help=True)


@app.command()
@guarded
def run(
    config: Annotated[Path, typer.Option("--config", help="the node's configuration file")] = Path(
        "node.toml"
    ),
) -> None:
    """Runs one city node until it is told to stop (Ctrl-C or SIGTERM).

    Example:  city node run --config nodes/shenzhen/node.toml
    """
    import asyncio

    from node.config import load_config
    from node.daemon import run_node

    asyncio.run(run_node(load_config(config)))


@app.command()
@guarded
def status(
    name: Annotated[
        str, typer.Argument(help="a node of the context; empty: the first that answers")
    ] = "",
    output: OutputOption = Output.table,
) -> None:
    """Height, view, leader, peers, state root, sandbox and cryptography of a node.

    Examples:  city node status    city node status Guangzhou -o json
    """
    with open_network() as net:
        show(net.node_status(name or None), output)
