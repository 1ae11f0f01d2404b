"""Rows in columns: whatever the terminal's width, no character is lost and no line is longer than it."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from node.cli.columns import GAP, fit
from node.cli.output import rows_table

HEADER = ("Node", "Owner", "Api", "Roles", "State")
ROWS = [
    ("Guangzhou", "node-guangzhou", "127.0.0.1:21783", "validator, observer, gateway", "ACTIVE"),
    ("港輝貿易有限公司", "x" * 70, "127.0.0.1:21789", "", "[ACTIVE]"),
]


def printed(width: int, spare: tuple[str, ...] = ()) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=width, highlight=False, soft_wrap=True)
    console.print(rows_table(HEADER, ROWS, spare))
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", range(40, 170, 5))
def test_nothing_is_lost_at_any_width(width: int) -> None:
    lines = printed(width)
    assert max(cell_len(line.rstrip()) for line in lines) <= width
    shown = "".join("".join(lines).split())
    for row in ROWS:
        for cell in row:
            for character in "".join(cell.split()):
                assert character in shown
    assert shown.count("x") == 70
    assert sum(line.count("ACTIVE") for line in lines) == 2


def test_rows_stand_side_by_side_where_their_words_do_and_as_blocks_where_not() -> None:
    wide, narrow, blocks = printed(160), printed(90), printed(60)
    assert len(wide) == 3 and wide[1].split()[:2] == ["Guangzhou", "node-guangzhou"]
    assert narrow[0].split() == list(HEADER) and len(narrow) > 3
    assert [line.split()[0] for line in blocks[:5]] == list(HEADER)
    assert "" in blocks


def test_a_narrow_terminal_does_without_what_is_spare_before_rows_become_blocks() -> None:
    assert printed(70, ("Owner",))[0].split() == ["Node", "Api", "Roles", "State"]
    assert printed(160, ("Owner",))[0].split() == list(HEADER)


@given(
    st.lists(st.tuples(st.integers(1, 24), st.integers(0, 200)), max_size=9), st.integers(1, 200)
)
def test_widths_fill_the_room_and_never_pass_it(pairs: list[tuple[int, int]], room: int) -> None:
    needs = [(least, least + more) for least, more in pairs]
    widths = fit(needs, room)
    taken = GAP * max(len(needs) - 1, 0)
    if widths is None:
        assert sum(least for least, _ in needs) + taken > room
        return
    assert sum(widths) + taken <= room or not needs
    assert all(least <= w <= most for w, (least, most) in zip(widths, needs, strict=True))
    if sum(most for _, most in needs) + taken <= room:
        assert widths == [most for _, most in needs]
