"""The program behind deploy/demo.sh: plays the story on a network of its own and cleans up after itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from deploy.demo import credential, delivery, evidence, fork, lending, opening, outage
from deploy.demo.play import Play
from deploy.demo.report import Report
from deploy.demo.running import run
from deploy.demo.story import load_story
from node.cli.network import EngineOption
from node.cli.output import never_fail_to_write

EVIDENCE, FORK = "EC.evidence", "fork.case"


async def perform(play: Play) -> None:
    """Every step in the order of the story."""
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


def main(
    keep: Annotated[bool, typer.Option("--keep", help="leave the network up at the end")] = False,
    engine: EngineOption = None,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", file_okay=False, help="an empty folder for the data, then kept"),
    ] = None,
) -> None:
    """Four cities trade: the whole path from registration to discharge, with the attacks refused."""
    never_fail_to_write()
    story = load_story()
    story = replace(story, plan=story.plan.with_consensus(engine))
    report = Report("Citychain demonstration")
    raise typer.Exit(run(story, report, perform, "city-demo-", directory, keep))


if __name__ == "__main__":
    typer.run(main)
