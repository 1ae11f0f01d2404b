"""Rules R5 to R10, one sentence a test."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consensus.api import (
    Broadcast,
    Forward,
    InvariantBroken,
    ProtocolViolation,
    Synced,
    TxDropped,
)
from consensus.certificate import CommitCert, bitmap
from consensus.encoding import Hash, Sig
from consensus.header import Header, block_hash
from consensus.pbft.certificates import PreparedCert
from consensus.pbft.messages import (
    Commit,
    Decided,
    NewView,
    Prepare,
    Proposal,
    Status,
    ViewChange,
    decode_message,
    signed_bytes,
)
from consensus.pbft.selection import select
from tests.simulation.ghost import SUITE, hash_
from tests.unit.consensus.cluster import CHANNEL, Cluster, genesis_header, tx

GENESIS = block_hash(hash_, genesis_header(4))
UNSIGNED = Sig(bytes(64))


# --- select() (R7), on values alone


def header_at(height: int, parent: Hash, salt: int = 0) -> Header:
    return replace(
        genesis_header(4), height=height, parent_hash=parent, timestamp_ms=1_000_000 + salt
    )


def prepared(view: int, header: Header) -> PreparedCert:
    return PreparedCert(view, header, bitmap([0, 1, 2], 4), (UNSIGNED,) * 3)


def committed(height: int, digest: Hash) -> CommitCert:
    return CommitCert("pbft", 0, height, 0, digest, bitmap([0, 1, 2], 4), (UNSIGNED,) * 3)


def change(
    sender: int, *certs: PreparedCert, tip: CommitCert | None = None, view: int = 9
) -> ViewChange:
    return ViewChange(CHANNEL, 0, sender, view, tip, certs, "test", UNSIGNED)


def test_nothing_prepared_selects_nothing() -> None:
    selection = select(hash_, [change(0), change(1), change(2)], GENESIS)
    assert (selection.base_height, selection.base_hash, selection.blocks) == (0, GENESIS, ())


def test_the_prepared_block_of_the_highest_view_is_selected() -> None:
    old, new = header_at(1, GENESIS, 1), header_at(1, GENESIS, 2)
    for order in ([0, 1], [1, 0]):
        certs = [prepared(2, old), prepared(5, new)]
        changes = [change(i, certs[k]) for i, k in enumerate(order)]
        selected = select(hash_, [*changes, change(3)], GENESIS).at(1)
        assert selected is not None and selected[0] == block_hash(hash_, new)


def test_selection_stops_at_the_first_gap() -> None:
    one = header_at(1, GENESIS)
    two = header_at(2, block_hash(hash_, one))
    three = header_at(3, block_hash(hash_, two))
    selection = select(hash_, [change(0, prepared(1, one), prepared(1, three))], GENESIS)
    assert [cert.header.height for _, cert in selection.blocks] == [1]
    assert selection.at(2) is None and selection.at(3) is None and selection.at(0) is None


def test_a_prepared_block_on_another_parent_is_not_selected() -> None:
    one = header_at(1, GENESIS)
    stray = header_at(2, Hash(hash_(b"elsewhere")))
    selection = select(hash_, [change(0, prepared(1, one), prepared(8, stray))], GENESIS)
    assert len(selection.blocks) == 1


def test_the_base_is_the_highest_commit_certificate_and_the_selection_starts_above_it() -> None:
    one = header_at(1, GENESIS)
    digest = block_hash(hash_, one)
    two = header_at(2, digest)
    changes = [
        change(0, prepared(3, one)),
        change(1, prepared(3, two), tip=committed(1, digest)),
        change(2),
    ]
    selection = select(hash_, changes, GENESIS)
    assert (selection.base_height, selection.base_hash) == (1, digest)
    assert [cert.header.height for _, cert in selection.blocks] == [2]


def test_two_commit_certificates_at_one_height_are_a_fork_and_not_bad_input() -> None:
    tips = [committed(1, Hash(hash_(b"a"))), committed(1, Hash(hash_(b"b")))]
    with pytest.raises(InvariantBroken, match="fork"):
        select(hash_, [change(i, tip=tip) for i, tip in enumerate(tips)], GENESIS)


def proposed_hash(cluster: Cluster, index: int) -> Hash:
    """What node `index` accepted at height 1."""
    slot = cluster.cores[index]._started.slots[1]
    assert slot.is_accepted and slot.block_hash is not None
    return slot.block_hash


# --- suspecting and joining (R5, R6, R9)


def test_a_silent_leader_is_replaced_and_the_waiting_transaction_commits() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1), to=[1, 2, 3])
    for _ in range(40):
        cluster.pass_time(500)
        cluster.flush(lambda s, to, m: 0 not in (s, to))
    assert [core.status().view for core in cluster.cores[1:]] == [1, 1, 1]
    assert all(d.block.tx_ids == (tx(1).tx_id,) for d in (b[0] for b in cluster.blocks[1:]))


def test_a_node_that_was_slow_itself_hears_what_came_in_time_before_it_blames_the_leader() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.now_ms += (
        5_000  # nobody handles anything meanwhile: the block's messages lie in inboxes
    )
    cluster.flush()
    assert cluster.heights() == [1] * 4
    assert cluster.take(ViewChange) == []
    for index in range(4):
        cluster.tick(index)
    assert cluster.take(ViewChange) == []
    assert [core.status().view for core in cluster.cores] == [0] * 4


def test_a_dead_leader_on_a_chain_that_has_to_settle_is_suspected_too() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush()
    assert cluster.heights() == [1, 1, 1, 1]
    for _ in range(40):
        cluster.pass_time(500)
        cluster.flush(lambda s, to, m: 0 not in (s, to))
    assert cluster.heights()[1:] == [2, 2, 2], "the settling block came from the next leader"


def test_one_view_change_for_a_far_view_moves_nobody() -> None:
    cluster = Cluster(4)
    unsigned = change(3, view=1_000_000)
    far = replace(unsigned, signature=cluster.sign(3, signed_bytes(unsigned, SUITE)))
    for index in (0, 1, 2):
        cluster.receive(index, 3, far)
        assert cluster.cores[index].status().view == 0


def test_f_plus_one_view_changes_make_a_node_join_the_smallest_of_them() -> None:
    cluster = Cluster(4)
    for sender, view in ((3, 7), (2, 4)):
        unsigned = change(sender, view=view)
        signed = replace(unsigned, signature=cluster.sign(sender, signed_bytes(unsigned, SUITE)))
        cluster.receive(1, sender, signed)
    assert (cluster.cores[1].status().view, cluster.cores[1].status().is_active) == (4, False)


def test_after_its_view_change_a_node_votes_in_no_lower_view() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1), to=[1])
    cluster.give(tx(1), to=[0])
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal)
    cluster.pass_time(2_000)
    assert not cluster.cores[1].status().is_active
    before = len(cluster.acted(1, Broadcast))
    cluster.receive(1, 0, proposal)
    kinds = [a.message[0] for a in cluster.acted(1, Broadcast)[before:]]
    assert 2 not in kinds and 3 not in kinds


def test_alone_in_its_wish_a_node_does_not_run_away_through_the_views() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1), to=[3])
    for _ in range(200):
        cluster.pass_time(1_000)
        cluster.sent.clear()
    assert cluster.cores[3].status().view == 1


def test_what_was_prepared_survives_the_view_change_with_its_hash_and_proposer() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush(lambda s, to, m: not isinstance(m, Commit))
    first = proposed_hash(cluster, 0)
    for _ in range(40):
        cluster.pass_time(500)
        cluster.flush(
            lambda s, to, m: 0 not in (s, to) and not (isinstance(m, Commit) and m.view == 0)
        )
    for index in (1, 2, 3):
        header = cluster.blocks[index][0].block.header
        assert block_hash(hash_, header) == first
        assert header.proposer == cluster.cores[0]._started.identities[0]
        assert cluster.blocks[index][0].cert.view > 0


def test_a_node_that_sent_commit_still_joins_the_view_change() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    # Only node 1 hears the prepares: it seals, the others time out.
    cluster.flush(
        lambda s, to, m: not (isinstance(m, Prepare) and to != 1) and not isinstance(m, Commit)
    )
    assert cluster.cores[1]._started.slots[1].is_commit_sent
    for _ in range(40):
        cluster.pass_time(500)
        cluster.flush(lambda s, to, m: 0 not in (s, to))
    assert all(height >= 1 for height in cluster.heights()[1:])
    hashes = [block_hash(hash_, cluster.blocks[i][0].block.header) for i in (1, 2, 3)]
    assert len(dict.fromkeys(hashes)) == 1


def test_a_new_leader_without_the_block_asks_for_it_and_proposes_it_again() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1), to=[0, 2, 3])
    cluster.pass_time(50)
    # Node 1, the next leader, never hears of the block that 0, 2 and 3 prepare.
    cluster.flush(lambda s, to, m: 1 not in (s, to) and not isinstance(m, Commit))
    wanted = proposed_hash(cluster, 2)
    cluster.give(tx(1), to=[1])
    for _ in range(20):
        cluster.pass_time(500)
        cluster.flush(lambda s, to, m: 0 not in (s, to))
    assert [block_hash(hash_, b[0].block.header) for b in cluster.blocks[1:]] == [wanted] * 3


def test_a_leader_behind_base_proposes_nothing() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1), to=[0, 2, 3])
    cluster.pass_time(50)
    cluster.flush(lambda s, to, m: 1 not in (s, to))
    assert cluster.heights() == [1, 0, 1, 1]
    cluster.give(tx(2), to=[1, 2, 3])
    for _ in range(10):
        cluster.pass_time(500)
        cluster.flush(lambda s, to, m: 0 not in (s, to))
    assert cluster.cores[1].status().view >= 1
    proposals = [
        decode_message(a.message) for a in cluster.acted(1, Broadcast) if a.message[0] == 1
    ]
    assert all(p.header.height > 1 for p in proposals if isinstance(p, Proposal))


def test_a_stale_new_view_is_ignored_and_a_small_one_is_a_violation() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1), to=[1, 2, 3])
    new_views: list[NewView] = []
    for _ in range(10):
        cluster.pass_time(500)
        new_views += [m for _, _, m in cluster.sent if isinstance(m, NewView)]
        cluster.flush(lambda s, to, m: 0 not in (s, to))
        new_views += [
            m
            for a in cluster.acted(1, Broadcast)
            if isinstance(m := decode_message(a.message), NewView)
        ]
    message = new_views[0]
    assert cluster.receive(2, 1, message) == []
    few = replace(message, view_changes=message.view_changes[:2])
    repeated = replace(message, view_changes=(message.view_changes[0],) * 3)
    for bad in (few, repeated):
        with pytest.raises(ProtocolViolation, match="quorum"):
            cluster.receive(0, 1, bad)
    with pytest.raises(ProtocolViolation, match="leader"):
        cluster.receive(0, 1, replace(message, view=2))


def test_the_back_off_doubles_to_its_cap_and_only_a_commit_resets_it() -> None:
    cluster = Cluster(1, timeout_cap=2)
    state = cluster.cores[0]._started
    seen = []
    for failed in range(5):
        state.failed_views = failed
        seen.append(state.timeout_ms)
    assert seen == [2_000, 4_000, 8_000, 8_000, 8_000]
    cluster.give(tx(1))
    cluster.settle()
    assert state.timeout_ms == 2_000


def test_when_the_work_is_gone_the_timers_are_gone() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1), to=[2])
    assert cluster.timers[2] is not None
    cluster.step(2, TxDropped(cluster.now_ms, (tx(1).tx_id,)))
    assert cluster.timers[2] is None


def test_a_decided_block_that_arrives_while_the_view_changes_stops_the_timers() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush(lambda s, to, m: not (to == 3 and isinstance(m, Commit)))
    cluster.now_ms += 3_000
    cluster.tick(3)
    assert not cluster.cores[3].status().is_active
    cluster.sent.clear()
    cluster.receive(3, 1, Decided(cluster.blocks[1][0].cert))
    assert cluster.heights()[3] == 1 and cluster.cores[3].status().timeout_ms == 2_000


# --- censorship (R10)


def test_a_waiting_transaction_is_forwarded_to_the_leader_once_and_then_the_leader_suspected() -> (
    None
):
    cluster = Cluster(4, base_timeout_ms=1_000_000)
    cluster.give(tx(1), to=[2])
    cluster.pass_time(1_000)
    assert cluster.acted(2, Forward) == [Forward(0, (tx(1).tx_id,))]
    for _ in range(3):
        cluster.pass_time(1_000)
    assert len(cluster.acted(2, Forward)) == 1
    cluster.pass_time(1_000)
    assert cluster.cores[2].status().last_view_change_reason == "a transaction is left waiting"


def test_a_leader_that_starves_one_client_while_looking_healthy_is_suspected() -> None:
    cluster = Cluster(4)
    starved = tx(100)
    cluster.give(starved, to=[1, 2, 3])
    for number in range(12):
        cluster.give(tx(number))
        cluster.pass_time(500)
        cluster.flush()
    assert cluster.cores[1].status().view >= 1
    cluster.give(starved, to=[0])
    cluster.settle()
    assert any(starved.tx_id in d.block.tx_ids for d in cluster.blocks[1])


def test_both_timers_restart_when_the_leader_changes() -> None:
    cluster = Cluster(4)
    requests = cluster.cores[2]._started.requests
    requests.add(tx(1), 1_000)
    assert (requests.forward_at_ms(), requests.suspect_at_ms()) == (2_000, 6_000)
    assert requests.take_due(2_000) == (tx(1).tx_id,)
    assert requests.forward_at_ms() is None
    requests.leader_changed(5_000)
    assert (requests.forward_at_ms(), requests.suspect_at_ms()) == (6_000, 10_000)


@pytest.mark.parametrize("limits", [{"block_txs_max": 1}, {"block_gas_max": 1_050}, {}])
def test_a_full_block_excuses_the_leader_unless_it_took_what_came_much_later(
    limits: dict[str, int],
) -> None:
    for late_ms in (1_500, 4_000):
        requests = Cluster(4, **limits).cores[2]._started.requests
        requests.add(tx(1), 1_000)
        requests.add(tx(2), late_ms)
        requests.committed((tx(2).tx_id,), 9_000)
        is_excused = bool(limits) and late_ms == 1_500
        assert requests.suspect_at_ms() == (9_000 if is_excused else 1_000) + 5_000


def test_a_clock_set_back_by_years_does_not_freeze_the_timers() -> None:
    cluster = Cluster(4)
    cluster.now_ms -= 1_000_000
    cluster.give(tx(1), to=[2])
    at_ms = cluster.timers[2]
    assert at_ms is not None and at_ms <= cluster.now_ms + 1_000
    cluster.pass_time(2_000)
    assert not cluster.cores[2].status().is_active


# --- status (R9)


def test_a_status_is_answered_with_what_its_sender_lacks_and_a_reply_with_no_reply() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush(lambda s, to, m: to != 3)
    cluster.now_ms += 2_000
    cluster.tick(3)
    statuses = [s for s in cluster.take(Status) if s.sender == 3]
    assert statuses, "work waits, so the laggard says where it stands"
    cluster.sent.clear()
    cluster.receive(1, 3, statuses[0])
    assert Decided in [type(m) for _, to, m in cluster.sent if to == 3]
    cluster.sent.clear()
    unsigned = replace(statuses[0], is_reply=True, tip_height=99, signature=UNSIGNED)
    ahead = replace(unsigned, signature=cluster.sign(3, signed_bytes(unsigned, SUITE)))
    cluster.receive(1, 3, ahead)
    assert [m for _, _, m in cluster.sent if isinstance(m, Status)] == []


def test_a_claimed_height_without_a_certificate_moves_nothing() -> None:
    cluster = Cluster(4)
    unsigned = Status(
        CHANNEL, 0, 3, 0, True, 10_000, GENESIS, bitmap([], 4), False, True, 0, UNSIGNED
    )
    status = replace(unsigned, signature=cluster.sign(3, signed_bytes(unsigned, SUITE)))
    cluster.receive(1, 3, status)
    assert not cluster.cores[1]._started.chain.is_behind and cluster.timers[1] is None


def test_a_node_that_suspected_alone_hands_what_waits_to_everybody() -> None:
    # Its links were down when its client came: nobody else has the transaction, so nobody else suspects.
    cluster = Cluster(4)
    cluster.give(tx(1), to=[2])
    for _ in range(10):
        cluster.pass_time(500)
        cluster.sent.clear()
    assert not cluster.cores[2].status().is_active
    cluster.actions[2].clear()
    cluster.pass_time(cluster.config.status_interval_ms)
    offered = cluster.acted(2, Forward)
    assert offered == [Forward(to, (tx(1).tx_id,)) for to in (0, 1, 3)]
    cluster.give(tx(1), to=[0, 1, 3])
    cluster.settle()
    assert min(cluster.heights()[:2]) >= 1
    cluster.actions[2].clear()
    cluster.pass_time(60_000)
    assert cluster.acted(2, Forward) == []


def test_a_selection_that_the_chain_has_left_behind_is_no_broken_invariant() -> None:
    # A leader that was cut off learns that its chain went another way in a later view (W > 1): what its
    # old view selected on top is not to be proposed any more, and the channel does not stop for it.
    cluster = Cluster(4, window=2)
    core = cluster.cores[1]
    state = core._started
    left = header_at(1, GENESIS, 1)
    above = header_at(2, block_hash(hash_, left), 2)
    certs = (prepared(0, left), prepared(0, above))
    state.view, state.is_active = 1, True
    state.selection = select(hash_, [change(0, *certs), change(1), change(2)], GENESIS)
    assert len(state.selection.blocks) == 2
    others = [0, 2, 3]
    cluster.give(tx(1), to=others)
    for _ in range(40):
        cluster.flush(lambda sender, to, _: 1 not in (sender, to))
        cluster.pass_time(50)
    assert cluster.heights()[0] >= 1
    deliver = cluster.blocks[0][0]
    cluster.step(1, Synced(cluster.now_ms, deliver.block, deliver.cert))
    assert cluster.heights()[1] == 1
    assert not cluster.cores[1].status().is_active or cluster.cores[1].status().view > 1
