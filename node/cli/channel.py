"""`city channel`: who orders a channel, and how its members change that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli import channel_life
from node.cli.output import Output, OutputOption, fail, guarded, rows_table, show, stdout
from node.cli.session import open_network
from node.cli.standstill import warn
from node.governance.state import ADD, REMOVE, REPLACE_KEY

CONFIG = "_config"
CARD_FIELDS = ("name", "city", "member_id", "identity_key", "vote_key", "transport_cert")

app = typer.Typer(
    help="Channels of the nodes, and a channel's validators, members, proposals and evidence.",
    no_args_is_help=True,
)
propose = typer.Typer(
    help="Propose one change; it is in force when enough members approved.", no_args_is_help=True
)
app.add_typer(propose, name="propose")
channel_life.register(app)


@app.command("show")
@guarded
def show_channel(output: OutputOption = Output.table) -> None:
    """Engine and what it trusts, epoch, validators, observers, members, approvals that a change needs.

    Examples:  city channel show    city channel show -o json
    """
    found = _ask("show")
    if output is Output.json:
        show(found, output)
        return
    for label in ("channel", "engine", "trust", "epoch", "since_height", "window"):
        stdout.print(f"{label.replace('_', ' '):14}{found[label]}", markup=False)
    if found["zone"]:
        zones = ", ".join((found["zone"], *found["zones_admitted"]))
        stdout.print(f"{'zone':14}{zones} {found['jurisdiction']}".rstrip(), markup=False)
    if found["resident"]:
        stdout.print(f"{'resident':14}{', '.join(found['resident'])}", markup=False)
    stdout.print(f"{'approvals':14}{found['approvals_needed']} make a change", markup=False)
    nodes = [
        (n["name"], n["city"], n["member"], role, n["vote_key"][:20] + "…")
        for role, named in (("validator", "validators"), ("observer", "observers"))
        for n in found[named]
    ]
    stdout.print(rows_table(("Node", "City", "Member", "Role", "Vote key"), nodes))
    members = [
        (m["member"], m["name"], str(m["validators"]), ", ".join(m["admins"]) or "–")
        for m in found["members"]
    ]
    stdout.print(rows_table(("Member", "Name", "Validators", "Admins"), members))


@app.command()
@guarded
def proposals(output: OutputOption = Output.table) -> None:
    """The inbox: what waits for whose approval.

    Example:  city channel proposals
    """
    rows = _ask("proposals")
    if output is Output.table:
        rows = [{k: v for k, v in row.items() if k not in ("kind", "node")} for row in rows]
    _rows(rows, output, "no open proposals")


@app.command()
@guarded
def flags(output: OutputOption = Output.table) -> None:
    """Feature flags: which are in force or due, what this build knows, and which nodes are not ready.

    A node that does not answer is judged by what it told its peers.

    Examples:  city channel flags    city channel flags -o json
    """
    from node.cli.why import ask_all
    from node.doctor.diagnosis import readiness
    from node.flags import known_flags

    known = known_flags()
    with open_network() as net:
        due, answers = _ask("show")["flags"], ask_all(net)
    rows: list[dict[str, Any]] = []
    for flag in sorted({*due, *known}):
        found = readiness(answers, flag)
        row = {"flag": flag, "from_block": due.get(flag, 0), "ready": list(found.ready)}
        row |= {"not_ready": list(found.lacking), "not_known": list(found.unknown)}
        rows.append(row | {"does": known.get(flag, "not known to this build")})
    if output is Output.table:
        rows = [
            row
            | {"from_block": row["from_block"] or "not activated"}
            | {k: ", ".join(row[k]) or "nobody" for k in ("ready", "not_ready", "not_known")}
            for row in rows
        ]
    _rows(rows, output, "no flags")


@app.command()
@guarded
def evidence(output: OutputOption = Output.table) -> None:
    """Validators' keys that were proven to have signed two contradicting votes.

    Example:  city channel evidence -o json
    """
    _rows(_ask("evidence"), output, "no evidence")


@propose.command("add-validator")
@guarded
def add_validator(
    card: Annotated[Path, typer.Argument(help="the node's card; see: city node card")],
    output: OutputOption = Output.table,
) -> None:
    """Proposes that a node votes. It should follow the channel as an observer already.

    Says on stderr where too few validators would vote then: a channel that stands still cannot be changed.

    Example:  city as admin-shenzhen channel propose add-validator shanghai.card
    """
    args = read_card(card)
    _send("add_validator", args, output, (ADD, str(args["name"])))


@propose.command("remove-validator")
@guarded
def remove_validator(
    name: Annotated[str, typer.Argument(help="a validator")], output: OutputOption = Output.table
) -> None:
    """Proposes that a validator votes no more; it goes on as an observer.

    Example:  city as admin-shenzhen channel propose remove-validator Beijing
    """
    _send("remove_validator", {"name": name}, output, (REMOVE, name))


@propose.command("replace-key")
@guarded
def replace_key(
    name: Annotated[str, typer.Argument(help="a validator of your own member")],
    key: Annotated[str, typer.Argument(help="the new public vote key, hexadecimal")],
    output: OutputOption = Output.table,
) -> None:
    """Replaces a vote key. The member that owns the validator decides alone; it is in force at once.

    Example:  city as admin-beijing channel propose replace-key Beijing 04a1…   (see: city node prepare-key)
    """
    try:
        data = bytes.fromhex(key)
    except ValueError:
        raise fail("CITY-1002", field="key", rule="130 hexadecimal digits") from None
    _send("replace_key", {"name": name, "vote_key": data}, output, (REPLACE_KEY, name))


@app.command()
@guarded
def approve(
    proposal: Annotated[str, typer.Argument(help="a proposal of the inbox")],
    output: OutputOption = Output.table,
) -> None:
    """Approves a proposal for your member. With enough approvals the change is in force.

    Example:  city as admin-guangzhou channel approve p-3f9a01c2d4e5f607
    """
    rows = [row for row in _ask("proposals") if row["proposal"] == proposal]
    change = (rows[0]["kind"], rows[0]["node"]) if rows else None
    _send("approve", {"proposal": proposal}, output, change)


@app.command()
@guarded
def withdraw(
    proposal: Annotated[str, typer.Argument(help="a proposal of the inbox")],
    output: OutputOption = Output.table,
) -> None:
    """Takes back your member's proposal, or its approval of another's.

    Example:  city as admin-shenzhen channel withdraw p-3f9a01c2d4e5f607
    """
    _send("withdraw", {"proposal": proposal}, output)


def read_card(path: Path) -> dict[str, Any]:
    """What a node shows of itself, as arguments. Raises CITY-1091, CITY-8040."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise fail("CITY-1091", path=path, reason=error.strerror) from error
    except ValueError as error:
        raise fail("CITY-8040", path=path, reason=f"no JSON: {error}") from error
    if not isinstance(card, dict) or set(card) != set(CARD_FIELDS):
        raise fail("CITY-8040", path=path, reason=f"it has exactly: {', '.join(CARD_FIELDS)}")
    return card


def _ask(view: str) -> Any:
    from contracts.runtime import values

    with open_network() as net:
        return values.to_json(net.query(CONFIG, view).value)


def _send(
    method: str, args: dict[str, Any], output: Output, change: tuple[str, str] | None = None
) -> None:
    """A config transaction has a block of its own: what would be refused now is not sent. change: which kind to
    which node, where it is to be said whether enough would vote then."""
    from contracts.runtime import values
    from node.sdk.changes import send_change

    with open_network() as net:

        def before() -> None:
            if change is not None:
                warn(net, values.to_json(net.query(CONFIG, "show").value), *change)

        done = send_change(net, method, args, before)
        show({"tx_id": done.tx_id, "block": done.block} | values.to_json(done.value), output)


def _rows(rows: list[dict[str, Any]], output: Output, nothing: str) -> None:
    if rows or output is Output.json:
        show(rows, output)
    else:
        stdout.print(nothing)
