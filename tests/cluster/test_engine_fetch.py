"""A city that lacks the engine of its channel gets it from the others, and from nobody else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from consensus.encoding import Hash, decode
from node.client import AsyncNet, NodeAddress, connect, find_context
from node.genesis import Genesis
from tests.cluster.cluster import CALL_SECONDS, Cluster
from tests.cluster.conftest import ONCE

SLUG = "shanghai"
pytestmark = [pytest.mark.cluster, ONCE]


def _cache_of_its_own(fifth: Cluster) -> Path:
    path = fifth.layout.node_config(SLUG)
    text = path.read_text(encoding="utf-8")
    section = '[engine]\ncache = "engine"\n'
    assert "[engine]" not in text
    path.write_text(text + section, encoding="utf-8")
    return path.parent / "engine"


@asynccontextmanager
async def _asking(fifth: Cluster) -> AsyncIterator[AsyncNet]:
    """A client of the fifth city, which no context names."""
    api = json.loads(fifth.layout.endpoints(SLUG).read_text())["api"]
    certificate = fifth.layout.node(SLUG) / "keys" / "transport.crt"
    context = find_context(str(fifth.layout.root))
    context = dataclasses.replace(context, nodes=(NodeAddress(SLUG, api, certificate),))
    async with connect.aio(context, user="ops", timeout=CALL_SECONDS) as net:
        yield net


def _said(cluster: Cluster, event: str) -> list[dict[str, object]]:
    lines = [line for line in cluster.log(SLUG).splitlines() if line.startswith("{")]
    return [found for line in lines if (found := json.loads(line))["event"] == event]


async def test_a_city_with_an_empty_cache_fetches_the_engine_and_executes(
    shared: Cluster, fifth: Cluster
) -> None:
    cache = _cache_of_its_own(fifth)
    fifth.start(SLUG)
    engine = decode(Genesis, fifth.layout.genesis.read_bytes()).config.engine
    (fetched,) = cache.glob("engine-*.wasm")
    data = fetched.read_bytes()
    assert Hash(hashlib.new("sm3", data).digest()) == engine.digest and len(data) == engine.size
    (said,) = _said(fifth, "engine.fetched")
    assert shared.slug_of(str(said["peer"])) in shared.slugs

    done = await shared.call("open_account", {"owner": "fetched", "amount": 5})
    async with _asking(fifth) as net:
        answer = await net.simulate(
            "transfer", "balance_of", {"owner": "fetched"}, min_height=done.block
        )
        assert answer.value == 5

    # What is there is not fetched again.
    fifth.stop_one(SLUG)
    before = fetched.stat().st_mtime_ns
    fifth.start(SLUG)
    assert len(_said(fifth, "engine.fetched")) == 1 and fetched.stat().st_mtime_ns == before
