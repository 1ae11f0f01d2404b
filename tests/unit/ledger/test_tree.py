from __future__ import annotations

import dataclasses
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.encoding import decode, encode
from consensus.state_proof import (
    OtherLeaf,
    StateProof,
    leaf_prefix,
    node_prefix,
    verify_state_proof,
)
from node.ledger import tree as tree_module
from node.ledger.tree import StateTree, TreeDamaged, decode_page
from tests.damage import flipped
from tests.unit.ledger.model import SUITE, sha256, state_root, steered

# Paths that agree in many first bits: deep pages, bunches, chains of one-sided nodes.
STEMS = [bytes(32), b"\xff" * 32, bytes(31) + b"\x01", bytes(2) + b"\x80" * 30, b"\x12" * 32]
close_paths = st.builds(
    flipped,
    st.sampled_from(STEMS),
    st.integers(0, 31),
    st.integers(0, 7),
)
keys = close_paths | st.binary(min_size=32, max_size=32)
values = st.none() | st.binary(max_size=4)
blocks = st.lists(st.dictionaries(keys, values, max_size=24), max_size=6)


class PageBox:
    """A tree over a dict of pages, with the bookkeeping a state store does."""

    def __init__(self, hash_=steered) -> None:
        self.pages: dict[bytes, bytes] = {}
        self.tree = StateTree(self.pages.get, hash_, SUITE)
        self.slot, self.height = b"", 0

    def apply(self, writes: dict[bytes, bytes | None], keep_stale: bool = False) -> bytes:
        update, _ = self.tree.update(self.slot, self.height, writes)
        self.pages.update(update.pages)
        if not keep_stale:
            for key in update.stale:
                del self.pages[key]
        self.tree.adopt(update)
        self.slot, self.height = update.slot, self.height + 1
        return update.root


def merge(model: dict[bytes, bytes], writes: dict[bytes, bytes | None]) -> None:
    for key, value in writes.items():
        if value is None:
            model.pop(key, None)
        else:
            model[key] = value


@given(blocks)
@settings(max_examples=150, deadline=None)
def test_the_root_after_any_blocks_is_the_one_the_definition_gives(found):
    box, model = PageBox(), {}
    for writes in found:
        root = box.apply(writes)
        merge(model, writes)
        assert root == state_root(model, steered)
        fresh = StateTree(
            box.pages.get, steered, SUITE
        )  # nothing held in memory: pages alone say it
        assert dict(fresh.leaves(box.slot)).keys() == {steered_path(k) for k in model}


def steered_path(key: bytes) -> bytes:
    return key if len(key) == 32 else sha256(key)


@given(blocks)
@settings(max_examples=60, deadline=None)
def test_no_page_is_left_behind_when_stale_ones_go(found):
    box = PageBox()
    for writes in found:
        box.apply(writes)
    read: set[bytes] = set()

    def remember(key: bytes) -> bytes | None:
        read.add(key)
        return box.pages.get(key)

    StateTree(remember, steered, SUITE).leaves(box.slot)
    assert read == set(box.pages)


@given(st.dictionaries(keys, st.binary(max_size=4), max_size=30), st.lists(keys, max_size=6))
@settings(max_examples=100, deadline=None)
def test_every_key_has_a_proof_of_its_value_and_every_other_one_of_its_absence(model, asked):
    box = PageBox()
    root = box.apply(model)
    for key in [*model, *asked]:
        proof = box.tree.prove(box.slot, key)
        value = model.get(key)
        assert verify_state_proof(steered, SUITE, root, key, value, proof)
        assert decode(StateProof, encode(proof)) == proof
        wrong = [b"", b"other", value + b"\0"] if value is not None else [b"", b"x"]
        for lie in [w for w in wrong if w != value] + ([None] if value is not None else []):
            assert not verify_state_proof(steered, SUITE, root, key, lie, proof)


@pytest.mark.parametrize("is_present", [True, False])
def test_a_proof_with_any_part_changed_is_refused(is_present):
    model = {b"key%d" % i: b"v%d" % i for i in range(200)}
    box = PageBox(sha256)
    root = box.apply(dict(model))
    key, value = (b"key7", b"v7") if is_present else (b"no such key", None)
    proof = box.tree.prove(box.slot, key)

    def holds(candidate: StateProof, under: bytes = root) -> bool:
        return verify_state_proof(sha256, SUITE, under, key, value, candidate)

    assert holds(proof) and not holds(proof, flipped(root, 3)) and not holds(proof, root[:31])
    siblings = proof.siblings
    for i, sibling in enumerate(siblings):
        for at in (0, 31):
            changed = (*siblings[:i], flipped(sibling, at), *siblings[i + 1 :])
            assert not holds(dataclasses.replace(proof, siblings=changed))
        assert not holds(dataclasses.replace(proof, siblings=(*siblings[:i], *siblings[i + 1 :])))
        assert not holds(
            dataclasses.replace(proof, siblings=(*siblings[:i], sibling[:31], *siblings[i + 1 :]))
        )
    assert not holds(dataclasses.replace(proof, siblings=(*siblings, bytes(32))))
    assert not holds(dataclasses.replace(proof, siblings=(bytes(32), *siblings)))
    assert not holds(dataclasses.replace(proof, siblings=tuple(reversed(siblings))))
    assert not holds(dataclasses.replace(proof, siblings=siblings * 64))
    for other in (OtherLeaf(bytes(32), bytes(32)), OtherLeaf(sha256(b"x"), b"")):
        assert not holds(dataclasses.replace(proof, other=other))


def test_the_keys_own_leaf_shown_as_another_one_proves_no_absence():
    box = PageBox(sha256)
    root = box.apply({b"a": b"1"})
    path = box.tree.path(b"a")
    own = OtherLeaf(path, box.tree.value_hash(b"1"))
    assert not verify_state_proof(sha256, SUITE, root, b"a", None, StateProof((), own))


def test_a_leaf_from_elsewhere_in_the_tree_proves_no_absence():
    model = {bytes((i,)) + bytes(31): b"v" for i in range(256)}
    box = PageBox()
    root = box.apply(dict(model))
    absent = b"\x40" + b"\x01" * 31
    taken = box.tree.prove(box.slot, b"\x80" + bytes(31))
    leaf = OtherLeaf(b"\x80" + bytes(31), box.tree.value_hash(b"v"))
    forged = StateProof(taken.siblings, leaf)
    assert not verify_state_proof(steered, SUITE, root, absent, None, forged)


def test_two_keys_that_differ_in_the_last_bit_have_proofs_of_256_siblings():
    box = PageBox()
    model = {bytes(32): b"a", bytes(31) + b"\x01": b"b"}
    root = box.apply(dict(model))
    assert root == state_root(model, steered)
    for key, value in model.items():
        proof = box.tree.prove(box.slot, key)
        assert len(proof.siblings) == 256
        assert verify_state_proof(steered, SUITE, root, key, value, proof)
    box.apply({bytes((i,)) + bytes(31): b"x" for i in range(1, 9)})
    box.apply({bytes(31) + bytes((i,)): b"x" for i in range(2, 12)})
    for i in range(1, 9):
        box.apply({bytes((i,)) + bytes(31): None})
    box.apply({bytes(31) + bytes((i,)): None for i in range(1, 12)})
    assert box.tree.slot_hash(box.slot) == state_root({bytes(32): b"a"}, steered)
    assert box.pages == {}


def test_the_empty_state_is_zeros_and_proves_every_absence():
    box = PageBox(sha256)
    assert box.apply({}) == bytes(32) == box.apply({b"never there": None})
    proof = box.tree.prove(box.slot, b"k")
    assert proof == StateProof((), None)
    assert verify_state_proof(sha256, SUITE, bytes(32), b"k", None, proof)
    assert not verify_state_proof(sha256, SUITE, bytes(32), b"k", b"", proof)


def test_the_tree_of_an_older_height_still_proves_after_later_blocks():
    box, model, kept = PageBox(sha256), {}, []
    for height in range(12):
        writes = {b"k%d" % (i * 7 % 90): b"%d" % height for i in range(height, height + 40)}
        writes |= {b"k%d" % (height * 3): None}
        merge(model, writes)
        kept.append((box.apply(writes, keep_stale=True), box.slot, dict(model)))
    for root, slot, then in kept:
        for key in [b"k%d" % i for i in range(90)]:
            proof = box.tree.prove(slot, key)
            assert verify_state_proof(sha256, SUITE, root, key, then.get(key), proof)


def test_how_leaves_are_spread_over_pages_never_changes_the_root(monkeypatch):
    model = {b"k%d" % i: b"v" for i in range(3000)}
    roots = set()
    for bunch in (1, 2, 4):
        monkeypatch.setattr(tree_module, "BUNCH_MAX", bunch)
        box = PageBox(sha256)
        box.apply(dict(list(model.items())[:1000]))
        roots.add(box.apply(dict(list(model.items())[1000:])))
    assert roots == {state_root(model)}


def test_a_page_that_is_missing_or_changed_is_found():
    box = PageBox(sha256)
    box.apply({b"k%d" % i: b"v" for i in range(300)})
    for key, page in list(box.pages.items()):
        fresh = StateTree(box.pages.get, sha256, SUITE)
        del box.pages[key]
        with pytest.raises(TreeDamaged):
            fresh.leaves(box.slot)
        box.pages[key] = flipped(page, len(page) - 1)
        with pytest.raises(TreeDamaged):
            fresh.leaves(box.slot)
        box.pages[key] = page[:-1]
        with pytest.raises(TreeDamaged):
            fresh.leaves(box.slot)
        box.pages[key] = page
    with pytest.raises(TreeDamaged):
        decode_page(b"", bytes(32))
    assert len(box.tree.leaves(box.slot)) == 300


def sm3(data: bytes) -> bytes:
    return hashlib.new("sm3", data).digest()


# Computed by a separate script from the text of consensus/state_proof.py: the layout is frozen.
KNOWN_ROOTS = [
    ({b"a": b"1"}, "4e26c4f3c1669f981d1dc61751a420430ac4f86a0f626e98f57a0666a3e393c4"),
    (
        {b"a": b"1", b"b": b"", b"c": b"3"},
        "5f44db8c162f081d3df96e222b7291808cac1e111721243bbb4b4a6ae2d2f3eb",
    ),
    (
        {b"key %d" % i: b"value %d" % i for i in range(100)},
        "c2ea3778fb79fd9998fada96d5a29c134b1996ad81ac953e9410317e6ee1c833",
    ),
]


@pytest.mark.parametrize(("model", "root"), KNOWN_ROOTS)
def test_roots_under_sm3_are_the_frozen_ones(model, root):
    assert PageBox(sm3).apply(dict(model)).hex() == root


def test_a_leaf_that_a_lying_root_puts_in_the_wrong_half_proves_no_absence():
    misplaced = OtherLeaf(b"\x80" + bytes(31), sha256(b"v"))
    leaf = sha256(leaf_prefix(SUITE) + misplaced.path + misplaced.value_hash)
    root = sha256(node_prefix(SUITE) + leaf + sha256(b"anything"))
    proof = StateProof((sha256(b"anything"),), misplaced)
    assert not verify_state_proof(steered, SUITE, root, bytes(32), None, proof)
    fitting = OtherLeaf(b"\x01" + bytes(31), sha256(b"v"))
    leaf = sha256(leaf_prefix(SUITE) + fitting.path + fitting.value_hash)
    root = sha256(node_prefix(SUITE) + leaf + sha256(b"anything"))
    proof = StateProof((sha256(b"anything"),), fitting)
    assert verify_state_proof(steered, SUITE, root, bytes(32), None, proof)
