"""`city quota show`: what members and applications have used of what the channel lets them use."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, fail, guarded, rows_table, show, stdout
from node.cli.session import open_network

app = typer.Typer(
    help="What may be used of the channel in a window, and what is used.", no_args_is_help=True
)
LIMITS = ("transactions", "bytes", "gas")


@app.command("show")
@guarded
def show_quotas(
    member: Annotated[str, typer.Argument(help="a member's only; empty: all")] = "",
    application: Annotated[
        str, typer.Option("--application", help="a contract's only; empty: all")
    ] = "",
    output: OutputOption = Output.table,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON list, as -o json")] = False,
) -> None:
    """What is used of each quota in its present window, what is left, and when it is free again.

    Examples:  city quota show    city quota show PX    city quota show PX --application receivable --json
    city as admin-shenzhen proposal propose set-quota PX transactions=10000 gas=2000000000 seconds=3600
    """
    with open_network() as net:
        shown = net.query("_config", "show", {}).value
        known = [row["member"] for row in shown["members"]]
        if member and member not in known:
            raise fail("CITY-1002", field="member", rule=f"one of {', '.join(known)}")
        time_ms = net.node_status()["time_ms"]
        rows = [
            dict(row)
            for row in net.query("_quota", "show", {"time_ms": time_ms}).value
            if (not member or row["member"] in ("", member))
            and (not application or row["application"] in ("", application))
        ]
    if as_json or output is Output.json:
        show([json_row(row) for row in rows], Output.json)
    elif not rows:
        stdout.print("no quota: whatever the channel's limits allow")
    else:
        heads = ("Of", "Window", "Transactions", "Bytes", "Gas", "Refused", "Free again")
        stdout.print(rows_table(heads, [cells(row) for row in rows]))


def json_row(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"free_at": moment(row["free_at_ms"])}


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row for people."""
    who = " in ".join(part for part in (row["member"], row["application"]) if part)
    return (
        who,
        f"{row['seconds']:,} s",
        *(stand(**row[limit]) for limit in LIMITS),
        str(row["refused"]),
        moment(row["free_at_ms"]),
    )


def stand(used: int, most: int | None, left: int | None) -> str:
    """`812 of 1,000, 188 left`."""
    return f"{used:,}" if most is None else f"{used:,} of {most:,}, {left:,} left"


def moment(time_ms: int) -> str:
    """In the reader's own time."""
    found = datetime.datetime.fromtimestamp(time_ms // 1_000, datetime.UTC).astimezone()
    return found.isoformat(sep=" ")
