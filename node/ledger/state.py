"""A channel's state: values, their history, receipts, events, indexes, and the tree that proves them.

Keys in the store (all integers big-endian; `path` is the key's path in the state tree):

    m format                             layout text            m applied        height (8)
    m base                               height (8) of the snapshot it began with; absent: from genesis on
    s <state key>                        current value
    h <path> <inverted height>           01 value | 00 (deleted at that height); newest first
    d <state key>                        height (8) that deleted it last: for scans of earlier states (past.py)
    r <height> <index (4)>               receipt, canonical bytes
    e <height> <tx index> <index>        event, value-encoded
    q <sender (32)> <request id>         height (8) and id of the first transaction that used it
    R <height>                           structure: state root, receipts root, root slot of the tree
    p ...                                pages of the tree (tree.py)
    x <height>                           structure: keys of the pages which that height made stale
    u ...                                figures of use (meter.py)

`prepare` computes a block's whole batch and roots without writing; `commit` writes it, once, synced. So a
crash leaves the block applied or not, never half. One writer at a time; reads may come from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.header import leaves_root
from consensus.merkle import HashFunction
from consensus.tags import Tag, preimage
from contracts.runtime import values
from node.ledger import meter
from node.ledger.meter import Use
from node.ledger.past import HEIGHT_MAX as _HEIGHT_MAX
from node.ledger.past import PastView, StateNotHeld, value_at
from node.ledger.past import inverted as _inverted
from node.ledger.pruned import deleted_by, replaced_by, told_by
from node.ledger.records import (
    EventPage,
    EventPlace,
    FirstRequest,
    HeightNotHeld,
    PreparedBlock,
    ProvenValue,
    RootsRecord,
    StaleRecord,
    StateRoots,
)
from node.ledger.store import Batch, Reader, Store, StoreDamaged, StoreFormat
from node.ledger.tree import EMPTY_SLOT, Item, StateTree, TreeDamaged
from node.model import EventRecord, StoredEvent

PROOF_HEIGHTS_BEYOND_WINDOW = 8
EVENTS_EXAMINED_MAX = 10_000
PRUNED_AT_A_TIME = 2_000
_FORMAT_KEY, _APPLIED_KEY, _BASE_KEY = b"mformat", b"mapplied", b"mbase"
T = TypeVar("T")


def _height(height: int) -> bytes:
    return height.to_bytes(8, "big")


def _event_key(place: EventPlace) -> bytes:
    height, tx_index, index = place
    return b"e" + _height(height) + tx_index.to_bytes(4, "big") + index.to_bytes(4, "big")


def value_put(key: bytes, value: bytes | None) -> tuple[bytes, bytes | None]:
    return b"s" + key, value


def history_put(path: bytes, inverted_height: bytes, value: bytes | None) -> Item:
    return b"h" + path + inverted_height, b"\x00" if value is None else b"\x01" + value


def applied_puts(height: int, roots: bytes, base: int) -> Batch:
    """What makes `height` the applied one, its roots record encoded; base: of the snapshot this began with."""
    at = _height(height)
    return [(b"R" + at, roots), (_APPLIED_KEY, at), (_BASE_KEY, _height(base))]


class StateView:
    """State as it was when the view was taken, for the engine (its `StateReader`). Close it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @property
    def height(self) -> int | None:
        """Of the last block whose results are in the view; None before genesis."""
        found = self._reader.get(_APPLIED_KEY)
        return None if found is None else int.from_bytes(found, "big")

    def state_get(self, keys: list[bytes]) -> list[bytes | None]:
        return self._reader.get_many([b"s" + key for key in keys])

    def state_scan(
        self, prefix: bytes, after: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]:
        start = None if after is None else b"s" + after
        return [(k[1:], v) for k, v in self._reader.iterate(b"s" + prefix, start, limit)]

    def scan_all(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every (key, value) pair of the view by key. For prefixes that hold few."""
        return ((k[1:], v) for k, v in self._reader.iterate(b"s" + prefix))

    def requests(self) -> Iterator[tuple[bytes, bytes]]:
        """(sender | request id, height | id of the first transaction that used it), by key."""
        return ((k[1:], v) for k, v in self._reader.iterate(b"q"))

    def receipts(self, height: int) -> list[bytes]:
        """All receipts of a block in order (leaves of its receipts root)."""
        return [receipt for _, receipt in self._reader.iterate(b"r" + _height(height))]

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> StateView:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class StateStore(StateView):
    """The state of one channel over a store of its own. window: W of the genesis configuration."""

    def __init__(self, store: Store, hash_: HashFunction, suite_id: int, window: int) -> None:
        """Raises StoreFormat for a store of another layout or suite, StoreDamaged."""
        super().__init__(store)
        self._store, self._hash, self._suite_id = store, hash_, suite_id
        self._receipt_prefix = preimage(Tag.RECEIPT_LEAF, suite_id)
        self._format = f"citychain state 2 suite {suite_id}".encode()
        self.retained = window + PROOF_HEIGHTS_BEYOND_WINDOW
        self._tree = StateTree(store.get, hash_, suite_id)
        self._slot = EMPTY_SLOT
        self._applied: int | None = None
        self._deleting = threading.Lock()  # a commit and the pruning of marks of deletions
        self.base = int.from_bytes(store.get(_BASE_KEY) or b"", "big")
        self._check_format()
        applied = store.get(_APPLIED_KEY)
        if applied is not None:
            self._applied = int.from_bytes(applied, "big")
            self._slot = self._record(self._applied, store).slot

    def _check_format(self) -> None:
        found = self._store.get(_FORMAT_KEY)
        is_foreign = found is None and next(self._store.iterate(b"", None, 1), None) is not None
        if is_foreign or found not in (None, self._format):
            shown = "unknown" if found is None else found.decode(errors="replace")
            raise StoreFormat(self._store.folder, shown, self._format.decode())

    # ---- writing ----------------------------------------------------------------------------------

    @property
    def applied_height(self) -> int | None:
        """Height of the last applied block; None before genesis was applied."""
        return self._applied

    def apply_block(
        self,
        height: int,
        writes: Mapping[bytes, bytes | None],
        receipts: Sequence[bytes],
        events: Sequence[StoredEvent] = (),
        requests: Sequence[tuple[bytes, str, Hash]] = (),
    ) -> StateRoots:
        """`prepare` and `commit` in one."""
        prepared = self.prepare(height, writes, receipts, events, requests)
        self.commit(prepared)
        return prepared.roots

    def prepare(
        self,
        height: int,
        writes: Mapping[bytes, bytes | None],
        receipts: Sequence[bytes],
        events: Sequence[StoredEvent] = (),
        requests: Sequence[tuple[bytes, str, Hash]] = (),
        use: Use | None = None,
    ) -> PreparedBlock:
        """Roots and batch of the next block; writes nothing. Genesis is height 0.

        writes: state key to value, None deletes. receipts: canonical bytes in block order. requests:
        (sender, request id, tx id) of transactions that used a request id for the first time. use: what is
        counted of the block (meter.py).
        Raises ValueError for any other height and for a request id that is used already.
        """
        expected = 0 if self._applied is None else self._applied + 1
        if height != expected:
            raise ValueError(f"height {height} is not the next one to apply ({expected})")
        try:
            update, paths = self._tree.update(self._slot, height, writes)
        except TreeDamaged as error:
            raise StoreDamaged(self._store.folder, error) from error
        roots = StateRoots(update.root, self._receipts_root(receipts))
        at = _height(height)
        batch: Batch = [(_APPLIED_KEY, at)]
        if height == 0:
            batch.append((_FORMAT_KEY, self._format))
        inverted_height = _inverted(height)
        for path, key in paths:
            value = writes[key]
            batch.append(value_put(key, value))
            batch.append(history_put(path, inverted_height, value))
            if value is None:
                batch.append((b"d" + key, at))
        for i, receipt in enumerate(receipts):
            batch.append((b"r" + at + i.to_bytes(4, "big"), receipt))
        batch.extend(self._event_puts(height, events))
        batch.extend(self._request_puts(at, requests))
        batch.extend(update.pages)
        record = RootsRecord(roots.state_root, roots.receipts_root, update.slot)
        batch.append((b"R" + at, encode(record)))
        batch.extend(self._stale_puts(height, update.stale))
        if use is not None:
            batch.extend(meter.puts(self._store, height, height, use))
        return PreparedBlock(height, roots, batch, update)

    def commit(self, prepared: PreparedBlock) -> None:
        """Write a prepared block: durable on return. Raises StoreWriteFailed; nothing is applied then."""
        expected = 0 if self._applied is None else self._applied + 1
        if prepared.height != expected:
            raise ValueError(f"prepared for height {prepared.height}, the next one is {expected}")
        with self._deleting:
            self._store.write(prepared.batch)
        self._tree.adopt(prepared.update)
        self._slot, self._applied = prepared.update.slot, prepared.height

    def _receipts_root(self, receipts: Sequence[bytes]) -> Hash:
        hash_, prefix = self._hash, self._receipt_prefix
        return leaves_root(hash_, [hash_(prefix + receipt) for receipt in receipts])

    @staticmethod
    def _event_puts(height: int, events: Sequence[StoredEvent]) -> Iterator[Item]:
        for stored in events:
            if stored.height != height:
                raise ValueError(f"event {stored.id} does not belong to height {height}")
            event = stored.event
            body = values.encode((stored.tx_id, event.contract, event.name, event.data))
            yield _event_key((stored.height, stored.tx_index, stored.index)), body

    def _request_puts(self, at: bytes, requests: Sequence[tuple[bytes, str, Hash]]) -> Batch:
        puts: dict[bytes, bytes | None] = {}
        for sender, request_id, tx_id in requests:
            if len(sender) != 32 or len(tx_id) != 32:
                raise ValueError("sender and transaction id have 32 bytes")
            puts[b"q" + sender + request_id.encode()] = at + tx_id
        if len(puts) != len(requests) or any(self._store.get_many(puts)):
            raise ValueError("a request id is used already: the first transaction keeps it")
        return list(puts.items())

    def _stale_puts(self, height: int, stale: list[bytes]) -> Batch:
        """Pages made stale at h serve heights below h: they go when no such height is retained."""
        puts: Batch = [(b"x" + _height(height), encode(StaleRecord(tuple(stale))))]
        gone = height - self.retained
        if gone >= 0 and (gone > self.base or not self.base):  # a snapshot makes no page stale
            record_key = b"x" + _height(gone)
            found = self._store.get(record_key)
            if found is None:
                raise StoreDamaged(self._store.folder, f"the list of stale pages of {gone} is gone")
            puts.extend((key, None) for key in self._decode(StaleRecord, found).keys)
            puts.append((record_key, None))
        return puts

    def prune(self, base: int) -> Iterator[None]:
        """Let go of receipts and events up to `base` and of values that another one had replaced by then, batch
        by batch. What was true after `base` and any later block stays. Nothing below is answered from the
        first step on. Proofs are of the last heights only, so `base` lies below them."""
        if self._applied is None or not self.base <= base < self._applied - self.retained:
            raise ValueError(f"nothing to let go up to {base}")
        self._store.write([(_BASE_KEY, _height(base))])
        self.base = base
        for found in (told_by(self._store, base), replaced_by(self._store, base)):
            while keys := list(islice(found, PRUNED_AT_A_TIME)):
                self._store.write([(key, None) for key in keys])
                yield
        marks = deleted_by(self._store, base)
        while keys := list(islice(marks, PRUNED_AT_A_TIME)):
            with self._deleting:  # a block that deletes the key again writes the same mark
                held = zip(keys, self._store.get_many(keys), strict=True)
                old = [key for key, at in held if at and int.from_bytes(at, "big") <= base]
                self._store.write([(key, None) for key in old])
            yield

    def count(self, first: int, last: int, use: Use) -> None:
        """Figures of use that were not written with their blocks; durable on return."""
        self._store.write(meter.puts(self._store, first, last, use))

    def count_from(self, first: int) -> None:
        """Forgets all figures of use: the next block to count is `first`."""
        self._store.write(meter.begin(self._store, first))

    def compact(self) -> None:
        self._store.compact()

    # ---- reading ----------------------------------------------------------------------------------

    def view(self) -> StateView:
        """The current state, unchanged by later blocks. Close it (a context manager)."""
        return StateView(self._store.snapshot())

    def snapshot(self) -> Reader:
        """All keys as they are now, for a backup. Close it."""
        return self._store.snapshot()

    def view_at(self, height: int) -> PastView:
        """The state as it was after block `height`. Close it. Raises StateNotHeld."""
        reader = self._store.snapshot()
        base, applied = (
            int.from_bytes(reader.get(key) or b"", "big") for key in (_BASE_KEY, _APPLIED_KEY)
        )
        if not base <= height <= applied:
            reader.close()
            raise StateNotHeld(height, base, applied)
        return PastView(reader, self._tree.path, height)

    def get(self, key: bytes, as_of: int | None = None) -> bytes | None:
        """A value now, or as it was after block `as_of` (any applied height). None: absent."""
        if as_of is None:
            return self._store.get(b"s" + key)
        self._require_applied(as_of)
        return self._value_at(self._store, key, as_of)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return self.state_get(list(keys))

    def scan(
        self, prefix: bytes, after: bytes | None = None, limit: int = 1000
    ) -> list[tuple[bytes, bytes]]:
        """Current (key, value) pairs by key, from the first one above `after`."""
        return self.state_scan(prefix, after, limit)

    def history(
        self, key: bytes, before: int | None = None, limit: int = 100
    ) -> list[tuple[int, bytes | None]]:
        """(height, value or None for a deletion), newest first, heights below `before`."""
        stem = b"h" + self._tree.path(key)
        after = None if before is None else stem + _inverted(before)
        return [
            (_HEIGHT_MAX - int.from_bytes(k[33:], "big"), v[1:] if v[0] else None)
            for k, v in self._store.iterate(stem, after, limit)
        ]

    def _value_at(self, reader: Reader, key: bytes, height: int) -> bytes | None:
        return value_at(reader, self._tree.path(key), height)

    def receipt(self, height: int, index: int) -> bytes | None:
        return self._store.get(b"r" + _height(height) + index.to_bytes(4, "big"))

    def roots(self, height: int) -> StateRoots | None:
        """Roots after an applied height; None if it is not applied."""
        found = self._store.get(b"R" + _height(height))
        if found is None:
            return None
        record = self._decode(RootsRecord, found)
        return StateRoots(record.state_root, record.receipts_root)

    def request(self, sender: bytes, request_id: str) -> FirstRequest | None:
        """The first transaction with this request id of this sender."""
        found = self._store.get(b"q" + sender + request_id.encode())
        if found is None:
            return None
        return FirstRequest(int.from_bytes(found[:8], "big"), Hash(found[8:]))

    def events(
        self,
        after: EventPlace,
        limit: int = 100,
        contract: str | None = None,
        name: str | None = None,
    ) -> EventPage:
        """Events above a place in order; `(height, -1, -1)` begins with the first one of a height.

        Looks at no more than EVENTS_EXAMINED_MAX events, so a page may be short or empty and go on."""
        is_whole_height = after[1] < 0
        start = b"e" + _height(after[0]) if is_whole_height else _event_key(after)
        found: list[StoredEvent] = []
        place: EventPlace | None = None
        for key, body in self._store.iterate(b"e", start, EVENTS_EXAMINED_MAX):
            stored = self._stored_event(key, body)
            place = (stored.height, stored.tx_index, stored.index)
            event = stored.event
            if contract in (None, event.contract) and name in (None, event.name):
                found.append(stored)
                if len(found) == limit:
                    return EventPage(tuple(found), place)
        is_end = (
            place is None or next(self._store.iterate(b"e", _event_key(place), 1), None) is None
        )
        return EventPage(tuple(found), None if is_end else place)

    def _stored_event(self, key: bytes, body: bytes) -> StoredEvent:
        try:
            tx_id, contract, name, data = values.decode(body)
        except ValueError as error:
            raise StoreDamaged(self._store.folder, f"event {key.hex()}: {error}") from error
        height, tx_index = int.from_bytes(key[1:9], "big"), int.from_bytes(key[9:13], "big")
        index = int.from_bytes(key[13:], "big")
        return StoredEvent(height, tx_index, index, tx_id, EventRecord(contract, name, data))

    # ---- proofs -----------------------------------------------------------------------------------

    def prove(self, key: bytes, height: int | None = None) -> ProvenValue:
        """A key's value, or absence, with its proof at the applied height or a retained one below.

        Retained are the last W + 8 heights below the applied one. Raises HeightNotHeld."""
        applied = self._applied
        if applied is None:
            raise self._not_held(height or 0, "nothing is applied yet")
        height = applied if height is None else height
        if height > applied:
            raise self._not_held(height, "it is not applied yet")
        reader = self._store.snapshot()  # a block committed meanwhile may delete pages
        try:
            lowest = int.from_bytes(reader.get(_APPLIED_KEY) or b"", "big") - self.retained
            if height < max(lowest, self.base):
                raise self._not_held(height, "its proof pages are gone")
            record = self._record(height, reader)
            proof = self._tree.prove(record.slot, key, reader.get)
            value = self._value_at(reader, key, height)
        except TreeDamaged as error:
            raise StoreDamaged(self._store.folder, error) from error
        finally:
            reader.close()
        return ProvenValue(height, record.state_root, value, proof)

    def _require_applied(self, height: int) -> None:
        if self._applied is None or not self.base <= height <= self._applied:
            raise self._not_held(height, "it is not applied here")

    def _not_held(self, height: int, detail: str) -> HeightNotHeld:
        applied = self._applied or 0
        return HeightNotHeld(
            height, detail, self.retained, max(self.base, applied - self.retained), applied
        )

    def _record(self, height: int, reader: Reader) -> RootsRecord:
        found = reader.get(b"R" + _height(height))
        if found is None:
            raise StoreDamaged(self._store.folder, f"the roots of height {height} are missing")
        return self._decode(RootsRecord, found)

    def _decode(self, kind: type[T], data: bytes) -> T:
        try:
            return decode(kind, data)
        except EncodingError as error:
            raise StoreDamaged(self._store.folder, f"{kind.__name__}: {error}") from error

    # ---- checking ---------------------------------------------------------------------------------

    def verify(self) -> StateRoots:
        """Read everything the current height stands on and compute its roots anew (minutes when large).

        Checks every record's checksum, every page of the tree, every value against its leaf, and the
        receipts of the applied height. Raises StoreDamaged naming the first difference."""
        reader = self._store.snapshot()
        try:
            for _ in reader.iterate(b""):
                pass  # the store compares its checksums while reading
            applied = reader.get(_APPLIED_KEY)
            if applied is None:
                raise StoreDamaged(self._store.folder, "nothing is applied")
            height = int.from_bytes(applied, "big")
            record = self._record(height, reader)
            self._verify_values(reader, record)
            receipts = [receipt for _, receipt in reader.iterate(b"r" + applied)]
            if self._receipts_root(receipts) != record.receipts_root:
                raise StoreDamaged(self._store.folder, f"receipts of height {height} differ")
        finally:
            reader.close()
        return StateRoots(record.state_root, record.receipts_root)

    def _verify_values(self, reader: Reader, record: RootsRecord) -> None:
        try:
            leaves = dict(self._tree.leaves(record.slot, reader.get))
        except TreeDamaged as error:
            raise StoreDamaged(self._store.folder, error) from error
        if self._tree.slot_hash(record.slot) != record.state_root:
            raise StoreDamaged(self._store.folder, "the tree's top is not the state root")
        for key, value in reader.iterate(b"s"):
            if leaves.pop(self._tree.path(key[1:]), None) != self._tree.value_hash(value):
                raise StoreDamaged(self._store.folder, f"key {key[1:].hex()} is not in the tree")
        if leaves:
            raise StoreDamaged(self._store.folder, f"{len(leaves)} leaves without a value")
