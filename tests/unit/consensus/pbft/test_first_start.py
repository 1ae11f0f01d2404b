"""A key that never signed has nothing to forget: first starts that come late, or in a later epoch (R13)."""

from __future__ import annotations

import pytest

from consensus.api import Received, Synced
from consensus.certificate import Seal, seal_message
from consensus.encoding import Hash
from consensus.pbft.admission import OBSERVER_FIRST_START, OBSERVER_WAL_LOST
from consensus.pbft.certificates import commit_cert
from consensus.pbft.messages import Decided, Status
from consensus.pbft.records import Born, decode_record, encode_record
from tests.simulation.ghost import hash_
from tests.unit.consensus.cluster import CHANNEL, SUITE, Cluster, tx


def late(n: int = 4, lost: int = 1) -> Cluster:
    """The last node has not started yet; the others made blocks, and then `lost` of them lost their logs."""
    cluster = Cluster(n)
    cluster.wal[n - 1].clear()
    cluster.give(tx(1), to=list(range(n - 1)))
    for _ in range(60):
        cluster.flush(lambda s, to, m: n - 1 not in (s, to))
        cluster.pass_time(50)
    assert cluster.heights() == [2] * (n - 1) + [0]
    cluster.sent.clear()
    for index in (*range(1, 1 + lost), n - 1):
        cluster.wal[index].clear()
        cluster.restart(index)
    return cluster


def bring_blocks(cluster: Cluster, index: int) -> None:
    for delivered in cluster.blocks[0][len(cluster.blocks[index]) :]:
        cluster.step(index, Synced(cluster.now_ms, delivered.block, delivered.cert))


def run(cluster: Cluster, seconds: int, step_ms: int = 250) -> None:
    for _ in range(seconds * 1_000 // step_ms):
        cluster.flush()
        bring_blocks(cluster, cluster.n - 1)
        cluster.pass_time(step_ms)


def reasons(cluster: Cluster) -> list[str | None]:
    return [core.is_observer_reason for core in cluster.cores]


def test_a_late_first_start_beside_a_lost_log_brings_a_chain_that_stands_still_back() -> None:
    """Two of four vote, one has lost its log: no block comes without the one that has never voted."""
    cluster = late()
    wait_s = 2 * cluster.config.checkpoint_wait_ms // 1_000
    cluster.give(tx(2))
    run(cluster, wait_s - 5)
    assert reasons(cluster) == [None, OBSERVER_WAL_LOST, None, OBSERVER_FIRST_START]
    run(cluster, 60)
    assert reasons(cluster) == [None] * 4, (
        "and the lost log is vouched for by the blocks that come now"
    )
    born = next(decode_record(item) for item in cluster.wal[3])
    assert isinstance(born, Born) and born.votes_above == 2


def test_a_lost_log_alone_is_never_enough() -> None:
    cluster = late()
    run(cluster, 10)
    cluster.sent.clear()
    for _ in range(800):
        cluster.flush(lambda s, to, m: 3 not in (s, to))
        cluster.pass_time(250)
    assert reasons(cluster)[1] == OBSERVER_WAL_LOST


def test_with_fewer_than_f_plus_one_voters_it_waits() -> None:
    cluster = late(lost=2)
    run(cluster, 200)
    assert reasons(cluster)[3] == OBSERVER_FIRST_START


def test_who_stands_higher_does_not_count_as_standing_still() -> None:
    cluster = late()
    run(cluster, 3)
    admission = cluster.cores[3]._admission
    assert sorted(admission._standing) == [0, 1, 2]
    said = cluster.cores[0]._gossip.status(is_reply=True, echo=admission._nonce)
    status = cluster.cores[3].decode_message(said)
    assert isinstance(status, Status)
    cluster.blocks[3].pop()
    cluster.cores[3]._started.chain.tip = cluster.blocks[3][-1].block.header
    cluster.cores[3]._admission.on_status(status)
    assert 0 not in admission._standing


@pytest.mark.parametrize("is_key_new", [True, False])
def test_a_ledger_without_a_log_is_a_first_start_only_by_the_drivers_word(is_key_new: bool) -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.settle()
    cluster.wal[3].clear()
    cluster.restart(3, is_key_new=is_key_new)
    expected = OBSERVER_FIRST_START if is_key_new else OBSERVER_WAL_LOST
    assert cluster.cores[3].is_observer_reason == expected


def test_a_log_that_is_whole_and_knows_another_key_is_a_first_start_of_the_new_one() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.settle()
    cluster.wal[3] = [encode_record(Born(CHANNEL, bytes(33), 0))]
    cluster.restart(3)
    assert cluster.cores[3].is_observer_reason == OBSERVER_FIRST_START
    cluster.restart(3, observes_because="the log is damaged")
    assert cluster.cores[3].is_observer_reason == "the log is damaged", "in doubt it is lost"


def test_a_certificate_whose_block_nobody_can_show_does_not_keep_a_first_start_waiting() -> None:
    """The seals of the block below were lost with the log: there is nothing to fetch, and it is needed."""
    cluster = late()
    digest = Hash(hash_(b"a block above one whose seals are gone"))
    seal = Seal(CHANNEL, 0, 4, 0, digest)
    message = seal_message(SUITE, seal)
    signed = {
        i: cluster.registry.sign(cluster.validators.key(i), message) for i in range(cluster.n - 1)
    }
    decided = Decided(commit_cert(seal, signed, cluster.n))
    cluster.step(3, Received(cluster.now_ms, 0, decided))
    for _ in range(2 * cluster.config.checkpoint_wait_ms // 250 + 40):
        cluster.flush()
        bring_blocks(cluster, 3)
        cluster.pass_time(250)
        if cluster.cores[3].is_observer_reason is None:
            break
    assert reasons(cluster) == [None, OBSERVER_WAL_LOST, None, None]
