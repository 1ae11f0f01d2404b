"""Playing a story on a network of its own: set up, play, say what failed, and leave nothing behind."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from deploy.demo.money import make_wallets
from deploy.demo.play import Play, make_play
from deploy.demo.report import Report, in_words
from deploy.demo.stage import Stage
from deploy.demo.story import StepFailed, Story
from node.client import find_context
from node.errors import CityError
from node.sdk.channels import ChannelOrder
from node.trust import trust

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Signals end the play by KeyboardInterrupt; while `held` they wait, so that no process is lost.

    While a coroutine runs they cancel it instead: an exception out of nowhere would land in whatever task has
    the processor, and leave that one without anybody who asks what became of it."""

    def __init__(self) -> None:
        self._held = self._waiting = False
        self._cancel: Callable[[], object] | None = None
        for number in SIGNALS:
            signal.signal(number, self._arrived)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if self._held:
            self._waiting = True
            return
        self.ignore()
        if self._cancel is None:
            raise KeyboardInterrupt
        self._waiting = True
        self._cancel()

    def run(self, coroutine: Coroutine[object, object, None]) -> None:
        """Runs it to its end, or to the first signal. Raises KeyboardInterrupt."""

        async def cancellable() -> None:
            task, loop = asyncio.ensure_future(coroutine), asyncio.get_running_loop()
            self._cancel, self._held = (
                functools.partial(loop.call_soon_threadsafe, task.cancel),
                False,
            )
            if self._waiting:
                task.cancel()
            try:
                await task
            finally:
                self._cancel, self._held = None, True

        self._held = True
        try:
            asyncio.run(cancellable())
        except asyncio.CancelledError:
            if not self._waiting:
                raise
        finally:
            self._held = False
        if self._waiting:
            raise KeyboardInterrupt

    @contextmanager
    def held(self) -> Iterator[None]:
        self._held = True
        yield
        self._held = False
        if self._waiting:
            self.ignore()
            raise KeyboardInterrupt

    def ignore(self) -> None:
        """From here on cleaning up is not disturbed."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def set_up(stage: Stage, story: Story, report: Report, interrupts: Interrupts) -> None:
    report.line(f"{report.name} · development network · NOT FOR PRODUCTION", "bold")
    report.line("All companies and banks are invented, authorities and the center are simulated.")
    plan = stage.plan
    report.line("Consensus " + trust(plan.channel.consensus, len(plan.cities)))
    report.setting_up("engine artifact, keys, genesis")
    stage.create(story.at_ms(story["step1"]["date"]))
    cities = in_words(len(plan.cities))
    report.setting_up(f"starting {cities} cities, the registration center and a relay")
    wallets = make_wallets(stage, story)
    with interrupts.held():
        stage.start()
    stage.wait_ready()
    if stage.orders:
        report.setting_up("making channels on chosen cities")
        stage.open_channels()
    with interrupts.held():
        stage.start_relay(story.user(story["step0"]["operator"], "maker"), wallets)


def say_failed(report: Report, error: Exception, stage: Stage) -> None:
    title = report.title
    report.close()
    step = "step" if report.number is None else f"step {report.number}"
    report.line(f"✗ {step} failed: {title}", "bold red")
    if isinstance(error, StepFailed):
        report.line(f"  What      {error.what}")
        report.line(f"  Expected  {error.expected}")
        report.line(f"  Came      {error.came}")
    elif isinstance(error, CityError):
        report.line("  Expected  an answer")
        report.line(f"  Came      {error.code} {error.name}: {error.message}")
        report.line(f"  Why       {error.localized('en')[1]}")
    else:
        report.line("  Expected  no error")
        report.line(f"  Came      {type(error).__name__}: {error}")
    report.line(f"  Logs      {stage.layout.log('x').parent}")
    report.line(f"  Data      {stage.layout.root} (kept; the processes are stopped)")


def say_kept(report: Report, root: Path) -> None:
    report.line("")
    report.line("The network is left running:")
    for node in find_context(str(root)).nodes:
        report.line(f"  {node.name:<10} {node.web}")
    report.line(f"  Logs       {root / 'logs'}")
    report.line(f"  Use it     export CITY_CONTEXT={root}   then: city party show PX")
    report.line(f"  Stop it    ./deploy/cluster.sh stop --dir {root}   (down: and delete it)")


def run(
    story: Story,
    report: Report,
    perform: Callable[[Play], Awaitable[None]],
    prefix: str,
    directory: Path | None,
    keep: bool,
    orders: Sequence[ChannelOrder] = (),
) -> int:
    """Plays a story in a folder, a temporary one by default. Returns the exit status; nothing is left running
    unless it held and is to be kept."""
    if directory is not None and directory.exists() and any(directory.iterdir()):
        print(f"✗ {directory} is not empty\n  Do    name a new folder after --dir", file=sys.stderr)
        return EXIT_USAGE
    interrupts = Interrupts()
    root = directory.resolve() if directory else Path(tempfile.mkdtemp(prefix=prefix))
    stage = Stage(root, story.plan, orders)
    status, running = EXIT_FAILED, False
    try:
        set_up(stage, story, report, interrupts)
        interrupts.run(play_all(make_play(story, stage, report), perform))
        status, running = 0, keep
    except KeyboardInterrupt:
        report.close()
        report.line("interrupted", "yellow")
        status = EXIT_INTERRUPTED
    except SystemExit:  # rich raises it where the reader of our output went away
        status = EXIT_INTERRUPTED
    except Exception as error:
        say_failed(report, error, stage)
        if os.environ.get("CITY_DEBUG"):
            raise
    finally:
        interrupts.ignore()
        report.close()
        if not running:
            stage.stop()
    if running:
        say_kept(report, root)
    elif directory is None and status != EXIT_FAILED:
        shutil.rmtree(root, ignore_errors=True)
    return status


async def play_all(play: Play, perform: Callable[[Play], Awaitable[None]]) -> None:
    try:
        await perform(play)
        await show_cities(play)
    finally:
        await play.money.close()
        await play.stage.close()


async def show_cities(play: Play) -> None:
    """The cities at the end: one height, one state root a channel."""
    report = play.report
    report.working("the cities at the end")
    rows = []
    for stage in (play.stage, *play.stage.others):
        settled = await stage.settled()
        rows += [
            (
                name,
                node["channel"],
                node["role"],
                str(node["height"]),
                node["state_root"][:32] + "…",
                "equal",
            )
            for name, node in settled.nodes.items()
        ]
    report.close()
    report.line("")
    report.table(("City", "Channel", "Role", "Height", "State root", ""), rows)
    report.line(
        f"All steps held · {report.transactions} transactions, {report.refusals} refusals with their "
        f"code and an unchanged state root · {report.seconds:.1f} s",
        "bold",
    )
