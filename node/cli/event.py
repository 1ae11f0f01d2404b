"""`city event`: the channel's events, from the past on."""

from __future__ import annotations

import json
from contextlib import closing
from itertools import islice
from typing import Annotated

import typer

from node.cli.output import Output, OutputOption, guarded, progress, stdout
from node.cli.session import open_network

app = typer.Typer(help="Events of contracts.", no_args_is_help=True)


@app.command()
@guarded
def tail(
    contract: Annotated[str, typer.Option("--contract", help="empty: all")] = "",
    name: Annotated[str, typer.Option("--name", help="empty: all")] = "",
    from_height: Annotated[int, typer.Option("--from", help="begin at this block")] = 0,
    after: Annotated[str, typer.Option("--after", help="resume behind this event id")] = "",
    limit: Annotated[
        int, typer.Option("--limit", help="stop after so many; 0: go on for ever")
    ] = 0,
    output: OutputOption = Output.table,
) -> None:
    """Prints events as they are committed, past ones first. Resume with --after and the last id seen.

    Example:  city event tail --contract receivable --after 12/0/1
    """
    with open_network() as net:
        stream = net.events(contract, name, from_height=from_height, after_id=after)
        progress("waiting for events · Ctrl-C ends")
        with closing(stream) as found:
            for event in islice(found, limit or None):
                if output is Output.json:
                    data = {
                        "id": event.id,
                        "contract": event.contract,
                        "name": event.name,
                        "fields": event.fields,
                    }
                    print(json.dumps(data, ensure_ascii=False, default=str), flush=True)
                else:
                    fields = json.dumps(event.fields, ensure_ascii=False, default=str)
                    stdout.print(
                        f"{event.id:<12} {event.contract}  {event.name}  {fields}", markup=False
                    )
