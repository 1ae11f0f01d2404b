"""The lines people read: number, date, what happened; below it proof or figure; refusals with their code."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.status import Status
from rich.table import Table

INDENT = " " * 16
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def in_words(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


class Report:
    """Writes to stdout. On a terminal a live line says what is under way."""

    def __init__(self, name: str, expected: Mapping[int, str] | None = None) -> None:
        """name: of what is played. expected: a line for a step's number, printed below its first."""
        self.name, self.expected = name, expected or {}
        self.number: int | None = None  # of the step that is played
        self.console = Console(highlight=False, soft_wrap=True)
        self.started = time.monotonic()
        self.title = "setting up"
        self.transactions = self.refusals = 0
        # text and style of lines that wait for their step's first line; None: nothing waits
        self._early: list[tuple[str, str]] | None = None
        self._live: Status | None = None
        if self.console.is_terminal:
            self._live = self.console.status("")
            self._live.start()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def close(self) -> None:
        """Ends the live line. Twice does no harm."""
        self._flush()
        if self._live is not None:
            self._live.stop()

    def working(self, title: str) -> None:
        """What the next lines are about; shown live, and named where it fails."""
        self._flush()
        self.title, self._early = title, []
        if self._live is not None:
            self._live.update(f"[dim]{title} · {self.seconds:.0f} s[/dim]")

    def setting_up(self, title: str) -> None:
        """As `working`, with a line of its own where there is no terminal."""
        self.working(title)
        if self._live is None:
            self._flush()
            self.line(f"  · {title}")

    def line(self, text: str, style: str = "") -> None:
        if self._early is not None:
            self._early.append((text, style))
        else:
            self.console.print(text, style=style or None, markup=False)

    def _flush(self) -> None:
        early, self._early = self._early or [], None
        for text, style in early:
            self.line(text, style)

    def step(self, number: int, date: str, what: str) -> None:
        early, self._early = self._early or [], None
        self.line(f"{number:>3}  {date} {what}", "bold")
        if number in self.expected:
            self.line(f"{INDENT}expected: {self.expected[number]}", "dim")
        for text, style in early:
            self.line(text, style)

    def proof(self, text: str) -> None:
        self.line(INDENT + text)

    def refused(self, what: str, code: str, root: str) -> None:
        """root: the state root before and after, the same on all nodes."""
        self.refusals += 1
        self.line(f"{INDENT}✗ {what}")
        self.line(f"{INDENT}  refused {code} · state root {root[:8]}… unchanged", "red")

    def outage(self, text: str) -> None:
        self._flush()
        self.line(f"  ⚡{'':<12}{text}", "yellow")

    def table(self, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in header:
            table.add_column(name, no_wrap=True)
        for row in rows:
            table.add_row(*row)
        self.console.print(table)
