"""`city network`: make a network's folder, start and stop its nodes, and carry them to real hosts."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from node.cli.output import Output, OutputOption, as_table, guarded, progress, show

app = typer.Typer(
    help="Networks on disk: create, start, look, stop, carry to hosts.", no_args_is_help=True
)


class Engine(StrEnum):
    pbft = "pbft"
    raft = "raft"


EngineOption = Annotated[
    Engine | None,
    typer.Option(
        "--engine",
        help="how the nodes of a new channel agree: pbft, which withstands liars (the default), "
        "or raft, where the members trust each other not to lie",
    ),
]

SPARE = ("slug", "web", "state_root")  # columns that a narrow terminal does without
DirOption = Annotated[Path, typer.Option("--dir", help="the network's folder")]


@app.command()
@guarded
def plan() -> None:
    """Prints the plan of a development network, to change and give to `city network create --plan`."""
    from node.network.plan import DEFAULT_PLAN

    print(DEFAULT_PLAN.read_text(encoding="utf-8"), end="")


@app.command()
@guarded
def create(
    directory: DirOption,
    nodes: Annotated[int, typer.Option("--nodes", help="how many cities take part")] = 4,
    engine: EngineOption = None,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="a plan; see: city network plan")
    ] = None,
    system: Annotated[
        bool,
        typer.Option(
            "--system",
            help="a consortium: the cities share a system channel with the directory; "
            "applications get channels of their own",
        ),
    ] = False,
    with_ca: Annotated[
        bool,
        typer.Option(
            "--with-ca",
            help="each member gets its authority (authorities/MEMBER, for city ca), its people certificates",
        ),
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Makes keys, certificates, genesis, a configuration per node and a client context.

    Examples:  city network create --dir ./net --nodes 4    city network create --dir ./net --engine raft
    city network create --dir ./net --nodes 5 --system    city network create --dir ./net --with-ca
    """
    from node.network.create import create_network
    from node.network.plan import DEFAULT_PLAN, load_plan
    from node.trust import trust

    progress("engine artifact, keys, genesis")
    plan = load_plan(plan_file or DEFAULT_PLAN).with_nodes(nodes).with_consensus(engine)
    config = create_network(
        plan.as_system() if system else plan, directory.resolve(), with_authorities=with_ca
    )
    facts = {"channel": config.name, "nodes": [n.name for n in config.nodes], "dir": str(directory)}
    show(facts | {"trust": trust(config.consensus.kind, len(config.nodes))}, output)


@app.command()
@guarded
def up(directory: DirOption, output: OutputOption = Output.table) -> None:
    """Starts every node that is not running, and waits until all are ready.

    A consortium's cities, organisations and nodes are entered into its directory where they are not yet.
    """
    from node.network.control import network_up

    rows = network_up(directory.resolve())
    show(rows, output, lambda: as_table(rows, SPARE))


@app.command()
@guarded
def status(directory: DirOption, output: OutputOption = Output.table) -> None:
    """Each node's process, height and state root."""
    from node.network.control import network_status

    rows = network_status(directory.resolve())
    show(rows, output, lambda: as_table(rows, SPARE))


@app.command()
@guarded
def stop(directory: DirOption, output: OutputOption = Output.table) -> None:
    """Stops every node; its data stays."""
    from node.network.control import network_stop

    show({"stopped": network_stop(directory.resolve())}, output)


@app.command()
@guarded
def down(directory: DirOption, output: OutputOption = Output.table) -> None:
    """Stops the processes and deletes the network, keys and ledger; other files of the folder stay.

    To keep the data: city network stop.

    Example:  city network down --dir ./net
    """
    import shutil

    from node.network.control import network_stop, open_layout

    layout = open_layout(directory.resolve())
    stopped = network_stop(layout.root)
    for part in layout.parts():
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)
    left = sorted(p.name for p in layout.root.iterdir())
    if not left:
        layout.root.rmdir()
    show({"stopped": stopped, "removed": str(layout.root), "left": left}, output)


@app.command()
@guarded
def add(
    directory: DirOption,
    city: Annotated[
        str, typer.Option("--city", help="the new node's city; empty: the next of the plan")
    ] = "",
    output: OutputOption = Output.table,
) -> None:
    """Adds an observer node: it follows and verifies every block, serves clients, and has no vote.

    Example:  city network add --dir ./net --city Shanghai
    """
    from node.network.control import network_add

    show(network_add(directory.resolve(), city), output)


@app.command()
@guarded
def relay(
    directory: DirOption,
    wallets: Annotated[
        list[Path], typer.Option("--wallet", help="key file of a wallet whose payments are carried")
    ],
    user: Annotated[str, typer.Option("--user", help="whose key submits the proofs")],
    name: Annotated[str, typer.Option("--name", help="of the relay; several may race")] = "one",
    output: OutputOption = Output.table,
) -> None:
    """Adds a relay of payment proofs to a network and starts it; up and stop mind it from then on.

    Example:  city network relay --dir ./net --user ops --wallet qb.pem
    """
    from node.network.relays import network_relay

    show(network_relay(directory.resolve(), name, user, wallets), output)


@app.command()
@guarded
def bundle(
    directory: DirOption,
    out: Annotated[Path, typer.Option("--out", help="where the folders go")],
    host: Annotated[
        list[str] | None, typer.Option("--host", help="City=host.example, once a city")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Writes a folder per node to carry to a real host: configuration, keys, genesis, systemd unit.

    Example:  city network bundle --dir ./net --out ./carry --host Shenzhen=sz.example.org
    """
    from node.network.bundle import write_bundles
    from node.network.layout import Layout

    hosts = dict(item.partition("=")[::2] for item in host or [])
    written = write_bundles(Layout(directory.resolve()), out.resolve(), hosts)
    show([{"folder": str(path)} for path in written], output)
