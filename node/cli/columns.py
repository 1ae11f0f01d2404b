"""Rows in aligned columns that lose nothing, however narrow the reader's terminal is.

What fits stands a row a line. What does not: columns that can be done without go, then cells fold between
words, the widest columns first. Where not even the words fit side by side, each row is a block of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

GAP = 2  # between two columns
WORD_MAX = 24  # a longer word (a path, an id) may be broken


@dataclass(frozen=True, slots=True)
class Columns:
    """rows: as long as header each. spare: names that a narrow terminal does without, first one first."""

    header: Sequence[str]
    rows: Sequence[Sequence[Text]]
    spare: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width
        kept = list(range(len(self.header)))
        spare = [self.header.index(name) for name in self.spare if name in self.header]
        widths = fit(self._needs(kept), room)
        while widths is None and spare:
            kept.remove(spare.pop(0))
            widths = fit(self._needs(kept), room)
        if widths is None:
            yield from self._blocks(room)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for place, width in zip(kept, widths, strict=True):
            table.add_column(Text(self.header[place]), width=width, overflow="fold")
        for row in self.rows:
            table.add_row(*(row[place] for place in kept))
        yield table

    def _needs(self, kept: Sequence[int]) -> list[tuple[int, int]]:
        """Of each column: the width that breaks no word, and the one that breaks no line."""
        found = []
        for place in kept:
            texts = [self.header[place], *(row[place].plain for row in self.rows)]
            lines = [line for text in texts for line in text.split("\n")]
            words = [cell_len(word) for line in lines for word in line.split()]
            widest = max(cell_len(line) for line in lines)
            found.append((min(max(words, default=1), WORD_MAX), max(widest, 1)))
        return found

    def _blocks(self, room: int) -> Iterator[Table | Text]:
        for number, row in enumerate(self.rows):
            if number:
                yield Text("")
            table = Table(box=None, show_header=False, pad_edge=False, width=room)
            table.add_column(style="bold", overflow="fold", no_wrap=True)
            table.add_column(overflow="fold", ratio=1)
            for name, cell in zip(self.header, row, strict=True):
                if cell.plain:
                    table.add_row(Text(name), cell)
            yield table


def fit(needs: Sequence[tuple[int, int]], room: int) -> list[int] | None:
    """Widths of columns that stand side by side in `room`; None where they cannot.

    needs: of each the least and the most that it can use. The widest give way first."""
    room -= GAP * (len(needs) - 1)
    if sum(least for least, _ in needs) > room:
        return None
    top = min(max((most for _, most in needs), default=0), room)
    while sum(_width(need, top) for need in needs) > room:
        top -= 1
    widths = [_width(need, top) for need in needs]
    for place, (_, most) in enumerate(needs):  # what is left over
        more = min(most - widths[place], room - sum(widths), 1)
        widths[place] += max(more, 0)
    return widths


def _width(need: tuple[int, int], top: int) -> int:
    least, most = need
    return max(least, min(most, top))
