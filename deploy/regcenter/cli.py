"""`city regcenter`: runs the reference registration center, and what banks do there (cli_bank.py)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from aiohttp import web

from deploy.regcenter.api import make_app
from deploy.regcenter.api_common import WRITER
from deploy.regcenter.audit import audit
from deploy.regcenter.center import Center
from deploy.regcenter.cli_authority import app as authority_app
from deploy.regcenter.cli_bank import app as bank_app
from deploy.regcenter.cli_bench import regcenter as bench
from deploy.regcenter.cli_ca import app as ca_app
from deploy.regcenter.cli_hook import app as hook_app
from deploy.regcenter.cli_identity import app as kgc_app
from deploy.regcenter.clock import offset_clock
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hook_sender import HookPolicy
from deploy.regcenter.writer import Writer

app = typer.Typer(
    name="regcenter",
    help="The reference DC/EP registration center: a simulator, no public interface exists.",
    no_args_is_help=True,
)

app.registered_commands += bank_app.registered_commands + authority_app.registered_commands
app.command("bench")(bench)
app.add_typer(ca_app, name="ca")
app.add_typer(kgc_app, name="kgc")
app.add_typer(hook_app, name="hook")

Directory = Annotated[Path, typer.Option("--dir", help="Where the center keeps its ledger.")]


@app.command()
def run(
    directory: Directory,
    listen: Annotated[
        str, typer.Option(help="host:port; port 0 takes a free one.")
    ] = "127.0.0.1:0",
    clock_offset_file: Annotated[
        Path | None, typer.Option(help="A file with milliseconds to add to the clock.")
    ] = None,
    hook_host: Annotated[
        list[str] | None,
        typer.Option(help="host or host:port to which webhooks may go; else to none."),
    ] = None,
    dev: Annotated[
        bool, typer.Option("--dev", help="Webhooks may go to loopback addresses.")
    ] = False,
) -> None:
    """Run the center until SIGTERM or Ctrl-C. Its address is written to endpoint.json in its folder."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise typer.BadParameter("write it as host:port", param_hint="--listen")
    try:
        hooks = HookPolicy(tuple(hook_host or ()), dev)
        asyncio.run(serve(directory, (host, int(port)), clock_offset_file, hooks))
    except CenterError as error:
        _fail(error)
    except OSError as error:
        where = error.filename or listen
        typer.echo(f"regcenter: {where}: {error.strerror or error}", err=True)
        raise typer.Exit(3) from None


@app.command()
def check(directory: Directory) -> None:
    """Recompute log, coins and totals of a stopped center from its records."""
    try:
        center = Center.open(directory)
        try:
            report = audit(center)
        finally:
            center.close()
    except CenterError as error:
        _fail(error)
    typer.echo(json.dumps(report))


def _fail(error: CenterError) -> NoReturn:
    typer.echo(f"regcenter: {error}\n  next: {error.next_step}", err=True)
    raise typer.Exit(70) from None


async def serve(
    directory: Path, listen: tuple[str, int], clock_offset_file: Path | None, hooks: HookPolicy
) -> None:
    """Serves until SIGTERM or SIGINT, then accepts what waits and closes the store."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    center = Center.open(directory, offset_clock(clock_offset_file))
    service = make_app(center, hooks)
    runner = web.AppRunner(service, access_log=None, shutdown_timeout=5)
    endpoint = directory / "endpoint.json"
    try:
        await runner.setup()
        await web.TCPSite(runner, *listen).start()
        bound = runner.addresses[0]
        write_endpoint(endpoint, center, bound[0], bound[1])
        typer.echo(f"regcenter: listening on http://{bound[0]}:{bound[1]}")
        await _until_stopped(stop, service[WRITER])
    finally:
        endpoint.unlink(missing_ok=True)
        await runner.cleanup()
        center.close()


async def _until_stopped(stop: asyncio.Event, writer: Writer) -> None:
    """Returns on a signal. Raises CenterError when the writer broke: the center must not go on."""
    asked = asyncio.create_task(stop.wait())
    broken = asyncio.create_task(writer.failure())
    try:
        await asyncio.wait({asked, broken}, return_when=asyncio.FIRST_COMPLETED)
        if broken.done():
            raise CenterError("RC_DAMAGED", f"a write failed: {broken.result()!r}")
    finally:
        asked.cancel()
        broken.cancel()


def write_endpoint(path: Path, center: Center, host: str, port: int) -> None:
    """What scripts need to find and trust the center; written whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(
        json.dumps(
            {
                "url": f"http://{host}:{port}",
                "pid": os.getpid(),
                "log_id": center.log_id.hex(),
                "root_key": center.root_key.hex(),
            }
        )
        + "\n",
        encoding="utf-8",
    )
    temporary.replace(path)
