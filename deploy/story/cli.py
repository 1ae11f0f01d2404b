"""`city story`: the end-to-end story of 28 steps, played on a network of its own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from node.cli.network import EngineOption
from node.cli.output import Output, OutputOption, guarded, show

app = typer.Typer(
    help="The end-to-end story: 28 steps of trade, played and proven on a network of five cities.",
    no_args_is_help=True,
)


@app.command()
@guarded
def steps(output: OutputOption = Output.table) -> None:
    """Lists the 28 steps: date, what happens, what is expected, and the proof that is shown.

    Example:  city story steps
    """
    from deploy.story.script import load_steps

    rows = [asdict(step) for step in load_steps()]
    if output is not Output.table:
        show(rows, output)
        return
    for row in rows:
        print(f"{row['number']:>3}  {row['date']:<10}  {row['what']}")
        print(f"{'':<17}calls     {row['calls']}")
        print(f"{'':<17}expected  {row['expected']}")
        print(f"{'':<17}proof     {row['proof']}")


@app.command()
def run(
    directory: Annotated[
        Path | None,
        typer.Option("--dir", file_okay=False, help="an empty folder for the data, then kept"),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="leave the network up at the end")] = False,
    engine: EngineOption = None,
    until: Annotated[
        int, typer.Option("--until", min=0, max=27, help="the last step to play")
    ] = 27,
    without_faults: Annotated[
        bool,
        typer.Option("--without-faults", help="kill no city in step 11, and leave out step 26"),
    ] = False,
) -> None:
    """Plays the story and prints each step with its figure and its proof. Exits 0 only if every step held.

    Five cities, a registration center and a relay are started as processes and stopped again; the dates of the
    story move by the clock of a development network.

    Examples:  city story run    city story run --until 13 --dir ./story    city story run --engine raft
    """
    from deploy.story.playing import play_story

    raise typer.Exit(play_story(directory, keep, engine, until, not without_faults))
