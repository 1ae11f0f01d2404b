"""Catching up believes certificates: liars cost time, never a block."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from consensus.api import SignatureItem
from consensus.certificate import CommitCert, Seal, bitmap, seal_message
from consensus.encoding import Hash, Sig
from consensus.header import block_hash
from node.catchup import sync
from node.catchup.sync import BlockChecker, CatchUp
from node.configuration import InForce
from node.errors import CityError
from node.genesis import channel_id
from node.governance import genesis_state
from node.model import Envelope, StoredBlock
from node.ordering.core import genesis_header
from node.peers.batch import PeerBatch, PeerId
from tests.unit.node.network import SECONDS, SUITE, Cluster, cluster, make_genesis
from tests.unit.node.test_recovery import commit
from tests.unit.node.waiting import caught_up


def forgeries(block: StoredBlock) -> dict[str, StoredBlock]:
    """What a lying peer could send in place of an honest block."""
    assert block.certificate is not None
    header, cert, (envelope,) = block.header, block.certificate, block.envelopes
    seal = bytes(64)
    return {
        "another height": replace(block, header=replace(header, height=header.height + 1)),
        "another header": replace(block, header=replace(header, timestamp_ms=1)),
        "no certificate": replace(block, certificate=None),
        "a changed body": replace(
            block,
            envelopes=(Envelope(envelope.body + b"x", envelope.public_key, envelope.signature),),
        ),
        "another signature": replace(
            block, envelopes=(Envelope(envelope.body, envelope.public_key, seal),)
        ),
        "another key": replace(
            block, envelopes=(Envelope(envelope.body, b"\4" * 65, envelope.signature),)
        ),
        "a transaction left out": replace(block, envelopes=()),
        "a forged seal": replace(block, certificate=replace(cert, seals=(seal, *cert.seals[1:]))),
        "too few seals": replace(block, certificate=replace(cert, seals=cert.seals[1:])),
        "another kind of certificate": replace(block, certificate=replace(cert, kind="raft")),
    }


async def test_a_block_that_was_touched_anywhere_is_refused(tmp_path):
    async with cluster(tmp_path, 4) as net:
        await commit(net, "n0")
        node = net.nodes["n0"]
        block = await node.channel.block(1)
        assert block is not None
        checker = BlockChecker(
            InForce(genesis_state(net.genesis.config), net.channel_id, SUITE),
            net.channel_id,
            SUITE,
            lambda items: node.signatures.check(items, urgent=True),
        )
        (good,) = await checker.check([block], 1, "n1")
        assert good.stored == block
        for why, forged in forgeries(block).items():
            with pytest.raises(CityError) as caught:
                await checker.check([forged], 1, "n1")
            assert caught.value.code == "CITY-6004", why


async def test_a_majority_that_is_no_quorum_does_not_certify_a_fetched_block():
    genesis, keys = make_genesis(7)
    config, chain = genesis.config, channel_id(SUITE.hash, genesis.config)
    origin = genesis_header(config, chain, SUITE, Hash(bytes(32)), Hash(bytes(32)))
    parent = block_hash(SUITE.hash, origin)
    header = replace(origin, height=1, parent_hash=parent)
    digest = block_hash(SUITE.hash, header)
    message = seal_message(SUITE.id, Seal(chain, 0, 1, 0, digest))
    seals = [Sig(vote.sign(message)) for vote in keys.votes]

    def block(kind: str, count: int) -> StoredBlock:
        signers = bitmap(list(range(count)), 7)
        cert = CommitCert(kind, 0, 1, 0, digest, signers, tuple(seals[:count]))
        return StoredBlock(header, (), cert)

    async def verify(items: Sequence[SignatureItem]) -> list[bool]:
        return [SUITE.verify(item.key, item.message, item.signature) for item in items]

    for own, other, enough in (("pbft", "raft", 5), ("raft", "pbft", 4)):
        rules = replace(config.consensus, kind=own)
        state = genesis_state(replace(config, consensus=rules))
        checker = BlockChecker(InForce(state, chain, SUITE), chain, SUITE, verify)
        assert await checker.check([block(own, enough)], 1, "n1")
        for forged in (block(own, enough - 1), block(other, 7)):
            with pytest.raises(CityError) as caught:
                await checker.check([forged], 1, "n1")
            assert caught.value.code == "CITY-6004"
    with pytest.raises(CityError):
        in_force = InForce(genesis_state(config), chain, SUITE)
        await BlockChecker(in_force, chain, SUITE, verify).check([block("raft", 4)], 1, "n1")


async def test_a_peer_that_lies_about_its_height_stops_nobody(tmp_path):
    net = Cluster(tmp_path, 4)
    try:
        await net.start_all()
        await commit(net, "n0")
        for name in ("n1", "n2", "n3"):
            gate = net.nodes[name].port.gate
            await gate.on_batch(net.nodes["n0"].port.me, PeerBatch(tip_height=1_000_000))
        status = await commit(net, "n2")
        assert status.receipt is not None and status.receipt.outcome == "ok"
        await net.same_state()
        await caught_up(net)
    finally:
        await net.stop_all()


async def test_blocks_that_nobody_asked_for_are_ignored(tmp_path):
    async with cluster(tmp_path, 4) as net:
        await commit(net, "n0")
        block = await net.nodes["n0"].channel.block(1)
        assert block is not None
        before = await net.same_state()
        gate = net.nodes["n2"].port.gate
        await gate.on_batch(net.nodes["n0"].port.me, PeerBatch(blocks=(block,) * 3))
        assert await net.same_state() == before


class Ground:
    """A node that takes in what it fetches slowly: execution moves often, the tip now and then."""

    execution_lag, is_reconfiguring = 0, False

    def __init__(self, peers: int, mute: int = 0) -> None:
        """mute: so many answers of each peer are late, before they come."""
        self.tip_height = 0
        self.given: list[int] = []
        self._peers = [PeerId(f"p{n}", Hash(bytes([n]) * 32), n) for n in range(peers)]
        self._mute = {peer.name: mute for peer in self._peers}
        self._moved = 0
        self.catch_up = CatchUp(self, Unchecked(), 1, 0, is_voting=False)  # type: ignore[arg-type]

    def peers(self) -> list[PeerId]:
        return self._peers

    def ask(self, peer: PeerId, batch: PeerBatch) -> bool:
        assert batch.want_blocks is not None
        first, last = batch.want_blocks
        if self._mute[peer.name]:
            self._mute[peer.name] -= 1
            return False
        blocks: Any = tuple(range(first, last + 1))
        asyncio.get_running_loop().call_soon(self.catch_up.on_blocks, peer, blocks)
        return True

    def take(self, checked: Any) -> bool:
        self.given.append(checked)
        return True

    async def progress(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self._moved += 1
        if self._moved % 5 == 0 and self.given:
            self.tip_height = self.given.pop(0)


class Unchecked:
    async def check(self, blocks: Sequence[Any], first: int, peer: str) -> list[Any]:
        return list(blocks)


async def reaches(ground: Ground, height: int) -> None:
    """From one claim of each peer, as on an idle chain: nobody says it twice."""
    for peer in ground.peers():
        ground.catch_up.claim(peer, height)
    running = asyncio.create_task(ground.catch_up.run())
    try:
        async with asyncio.timeout(SECONDS):
            while ground.tip_height < height:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_execution_that_moves_is_no_sign_that_a_peer_gave_nothing_good() -> None:
    ground = Ground(3)
    await reaches(ground, 500)
    assert not ground.catch_up._passed_over


async def test_peers_that_failed_once_are_asked_again_though_they_say_nothing_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sync, "PASSED_OVER_SECONDS", 0.05)
    monkeypatch.setattr(sync, "CLAIM_PATIENCE_SECONDS", 0.05)
    await reaches(Ground(3, mute=2), 300)
