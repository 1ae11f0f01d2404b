"""Every example in the help of a command can be copied: a line each, whole, and of a command that there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
import typer.main
from typer.testing import CliRunner

from node.cli.help_text import WIDTH, laid_out
from node.cli.main import app, with_user

ROOT = typer.main.get_command(app)


def commands(
    group: click.Command = ROOT, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


EVERY = dict(commands())


def examples(command: click.Command) -> list[str]:
    text = (command.help or "").partition("\nExample")[2]
    body = text.partition("\n")[2].split("\n\n")[0]
    return [line.strip() for line in body.replace("\\\n", " ").split("\n") if line.strip()]


def test_examples_stand_one_under_the_other_and_long_ones_are_broken_as_a_shell_reads_them() -> (
    None
):
    told = laid_out(
        """Makes something.

        Words of the [app] that the source breaks where its line ends, and a
        reader's line does not.

        Examples:  city a b    city a --nodes Shenzhen,Guangzhou,Beijing --contracts party,receivable
        --members PX,QB
        city c
                   --last one

        More words.
        """
    )
    assert told is not None
    lines = told.split("\n")
    assert lines[2] == (
        r"Words of the \[app] that the source breaks where its line ends, and a reader's line does not."
    )
    assert lines[4:10] == [
        "Examples:",
        "  city a b",
        "  city a --nodes Shenzhen,Guangzhou,Beijing --contracts party,receivable \\",
        "      --members PX,QB",
        "  city c --last one",
        "",
    ]
    assert lines[10] == "More words." and max(map(len, lines[3:])) <= WIDTH + 2
    assert laid_out("No example.") == "No example." and laid_out(None) is None


@pytest.mark.parametrize("path", [p for p, command in EVERY.items() if examples(command)])
def test_each_example_is_of_a_command_that_there_is_with_options_that_it_has(path: str) -> None:
    for example in examples(EVERY[path]):
        said = example.partition("  #")[0].partition(" && ")[0]
        words = shlex.split(said)
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words.pop(0)
        if words[:1] != ["city"]:
            continue
        words = with_user(words[1:])
        command: click.Command = ROOT
        known = {name for p in ROOT.params for name in (*p.opts, *p.secondary_opts)}
        for word in words:
            if word in getattr(command, "commands", {}):
                command = command.commands[word]  # type: ignore[attr-defined]
                known |= {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
        assert command is not ROOT, (path, example)
        for word in words:
            if re.match(r"--?[a-z]", word):
                assert word.partition("=")[0] in known, (path, example, word)


def test_the_help_of_a_narrow_terminal_keeps_them_whole() -> None:
    done = CliRunner().invoke(app, ["channel", "create", "--help"], env={"COLUMNS": "80"})
    lines = [line.strip() for line in done.stdout.split("\n")]
    first = lines.index("Examples:") + 1
    assert lines[first].startswith("city channel create") and lines[first].endswith(" \\")
    assert lines[first + 1] == "--contracts party,receivable"
    package = CliRunner().invoke(app, ["app", "package", "--help"], env={"COLUMNS": "80"})
    assert "[channel] contracts" in package.stdout
