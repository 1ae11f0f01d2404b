"""The program behind deploy/demo.sh: plays the story on a network of its own and cleans up after itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from deploy.demo import credential, delivery, evidence, fork, lending, opening, outage
from deploy.demo.money import make_wallets
from deploy.demo.play import Play, make_play
from deploy.demo.report import Report
from deploy.demo.stage import Stage
from deploy.demo.story import StepFailed, Story, load_story
from node.cli.network import EngineOption
from node.client import find_context
from node.errors import CityError
from node.trust import trust

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EVIDENCE, FORK = "EC.evidence", "fork.case"


class Interrupts:
    """Signals end the play by KeyboardInterrupt; while `held` they wait, so that no process is lost."""

    def __init__(self) -> None:
        self._held = self._waiting = False
        for number in SIGNALS:
            signal.signal(number, self._arrived)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if self._held:
            self._waiting = True
        else:
            self.ignore()
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


async def perform(play: Play) -> None:
    """Every step in the order of the story."""
    try:
        await opening.connect_money(play)
        await opening.register_parties(play)
        await play.on(play.story["step2"]["date"], "e-invoices")
        await opening.load_invoice(play)
        await opening.read_declaration(play)
        await lending.pay_invoice(play, await lending.finance_invoice(play))
        await lending.second_bank(play)
        await credential.issue(play)
        await credential.split_and_transfer(play, 8)
        lost = await outage.kill_leader(play)
        await credential.split_and_transfer(play, 9)
        terms = await lending.finance_tier_three(play)
        await outage.restart(play, lost)
        await delivery.deliver_tier_three(play, terms)
        await lending.attack_payments(play)
        await lending.finance_first_supplier(play)
        await lending.buyer_pays(play)
        await credential.mature(play)
        await credential.give_back(play)
        await fork.convict(play, play.stage.layout.root / FORK)
        file = play.stage.layout.root / EVIDENCE
        await evidence.write_evidence(play, file)
        await evidence.verify_offline(play, file)
        await show_cities(play)
    finally:
        await play.money.close()
        await play.stage.close()


async def show_cities(play: Play) -> None:
    """The cities at the end: one height, one state root."""
    report = play.report
    report.working("the cities at the end")
    settled = await play.stage.settled()
    rows = [
        (name, node["role"], str(node["height"]), node["state_root"][:32] + "…", "equal")
        for name, node in settled.nodes.items()
    ]
    report.close()
    report.line("")
    report.table(("City", "Role", "Height", "State root", ""), rows)
    report.line(
        f"All steps held · {len(play.desk.filed)} transactions, {report.refusals} refusals with their "
        f"code and an unchanged state root · {report.seconds:.1f} s",
        "bold",
    )


def set_up(stage: Stage, story: Story, report: Report, interrupts: Interrupts) -> None:
    report.line("Citychain demonstration · development network · NOT FOR PRODUCTION", "bold")
    report.line("All companies and banks are invented, authorities and the center are simulated.")
    plan = stage.plan
    report.line("Consensus " + trust(plan.channel.consensus, len(plan.cities)))
    report.setting_up("engine artifact, keys, genesis")
    stage.create(story.at_ms(story["step1"]["date"]))
    report.setting_up("starting four cities, the registration center and a relay")
    wallets = make_wallets(stage, story)
    with interrupts.held():
        stage.start()
        stage.start_relay(story.user(story["step0"]["operator"], "maker"), wallets)
    stage.wait_ready()


def say_failed(report: Report, error: Exception, stage: Stage) -> None:
    title = report.title
    report.close()
    report.line(f"✗ step failed: {title}", "bold red")
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


def main(
    keep: Annotated[bool, typer.Option("--keep", help="leave the network up at the end")] = False,
    engine: EngineOption = None,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", file_okay=False, help="an empty folder for the data, then kept"),
    ] = None,
) -> None:
    """Four cities trade: the whole path from registration to discharge, with the attacks refused."""
    if directory is not None and directory.exists() and any(directory.iterdir()):
        print(f"✗ {directory} is not empty\n  Do    name a new folder after --dir", file=sys.stderr)
        raise typer.Exit(EXIT_USAGE)
    story = load_story()
    interrupts, report = Interrupts(), Report()
    root = directory.resolve() if directory else Path(tempfile.mkdtemp(prefix="city-demo-"))
    stage = Stage(root, story.plan.with_consensus(engine))
    status, running = EXIT_FAILED, False
    try:
        set_up(stage, story, report, interrupts)
        asyncio.run(perform(make_play(story, stage, report)))
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
    raise typer.Exit(status)


if __name__ == "__main__":
    typer.run(main)
