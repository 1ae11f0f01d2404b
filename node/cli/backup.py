"""`city node backup`, `backup verify` and `restore`: one channel of one node in one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, fail, guarded, logs_aside, progress, show
from node.cli.proof import ChannelOption, GenesisOption, trusted_channel

ConfigOption = Annotated[
    Path, typer.Option("--config", help="the configuration file of the node, which is stopped")
]
FileArgument = Annotated[Path, typer.Argument(help="a backup")]


def register(app: typer.Typer) -> None:
    """Adds the commands to `city node`."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(backup)
    group.command("verify")(verify)
    app.add_typer(group, name="backup")
    app.command()(restore)


@guarded
def backup(
    context: typer.Context,
    node: Annotated[
        str,
        typer.Option("--node", help="a running city node of the context, asked as its operator"),
    ] = "",
    config: Annotated[
        Path | None, typer.Option("--config", help="instead: of a stopped node, here")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="with --config: the file")] = None,
    channel: Annotated[str, typer.Option("--channel", help="empty: the context's")] = "",
    timeout: Annotated[float, typer.Option("--timeout", help="seconds")] = 3_600.0,
    output: OutputOption = Output.table,
) -> None:
    """Writes blocks, state and genesis of a channel as they are at one moment into one file.

    A running node writes it into its own folder backups/ while it goes on. Keys are not in it, nor is the log
    of votes: a node that is restored observes until it may vote again.

    Examples:  city node backup --node Shenzhen
               city node backup --config node.toml --out main.backup
               city node backup verify main.backup
    """
    if context.invoked_subcommand is not None:
        return
    if config is not None:
        show(_offline(config, out, channel), output)
        return
    if not node or out is not None:
        reason = "name a running node, or give --config and --out of a stopped one"
        raise fail("CITY-1092", name="--node", reason=reason)
    from node.cli.channel_life import _admin
    from node.cli.session import open_context

    network = open_context()
    with _admin(network, node) as admin:
        row = admin.backup(channel or network.channel, timeout)
    kept = ("channel", "file", "height", "bytes", "seconds")
    show({"node": node, **{key: row[key] for key in kept}}, output)


def _offline(config: Path, out: Path | None, channel: str) -> dict[str, Any]:
    from node.backups import take_offline
    from node.config import load_config

    if out is None:
        raise fail("CITY-1092", name="--out", reason="it names the file to write")
    found = load_config(config)
    logs_aside()
    return take_offline(found.name, found.place(channel).folder, out.resolve())


@guarded
def verify(
    file: FileArgument,
    channel_id: ChannelOption = "",
    genesis: GenesisOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Reads a whole backup and compares every part with its hash.

    Whether the ledger in it holds is what a drill shows: city node restore FILE --drill

    Example:  city node backup verify main-4711.backup
    """
    from node import backups

    _require_file(file)
    told = backups.verify(file, trusted_channel(channel_id, genesis))
    head = told.head
    facts: dict[str, Any] = {
        "channel": head.channel,
        "channel_id": head.channel_id.hex(),
        "node": head.node,
    }
    facts |= {"height": head.height, "taken_ms": head.taken_ms, "parts": told.parts}
    facts |= {"records": told.records, "bytes": told.file_bytes, "digest": told.digest.hex()}
    show(facts, output)


@guarded
def restore(
    file: FileArgument,
    config: ConfigOption = Path("node.toml"),
    channel: Annotated[str, typer.Option("--channel", help="empty: the node's own")] = "",
    drill: Annotated[
        bool,
        typer.Option("--drill", help="into a folder that is thrown away: check, and say how long"),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="blocks and state that are there may go")
    ] = False,
    channel_id: ChannelOption = "",
    genesis: GenesisOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Restores a channel of a stopped node from a backup, once all of it holds.

    Every header is followed from genesis by its certificate, every body and value compared with the roots that
    headers carry. The log of votes on the disk stays; without one the node observes until it may vote.

    Examples:  city node restore main-4711.backup --config nodes/shenzhen/node.toml
               city node restore main-4711.backup --drill --channel-id 8be1…
    """
    from node import backups

    _require_file(file)
    logs_aside()
    if drill:
        trusted = trusted_channel(channel_id, genesis)
        show(backups.drill(file, trusted, None, progress), output)
        return
    from node.config import load_config

    place = load_config(config).place(channel)
    show(backups.restore(file, place.folder, replace, progress), output)


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise fail("CITY-1091", path=path, reason="there is no such file")
