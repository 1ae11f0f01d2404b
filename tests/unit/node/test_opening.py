"""A channel's folder that is damaged, foreign or held by somebody else: a code, and no traceback."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from node.errors import CityError
from node.ledger.store import Batch, LevelStore
from node.opening import GENESIS_FILE, WAL_BEGUN, WAL_LOST, open_ledger, read_genesis
from tests.unit.node.network import SUITE, Cluster, cluster, make_genesis


async def grown(tmp_path) -> Cluster:
    """The folder of a lone node that has committed a few blocks and stopped."""
    async with cluster(tmp_path, 1) as net:
        channel = net.nodes["n0"].channel
        for _ in range(3):
            (outcome,) = await channel.submit([net.envelope(args='{"name": "a", "by": 1}')])
            await channel.wait(outcome.tx_id, "committed")
    return net


def refusal(net: Cluster, genesis=None) -> str:
    with pytest.raises(CityError) as caught:
        open_ledger(net.root / "n0", genesis or net.genesis, SUITE).close()
    assert caught.value.do
    return caught.value.code


async def test_a_log_cut_in_its_middle_refuses_to_start(tmp_path):
    net = await grown(tmp_path)
    (file,) = (tmp_path / "n0" / "wal").glob("wal-*.log")
    data = bytearray(file.read_bytes())
    del data[200:260]
    file.write_bytes(data)
    assert refusal(net) == "CITY-5020"


async def test_a_torn_last_record_is_dropped_and_the_node_starts(tmp_path):
    net = await grown(tmp_path)
    (file,) = (tmp_path / "n0" / "wal").glob("wal-*.log")
    file.write_bytes(file.read_bytes()[:-3])
    ledger = open_ledger(tmp_path / "n0", net.genesis, SUITE)
    assert ledger.blocks.tip_height >= 3 and ledger.observes_because == ""
    ledger.close()


@pytest.mark.parametrize("store", ["blocks", "state"])
async def test_a_flipped_byte_in_a_store_is_found(tmp_path, store):
    net = await grown(tmp_path)
    open_ledger(
        tmp_path / "n0", net.genesis, SUITE
    ).close()  # moves the log of LevelDB into a table
    files = sorted((tmp_path / "n0" / store).glob("*.ldb"))
    assert files, "LevelDB wrote a table when it was opened again"
    data = bytearray(files[0].read_bytes())
    data[20] ^= 1
    files[0].write_bytes(data)
    assert refusal(net) == "CITY-5002"


async def test_the_stores_of_another_channel_are_refused(tmp_path):
    net = await grown(tmp_path)
    other, _ = make_genesis(1)
    assert refusal(net, other) == "CITY-8009"


async def test_a_folder_that_a_running_node_holds_is_refused(tmp_path):
    async with cluster(tmp_path, 1) as net:
        assert refusal(net) == "CITY-5001"


@pytest.mark.parametrize("content", [None, b"", b"\x00" * 100])
def test_a_missing_or_damaged_genesis_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / GENESIS_FILE).write_bytes(content)
    with pytest.raises(CityError, match="CITY-8006"):
        read_genesis(tmp_path)


def truncate_store(folder: Path, path: Path, height: int) -> None:
    """What a LevelDB log with its end cut off leaves: the first blocks, and not a word about the rest."""
    with contextlib.closing(LevelStore(folder)) as old:
        pairs = list(old.iterate(b""))
    with contextlib.closing(LevelStore(path)) as new:
        kept: Batch = [
            (key, value)
            for key, value in pairs
            if key[:1] not in b"HBC" or int.from_bytes(key[1:9], "big") <= height
        ]
        new.write([*kept, (b"mtip", height.to_bytes(8, "big"))])
    shutil.rmtree(folder)
    path.rename(folder)


async def test_blocks_that_lost_their_end_are_noticed_by_the_log_and_nothing_is_voted_for(tmp_path):
    # Otherwise votes above the end count as never said, and could be given a second time.
    net = await grown(tmp_path)
    folder = tmp_path / "n0"
    shutil.rmtree(folder / "state")
    truncate_store(folder / "blocks", folder / "fewer", 1)
    ledger = open_ledger(folder, net.genesis, SUITE)
    ledger.close()
    assert ledger.tip.height == 1 and ledger.journal.tip_height > 1
    assert "the blocks ended at 1" in ledger.observes_because


async def test_a_whole_ledger_gives_no_reason_to_observe(tmp_path):
    net = await grown(tmp_path)
    ledger = open_ledger(tmp_path / "n0", net.genesis, SUITE)
    ledger.close()
    assert ledger.observes_because == ""


async def test_blocks_that_lost_their_end_under_a_state_that_did_not_are_refused(tmp_path):
    net = await grown(tmp_path)
    truncate_store(tmp_path / "n0" / "blocks", tmp_path / "n0" / "fewer", 1)
    assert refusal(net) == "CITY-5006"


async def test_headers_that_do_not_follow_each_other_are_refused(tmp_path):
    net = await grown(tmp_path)
    with contextlib.closing(LevelStore(tmp_path / "n0" / "blocks")) as store:
        first = store.get(b"H" + (1).to_bytes(8, "big"))
        store.write([(b"H" + (2).to_bytes(8, "big"), first)])
    assert refusal(net) == "CITY-5006"


async def test_a_log_that_is_older_than_the_node_s_votes_counts_as_lost_from_then_on(tmp_path):
    net = await grown(tmp_path)
    folder = tmp_path / "n0"
    for is_said in (True, False):  # also where nobody says it again
        ledger = open_ledger(folder, net.genesis, SUITE, is_log_older=is_said)
        assert ledger.observes_because == WAL_LOST and not ledger.journal.core_records
        ledger.close()
    assert not list(folder.glob("wal.*"))
    # On an emptied disk too: the key has voted, so it is no first start.
    shutil.rmtree(folder)
    folder.mkdir()
    ledger = open_ledger(folder, net.genesis, SUITE, is_log_older=True)
    assert ledger.observes_because == WAL_LOST and ledger.blocks.is_marked(WAL_BEGUN)
    ledger.close()
