"""The program behind deploy/cluster.sh: `python -m deploy.cluster up|status|stop|add|down …`."""

from __future__ import annotations

import shutil
from enum import StrEnum
from typing import Annotated

import typer

from node.cli import network
from node.cli.network import DirOption
from node.cli.output import Output, OutputOption, guarded, progress, show
from node.network.control import network_stop, network_up, open_layout
from node.network.layout import Layout

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


class Engine(StrEnum):
    pbft = "pbft"


EngineOption = Annotated[Engine, typer.Option("--engine", help="how the nodes agree")]


@app.command()
@guarded
def up(
    directory: DirOption,
    nodes: Annotated[int, typer.Option("--nodes", help="cities, for a new cluster")] = 4,
    engine: EngineOption = Engine.pbft,
    output: OutputOption = Output.table,
) -> None:
    """Makes the cluster if the folder has none, starts what is not running, waits until all are ready."""
    from node.network.create import create_network
    from node.network.plan import load_plan

    root = directory.resolve()
    if not Layout(root).genesis.exists():
        progress(f"making {nodes} nodes in {directory}: engine artifact, keys, genesis")
        create_network(load_plan().with_nodes(nodes), root)
    progress("starting")
    show(network_up(root), output)
    if output is Output.table:
        progress(f"clients find it with:  cd {directory}   or   export CITY_CONTEXT={root}")


# The same commands as `city network`, so that both say the same.
app.command()(network.status)
app.command()(network.stop)
app.command()(network.add)


@app.command()
@guarded
def down(directory: DirOption, output: OutputOption = Output.table) -> None:
    """Stops the processes and deletes the folder."""
    layout = open_layout(directory.resolve())
    stopped = network_stop(layout.root)
    shutil.rmtree(layout.root)
    show({"stopped": stopped, "removed": str(layout.root)}, output)


if __name__ == "__main__":
    app()
