"""`city node`: run one city node, and ask it how it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli import backup, rotate
from node.cli.output import Output, OutputOption, guarded, logs_aside, progress, rows_table, show
from node.cli.session import open_network
from node.doctor.diagnosis import is_archive

ConfigOption = Annotated[Path, typer.Option("--config", help="the node's configuration file")]
ChannelOption = Annotated[
    str, typer.Option("--channel", help="one of the node's channels; empty: its home")
]

HOLDINGS = ("height", "blocks_from", "history_from", "snapshot", "pruned_bytes")

app = typer.Typer(help="Run a city node and ask it how it is.", no_args_is_help=True)
backup.register(app)
rotate.register(app)


@app.command()
@guarded
def run(
    config: ConfigOption = Path("node.toml"),
    accept_wal_loss: Annotated[
        bool,
        typer.Option(
            "--accept-wal-loss", help="one of at most two validators votes although its log is gone"
        ),
    ] = False,
    new_vote_key: Annotated[
        bool,
        typer.Option(
            "--new-vote-key",
            help="on a raft channel: your word that this vote key has never voted, on any disk",
        ),
    ] = False,
    from_snapshot: Annotated[
        bool,
        typer.Option(
            "--from-snapshot", help="a node without blocks begins with its peers' newest snapshot"
        ),
    ] = False,
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", help="what these words are about; none: the node's home"),
    ] = None,
    keys_are_newer: Annotated[
        bool,
        typer.Option(
            "--keys-are-newer",
            help="your word that the keys here replaced those that the chain on this disk names",
        ),
    ] = False,
) -> None:
    """Runs one city node until it is told to stop (Ctrl-C or SIGTERM).

    A validator that lost its write-ahead log observes until enough others have vouched for a checkpoint; city
    node status says so. One or two validators have no such others: start it once with --accept-wal-loss, on a
    raft channel only where it is alone. There a node that joins the validators, or comes back with an emptied
    disk, votes when it has heard every other validator once. Where one of those is gone for good, start it once
    with --new-vote-key if its key is new: nobody else can tell that from a key whose votes were forgotten.

    With --from-snapshot a node without blocks takes the state from its peers instead of executing every block,
    and checks it against the headers that the channel's validators sealed. It then holds headers of the whole
    chain, transactions of the last thousand blocks before the snapshot, and history from there on.

    A disk that is older than a change of the node's keys (city node rotate) names the former ones: start it
    once with --keys-are-newer, and it follows until it has the block that names those it has. The log there is
    as old, so it counts as lost.

    Of a node with many channels these words are about its home, or about each --channel that is named.

    Examples:  city node run --config nodes/shenzhen/node.toml
               city node run --config nodes/shenzhen/node.toml --new-vote-key --channel scf-px
    """
    import asyncio

    from node.config import load_config
    from node.daemon import run_node
    from node.hosting.hosted import Words

    named = tuple(channel or ())
    words = Words(accept_wal_loss, new_vote_key, from_snapshot, named, keys_are_newer)
    asyncio.run(run_node(load_config(config), words))


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


@app.command()
@guarded
def holdings(output: OutputOption = Output.table) -> None:
    """What each node of the context holds of the channel: blocks whole from which one on, history, snapshot.

    A node with every block whole is an archive: the others send readers and newcomers to it.

    Examples:  city node holdings    city --channel scf-px node holdings -o json
    """
    from node.cli.why import ask_all

    with open_network() as net:
        answers = ask_all(net).statuses
    rows = [_holding(name, status) for name, status in answers.items()]
    heads = ("Node", "Height", "Whole from", "History from", "Snapshot", "Given back", "Archive")
    show(rows, output, lambda: rows_table(heads, [tuple(map(str, row.values())) for row in rows]))


def _holding(name: str, status: Mapping[str, Any] | None) -> dict[str, Any]:
    if status is None:
        kept: dict[str, Any] = dict.fromkeys(HOLDINGS, "–")
        return {"node": name} | kept | {"archive": "no answer"}
    return {"node": name, **{key: status[key] for key in HOLDINGS}, "archive": is_archive(status)}


@app.command()
@guarded
def card(config: ConfigOption = Path("node.toml"), channel: ChannelOption = "") -> None:
    """Prints the node's public keys and certificate, as `city channel propose add-validator` takes them.

    The vote key is the channel's own.

    Examples:  city node card --config nodes/shanghai/node.toml > shanghai.card
               city node card --config nodes/shanghai/node.toml --channel scf-px > shanghai.scf-px.card
    """
    import json

    from node.config import load_config
    from node.keys.keyring import node_card

    print(json.dumps(node_card(load_config(config), channel), indent=2))


@app.command()
@guarded
def prepare_key(
    config: ConfigOption = Path("node.toml"),
    channel: ChannelOption = "",
    output: OutputOption = Output.table,
) -> None:
    """Makes the vote key that follows the present one, and prints its public part.

    It lies beside the present one, as vote-next.pem. The node votes with it from the block on that brings it in
    force: city as ADMIN --channel CHANNEL channel propose replace-key NAME KEY

    Examples:  city node prepare-key --config nodes/beijing/node.toml
               city node prepare-key --config nodes/beijing/node.toml --channel scf-px
    """
    from node.config import load_config
    from node.keys.keyring import prepare_vote_key

    show(prepare_vote_key(load_config(config), channel), output)


@app.command()
@guarded
def doctor(
    config: ConfigOption = Path("node.toml"),
    channel: Annotated[
        str, typer.Option("--channel", help="only this one; empty: all that the node holds")
    ] = "",
    deep: Annotated[
        bool,
        typer.Option("--deep", help="of a stopped node, read every block and every value too"),
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Looks at one node on its own host: what keeps it from running, or soon will, with the next step.

    Of each channel: genesis, keys, flags, engine, the way to each peer; of a stopped node also its log and
    stores, and with --deep the files of archived ones. Of the node: configuration, certificate, disk, ports.
    Exit code 1 where something is bad. For a channel as a whole: city why.

    Examples:  city node doctor --config nodes/shenzhen/node.toml    city node doctor --deep -o json
               city node doctor --config nodes/shenzhen/node.toml --channel scf-px
    """
    from node.doctor.doctor import Mark, examine

    logs_aside()
    found = examine(config, channel, deep=deep, progress=progress)
    marks = {Mark.ok: "✓", Mark.warn: "!", Mark.bad: "✗"}
    rows = [(marks[c.mark], c.channel or "(node)", c.name, c.found, c.do) for c in found]
    facts = ("channel", "check", "mark", "found", "do")
    data = [
        dict(zip(facts, (c.channel, c.name, c.mark, c.found, c.do), strict=True)) for c in found
    ]
    show(data, output, lambda: rows_table(("", "Channel", "Check", "Found", "Next step"), rows))
    if any(check.mark is Mark.bad for check in found):
        raise typer.Exit(1)


@app.command()
@guarded
def home(
    channel: Annotated[str, typer.Argument(help="a channel that the node holds")],
    config: ConfigOption = Path("node.toml"),
    output: OutputOption = Output.table,
) -> None:
    """Makes another channel the home of a stopped node, whose configuration then says who operates it.

    So the present one can be archived or left: start the node again, then city channel archive NAME. Keys,
    blocks and logs stay what they are.

    Example:  city node home scf-px --config nodes/shenzhen/node.toml
    """
    from node.hosting.home import move_home

    show(move_home(config, channel), output)
