from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import merkle

ADAPTER = Path(__file__).parents[4] / "shared" / "suites" / "adapters" / "run_merkle.py"


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def adapter() -> ModuleType:
    if not ADAPTER.exists():
        pytest.skip("the RFC 6962 vectors of ../shared/suites are not here")
    spec = importlib.util.spec_from_file_location("run_merkle", ADAPTER)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_inclusion_agrees_with_every_published_vector() -> None:
    cases = list(adapter().inclusion_cases())
    assert len(cases) == 98
    for where, index, size, leaf, path, root, is_valid in cases:
        assert merkle.verify_inclusion(sha256, leaf, index, size, path, root) is is_valid, where


def test_consistency_agrees_with_every_published_vector() -> None:
    cases = list(adapter().consistency_cases())
    assert len(cases) == 98
    for where, first, second, root1, root2, path, is_valid in cases:
        held = merkle.verify_consistency(sha256, first, second, root1, root2, path)
        assert held is is_valid, where


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert merkle.root(sha256, []) == sha256(b"")


@given(st.integers(1, 70), st.data())
def test_every_leaf_of_every_size_has_a_path_that_only_it_satisfies(
    size: int, data: st.DataObject
) -> None:
    leaves = [merkle.leaf_hash(sha256, b"%d" % i) for i in range(size)]
    root = merkle.root(sha256, leaves)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(sha256, leaves, index)
    assert merkle.verify_inclusion(sha256, leaves[index], index, size, path, root)
    other = data.draw(st.integers(0, size))
    if other != index:
        assert not merkle.verify_inclusion(sha256, leaves[index], other, size, path, root)
    assert not merkle.verify_inclusion(sha256, leaves[index], index, size, [*path, root], root)
    if path:
        assert not merkle.verify_inclusion(sha256, leaves[index], index, size, path[:-1], root)


@given(st.integers(1, 70), st.data())
def test_a_longer_tree_proves_that_it_extends_a_shorter_one(size: int, data: st.DataObject) -> None:
    leaves = [merkle.leaf_hash(sha256, b"%d" % i) for i in range(size)]
    first = data.draw(st.integers(1, size))
    path = merkle.consistency_path(sha256, leaves, first)
    roots = merkle.root(sha256, leaves[:first]), merkle.root(sha256, leaves)
    assert merkle.verify_consistency(sha256, first, size, *roots, path)
    if first != size:
        assert not merkle.verify_consistency(sha256, first, size, roots[1], roots[0], path)


@pytest.mark.parametrize("bad", [b"", b"\0" * 31, b"\0" * 33])
def test_a_malformed_path_is_false_and_no_exception(bad: bytes) -> None:
    leaf = merkle.leaf_hash(sha256, b"x")
    assert not merkle.verify_inclusion(sha256, leaf, 0, 2, [bad], leaf)
    assert not merkle.verify_consistency(sha256, 1, 2, leaf, leaf, [bad])
