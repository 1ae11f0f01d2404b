"""Rule R11: configuration blocks, epochs, and messages across them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consensus.api import Behind, Block, InvariantBroken, ProtocolViolation, Send, Tick
from consensus.encoding import ZERO_HASH, Hash
from consensus.header import block_hash
from consensus.pbft import retain
from consensus.pbft.messages import (
    Commit,
    Decided,
    Prepare,
    Proposal,
    StatusRequest,
    ViewChange,
    decode_message,
)
from consensus.pbft.records import decode_record, recover
from consensus.validators import ValidatorSet, validators_hash
from tests.simulation.ghost import SUITE, hash_, validator_set
from tests.unit.consensus.cluster import CHANNEL, EMPTY_ROOT, tx
from tests.unit.consensus.epochs import EpochCluster, config_tx

FOUR = validator_set(4)
FIVE = ValidatorSet(1, validator_set(5).validators)
SAME = ValidatorSet(0, FOUR.validators)


def show_proposal(cluster: EpochCluster) -> None:
    """Node 1 gets the leader's proposal; what it says to it waits to be taken."""
    (proposal,) = cluster.take(Proposal, sender=0)
    cluster.receive(1, 0, proposal)


def next_hash(validators: ValidatorSet) -> Hash:
    return validators_hash(hash_, SUITE, validators)


def ended(after: ValidatorSet = FIVE, n: int = 5, window: int = 1) -> EpochCluster:
    """Every node has executed the configuration block at height 1 and ended its core."""
    cluster = EpochCluster(n, 4, after, window)
    cluster.give(config_tx(1))
    cluster.pass_time(50)
    cluster.flush()
    for index in range(4):
        assert cluster.reconfigured[index] == [1]
    return cluster


def renewed(after: ValidatorSet = FIVE, n: int = 5, window: int = 1) -> EpochCluster:
    cluster = ended(after, n, window)
    cluster.sent.clear()
    for index in range(4):
        cluster.renew(index)
    return cluster


def test_a_configuration_transaction_is_alone_in_its_block_and_its_header_promises_the_set() -> (
    None
):
    cluster = EpochCluster(4, 4, FIVE)
    cluster.give(tx(1), config_tx(1), tx(2))
    cluster.pass_time(50)
    cluster.flush()
    first, second = (d.block for d in cluster.blocks[0])
    assert (first.tx_ids, second.tx_ids) == ((tx(1).tx_id,), (config_tx(1).tx_id,))
    assert first.header.next_validators_hash == next_hash(FOUR)
    assert second.header.next_validators_hash == next_hash(FIVE)
    assert second.header.validators_hash == next_hash(FOUR) and second.header.epoch == 0
    assert second.header.config_hash == first.header.config_hash
    assert cluster.heights() == [2, 2, 2, 2], "nothing is built on it"


def test_a_configuration_block_waits_until_all_below_is_committed_and_executed() -> None:
    cluster = EpochCluster(4, 4, FIVE, window=4)
    cluster.is_executing = False
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.give(config_tx(1))
    cluster.pass_time(50)
    assert len(cluster.take(Proposal, sender=0)) == 1, "height 1 only"
    cluster.sent.clear()
    cluster.tick(0)
    assert not cluster.take(Proposal)


def test_a_pipelined_configuration_block_is_not_voted_for_before_its_parent_is_executed() -> None:
    cluster = EpochCluster(4, 4, FIVE, window=4)
    cluster.give(config_tx(1))
    cluster.is_executing = False
    cluster.pass_time(50)
    chain = cluster.cores[1]._started.chain
    del chain._executed[0]
    show_proposal(cluster)
    assert not cluster.take(Prepare, sender=1)


@pytest.mark.parametrize("field", ["next_validators_hash", "evidence_root"])
def test_a_header_that_promises_something_else_makes_the_leader_suspect(field: str) -> None:
    cluster = EpochCluster(4, 4, FIVE)
    change = cluster.changes[1]
    if field == "evidence_root":
        change.evidence_root = ZERO_HASH
    else:
        change.validators = ValidatorSet(1, validator_set(3).validators)
    cluster.give(config_tx(1))
    cluster.pass_time(50)
    show_proposal(cluster)
    assert not cluster.take(Prepare, sender=1)
    assert [m.reason for m in cluster.take(ViewChange, sender=1)]


def test_a_backup_without_the_body_waits_and_blames_nobody() -> None:
    cluster = EpochCluster(4, 4, FIVE)
    cluster.changes[1].is_known = False
    cluster.give(config_tx(1))
    cluster.pass_time(50)
    show_proposal(cluster)
    assert not cluster.take(Prepare, sender=1) and not cluster.take(ViewChange, sender=1)
    cluster.changes[1].is_known = True
    cluster.tick(1)
    assert cluster.take(Prepare, sender=1)


def test_an_ordinary_block_that_changes_the_validators_is_refused() -> None:
    cluster = EpochCluster(4, 4, FIVE)
    cluster.give(tx(1))
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal, sender=0)
    forged = replace(proposal.header, next_validators_hash=next_hash(FIVE))
    core = cluster.cores[1]
    block = Block(forged, proposal.tx_ids)
    candidate = core._normal.learn_block(block, block_hash(hash_, forged), 0)
    assert candidate.is_valid
    assert core._normal._content_fault(forged, candidate) == "header names other next validators"


def test_an_ended_core_says_nothing_more() -> None:
    cluster = ended()
    before = cluster.cores[0].status()
    cluster.give(tx(1))
    cluster.pass_time(10_000)
    assert not cluster.sent or not cluster.take(Proposal)
    assert cluster.cores[0].step(Tick(cluster.now_ms)) == []
    assert cluster.cores[0].status() == before


def test_a_core_that_waits_for_the_execution_of_its_last_block_votes_for_nothing() -> None:
    cluster = EpochCluster(4, 4, FIVE, window=4)
    cluster.is_executing = False
    cluster.give(config_tx(1), tx(2))
    cluster.pass_time(50)
    cluster.flush()
    assert cluster.heights() == [1, 1, 1, 1] and cluster.reconfigured[0] == []
    for _ in range(10):
        cluster.pass_time(1_000)
        cluster.flush()
    assert cluster.heights() == [1, 1, 1, 1]
    assert [core.status().view for core in cluster.cores] == [0] * 4, "nobody is suspected for it"
    cluster.restart(0, is_tip_config=True)
    cluster.execute(0)
    assert cluster.reconfigured[0] == [1]


def test_the_next_epoch_starts_at_view_0_and_goes_on_with_the_new_quorum() -> None:
    cluster = renewed()
    assert [c.status().epoch for c in cluster.cores[:4]] == [1] * 4
    cluster.give(tx(1), to=range(4))
    for _ in range(5):
        cluster.flush(lambda s, to, m: 4 not in (s, to))
        cluster.pass_time(50)
    heads = [d.block.header for d in cluster.blocks[0]]
    assert [h.epoch for h in heads][:2] == [0, 1] and heads[1].tx_count == 1
    assert cluster.blocks[0][1].cert.epoch == 1 and len(cluster.blocks[0][1].cert.seals) == 4
    assert heads[1].config_hash != heads[0].config_hash


def test_the_first_proposal_of_an_epoch_carries_a_certificate_of_the_epoch_before() -> None:
    cluster = renewed()
    cluster.give(tx(1), to=range(4))
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal, sender=0)
    assert proposal.parent_cert is not None
    assert (proposal.header.epoch, proposal.parent_cert.epoch) == (1, 0)
    core = cluster.cores[1]
    keys = [item.key for item in core.signature_items(proposal)]
    assert len(keys) == 1 + FOUR.quorum
    cluster.receive(1, 0, proposal)
    assert cluster.take(Prepare, sender=1), "it holds under the validators of its own epoch"


def test_a_laggard_of_the_old_epoch_commits_by_the_certificate_in_the_new_epochs_proposal() -> None:
    cluster = EpochCluster(4, 4, SAME_KEYS_NEXT)
    cluster.give(config_tx(1))
    cluster.pass_time(50)
    cluster.flush(lambda s, to, m: not (to == 3 and isinstance(m, Commit)))
    assert cluster.heights() == [1, 1, 1, 0]
    cluster.sent.clear()
    for index in range(3):
        cluster.renew(index)
    cluster.give(tx(1), to=range(3))
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal, sender=0)
    cluster.receive(3, 0, proposal)
    assert cluster.heights()[3] == 1 and cluster.reconfigured[3] == [1]


# Three of the four, so that members changed and every index of the test stays.
SAME_KEYS_NEXT = ValidatorSet(1, validator_set(3).validators)


def test_a_message_of_a_later_epoch_is_a_hint_and_nothing_else() -> None:
    cluster = renewed()
    cluster.give(tx(1), to=range(4))
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal, sender=0)
    old = EpochCluster(5, 4, FIVE)
    before = old.cores[1].status()
    hint = replace(proposal, parent_cert=None, header=replace(proposal.header, height=9))
    actions = old.receive(1, 0, hint)
    assert [a for a in actions if isinstance(a, Behind)] == [Behind(8, 0)]
    assert old.cores[1].status() == before and not old.take(Prepare, sender=1)
    assert not old.receive(1, 0, hint), "one an interval"


def test_a_status_of_an_older_epoch_is_answered_with_the_certificate_that_ended_it() -> None:
    old = EpochCluster(5, 4, FIVE)
    old.restart(3)
    status = decode_message(old.cores[3]._gossip.status(is_reply=False))
    cluster = renewed()
    actions = cluster.receive(0, 3, status)
    (answer,) = [decode_message(a.message) for a in actions if isinstance(a, Send)]
    assert isinstance(answer, Decided)
    assert (answer.cert.epoch, answer.cert.height) == (0, 1)


def test_a_question_from_an_older_epoch_is_answered_too() -> None:
    """Who lost its log says nothing else; on an idle chain no other word would lead it on."""
    cluster = renewed()
    actions = cluster.receive(0, 3, StatusRequest(CHANNEL, 0, 7))
    (answer,) = [decode_message(a.message) for a in actions if isinstance(a, Send)]
    assert isinstance(answer, Decided) and answer.cert.height == 1


def test_a_view_change_in_a_new_epoch_stands_on_its_base_like_on_genesis() -> None:
    cluster = renewed()
    cluster.give(tx(1), to=[1, 2, 3])
    for _ in range(20):
        cluster.pass_time(500)
        cluster.flush(lambda s, to, m: not {0, 4} & {s, to})
        if any(core.status().view for core in cluster.cores[1:4]):
            break
    change = cluster.cores[1]._started.view_changes[1]
    assert (change.epoch, change.tip_cert) == (1, None)
    old_tip = replace(change, tip_cert=cluster.blocks[0][0].cert)
    with pytest.raises(ProtocolViolation, match="below the first block"):
        cluster.cores[2].signature_items(old_tip)


def test_records_of_an_older_epoch_are_void_and_may_go() -> None:
    cluster = renewed()
    cluster.give(tx(1), to=range(4))
    cluster.pass_time(50)
    cluster.flush(lambda s, to, m: 4 not in (s, to) and not isinstance(m, Commit))
    data = cluster.wal[1]
    assert sorted(recover(data, 1, 4, epoch=1).proposals) == [2]
    assert recover(data, 0, 4, epoch=0).is_of_later_epoch
    kept = [decode_record(item) for item in retain(data, 0)]
    assert {getattr(record, "epoch", 1) for record in kept} == {1}
    cluster.restart(1)
    assert cluster.cores[1].is_observer_reason is None, "an unchanged key goes on voting"


def test_a_change_that_keeps_the_members_keeps_epoch_views_and_promises() -> None:
    cluster = EpochCluster(4, 4, SAME)
    cluster.give(config_tx(1))
    cluster.pass_time(50)
    cluster.flush()
    for index in range(4):
        cluster.renew(index)
    assert [core.status().epoch for core in cluster.cores] == [0] * 4
    cluster.flush()
    cluster.give(tx(1))
    cluster.settle()
    assert len(set(cluster.heights())) == 1 and cluster.heights()[0] >= 2


def test_a_core_of_other_validators_than_the_tip_names_does_not_start() -> None:
    cluster = ended()
    cluster.members[0] = ValidatorSet(1, validator_set(3).validators)
    with pytest.raises(InvariantBroken, match="names"):
        cluster.restart(0)


def test_the_core_asks_for_no_root_but_the_empty_one_without_evidence() -> None:
    cluster = ended()
    assert cluster.blocks[0][0].block.header.evidence_root == EMPTY_ROOT
