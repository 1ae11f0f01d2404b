"""`city party`: who takes part."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, guarded, show
from node.cli.session import open_network

app = typer.Typer(
    help="Who takes part: parties of the trade and members of the channel.", no_args_is_help=True
)


@app.command("show")
@guarded
def show_party(
    party_id: Annotated[str, typer.Argument(help="the party's id")],
    output: OutputOption = Output.table,
) -> None:
    """One party of the registry: identifiers, state, attestation.

    Example:  city party show PX
    """
    with open_network() as net:
        show(net.query("party", "get", {"party_id": party_id}).value, output)


@app.command()
@guarded
def members(output: OutputOption = Output.table) -> None:
    """The channel's members, where they are, and who may sign for them."""
    from consensus.encoding import decode
    from node.genesis import ChannelConfig

    with open_network() as net:
        config = decode(ChannelConfig, net.info().genesis)
    rows = [
        {
            "member": m.member_id,
            "name": m.name,
            "city": m.city,
            "users": " ".join(_users(config, m.member_id)),
        }
        for m in config.members
    ]
    show(rows, output)


def _users(config: Any, member_id: str) -> list[str]:
    """`name[roles]` of each identity that signs for the member."""
    owned = [i for i in config.identities if i.member_id == member_id]
    return [f"{i.name}[{','.join(i.roles)}]" for i in owned]
