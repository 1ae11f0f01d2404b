"""Blocks by reference on their way to completeness: header, ids, and the transactions' leaves.

A proposal's ids are not signed, so a list belongs to whoever sent it: a wrong one spoils only the
sender's copy. Bounded: two headers a height and source, heights within the horizon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from consensus.api import Block, TxRef
from consensus.encoding import Hash
from consensus.header import leaves_root
from consensus.merkle import HashFunction
from consensus.ordering.rules import OrderingRules

HEADERS_PER_SOURCE_MAX = 2


class Candidate:
    """One source's copy of a block. `is_valid` is None until every transaction is known, and `is_config` says
    nothing until then."""

    __slots__ = ("block", "block_hash", "is_config", "is_valid", "missing", "refs", "source")

    def __init__(self, block: Block, block_hash: Hash, source: int) -> None:
        self.block = block
        self.block_hash = block_hash
        self.source = source
        self.refs: dict[Hash, TxRef] = {}
        self.missing: dict[Hash, None] = {}
        self.is_valid: bool | None = None
        self.is_config = False


class BlockBook:
    """Candidates by height and source, and which of them wait for which transaction."""

    def __init__(self, config: OrderingRules, hash_: HashFunction) -> None:
        self._config = config
        self._hash = hash_
        self._by_origin: dict[tuple[int, int], list[Candidate]] = {}
        self._wanted: dict[Hash, list[Candidate]] = {}

    def __iter__(self) -> Iterator[Candidate]:
        for several in self._by_origin.values():
            yield from several

    def add(
        self,
        block: Block,
        block_hash: Hash,
        source: int,
        known: Callable[[Hash], TxRef | None],
        is_pinned: Callable[[Candidate], bool],
    ) -> Candidate:
        """The candidate for this block from this source; ids it lacks are in `missing`. A pinned one,
        which this node voted for, never makes room for others."""
        several = self._by_origin.setdefault((block.header.height, source), [])
        for candidate in several:
            if candidate.block_hash == block_hash and candidate.block.tx_ids == block.tx_ids:
                return candidate
        candidate = Candidate(block, block_hash, source)
        several.append(candidate)
        loose = [held for held in several if not is_pinned(held)]
        if len(loose) > HEADERS_PER_SOURCE_MAX:
            several.remove(loose[0])
            self._forget(loose[0])
        self._fill(candidate, known)
        return candidate

    def _fill(self, candidate: Candidate, known: Callable[[Hash], TxRef | None]) -> None:
        tx_ids = candidate.block.tx_ids
        is_sized = len(tx_ids) == candidate.block.header.tx_count <= self._config.block_txs_max
        refs = candidate.refs
        if not is_sized:
            candidate.is_valid = False
            return
        for tx_id in tx_ids:
            ref = known(tx_id)
            if ref is None:
                candidate.missing[tx_id] = None
            else:
                refs[tx_id] = ref
        if len(refs) + len(candidate.missing) != len(tx_ids):
            candidate.missing.clear()
            candidate.is_valid = False  # an id stands twice
            return
        for tx_id in candidate.missing:
            self._wanted.setdefault(tx_id, []).append(candidate)
        self._judge(candidate)

    def _judge(self, candidate: Candidate) -> None:
        if candidate.missing or candidate.is_valid is not None:
            return
        refs = [candidate.refs[tx_id] for tx_id in candidate.block.tx_ids]
        candidate.is_config = any(ref.is_config for ref in refs)
        candidate.is_valid = (
            (len(refs) == 1 or not candidate.is_config)  # R11: alone in its block
            and sum(ref.gas_limit for ref in refs) <= self._config.block_gas_max
            and sum(ref.size_bytes for ref in refs) <= self._config.block_bytes_max
            and leaves_root(self._hash, [ref.leaf for ref in refs])
            == candidate.block.header.tx_root
        )

    def have(self, ref: TxRef) -> None:
        """A body arrived: every candidate that waited for it may now be complete."""
        for candidate in self._wanted.pop(ref.tx_id, ()):
            candidate.missing.pop(ref.tx_id, None)
            candidate.refs[ref.tx_id] = ref
            self._judge(candidate)

    def refuse(self, tx_id: Hash) -> None:
        """A body that is invalid at this height: so is every block that names it."""
        for candidate in self._wanted.pop(tx_id, ()):
            candidate.missing.pop(tx_id, None)
            candidate.is_valid = False

    def leaves(self, block_hash: Hash, block: Block) -> tuple[Hash, ...]:
        """The leaves under the tx_root of a block that is complete."""
        found = self.complete(block_hash, block.header.height)
        assert found is not None, "only complete blocks are voted for"
        return tuple(found.refs[tx_id].leaf for tx_id in found.block.tx_ids)

    def is_wanted(self, tx_id: Hash) -> bool:
        return tx_id in self._wanted

    def complete(self, block_hash: Hash, height: int) -> Candidate | None:
        """A candidate whose transactions are all known and fit its header."""
        for candidate in self._at(height):
            if candidate.block_hash == block_hash and candidate.is_valid:
                return candidate
        return None

    def any_of(self, block_hash: Hash) -> Candidate | None:
        for candidate in self:
            if candidate.block_hash == block_hash and candidate.is_valid is not False:
                return candidate
        return None

    def _at(self, height: int) -> Iterator[Candidate]:
        for (at, _), several in self._by_origin.items():
            if at == height:
                yield from several

    def forget_to(self, height: int) -> None:
        """Drop everything at or below `height`."""
        for origin in [o for o in self._by_origin if o[0] <= height]:
            for candidate in self._by_origin.pop(origin):
                self._forget(candidate)

    def _forget(self, candidate: Candidate) -> None:
        for tx_id in candidate.missing:
            waiting = self._wanted.get(tx_id)
            if waiting is not None:
                waiting.remove(candidate)
                if not waiting:
                    del self._wanted[tx_id]
