"""Networks on disk: what a plan becomes, and what is refused."""

import socket
import stat
from pathlib import Path

import pytest

from node.config import load_config
from node.errors import CityError
from node.genesis import decode_genesis
from node.network.control import network_status
from node.network.create import create_network
from node.network.layout import Layout
from node.network.plan import load_plan
from node.network.ports import free_ports


def test_a_folder_holds_what_its_nodes_and_users_need(tmp_path: Path) -> None:
    config = create_network(load_plan().with_nodes(4), tmp_path / "net", start_ms=1_700_000_000_000)
    layout = Layout(tmp_path / "net")
    genesis = decode_genesis(layout.genesis.read_bytes())
    assert genesis.config == config and config.created_ms == 1_700_000_000_000
    assert [b.name for b in genesis.bundles] == [c.name for c in config.contracts]
    assert layout.slugs() == ["beijing", "guangzhou", "hong-kong", "shenzhen"]
    for slug in layout.slugs():
        node = load_config(layout.node_config(slug))
        assert set(node.peers) == {n.name for n in config.nodes} - {node.name}
        modes = [stat.S_IMODE(p.stat().st_mode) for p in (layout.node(slug) / "keys").glob("*.pem")]
        assert modes == [0o600] * 3
    assert [row["state"] for row in network_status(layout.root)] == ["stopped"] * 4


def test_a_network_is_never_written_over(tmp_path: Path) -> None:
    create_network(load_plan().with_nodes(1), tmp_path / "net")
    before = (tmp_path / "net" / "genesis.bin").read_bytes()
    with pytest.raises(CityError, match="CITY-8023"):
        create_network(load_plan().with_nodes(1), tmp_path / "net")
    assert (tmp_path / "net" / "genesis.bin").read_bytes() == before


def test_ports_are_free_and_of_the_range_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setenv("CITY_PORTS", f"{port}-{port}")
        with pytest.raises(CityError, match="CITY-8005"):
            free_ports(1)
    monkeypatch.delenv("CITY_PORTS")
    several = free_ports(40)
    assert len(set(several)) == 40 and all(20_000 <= port < 32_768 for port in several)


@pytest.mark.parametrize("text", ["x", "1", "9-8", "0-5", "1-65536", "1-2-3", "１-２"])
def test_a_range_of_ports_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("CITY_PORTS", text)
    with pytest.raises(CityError, match="CITY-8004"):
        free_ports(1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[channel", "no TOML"),
        ("[channel]\nnme = 'x'\n[[cities]]\nname = 'A'", "a key that no plan has"),
        ("[[cities]]\nname = '../../etc'", "a name that is no city's"),
    ],
)
def test_a_plan_that_is_none_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(CityError, match="CITY-8022"):
        load_plan(tmp_path / "plan.toml")


def test_a_channel_has_the_contracts_that_its_plan_names(tmp_path: Path) -> None:
    plan = load_plan().with_nodes(1)
    config = create_network(plan.with_contracts("party"), tmp_path / "net")
    assert [contract.name for contract in config.contracts] == ["party", "transfer"]
    for bad in ("nothing", "../x", "transfer"):
        with pytest.raises(CityError, match="CITY-8022"):
            create_network(plan.with_contracts(bad), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_no_more_nodes_than_cities() -> None:
    with pytest.raises(CityError, match="CITY-8021"):
        load_plan().with_nodes(99)


def test_a_folder_without_a_network_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(CityError, match="CITY-8026"):
        network_status(tmp_path)
