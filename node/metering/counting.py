"""What members used of a channel: counted with each block, the same on every node, told by day.

    Figures     transactions that did and did not do what was asked, bytes ordered, gas, events
    measure     a block's figures, by member and application

An application is a contract; changes of the configuration count under `_config`, of contracts under
`_contract`. The bytes of a transaction are those of its body, key and signature. Who is counted is the
member whose key signed. What nodes send for the channel's upkeep, what an unknown key signed and what is no
transaction at all counts under no name. A day is one of China Standard Time (UTC+8), by the block's time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

from consensus.encoding import Hash
from consensus.header import identity_digest
from consensus.merkle import HashFunction
from contracts.rules.calendar import CST_OFFSET_MS, DAY_MS, date_text, day_of, parse_date
from node.configuration import UNKNOWN_SENDER
from node.errors import CityError
from node.model import Envelope, Receipt
from node.wire.body import TxBody, parse_body

Line = tuple[str, str]  # member, application
NOBODY: Line = ("", "")
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one member, one application and some time."""

    accepted: int = 0
    refused: int = 0
    bytes: int = 0
    gas: int = 0
    events: int = 0

    @property
    def transactions(self) -> int:
        return self.accepted + self.refused

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.accepted + other.accepted,
            self.refused + other.refused,
            self.bytes + other.bytes,
            self.gas + other.gas,
            self.events + other.events,
        )


FIGURES = tuple(field.name for field in fields(Figures))


@dataclass(frozen=True, slots=True)
class Used:
    """A row of an answer. day: 0 where days are added up."""

    day: int
    member: str
    app: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Asked:
    """member, app: empty for all. by_day: a row for each day, not one for all of them."""

    first_day: int
    last_day: int
    member: str = ""
    app: str = ""
    by_day: bool = False


@dataclass(frozen=True, slots=True)
class Metered:
    """Figures of the blocks from `first` to `last`, as far as they are of the days that were asked for."""

    first: int
    last: int
    rows: tuple[Used, ...]


def day_of_ms(time_ms: int) -> int:
    """The day of a block's time: days since 1970-01-01 in UTC+8."""
    return (time_ms + CST_OFFSET_MS) // DAY_MS


def days_of(month: str) -> tuple[int, int]:
    """First and last day of a month `2026-11`. Raises ValueError."""
    first = parse_date(f"{month}-01")
    year, number = int(month[:4]), int(month[5:])
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return first, day_of(*following, 1) - 1


def month_of(day: int) -> str:
    return date_text(day)[:7]


@dataclass(frozen=True, slots=True)
class Ordered:
    """A transaction of a block with what came of it. body: where it is read already, and its sender known to
    be the key's."""

    envelope: Envelope
    receipt: Receipt
    body: TxBody | None = None


class Names:
    """Whose key it is: of a channel, at one moment. Keys never pass from one member to another."""

    def __init__(self, hash_: HashFunction, suite_id: int, members: Mapping[Hash, str]) -> None:
        """members: by identity digest, of all that are or ever were in force."""
        self._hash, self._suite_id, self._members = hash_, suite_id, members

    def line(self, found: Ordered) -> Line:
        """Under whose name, and for which application, a transaction counts."""
        body = found.body
        if body is None:
            try:
                body = parse_body(found.envelope.body)
            except CityError:
                return NOBODY
            sender = identity_digest(self._hash, self._suite_id, found.envelope.public_key)
            if sender != body.sender:
                return NOBODY
        is_stranger = found.receipt.code == UNKNOWN_SENDER
        return ("" if is_stranger else self._members.get(body.sender, "")), body.contract


def added(sums: dict[Key, Figures], key: Key, figures: Figures) -> None:
    """Adds figures to those under a key."""
    sums[key] = sums.get(key, Figures()) + figures


def totals(figures: Iterable[Figures]) -> Figures:
    return sum(figures, Figures())


def measure(ordered: Iterable[Ordered], names: Names) -> dict[Line, Figures]:
    """A block's figures by line."""
    found: dict[Line, Figures] = {}
    for each in ordered:
        added(found, names.line(each), _figures(each.envelope, each.receipt))
    return found


def _figures(envelope: Envelope, receipt: Receipt) -> Figures:
    is_ok = receipt.outcome == "ok"
    size = envelope.size_bytes
    return Figures(int(is_ok), int(not is_ok), size, receipt.gas_used, len(receipt.events))
