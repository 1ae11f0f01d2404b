"""`city node doctor`: it finds what is broken, and following its advice brings the node back."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.config import load_config
from node.doctor.doctor import Check, Mark, examine, examine_stores
from node.ledger.store import LevelStore
from node.network.create import create_network
from node.network.layout import Layout
from node.network.plan import load_plan
from tests.unit.node.network import SUITE, Cluster, cluster
from tests.unit.node.test_recovery import commit
from tests.unit.node.waiting import voting


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network's folder, nothing started."""
    root = tmp_path_factory.mktemp("made") / "net"
    create_network(load_plan().with_nodes(2), root)
    return root


@pytest.fixture
def config(made: Path, tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(made, tmp_path / "net")
    layout = Layout(tmp_path / "net")
    yield layout.node_config(layout.slugs()[0])


def looked(config: Path) -> dict[str, Check]:
    return {check.name: check for check in examine(config)}


def test_a_node_that_was_never_started_is_well_but_for_peers_that_are_down(config: Path) -> None:
    checks = looked(config)
    bad = [check for check in checks.values() if check.mark is Mark.bad]
    assert bad == []
    (peer,) = (check for name, check in checks.items() if name.startswith("peer "))
    assert peer.mark is Mark.warn and "127.0.0.1" in peer.found and peer.do


def test_a_missing_file_ends_the_visit_with_its_code(tmp_path: Path) -> None:
    (check,) = examine(tmp_path / "node.toml")
    assert (check.name, check.mark) == ("configuration", Mark.bad)
    assert check.found.startswith("CITY-8001") and check.do


def test_a_key_file_that_others_can_read_is_bad(config: Path) -> None:
    (load_config(config).keys_dir / "vote.pem").chmod(0o644)
    check = looked(config)["keys"]
    assert check.mark is Mark.bad and check.found.startswith("CITY-20")


def test_a_process_number_of_the_past_is_no_running_node(config: Path) -> None:
    load_config(config).endpoints_file.write_text(json.dumps({"pid": 2**22 + 1}))
    assert "free" in looked(config)["ports"].found


def test_a_name_among_the_peers_that_the_channel_does_not_know(config: Path) -> None:
    text = config.read_text("utf-8")
    config.write_text(text.replace("[peers]", '[peers]\nAtlantis = "127.0.0.1:1"', 1), "utf-8")
    assert looked(config)["peer Atlantis"].mark is Mark.warn


def stores(net: Cluster, name: str) -> dict[str, Check]:
    found = examine_stores(net.root / name, net.genesis, SUITE, deep=True)
    return {check.name: check for check in found}


def flip(folder: Path) -> None:
    """One bit of the first table of a store; opening it first moves LevelDB's own log into a table."""
    LevelStore(folder).close()
    file = min(folder.glob("*.ldb"))
    data = bytearray(file.read_bytes())
    data[20] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("damaged", ["state", "blocks"])
async def test_following_the_advice_for_a_damaged_store_brings_the_node_back(
    tmp_path: Path, damaged: str
) -> None:
    async with cluster(tmp_path, 4) as net:
        for _ in range(3):
            await commit(net, "n0")
        await net.same_state()
        await net.stop("n3")
        well = stores(net, "n3")
        assert {check.mark for check in well.values()} == {Mark.ok}
        flip(tmp_path / "n3" / damaged)
        check = stores(net, "n3")[damaged]
        assert check.mark is Mark.bad and check.found.startswith("CITY-5002")
        aside = [word for word in check.do.split() if word.startswith(str(tmp_path))]
        assert {Path(folder).name for folder in aside} == {damaged, "state"}
        for folder in aside:
            shutil.rmtree(folder)
        node = await net.start("n3")
        await commit(net, "n1")
        root = await net.same_state()
        assert node.state_root == root
        await voting(net, "n3")
