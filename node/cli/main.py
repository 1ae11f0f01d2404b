"""The `city` command: one noun a module. Heavy imports happen inside commands, so that help is quick."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from node.cli import app as application
from node.cli import (
    audit,
    bench,
    billing,
    block,
    ca,
    call,
    channel,
    codegen,
    contract,
    credential,
    credit,
    crypto,
    dcep,
    dev,
    directory_entry,
    engine,
    event,
    evidence,
    exchange,
    explain,
    identity,
    invoice,
    iso20022,
    meter,
    network,
    node,
    oracle,
    papers,
    party,
    private,
    proof,
    proposal,
    quota,
    regulator,
    sealed,
    seeds,
    signer,
    tx,
    why,
)
from node.cli.output import Output, OutputOption, guarded, never_fail_to_write, show
from node.cli.trade_group import trade_apps

app = typer.Typer(
    name="city",
    help="Citychain: a consortium blockchain for trade finance on which a debt ends by a payment proof.",
    epilog="city as USER COMMAND … is short for city --as USER COMMAND …",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        show_version()
        raise typer.Exit


@app.callback()
def _options(
    context: Annotated[
        str,
        typer.Option(
            "--context", help="a context's name or a folder with .city/", envvar="CITY_CONTEXT"
        ),
    ] = "",
    user: Annotated[str, typer.Option("--as", help="whose key signs", envvar="CITY_USER")] = "",
    on_channel: Annotated[
        str,
        typer.Option(
            "--channel",
            help="another channel than the context's own; see: city channel list",
            envvar="CITY_CHANNEL",
        ),
    ] = "",
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="that of Citychain"),
    ] = False,
) -> None:
    from node.cli.session import choose

    choose(context, user, on_channel)


app.add_typer(dev.app, name="dev")
app.add_typer(node.app, name="node")
app.command("why")(why.why)
app.add_typer(network.app, name="network")
ca.app.command("publish")(papers.publish)
identity.app.command("enrol")(papers.enrol)
identity.app.command("rotate")(papers.rotate)
app.add_typer(ca.app, name="ca")
app.add_typer(identity.app, name="identity")
app.add_typer(signer.app, name="signer")
app.add_typer(channel.app, name="channel")
app.add_typer(directory_entry.app, name="directory")
app.add_typer(proposal.app, name="proposal")
app.add_typer(application.app, name="app")
app.command("call")(call.call)
app.command("query")(call.query)
app.command("simulate")(call.simulate)
app.add_typer(tx.app, name="tx")
app.add_typer(block.app, name="block")
app.add_typer(event.app, name="event")
app.add_typer(proof.app, name="proof")
app.add_typer(evidence.app, name="evidence")
for _name, _found in trade_apps().items():
    app.add_typer(_found, name=_name)
app.add_typer(exchange.app, name="exchange")
app.add_typer(audit.app, name="audit")
app.add_typer(meter.app, name="meter")
app.add_typer(dcep.app, name="dcep")
app.add_typer(oracle.app, name="oracle")
app.add_typer(iso20022.app, name="iso20022")
app.add_typer(contract.app, name="contract")
app.add_typer(codegen.app, name="codegen")
app.add_typer(engine.app, name="engine")
app.add_typer(crypto.app, name="crypto")
app.add_typer(bench.app, name="bench")
app.command("explain")(explain.explain)
app.command("seeds")(seeds.seeds)


@app.command("version")
@guarded
def show_version(output: OutputOption = Output.table) -> None:
    """The version of Citychain."""
    show({"citychain": version("citychain")}, output)


def plug_in(name: str, found: typer.Typer) -> None:
    """Adds a plug-in's commands, to the group of its name where there is one."""
    for group in app.registered_groups:
        if group.name == name and group.typer_instance is not None:
            group.typer_instance.registered_commands += found.registered_commands
            group.typer_instance.registered_groups += found.registered_groups
            return
    app.add_typer(found, name=name)


for _name, _found in (
    ("party", party.app),
    ("credential", credential.app),
    ("credit", credit.app),
    ("invoice", invoice.app),
    ("sealed", sealed.app),
    ("private", private.app),
    ("regulator", regulator.app),
    ("quota", quota.app),
    ("billing", billing.app),
):
    plug_in(_name, _found)


def main() -> None:
    """Entry point."""
    never_fail_to_write()
    for plugin in entry_points(group="citychain.commands"):
        plug_in(plugin.name, plugin.load())
    sys.argv[1:] = with_user(sys.argv[1:])
    app()


def with_user(words: list[str]) -> list[str]:
    """`as USER`, before or behind the options that all commands have, is short for `--as USER`."""
    place = 0
    while place < len(words) and words[place].startswith("--"):
        place += 1 if "=" in words[place] else 2
    if words[place : place + 1] == ["as"] and len(words) > place + 1:
        return [*words[:place], "--as", *words[place + 1 :]]
    return words


if __name__ == "__main__":
    main()
