from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.api import ProtocolViolation
from consensus.certificate import Seal
from consensus.encoding import ZERO_HASH, Hash, Sig
from consensus.pbft.evidence import evidence_items, make_evidence
from consensus.pbft.lookahead import Lookahead
from consensus.pbft.messages import (
    KINDS,
    MESSAGE_BYTES_MAX,
    BlockRequest,
    BlockSupply,
    Commit,
    Message,
    NewView,
    Prepare,
    Proposal,
    StatusRequest,
    ViewChange,
    decode_message,
    encode_message,
    epoch_of,
)
from tests.simulation.ghost import SUITE, hash_, vote_key
from tests.unit.consensus.cluster import Cluster, tx


def samples() -> dict[str, Message]:
    """One real message of every kind, from clusters that live through a view change and a lost WAL."""
    cluster = Cluster(4)
    cluster.give(tx(1), to=[0, 2, 3])
    seen: list[Message] = []
    cluster.pass_time(50)

    def is_delivered(sender: int, to: int, message: Message) -> bool:
        seen.append(message)
        return 1 not in (sender, to) and not isinstance(message, Commit)

    cluster.flush(is_delivered)
    cluster.give(tx(1), to=[1])
    for _ in range(20):
        cluster.pass_time(500)
        cluster.flush(lambda s, to, m: bool(seen.append(m)) or 0 not in (s, to))
    cluster.pass_time(5_000)
    cluster.flush(lambda s, to, m: not seen.append(m))
    return {type(message).__name__: message for message in [*forgetful(), *seen]}


def forgetful() -> list[Message]:
    """What a validator says and hears that has lost its WAL."""
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.settle()
    cluster.wal[2].clear()
    cluster.pass_time(1_000)
    cluster.restart(2)
    seen: list[Message] = []
    cluster.flush(lambda s, to, m: not seen.append(m))
    return seen


SAMPLES = samples()


def test_every_kind_of_message_is_among_the_samples() -> None:
    assert sorted(SAMPLES) == sorted(kind.__name__ for kind in KINDS.values())


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_message_has_one_encoding(name: str) -> None:
    data = encode_message(SAMPLES[name])
    assert decode_message(data) == SAMPLES[name]
    for bad in (data + b"\0", data[:-1], b"\xee" + data[1:]):
        with pytest.raises(ProtocolViolation):
            decode_message(bad)


@settings(max_examples=300)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_a_damaged_message_is_refused_or_carries_a_signature_that_does_not_hold(
    name: str, data: st.DataObject
) -> None:
    encoded = bytearray(encode_message(SAMPLES[name]))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    cluster = Cluster(4)
    with contextlib.suppress(ProtocolViolation):
        message = decode_message(bytes(encoded))
        sender = getattr(message, "sender", 0)
        before = cluster.cores[1].status()
        for action in cluster.receive(1, min(sender, 3), message):
            # Another signature registry: no signature holds, so only unsigned requests get this far, and
            # hints of another epoch, which are not believed.
            is_unsigned = isinstance(message, BlockRequest | BlockSupply | StatusRequest)
            assert is_unsigned or epoch_of(message) != 0, action
        assert cluster.cores[1].status() == before


@given(st.binary(max_size=400))
def test_garbage_is_a_violation_and_nothing_else(data: bytes) -> None:
    with contextlib.suppress(ProtocolViolation):
        decode_message(data)


def test_a_message_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(ProtocolViolation, match="size"):
        decode_message(bytes(MESSAGE_BYTES_MAX + 1))


def rejected(message: Message) -> None:
    with pytest.raises(ProtocolViolation):
        Cluster(4).cores[1].signature_items(message)


def test_a_message_of_another_channel_or_stranger_names_no_signatures() -> None:
    for name in (
        *("Prepare", "Commit", "ViewChange", "NewView", "Status"),
        *("Checkpoint", "CheckpointRequest"),
    ):
        message = SAMPLES[name]
        for change in ({"channel_id": ZERO_HASH}, {"sender": 4}):
            rejected(replace(message, **change))  # type: ignore[type-var]


def test_a_view_change_shows_only_what_could_have_been_prepared() -> None:
    change = next(
        c
        for c in (SAMPLES["NewView"].view_changes)  # type: ignore[union-attr]
        if c.prepared
    )
    assert isinstance(change, ViewChange)
    (cert,) = change.prepared
    rejected(replace(change, prepared=(replace(cert, view=change.new_view),)))
    rejected(replace(change, prepared=(cert, cert)))
    rejected(replace(change, prepared=(replace(cert, signers=b"\x01"),)))
    far = replace(cert, header=replace(cert.header, height=2))
    rejected(replace(change, prepared=(far,)))
    rejected(replace(change, reason="x" * 101))


def test_a_new_view_carries_a_quorum_of_changes_for_its_own_view() -> None:
    message = SAMPLES["NewView"]
    assert isinstance(message, NewView)
    changes = message.view_changes
    rejected(replace(message, view_changes=changes[:-1]))
    rejected(replace(message, view_changes=tuple(reversed(changes))))
    rejected(replace(message, view_changes=(*changes[:-1], changes[0])))
    rejected(replace(message, view=0))
    other = replace(changes[0], new_view=message.view + 4)
    rejected(replace(message, view_changes=(other, *changes[1:])))


def test_a_parent_certificate_is_that_of_the_parent() -> None:
    proposal, decided = SAMPLES["Proposal"], SAMPLES["Decided"]
    assert isinstance(proposal, Proposal)
    rejected(replace(proposal, parent_cert=decided.cert))  # type: ignore[union-attr]


def test_signature_items_are_pure_and_complete() -> None:
    core = Cluster(4).cores[1]
    for name, count in (("Prepare", 1), ("Commit", 1), ("Status", 1), ("Decided", 3)):
        items = core.signature_items(SAMPLES[name])
        assert len(items) == count and items == core.signature_items(SAMPLES[name])
    new_view = SAMPLES["NewView"]
    assert isinstance(new_view, NewView)
    expected = 1
    for change in new_view.view_changes:
        expected += 1 + (3 if change.tip_cert else 0) + 3 * len(change.prepared)
    assert len(core.signature_items(new_view)) == expected


def test_evidence_is_the_same_bytes_whoever_noticed_and_proves_itself() -> None:
    one, other = Hash(hash_(b"a")), Hash(hash_(b"b"))
    signatures = Sig(bytes(64)), Sig(b"\1" * 64)
    seal = Seal(ZERO_HASH, 0, 5, 2, one)
    first = make_evidence("commit", vote_key(1), seal, signatures[0], other, signatures[1])
    turned = replace(seal, block_hash=other)
    assert first == make_evidence("commit", vote_key(1), turned, signatures[1], one, signatures[0])
    items = evidence_items(first, SUITE)
    assert [item.key for item in items] == [vote_key(1)] * 2
    assert items[0].message != items[1].message
    for bad in ({"kind": "gossip"}, {"second_hash": first.first_hash}):
        with pytest.raises(ValueError, match="evidence"):
            evidence_items(replace(first, **bad), SUITE)  # type: ignore[arg-type]


def test_what_is_kept_for_later_views_is_bounded_a_sender() -> None:
    lookahead = Lookahead(window=1)
    for view in range(1, 50):
        prepare = Prepare(ZERO_HASH, 0, 2, view, 1, ZERO_HASH, Sig(bytes(64)))
        lookahead.keep(prepare)
        lookahead.keep(prepare)
    kept = [view for view in range(1, 50) if lookahead.take(view)]
    assert kept == [46, 47, 48, 49]
