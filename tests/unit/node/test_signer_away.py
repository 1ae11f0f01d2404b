"""A validator whose signer goes away: it waits, answers reads, and votes again when the signer is back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from consensus.encoding import Sig
from node import seating
from node.compose import one_key
from node.identity.signers import MemorySigner, SignerAway
from node.identity.suite import DEFAULT_ID
from tests.unit.node.network import SECONDS, Cluster
from tests.unit.node.waiting import _until, voting


class Interrupted:
    """A signer that gives so many signatures more, and then none until it is told."""

    def __init__(self, signer: MemorySigner) -> None:
        self._signer, self.public_key = signer, signer.public_key
        self.left: int | None = None  # None: as many as are asked for
        self.refused = asyncio.Event()

    def sign(self, message: bytes, id: bytes = DEFAULT_ID) -> Sig:
        if self.left == 0:
            self.refused.set()
            raise SignerAway("CITY-2054", address="nowhere", reason="UNAVAILABLE")
        if self.left is not None:
            self.left -= 1
        return self._signer.sign(message, id)


@pytest.mark.parametrize("left", (0, 1))
async def test_a_signer_that_goes_away_within_a_turn_stops_no_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    """Three of four validators run, so that each vote of this one is needed."""
    monkeypatch.setattr(seating, "SIGNER_SECONDS", 0.05)
    net = Cluster(tmp_path, 4)
    signer = Interrupted(net.keys.votes[0])
    try:
        async with asyncio.timeout(SECONDS):
            node = await net.start("n0", votes=one_key(signer))
            for name in ("n1", "n2"):
                await net.start(name)
            for number in (2, 1, 0):
                signer.refused.clear()
                signer.left = left + number
                envelope = net.envelope()
                (outcome,) = await node.channel.submit([envelope])
                assert outcome.error is None
                # A late signature may be one that this transaction does not need.
                ends = [signer.refused.wait(), node.channel.wait(outcome.tx_id, "committed")]
                tasks = [asyncio.ensure_future(each) for each in ends]
                _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in pending:
                    task.cancel()
                found = await node.channel.query("counter", 0, "read", '{"name": "a"}', None)
                assert found.outcome == "ok"  # meanwhile it reads
                signer.left = None
                for each in net.nodes.values():
                    status = await each.channel.wait(outcome.tx_id, "committed")
                    assert status.receipt is not None and status.receipt.outcome == "ok"
            assert not node.task.done() and signer.refused.is_set()
            await net.same_state()
    finally:
        await net.stop_all()


async def test_while_its_signer_is_away_a_node_follows_the_others_and_then_votes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seating, "SIGNER_SECONDS", 0.05)
    net = Cluster(tmp_path, 4)
    signer = Interrupted(net.keys.votes[0])
    try:
        async with asyncio.timeout(SECONDS):
            node = await net.start("n0", votes=one_key(signer))
            for name in ("n1", "n2", "n3"):
                await net.start(name)
            signer.left = 0
            other = net.nodes["n1"].channel
            for _ in range(3):
                (outcome,) = await other.submit([net.envelope()])
                assert outcome.error is None
                await other.wait(outcome.tx_id, "committed")
                status = await node.channel.wait(outcome.tx_id, "committed")
                assert status.receipt is not None and status.receipt.outcome == "ok"
            await signer.refused.wait()
            away = "observer (its signer is away)"
            await _until(net, lambda: node.channel.status()["role"], away)
            signer.left = None
            await voting(net, "n0")
            await net.stop("n3")  # its vote is needed now
            (outcome,) = await other.submit([net.envelope()])
            await other.wait(outcome.tx_id, "committed")
            await net.same_state()
    finally:
        await net.stop_all()
