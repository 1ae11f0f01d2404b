"""The loop around a core: what is durable before what leaves, lanes, violations, and how a channel stops."""

from __future__ import annotations

import asyncio

import pytest

from consensus.api import (
    Broadcast,
    CoreStatus,
    Executed,
    Halt,
    Have,
    InvariantBroken,
    Persist,
    ProtocolViolation,
    Received,
    Restart,
    Send,
    SetTimer,
    Tick,
    TxWaiting,
)
from consensus.encoding import ZERO_HASH
from node.clock import RealClock
from node.errors import CityError
from node.ordering.driver import ORDERING_LANE_MAX, ChannelHalted, Driver
from node.ordering.signatures import CoreVerifier, Signatures
from node.ordering.txpool import TxPool
from tests.unit.node.network import SECONDS, SUITE, cluster
from tests.unit.node.test_txpool import tx


class ScriptedCore:
    """Answers inputs as the test says, and keeps what it was given."""

    def __init__(self, answer):
        self.answer, self.seen = answer, []

    def step(self, event):
        self.seen.append(event)
        return self.answer(event)

    def status(self):
        return CoreStatus(0, True, 0, 0, 0, 0, 0, "")


class World:
    """Log and effects of a driver: one list of what happened, in order."""

    def __init__(self, answer, clock=None):
        self.happened = []
        self.core = ScriptedCore(answer)
        self.pool = TxPool()
        self.progress = asyncio.Event()
        self.driver = Driver(self.core, self, self, self.pool, clock or RealClock())

    def note(self, *what):
        self.happened.append(what)
        self.progress.set()

    def append(self, bodies, records):
        self.happened.append(("durable", tuple(records)))

    def send(self, to, messages):
        self.note("send", to, messages)

    def broadcast(self, messages):
        self.note("broadcast", messages)

    def violation(self, sender, reason):
        self.note("violation", sender)

    async def run_until(self, count):
        task = asyncio.create_task(self.driver.run(Restart(0, (), None, None, ())))
        try:
            while len(self.happened) < count and not task.done():
                self.progress.clear()
                waiting = asyncio.create_task(self.progress.wait())
                await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_all_records_of_a_turn_are_durable_before_any_message_of_it_leaves():
    def answer(event):
        if isinstance(event, Received):
            name = event.message
            return [Persist((name + b"-record",)), Broadcast(name), Send(2, name + b"-to-2")]
        return []

    world = World(answer)
    for name in (b"one", b"two"):
        world.driver.received(1, name)
    await world.run_until(3)
    assert world.happened == [
        ("durable", (b"one-record", b"two-record")),
        ("broadcast", (b"one", b"two")),
        ("send", 2, (b"one-to-2", b"two-to-2")),
    ]


async def test_transactions_come_first_then_own_results_then_messages():
    world = World(lambda event: [Broadcast(b"x")] if isinstance(event, Received) else [])
    world.pool.add(tx(1), 0, spread=False)
    world.driver.received(1, b"message")
    world.driver.own(Executed(0, 1, ZERO_HASH, ZERO_HASH))
    await world.run_until(1)
    kinds = [type(event).__name__ for event in world.core.seen]
    assert kinds == ["Restart", "TxWaiting", "Executed", "Received"]


async def test_a_deadline_that_has_passed_is_judged_behind_what_had_arrived():
    # A node that was slow itself would else depose a leader whose proposal lies in its inbox.
    def answer(event):
        if isinstance(event, Restart):
            return [SetTimer(RealClock().now_ms())]
        return [Broadcast(b"tick")] if isinstance(event, Tick) else []

    world = World(answer)
    world.driver.received(1, b"proposal")
    world.driver.own(Executed(0, 1, ZERO_HASH, ZERO_HASH))
    await world.run_until(1)
    kinds = [type(event).__name__ for event in world.core.seen]
    assert kinds == ["Restart", "Executed", "Received", "Tick"]


async def test_a_clock_that_was_set_back_does_not_keep_a_silent_node_waiting_for_it():
    class SetBack:
        def __init__(self):
            self.readings = iter((10_000_000, 10_000_000, 10_000_000))

        def now_ms(self):
            return next(self.readings, 5_000)

    def answer(event):
        if isinstance(event, Restart):
            return [SetTimer(10_000_001)]
        if isinstance(event, Tick):
            return [Broadcast(b"%d" % event.now_ms), SetTimer(None)]
        return []

    world = World(answer, SetBack())
    world.driver.received(1, b"wakes the loop once")
    await world.run_until(1)
    assert world.happened == [("broadcast", (b"5000",))]


async def test_a_body_that_was_delivered_meanwhile_is_not_given_to_the_core():
    # It would wait there for ever: no block takes it any more, and the leader is suspected for it.
    world = World(lambda event: [])
    here, gone = tx(1), tx(2)
    for admitted in (here, gone):
        world.pool.add(admitted, 0, spread=False, needed=True)
        world.driver.own(Have(0, admitted.tx_id, True, admitted.ref))
    world.pool.remove([gone.tx_id])
    given = world.driver._next_events(0)
    assert [e.tx_id for e in given if isinstance(e, Have)] == [here.tx_id]
    assert [ref.tx_id for e in given if isinstance(e, TxWaiting) for ref in e.txs] == [here.tx_id]


async def test_a_violation_is_counted_and_the_loop_goes_on():
    def answer(event):
        if isinstance(event, Received) and event.message == b"bad":
            raise ProtocolViolation("no such thing")
        return [Broadcast(b"good")] if isinstance(event, Received) else []

    world = World(answer)
    world.driver.received(3, b"bad")
    world.driver.received(1, b"good")
    await world.run_until(2)
    assert world.happened == [("violation", 3), ("broadcast", (b"good",))]
    assert world.driver.counts.violations == 1


async def test_a_full_lane_drops_and_counts():
    world = World(lambda event: [])
    accepted = [world.driver.received(0, b"m") for _ in range(ORDERING_LANE_MAX + 1)]
    assert accepted.count(False) == 1 and world.driver.counts.dropped_messages == 1


async def test_the_timer_that_a_core_sets_brings_a_tick():
    def answer(event):
        if isinstance(event, Restart):
            return [SetTimer(RealClock().now_ms() + 20)]
        return [Broadcast(b"tick")] if isinstance(event, Tick) else []

    world = World(answer)
    await world.run_until(1)
    assert world.happened == [("broadcast", (b"tick",))]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda event: [Halt("state root", 7, ZERO_HASH, ZERO_HASH)], ChannelHalted),
        (lambda event: (_ for _ in ()).throw(InvariantBroken("two heads")), InvariantBroken),
    ],
)
async def test_a_halt_and_a_broken_invariant_end_the_loop(answer, error):
    with pytest.raises(error):
        await World(answer).run_until(1)


async def test_a_channel_that_stopped_says_why_and_goes_on_reading(tmp_path):
    async with cluster(tmp_path, 1) as net:
        node = net.nodes["n0"]
        first, second = net.envelope(), net.envelope()
        await node.channel.submit([first])
        await node.channel.wait(net.id(first), "committed")
        node.engine.is_broken = True
        await node.channel.submit([second])
        with pytest.raises(CityError, match="CITY-6001") as caught:
            await node.channel.wait(net.id(second), "committed")
        assert "failed twice" in caught.value.message
        status = node.channel.status()
        assert (status["state"], status["ready"], status["code"]) == ("stopped", False, "CITY-6001")
        assert (await node.channel.block(1)) is not None
        with pytest.raises(CityError, match="CITY-6001"):
            await node.channel.submit([net.envelope()])


async def test_who_asks_a_stopped_channel_for_a_transaction_of_its_pool_is_told_at_once(tmp_path):
    async with cluster(tmp_path, 1) as net:
        node, envelope = net.nodes["n0"], net.envelope()
        node.channel._ledger.journal.close()  # as when the disk takes nothing more
        await node.channel.submit([envelope])
        async with asyncio.timeout(SECONDS):
            while node.channel.stopped is None:
                await node.channel.pipeline.progress(0.1)
            assert net.id(envelope) in node.channel.pipeline.pool
            with pytest.raises(CityError, match="CITY-6001"):
                await node.channel.wait(net.id(envelope), "committed")


async def test_signatures_are_checked_in_order_and_remembered_for_the_core():
    from consensus.api import SignatureItem
    from node.identity.signers import MemorySigner

    signer = MemorySigner(SUITE.generate_key())
    good = [SignatureItem(signer.public_key, bytes([i]), signer.sign(bytes([i]))) for i in range(5)]
    bad = SignatureItem(signer.public_key, b"other", good[0].signature)
    signatures = Signatures(SUITE, threads=2)
    try:
        assert await signatures.check([*good, bad], urgent=True) == [True] * 5 + [False]
        checked = signatures.checked
        verifier = CoreVerifier(SUITE, signatures)
        assert all(verifier.verify(item) for item in good) and not verifier.verify(bad)
        assert verifier.missed == 1
        assert await signatures.check(good, urgent=True) == [True] * 5
        assert signatures.checked == checked
    finally:
        signatures.close()
