"""Catching up believes certificates: liars cost time, never a block."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.errors import CityError
from node.model import Envelope, StoredBlock
from node.peers.batch import PeerBatch
from node.sync import BlockChecker
from tests.unit.node.network import SUITE, Cluster, cluster
from tests.unit.node.test_recovery import commit


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
    }


async def test_a_block_that_was_touched_anywhere_is_refused(tmp_path):
    async with cluster(tmp_path, 4) as net:
        await commit(net, "n0")
        node = net.nodes["n0"]
        block = await node.channel.block(1)
        assert block is not None
        checker = BlockChecker(
            net.genesis.config,
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
        assert net.nodes["n2"].channel.status()["state"] == "ready"
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
