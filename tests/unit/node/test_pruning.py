"""A node that lets go of old blocks while it runs: the others do not notice, and newcomers still join."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from node.errors import CityError
from node.identity.signers import MemorySigner
from node.opening import open_ledger
from node.proofs.reading import verify_proof
from node.pruning import prune
from tests.unit.node.network import SECONDS, SUITE, Cluster, cluster
from tests.unit.node.test_reconfiguration import Votes, configure, count
from tests.unit.node.waiting import voting

BLOCKS = 24


async def archives(net: Cluster, at: str, expected: list[str]) -> None:
    """Until a node knows these peers as those that hold every block."""
    pipeline = net.nodes[at].channel.pipeline
    async with asyncio.timeout(SECONDS):
        while pipeline.catch_up.archives != expected:
            await pipeline.progress(0.1)


async def test_a_pruned_node_answers_for_what_it_kept_and_names_where_that_begins(
    tmp_path: Path,
) -> None:
    new = MemorySigner(SUITE.generate_key())
    net = Cluster(tmp_path, 4)
    try:
        for n in range(4):
            keys = Votes(net.keys.votes[n], new) if n == 2 else None
            await net.start(f"n{n}", votes=keys)
        await count(net)
        changed = await configure(net, "n0", "replace_key", name="n2", vote_key=new.public_key)
        assert changed.outcome == "ok"
        await voting(net, "n2")
        for _ in range(BLOCKS):
            await count(net)
        await net.same_state()
        ledger = net.nodes["n1"].channel._ledger
        base = ledger.applied_height - ledger.state.retained - 1
        steps = list(prune(ledger, base))
        assert len(steps) > base / 2
        await archives(net, "n0", ["n2", "n3"])  # it said so at once, over the links that stand
        channel = net.nodes["n1"].channel
        for asked in (channel.block(base), channel.events(base, "", "", "").__anext__()):
            with pytest.raises(CityError) as caught:
                await asked
            assert caught.value.code == "CITY-5008"
            # The peers that hold every block are named: they said so when they linked.
            assert caught.value.variables["archives"] == "n0, n2, n3"
        kept = await channel.block(base + 1)
        assert kept is not None and await channel.block(0) is not None
        shown = verify_proof(await channel.state_proof(b"nothing"), net.channel_id)
        assert shown["valid"] and shown["epoch"] == 1  # the change of validators is below
        await count(net, "n1")
        await net.stop("n1")
        reopened = open_ledger(net.root / "n1", net.genesis, SUITE)
        assert (reopened.blocks.base, reopened.state.base) == (base + 1, base)
        assert reopened.state.verify() is not None
        reopened.close()
        await net.start("n1")
        await count(net, "n1")
        await archives(net, "n0", ["n2", "n3"])
        # One that lost its blocks asks those that hold them, however tall the other is.
        await net.stop("n3")
        for name in ("blocks", "state"):
            shutil.rmtree(net.root / "n3" / name)
        await net.start("n3")
        await net.same_state()
        assert net.nodes["n3"].channel.status()["blocks_from"] == 0
        await net.same_state()
    finally:
        await net.stop_all()


async def test_a_peer_that_needs_older_blocks_gets_them_from_who_has_them(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4) as net:
        await net.stop("n3")
        for _ in range(BLOCKS):
            await count(net)
        for name in ("n0", "n1"):
            ledger = net.nodes[name].channel._ledger
            list(prune(ledger, ledger.applied_height - ledger.state.retained - 1))
        await net.start("n3")  # of three peers one alone holds the first blocks
        await count(net)
        await net.same_state()
