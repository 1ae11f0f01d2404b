"""Builds a state store from a snapshot's records, and believes nothing but the roots it is given.

The tree is built in batches. Pages carry the number of the batch where a running node has the height of a
block, so there are never more batches than blocks below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby

from consensus.encoding import Hash, encode
from consensus.header import leaves_root
from consensus.merkle import HashFunction
from consensus.tags import Tag, preimage
from node.ledger.past import inverted
from node.ledger.records import RootsRecord, StateRoots
from node.ledger.snapshot import (
    RECEIPT,
    REQUEST,
    VALUE,
    BadSnapshot,
    Record,
    in_order,
)
from node.ledger.state import StateStore, applied_puts, history_put, value_put
from node.ledger.store import Batch, Store
from node.ledger.tree import EMPTY_SLOT, StateTree
from node.model import SnapshotIndex

VALUES_PER_BATCH = 20_000
PUTS_PER_BATCH = 20_000


def load_state(
    store: Store,
    index: SnapshotIndex,
    found: Iterable[Record],
    roots: Mapping[int, StateRoots],
    hash_: HashFunction,
    window: int,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Fills an empty store so that it is the state after `index.height`. Blocks.

    roots: certified, after each height from `first_receipts` to the snapshot's. progress: told how many values
    are in. Raises BadSnapshot where anything differs from them; the store is worth nothing then."""
    StateStore(store, hash_, index.suite, window).apply_block(0, {}, ())
    loader = _Loader(store, index, roots, hash_, progress)
    for kind, group in groupby(in_order(found), key=lambda record: record[0]):
        loader.take(kind, ((key, value) for _, key, value in group))
    loader.finish()


def _receipt_key(height: int, index: int) -> bytes:
    return height.to_bytes(8, "big") + index.to_bytes(4, "big")


class _Loader:
    def __init__(
        self,
        store: Store,
        index: SnapshotIndex,
        roots: Mapping[int, StateRoots],
        hash_: HashFunction,
        progress: Callable[[int], None],
    ) -> None:
        self._store, self._index, self._roots, self._hash = store, index, roots, hash_
        self._progress = progress
        self._tree = StateTree(store.get, hash_, index.suite)
        self._slot, self._batches, self._values = EMPTY_SLOT, 0, 0
        self._values_per_batch = max(VALUES_PER_BATCH, -(-index.values // index.height))
        self._next_receipts = index.first_receipts
        self._inverted_height = inverted(index.height)

    def take(self, kind: bytes, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        {VALUE: self._take_values, REQUEST: self._take_requests, RECEIPT: self._take_receipts}[
            kind
        ](pairs)

    def _take_values(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        held: dict[bytes, bytes | None] = {}
        for key, value in pairs:
            held[key] = value
            if len(held) == self._values_per_batch:
                self._put_values(held)
                held = {}
        if held:
            self._put_values(held)

    def _put_values(self, held: dict[bytes, bytes | None]) -> None:
        self._batches += 1
        self._values += len(held)
        if self._values > self._index.values:
            raise BadSnapshot(f"it holds more than the {self._index.values} values it names")
        update, paths = self._tree.update(self._slot, self._batches, held)
        batch: Batch = []
        for path, key in paths:
            value = held[key]
            assert value is not None
            batch.append(value_put(key, value))
            batch.append(history_put(path, self._inverted_height, value))
        batch += update.pages
        batch += [(page, None) for page in update.stale]
        self._store.write(batch)
        self._tree.adopt(update)
        self._slot = update.slot
        self._progress(self._values)

    def _take_requests(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        batch: Batch = []
        for key, value in pairs:
            height = int.from_bytes(value[:8], "big")
            if len(key) < 32 or len(value) != 40 or not 0 < height <= self._index.height:
                raise BadSnapshot("a request id of no sender or no transaction")
            batch.append((REQUEST + key, value))
            if len(batch) == PUTS_PER_BATCH:
                self._store.write(batch)
                batch = []
        if batch:
            self._store.write(batch)

    def _take_receipts(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        for height, group in groupby(pairs, key=lambda pair: int.from_bytes(pair[0][:8], "big")):
            of_block = list(group)
            for index, (key, _) in enumerate(of_block):
                if key != _receipt_key(height, index):
                    raise BadSnapshot(f"receipts of block {height} are not one for each place")
            self._put_receipts(height, [receipt for _, receipt in of_block])

    def _put_receipts(self, height: int, receipts: list[bytes]) -> None:
        for without in range(self._next_receipts, height):
            self._check_receipts(without, [])
        self._check_receipts(height, receipts)
        self._next_receipts = height + 1
        keys = [RECEIPT + _receipt_key(height, index) for index in range(len(receipts))]
        self._store.write(list(zip(keys, receipts, strict=True)))

    def _check_receipts(self, height: int, receipts: list[bytes]) -> None:
        expected = self._roots.get(height)
        prefix = preimage(Tag.RECEIPT_LEAF, self._index.suite)
        leaves = [Hash(self._hash(prefix + receipt)) for receipt in receipts]
        if expected is None or leaves_root(self._hash, leaves) != expected.receipts_root:
            raise BadSnapshot(f"receipts of block {height} are not those that its root shows")

    def finish(self) -> None:
        index, height = self._index, self._index.height
        for without in range(self._next_receipts, height + 1):
            self._check_receipts(without, [])
        if self._values != index.values:
            raise BadSnapshot(f"it holds {self._values} values and names {index.values}")
        roots = self._roots[height]
        root = self._tree.slot_hash(self._slot)
        if root != roots.state_root:
            raise BadSnapshot(
                f"its values have the root {root.hex()}, sealed is {roots.state_root.hex()}"
            )
        record = RootsRecord(roots.state_root, roots.receipts_root, self._slot)
        self._store.write(applied_puts(height, encode(record), base=height))
