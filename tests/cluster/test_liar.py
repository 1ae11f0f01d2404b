"""A member that lies, over real processes and links: the others convict it by its own signatures and go on."""

from __future__ import annotations

import asyncio
import sys

import pytest

from contracts.runtime import values
from node.network import processes
from node.opening import read_genesis
from tests.cluster.cluster import CALL_SECONDS, READY_SECONDS, Cluster
from tests.cluster.conftest import ONCE

pytestmark = [pytest.mark.cluster, ONCE]


async def _evidence(cluster: Cluster, slug: str) -> list[dict[str, object]]:
    """What this node's chain holds against anybody."""
    async with cluster.net(slug) as net:
        return list(values.to_json((await net.query("_config", "evidence")).value))


async def test_a_member_that_votes_for_two_blocks_is_convicted_on_every_chain_and_stops_nobody(
    four: Cluster,
) -> None:
    # Guangzhou comes back with a core that prepares and proposes two blocks at each height. Whoever notices
    # accuses it, and the accusation is a transaction: it stands on the chain of every honest city.
    liar = four.slugs[1]
    honest = [slug for slug in four.slugs if slug != liar]
    four.stop_one(liar)
    config = str(four.layout.node_config(liar))
    command = [sys.executable, "-m", "tests.cluster.lying_node", "node", "run", "--config", config]
    processes.start(four.layout, liar, command)
    processes.wait_ready(four.layout, [liar], timeout_s=READY_SECONDS)
    # Three honest cities are a quorum: blocks need not wait for the liar, so there are some until it was heard.
    number, shown = 0, [[] for _ in honest]
    async with asyncio.timeout(CALL_SECONDS):
        while not all(shown):
            number += 1
            await four.call("open_account", {"owner": f"a{number}", "amount": number}, honest[1])
            shown = [await _evidence(four, slug) for slug in honest]
    genesis = read_genesis(four.layout.node(liar) / "channels" / "main")
    key = next(n.vote_key for n in genesis.config.nodes if four.slug_of(n.name) == liar)
    assert all(rows == shown[0] for rows in shown)
    assert [(row["vote_key"], row["first"] != row["second"]) for row in shown[0]] == [
        (key.hex(), True)
    ]
    after = await four.call("open_account", {"owner": "later", "amount": 5}, honest[2])
    assert len(await four.roots(after.block, honest)) == 1
