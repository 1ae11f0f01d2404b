"""Rules R1 to R4, R8, R12 and settling, one sentence a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from consensus.api import (
    Accuse,
    Behind,
    Broadcast,
    Deliver,
    Halt,
    Have,
    Keep,
    Need,
    Persist,
    ProtocolViolation,
    Synced,
)
from consensus.encoding import ZERO_HASH, Hash, Sig
from consensus.header import Header, block_hash, leaves_root
from consensus.pbft.certificates import vote_message
from consensus.pbft.messages import Commit, Decided, Prepare, Proposal
from consensus.tags import Tag
from tests.simulation.ghost import SUITE, hash_
from tests.unit.consensus.cluster import Cluster, tx


def proposal_of(cluster: Cluster, *numbers: int) -> Proposal:
    """The leader's proposal for these transactions, which nobody has received yet."""
    cluster.give(*(tx(k) for k in numbers))
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal)
    assert isinstance(proposal, Proposal)
    return proposal


def forged(cluster: Cluster, proposal: Proposal, **changes: object) -> Proposal:
    """The same proposal with another header, signed by the leader: a liar's."""
    header = replace(proposal.header, **changes)
    return resigned(cluster, replace(proposal, header=header))


def resigned(cluster: Cluster, proposal: Proposal) -> Proposal:
    header = proposal.header
    digest = block_hash(hash_, header)
    core_state = cluster.cores[0]._started
    vote = core_state.vote(header.height, proposal.view, digest)
    signature = cluster.sign(proposal.sender, vote_message(Tag.PROPOSAL, SUITE, vote))
    return replace(proposal, signature=signature)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("window", [1, 2, 4])
def test_a_transaction_is_ordered_and_the_chain_settles_with_as_many_empty_blocks_as_w(
    n: int, window: int
) -> None:
    cluster = Cluster(n, window)
    cluster.give(tx(1), tx(2))
    cluster.settle()
    assert cluster.heights() == [1 + window] * n
    counts = [deliver.block.header.tx_count for deliver in cluster.blocks[0]]
    assert counts == [2] + [0] * window
    shown = cluster.blocks[0][-1].block.header
    assert (shown.state_root, shown.receipts_root) == cluster.roots[0][1]
    assert cluster.timers == [None] * n


def test_an_idle_chain_emits_nothing_and_sets_no_timer() -> None:
    cluster = Cluster(4)
    assert cluster.timers == [None] * 4
    for index in range(4):
        assert cluster.tick(index) == []


def test_a_block_is_proposed_at_once_when_it_is_full() -> None:
    cluster = Cluster(4, block_txs_max=3)
    cluster.give(tx(1), tx(2))
    assert cluster.take(Proposal) == []
    cluster.give(tx(3))
    (proposal,) = cluster.take(Proposal)
    assert proposal.header.tx_count == 3


@pytest.mark.parametrize("limits", [{"block_gas_max": 2_500}, {"block_bytes_max": 500}])
def test_a_block_holds_no_more_gas_or_bytes_than_allowed(limits: dict[str, int]) -> None:
    cluster = Cluster(4, **limits)
    cluster.give(*(tx(k) for k in range(5)))
    cluster.settle()
    assert [d.block.header.tx_count for d in cluster.blocks[3]] == [2, 2, 1, 0]


def test_a_transaction_that_fits_no_block_does_not_block_the_others() -> None:
    cluster = Cluster(4, block_gas_max=5_000)
    cluster.give(tx(1, gas_limit=5_001), tx(2))
    cluster.settle()
    assert cluster.blocks[0][0].block.tx_ids == (tx(2).tx_id,)


def test_nothing_leaves_before_it_is_recorded() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.settle()
    for index in range(4):
        seen_records: list[bytes] = []
        kept: list[Hash] = []
        for action in cluster.actions[index]:
            match action:
                case Keep(tx_ids=tx_ids):
                    kept += tx_ids
                case Persist(records):
                    seen_records += records
                case Broadcast(message) if message[0] in (1, 2, 3):
                    # A WAL record holds the very bytes that leave, and the bodies are safe.
                    assert any(message in record for record in seen_records)
                    assert tx(1).tx_id in kept
                case _:
                    pass


def test_a_proposal_by_another_than_the_leader_is_a_violation() -> None:
    cluster = Cluster(4)
    proposal = proposal_of(cluster, 1)
    with pytest.raises(ProtocolViolation, match="leader"):
        cluster.receive(2, 1, replace(proposal, sender=1))


def test_a_message_relayed_in_anothers_name_is_a_violation() -> None:
    cluster = Cluster(4)
    with pytest.raises(ProtocolViolation, match="relayed"):
        cluster.receive(2, 1, proposal_of(cluster, 1))


def test_a_wrong_signature_changes_nothing() -> None:
    cluster = Cluster(4)
    proposal = replace(proposal_of(cluster, 1), signature=Sig(bytes(64)))
    with pytest.raises(ProtocolViolation, match="signature"):
        cluster.receive(1, 0, proposal)
    assert cluster.sent == [] and cluster.cores[1].status().view == 0


def test_a_proposal_waits_for_the_bodies_it_names() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1), to=[0])
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal)
    actions = cluster.receive(1, 0, proposal)
    assert [a for a in actions if isinstance(a, Need)] == [Need((tx(1).tx_id,), 0)]
    assert cluster.take(Prepare) == []
    cluster.step(1, Have(cluster.now_ms, tx(1).tx_id, True, tx(1)))
    assert len(cluster.take(Prepare)) == 1


def test_an_invalid_body_convicts_the_leader() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1), to=[0])
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal)
    cluster.receive(1, 0, proposal)
    cluster.step(1, Have(cluster.now_ms, tx(1).tx_id, False, None))
    assert cluster.cores[1].status().view == 1


FAULTS: list[tuple[str, Callable[[Header], dict[str, object]]]] = [
    ("another state root", lambda h: {"state_root": Hash(hash_(b"other"))}),
    ("another receipts root", lambda h: {"receipts_root": Hash(hash_(b"other"))}),
    ("another parent", lambda h: {"parent_hash": Hash(hash_(b"other"))}),
    ("another tx root", lambda h: {"tx_root": Hash(hash_(b"other"))}),
    ("a wrong count", lambda h: {"tx_count": 2}),
    ("a time not after its parent's", lambda h: {"timestamp_ms": 1}),
    ("other validators", lambda h: {"validators_hash": ZERO_HASH}),
    ("other next validators", lambda h: {"next_validators_hash": ZERO_HASH}),
    ("another configuration", lambda h: {"config_hash": ZERO_HASH}),
    ("evidence from nowhere", lambda h: {"evidence_root": ZERO_HASH}),
    ("another's name", lambda h: {"proposer": ZERO_HASH}),
    ("another version", lambda h: {"version": 2}),
]


@pytest.mark.parametrize(("why", "change"), FAULTS, ids=[why for why, _ in FAULTS])
def test_a_leader_provably_at_fault_gets_no_vote_and_is_left(
    why: str, change: Callable[[Header], dict[str, object]]
) -> None:
    cluster = Cluster(4, drift_ms=10_000_000)
    proposal = proposal_of(cluster, 1)
    cluster.receive(1, 0, forged(cluster, proposal, **change(proposal.header)))
    assert cluster.take(Prepare) == []
    status = cluster.cores[1].status()
    assert (status.view, status.is_active) == (1, False), why


@pytest.mark.parametrize("shift_ms", [-10_001, 10_001])
def test_a_fresh_proposal_from_another_time_is_not_voted_for(shift_ms: int) -> None:
    cluster = Cluster(4, drift_ms=10_000)
    cluster.now_ms += 60_000
    proposal = proposal_of(cluster, 1)
    timestamp_ms = proposal.header.timestamp_ms + shift_ms
    cluster.receive(1, 0, forged(cluster, proposal, timestamp_ms=timestamp_ms))
    assert cluster.take(Prepare) == []
    assert cluster.cores[1].status().view == 0, "clocks may differ: that proves nothing"


def test_a_second_proposal_at_one_height_is_evidence_and_gets_no_vote() -> None:
    cluster = Cluster(4)
    proposal = proposal_of(cluster, 1)
    cluster.receive(1, 0, proposal)
    assert len(cluster.take(Prepare, sender=1)) == 1
    twin = forged(cluster, proposal, timestamp_ms=proposal.header.timestamp_ms + 1)
    actions = cluster.receive(1, 0, twin)
    assert sum(isinstance(a, Accuse) for a in actions) == 1
    assert cluster.take(Prepare) == []
    assert not cluster.cores[1].status().is_active


def test_a_transaction_id_twice_in_a_block_convicts_the_leader() -> None:
    cluster = Cluster(4)
    proposal = proposal_of(cluster, 1)
    root = leaves_root(hash_, [tx(1).leaf, tx(1).leaf])
    double = replace(proposal, tx_ids=(tx(1).tx_id, tx(1).tx_id))
    cluster.receive(1, 0, forged(cluster, double, tx_root=root, tx_count=2))
    assert cluster.cores[1].status().view == 1


def test_a_transaction_already_in_flight_convicts_the_leader() -> None:
    cluster = Cluster(4, window=2, block_txs_max=1)
    cluster.give(tx(1), tx(2))
    first, second = sorted(cluster.take(Proposal), key=lambda p: p.header.height)
    cluster.receive(1, 0, first)
    again = replace(second, tx_ids=first.tx_ids)
    cluster.receive(1, 0, forged(cluster, again, tx_root=first.header.tx_root))
    assert cluster.cores[1].status().view == 1


def test_a_vote_waits_for_the_own_execution_of_h_minus_w() -> None:
    cluster = Cluster(4)
    cluster.is_executing = False
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush()
    assert cluster.heights() == [1, 1, 1, 1]
    cluster.execute(0)
    cluster.give(tx(2), to=[0, 1])
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal)
    cluster.receive(1, 0, proposal)
    assert cluster.take(Prepare) == [] and cluster.cores[1].status().view == 0
    cluster.execute(1)
    assert len(cluster.take(Prepare)) == 1


def test_a_leader_is_not_blamed_while_the_own_execution_lags() -> None:
    cluster = Cluster(4)
    cluster.is_executing = False
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush()
    cluster.give(tx(2))
    for _ in range(20):
        cluster.pass_time(1_000)
    assert [core.status().view for core in cluster.cores] == [0, 0, 0, 0]


def test_commit_is_sent_only_when_a_quorum_prepared_the_same_block() -> None:
    cluster = Cluster(4)
    proposal = proposal_of(cluster, 1)
    for index in (1, 2, 3):
        cluster.receive(index, 0, proposal)
    prepares = {p.sender: p for p in cluster.take(Prepare)}
    cluster.sent.clear()
    assert cluster.take(Commit) == []
    cluster.receive(1, 2, prepares[2])  # with the leader's proposal and its own: three of four
    assert [c.sender for c in cluster.take(Commit)] == [1]


def test_prepares_for_another_block_or_by_the_leader_do_not_count() -> None:
    cluster = Cluster(4)
    proposal = proposal_of(cluster, 1)
    cluster.receive(1, 0, proposal)
    cluster.take(Prepare)
    state = cluster.cores[1]._started
    for sender, digest in ((2, Hash(hash_(b"x"))), (0, block_hash(hash_, proposal.header))):
        vote = state.vote(1, 0, digest)
        signature = cluster.sign(sender, vote_message(Tag.PREPARE, SUITE, vote))
        prepare = Prepare(vote.channel_id, 0, sender, 0, 1, digest, signature)
        cluster.receive(1, sender, prepare)
    assert cluster.take(Commit) == []


def test_with_a_window_no_height_is_sealed_before_its_parent() -> None:
    cluster = Cluster(4, window=2, block_txs_max=1)
    cluster.give(tx(1), tx(2))
    # Node 1 hears every prepare for height 2 and none for height 1.
    cluster.flush(
        lambda s, to, m: (
            not isinstance(m, Commit) and not (to == 1 and isinstance(m, Prepare) and m.height == 1)
        )
    )
    sent = [m for a in cluster.acted(1, Broadcast) if (m := a.message)[0] == 3]
    assert sent == [], "height 2 is prepared, but height 1 was never sealed"
    assert 2 in cluster.cores[1]._started.prepared


def test_seals_of_two_views_never_add_up() -> None:
    # v1: A seals B. v3: R seals B. With the liar's seal of either view that is three seals for B, and
    # counting them together would be the fork of consensus.md section 9.1.
    cluster = Cluster(4)
    digest = Hash(hash_(b"B"))
    state = cluster.cores[3]._started
    for sender, view in ((0, 1), (1, 3), (2, 3), (2, 1)):
        vote = state.vote(1, view, digest)
        seal = cluster.sign(sender, vote_message(Tag.COMMIT_SEAL, SUITE, vote))
        cluster.receive(3, sender, Commit(vote.channel_id, 0, sender, view, 1, digest, seal))
    assert state.chain.next_cert() is None
    vote = state.vote(1, 3, digest)
    seal = cluster.sign(0, vote_message(Tag.COMMIT_SEAL, SUITE, vote))
    cluster.receive(3, 0, Commit(vote.channel_id, 0, 0, 3, 1, digest, seal))
    cert = state.chain.next_cert()
    assert cert is not None and cert.view == 3


def test_two_seals_of_one_view_for_two_blocks_are_evidence() -> None:
    cluster = Cluster(4)
    state = cluster.cores[3]._started
    accused = []
    for digest in (Hash(hash_(b"B")), Hash(hash_(b"C"))):
        vote = state.vote(1, 0, digest)
        seal = cluster.sign(2, vote_message(Tag.COMMIT_SEAL, SUITE, vote))
        actions = cluster.receive(3, 2, Commit(vote.channel_id, 0, 2, 0, 1, digest, seal))
        accused += [a for a in actions if isinstance(a, Accuse)]
    assert len(accused) == 1


def test_a_leader_behind_its_voters_is_shown_what_is_committed() -> None:
    cluster = Cluster(4)
    proposal = proposal_of(cluster, 1)
    for index in (1, 2, 3):
        cluster.receive(index, 0, proposal)
    cluster.flush(lambda s, to, m: to != 0)
    assert cluster.heights() == [0, 1, 1, 1]
    cluster.receive(1, 0, proposal)
    (decided,) = cluster.take(Decided)
    cluster.receive(0, 1, decided)
    assert cluster.heights()[0] == 1


def test_a_laggard_commits_by_the_parent_certificate_of_the_next_proposal() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush(lambda s, to, m: not (to == 3 and isinstance(m, Commit)))
    assert cluster.heights() == [1, 1, 1, 0]
    cluster.give(tx(2))
    cluster.pass_time(50)
    cluster.flush()
    assert cluster.heights() == [2, 2, 2, 2]


def test_a_certificate_far_above_the_tip_asks_for_blocks_and_synced_blocks_advance() -> None:
    cluster = Cluster(4)
    for number in (1, 2, 3):
        cluster.give(tx(number), to=[0, 1, 2])
        cluster.pass_time(50)
        cluster.flush(lambda s, to, m: to != 3)
    assert cluster.heights() == [3, 3, 3, 0]
    actions = cluster.receive(3, 1, Decided(cluster.blocks[0][2].cert))
    assert [a for a in actions if isinstance(a, Behind)] == [Behind(3, 1)]
    for deliver in cluster.blocks[0]:
        delivered = cluster.step(3, Synced(cluster.now_ms, deliver.block, deliver.cert))
        assert any(isinstance(a, Deliver) for a in delivered)
    assert cluster.roots[3] == cluster.roots[0]


def test_a_synced_block_with_anothers_certificate_is_refused() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush(lambda s, to, m: to != 3)
    deliver = cluster.blocks[0][0]
    changed = replace(
        deliver.block, header=replace(deliver.block.header, timestamp_ms=cluster.now_ms + 7)
    )
    with pytest.raises(ProtocolViolation, match="another block"):
        cluster.step(3, Synced(cluster.now_ms, changed, deliver.cert))
    weak = replace(deliver.cert, seals=(Sig(bytes(64)), *deliver.cert.seals[1:]))
    with pytest.raises(ProtocolViolation, match="seal"):
        cluster.step(3, Synced(cluster.now_ms, deliver.block, weak))
    assert cluster.heights()[3] == 0


def test_a_root_sealed_by_a_quorum_that_differs_from_the_own_halts_the_channel() -> None:
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush()
    cluster.roots[3][1] = (Hash(hash_(b"diverged")), cluster.roots[3][1][1])
    cluster.restart(3)
    cluster.pass_time(50)
    cluster.flush()
    halts = cluster.acted(3, Halt)
    assert len(halts) == 1
    assert halts[0].height == 1 and halts[0].own_root == hash_(b"diverged")
    assert halts[0].sealed_root == cluster.roots[0][1][0]
    cluster.give(tx(2), to=[3])
    assert cluster.tick(3) == [], "a halted core does nothing more"
    assert cluster.heights()[:3] == [2, 2, 2]
