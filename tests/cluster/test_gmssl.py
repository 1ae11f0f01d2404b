"""A node whose only cryptography is pure Python: it verifies what the four seal, and executes nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from node.client import AsyncNet, CityError, NodeAddress, connect, find_context
from tests.cluster.cluster import CALL_SECONDS, Cluster
from tests.cluster.conftest import BOTH_ENGINES, FIFTH
from tests.cluster.starting import contents, try_start

pytestmark = [pytest.mark.cluster, pytest.mark.slow, BOTH_ENGINES]

SLUG = FIFTH.lower()
VERIFY_ONLY = '\n[crypto]\nbackend = "gmssl"\n'
ALSO_SIGN = VERIFY_ONLY + "allow_gmssl_signing = true\n"


def _set(cluster: Cluster, slug: str, text: str) -> None:
    path = cluster.layout.node_config(slug)
    kept = path.read_text(encoding="utf-8").partition("\n[crypto]")[0]
    path.write_text(kept + text, encoding="utf-8")


@asynccontextmanager
async def _asking(fifth: Cluster) -> AsyncIterator[AsyncNet]:
    """A client of the fifth node, which no context names."""
    api = json.loads(fifth.layout.endpoints(SLUG).read_text())["api"]
    certificate = fifth.layout.node(SLUG) / "keys" / "transport.crt"
    context = find_context(str(fifth.layout.root))
    context = dataclasses.replace(context, nodes=(NodeAddress(FIFTH, api, certificate),))
    async with connect.aio(context, user="ops", timeout=CALL_SECONDS) as net:
        yield net


async def _follows(net: AsyncNet, height: int) -> tuple[str, ...]:
    """Hashes of blocks from genesis to `height`, as the node gets them."""
    found = []
    async with asyncio.timeout(CALL_SECONDS):
        async for block in net.blocks(0):
            found.append(block.block_hash)
            if block.height == height:
                return tuple(found)
    raise AssertionError("a stream of blocks has no end")


async def test_an_observer_on_the_fallback_follows_by_certificates_and_executes_nothing(
    shared: Cluster, fifth: Cluster
) -> None:
    done = await shared.call("open_account", {"owner": "before gmssl", "amount": 1})
    _set(fifth, SLUG, ALSO_SIGN)
    fifth.start(SLUG)
    async with _asking(fifth) as net:
        assert {await _follows(net, done.block)} == await shared.histories(done.block)  # caught up
        later = await shared.call("open_account", {"owner": "with gmssl", "amount": 2})
        assert {await _follows(net, later.block)} == await shared.histories(later.block)  # and live

        async with asyncio.timeout(CALL_SECONDS):
            while (status := await net.node_status())["state"] != "ready":
                await asyncio.sleep(0.1)
        assert "gmssl" in status["crypto"], status["crypto"]
        assert (status["executes"], status["role"]) == (False, "observer")
        assert (status["applied_height"], status["state_root"]) == (0, "")
        header = (await net.block(status["height"])).header
        assert status["certified_state_root"] == header["state_root"]

        for asking in (
            net.query("transfer", "balance_of", {"owner": "with gmssl"}),
            net.wait(later.tx_id),
            net.proof(later.tx_id),
            net.state(b"any"),
        ):
            # "Unavailable" to the SDK, which goes on to the next node of its context; here is no other.
            with pytest.raises(CityError) as refused:
                await asking
            assert "only verifies" in refused.value.variables["reason"], refused.value

    # With a full library it executes what it kept, and comes to the state of the four.
    fifth.stop_one(SLUG)
    _set(fifth, SLUG, "")
    fifth.start(SLUG)
    async with _asking(fifth) as net:
        answer = await net.query(
            "transfer", "balance_of", {"owner": "with gmssl"}, min_height=later.block
        )
        assert answer.value == 2
        assert {(await net.node_status())["state_root"]} == await shared.roots(later.block)


def test_a_node_that_could_not_sign_its_links_does_not_start(fifth: Cluster) -> None:
    # Without the explicit word, gmssl never signs: not even who this node is.
    _set(fifth, SLUG, VERIFY_ONLY)
    before = contents(fifth.layout.node(SLUG))
    try_start(fifth, SLUG).assert_refused("CITY-2008", "allow_gmssl_signing")
    assert contents(fifth.layout.node(SLUG)) == before
