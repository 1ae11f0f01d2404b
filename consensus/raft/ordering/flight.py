"""The blocks of the own log above the tip: a chain in flight, each with its place in the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from consensus.api import Block
from consensus.encoding import Hash
from consensus.header import Header


@dataclass(frozen=True, slots=True)
class Flying:
    """`leaves` are those of its transactions; empty when the block was found in the log at a restart."""

    index: int
    term: int
    block: Block
    block_hash: Hash
    leaves: tuple[Hash, ...]
    is_config: bool = False

    @property
    def height(self) -> int:
        return self.block.header.height


class Flight:
    """In the order of the log: heights and indexes rise together, each block stands on the one before."""

    def __init__(self) -> None:
        self._blocks: list[Flying] = []
        self.holders: dict[Hash, int] = {}  # transaction id → height

    def __len__(self) -> int:
        return len(self._blocks)

    def __iter__(self) -> Iterator[Flying]:
        return iter(self._blocks)

    @property
    def last(self) -> Flying | None:
        return self._blocks[-1] if self._blocks else None

    def at(self, height: int) -> Flying | None:
        return next((each for each in self._blocks if each.height == height), None)

    def before(self, index: int) -> Flying | None:
        """The highest block below `index` in the log."""
        return next((each for each in reversed(self._blocks) if each.index < index), None)

    def add(self, flying: Flying) -> None:
        last = self.last
        assert last is None or (last.height + 1 == flying.height and last.index < flying.index)
        self._blocks.append(flying)
        self.holders.update(dict.fromkeys(flying.block.tx_ids, flying.height))

    def note_config(self, tx_id: Hash) -> None:
        """The body of a block that a restart brought back is here, and is a configuration transaction."""
        self._blocks = [
            replace(each, is_config=True) if tx_id in each.block.tx_ids else each
            for each in self._blocks
        ]

    def cut_from(self, index: int) -> bool:
        """The log was replaced from `index` on. True where blocks stood there."""
        return self._keep([each for each in self._blocks if each.index < index])

    def land(self, height: int, block_hash: Hash) -> bool:
        """`height` is certified. True where what stood in flight was another block: everything above it was
        on the wrong ground too, and will be replaced in the log."""
        found = self.at(height)
        is_other = found is not None and found.block_hash != block_hash
        kept = [] if is_other else [each for each in self._blocks if each.height > height]
        self._keep(kept)
        return is_other

    def _keep(self, kept: list[Flying]) -> bool:
        is_less = len(kept) < len(self._blocks)
        self._blocks = kept
        self.holders = {id_: each.height for each in kept for id_ in each.block.tx_ids}
        return is_less

    def stand_on(self, tip: Header, tip_hash: Hash) -> tuple[Header, Hash]:
        """What the next block stands on."""
        last = self.last
        return (last.block.header, last.block_hash) if last else (tip, tip_hash)
