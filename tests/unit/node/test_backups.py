"""A backup taken under load is one moment; what is restored is checked to the last byte, and never votes from
an old memory."""

from __future__ import annotations

import asyncio
import shutil
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from node import backups
from node.backups import Source, drill, examine, restore, take_offline, take_online, verify
from node.errors import CityError
from node.genesis import encode_genesis
from node.ledger.backup import MAGIC, BackupFile, write_backup
from node.opening import GENESIS_FILE, WAL_BEGUN, WAL_LOST, open_ledger
from tests.damage import flipped
from tests.unit.node.network import SUITE, Cluster
from tests.unit.node.test_reconfiguration import configure, count


def quiet(_: str) -> None:
    """Progress that nobody reads."""


@pytest_asyncio.fixture
async def net(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Four cities of which one has left the validators, so that there is a change to follow."""
    cluster = Cluster(tmp_path / "net", 4)
    try:
        await cluster.start_all()
        await count(cluster)
        await configure(cluster, "n0", "remove_validator", name="n3")
        await count(cluster)
        await cluster.same_state()
        yield cluster
    finally:
        await cluster.stop_all()


async def taken(net: Cluster, name: str, folder: Path) -> dict[str, Any]:
    ledger = net.nodes[name].channel._ledger
    return await take_online(name, net.genesis, SUITE, ledger.blocks, ledger.state, folder)


async def refused(code: str, work: Any, *args: Any) -> None:
    with pytest.raises(CityError) as caught:
        await asyncio.to_thread(work, *args)
    assert caught.value.code == code


async def test_a_backup_under_load_holds_and_its_drill_leaves_nothing(
    net: Cluster, tmp_path: Path
) -> None:
    load = asyncio.gather(*(count(net) for _ in range(6)))
    facts = await taken(net, "n1", tmp_path / "backups")
    await load
    path = Path(facts["file"])
    told = await asyncio.to_thread(verify, path, net.channel_id)
    assert (told.head.node, told.head.height) == ("n1", facts["height"])
    assert told.file_bytes == path.stat().st_size == facts["bytes"]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = await asyncio.to_thread(drill, path, net.channel_id, scratch, quiet)
    assert found["height"] == facts["height"] and found["restored_bytes"] > 0
    ledger = net.nodes["n1"].channel._ledger
    roots = ledger.state.roots(found["applied"])
    assert roots is not None and found["state_root"] == roots.state_root.hex()
    assert list(scratch.iterdir()) == []
    await refused("CITY-5051", verify, path, bytes(32))
    await refused("CITY-5051", drill, path, bytes(32), scratch, quiet)
    assert [each.name for each in (tmp_path / "backups").iterdir()] == [path.name]
    # Over one that runs nobody restores, and its stores are its own.
    folder = net.root / "n1"
    (folder / GENESIS_FILE).write_bytes(encode_genesis(net.genesis))
    await refused("CITY-5001", restore, path, folder, True, quiet)
    await refused("CITY-5001", take_offline, "n1", folder, tmp_path / "x.backup")
    source = Source.of(ledger.blocks, ledger.state)
    await count(net)
    assert ledger.tip.height > source.height
    assert source.blocks.get(b"mtip") == source.height.to_bytes(8, "big")
    source.close()


async def test_a_restored_node_that_lost_its_log_observes_then_catches_up_and_votes(
    net: Cluster, tmp_path: Path
) -> None:
    facts = await taken(net, "n1", tmp_path / "backups")
    for _ in range(3):
        await count(net)
    await net.stop("n1")
    folder = net.root / "n1"
    for name in ("blocks", "state", "wal"):
        shutil.rmtree(folder / name)
    (folder / GENESIS_FILE).write_bytes(encode_genesis(net.genesis))
    found = await asyncio.to_thread(restore, Path(facts["file"]), folder, False, quiet)
    assert found["height"] == facts["height"] and not (folder / "import").exists()
    ledger = open_ledger(folder, net.genesis, SUITE)
    assert ledger.observes_because == WAL_LOST
    assert ledger.configuration.state.epoch == 1
    ledger.close()
    await net.start("n1")
    await count(net, "n0")
    await net.same_state()
    evidence = net.nodes["n0"].channel._ledger.configuration.state.evidence
    assert evidence == ()


async def test_the_log_that_lies_there_stays_and_knows_that_blocks_are_missing(
    net: Cluster, tmp_path: Path
) -> None:
    facts = await taken(net, "n2", tmp_path / "backups")
    for _ in range(3):
        await count(net)
    await net.stop("n2")
    folder = net.root / "n2"
    (folder / GENESIS_FILE).write_bytes(encode_genesis(net.genesis))
    path = Path(facts["file"])
    before = (folder / "blocks").stat().st_ino
    await refused("CITY-5052", restore, path, folder, False, quiet)
    assert (folder / "blocks").stat().st_ino == before
    await asyncio.to_thread(restore, path, folder, True, quiet)
    ledger = open_ledger(folder, net.genesis, SUITE)
    assert (ledger.tip.height, ledger.blocks.is_marked(WAL_BEGUN)) == (facts["height"], True)
    assert ledger.journal.tip_height > ledger.tip.height and ledger.observes_because
    ledger.close()
    await net.start("n2")
    await count(net, "n0")
    await net.same_state()


async def test_an_observers_backup_restored_for_a_node_that_votes_since_says_so_too(
    net: Cluster, tmp_path: Path
) -> None:
    """Such a backup is of a time when there was no log to lose: its absence must count all the same."""
    watcher = await net.start("watcher")
    await count(net)
    await net.same_state()
    assert not watcher.channel._ledger.blocks.is_marked(WAL_BEGUN)
    facts = await taken(net, "watcher", tmp_path / "backups")
    place = tmp_path / "place"
    place.mkdir()
    await asyncio.to_thread(restore, Path(facts["file"]), place, False, quiet)
    ledger = open_ledger(place, net.genesis, SUITE)
    assert ledger.observes_because == WAL_LOST
    ledger.close()


async def test_every_damage_of_a_backup_is_named_and_nothing_is_left_of_it(
    net: Cluster, tmp_path: Path
) -> None:
    facts = await taken(net, "n0", tmp_path / "backups")
    data = Path(facts["file"]).read_bytes()
    bad = tmp_path / "bad.backup"
    place = tmp_path / "place"
    for at in (0, len(MAGIC) + 40, len(data) // 2, len(data) - 20, len(data) - 40):
        bad.write_bytes(flipped(data, at))
        await refused("CITY-5050", verify, bad)
        await refused("CITY-5050", restore, bad, place, False, quiet)
        assert not (place / "import").exists() and not (place / "blocks").exists()
    for cut in (data[:-1], data[: len(data) // 2], data + b"x", b""):
        bad.write_bytes(cut)
        await refused("CITY-5050", verify, bad)
    bomb = MAGIC + data[len(MAGIC) : len(MAGIC) + 4]
    head = int.from_bytes(bomb[-4:], "big")
    packed = zlib.compress(bytes(backups.WRITTEN_AT_ONCE) * 20_000, 9)
    begins = data[: len(MAGIC) + 4 + head]
    bad.write_bytes(begins + b"b" + len(packed).to_bytes(4, "big") + packed + bytes(32))
    await refused("CITY-5050", verify, bad)


async def test_a_backup_whose_hashes_fit_a_forged_ledger_is_refused_by_the_ledger(
    net: Cluster, tmp_path: Path
) -> None:
    """Whoever writes the file writes its hashes too: the ledger in it must hold by itself."""
    facts = await taken(net, "n0", tmp_path / "backups")
    path, forged, place = Path(facts["file"]), tmp_path / "forged.backup", tmp_path / "place"
    at = (2).to_bytes(8, "big")
    for what, store, begin in (
        ("value", b"s", b"s\x0acounter"),
        ("body", b"b", b"B" + at),
        ("certificate", b"b", b"C" + at),
        ("header", b"b", b"H" + at),
    ):

        def changed(
            kind: bytes, key: bytes, value: bytes, store: bytes = store, begin: bytes = begin
        ) -> bytes:
            is_meant = kind == store and key.startswith(begin)
            return flipped(value) if is_meant else value

        with path.open("rb") as file:
            backup = BackupFile(path, file)
            stores: dict[bytes, list[tuple[bytes, bytes]]] = {b"b": [], b"s": []}
            for kind, pairs in backup.records(SUITE.hash):
                stores[kind] += [(key, changed(kind, key, value)) for key, value in pairs]
        with forged.open("wb") as out:
            write_backup(out, backup.head, stores[b"b"], stores[b"s"], SUITE.hash)
        told = await asyncio.to_thread(verify, forged)
        assert told.records == sum(map(len, stores.values()))
        with pytest.raises(CityError) as caught:
            await asyncio.to_thread(restore, forged, place, False, quiet)
        assert caught.value.code in ("CITY-5002", "CITY-5006"), what
        assert not (place / "blocks").exists() and not (place / "import").exists()


async def test_a_stopped_node_is_backed_up_from_its_folder(net: Cluster, tmp_path: Path) -> None:
    await net.stop("n2")
    folder = net.root / "n2"
    (folder / GENESIS_FILE).write_bytes(encode_genesis(net.genesis))
    out = tmp_path / "main.backup"
    facts = await asyncio.to_thread(take_offline, "n2", folder, out)
    told = await asyncio.to_thread(verify, out)
    assert told.head.height == facts["height"] > 0
    place = tmp_path / "place"
    await asyncio.to_thread(restore, out, place, False, quiet)
    found = await asyncio.to_thread(examine, place, net.genesis, SUITE, quiet)
    assert found.height == facts["height"]
