"""Figures of use counted from blocks and receipts alone, independent of what any node has counted.

    Page        who is who on a channel, and its suite and window: what a recount must be told
    Told        a block with its envelopes and receipts, as a node or a file gives it
    Recount     takes consecutive blocks, believes nothing that their headers do not show

A block's envelopes must give its header's root of transactions, its receipts the root of receipts that header
height + W carries, and each header must name the one before it. So whoever trusts one header, by its seals,
trusts every figure below it. The file of `write` is text, a JSON object a line: the page, the blocks, the W
headers above them.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from consensus.encoding import EncodingError, Hash, Sig, decode, encode
from consensus.header import Header, block_hash, leaves_root, receipt_leaf, tx_id, tx_leaf
from consensus.tags import SUITE_NAMES
from node.errors import CityError
from node.identity.suite import get_suite
from node.metering.counting import Figures, Names, Ordered, Used, added, day_of_ms, measure
from node.model import Envelope, decode_receipt

FORMAT = "citychain blocks 1"
LINE_CHARS_MAX = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """members: by identity digest, of all identities that are or were. window: W."""

    channel_id: Hash
    suite_id: int
    window: int
    members: Mapping[Hash, str]


@dataclass(frozen=True, slots=True)
class Told:
    header: Header
    envelopes: tuple[Envelope, ...]
    receipts: tuple[bytes, ...]


class Recount:
    """Of the consecutive blocks `first` to `last`, 0 for none. settled: height up to which later headers have
    shown the receipts."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._hash = get_suite(SUITE_NAMES[page.suite_id]).hash
        self._names = Names(self._hash, page.suite_id, page.members)
        self._above: deque[tuple[int, Hash]] = deque()
        self._below: Header | None = None
        self.figures: dict[tuple[int, str, str], Figures] = {}
        self.first = self.settled = 0
        self.last = 0

    @property
    def window(self) -> int:
        return self._page.window

    def take(self, told: Told) -> None:
        """Counts a block. Raises CITY-1022 where it is not the next one, or not what headers show."""
        header, suite_id = told.header, self._page.suite_id
        self._check_place(header)
        self.last = header.height
        ids = [tx_id(self._hash, suite_id, e.body) for e in told.envelopes]
        leaves = [
            tx_leaf(self._hash, suite_id, id_, Sig(envelope.signature))
            for id_, envelope in zip(ids, told.envelopes, strict=True)
        ]
        if leaves_root(self._hash, leaves) != header.tx_root:
            raise _refused(header.height, "its transactions are not those of its header")
        receipts = self._receipts(header.height, told.receipts, ids)
        day = day_of_ms(header.timestamp_ms)
        ordered = map(Ordered, told.envelopes, receipts)
        for (member, app), figures in measure(ordered, self._names).items():
            added(self.figures, (day, member, app), figures)

    def settle(self, header: Header) -> None:
        """A header above the counted blocks: shows the receipts of the block W below it."""
        self._check_place(header)

    def _receipts(self, height: int, found: tuple[bytes, ...], ids: list[Hash]) -> list[Any]:
        try:
            receipts = [decode_receipt(data) for data in found]
        except ValueError as error:
            raise _refused(height, f"a receipt: {error}") from None
        if [receipt.tx_id for receipt in receipts] != ids:
            raise _refused(height, "its receipts are not those of its transactions")
        leaves = [receipt_leaf(self._hash, self._page.suite_id, data) for data in found]
        self._above.append((height, leaves_root(self._hash, leaves)))
        return receipts

    def _check_place(self, header: Header) -> None:
        below, height = self._below, header.height
        if header.channel_id != self._page.channel_id:
            raise _refused(height, "it is of another channel")
        if below is None:
            self.first, self.settled = height, height - 1
        elif (height, header.parent_hash) != (below.height + 1, block_hash(self._hash, below)):
            raise _refused(height, f"it does not follow block {below.height}")
        self._below = header
        if self._above and self._above[0][0] == height - self._page.window:
            settled, root = self._above.popleft()
            if root != header.receipts_root:
                raise _refused(settled, "its receipts are not those that a later header shows")
            self.settled = settled


def differences(
    counted: Iterable[Used], recounted: Mapping[tuple[int, str, str], Figures]
) -> list[tuple[tuple[int, str, str], Figures, Figures]]:
    """(day, member, app), as a node has counted it, as it was counted here: where the two differ."""
    theirs = {(row.day, row.member, row.app): row.figures for row in counted}
    return [
        (key, theirs.get(key, Figures()), recounted.get(key, Figures()))
        for key in sorted({*theirs, *recounted})
        if theirs.get(key, Figures()) != recounted.get(key, Figures())
    ]


# ---- as a file ---------------------------------------------------------------------------------------


def write(file: TextIO, page: Page, blocks: Iterable[Told], above: Iterable[Header]) -> None:
    """above: the headers behind the blocks, which show what came of the last ones."""
    members = {digest.hex(): member for digest, member in sorted(page.members.items())}
    head = {"format": FORMAT, "channel_id": page.channel_id.hex(), "suite": page.suite_id}
    file.write(json.dumps(head | {"window": page.window, "members": members}) + "\n")
    for told in blocks:
        row = {
            "header": encode(told.header).hex(),
            "transactions": [
                [e.body.hex(), e.public_key.hex(), e.signature.hex()] for e in told.envelopes
            ],
            "receipts": [data.hex() for data in told.receipts],
        }
        file.write(json.dumps(row) + "\n")
    for header in above:
        file.write(json.dumps({"header": encode(header).hex()}) + "\n")


def read(path: Path, file: TextIO) -> tuple[Page, Iterator[Told | Header]]:
    """The page, the blocks, the headers above them. Raises CITY-1023, also while these are read."""
    head = _line(path, 1, file)
    try:
        if head is None or head["format"] != FORMAT:
            raise ValueError(f"its first line is not of the format {FORMAT}")
        members = {Hash(bytes.fromhex(d)): str(m) for d, m in head["members"].items()}
        suite_id, window = head["suite"], head["window"]
        if suite_id not in SUITE_NAMES or type(window) is not int or not 1 <= window <= 64:
            raise ValueError("its suite or window is none")
        page = Page(Hash(bytes.fromhex(head["channel_id"])), suite_id, window, members)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CityError("CITY-1023", path=path, line=1, reason=error) from None
    return page, _blocks(path, file)


def _blocks(path: Path, file: TextIO) -> Iterator[Told | Header]:
    number = 2
    while (row := _line(path, number, file)) is not None:
        try:
            header = decode(Header, bytes.fromhex(row["header"]))
            if len(row) == 1:
                yield header
                number += 1
                continue
            envelopes = tuple(Envelope(*map(bytes.fromhex, each)) for each in row["transactions"])
            receipts = tuple(map(bytes.fromhex, row["receipts"]))
        except (KeyError, TypeError, ValueError, EncodingError) as error:
            raise CityError("CITY-1023", path=path, line=number, reason=error) from None
        yield Told(header, envelopes, receipts)
        number += 1


def _line(path: Path, number: int, file: TextIO) -> dict[str, Any] | None:
    text = file.readline(LINE_CHARS_MAX)
    if not text:
        return None
    try:
        row = json.loads(text)
        if not isinstance(row, dict):
            raise ValueError("it is no object")
    except (ValueError, RecursionError) as error:
        raise CityError("CITY-1023", path=path, line=number, reason=error) from None
    return row


def _refused(height: int, reason: str) -> CityError:
    return CityError("CITY-1022", height=height, reason=reason)
