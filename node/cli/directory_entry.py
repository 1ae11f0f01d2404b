"""`city directory register …`, `retire …`: what a member enters of its own, and takes out of force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli import directory as reading
from node.cli.directory import NameArgument, find_entry
from node.cli.output import Output, OutputOption, fail, guarded, plain, show
from node.cli.session import chosen_user, open_context, open_network

if TYPE_CHECKING:
    from node.genesis import NodeEntry

register = typer.Typer(
    help="Enter something of your own member; what is there already is changed.",
    no_args_is_help=True,
)
retire = typer.Typer(help="Take something of your own member out of force.", no_args_is_help=True)
app = reading.app
app.add_typer(register, name="register")
app.add_typer(retire, name="retire")


@register.command("city")
@guarded
def register_city(
    name: NameArgument,
    region: Annotated[str, typer.Option("--region", help="such as Greater Bay Area")],
    zone: Annotated[str, typer.Option("--zone", help="mainland or international")],
    jurisdiction: Annotated[str, typer.Option("--jurisdiction", help="ISO 3166: CN, HK, FR")],
    output: OutputOption = Output.table,
) -> None:
    """An admin says where a city is; it counts when another member confirms: city directory confirm NAME

    Example:  city as admin-shenzhen directory register city Paris --region Europe --zone international
              --jurisdiction FR
    """
    args = {"name": name, "region": region, "zone": zone, "jurisdiction": jurisdiction}
    _say("propose_city", args, "city", name, output)


@app.command()
@guarded
def confirm(
    name: Annotated[str, typer.Argument(help="a city that another member has proposed")],
    output: OutputOption = Output.table,
) -> None:
    """An admin of another member agrees with a city as it is shown now.

    Example:  city as admin-beijing directory confirm Paris
    """
    from node.sdk.directory import Directory

    with open_network() as net:
        found = find_entry(Directory(net), "city", name)
    args = {"name": name, "expected_version": found["version"]}
    _say("confirm_city", args, "city", name, output)


@register.command("member")
@guarded
def register_member(
    name: Annotated[str, typer.Option("--name", help="the organisation's name")],
    city: Annotated[str, typer.Option("--city", help="a city of the directory")],
    authority: Annotated[
        Path | None, typer.Option("--authority", help="certificate (PEM) of your authority")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Your own organisation enters itself, by the key of one of its admins.

    Example:  city as admin@PX directory register member --name "Pengxu Smart Devices" --city Shenzhen
    """
    digest = _digest_of(authority) if authority else ""
    with open_network() as net:
        id = _own_member(net)
    args = {"name": name, "city": city, "authority": digest}
    _say(("register_member", "set_member"), args, "member", id, output)


@register.command("node")
@guarded
def register_node(
    name: NameArgument,
    city: Annotated[
        str, typer.Option("--city", help="a city of the directory; empty: its own")
    ] = "",
    roles: Annotated[
        str, typer.Option("--roles", help="validator, observer, regulator, gateway")
    ] = "validator,observer,regulator,gateway",
    api: Annotated[str, typer.Option("--api", help="host:port; empty: as the context has it")] = "",
    peer: Annotated[str, typer.Option("--peer", help="host:port of its peer port")] = "",
    card: Annotated[
        Path | None,
        typer.Option(
            "--card", help="what `city node card` printed; empty: as its channel names it"
        ),
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """A city node of your own, with its identity key, its certificate and what it offers.

    Examples:  city as admin-shenzhen directory register node Shenzhen --roles validator,gateway
    city as admin-paris directory register node Paris --card paris.card --api paris.example.org:7051
    """
    from node.cli.channel_life import words
    from node.identity.suite import get_suite
    from node.sdk.directory import entry_of

    context = open_context()
    if card is None:
        args = _named_entry(name, context.suite, words(roles))
    else:
        args = entry_of(_carded_node(card), get_suite(context.suite), words(roles))
    known = next((each.api for each in context.nodes if each.name == args["name"]), "")
    args |= {"city": city or args["city"], "api": api or known, "peer": peer}
    _set_key(args["name"], args["suite"], args["key"])
    _say(("register_node", "set_node"), args, "node", args["name"], output)


@register.command("relay")
@guarded
def register_relay(
    name: NameArgument,
    kind: Annotated[str, typer.Option("--kind", help="payment, exchange or oracle")],
    carries: Annotated[str, typer.Option("--carries", help="channels or centers, with commas")],
    output: OutputOption = Output.table,
) -> None:
    """What your member runs to carry proofs; nobody has to believe it.

    Example:  city as admin-shenzhen directory register relay night --kind exchange --carries scf-px,trade-hk
    """
    from node.cli.channel_life import words

    with open_network() as net:
        id = f"{_own_member(net)}/{name}"
    args = {"name": name, "kind": kind, "carries": list(words(carries))}
    _say(("register_relay", "set_relay"), args, "relay", id, output)


@register.command("channel")
@guarded
def register_channel(
    name: Annotated[str, typer.Argument(help="a channel of the context, or one of yours")],
    output: OutputOption = Output.table,
) -> None:
    """Lists a channel by its genesis; `city channel create` does so for those that it makes.

    Example:  city as admin-shenzhen directory register channel scf-px
    """
    with open_network(channel=name) as source:
        config, id = bytes(source.info().genesis), source.context.channel_id.hex()
    _say("list_channel", {"config": config}, "channel", id, output)


@app.command()
@guarded
def prove(
    name: Annotated[str, typer.Argument(help="a channel that is listed, and that you can read")],
    output: OutputOption = Output.table,
) -> None:
    """Shows the newest header of a channel that its validators sealed: from then on it is PROVEN that it runs.
    A channel that has ordered nothing yet has none.

    Where its validators have changed: city exchange introduce, confirm; then this again.

    Example:  city as admin-shenzhen directory prove scf-px
    """
    from node.sdk.directory import Directory, newest_seal

    with open_network() as net:
        id = find_entry(Directory(net), "channel", name)["id"]
    with open_network(channel=name) as source:
        config, certified, epoch = newest_seal(source)
    if epoch:
        _say("refresh_channel", {"id": id}, "channel", id, output)
        return
    args = {"id": id, "config": config, "certified": certified}
    _say("prove_channel", args, "channel", id, output)


@app.command()
@guarded
def mark(
    name: Annotated[str, typer.Argument(help="a channel in which you own a validator")],
    state: Annotated[str, typer.Argument(help="paused, resumed or archived (for good)")],
    output: OutputOption = Output.table,
) -> None:
    """Says how a channel stands, for the others to know; an archived one frees its nodes.

    Example:  city as admin-shenzhen directory mark scf-px archived
    """
    from node.sdk.directory import Directory

    methods = {
        "paused": "pause_channel",
        "resumed": "resume_channel",
        "archived": "archive_channel",
    }
    if state not in methods:
        raise fail("CITY-1092", name="state", reason=f"one of {', '.join(methods)}")
    with open_network() as net:
        id = find_entry(Directory(net), "channel", name)["id"]
    _say(methods[state], {"id": id}, "channel", id, output)


# ---- retiring --------------------------------------------------------------------------------------


@retire.command("city")
@guarded
def retire_city(name: NameArgument, output: OutputOption = Output.table) -> None:
    """A city where nobody is any more, by who proposed or confirmed it."""
    _say("retire_city", {"name": name}, "city", name, output)


@retire.command("member")
@guarded
def retire_member(output: OutputOption = Output.table) -> None:
    """Your own organisation, once it owns no node and no relay."""
    with open_network() as net:
        id = _own_member(net)
    _say("retire_member", {}, "member", id, output)


@retire.command("node")
@guarded
def retire_node(name: NameArgument, output: OutputOption = Output.table) -> None:
    """A node of yours that has no part in a living channel."""
    _say("retire_node", {"name": name}, "node", name, output)


@retire.command("relay")
@guarded
def retire_relay(name: NameArgument, output: OutputOption = Output.table) -> None:
    """A relay of yours, by its name without your member's."""
    with open_network() as net:
        id = f"{_own_member(net)}/{name}"
    _say("retire_relay", {"name": name}, "relay", id, output)


# ---- helpers ---------------------------------------------------------------------------------------


def _say(
    method: str | tuple[str, str], args: dict[str, Any], kind: str, id: str, output: Output
) -> None:
    """One transaction, then the entry as it stands. method: of two the first enters, the second changes what is
    in force, with those of the arguments that can change."""
    from node.sdk.directory import ACTIVE, CHANGEABLE, Directory

    with open_network() as net:
        directory = Directory(net)
        if isinstance(method, tuple):
            found = directory.find(kind, id)
            if found is None or found["state"] != ACTIVE:
                method = method[0]
            else:  # what is not said stays as it is
                method = method[1]
                args = {name: args[name] or found[name] for name in CHANGEABLE[kind]}
        directory.say(method, **args)
        found = directory.find(kind, id)
    show(plain(found), output)


def _own_member(net: Any) -> str:
    return open_context().user(chosen_user()).member


def _named_entry(name: str, suite: str, roles: tuple[str, ...]) -> dict[str, Any]:
    """Of a node as the system channel's configuration in force names it. Raises CITY-8078."""
    from node.sdk.directory import named_node

    with open_network() as net:
        row = named_node(net, name)
    if row is None:
        raise fail("CITY-8078", kind="node", name=name)
    told = {"name": row["name"], "city": row["city"], "suite": suite, "roles": list(roles)}
    return told | {"key": row["identity_key"], "certificate": row["transport"]}


def _set_key(name: str, suite: str, key: str) -> None:
    """The key of a node that is entered already, where it is another one by now."""
    from node.sdk.directory import ACTIVE, Directory

    with open_network() as net:
        directory = Directory(net)
        found = directory.find("node", name)
        if found and found["state"] == ACTIVE and found["keys"].get(suite) != key:
            directory.say("set_node_key", name=name, suite=suite, key=key)


def _carded_node(path: Path) -> NodeEntry:
    from base64 import b64decode

    from node.cli.channel import read_card
    from node.genesis import NodeEntry

    card = read_card(path)
    identity, vote, transport = (
        b64decode(card[key]) for key in ("identity_key", "vote_key", "transport_cert")
    )
    return NodeEntry(card["name"], card["city"], card["member_id"], identity, vote, transport)


def _digest_of(path: Path) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    from node.identity.suite import get_suite
    from node.identity.transport import load_certificate

    try:
        der = load_certificate(path.read_bytes()).public_bytes(Encoding.DER)
    except (OSError, ValueError) as error:
        raise fail("CITY-1091", path=path, reason=error) from error
    return get_suite(open_context().suite).hash(der).hex()
