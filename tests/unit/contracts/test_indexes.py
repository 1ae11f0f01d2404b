"""Secondary indexes of a Map: always what a walk over all entries finds, in order, in pages, both engines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.runtime.api import ContractRefused
from contracts.runtime.testing import ContractChain, chain, chain_engine  # noqa: F401

SHELF = """
from sdk import Map, call, ctx, dataclass, export, require, view


@dataclass
class Book:
    owner: str | None
    year: int


books = Map("book", None, indexes=("owner", ("owner", "year"), "year"))
plain = Map("plain", None)
INDEXES = ("owner", ("owner", "year"), "year")


@export
def put(key: str, owner: str | None, year: int) -> bool:
    books[key] = Book(owner, year)
    return True


@export
def drop(key: str) -> bool:
    del books[key]
    return key in books


@export
def put_and_fail(key: str, owner: str, year: int) -> bool:
    books[key] = Book(owner, year)
    require(False, "E_LATE")


@export
def put_wrong(key: str, owner: str) -> list:
    try:
        books[key] = {"owner": owner}
    except TypeError:
        pass
    return [found for found, _ in books.by("owner", owner)]


@export
def seen_at_once(key: str, owner: str) -> list:
    books[key] = Book(owner, 1)
    first = [found for found, _ in books.by("owner", owner)]
    books[key] = Book(owner + "!", 1)
    return [first, [found for found, _ in books.by("owner", owner)]]


@view
def owned(owner: str, limit: int = 100, after: str | None = None) -> list:
    return [key for key, _ in books.by("owner", owner, after=after, limit=limit)]


@view
def by_year(limit: int = 100, after_year: int = -1, after_key: str = "") -> list:
    after = (after_year, after_key) if after_year >= 0 else None
    return [[book.year, key] for key, book in books.by("year", after=after, limit=limit)]


@view
def owned_by_year(owner: str) -> list:
    return [[book.year, key] for key, book in books.by(("owner", "year"), owner)]


@view
def everything() -> list:
    return [[key, book.owner, book.year] for key, book in books.scan(limit=1000)]


@view
def unknown() -> list:
    return books.by("colour", "red")


@view
def unindexed() -> list:
    return plain.by("owner", "ann")


@view
def too_many() -> list:
    return books.by("owner", limit=1001)


@view
def tuples(owner: str) -> list:
    return [found for found, _ in plain.scan((owner,))]


@export
def put_tuple(owner: str) -> bool:
    plain[(owner, 1)] = 1
    return True
"""


@pytest.fixture
def shelf(chain: ContractChain) -> ContractChain:  # noqa: F811
    chain.deploy("shelf", SHELF)
    for key, owner, year in (("a", "ann", 3), ("b", "bob", 1), ("c", "ann", 2), ("d", None, 9)):
        chain.ok("shelf", "put", key=key, owner=owner, year=year)
    return chain


def test_entries_are_found_by_a_field_and_in_the_order_of_fields(shelf: ContractChain) -> None:
    assert shelf.query("shelf", "owned", owner="ann") == ["a", "c"]
    assert shelf.query("shelf", "owned_by_year", owner="ann") == [[2, "c"], [3, "a"]]
    assert shelf.query("shelf", "by_year") == [[1, "b"], [2, "c"], [3, "a"], [9, "d"]]


def test_pages_go_on_after_the_last_row(shelf: ContractChain) -> None:
    assert shelf.query("shelf", "owned", owner="ann", limit=1) == ["a"]
    assert shelf.query("shelf", "owned", owner="ann", limit=1, after="a") == ["c"]
    assert shelf.query("shelf", "owned", owner="ann", limit=1, after="c") == []
    page = shelf.query("shelf", "by_year", limit=2, after_year=1, after_key="b")
    assert page == [[2, "c"], [3, "a"]]


def test_a_change_moves_the_entry_and_a_deletion_leaves_nothing(shelf: ContractChain) -> None:
    shelf.ok("shelf", "put", key="a", owner="bob", year=3)
    assert shelf.query("shelf", "owned", owner="ann") == ["c"]
    assert shelf.query("shelf", "owned", owner="bob") == ["a", "b"]
    for key in "abcd":
        shelf.ok("shelf", "drop", key=key)
    for index in ("book", "book#owner", "book#owner,year", "book#year"):
        assert shelf.state("shelf", index) == {}


def test_a_transaction_sees_its_own_changes_in_the_index(shelf: ContractChain) -> None:
    assert shelf.ok("shelf", "seen_at_once", key="z", owner="zoe") == [["z"], []]


def test_a_refused_transaction_and_a_refused_value_leave_the_index_alone(
    shelf: ContractChain,
) -> None:
    shelf.refused("E_LATE", "shelf", "put_and_fail", key="x", owner="ann", year=1)
    assert shelf.query("shelf", "owned", owner="ann") == ["a", "c"]
    assert shelf.ok("shelf", "put_wrong", key="a", owner="ann") == ["a", "c"]


def test_an_index_that_is_not_declared_and_a_page_too_large_are_refused(
    shelf: ContractChain,
) -> None:
    for method in ("unknown", "unindexed", "too_many"):
        shelf.refused("ValueError", "shelf", method)


def test_a_text_that_goes_on_behind_a_zero_is_another_value(shelf: ContractChain) -> None:
    shelf.ok("shelf", "put", key="n", owner="ann\0x", year=5)
    assert shelf.query("shelf", "owned", owner="ann") == ["a", "c"]
    assert shelf.query("shelf", "owned", owner="ann\0x") == ["n"]
    for owner in ("ann", "ann\0x"):
        shelf.ok("shelf", "put_tuple", owner=owner)
    assert shelf.query("shelf", "tuples", owner="ann") == [("ann", 1)]


@pytest.mark.parametrize(
    "declared",
    [
        'Map("m", None, indexes="owner")',
        'Map("m", None, indexes=("owner", "owner"))',
        'Map("m", None, indexes=(("a", "b", "c", "d", "e"),))',
        'Map("m", None, indexes=(1,))',
        'Map("m", None, indexes=("a b",))',
        'Map("m#owner", None)',
        'Var("m#owner", None)',
    ],
)
def test_a_wrong_declaration_is_refused_at_deployment(declared: str, chain: ContractChain) -> None:  # noqa: F811
    with pytest.raises(ContractRefused) as refused:
        chain.deploy("wrong", f"from sdk import Map, Var\n\nm = {declared}\n")
    assert [finding.code for finding in refused.value.diagnostics] == ["CT614"]


def test_both_engines_write_the_same_bytes_for_the_same_gas() -> None:
    seen = []
    for engine in ("native", "wasm"):
        one = ContractChain(engine)
        one.deploy("shelf", SHELF)
        calls = [
            ("put", "a", "ann", 3),
            ("put", "b", "ann", 1),
            ("put", "a", None, 2),
            ("drop", "b"),
        ]
        for method, *words in calls:
            args = dict(zip(("key", "owner", "year"), words, strict=False))
            seen.append((engine, one.call("shelf", method, args=args).raw))
        seen.append((engine, one.call("shelf", "by_year").raw))
    half = len(seen) // 2
    assert [raw for _, raw in seen[:half]] == [raw for _, raw in seen[half:]]
    assert {raw.outcome for _, raw in seen} == {"ok"}


KEYS = st.sampled_from(["a", "b", "c", "a\0b", ""])
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.sampled_from([None, "ann", "bob", "ann\0x"]),
                  st.integers(0, 3)),
        st.tuples(st.just("drop"), KEYS),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(CHANGES)
def test_an_index_is_always_what_a_walk_over_all_entries_finds(changes) -> None:
    chain_ = ContractChain("native")
    chain_.deploy("shelf", SHELF)
    for change in changes:
        words = dict(zip(("key", "owner", "year"), change[1:], strict=False))
        chain_.ok("shelf", change[0], **words)
    rows = chain_.query("shelf", "everything")
    for owner in ("ann", "bob", "ann\0x"):
        mine = sorted(key for key, whose, _ in rows if whose == owner)
        assert chain_.query("shelf", "owned", owner=owner) == mine
        years = sorted([year, key] for key, whose, year in rows if whose == owner)
        assert chain_.query("shelf", "owned_by_year", owner=owner) == years
    assert chain_.query("shelf", "by_year") == sorted([year, key] for key, _, year in rows)
