"""Two cities let go of old blocks; a third keeps them, serves their readers, and fills a new archive."""

from __future__ import annotations

from asyncio import run
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.client import CityError
from node.network.observer import choose_city, write_observer
from tests.cluster.aged import give_past
from tests.cluster.cluster import Cluster
from tests.cluster.test_reconfiguration import city, status_when

pytestmark = pytest.mark.cluster

KEEP, PAST = 2_000, 2_998  # of both: the block after next is the thousandth of a go
OLD, NEWCOMER = 5, "Hong Kong"


@pytest.fixture
def aged(tmp_path: Path) -> Iterator[Cluster]:
    """Three cities of which two prune, and a fourth that has nothing yet and does not run: an observer."""
    cluster = Cluster.create(tmp_path / "net", 3)
    first, second, _ = cluster.slugs
    try:
        cluster.up()
        run(begin(cluster))
        cluster.stop()
        give_past(cluster.layout, PAST)
        for slug in (first, second):
            config = cluster.layout.node_config(slug)
            config.write_text(f"{config.read_text('utf-8')}\n[prune]\nkeep = {KEEP}\n", "utf-8")
        cluster.up()
        yield cluster
    finally:
        cluster.stop()


async def begin(cluster: Cluster) -> None:
    """All have voted, and hold the same."""
    done = await cluster.call("open_account", {"owner": "first", "amount": 1})
    await cluster.roots(done.block + 1)  # settled: nothing more comes by itself


async def test_readers_and_a_new_archive_get_old_blocks_from_the_archive(aged: Cluster) -> None:
    first, second, archive = aged.slugs
    names = {
        aged.slug_of(row["node"]): row["node"]
        for row in city(aged, "node", "holdings", "-o", "json")
    }
    for number in range(3):
        done = await aged.call("open_account", {"owner": f"a{number}", "amount": 1}, first)
    assert done.block > PAST
    for slug in (first, second):
        await status_when(aged, slug, blocks_from=lambda height: height > PAST - KEEP)
        await status_when(aged, slug, archives=[names[archive]])
    # One that let go of it says who has it; a client with several nodes goes there by itself.
    async with aged.net(first) as net:
        with pytest.raises(CityError) as caught:
            await net.block(OLD)
        assert caught.value.code == "CITY-5008"
        assert caught.value.variables["archives"] == names[archive]
    async with aged.net(archive) as net:
        kept = (await net.block(OLD)).block_hash
    shown = city(aged, "block", "show", str(OLD), "-o", "json")
    assert shown["block_hash"] == kept
    city_ = choose_city(aged.layout, NEWCOMER)
    write_observer(aged.layout, city_)
    newcomer = aged.slug_of(NEWCOMER)
    names[newcomer] = NEWCOMER
    aged.start(newcomer)
    whole = await aged.applied(newcomer, done.block)
    assert whole["blocks_from"] == 0
    await status_when(aged, first, archives=sorted((names[archive], names[newcomer])))
    rows = {row["node"]: row for row in city(aged, "node", "holdings", "-o", "json")}
    expected = {first: False, second: False, archive: True, newcomer: True}
    assert {slug: rows[names[slug]]["archive"] for slug in expected} == expected
    # The old archive goes; the new one serves what it was given.
    aged.kill(archive)
    await status_when(aged, first, archives=[names[newcomer]])
    assert city(aged, "block", "show", str(OLD), "-o", "json")["block_hash"] == kept
    later = await aged.call("open_account", {"owner": "later", "amount": 1}, newcomer)
    assert len(await aged.roots(later.block, [first, second, newcomer])) == 1
