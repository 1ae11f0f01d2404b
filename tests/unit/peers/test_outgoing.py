"""The queue of a link: order, bounds, and frames that peers accept."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.encoding import Hash
from node.errors import CityError
from node.model import Envelope
from node.peers.batch import PeerBatch
from node.peers.outgoing import FRAME_BYTES, Bound, Outgoing
from node.wire.frames import (
    BLOCKS,
    CONSENSUS,
    FRAME_BYTES_MAX,
    PIECE_BYTES,
    TRANSACTIONS,
    Piece,
    batch_frame,
    encode_batch,
    parse_frame,
)

ENVELOPE = Envelope(b"body" * 50, bytes(65), bytes(64))


async def test_consensus_leaves_before_transactions_and_those_before_blocks() -> None:
    queue = Outgoing()
    for priority in (BLOCKS, TRANSACTIONS, CONSENSUS, BLOCKS, CONSENSUS):
        queue.put([Piece(priority, b"x", 1)])
    assert [p.priority for p in await queue.take()] == [0, 0, 1, 2, 2]
    assert queue.waiting == (0, 0)


async def test_a_frame_is_filled_to_its_size_and_the_rest_waits() -> None:
    queue = Outgoing()
    queue.put([Piece(TRANSACTIONS, bytes(FRAME_BYTES // 2), 1)] * 3)
    queue.put([Piece(BLOCKS, b"small", 1)])
    assert [p.priority for p in await queue.take()] == [TRANSACTIONS] * 2
    assert [p.priority for p in await queue.take()] == [TRANSACTIONS, BLOCKS]


async def test_a_full_queue_drops_the_newest_and_says_so() -> None:
    queue = Outgoing({CONSENSUS: Bound(2, 100), TRANSACTIONS: Bound(9, 10), BLOCKS: Bound(1, 10)})
    kept = [Piece(CONSENSUS, b"a", 1), Piece(CONSENSUS, b"b", 1)]
    by_count, by_bytes = Piece(CONSENSUS, b"c", 1), Piece(TRANSACTIONS, bytes(11), 1)
    assert queue.put([*kept, by_count, by_bytes]) == [by_count, by_bytes]
    assert await queue.take() == kept


async def test_a_piece_that_no_frame_can_hold_is_dropped() -> None:
    queue = Outgoing({0: Bound(9, 1 << 30), 1: Bound(9, 9), 2: Bound(9, 9)})
    giant = Piece(CONSENSUS, bytes(FRAME_BYTES_MAX), 1)
    assert queue.put([giant]) == [giant]


async def test_the_consumer_wakes_when_something_arrives() -> None:
    queue = Outgoing()
    taking = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    assert not taking.done()
    queue.put([Piece(CONSENSUS, b"x", 1)])
    assert len(await taking) == 1


@settings(max_examples=50)
@given(
    st.lists(st.binary(min_size=1, max_size=60_000), max_size=12),
    st.integers(0, 2000),
    st.lists(st.binary(min_size=32, max_size=32), max_size=4),
    st.one_of(st.none(), st.tuples(st.integers(0, 5), st.integers(5, 2**64 - 1))),
    st.integers(0, 2**64 - 1),
)
def test_a_batch_is_the_sum_of_its_frames(
    consensus: list[bytes],
    transactions: int,
    wanted: list[bytes],
    blocks: tuple[int, int] | None,
    tip: int,
) -> None:
    batch = PeerBatch(
        tuple(consensus), (ENVELOPE,) * transactions, tuple(map(Hash, wanted)), blocks, (), tip
    )
    pieces = encode_batch(batch)
    assert all(len(piece.data) < 2 * PIECE_BYTES for piece in pieces)
    if pieces:
        assert parse_frame(batch_frame(pieces)) == batch


@pytest.mark.parametrize(
    "batch",
    [
        PeerBatch(consensus=(b"",)),
        PeerBatch(want_transactions=(Hash(b"short"),)),
        PeerBatch(want_blocks=(9, 3)),
        PeerBatch(transactions=(Envelope(b"", bytes(65), bytes(64)),)),
        PeerBatch(transactions=(Envelope(b"x", bytes(64), bytes(64)),)),
        PeerBatch(consensus=(b"x",) * 5000),
    ],
)
def test_a_batch_out_of_bounds_is_a_protocol_violation(batch: PeerBatch) -> None:
    with pytest.raises(CityError) as caught:
        parse_frame(batch_frame(encode_batch(batch)))
    assert caught.value.code == "CITY-6201"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_violation(data: bytes) -> None:
    try:
        parse_frame(data)
    except CityError as error:
        assert error.code == "CITY-6201"
