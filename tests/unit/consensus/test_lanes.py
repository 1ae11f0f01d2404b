"""Whose turn it is: members in turn whatever they send, senders in order, leaders judged by it."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.api import TxRef
from consensus.encoding import Hash
from consensus.ordering.lanes import BLOCK_SHARES
from consensus.ordering.requests import FORWARD_TXS_MAX, Requests
from consensus.ordering.rules import OrderingRules
from tests.unit.consensus.cluster import hash_

RULES = OrderingRules(
    channel_id=Hash(bytes(32)), suite=1, genesis_hash=Hash(bytes(32)), config_hash=Hash(bytes(32)),
    forward_after_ms=2_000, suspect_after_ms=6_000, block_txs_max=10, block_gas_max=1_000,
    block_bytes_max=1_000,
)  # fmt: skip
MEMBERS = ("A", "B", "C", "D")


def tx(
    number: int, member: str = "A", application: str = "one", sender: bytes = b"", gas: int = 1,
    size: int = 1, is_config: bool = False,
) -> TxRef:  # fmt: skip
    id_ = Hash(hash_(b"%d" % number))
    return TxRef(id_, id_, gas, size, is_config, member, application, sender or member.encode())


def next_block(requests: Requests, now_ms: int = 0) -> list[TxRef]:
    """As a leader makes it and everybody accepts and commits it."""
    chosen = requests.choose()
    ids = tuple(ref.tx_id for ref in chosen)
    requests.take(ids, now_ms)
    requests.committed(ids, now_ms)
    return chosen


SENT = st.lists(
    st.tuples(
        st.sampled_from(MEMBERS), st.sampled_from(("one", "two", "three")), st.integers(0, 3)
    ),
    max_size=25,
)


@given(st.lists(SENT, max_size=12))
def test_between_two_of_a_member_stands_at_most_one_of_each_other_that_waits_as_long(rounds):
    """Arrivals of any members in any order between blocks; a member counts while it has more waiting."""
    requests, number = Requests(RULES), 0
    waiting: dict[str, int] = defaultdict(int)
    since: dict[str, dict[str, int]] = {}  # of a member that waits: how often others were served
    for arrivals in [*rounds, *[[]] * 40]:
        for member, application, person in arrivals:
            number += 1
            requests.add(
                tx(number, member, application, b"%s%d" % (member.encode(), person)), number
            )
            if not waiting[member]:
                since[member] = defaultdict(int)
            waiting[member] += 1
        for ref in next_block(requests):
            waiting[ref.member] -= 1
            for other, counts in since.items():
                if other != ref.member and waiting[other]:
                    counts[ref.member] += 1
                    assert counts[ref.member] <= 1, "twice while another waited"
            since[ref.member] = defaultdict(int)
    assert len(requests) == 0


@given(st.lists(SENT, max_size=12))
def test_a_senders_transactions_keep_their_order_whatever_they_are_for(rounds):
    requests, number = Requests(RULES), 0
    sent: dict[bytes, list[Hash]] = defaultdict(list)
    ordered: dict[bytes, list[Hash]] = defaultdict(list)
    for arrivals in [*rounds, *[[]] * 40]:
        for member, application, person in arrivals:
            number += 1
            ref = tx(number, member, application, b"%s%d" % (member.encode(), person))
            requests.add(ref, number)
            sent[ref.sender].append(ref.tx_id)
        for ref in next_block(requests):
            ordered[ref.sender].append(ref.tx_id)
    assert ordered == sent


@given(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.integers(1, 300), st.integers(1, 300)), min_size=40
    )
)
def test_members_that_always_wait_fill_as_much_of_the_blocks_as_each_other(sent):
    requests = Requests(RULES)
    for number, (member, gas, size) in enumerate(sent):
        requests.add(tx(number, member, gas=gas, size=size), number)
    left = {member: sum(m == member for m, *_ in sent) for member in "AB"}
    shares: dict[str, int] = defaultdict(int)
    while all(left.values()):
        for ref in next_block(requests):
            if not all(left.values()):
                break
            left[ref.member] -= 1
            parts = (100_000, ref.gas_limit * 1_000, ref.size_bytes * 1_000)
            shares[ref.member] += max(parts)
            assert abs(shares["A"] - shares["B"]) <= 2 * 300 * BLOCK_SHARES // 1_000


def test_ten_thousand_of_one_member_from_fifty_people_delay_anothers_by_one_turn():
    requests = Requests(RULES)
    for number in range(10_000):
        requests.add(tx(number, "A", "one", b"%d" % (number % 50)), 0)
    next_block(requests)
    requests.add(tx(20_000, "B"), 1)
    requests.add(tx(20_001, "B"), 1)
    assert [ref.member for ref in next_block(requests)] == list("BABAAAAAAA")


def test_applications_of_one_member_take_turns_too():
    requests = Requests(RULES)
    for number in range(20):
        requests.add(tx(number, "A", "busy", b"p"), 0)
    requests.add(tx(20, "A", "other", b"q"), 0)
    assert [ref.application for ref in next_block(requests)][:3] == ["busy", "other", "busy"]


def test_where_nobody_says_whose_it_is_arrival_decides():
    requests = Requests(RULES)
    refs = [TxRef(Hash(hash_(b"%d" % n)), Hash(bytes(32)), 1, 1) for n in range(30)]
    for ref in refs:
        requests.add(ref, 0)
    assert next_block(requests) + next_block(requests) + next_block(requests) == refs


def test_a_member_that_only_changes_the_configuration_leaves_a_block_to_the_others_each_time():
    requests = Requests(RULES)
    for number in range(5):
        requests.add(tx(number, "A", "_config", is_config=True), 0)
    for number in range(10, 40):
        requests.add(tx(number, "B"), 0)
    blocks = [next_block(requests) for _ in range(6)]
    assert [len(block) for block in blocks[:5]] == [1, 10, 1, 10, 1]
    first = requests.next_config()
    assert (first is not None) is (not blocks[5][0].is_config)


def test_what_a_view_had_taken_waits_again_in_its_old_order():
    requests = Requests(RULES)
    refs = [tx(n, "AB"[n % 2], sender=b"AB"[n % 2 : n % 2 + 1]) for n in range(12)]
    for ref in refs:
        requests.add(ref, 0)
    first = requests.choose()
    requests.take((ref.tx_id for ref in first), 0)
    assert requests.choose() != first
    requests.release()
    assert requests.choose() == first and len(requests) == 12


# ---- what a follower thinks of its leader ----------------------------------------------------------


def test_a_fair_leader_under_a_flood_that_never_ends_is_not_suspected():
    requests, number = Requests(RULES), 0
    for second in range(60):
        now_ms = second * 1_000
        for _ in range(40):  # four times what a block holds
            number += 1
            requests.add(tx(number, "A", sender=b"%d" % (number % 7)), now_ms)
        number += 1
        requests.add(tx(number, "B"), now_ms)
        assert "B" in {ref.member for ref in next_block(requests, now_ms)}
        suspect_ms = requests.suspect_at_ms()
        assert suspect_ms is not None and suspect_ms > now_ms


@pytest.mark.parametrize("is_starving", [True, False])
def test_a_leader_that_serves_a_flood_and_leaves_one_member_out_is_suspected(is_starving: bool):
    requests, number, suspected = Requests(RULES), 0, False
    left_out = tx(0, "B")
    for second in range(20):
        now_ms = second * 1_000
        for _ in range(40):
            number += 1
            requests.add(tx(number, "A", sender=b"%d" % (number % 7)), now_ms)
        if second == 5:
            requests.add(left_out, now_ms)
        chosen = requests.choose()
        if is_starving:
            # The flood's own turns, as if nobody else were there.
            requests.drop([left_out.tx_id] if second >= 5 else [])
            chosen = requests.choose()
            if second >= 5:
                requests.add(left_out, 5_000)
        ids = tuple(ref.tx_id for ref in chosen)
        requests.take(ids, now_ms)
        requests.committed(ids, now_ms)
        due_ms = requests.suspect_at_ms()
        assert due_ms is not None
        suspected = suspected or due_ms <= now_ms
    assert suspected is is_starving


def test_whoever_came_when_a_slow_block_was_under_way_blames_nobody_and_later_does():
    """Blocks that take 5 seconds each; a transaction may have to wait for two of them."""
    requests = Requests(RULES)
    for number in range(100):
        requests.add(tx(number, "A"), 0)
    under_way = tuple(ref.tx_id for ref in requests.choose())
    requests.take(under_way, 1_000)
    requests.add(tx(200, "B"), 1_100)
    requests.committed(under_way, 6_000)
    assert requests.suspect_at_ms() == 12_000
    left_out = tuple(ref.tx_id for ref in requests.choose() if ref.member == "A")
    requests.take((*left_out, tx(90).tx_id), 6_000)
    requests.committed((*left_out, tx(90).tx_id), 11_000)
    assert requests.suspect_at_ms() == 12_000, "the second one could have held it"


def test_whoever_was_passed_over_for_long_is_owed_a_block_and_no_more():
    requests = Requests(RULES)
    requests.add(tx(0, "B"), 0)
    for number in range(1, 101):
        requests.add(tx(number, "A"), 0)
    requests.take((tx(number).tx_id for number in range(1, 51)), 0)
    for number in range(200, 240):
        requests.add(tx(number, "B"), 0)
    members = "".join(ref.member for _ in range(3) for ref in next_block(requests))
    assert members.startswith("B" * 10) and members[12:].count("A") >= 8


def test_members_that_wait_for_their_turn_behind_many_others_blame_nobody():
    rules = OrderingRules(
        channel_id=Hash(bytes(32)), suite=1, genesis_hash=Hash(bytes(32)),
        config_hash=Hash(bytes(32)), forward_after_ms=2_000, suspect_after_ms=6_000, block_txs_max=1,
    )  # fmt: skip
    requests, number = Requests(rules), 0
    for second in range(100):
        for member in range(20) if second % 20 == 0 else ():
            number += 1
            requests.add(tx(number, f"M{member}"), second * 1_000)
        next_block(requests, second * 1_000)
        due_ms = requests.suspect_at_ms()
        assert due_ms is None or due_ms > second * 1_000


def test_what_falls_due_is_handed_over_lane_by_lane_and_bounded():
    requests = Requests(RULES)
    for number in range(3 * FORWARD_TXS_MAX):
        requests.add(tx(number, "A"), 0)
    requests.add(tx(10_000, "B"), 500)
    assert requests.forward_at_ms() == 2_000
    due = requests.take_due(2_500)
    assert len(due) == FORWARD_TXS_MAX and tx(10_000, "B").tx_id in due[:2]
    assert tx(10_000, "B").tx_id in requests.oldest(3_000)[:2]


def test_nothing_is_left_of_what_has_gone():
    requests = Requests(RULES)
    for number in range(200):
        requests.add(tx(number, f"M{number % 90}", sender=b"%d" % number), 0)
    while len(requests):
        next_block(requests)
    lanes = requests._lanes
    assert not requests._all and not list(lanes) and len(lanes._served) <= 90
    assert (requests._free_count, requests._free_gas, requests._free_bytes) == (0, 0, 0)
    assert requests.suspect_at_ms() is None and requests.forward_at_ms() is None
