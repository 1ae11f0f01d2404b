"""`city audit`: every movement of claims and money, the same counted anew from the ledger, and the breaks."""

from __future__ import annotations

import csv
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, guarded, progress, show

app = typer.Typer(
    help="For auditors: a journal of claims and money to the fen, a recount, and what does not add up.",
    no_args_is_help=True,
)
CsvOption = Annotated[
    Path | None, typer.Option("--csv", help="write the rows to this file; - for standard output")
]
BREAKS_FOUND = 5  # exit status: a conflict


def open_network() -> Any:
    """As `session.open_network`; here so that a test can put a world without a network in its place."""
    from node.cli import session

    return session.open_network()


@app.command()
@guarded
def journal(
    account: Annotated[
        str, typer.Option("--account", help="claim/LG, debt/PX, money/… ; empty: all")
    ] = "",
    file: CsvOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Each movement of a claim or of money, in order, from the chain's events: debit, credit, fen.

    Example:  city audit journal --account debt/PX --csv px.csv
    """
    from node.audit.journal import journal_of

    with open_network() as net:
        found = journal_of(net.past_events())
    rows = [
        dataclasses.asdict(entry)
        for entry in found.entries
        if account in ("", entry.debit, entry.credit)
    ]
    tell(rows, file, output)


@app.command()
@guarded
def recount(file: CsvOption = None, output: OutputOption = Output.table) -> None:
    """The balance of each account counted from the ledger, beside the one that the journal ends with.

    Needs a regulator's identity.  Example:  city as inspector audit recount -o json
    """
    with open_network() as net:
        replayed, counted = both(net)
    ours = replayed.balances()
    rows = [
        {"account": account, "ledger_fen": counted.balances.get(account, 0),
         "journal_fen": ours.get(account, 0)}
        for account in sorted({*ours, *counted.balances})
    ]  # fmt: skip
    tell(rows, file, output)


@app.command()
@guarded
def breaks(file: CsvOption = None, output: OutputOption = Output.table) -> None:
    """What does not add up in the events, in the ledger, or between the two. Exit status 5 where anything is.

    Needs a regulator's identity.  Example:  city as inspector audit breaks --csv breaks.csv
    """
    from node.audit.recount import breaks_between

    with open_network() as net:
        replayed, counted = both(net)
    found = breaks_between(replayed, counted)
    entries, leaves = len(replayed.entries), len(counted.leaves)
    progress(f"{entries} entries · {leaves} leaves · {len(counted.balances)} accounts")
    rows = [dataclasses.asdict(each) for each in found]
    empty: Any = (
        [] if output is Output.json else "no breaks: every account and leaf agrees to the fen"
    )
    tell(rows, file, output, empty)
    if found:
        raise typer.Exit(BREAKS_FOUND)


def both(net: Any) -> tuple[Any, Any]:
    """Journal and recount of one moment: read again where a block came between the two."""
    from node.audit.journal import journal_of
    from node.audit.recount import recount as count

    def ask(contract: str, view: str, args: Mapping[str, Any]) -> Any:
        return net.query(contract, view, dict(args)).value

    events = net.past_events()
    while True:
        counted = count(ask)
        again = net.past_events()
        if len(again) == len(events):
            return journal_of(events), counted
        events = again


def tell(
    rows: Sequence[dict[str, Any]], file: Path | None, output: Output, empty: Any = None
) -> None:
    """The rows as CSV where a file is named, otherwise as the reader asked."""
    if file is None:
        from node.cli.trade_drawing import for_people

        readable = list(rows) if output is Output.json else for_people(list(rows))
        show(readable if rows or empty is None else empty, output)
        return
    if str(file) == "-":
        write_csv(rows, sys.stdout)
        return
    with file.open("w", encoding="utf-8", newline="") as out:
        write_csv(rows, out)
    progress(f"{len(rows)} rows in {file}")


def write_csv(rows: Sequence[dict[str, Any]], out: Any) -> None:
    writer = csv.DictWriter(out, list(rows[0]) if rows else [], lineterminator="\n")
    if rows:
        writer.writeheader()
        writer.writerows(rows)
