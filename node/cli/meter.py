"""`city meter`: what members used of a channel, and the same counted again from its blocks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import Output, OutputOption, fail, guarded, progress, show
from node.cli.session import open_network

if TYPE_CHECKING:
    from node.metering.counting import Figures
    from node.sdk.meter import Days

app = typer.Typer(
    help="What members used: transactions, bytes, gas, events, by member, application and day.",
    no_args_is_help=True,
)
MemberOption = Annotated[str, typer.Option("--member", help="of this member only")]
AppOption = Annotated[
    str, typer.Option("--app", help="of this application only: a contract, _config or _contract")
]
MonthOption = Annotated[str, typer.Option("--month", help="2026-11; else all days that are held")]
NodeOption = Annotated[str, typer.Option("--node", help="whose figures or blocks; else any node's")]
DIFFERENT = 5  # exit status: a conflict
DAY_MAX = 2**31


@app.command("show")
@guarded
def show_figures(
    member: MemberOption = "",
    application: AppOption = "",
    month: MonthOption = "",
    by_day: Annotated[bool, typer.Option("--by-day", help="a row for each day")] = False,
    node: NodeOption = "",
    output: OutputOption = Output.table,
) -> None:
    """What a node has counted with its blocks.

    Examples:  city meter show --month 2026-11
               city meter show --member PX --app receivable --by-day -o json
    """
    from contracts.rules.calendar import date_text
    from node.sdk.meter import metered

    days = days_asked(month, node)
    with open_network() as net:
        found = metered(net, days, member=member, application=application, by_day=by_day)
    rows = [
        ({"day": date_text(row.day)} if by_day else {})
        | {"member": row.member or "–", "app": row.app or "–"}
        | shown(row.figures)
        for row in found.rows
    ]
    if output is Output.json:
        show({"blocks_from": found.first, "height": found.last, "rows": rows}, output)
        return
    progress(f"blocks {found.first} to {found.last}")
    show(rows or "nothing", output)


@app.command()
@guarded
def recount(
    month: MonthOption = "",
    node: NodeOption = "",
    file: Annotated[
        Path | None,
        typer.Option("--file", help="of city meter export: counts it without a network"),
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Counts blocks and receipts again, each against the headers, and says whether a node's figures are equal.

    Exit status 5 where they are not, with the rows that differ. With --file the figures are printed.

    Examples:  city meter recount --month 2026-11 --node Shenzhen
               city meter recount --file november.jsonl -o json
    """
    if file is not None:
        _recount_file(file, output)
        return
    from contracts.rules.calendar import date_text
    from node.metering.counting import totals
    from node.metering.recount import differences
    from node.sdk.meter import metered, recounted

    days = days_asked(month, node)
    with open_network() as net:
        counted = metered(net, days, by_day=True)
        found = recounted(net, days, counted)
    different = [
        {"day": date_text(day), "member": member or "–", "app": app_ or "–", "figure": name,
         "node": ours, "ledger": theirs}
        for (day, member, app_), one, other in differences(counted.rows, found.figures)
        for name, ours, theirs in zip(
            shown(one), shown(one).values(), shown(other).values(), strict=True
        )
        if ours != theirs
    ]  # fmt: skip
    facts = {
        "equal": not different,
        "blocks_from": found.first,
        "height": found.last,
        "settled": min(found.settled, found.last),
        **shown(totals(found.figures.values())),
    }
    if output is Output.json:
        show(facts | {"different": different}, output)
    else:
        show(facts, output)
        if different:
            show(different, output)
    if different:
        raise typer.Exit(DIFFERENT)


@app.command()
@guarded
def export(
    file: Annotated[Path, typer.Argument(help="where to, a JSON object a line")],
    month: MonthOption = "",
    node: NodeOption = "",
    output: OutputOption = Output.table,
) -> None:
    """Writes the blocks of a month with their receipts, for whoever wants to count them with own means.

    Example:  city meter export november.jsonl --month 2026-11
    """
    from node.metering.recount import write
    from node.sdk.meter import fetched, headers_above, metered, page_of, stretch

    days = days_asked(month, node)
    with open_network() as net:
        page = page_of(net)
        first, last = stretch(net, days, metered(net, days))
        with file.open("w", encoding="utf-8") as out:
            blocks = fetched(net, first, last, days.node)
            write(out, page, blocks, headers_above(net, last, page.window, days.node))
    show(
        {"file": str(file), "blocks": max(0, last - first + 1), "first": first, "last": last},
        output,
    )


@app.command()
@guarded
def statements(
    node: Annotated[str, typer.Argument(help="whose port")],
    member: MemberOption = "",
    output: OutputOption = Output.table,
) -> None:
    """What a node's port served to whom, by its own signed word: calls that read, day by day.

    They leave no trace in blocks: compare them with the count of your own clients, and their digests with what
    the operator has anchored (city billing statements OPERATOR NODE).

    Example:  city as buyer meter statements Shenzhen --member PX
    """
    from contracts.rules.calendar import date_text
    from node.sdk.meter import served

    with open_network() as net:
        found = served(net, node)
    rows = [
        {"number": said.number, "day": date_text(said.day), "member": row.member_id,
         "queries": row.queries, "digest": digest.hex()}
        for said, digest in found
        for row in said.served
        if member in ("", row.member_id)
    ]  # fmt: skip
    show(rows or "nothing", output)


def _recount_file(path: Path, output: Output) -> None:
    from contracts.rules.calendar import date_text
    from node.metering.counting import totals
    from node.metering.recount import Recount, Told, read

    with path.open(encoding="utf-8", errors="replace") as file:
        page, blocks = read(path, file)
        found = Recount(page)
        for each in blocks:
            if isinstance(each, Told):
                found.take(each)
            else:
                found.settle(each)
    rows = [
        {"day": date_text(day), "member": member or "–", "app": app_ or "–"} | shown(figures)
        for (day, member, app_), figures in sorted(found.figures.items())
    ]
    if output is Output.json:
        facts = {"blocks_from": found.first, "height": found.last, "settled": found.settled}
        show(facts | {"rows": rows, "total": shown(totals(found.figures.values()))}, output)
        return
    progress(f"blocks {found.first} to {found.last}, receipts shown by headers to {found.settled}")
    show(rows or "nothing", output)


def days_asked(month: str, node: str) -> Days:
    """Raises CITY-1092 for what is no month."""
    from node.metering.counting import days_of
    from node.sdk.meter import Days

    if not month:
        return Days(0, DAY_MAX, node or None)
    try:
        return Days(*days_of(month), node or None)
    except ValueError:
        raise fail("CITY-1092", name="--month", reason="a month is written 2026-11") from None


def shown(figures: Figures) -> dict[str, Any]:
    return {
        "transactions": figures.transactions,
        "refused": figures.refused,
        "bytes": figures.bytes,
        "gas": figures.gas,
        "events": figures.events,
    }
