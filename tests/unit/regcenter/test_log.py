"""The stored Merkle log against the published vectors and against consensus/merkle.py."""

from __future__ import annotations

import hashlib

import pytest

from consensus import merkle
from deploy.regcenter import log
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3

# The eight classical Certificate Transparency leaves; roots of dcep.md section 3.4.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                 "606162636465666768696a6b6c6d6e6f")
]  # fmt: skip
ROOTS = [
    (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"),
    (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
     "2daef60e7a0b8f5e024c81cd2ab3109f2b4f155cf83adeb2ae5532f74a157fdf"),
    (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
     "0b990fe0c7ad70f1bf1a1262f2c7908ea48146b14253a6db99f2917ab1f5cc4d"),
    (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
     "209ec96a210d662a964772680e8544d18cab7b88ffec3e00962220349b56ea56"),
    (4, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
     "28e4e307ef6d2d0c62d84b11ef96e835efe490f35b93c8f024ecfe38c8dd4377"),
    (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
     "bd36c22a1ac6ff4308e0c3cc1a85bf0ffa30538ec60a55c70413ab15d45db4d2"),
    (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
     "bc48ba7a709184b5f2a631e1adeb8dc2a0d4c018c1d6cc89b5664fe154c93b38"),
]  # fmt: skip


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def grown(
    hash_: merkle.HashFunction, leaves: list[bytes]
) -> tuple[dict[bytes, bytes], log.Frontier]:
    nodes: dict[bytes, bytes] = {}
    frontier = log.Frontier(0, [])
    for leaf in leaves:
        frontier.append(hash_, nodes.__setitem__, leaf)
    return nodes, frontier


@pytest.mark.parametrize("size,sha256_root,sm3_root", ROOTS)
def test_roots_are_the_published_ones(size: int, sha256_root: str, sm3_root: str) -> None:
    for hash_, root in ((sha256, sha256_root), (sm3, sm3_root)):
        nodes, frontier = grown(hash_, LEAVES[:size])
        assert frontier.root(hash_).hex() == root
        assert log.root_at(hash_, nodes.get, size).hex() == root
        hashes = [merkle.leaf_hash(hash_, leaf) for leaf in LEAVES[:size]]
        assert merkle.root(hash_, hashes).hex() == root


def test_sm3_paths_are_the_published_ones() -> None:
    nodes, _ = grown(sm3, LEAVES)
    first = [step.hex()[:8] for step in log.inclusion_path(sm3, nodes.get, 0, 8)]
    assert first == ["af83a966", "2489bde0", "2064aa35"]
    fifth = [step.hex()[:8] for step in log.inclusion_path(sm3, nodes.get, 5, 8)]
    assert fifth == ["a798bfdb", "155f6ed4", "28e4e307"]
    grows = [step.hex()[:8] for step in log.consistency_path(sm3, nodes.get, 6, 8)]
    assert grows == ["6f5566cd", "155f6ed4", "28e4e307"]


def test_stored_proofs_equal_the_reference_at_every_size() -> None:
    entries = [bytes((i,)) for i in range(40)]
    nodes, frontier = grown(sm3, entries)
    hashes = [merkle.leaf_hash(sm3, entry) for entry in entries]
    assert frontier.size == 40
    for size in range(1, 41):
        part = hashes[:size]
        root = merkle.root(sm3, part)
        assert log.Frontier.load(nodes.get, size).root(sm3) == root
        for index in range(size):
            path = log.inclusion_path(sm3, nodes.get, index, size)
            assert path == merkle.inclusion_path(sm3, part, index)
            assert merkle.verify_inclusion(sm3, part[index], index, size, path, root)
        for first in range(1, size + 1):
            path = log.consistency_path(sm3, nodes.get, first, size)
            assert path == merkle.consistency_path(sm3, part, first)
            before = merkle.root(sm3, hashes[:first])
            assert merkle.verify_consistency(sm3, first, size, before, root, path)


def test_appending_costs_a_constant_number_of_hashes() -> None:
    count = 0

    def counted(data: bytes) -> bytes:
        nonlocal count
        count += 1
        return sm3(data)

    grown(counted, [b"x"] * 1_024)
    assert count < 2 * 1_024


@pytest.mark.parametrize("index,size", [(-1, 3), (3, 3), (0, 0)])
def test_a_leaf_outside_the_tree_has_no_path(index: int, size: int) -> None:
    nodes, _ = grown(sm3, LEAVES[:3])
    with pytest.raises(CenterError) as refusal:
        log.inclusion_path(sm3, nodes.get, index, size)
    assert refusal.value.code == "RC_RANGE"


def test_a_missing_node_is_damage_not_a_wrong_proof() -> None:
    nodes, _ = grown(sm3, LEAVES)
    del nodes[log.node_key(1, 1)]
    with pytest.raises(CenterError) as refusal:
        log.inclusion_path(sm3, nodes.get, 0, 8)
    assert refusal.value.code == "RC_DAMAGED"
