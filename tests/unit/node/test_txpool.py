"""The pool's bounds: the whole, a member's share, a sender's share, age and height."""

from __future__ import annotations

import pytest

from consensus.api import TxRef
from consensus.encoding import Hash
from node.errors import CityError
from node.genesis import Identity
from node.model import Envelope
from node.ordering.admission import Admitted
from node.ordering.txpool import AGE_MS_MAX, PoolLimits, TxPool
from node.wire.body import TxBody

LIMITS = PoolLimits(count_max=10, bytes_max=10_000, member_share=60, sender_share=40)


def tx(
    number: int,
    member: str = "A",
    sender: int = 1,
    size: int = 10,
    until: int = 100,
    sig: bytes = b"s",
):
    id_, who = Hash(number.to_bytes(32)), Hash(sender.to_bytes(32))
    body = TxBody(1, id_, who, "c", 1, "m", "{}", bytes(16), until, 1, str(number))
    identity = Identity(f"u{sender}", member, b"", ())
    return Admitted(Envelope(b"x" * size, b"", sig), body, id_, TxRef(id_, id_, 1, size), identity)


def fill(pool: TxPool, *txs: Admitted) -> None:
    for each in txs:
        pool.add(each, 0, spread=False)


def refusal(pool: TxPool, each: Admitted) -> str:
    with pytest.raises(CityError) as caught:
        pool.add(each, 0, spread=False)
    return caught.value.code


def test_a_sender_and_a_member_have_a_share_and_whoever_comes_next_finds_room():
    pool = TxPool(LIMITS)
    fill(pool, *(tx(i, sender=1) for i in range(4)))
    assert refusal(pool, tx(4, sender=1)) == "CITY-3021"
    fill(pool, tx(5, sender=2), tx(6, sender=2))
    assert refusal(pool, tx(7, sender=3)) == "CITY-3021"  # the member A holds six of ten
    fill(pool, *(tx(i, "B", 9) for i in range(10, 12)))
    assert refusal(pool, tx(12, "B", 9)) == "CITY-3021"  # and leaves some of what is left
    fill(pool, tx(20, "C", 10))
    assert len(pool) == 9
    assert pool.add(tx(30, "D", 11), 0, spread=False, needed=True)
    assert refusal(pool, tx(40, "E", 12)) == "CITY-3020"


def test_bytes_are_bounded_too():
    pool = TxPool(LIMITS)
    fill(pool, tx(1, size=3_900))
    assert refusal(pool, tx(2, size=200)) == "CITY-3021"
    assert pool.size_bytes == 3_901  # with the signature


def test_a_body_that_a_proposal_needs_finds_room_in_a_full_pool():
    pool = TxPool(PoolLimits(count_max=1, bytes_max=100, member_share=100, sender_share=100))
    fill(pool, tx(1))
    assert pool.add(tx(2), 0, spread=False, needed=True)
    assert len(pool) == 2


def test_room_comes_back_when_transactions_leave():
    pool = TxPool(LIMITS)
    fill(pool, *(tx(i) for i in range(4)))
    pool.remove([Hash(i.to_bytes(32)) for i in range(4)])
    assert (len(pool), pool.size_bytes, pool.members()) == (0, 0, {})
    fill(pool, tx(5))


def test_what_was_ordered_does_not_come_in_again():
    pool = TxPool(LIMITS)
    pool.remove([tx(1).tx_id])
    assert not pool.add(tx(1), 0, spread=True)
    assert len(pool) == 0 and pool.drain_fresh() == ()


def test_height_and_ten_minutes_end_the_wait():
    pool = TxPool(LIMITS)
    fill(pool, tx(1, until=5), tx(2, until=50))
    assert pool.expire(0, tip_height=5) == [tx(1).tx_id]
    assert pool.expire(AGE_MS_MAX, tip_height=5) == []
    assert pool.expire(AGE_MS_MAX + 1, tip_height=5) == [tx(2).tx_id]
    assert pool.drain_dropped() == (tx(1).tx_id, tx(2).tx_id)
    assert pool.get(tx(2).tx_id) is None and pool.get_or_dropped(tx(2).tx_id) is not None


def test_of_two_signatures_of_one_body_every_pool_keeps_the_smaller():
    small, large = tx(1, sig=b"a"), tx(1, sig=b"b")
    for order in ((small, large), (large, small)):
        pool = TxPool(LIMITS)
        fill(pool, *order)
        held = pool.get(small.tx_id)
        assert held is not None and held.envelope.signature == b"a" and len(pool) == 1


def test_fresh_and_unspread_are_told_once_and_in_batches():
    pool = TxPool()
    for i in range(3):
        pool.add(tx(i, size=600_000), 0, spread=True)
    assert [ref.tx_id for ref in pool.drain_fresh()] == [tx(i).tx_id for i in range(3)]
    assert pool.drain_fresh() == ()
    assert [len(pool.drain_unspread()) for _ in range(4)] == [1, 1, 1, 0]
