"""What one validator asks for, relays or repeats moves nobody else and fills nobody's memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from consensus.api import ProtocolViolation, SignatureItem
from consensus.encoding import ZERO_HASH, Sig
from consensus.pbft.admission import OBSERVER_FIRST_START
from consensus.pbft.messages import (
    Checkpoint,
    CheckpointRequest,
    Commit,
    Message,
    NewView,
    Prepare,
    Proposal,
    SignatureRules,
    Status,
    StatusRequest,
    ViewChange,
    signed_bytes,
)
from tests.simulation.ghost import SUITE
from tests.unit.consensus.cluster import CHANNEL, Cluster, tx

UNSIGNED = Sig(ZERO_HASH + ZERO_HASH)


def request(cluster: Cluster, sender: int, height: int) -> CheckpointRequest:
    unsigned = CheckpointRequest(CHANNEL, 0, sender, height, UNSIGNED)
    return replace(unsigned, signature=cluster.sign(sender, signed_bytes(unsigned, SUITE)))


def without_liar(sender: int, to: int, message: object) -> bool:
    """Node 3 is the liar of these tests: its core says nothing."""
    return sender != 3


def run(cluster: Cluster, milliseconds: int) -> None:
    for _ in range(milliseconds // 50):
        cluster.flush(without_liar)
        cluster.pass_time(50)


@pytest.mark.parametrize("to_leader", [1, 6, 7])
@pytest.mark.parametrize("to_others", [2, 6])
def test_two_requests_of_one_validator_do_not_depose_an_honest_leader(
    to_leader: int, to_others: int
) -> None:
    cluster = Cluster(4)
    cluster.receive(0, 3, request(cluster, 3, to_leader))
    for index in (1, 2):
        cluster.receive(index, 3, request(cluster, 3, to_others))
    run(cluster, 20_000)
    assert [core.status().view for core in cluster.cores[:3]] == [0, 0, 0]


def test_a_request_shown_to_one_node_only_does_not_make_it_leave_the_view() -> None:
    cluster = Cluster(4)
    for index in (0, 2):
        cluster.receive(index, 3, request(cluster, 3, 1))
    cluster.receive(1, 3, request(cluster, 3, 6))
    run(cluster, 20_000)
    assert [core.status().view for core in cluster.cores[:3]] == [0, 0, 0]


def test_a_checkpoint_comes_from_its_signer_only() -> None:
    """Old ones, said again by another, would push out those that a waiting validator counts."""
    cluster = Cluster(4, checkpoint_interval=1)
    cluster.give(tx(1))
    cluster.flush()
    cluster.pass_time(50)
    kept: list[Checkpoint] = []

    def note(sender: int, to: int, message: object) -> bool:
        if isinstance(message, Checkpoint) and sender == 1:
            kept.append(message)
        return True

    cluster.flush(note)
    with pytest.raises(ProtocolViolation):
        cluster.receive(2, 3, kept[0])
    cluster.receive(2, 1, kept[0])


def test_a_proposal_names_no_more_transactions_than_a_block_holds() -> None:
    """Its ids are not signed and wait in memory for their bodies, so they are counted at the door."""
    cluster = Cluster(4, block_txs_max=2)
    cluster.give(tx(1))
    cluster.pass_time(50)
    (proposal,) = cluster.take(Proposal)
    with pytest.raises(ProtocolViolation):
        cluster.receive(1, 0, replace(proposal, tx_ids=proposal.tx_ids * 3))
    cluster.receive(1, 0, proposal)
    assert cluster.take(Prepare, sender=1)


def test_a_first_start_that_sees_a_certificate_is_not_at_genesis() -> None:
    """Of three, one never started, and of the two that went on one lost its disk: those two must not begin a
    second chain."""
    cluster = Cluster(3)
    cluster.give(tx(1), to=[0, 1])
    for _ in range(40):
        cluster.flush(lambda s, to, m: 2 not in (s, to))
        cluster.pass_time(50)
    assert cluster.heights()[:2] == [2, 2]
    cluster.pass_time(1_000)
    for index in (1, 2):
        cluster.wal[index].clear()
        cluster.blocks[index].clear()
        del cluster.roots[index][1:]
    cluster.sent.clear()
    cluster.restart(1)
    cluster.restart(2)
    cluster.flush(lambda s, to, m: 0 in (s, to))
    for _ in range(40):
        cluster.flush(lambda s, to, m: 0 not in (s, to))
        cluster.pass_time(50)
    assert [core.is_observer_reason for core in cluster.cores[1:]] == [OBSERVER_FIRST_START] * 2


def said_by_node_1() -> list[Message]:
    """A message of each kind that it says while blocks are made, while views change, and as their leader."""
    cluster = Cluster(4, checkpoint_interval=1)
    found: dict[type, Message] = {}

    def note(sender: int, to: int, message: Any) -> bool:
        if sender == 1:
            found.setdefault(type(message), message)
        return not (is_stuck and isinstance(message, Proposal))

    is_stuck = False
    for number in range(3):
        is_stuck = number == 1
        cluster.give(tx(number))
        for _ in range(8):
            cluster.pass_time(1_000)
            cluster.flush(note)
    kinds = {Prepare, Commit, Checkpoint, Status, ViewChange, NewView, Proposal}
    assert kinds <= set(found)
    return list(found.values())


def outsized(message: Any) -> Iterator[Message]:
    """With each of its numbers beyond all that exist."""
    for field in fields(message):
        value = getattr(message, field.name)
        if type(value) is int and field.name not in ("sender", "epoch"):
            yield replace(message, **{field.name: (1 << 64) - 1})


@pytest.mark.parametrize("state", ["working", "joining", "changing its view"])
def test_no_number_that_a_member_may_say_stops_another(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if signed, for it may sign whatever it says: all but the signatures is looked at."""
    look = SignatureRules.items

    def unsigned(*args: Any) -> list[SignatureItem]:
        look(*args)
        return []

    lies = [lie for message in said_by_node_1() for lie in outsized(message)]
    monkeypatch.setattr(SignatureRules, "items", unsigned)
    for lie in lies:
        cluster = Cluster(4, checkpoint_interval=1)
        cluster.give(tx(1))
        cluster.settle()
        if state == "joining":
            cluster.wal[3].clear()
            cluster.restart(3)
            (question,) = cluster.take(StatusRequest)[:1]
            lie = replace(lie, echo=question.nonce) if isinstance(lie, Status) else lie
        elif state == "changing its view":
            cluster.give(tx(2))
            for _ in range(3):
                cluster.pass_time(1_500)
                cluster.flush(lambda s, to, m: not isinstance(m, Proposal | NewView))
        for to in (0, 2, 3):
            with contextlib.suppress(ProtocolViolation):
                cluster.receive(to, 1, lie)
        cluster.give(tx(3))
        for _ in range(6):
            cluster.pass_time(700)
            cluster.flush()
