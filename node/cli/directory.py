"""`city directory`: which cities, organisations, nodes and channels a consortium has, and who runs what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import Output, OutputOption, fail, guarded, plain, rows_table, show, stdout
from node.cli.session import open_network

if TYPE_CHECKING:
    from node.sdk.directory import Directory

app = typer.Typer(
    help="The consortium's directory on its system channel: cities, members, nodes, channels, relays.",
    no_args_is_help=True,
)
AllOption = Annotated[bool, typer.Option("--all", help="also what is retired")]
NameArgument = Annotated[str, typer.Argument(help="as it is registered")]
COLUMNS = {
    "city": ("id", "region", "zone", "jurisdiction", "state", "proposed_by", "confirmed_by"),
    "member": ("id", "name", "city", "zone", "jurisdiction", "state"),
    "node": ("id", "owner", "city", "zone", "api", "roles", "state"),
    "channel": ("name", "id", "zone", "engine", "suite", "validators", "standing", "state"),
    "relay": ("id", "member", "carrier_of", "carries", "state"),
}
SPARE = {"node": ("City", "Roles"), "channel": ("Suite", "Engine")}  # on a narrow terminal
GONE = ("RETIRED", "ARCHIVED")


def _list(kind: str, everything: bool, output: Output) -> None:
    from node.sdk.directory import Directory

    with open_network() as net:
        rows = plain(Directory(net).rows(kind))
    rows = [row for row in rows if everything or row["state"] not in GONE]
    show(rows, output, lambda: _table(kind, rows))


def _table(kind: str, rows: list[dict[str, Any]]) -> Any:
    columns = COLUMNS[kind]
    titles = tuple(kind if name == "id" else name for name in columns)
    header = tuple(title.replace("_", " ").capitalize() for title in titles)
    cells = [tuple(_cell(name, row[name]) for name in columns) for row in rows]
    return rows_table(header, cells, SPARE.get(kind, ()))


def _cell(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = str(value) or "–"
    return f"{text[:12]}…" if name == "id" and len(text) == 64 else text


@app.command()
@guarded
def cities(everything: AllOption = False, output: OutputOption = Output.table) -> None:
    """Cities with region, zone and jurisdiction: said by one member, confirmed by another.

    Examples:  city directory cities    city directory cities -o json
    """
    _list("city", everything, output)


@app.command()
@guarded
def members(everything: AllOption = False, output: OutputOption = Output.table) -> None:
    """Organisations of the consortium, and where they are.

    Example:  city directory members
    """
    _list("member", everything, output)


@app.command()
@guarded
def nodes(everything: AllOption = False, output: OutputOption = Output.table) -> None:
    """City nodes: owner, place, where they answer, which roles they offer.

    Example:  city directory nodes --all
    """
    _list("node", everything, output)


@app.command()
@guarded
def channels(everything: AllOption = False, output: OutputOption = Output.table) -> None:
    """Channels of the consortium. PROVEN: their validators' seals were shown; CLAIMED: somebody says so.

    Example:  city directory channels
    """
    _list("channel", everything, output)


@app.command()
@guarded
def relays(everything: AllOption = False, output: OutputOption = Output.table) -> None:
    """Who carries proofs: relays of payments, carriers of exchanges, reporters of oracles.

    Example:  city directory relays
    """
    _list("relay", everything, output)


@app.command("show")
@guarded
def show_entry(
    kind: Annotated[str, typer.Argument(help="city, member, node, channel or relay")],
    name: Annotated[str, typer.Argument(help="its name or id")],
    history: Annotated[bool, typer.Option("--history", help="also what it was before")] = False,
    output: OutputOption = Output.table,
) -> None:
    """One entry with all that is known of it, and what of it is its member's word only (claimed).

    Examples:  city directory show node Shenzhen    city directory show channel scf-px --history
    """
    from node.sdk.directory import Directory

    with open_network() as net:
        directory = Directory(net)
        found = find_entry(directory, kind, name)
        before = directory.history(kind, found["id"]) if history else []
    if output is Output.json:
        show(plain(found | ({"history": before} if history else {})), output)
        return
    show(plain(found), output)
    if before:
        stdout.print(_table(kind, plain(before)))


def find_entry(directory: Directory, kind: str, name: str) -> dict[str, Any]:
    """Raises CITY-1092 for a kind that there is not, CITY-8078 for an entry."""
    from node.sdk.directory import KINDS

    if kind not in KINDS:
        raise fail("CITY-1092", name="kind", reason=f"it is one of {', '.join(KINDS)}")
    if kind != "channel":
        found = directory.find(kind, name)
        if found is None:
            raise fail("CITY-8078", kind=kind, name=name)
        return found
    named = directory.channels_named(name)
    if len(named) > 1:
        ids = ", ".join(row["id"][:16] for row in named)
        raise fail("CITY-1092", name="name", reason=f"several channels are called so: {ids}")
    if not named:
        raise fail("CITY-8078", kind=kind, name=name)
    return named[0]


@app.command()
@guarded
def tree(
    by: Annotated[str, typer.Option("--by", help="channel, or node")] = "channel",
    output: OutputOption = Output.table,
) -> None:
    """Who runs which channel: under each channel its nodes, or under each node its channels.

    Examples:  city directory tree    city directory tree --by node
    """
    from node.sdk.directory import Directory, seats_by

    if by not in ("channel", "node"):
        raise fail("CITY-1092", name="by", reason="channel or node")
    with open_network() as net:
        directory = Directory(net)
        found = seats_by(by, directory.rows("channel"), directory.active("node"))
    if output is Output.json:
        show(found, output)
        return
    from rich.tree import Tree

    root = Tree("channels" if by == "channel" else "nodes")
    for branch in found:
        limb = root.add(branch["title"])
        for leaf in branch["seats"]:
            limb.add(leaf)
    stdout.print(root)
