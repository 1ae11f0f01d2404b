"""A channel's folder that is damaged, foreign or held by somebody else: a code, and no traceback."""

from __future__ import annotations

import pytest

from node.errors import CityError
from node.opening import GENESIS_FILE, open_ledger, read_genesis
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
    open_ledger(tmp_path / "n0", net.genesis, SUITE).close()


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
