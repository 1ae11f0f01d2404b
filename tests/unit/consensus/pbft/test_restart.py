"""Durability and restart (consensus.md section 5)."""

from __future__ import annotations

import pytest

from consensus.api import Broadcast, InvariantBroken, Persist, Tick
from consensus.pbft import PbftCore, retain
from consensus.pbft.admission import OBSERVER_FIRST_START, OBSERVER_WAL_LOST
from consensus.pbft.messages import Commit, NewView, StatusRequest, ViewChange
from consensus.pbft.records import (
    Accepted,
    Born,
    Entered,
    Prepared,
    Proposed,
    View,
    decode_record,
    recover,
)
from tests.simulation.ghost import GhostVerifier
from tests.unit.consensus.cluster import Cluster, tx


def broadcasts(actions: list[object], kinds: tuple[int, ...]) -> list[bytes]:
    return [a.message for a in actions if isinstance(a, Broadcast) and a.message[0] in kinds]


def stuck_after_prepare(n: int = 4) -> Cluster:
    """Everybody prepared height 1 and sealed it; no seal arrived anywhere."""
    cluster = Cluster(n)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush(lambda s, to, m: not isinstance(m, Commit))
    return cluster


@pytest.mark.parametrize("index", [0, 1])
def test_a_restart_sends_the_recorded_bytes_again_and_signs_nothing_anew(index: int) -> None:
    cluster = stuck_after_prepare()
    said = broadcasts(list(cluster.actions[index]), (1, 2, 3))
    signatures = len(cluster.registry.log)
    cluster.now_ms += 60_000
    again = broadcasts(list(cluster.restart(index)), (1, 2, 3))
    strip = {m for m in said if m[0] != 1}
    assert strip <= set(again)
    if index == 0:
        assert [m for m in said if m[0] == 1] == [m for m in again if m[0] == 1]
    new = cluster.registry.log[signatures:]
    assert all(b"citychain/status/v1" in message for _, message in new)


def test_all_nodes_restart_together_in_the_middle_of_a_block_and_it_commits() -> None:
    cluster = stuck_after_prepare()
    cluster.sent.clear()
    for index in range(4):
        cluster.restart(index)
        cluster.give(tx(1), to=[index])
    cluster.flush()
    assert cluster.heights() == [1, 1, 1, 1]


def changed_view() -> Cluster:
    """Nodes 1 to 3 are in view 1 and idle; node 0 is cut off."""
    cluster = Cluster(4)
    cluster.give(tx(1), to=[1, 2, 3])
    for _ in range(20):
        cluster.pass_time(500)
        cluster.flush(lambda s, to, m: 0 not in (s, to))
    assert [core.status().view for core in cluster.cores[1:]] == [1, 1, 1]
    return cluster


def test_a_restart_with_a_view_above_zero_goes_on_in_that_view() -> None:
    cluster = changed_view()
    for index in (1, 2, 3):
        cluster.restart(index)
        status = cluster.cores[index].status()
        assert (status.view, status.is_active) == (1, True)
    cluster.give(tx(2), to=[1, 2, 3])
    cluster.sent.clear()
    for _ in range(4):
        cluster.pass_time(50)
        cluster.flush(lambda s, to, m: 0 not in (s, to))
    assert any(tx(2).tx_id in d.block.tx_ids for d in cluster.blocks[2])


def test_a_restart_right_after_the_view_change_keeps_the_promise_and_repeats_it() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1), to=[3])
    cluster.pass_time(2_000)
    (change,) = cluster.take(ViewChange)
    actions = cluster.restart(3)
    status = cluster.cores[3].status()
    assert (status.view, status.is_active) == (1, False)
    assert cluster.take(ViewChange) == [change]
    assert not [a for a in actions if isinstance(a, Persist)]


def test_a_restart_right_after_the_new_view_serves_it_again() -> None:
    cluster = changed_view()
    cluster.restart(1)
    assert cluster.cores[1]._started.new_view is not None
    cluster.sent.clear()
    cluster.pass_time(0)
    cluster.restart(0)
    cluster.flush()
    assert cluster.cores[0].status().view == 1
    assert isinstance(cluster.cores[0]._started.new_view, NewView)


def test_the_first_start_records_that_this_validator_was_born() -> None:
    cluster = Cluster(4)
    records = [decode_record(data) for data in cluster.wal[2]]
    assert records == [Born(cluster.config.channel_id, cluster.validators.key(2), 0)]
    before = list(cluster.wal[2])
    cluster.restart(2)
    assert cluster.wal[2] == before


def test_a_lost_wal_with_a_ledger_makes_the_node_observe() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.settle()
    cluster.wal[3].clear()
    cluster.restart(3)
    assert cluster.cores[3].is_observer_reason == OBSERVER_WAL_LOST
    cluster.give(tx(2))
    for _ in range(20):
        said = cluster.take(object, sender=3)  # nobody hears it, so nothing admits it
        assert not [message for message in said if not isinstance(message, StatusRequest)]
        cluster.flush()
        cluster.pass_time(50)
    assert cluster.heights() == [4, 4, 4, 4], "it follows the others without a vote"
    assert cluster.wal[3] == []


def test_a_lone_validator_votes_again_when_its_operator_accepts_the_loss() -> None:
    cluster = Cluster(1)
    cluster.give(tx(1))
    cluster.settle()
    cluster.wal[0].clear()
    cluster.restart(0)
    assert cluster.cores[0].is_observer_reason is not None
    cluster.restart(0, is_wal_loss_accepted=True)
    assert cluster.cores[0].is_observer_reason is None
    cluster.give(tx(2))
    cluster.settle()
    assert any(tx(2).tx_id in d.block.tx_ids for d in cluster.blocks[0])


def test_an_empty_wal_with_an_empty_ledger_is_a_first_start() -> None:
    cluster = Cluster(4)
    cluster.wal[3].clear()
    cluster.pass_time(1_000)
    cluster.restart(3)
    assert cluster.cores[3].is_observer_reason == OBSERVER_FIRST_START
    cluster.flush()
    assert cluster.cores[3].is_observer_reason is None


def test_an_observer_needs_no_key_and_follows() -> None:
    cluster = Cluster(4)
    core = PbftCore(cluster.config, cluster.validators, None, GhostVerifier(cluster.registry), None)
    cluster.cores[3] = core
    cluster.wal[3].clear()
    cluster.new_core = lambda index: core  # type: ignore[method-assign]
    cluster.restart(3)
    cluster.give(tx(1))
    cluster.settle()
    assert cluster.heights() == [2, 2, 2, 2] and cluster.wal[3] == []


def test_a_core_wants_restart_first_and_only_once() -> None:
    cluster = Cluster(1)
    with pytest.raises(InvariantBroken, match="first"):
        cluster.new_core(0).step(Tick(1))
    with pytest.raises(InvariantBroken, match="never again"):
        cluster.new_core = lambda index: cluster.cores[0]  # type: ignore[method-assign]
        cluster.restart(0)


def test_a_core_refuses_a_signer_with_another_key() -> None:
    cluster = Cluster(4)
    with pytest.raises(ValueError, match="key"):
        PbftCore(
            cluster.config,
            cluster.validators,
            1,
            GhostVerifier(cluster.registry),
            cluster.cores[2]._signer,
        )


def test_records_below_a_durable_and_executed_height_may_be_dropped_and_no_others() -> None:
    cluster = changed_view()
    data = cluster.wal[1]
    height = len(cluster.blocks[1])
    kept = [decode_record(item) for item in retain(data, height)]
    assert [type(r) for r in kept] == [Born, View, Entered]
    assert retain(retain(data, height), height) == retain(data, height)
    assert retain(data, 0) == tuple(data)
    one = [decode_record(item) for item in retain(data, 1)]
    assert all(r.height > 1 for r in one if isinstance(r, Proposed | Accepted | Prepared))
    full, short = recover(data, height, 1), recover(retain(data, height), height, 1)
    assert full == short


def test_every_cut_of_the_wal_recovers_to_something_a_node_could_have_been() -> None:
    cluster = changed_view()
    for index in (1, 2, 3):
        data = cluster.wal[index]
        views = [recover(data[:cut], 0, 1).view for cut in range(len(data) + 1)]
        assert views == sorted(views), "a longer prefix never promises less"


def test_a_record_of_unknown_shape_is_refused_loudly() -> None:
    for bad in (b"", b"\x63", b"\x01", b"\x05\x00"):
        with pytest.raises(InvariantBroken):
            decode_record(bad)


def test_records_of_heights_whose_parent_was_never_stored_count_as_never_said() -> None:
    # The driver synced the records of a step, then power failed before the block it delivers was stored.
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush()
    cluster.give(tx(2))
    cluster.pass_time(50)
    cluster.flush(lambda s, to, m: not isinstance(m, Commit))
    data = cluster.wal[1]
    stored = recover(data, 1, 1)
    assert sorted(stored.proposals) == sorted(stored.commits) == sorted(stored.prepared) == [2]
    lost = recover(data, 0, 1)
    assert sorted(lost.proposals) == sorted(lost.commits) == sorted(lost.prepared) == [1]


def test_what_was_recorded_later_for_one_place_replaces_what_was_never_said() -> None:
    cluster = stuck_after_prepare()
    slot_records = [
        item for item in cluster.wal[1] if isinstance(decode_record(item), Accepted | Prepared)
    ]
    accepted, _ = slot_records
    found = recover([*slot_records, accepted], 0, 1)
    assert sorted(found.prepares) == [1] and found.commits == {} and found.prepared == {}


def test_what_was_prepared_before_a_restart_is_in_the_view_change_after_it() -> None:
    cluster = stuck_after_prepare()
    cluster.sent.clear()
    for index in (1, 2, 3):
        cluster.restart(index)
    cluster.sent.clear()
    for _ in range(10):
        cluster.pass_time(1_000)
        changes = cluster.take(ViewChange)
        if changes:
            break
        cluster.sent.clear()
    assert changes and all(len(c.prepared) == 1 for c in changes)
