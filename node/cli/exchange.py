"""`city exchange`: two assets on two channels change hands both or neither."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import Output, OutputOption, guarded, progress, rows_table, show
from node.cli.session import chosen_user, open_context, open_network

if TYPE_CHECKING:
    from node.clock import Clock

app = typer.Typer(
    help="Two assets on two channels change hands both or neither; each channel follows the other.",
    no_args_is_help=True,
)
FileArgument = Annotated[
    Path, typer.Argument(help="the terms, as `city exchange terms` wrote them")
]
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


@app.command("show")
@guarded
def show_exchange(file: FileArgument, output: OutputOption = Output.table) -> None:
    """How an exchange stands on both channels.

    Example:  city exchange show deal.json
    """
    agreed, argument = _read(file)
    rows = []
    for name in ("first", "second"):
        side = agreed[name]
        with open_network(channel=side["channel"]) as net:
            number = net.query("exchange", "number", {"terms": argument}).value
            stand = net.query("exchange", "stand", {"id": number}).value
        rows.append({"side": name, "channel": side["channel"], "asset": side["asset"],
                     "giver": side["giver"], "taker": side["taker"], "state": stand or "-"})  # fmt: skip
    table = [tuple(row.values()) for row in rows]
    header = ("Side", "Channel", "Asset", "Giver", "Taker", "State")
    show({"number": number, "sides": rows}, output, lambda: rows_table(header, table))


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
        async with one as here, other as there:
            carrier = Carrier(_side(here), _side(there), now_ms=_clock().now_ms)
            while True:
                found = await carrier.run_once()
                moved += found
                for step in found:
                    progress(f"{step.number[:16]} {step.step}")
                for number, trouble in carrier.troubles.items():
                    progress(f"{number[:16]} not yet: {trouble}")
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
