"""A peer that sends more than its share waits behind itself; the others do not notice."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from consensus.api import SignatureItem
from consensus.encoding import Hash, Sig
from node.identity.signers import MemorySigner
from node.model import Envelope
from node.ordering import signatures as signatures_module
from node.ordering.bodies import GIVE_UP_MS, WANTED_MAX, WantedBodies
from node.ordering.driver import ORDERING_LANE_MAX, TURN_MESSAGES_MAX
from node.ordering.fairness import Gate, GateFull, Nested, Turns
from node.ordering.intake import PART_COUNT, monotonic_ms
from node.ordering.signatures import JOB_ITEMS_MAX, SHARE_ITEMS, Signatures
from node.peers.batch import PeerBatch, PeerId
from tests.unit.node.network import SECONDS, SUITE, cluster
from tests.unit.node.test_driver import World


def test_lanes_take_turns_keep_their_order_and_are_bounded():
    turns: Turns[str, int] = Turns(3)
    assert [turns.put("a", n) for n in range(4)] == [True, True, True, False]
    assert turns.put("b", 10) and len(turns) == 4
    assert [turns.take() for _ in range(4)] == [0, 10, 1, 2]
    with pytest.raises(LookupError):
        turns.take()


def test_a_source_that_speaks_for_many_has_one_turn_and_always_room_for_another_key():
    lanes: Nested[str, str, int] = Nested(8)
    taken_in = [lanes.put("liar", f"m{key}", n) for key in range(3) for n in range(9)]
    assert sum(taken_in) == len(lanes) == 7  # four, two, one
    assert lanes.put("liar", "m9", 0) and not lanes.put("liar", "m9", 1)
    assert [lanes.put("honest", "m0", n) for n in (100, 101)] == [True, True]
    order = [lanes.take() for _ in range(len(lanes))]
    assert order[:4] == [
        ("liar", "m0", 0),
        ("honest", "m0", 100),
        ("liar", "m1", 0),
        ("honest", "m0", 101),
    ]
    with pytest.raises(LookupError):
        lanes.take()


async def test_whoever_asks_a_lot_waits_behind_himself_and_leaves_room():
    gate: Gate[str] = Gate(1, 8)
    order: list[str] = []
    go_on = asyncio.Event()

    async def ask(key: str) -> None:
        async with gate.turn(key):
            order.append(key)
            await go_on.wait()

    many = [asyncio.create_task(ask("many")) for _ in range(6)]
    await asyncio.sleep(0)
    full = [task for task in many if task.done()]
    assert len(full) == 2 and all(isinstance(task.exception(), GateFull) for task in full)
    few = asyncio.create_task(ask("few"))
    await asyncio.sleep(0)
    many[1].cancel()  # who gives up while waiting leaves its place
    await asyncio.gather(many[1], return_exceptions=True)
    go_on.set()
    await asyncio.gather(*many, few, return_exceptions=True)
    assert order == ["many", "many", "few", "many"]
    async with gate.turn("many"):  # nothing of them is left
        assert gate._running == 1 and gate._held == {"many": 1} and not gate._waiting


async def test_who_is_let_in_and_cancelled_at_once_passes_its_turn_on():
    gate: Gate[str] = Gate(1, 8)
    entered: list[str] = []

    async def ask(key: str) -> None:
        async with gate.turn(key):
            entered.append(key)

    async with gate.turn("first"):
        second, third = asyncio.create_task(ask("second")), asyncio.create_task(ask("third"))
        await asyncio.sleep(0)
    second.cancel()  # it was let in by the line above and has not run yet
    await asyncio.gather(second, third, return_exceptions=True)
    assert second.cancelled() and entered == ["third"] and gate._running == 0


async def test_wrong_signatures_in_anothers_name_delay_it_by_the_turns_of_one_caller():
    signatures = Signatures(SUITE, threads=1)
    try:
        signer = MemorySigner(SUITE.generate_key())
        good = SignatureItem(signer.public_key, b"m" * 32, Sig(signer.sign(b"m" * 32)))
        bad = [
            SignatureItem(signer.public_key, n.to_bytes(32, "big"), good.signature)
            for n in range(JOB_ITEMS_MAX)
        ]
        flood = [
            asyncio.create_task(signatures.check(bad, source="liar", member=member))
            for member in ("A", "B", "C")
            for _ in range(10)
        ]
        await asyncio.sleep(0)
        honest = asyncio.create_task(signatures.check([good], source="honest", member="A"))
        ended = in_order(honest, *flood)
        assert await honest == [True]
        assert not any([any(await task) for task in flood])
        assert ended.index(honest) <= 1  # the first was alone when its job began
    finally:
        signatures.close()


async def test_a_validator_that_floods_does_not_keep_others_out_of_the_next_turn():
    world = World(lambda event: [])
    flooded = [world.driver.received(3, b"flood") for _ in range(ORDERING_LANE_MAX + 1)]
    assert flooded[-1] is False
    assert world.driver.received(1, b"vote"), "another sender's lane has room"
    turn = world.driver._next_events(0)
    assert len(turn) == TURN_MESSAGES_MAX and turn[1].sender == 1


def garbage(net, count: int) -> tuple[Envelope, ...]:
    """Transactions of good form whose signatures do not hold: each costs a full check."""
    made = net.envelope()
    return tuple(
        Envelope(net.envelope().body, made.public_key, secrets.token_bytes(64))
        for _ in range(count)
    )


async def test_transactions_of_one_peer_do_not_hold_up_the_messages_of_another(tmp_path):
    async with cluster(tmp_path, 4, base_timeout_ms=60_000) as net:
        gate = net.nodes["n1"].port.gate
        liar, honest = net.nodes["n3"].port.me, net.nodes["n0"].port.me
        flood = garbage(net, 500)
        flooding = [
            asyncio.create_task(gate.on_batch(liar, PeerBatch(transactions=flood * 120)))
            for _ in range(3)
        ]
        await asyncio.sleep(0)
        envelope = net.envelope()
        await gate.on_batch(honest, PeerBatch(transactions=(envelope,)))
        assert not any(task.done() for task in flooding), "the liar waits, the honest peer does not"
        await net.nodes["n1"].channel.wait(net.id(envelope), "committed")
        assert not any(task.done() for task in flooding)
        for task in flooding:
            task.cancel()


def in_order(*tasks: asyncio.Task[list[bool]]) -> list[asyncio.Task[list[bool]]]:
    """A list to which each task is added when it ends. Who is done by now depends on the machine; who was
    first does not."""
    ended: list[asyncio.Task[list[bool]]] = []
    for task in tasks:
        task.add_done_callback(ended.append)
    return ended


async def test_a_small_request_is_checked_before_the_end_of_a_large_one():
    signatures = Signatures(SUITE, threads=1)
    try:
        signer = MemorySigner(SUITE.generate_key())
        good = SignatureItem(signer.public_key, b"m" * 32, Sig(signer.sign(b"m" * 32)))
        many = [
            SignatureItem(signer.public_key, n.to_bytes(32, "big"), good.signature)
            for n in range(JOB_ITEMS_MAX * 20)
        ]
        large = asyncio.create_task(signatures.check(many, urgent=True))
        await asyncio.sleep(0)
        small = asyncio.create_task(signatures.check([good], urgent=True))
        ended = in_order(large, small)
        assert await small == [True]
        assert not any(await large)
        assert ended == [small, large]
    finally:
        signatures.close()


async def test_a_large_request_keeps_its_place_where_its_source_has_no_room_left(monkeypatch):
    """A member that holds half of its source's places, and others the rest, is checked to the end."""
    monkeypatch.setattr(signatures_module, "REQUESTS_MAX", 4)
    signatures = Signatures(SUITE, threads=1)
    try:
        signer = MemorySigner(SUITE.generate_key())
        good = SignatureItem(signer.public_key, b"m" * 32, Sig(signer.sign(b"m" * 32)))
        large = [good] * (SHARE_ITEMS + 1)
        first = asyncio.create_task(signatures.check([good] * JOB_ITEMS_MAX))
        await asyncio.sleep(0)  # it is being checked, the others wait
        names = [*"aaaa", *"bb", "c"]
        others = [asyncio.create_task(signatures.check(large, source="s", member=n)) for n in names]
        async with asyncio.timeout(SECONDS):
            for answers in await asyncio.gather(first, *others):
                assert all(answers)
    finally:
        signatures.close()


async def test_a_transaction_that_a_proposal_waits_for_is_checked_before_all_that_came_earlier():
    signatures = Signatures(SUITE, threads=1)
    try:
        signer = MemorySigner(SUITE.generate_key())
        good = SignatureItem(signer.public_key, b"m" * 32, Sig(signer.sign(b"m" * 32)))
        offered = [asyncio.create_task(signatures.check([good] * 16)) for _ in range(40)]
        await asyncio.sleep(0)
        wanted = asyncio.create_task(signatures.check([good], wanted=True))
        ended = in_order(wanted, *offered)
        assert await wanted == [True]
        assert all([all(await task) for task in offered])
        assert ended.index(wanted) < 20
    finally:
        signatures.close()


async def test_a_body_that_a_proposal_waits_for_overtakes_what_its_own_peer_sent_before(tmp_path):
    async with cluster(tmp_path, 2) as net:
        pipeline = net.nodes["n0"].channel.pipeline
        gate, peer = pipeline.intake, PeerId("n1", Hash(bytes(32)), 1)
        flood = garbage(net, PART_COUNT)
        asked = net.envelope()
        gate._wanted.want([net.id(asked)], 1, monotonic_ms())
        await gate.on_batch(peer, PeerBatch(transactions=flood * 8))
        await gate.on_batch(peer, PeerBatch(transactions=(asked,)))
        assert gate._wanted.found(net.id(asked)) is False, "it was found meanwhile"
        assert len(gate._bodies) > 0, "what the peer offered before still waits"


async def test_a_question_for_transactions_of_many_blocks_reads_few_of_them_and_each_once(tmp_path):
    async with cluster(tmp_path, 1) as net:
        node, ids = net.nodes["n0"], []
        for _ in range(3):
            outcomes = await node.channel.submit([net.envelope(), net.envelope()])
            ids += [outcome.tx_id for outcome in outcomes]
            for outcome in outcomes:
                await node.channel.wait(outcome.tx_id, "committed")
        serving, blocks = node.channel.pipeline.intake._serving, node.channel._ledger.blocks
        (batch,) = await serving.transactions(ids * 3)
        assert {net.id(envelope) for envelope in batch.transactions} == set(ids)
        heights = {blocks.place(id_).height for id_ in ids}
        assert len(heights) > 1
        monkey = pytest.MonkeyPatch()
        with monkey.context() as patch:
            patch.setattr("node.catchup.serving.ASKED_BLOCKS_MAX", 1)
            (batch,) = await serving.transactions(ids)
        assert len({blocks.place(net.id(e)).height for e in batch.transactions}) == 1


async def test_one_transaction_behind_another_members_many_has_the_next_turn(tmp_path):
    async with cluster(tmp_path, 4) as net:
        for name in ("n1", "n2", "n3"):
            await net.stop(name)  # nothing is ordered any more
        channel = net.nodes["n0"].channel
        envelopes = [*(net.envelope("alice") for _ in range(40)), net.envelope("bob")]
        assert all(outcome.error is None for outcome in await channel.submit(envelopes, "host"))
        requests = channel.pipeline.seat.core._started.requests
        async with asyncio.timeout(SECONDS):
            while len(requests) < len(envelopes):
                await asyncio.sleep(0.01)
        chosen = requests.choose()
        assert {ref.member for ref in chosen[:2]} == {"m-alice", "m-bob"}
        assert [ref.tx_id for ref in chosen if ref.member == "m-alice"] == [
            net.id(envelope) for envelope in envelopes[:-1]
        ]


def test_a_validator_that_names_what_does_not_exist_leaves_room_for_what_others_name():
    wanted = WantedBodies(4, 0)
    wanted.want([Hash(n.to_bytes(32, "big")) for n in range(WANTED_MAX + 1)], 3, 0)
    assert len(wanted) == WANTED_MAX
    named = Hash(b"x" * 32)
    wanted.want([named], 1, 0)
    assert named in wanted
    assert wanted.due(GIVE_UP_MS + 1) == {} and len(wanted) == 0
    wanted.want([Hash(bytes(32))], 3, GIVE_UP_MS + 1)
    assert len(wanted) == 1, "what was given up counts no more"
