from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus import merkle
from consensus.header import receipt_leaf
from consensus.state_proof import verify_state_proof
from contracts.runtime import values
from node.ledger.state import HeightNotHeld, StateRoots, StateStore
from node.ledger.store import (
    Batch,
    LevelStore,
    MemoryStore,
    StoreDamaged,
    StoreFormat,
    StoreWriteFailed,
)
from node.ledger.tree import StateTree
from node.model import EventRecord, StoredEvent
from tests.damage import flipped
from tests.unit.ledger.model import SUITE, sha256, state_root

WINDOW = 1
RETAINED = WINDOW + 8
few_keys = st.builds(lambda i: b"k%d" % i, st.integers(0, 12))
write_sets = st.dictionaries(few_keys, st.none() | st.binary(max_size=3), max_size=6)


def open_state(store) -> StateStore:
    return StateStore(store, sha256, SUITE, WINDOW)


def receipts_root(receipts: list[bytes]) -> bytes:
    return merkle.root(sha256, [receipt_leaf(sha256, SUITE, r) for r in receipts])


def event(height: int, tx_index: int, index: int, contract: str = "c", name: str = "N"):
    data = values.encode({"at": height})
    return StoredEvent(height, tx_index, index, sha256(b"tx"), EventRecord(contract, name, data))


@given(st.lists(write_sets, min_size=1, max_size=16))
@settings(max_examples=60, deadline=None)
def test_the_state_answers_now_then_and_with_proofs_like_a_list_of_dicts(blocks):
    store = MemoryStore()
    state = open_state(store)
    model: dict[bytes, bytes] = {}
    past: list[dict[bytes, bytes]] = []
    for height, writes in enumerate(blocks):
        receipts = [b"r%d" % height] * (height % 3)
        roots = state.apply_block(height, writes, receipts)
        model = {k: v for k, v in (model | writes).items() if v is not None}
        past.append(dict(model))
        assert roots == StateRoots(state_root(model), receipts_root(receipts))
        assert state.roots(height) == roots and state.receipts(height) == receipts
    tip = len(blocks) - 1
    for reader in (state, open_state(store)):
        assert reader.applied_height == tip
        assert reader.scan(b"k", None, 100) == sorted(model.items())
        for key in [b"k%d" % i for i in range(13)]:
            assert reader.get(key) == model.get(key)
            changes = [(h, w[key]) for h, w in enumerate(blocks) if key in w]
            assert reader.history(key) == changes[::-1]
            for height in range(tip + 1):
                assert reader.get(key, as_of=height) == past[height].get(key)
                if height < tip - RETAINED:
                    with pytest.raises(HeightNotHeld):
                        reader.prove(key, height)
                    continue
                proven = reader.prove(key, height)
                assert proven.value == past[height].get(key)
                assert proven.state_root == state.roots(height).state_root
                assert verify_state_proof(
                    sha256, SUITE, proven.state_root, key, proven.value, proven.proof
                )
        assert reader.verify() == state.roots(tip)
    assert_only_retained_pages(store, state, tip)


def assert_only_retained_pages(store: MemoryStore, state: StateStore, tip: int) -> None:
    read: set[bytes] = set()

    def remember(key: bytes) -> bytes | None:
        read.add(key)
        return store.get(key)

    for height in range(max(0, tip - RETAINED), tip + 1):
        StateTree(remember, sha256, SUITE).leaves(state._record(height, store).slot)
    assert read == {key for key, _ in store.iterate(b"p")}


class BreakingStore(MemoryStore):
    """A store whose process dies at a chosen write: before it reaches the disk, or right after."""

    def __init__(self) -> None:
        super().__init__()
        self.dies_at: int | None = None
        self.is_after = False
        self.writes = 0

    def write(self, batch: Batch) -> None:
        self.writes += 1
        is_last = self.writes == self.dies_at
        if not is_last or self.is_after:
            super().write(batch)
        if is_last:
            raise StoreWriteFailed(self.folder, "the process died")


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("dies_at", range(1, 8))
def test_a_crash_at_any_write_leaves_a_block_applied_or_not_and_the_rest_goes_on(dies_at, is_after):
    def block(height: int):
        writes = {b"k%d" % (height * 5 % 7 + i): b"%d" % height for i in range(4)}
        requests = [(bytes(32), f"request {height}", sha256(b"%d" % height))]
        return writes | {b"k0": None}, [b"r%d" % height], [event(height, 0, 0)], requests

    whole = open_state(MemoryStore())
    wanted = [whole.apply_block(height, *block(height)) for height in range(7)]
    store = BreakingStore()
    store.dies_at, store.is_after = dies_at, is_after
    state = open_state(store)
    with pytest.raises(StoreWriteFailed):
        for height in range(7):
            state.apply_block(height, *block(height))
    assert store.writes == dies_at  # one write a block: nothing stands between two of them
    state = open_state(store)
    applied = -1 if state.applied_height is None else state.applied_height
    assert applied == dies_at - 2 + is_after
    if applied >= 0:
        assert state.verify() == wanted[applied]
    assert state.request(bytes(32), f"request {applied + 1}") is None
    assert state.receipt(applied + 1, 0) is None and state.roots(applied + 1) is None
    for height in range(applied + 1, 7):
        assert state.apply_block(height, *block(height)) == wanted[height]
    assert list(store.iterate(b"")) == list(whole._store.iterate(b""))


def test_a_prepared_block_changes_nothing_until_it_is_committed_and_only_in_its_place():
    store = MemoryStore()
    state = open_state(store)
    state.apply_block(0, {b"a": b"1"}, [])
    before = list(store.iterate(b""))
    prepared = state.prepare(1, {b"a": b"2"}, [b"r"])
    again = state.prepare(1, {b"a": b"2"}, [b"r"])
    assert prepared.roots == again.roots and prepared.batch == again.batch
    assert list(store.iterate(b"")) == before and state.applied_height == 0
    state.commit(prepared)
    assert state.get(b"a") == b"2" and state.applied_height == 1
    with pytest.raises(ValueError, match="the next one is 2"):
        state.commit(again)
    for height in (0, 1, 3):
        with pytest.raises(ValueError, match="next one to apply"):
            state.prepare(height, {}, [])


def test_a_request_id_belongs_to_the_first_transaction_that_used_it():
    state = open_state(MemoryStore())
    state.apply_block(0, {}, [])
    one, other = sha256(b"one"), sha256(b"other")
    state.apply_block(1, {}, [], (), [(one, "发票 7", sha256(b"tx")), (other, "发票 7", one)])
    assert state.request(one, "发票 7").tx_id == sha256(b"tx")
    assert state.request(one, "发票 7").height == 1
    assert state.request(other, "发票 7").tx_id == one
    assert state.request(one, "发票 8") is None
    for requests in ([(one, "发票 7", other)], [(one, "x", one), (one, "x", other)]):
        with pytest.raises(ValueError, match="used already"):
            state.prepare(2, {}, [], (), requests)
    with pytest.raises(ValueError, match="32 bytes"):
        state.prepare(2, {}, [], (), [(b"short", "x", one)])


def test_events_come_in_order_from_any_place_and_by_filter():
    state = open_state(MemoryStore())
    state.apply_block(0, {}, [])
    placed = [
        [event(1, 0, 0, "a", "X"), event(1, 0, 1, "b", "X"), event(1, 2, 0, "a", "Y")],
        [],
        [event(3, 1, 0, "a", "X")],
    ]
    for height, found in enumerate(placed, start=1):
        state.apply_block(height, {}, [], found)
    everything = tuple(e for found in placed for e in found)
    assert state.events((0, -1, -1)).events == everything
    assert state.events((1, 0, 0)).events == everything[1:]
    assert state.events((2, -1, -1)).events == everything[3:]
    assert state.events((3, 1, 0)).events == ()
    assert state.events((0, -1, -1), contract="a", name="X").events == (
        everything[0],
        everything[3],
    )
    page = state.events((0, -1, -1), limit=2)
    assert page.events == everything[:2] and page.next_after == (1, 0, 1)
    page = state.events(page.next_after, limit=9)
    assert page.events == everything[2:] and page.next_after is None
    assert everything[2].id == "1/2/0"
    with pytest.raises(ValueError, match="does not belong"):
        state.prepare(4, {}, [], [event(3, 0, 0)])


def test_a_view_keeps_showing_the_block_it_was_taken_at():
    state = open_state(MemoryStore())
    state.apply_block(0, {b"p/1": b"a", b"p/2": b"b", b"q": b"c"}, [])
    with state.view() as view:
        state.apply_block(1, {b"p/1": None, b"p/3": b"d"}, [])
        assert view.state_get([b"p/1", b"p/3"]) == [b"a", None]
        assert view.state_scan(b"p/", None, 10) == [(b"p/1", b"a"), (b"p/2", b"b")]
        assert view.state_scan(b"p/", b"p/1", 10) == [(b"p/2", b"b")]
        assert view.state_scan(b"", None, 1) == [(b"p/1", b"a")]
        assert (view.height, state.height) == (0, 1), "what it shows says of which block it is"
    assert state.scan(b"p/") == [(b"p/2", b"b"), (b"p/3", b"d")]
    assert state.get_many([b"p/1", b"q"]) == [None, b"c"]


def test_heights_that_cannot_be_answered_say_which_can():
    state = open_state(MemoryStore())
    with pytest.raises(HeightNotHeld):
        state.prove(b"k")
    for height in range(RETAINED + 5):
        state.apply_block(height, {b"k": b"%d" % height}, [])
    tip = RETAINED + 4
    assert state.prove(b"k", tip - RETAINED).value == b"4"
    for height in (tip + 1, tip - RETAINED - 1):
        with pytest.raises(HeightNotHeld) as caught:
            state.prove(b"k", height)
        assert caught.value.code == "CITY-5007" and f"between {4} and {tip}" in caught.value.do
    assert state.get(b"k", as_of=0) == b"0"
    for height in (-1, tip + 1):
        with pytest.raises(HeightNotHeld):
            state.get(b"k", as_of=height)


def test_anything_changed_in_the_store_is_found_by_verify():
    store = MemoryStore()
    state = open_state(store)
    state.apply_block(0, {b"k%d" % i: b"v%d" % i for i in range(60)}, [])
    state.apply_block(1, {b"k3": b"new"}, [b"receipt"])
    good = state.verify()
    changes: list[Batch] = [[(b"sk5", b"forged")], [(b"sk5", None)], [(b"sadded", b"x")]]
    changes += [[(key, None)] for key, _ in store.iterate(b"p") if key.endswith(b"\x01")]
    changes += [[(key, flipped(value))] for key, value in store.iterate(b"r")]
    changes += [[(key, value[:-1])] for key, value in store.iterate(b"R") if key[-1] == 1]
    for change in changes:
        back = [(key, store.get(key)) for key, _ in change]
        store.write(change)
        with pytest.raises(StoreDamaged):
            open_state(store).verify()
        store.write(back)
        assert open_state(store).verify() == good


class WatchedStore(MemoryStore):
    """Calls `look` right before and right after each write, as a reader in another thread might."""

    def __init__(self) -> None:
        super().__init__()
        self.look = lambda: None

    def write(self, batch: Batch) -> None:
        self.look()
        super().write(batch)
        self.look()


def test_a_proof_taken_while_a_block_is_committed_holds_or_says_that_its_height_is_gone():
    store = WatchedStore()
    state = open_state(store)
    asked = [b"k%d" % i for i in range(0, 60, 7)] + [b"absent"]
    outcomes = []

    def look() -> None:
        applied = state.applied_height
        if applied is None:
            return
        for height in range(max(0, applied - RETAINED - 1), applied + 1):
            for key in asked:
                try:
                    found = state.prove(key, height)
                except HeightNotHeld:
                    outcomes.append(height <= applied - RETAINED)
                    continue
                root, value = state.roots(height).state_root, found.value
                outcomes.append(verify_state_proof(sha256, SUITE, root, key, value, found.proof))

    store.look = look
    for height in range(RETAINED + 6):
        writes = {b"k%d" % (i * (height + 1) % 60): b"%d" % height for i in range(20)}
        state.apply_block(height, writes | {b"k%d" % height: None}, [])
    assert len(outcomes) > 500 and all(outcomes)


def test_a_store_of_another_layout_or_suite_is_refused():
    store = MemoryStore()
    open_state(store).apply_block(0, {}, [])
    with pytest.raises(StoreFormat):
        StateStore(store, sha256, SUITE + 1, WINDOW)
    foreign = MemoryStore()
    foreign.write([(b"x", b"y")])
    with pytest.raises(StoreFormat):
        open_state(foreign)


def test_leveldb_and_memory_hold_the_same_bytes_and_roots(tmp_path):
    level, memory = open_state(LevelStore(tmp_path)), open_state(MemoryStore())
    for height in range(12):
        writes = {b"k%d" % (i * (height + 3) % 500): b"%d" % (height + i) for i in range(200)}
        writes |= {b"k%d" % (i * 7): None for i in range(height)}
        assert level.apply_block(height, writes, [b"r"]) == memory.apply_block(
            height, writes, [b"r"]
        )
    assert list(level._store.iterate(b"")) == list(memory._store.iterate(b""))
    assert level.verify() == memory.verify()
    level.close()
    level = open_state(LevelStore(tmp_path))
    assert level.prove(b"k1", 11 - RETAINED) == memory.prove(b"k1", 11 - RETAINED)
    level.close()
