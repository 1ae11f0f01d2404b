"""`city channel create, join, list, pause, …`: the channels that nodes hold, changed while they run."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.network import EngineOption
from node.cli.output import Output, OutputOption, fail, guarded, progress, rows_table, show
from node.cli.session import chosen_user, open_context

if TYPE_CHECKING:
    from node.sdk.admin import NodeAdmin
    from node.sdk.context import Context

NameArgument = Annotated[str, typer.Argument(help="the channel")]
NodeOption = Annotated[
    list[str] | None,
    typer.Option("--node", help="on this city node only, once a node; none: on all that hold it"),
]


OTHER_STATE = "CITY-8063"
FORCE = Annotated[bool, typer.Option("--force", help="also where the node still votes")]


class SuiteName(StrEnum):
    sm = "sm"
    intl = "intl"


def register(app: typer.Typer) -> None:
    """Adds the commands to `city channel`."""
    for name, command in (
        ("create", create),
        ("join", join),
        ("leave", leave),
        ("list", list_),
        ("pause", pause),
        ("resume", resume),
        ("archive", archive),
        ("learn", learn),
    ):
        app.command(name)(command)


@guarded
def create(
    name: NameArgument,
    nodes: Annotated[
        str, typer.Option("--nodes", help="cities that vote, in their order, with commas between")
    ],
    contracts: Annotated[
        str, typer.Option("--contracts", help="contracts of the suite, with commas between")
    ],
    engine: EngineOption = None,
    suite: Annotated[
        SuiteName, typer.Option("--suite", help="sm: SM2, SM3, SM4; intl: P-256, SHA-256, AES")
    ] = SuiteName.sm,
    members: Annotated[
        str, typer.Option("--members", help="whose users take part; empty: every member's")
    ] = "",
    observers: Annotated[
        str, typer.Option("--observers", help="cities that follow and verify")
    ] = "",
    regulators: Annotated[str, typer.Option("--regulators", help="authorities' cities")] = "",
    gateways: Annotated[
        str, typer.Option("--gateways", help="cities that only serve clients")
    ] = "",
    window: Annotated[
        int, typer.Option("--window", help="blocks between order and roots, 1 to 4")
    ] = 1,
    zone: Annotated[
        str, typer.Option("--zone", help="mainland or international: nodes of this zone only")
    ] = "",
    jurisdiction: Annotated[
        str, typer.Option("--jurisdiction", help="ISO 3166: whose law the channel is under")
    ] = "",
    resident: Annotated[
        str,
        typer.Option(
            "--resident", help="what never leaves the zone: contract.object, contract.method()"
        ),
    ] = "",
    output: OutputOption = Output.table,
) -> None:
    """Makes a channel on chosen city nodes while they run, and waits until all of them take part.

    Each node makes a vote key of its own for it; its operator's key, which the context names, signs for that.
    Other nodes hear nothing of the channel.

    Examples:  city channel create scf-px --nodes Shenzhen,Guangzhou,Beijing --contracts party,receivable
    city channel create people --nodes Shenzhen,Beijing --contracts resident_register --zone mainland
    """
    from node.sdk.channels import ChannelOrder, create_channel

    followers = dict.fromkeys(words(observers), "observer")
    followers |= dict.fromkeys(words(regulators), "regulator")
    followers |= dict.fromkeys(words(gateways), "gateway")
    order = ChannelOrder(
        name,
        words(nodes),
        words(contracts),
        engine=engine.value if engine else "pbft",
        suite=suite.value,
        members=words(members) or None,
        followers=followers,
        window=window,
        zone=zone,
        jurisdiction=jurisdiction,
        resident=words(resident),
    )
    context = open_context()
    progress("cards, genesis, nodes")
    made = create_channel(context, order, signer_of(context))
    rows = [{"node": node, **brief(row)} for node, row in made.rows.items()]
    facts = {"channel": name, "channel_id": made.channel_id.hex(), "nodes": rows}
    show(facts, output, lambda: table(rows))


@guarded
def join(
    name: NameArgument,
    node: Annotated[str, typer.Option("--node", help="the city node that is to take part")],
    from_snapshot: Annotated[
        bool, typer.Option("--from-snapshot", help="begin with the peers' newest snapshot")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Lets one more city node take part: as genesis names it, or else as an observer.

    An observer follows and verifies; a member of the channel vouches for it. To vote it is proposed:
    city --channel NAME channel propose add-validator CARD

    Example:  city channel join scf-px --node Shanghai
    """
    from node.sdk.channels import join_channel

    context = open_context()
    row = join_channel(
        context, name, node, signer_of=signer_of(context), is_from_snapshot=from_snapshot
    )
    show({"node": context.node(node).name, **brief(row)}, output)


@guarded
def leave(
    name: NameArgument,
    node: NodeOption = None,
    force: FORCE = False,
    output: OutputOption = Output.table,
) -> None:
    """Nodes give the channel up, with all its bytes.

    A validator is removed first, or the others wait for its vote: city --channel NAME channel propose
    remove-validator CITY. Where everybody leaves, say --force.

    Examples:  city channel leave scf-px --node Shanghai    city channel leave scf-px --force
    """
    from node.sdk.channels import forget

    def given_up(context: Context, admin: NodeAdmin) -> dict[str, Any]:
        row = admin.leave(name, force)
        forget(open_context(), name, admin.name)
        return row

    _each(name, node, given_up, output)


@guarded
def pause(name: NameArgument, node: NodeOption = None, output: OutputOption = Output.table) -> None:
    """Nodes order nothing more and answer reads, until they resume; a restart changes nothing of that.

    Where fewer than a quorum pause, the others go on.

    Example:  city channel pause scf-px
    """
    _each(name, node, lambda _, admin: admin.pause(name), output)


@guarded
def resume(
    name: NameArgument, node: NodeOption = None, output: OutputOption = Output.table
) -> None:
    """Nodes order again, after a pause or after what stopped them was mended.

    Example:  city channel resume scf-px
    """

    def resumed(_: Context, admin: NodeAdmin) -> dict[str, Any]:
        admin.resume(name)
        return admin.wait_open(name)

    _each(name, node, resumed, output)


@guarded
def archive(
    name: NameArgument,
    node: NodeOption = None,
    force: FORCE = False,
    output: OutputOption = Output.table,
) -> None:
    """Nodes stop the channel for good: its bytes stay, read-only, with a manifest of their hashes.

    On all that hold it, or on one by --node; where that one still votes the others would wait for it: have it
    removed first, as with leave, or say --force.

    Example:  city channel archive scf-px --node Beijing
    """

    def archived(_: Context, admin: NodeAdmin) -> dict[str, Any]:
        if node and not force and admin.show(name).get("role") == "validator":
            raise fail("CITY-8064", node=admin.name, channel=name)
        return admin.archive(name)

    _each(name, node, archived, output)


@guarded
def learn(
    name: NameArgument,
    node: Annotated[str, typer.Option("--node", help="a city node that holds it")],
    output: OutputOption = Output.table,
) -> None:
    """Takes a channel that was made elsewhere into this context, so that --channel finds it.

    Example:  city channel learn scf-px --node Shenzhen
    """
    from node.sdk.channels import learn_channel

    context = open_context()
    ref = learn_channel(context, name, node, signer_of(context))
    facts = {"channel": ref.name, "channel_id": ref.channel_id.hex(), "nodes": list(ref.nodes)}
    show(facts, output)


@guarded
def list_(output: OutputOption = Output.table) -> None:
    """Every channel on every node of the context whose operator's key is here, with its state.

    Example:  city channel list
    """
    from node.errors import CityError

    context = open_context()
    rows: list[dict[str, Any]] = []
    for node in context.nodes:
        try:
            with _admin(context, node.name) as admin:
                rows += [{"node": node.name, **brief(row)} for row in admin.hosted()]
        except CityError as error:
            rows.append(
                {"node": node.name, "channel": "–", "state": error.name, "reason": error.message}
            )
    show(rows, output, lambda: table(rows))


# ---- helpers ---------------------------------------------------------------------------------------


def words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def signer_of(context: Context) -> Any:
    import os

    from node.client import PASSWORD_VARIABLE
    from node.sdk.channels import operator_of

    password = os.environ.get(PASSWORD_VARIABLE)
    return operator_of(context, chosen_user(), password.encode() if password else None)


def _admin(context: Context, name: str) -> NodeAdmin:
    from node.sdk.admin import NodeAdmin

    node = context.node(name)
    return NodeAdmin(context, node, signer_of(context)(node))


def _each(name: str, nodes: list[str] | None, act: Any, output: Output) -> None:
    """The same on each node that was named, or on all that hold the channel. Of all, who is away or stands
    elsewhere (archived, paused before) keeps the others from nothing. Raises CityError where none could."""
    from node.errors import CityError
    from node.sdk.errors import Unavailable

    context = open_context()
    rows: list[dict[str, Any]] = []
    failed: list[CityError] = []
    for each in nodes or [node.name for node in context.on(name).nodes]:
        with _admin(context, each) as admin:
            try:
                row = act(context, admin)
            except CityError as error:
                if nodes or not (error.code == OTHER_STATE or isinstance(error, Unavailable)):
                    raise
                failed.append(error)
                row = {"channel": name, "state": error.name, "reason": error.message}
                if error.code == OTHER_STATE:
                    row = admin.show(name) | {"reason": "left as it is"}
            rows.append({"node": admin.name, **brief(row)})
    if len(failed) == len(rows):
        raise failed[0]
    show(rows, output, lambda: table(rows))
    away = [error for error in failed if error.code != OTHER_STATE]
    if away:
        raise typer.Exit(away[0].entry.exit_code)


def brief(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("channel", "state", "role", "consensus", "suite", "height", "validators", "reason")
    return {key: row[key] for key in kept if key in row}


def table(rows: list[dict[str, Any]]) -> Any:
    columns = ("node", "channel", "state", "role", "consensus", "suite", "height", "reason")
    return rows_table(
        tuple(column.capitalize() for column in columns),
        [tuple(str(row.get(column, "")) for column in columns) for row in rows],
    )
