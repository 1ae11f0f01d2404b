"""What members used, from a client's side: as a node has counted it, and counted again from its blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from consensus.encoding import Hash, decode
from consensus.header import Header
from consensus.tags import SUITE_NAMES
from node.errors import CityError
from node.governance.state import NODE_ROLE
from node.identity.suite import get_suite
from node.metering.counting import FIGURES, Figures, Metered, Used, day_of_ms
from node.metering.recount import Page, Recount, Told
from node.metering.statements import ServiceStatement, chain_of, digest_of
from node.model import Envelope

PAUSE_SECONDS = 0.1
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Days:
    """Both included. node: whose answers; none: any."""

    first: int
    last: int
    node: str | None = None


def metered(net: Any, days: Days, **asked: Any) -> Metered:
    """What a node has counted. asked: member, application, by_day."""
    reply = net.usage(days.node, first_day=days.first, last_day=days.last, **asked)
    rows = tuple(
        Used(
            row.day,
            row.member,
            row.application,
            Figures(*(getattr(row, name) for name in FIGURES)),
        )
        for row in reply.rows
    )
    return Metered(reply.first_height, reply.last_height, rows)


def served(net: Any, node: str) -> list[tuple[ServiceStatement, Hash]]:
    """What a node's port has served, a signed statement a day, with their digests. Raises CITY-1025."""
    info = net.info()
    suite = get_suite(SUITE_NAMES[info.suite])
    chain = chain_of(suite, Hash(info.channel_id), net.statements(node))
    return [(said, digest_of(suite, said)) for said in chain]


def page_of(net: Any) -> Page:
    """Who is who on the channel, by its configuration in force."""
    info = net.info()
    window = int(net.query("_config", "show").value["window"])
    rows = net.query("_config", "identities").value
    members = {
        Hash(bytes.fromhex(row["identity"])): str(row["member"])
        for row in rows
        if NODE_ROLE not in row["roles"]  # what a node sends counts under no name
    }
    return Page(Hash(info.channel_id), info.suite, window, members)


def fetched(net: Any, first: int, last: int, node: str | None = None) -> Iterator[Told]:
    """Blocks with their receipts, one by one."""
    for height in range(first, last + 1):
        view = _patiently(partial(net.whole_block, height, node))
        envelopes = tuple(
            Envelope(e.body, e.public_key, e.signature) for e in view.block.transactions
        )
        receipts = tuple(_patiently(partial(net.receipts, height, node))) if envelopes else ()
        yield Told(decode(Header, view.block.header), envelopes, receipts)


def stretch(net: Any, days: Days, counted: Metered) -> tuple[int, int]:
    """First and last counted block of those days; the first above the last where there is none."""

    def is_after(day: int) -> Callable[[int], bool]:
        def holds(height: int) -> bool:
            header = decode(Header, net.whole_header(height, days.node))
            return day_of_ms(header.timestamp_ms) > day

        return holds

    first = _first(counted.first, counted.last, is_after(days.first - 1))
    return first, _first(first, counted.last, is_after(days.last)) - 1


def recounted(net: Any, days: Days, counted: Metered) -> Recount:
    """The blocks of those days that a node has counted, counted again. Raises CITY-1022."""
    found = Recount(page_of(net))
    first, last = stretch(net, days, counted)
    for told in fetched(net, first, last, days.node):
        found.take(told)
    for header in headers_above(net, last, found.window, days.node) if first <= last else ():
        found.settle(header)
    return found


def headers_above(net: Any, last: int, window: int, node: str | None) -> Iterator[Header]:
    """Those that show the last receipts, as far as they are made already."""
    for height in range(last + 1, last + 1 + window):
        try:
            view = net.whole_block(height, node)
        except CityError as error:
            if error.code != "CITY-1008":
                raise
            return
        yield decode(Header, view.block.header)


def _patiently(ask: Callable[[], T]) -> T:
    """A node gives each member so many answers a second: whoever wants more waits."""
    while True:
        try:
            return ask()
        except CityError as error:
            if error.code != "CITY-1030":
                raise
            time.sleep(PAUSE_SECONDS)


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first height of low to high from which on it holds; high + 1 for none."""
    while low <= high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle - 1
        else:
            low = middle + 1
    return low
