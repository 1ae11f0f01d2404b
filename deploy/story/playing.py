"""Plays the steps in their order on a network that is made for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deploy.demo.play import Play
from deploy.demo.report import Report
from deploy.demo.running import run
from deploy.demo.story import load_story
from deploy.story.channels import load_channels, plays_of
from deploy.story.script import FOLDER, PLAYED, SEVEN_NODES, Telling, load_steps


def play_story(
    directory: Path | None, keep: bool, engine: str | None, until: int, with_faults: bool
) -> int:
    """Returns the exit status. with_faults: a city is killed in step 11, and step 26 is played."""
    story = load_story(FOLDER)
    story = replace(story, plan=story.plan.with_consensus(engine))
    steps = {step.number: step for step in load_steps()}
    report = Report("The story", {number: step.expected for number, step in steps.items()})

    channels = load_channels()

    async def perform(play: Play) -> None:
        telling = Telling(plays_of(play), channels, with_faults)
        for number in PLAYED:
            if number <= until and (with_faults or number != SEVEN_NODES):
                await telling.tell(number)

    orders = [channel.order(engine) for channel in channels]
    return run(story, report, perform, "city-story-", directory, keep, orders)
