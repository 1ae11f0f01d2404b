"""The figures of use of a channel on this node: made up for where blocks were executed without counting, and
told to whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import structlog

from node.configuration import InForce
from node.errors import CityError
from node.identity.suite import Suite
from node.ledger.blocks import BlockStore
from node.ledger.meter import Use, counted, rows
from node.ledger.state import StateStore
from node.metering.counting import (
    Asked,
    Figures,
    Metered,
    Names,
    Ordered,
    Used,
    added,
    day_of_ms,
    measure,
)
from node.model import StoredBlock, decode_receipt

BLOCKS_AT_A_TIME = 1_000
ROWS_MAX = 10_000  # of one answer

log = structlog.get_logger("meter")


def names_of(configuration: InForce, suite: Suite) -> Names:
    """Who is who, and was."""
    return Names(suite.hash, suite.id, configuration.members)


def tell(state: StateStore, asked: Asked) -> Metered:
    """Blocks. Raises CITY-1021 for more rows than one answer holds."""
    with closing(state.snapshot()) as reader:
        found = counted(reader)
        if found is None:
            return Metered(0, 0, ())
        kept = (
            used if asked.by_day else Used(0, used.member, used.app, used.figures)
            for used in rows(reader, asked.first_day, asked.last_day)
            if asked.member in ("", used.member) and asked.app in ("", used.app)
        )
        sums: dict[tuple[int, str, str], Figures] = {}
        for used in kept:
            added(sums, (used.day, used.member, used.app), used.figures)
            if len(sums) > ROWS_MAX:
                raise CityError("CITY-1021", limit=ROWS_MAX)
    told = tuple(Used(*key, figures) for key, figures in sorted(sums.items(), key=lambda i: i[0]))
    return Metered(found.first, found.last, told)


def make_up(blocks: BlockStore, state: StateStore, configuration: InForce, suite: Suite) -> None:
    """Counts the executed blocks that are not counted yet, as far as they are held: after an upgrade, and
    behind a snapshot, which brings no figures. In steps, each durable, so that a crash loses little. Blocks."""
    applied = state.applied_height or 0
    with closing(state.snapshot()) as reader:
        found = counted(reader)
    first = 1 if found is None else found.last + 1
    if found is not None and first > applied:
        return
    held = max(1, blocks.base)
    if found is None or first < held:
        first = max(first, held)
        state.count_from(first)
    names = names_of(configuration, suite)
    for lowest, highest, use in _uses(blocks, state, names, first, applied):
        if use is None:
            state.count_from(highest + 1)
        else:
            state.count(lowest, highest, use)
    if first <= applied:
        log.info("meter.made_up", blocks_from=first, height=applied)


def _uses(
    blocks: BlockStore, state: StateStore, names: Names, first: int, last: int
) -> Iterator[tuple[int, int, Use | None]]:
    """(first, last, what was used) of stretches of one day; None for a block whose receipts went, as with a
    snapshot or by pruning."""
    lowest, day = first, 0
    sums: dict[tuple[str, str], Figures] = {}
    for block in blocks.blocks(first, last):
        height, today = block.header.height, day_of_ms(block.header.timestamp_ms)
        if height > lowest and (today != day or height - lowest == BLOCKS_AT_A_TIME):
            yield lowest, height - 1, Use(day, sums)
            lowest, sums = height, {}
        ordered, day = _ordered(block, state), today
        if ordered is None:
            yield height, height, None
            lowest, sums = height + 1, {}
            continue
        for line, figures in measure(ordered, names).items():
            added(sums, line, figures)
    if lowest <= last:
        yield lowest, last, Use(day, sums)


def _ordered(block: StoredBlock, state: StateStore) -> list[Ordered] | None:
    receipts = [decode_receipt(data) for data in state.receipts(block.header.height)]
    if len(receipts) != len(block.envelopes):
        return None
    return list(map(Ordered, block.envelopes, receipts))
