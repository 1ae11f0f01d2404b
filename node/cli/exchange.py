"""`city exchange`: two assets on two channels change hands both or neither."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import Output, OutputOption, guarded, progress, rows_table, show
from node.cli.session import chosen_user, open_context, open_network
from node.errors import CityError

if TYPE_CHECKING:
    from node.clock import Clock

app = typer.Typer(
    help="Two assets on two channels change hands both or neither; each channel follows the other.",
    no_args_is_help=True,
)
FileArgument = Annotated[
    Path, typer.Argument(help="the terms, as `city exchange terms` wrote them")
]
_NAMED = ("contract", "asset", "giver", "taker")
OtherArgument = Annotated[str, typer.Argument(help="the channel that is to be followed")]


@app.command()
@guarded
def introduce(other: OtherArgument, output: OutputOption = Output.table) -> None:
    """An admin lets this channel (--channel) follow another one, by its genesis; a second member confirms.

    Example:  city as admin-shenzhen --channel trade-hk exchange introduce scf-px
    """
    with open_network(channel=other) as source:
        config = bytes(source.info().genesis)
    with open_network() as net:
        done = net.call("foreign_channel", "introduce", {"config": config})
    show({"followed": other, "channel_id": done.value, "confirmed": False}, output)


@app.command()
@guarded
def confirm(other: OtherArgument, output: OutputOption = Output.table) -> None:
    """An admin of a second member agrees: from now on the other channel's proofs count on this one.

    Example:  city as admin-guangzhou --channel trade-hk exchange confirm scf-px
    """
    channel_id = open_context().on(other).channel_id
    with open_network() as net:
        net.call("foreign_channel", "confirm", {"channel": channel_id})
    show({"followed": other, "channel_id": channel_id, "confirmed": True}, output)


@app.command()
@guarded
def terms(
    file: Annotated[Path, typer.Argument(help="where the terms go")],
    first: Annotated[
        str, typer.Option("--first", help="channel:contract:asset:giver:taker, locked first")
    ],
    second: Annotated[str, typer.Option("--second", help="the same of the channel that decides")],
    hours: Annotated[
        float, typer.Option("--hours", help="until when the second side may settle", min=0.001)
    ] = 24.0,
    output: OutputOption = Output.table,
) -> None:
    """Writes terms for both sides to read. Names are those of members on the channel of that side.

    Example:  city exchange terms deal.json --first trade-hk:transferable_record:BL-1:PX:QB
              --second scf-px:transferable_record:WR-7:QB:PX
    """
    from node.exchange.terms import parse_side, write_terms

    context = open_context()
    sides = []
    for text, name in ((first, "--first"), (second, "--second")):
        side = parse_side(text, name)
        sides.append({**side, "channel_id": context.on(side["channel"]).channel_id.hex()})
    until_ms = _clock().now_ms() + int(hours * 3_600_000)
    made = write_terms(file, sides[0], sides[1], until_ms)
    show({"file": str(file), "until_ms": made["until_ms"]}, output)


@app.command()
@guarded
def lock(file: FileArgument, output: OutputOption = Output.table) -> None:
    """Who gives the first asset locks it: from here it goes to its taker or back, as the second side decides.

    Example:  city as px-checker exchange lock deal.json
    """
    agreed, argument = _read(file)
    with open_network(channel=agreed["first"]["channel"]) as net:
        done = net.call("exchange", "lock", {"terms": argument})
    show({"number": done.value, "state": "LOCKED"}, output)


@app.command()
@guarded
def settle(file: FileArgument, output: OutputOption = Output.table) -> None:
    """Who gives the second asset hands it over, against the proof that the first one is locked.

    Example:  city as qb-checker exchange settle deal.json
    """
    agreed, argument = _read(file)

    async def run() -> Any:
        from node.exchange.carrier import bring

        first, second = await _opened(agreed["first"]["channel"], agreed["second"]["channel"])
        async with first as source, second as net:
            number = (await source.query("exchange", "number", {"terms": argument})).value
            progress("proof of the lock")
            fact = await bring(_side(source), _side(net), number)
            return await net.call("exchange", "settle", {"terms": argument, "fact": fact})

    show({"number": asyncio.run(run()).value, "state": "SETTLED"}, output)


@app.command("call-off")
@guarded
def call_off(file: FileArgument, output: OutputOption = Output.table) -> None:
    """It will not be settled: its second giver says so at any time, anybody after the last moment.

    Example:  city as qb-ops exchange call-off deal.json
    """
    agreed, argument = _read(file)
    with open_network(channel=agreed["second"]["channel"]) as net:
        done = net.call("exchange", "call_off", {"terms": argument})
    show({"number": done.value, "state": "CALLED_OFF"}, output)


@app.command()
@guarded
def waive(file: FileArgument, output: OutputOption = Output.table) -> None:
    """Where the second channel is gone: a day after the last moment the first asset's taker gives it up.

    Example:  city as qb-checker exchange waive deal.json
    """
    agreed, argument = _read(file)
    with open_network(channel=agreed["first"]["channel"]) as net:
        number = net.query("exchange", "number", {"terms": argument}).value
        net.call("exchange", "waive", {"id": number})
    show({"number": number, "state": "RELEASED"}, output)


@app.command("show")
@guarded
def show_exchange(file: FileArgument, output: OutputOption = Output.table) -> None:
    """How an exchange stands on both channels, and what it waits for.

    Example:  city exchange show deal.json
    """
    from node.exchange.outlook import next_step

    agreed, argument = _read(file)
    rows = []
    for name in ("first", "second"):
        side = agreed[name]
        with open_network(channel=side["channel"]) as net:
            number = net.query("exchange", "number", {"terms": argument}).value
            stand = net.query("exchange", "stand", {"id": number}).value
        rows.append({"side": name, "channel": side["channel"], "asset": side["asset"],
                     "giver": side["giver"], "taker": side["taker"], "state": stand or "-"})  # fmt: skip
    stands = [row["state"].removeprefix("-") for row in rows]
    waits = next_step(argument, stands[0], stands[1], _clock().now_ms())
    table = [tuple(row.values()) for row in rows]
    header = ("Side", "Channel", "Asset", "Giver", "Taker", "State")
    data = {"number": number, "sides": rows, "next": _as_data(waits, agreed["until_ms"])}
    show(data, output, lambda: rows_table(header, table))
    if output is Output.table:
        progress(f"{waits}; last moment {_moment(agreed['until_ms'])}")


@app.command("list")
@guarded
def list_exchanges(
    every: Annotated[
        bool, typer.Option("--all", help="those that have ended as well, not only open ones")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Exchanges between all channels of this context: how each side stands, and whose step is next.

    Example:  city as px-checker exchange list
    """
    from node.exchange.outlook import NOBODY, next_step

    found, now_ms, rows = asyncio.run(_standings()), _clock().now_ms(), []
    for one in found:
        waits = next_step(one.terms, one.first, one.second, now_ms)
        if waits.who == NOBODY and not every:
            continue
        sides = [
            {
                "channel": channel,
                "state": stand,
                **{name: one.terms[which][name] for name in _NAMED},
            }
            for which, channel, stand in zip(
                ("first", "second"), one.channels, (one.first, one.second), strict=True
            )
        ]
        after = _as_data(waits, one.terms["until_ms"])
        rows.append({"number": one.number, "first": sides[0], "second": sides[1], "next": after})
    header = ("Number", "First", "Second", "Last moment", "Waits for", "Next")
    show({"exchanges": rows}, output, lambda: rows_table(header, [_row(row) for row in rows]))


@app.command()
@guarded
def carry(
    first: Annotated[str, typer.Option("--first", help="the channel where assets are locked")],
    second: Annotated[str, typer.Option("--second", help="the channel that decides")],
    once: Annotated[bool, typer.Option("--once", help="take what is due, then end")] = False,
    seconds: Annotated[
        float, typer.Option("--every", help="seconds between two looks", min=0.1)
    ] = 2.0,
    output: OutputOption = Output.table,
) -> None:
    """Brings proofs between two channels: claims what was settled, calls off what is late, releases the rest.

    Anybody's key will do, and several carriers do no harm. It keeps nothing: after a crash just start it again.

    Example:  city as qb-ops exchange carry --first trade-hk --second scf-px --once
    """
    from node.exchange.carrier import Carrier, Moved

    async def run() -> list[Moved]:
        moved: list[Moved] = []
        one, other = await _opened(first, second)
        said: set[str] = set()
        async with one as here, other as there:
            carrier = Carrier(_side(here), _side(there), now_ms=_clock().now_ms)
            while True:
                found = await carrier.run_once()
                moved += found
                for step in found:
                    progress(f"{step.number[:16]} {step.step}")
                open_ones = [f"{n[:16]} {waits}" for n, waits in carrier.waiting.items()]
                refused = [f"{n[:16]} not yet: {why}" for n, why in carrier.troubles.items()]
                for line in [*open_ones, *refused]:
                    if line not in said:  # a line is new, not every two seconds
                        progress(line)
                said = {*open_ones, *refused}
                if once:
                    return moved
                await asyncio.sleep(seconds)

    steps = [{"number": step.number, "step": step.step} for step in asyncio.run(run())]
    header = ("Number", "Step")
    rows = [(s["number"], s["step"]) for s in steps]
    show({"steps": steps}, output, lambda: rows_table(header, rows))


def _read(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    from node.exchange.terms import as_argument, read_terms

    agreed = read_terms(file)
    return agreed, as_argument(agreed)


def _as_data(waits: Any, until_ms: int) -> dict[str, Any]:
    return {"who": waits.who, "step": waits.step, "why": waits.why, "until_ms": until_ms}


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    sides = [
        f"{row[name]['channel'][:16]}: {row[name]['asset']} {row[name]['giver']}→{row[name]['taker']} "
        f"{'?' if row[name]['state'] is None else row[name]['state'] or '-'}"
        for name in ("first", "second")
    ]
    after = row["next"]
    return (row["number"][:16], *sides, _moment(after["until_ms"]), after["who"],
            f"{after['step']}: {after['why']}" if after["step"] else after["why"])  # fmt: skip


def _moment(ms: int) -> str:
    """In China Standard Time, as the contracts count their days."""
    zone = datetime.timezone(datetime.timedelta(hours=8))
    try:
        return f"{datetime.datetime.fromtimestamp(ms / 1000, zone):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):  # a time that no calendar has
        return str(ms)


async def _standings() -> list[Any]:
    from node.client import connect
    from node.exchange.overview import standings

    context, user = open_context(), chosen_user() or None
    nets: dict[str, Any] = {}
    troubles: dict[str, CityError] = {}
    async with contextlib.AsyncExitStack() as opened:
        for name in (context.channel, *(ref.name for ref in context.channels)):
            try:
                net = connect.aio(context.on(name), user=user)
                nets[name] = await opened.enter_async_context(net)
            except CityError as error:
                troubles[name] = error
        found = await standings(nets, troubles)
    for name, trouble in troubles.items():
        progress(f"{name} could not be asked: {trouble}")
    return found


def _side(net: Any) -> Any:
    from node.exchange.channels import NetChannel

    return NetChannel(net)


async def _opened(first: str, second: str) -> tuple[Any, Any]:
    from node.client import connect

    context, user = open_context(), chosen_user() or None
    return tuple(connect.aio(context.on(name), user=user) for name in (first, second))  # type: ignore[return-value]


def _clock() -> Clock:
    """The network's own: a development network may be ahead of real time."""
    from node.clock import DevelopmentClock
    from node.network.layout import Layout

    file = open_context().file
    root = Path() if file is None else file.parent.parent
    return DevelopmentClock(Layout(root).clock_offset)  # without such a file it is real time
