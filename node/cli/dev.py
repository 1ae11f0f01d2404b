"""`city dev`: a local network in one process tree, for trying and building. And the development clock."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.network import EngineOption
from node.cli.output import Output, OutputOption, fail, guarded, progress, rows_table, show, stdout

if TYPE_CHECKING:
    from node.network.plan import Plan

app = typer.Typer(
    help="A local network to try and build with. NOT FOR PRODUCTION.", invoke_without_command=True
)
clock = typer.Typer(help="The development network's clock.", no_args_is_help=True)
app.add_typer(clock, name="clock")

NEXT_COMMAND = (
    "city as buyer call party apply party_id=PX legal_name=Pengxu kind=enterprise country=CN city=SZ "
    "uscc=91440300MA5DEM00A5"
)


@app.callback()
@guarded
def dev(
    context: typer.Context,
    nodes: Annotated[int, typer.Option("--nodes", help="how many cities")] = 4,
    engine: EngineOption = None,
    directory: Annotated[Path | None, typer.Option("--dir", help="keep the data here")] = None,
    system: Annotated[
        bool, typer.Option("--system", help="a consortium with a system channel and its directory")
    ] = False,
) -> None:
    """Brings up cities, a registration center and users; Ctrl-C stops all of it.

    Examples:  city dev    city dev --nodes 1    city dev --engine raft    city dev --dir ./net
    city dev --system --nodes 5
    """
    if context.invoked_subcommand is not None:
        return
    from node.network.plan import load_plan

    started = time.monotonic()
    root = directory.resolve() if directory else Path(tempfile.mkdtemp(prefix="city-dev-"))
    _refuse_running(root)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        plan = load_plan().with_nodes(nodes).with_consensus(engine)
        plan = plan.as_system() if system else plan
        _run(root, plan, keep=directory is not None, started=started, stopping=stopping)
    finally:
        _stop(root)
        if directory is None:
            shutil.rmtree(root, ignore_errors=True)


def _refuse_running(root: Path) -> None:
    """A network that somebody else started is not taken over: stopping this one would stop that one."""
    from node.network import processes
    from node.network.layout import Layout

    layout = Layout(root)
    for name in layout.started():
        if (running := processes.find(layout, name)) is not None:
            raise fail("CITY-8024", name=name, pid=running.pid)


def _run(root: Path, plan: Plan, *, keep: bool, started: float, stopping: threading.Event) -> None:
    from node.network import processes
    from node.network.consortium import enter_consortium
    from node.network.control import READY_SECONDS, start_regcenter, start_relays
    from node.network.create import create_network
    from node.network.layout import Layout

    layout = Layout(root)
    if not layout.genesis.exists():
        progress("engine artifact, keys, genesis")
        create_network(plan, root)
    progress("starting")
    start_regcenter(layout)
    for slug in layout.slugs():
        if processes.find(layout, slug) is None:
            processes.start_node(layout, slug)
    processes.wait_ready(layout, layout.slugs(), timeout_s=READY_SECONDS)
    start_relays(layout)
    rows = _wait_for_leader(root, stopping)
    enter_consortium(layout)
    _print_screen(layout, rows, keep, time.monotonic() - started)
    while not stopping.wait(0.5):
        gone = [s for s in layout.slugs() if processes.find(layout, s) is None]
        if gone:
            raise fail("CITY-8025", name=gone[0], log=layout.log(gone[0]), tail="it ended")


def _stop(root: Path) -> None:
    from node.network import processes
    from node.network.layout import Layout

    layout = Layout(root)
    processes.stop(layout, layout.started())


def _wait_for_leader(root: Path, stopping: threading.Event) -> list[dict[str, Any]]:
    from node.network.control import UP, network_status

    while True:
        rows = network_status(root)
        if all(row["state"] in UP for row in rows) or stopping.wait(0.1):
            return rows


def _print_screen(layout: Any, rows: list[dict[str, Any]], keep: bool, seconds: float) -> None:
    from importlib.metadata import version

    from node.network.bundle import read_genesis
    from node.network.control import fetch_status
    from node.trust import trust

    config = read_genesis(layout).config
    kind = config.consensus.kind
    status = fetch_status(rows[0]["web"]) or {}
    stdout.print(
        f"[bold]Citychain {version('citychain')}[/bold] · development network · "
        f"[red]NOT FOR PRODUCTION[/red]    {len(rows)} cities · {kind.upper()} · SM2/SM3/SM4"
    )
    header = ("City", "Role", "gRPC", "Web", "Metrics", "Height")
    leader = status.get("leader")
    table = [
        (
            r["city"],
            "leader" if r["city"] == leader else r["role"],
            r["api"],
            r["web"],
            f"{r['web']}/metrics",
            str(r["height"]),
        )
        for r in rows
    ]
    stdout.print(rows_table(header, table))
    place = (
        str(layout.root) if keep else f"{layout.root} (discarded at the end; keep with --dir ./net)"
    )
    center = _center_address(layout)
    wait_ms = config.consensus.block_wait_ms
    users = [i.name if "@" in i.name else f"{i.name}@{i.member_id}" for i in config.identities]
    engine = f"CPython in WebAssembly, artifact {config.engine.digest.hex()[:8]}…"
    lines = [
        ("Channel", f"{config.name}   a block {wait_ms} ms after the oldest waiting transaction"),
        ("Consensus", trust(kind, len(config.nodes))),
        ("Data", place),
        ("Engine", f"{engine}, sandbox {status.get('sandbox', '?')}"),
        ("Crypto", str(status.get("crypto", ""))),
        ("DC/EP", f"registration center (simulator) {center}   oracle adapter: proof relay"),
        ("Members", "  ".join(m.member_id for m in config.members if not m.admin_key)),
        ("Users", "  ".join(users) + "   (city as NAME …)"),
        ("Contracts", "  ".join(f"{c.name}@{c.version}" for c in config.contracts)),
    ]
    stdout.print(rows_table(None, lines))
    stdout.print(f"Next:  export CITY_CONTEXT={layout.root}", markup=False)
    stdout.print(f"       {NEXT_COMMAND}", markup=False)
    stdout.print(
        f"ready in {seconds:.1f} s · Ctrl-C stops" + ("" if keep else ", data is discarded")
    )


def _center_address(layout: Any) -> str:
    import json

    try:
        return str(json.loads((layout.regcenter / "endpoint.json").read_text())["url"])
    except (OSError, ValueError, KeyError):
        return "starting"


@clock.command()
@guarded
def advance(
    amount: Annotated[str, typer.Argument(help="30s, 15m, 2h, 5d")],
    directory: Annotated[Path, typer.Option("--dir", help="the network's folder")] = Path("."),
    output: OutputOption = Output.table,
) -> None:
    """Moves the shared clock of nodes and registration center forward.

    Example:  city dev clock advance 5d --dir ./net
    """
    from node.network.layout import Layout

    units = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
    if not amount[:-1].isdigit() or amount[-1:] not in units:
        raise fail("CITY-1092", name="amount", reason=f"{amount!r} is not like 30s, 15m, 2h or 5d")
    file = Layout(directory.resolve()).clock_offset
    if not file.exists():
        raise fail("CITY-8026", path=directory)
    offset = int(file.read_text()) + int(amount[:-1]) * units[amount[-1]]
    temporary = file.with_suffix(".new")
    temporary.write_text(f"{offset}\n")
    temporary.replace(file)
    show({"offset_ms": offset}, output)
