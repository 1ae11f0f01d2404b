"""The program behind deploy/cluster.sh: `python -m deploy.cluster up|status|stop|add|down …`."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli import network
from node.cli.network import SPARE, DirOption, EngineOption
from node.cli.output import (
    Output,
    OutputOption,
    as_table,
    fail,
    guarded,
    never_fail_to_write,
    progress,
    show,
)
from node.network.control import network_up
from node.network.layout import Layout
from node.trust import trust

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


NODES = 4


@app.command()
@guarded
def up(
    directory: DirOption,
    nodes: Annotated[int, typer.Option("--nodes", help="cities of a new cluster; 0: 4")] = 0,
    engine: EngineOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Makes the cluster if the folder has none, starts what is not running, waits until all are ready."""
    from node.network.bundle import read_genesis
    from node.network.create import create_network
    from node.network.plan import load_plan

    root = directory.resolve()
    if not Layout(root).genesis.exists():
        count = nodes or NODES
        progress(f"making {count} nodes in {directory}: engine artifact, keys, genesis")
        create_network(load_plan().with_nodes(count).with_consensus(engine), root)
    config = read_genesis(Layout(root)).config
    kind, there = config.consensus.kind, len(config.nodes)
    if engine not in (None, kind):
        raise fail("CITY-8031", path=directory, there=kind, asked=engine)
    if nodes not in (0, there):
        raise fail("CITY-8029", path=directory, there=there, asked=nodes)
    progress("starting")
    rows = network_up(root)
    show(rows, output, lambda: as_table(rows, SPARE))
    if output is Output.table:
        progress(trust(kind, there))
        progress(f"clients find it with:  cd {directory}   or   export CITY_CONTEXT={root}")


# The same commands as `city network`, so that both say the same.
app.command()(network.status)
app.command()(network.stop)
app.command()(network.add)
app.command()(network.down)


if __name__ == "__main__":
    never_fail_to_write()
    app(prog_name="deploy/cluster.sh")
