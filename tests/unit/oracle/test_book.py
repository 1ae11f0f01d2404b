"""What a relay's journal keeps ready equals what a walk over all its payments finds, after any history."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from node.oracle.relay import SETTLED, Book, Outcome, Payment

REFERENCES = [f"{n:02x}" * 32 for n in range(4)]
POINTS = st.integers(0, 7)


def watch(reference: int) -> dict[str, Any]:
    return {"do": "watch", "reference": REFERENCES[reference], "contract": "receivable",
            "method": "pay", "args": {}}  # fmt: skip


def notice(point: int) -> dict[str, Any]:
    return {"do": "notice", "reference": REFERENCES[point % 4], "txid": f"{point:02x}" * 32,
            "index": point, "paid_ms": point}  # fmt: skip


def end(point: int, outcome: Outcome) -> dict[str, Any]:
    return {"do": "end", "point": f"{point:02x}" * 32 + f"/{point}", "outcome": str(outcome),
            "code": "", "tx_id": ""}  # fmt: skip


STEPS = st.one_of(
    st.builds(watch, st.integers(0, 3)),
    st.builds(notice, POINTS),
    st.builds(end, POINTS, st.sampled_from(Outcome)),
    st.integers(0, 9),  # forget what was paid before then
)


@given(st.lists(STEPS, max_size=40))
def test_pending_and_settled_are_what_a_walk_finds(steps: list[dict[str, Any] | int]) -> None:
    book = Book()
    for step in steps:
        if isinstance(step, int):
            book.forget(step)
        elif step["do"] != "end" or step["point"] in book.payments:
            book.add(step)
        waits = [
            p
            for p in book.payments.values()
            if p.outcome is Outcome.OPEN and p.reference in book.watched
        ]
        assert sorted(book.pending(), key=point_of) == sorted(waits, key=point_of)
        settled = {p.reference for p in book.payments.values() if p.outcome in SETTLED}
        assert [book.is_settled(r) for r in REFERENCES] == [r in settled for r in REFERENCES]


@given(st.lists(STEPS, max_size=40))
def test_a_journal_written_anew_says_the_same(steps: list[dict[str, Any] | int]) -> None:
    book = Book()
    for step in steps:
        if not isinstance(step, int) and (step["do"] != "end" or step["point"] in book.payments):
            book.add(step)
    again = Book()
    for record in book.records():
        again.add(record)
    assert sorted(again.pending(), key=point_of) == sorted(book.pending(), key=point_of)
    assert [again.is_settled(r) for r in REFERENCES] == [book.is_settled(r) for r in REFERENCES]


def point_of(found: Payment) -> str:
    return found.point
