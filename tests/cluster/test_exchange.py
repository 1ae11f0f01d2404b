"""Two channels of real nodes: assets cross over or go back by commands that people type, and carriers die."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.runtime.api import Bundle
from node import failpoints
from node.client import connect
from node.exchange.carrier import Carrier
from node.exchange.channels import NetChannel
from node.network.create import create_network
from node.network.plan import load_plan
from node.sdk.channels import ChannelOrder, create_channel
from node.sdk.context import find_context
from tests.cluster.cluster import CALL_SECONDS, Cluster
from tests.cluster.conftest import ONCE
from tests.unit.suite.exchange_world import DEPOT

pytestmark = [pytest.mark.cluster, ONCE]
LEFT, RIGHT = "left", "right"
CITIES = ("Shenzhen", "Guangzhou")
KILLED = -9


@pytest.fixture(scope="module")
def cluster(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two cities, and two channels of both suites beside their own, each following the other."""
    root = tmp_path_factory.mktemp("exchange") / "net"
    create_network(load_plan().with_nodes(2).with_consensus(engine).with_contracts(), root)
    made = Cluster(root)
    try:
        made.up()
        contracts = ("foreign_channel", "exchange", Bundle("depot", 1, DEPOT))
        for name, suite in ((LEFT, "sm"), (RIGHT, "intl")):
            order = ChannelOrder(name, CITIES, contracts, suite=suite)
            create_channel(find_context(str(root)), order)
        for here, there in ((LEFT, RIGHT), (RIGHT, LEFT)):
            city(made, "--channel", here, "exchange", "introduce", there, user="admin-shenzhen")
            city(made, "--channel", here, "exchange", "confirm", there, user="admin-guangzhou")
        yield made
    finally:
        made.stop()


def city(cluster: Cluster, *words: str, user: str = "buyer", dies_at: str = "") -> Any:
    """What a command says; None where it was killed at a failpoint."""
    command = [sys.executable, "-m", "node.cli.main", "--context", str(cluster.layout.root)]
    environment = {**os.environ, failpoints.VARIABLE: dies_at}
    done = subprocess.run(
        [*command, "--as", user, *words, "-o", "json"],
        capture_output=True, text=True, timeout=CALL_SECONDS, env=environment,
    )  # fmt: skip
    if dies_at:
        assert done.returncode == KILLED, done.stderr
        return None
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def owner(cluster: Cluster, channel: str, asset: str) -> str:
    with connect(str(cluster.layout.root), user="ops", channel=channel) as net:
        return str(net.query("depot", "owner", {"asset": asset}).value)


def locked(cluster: Cluster, file: Path, name: str, hours: str = "24") -> str:
    """PX's asset on the left is locked against QB's on the right."""
    for channel, user in ((LEFT, "buyer"), (RIGHT, "ops")):
        with connect(str(cluster.layout.root), user=user, channel=channel) as net:
            net.call("depot", "make", {"asset": name})
    city(
        cluster, "exchange", "terms", str(file), "--first", f"{LEFT}:depot:{name}:PX:QB",
        "--second", f"{RIGHT}:depot:{name}:QB:PX", "--hours", hours,
    )  # fmt: skip
    return str(city(cluster, "exchange", "lock", str(file))["number"])


def carry(cluster: Cluster, **options: str) -> Any:
    words = ("exchange", "carry", "--first", LEFT, "--second", RIGHT, "--once")
    return city(cluster, *words, user="ops", **options)


def test_assets_of_two_channels_cross_over_whatever_the_carriers_die_at(
    cluster: Cluster, tmp_path: Path
) -> None:
    locked(cluster, tmp_path / "deal.json", "bl")
    city(cluster, "exchange", "settle", str(tmp_path / "deal.json"), user="ops")
    assert (owner(cluster, LEFT, "bl"), owner(cluster, RIGHT, "bl")) == ("PX", "PX")
    for place in ("exchange-before-send", "exchange-after-send"):
        carry(cluster, dies_at=place)
    assert carry(cluster)["steps"] == []  # the dead one's claim was waited for before it died
    assert (owner(cluster, LEFT, "bl"), owner(cluster, RIGHT, "bl")) == ("QB", "PX")
    shown = city(cluster, "exchange", "show", str(tmp_path / "deal.json"))
    assert [side["state"] for side in shown["sides"]] == ["CLAIMED", "SETTLED"]


def test_what_nobody_settles_in_time_goes_back(cluster: Cluster, tmp_path: Path) -> None:
    number = locked(cluster, tmp_path / "late.json", "late", hours="0.5")
    (listed,) = city(cluster, "exchange", "list")["exchanges"]
    assert (listed["number"], listed["next"]["who"]) == (number, "QB")
    city(cluster, "dev", "clock", "advance", "1h", "--dir", str(cluster.layout.root))
    steps = carry(cluster)["steps"]
    assert [step["step"] for step in steps] == ["call_off", "release"]
    assert {step["number"] for step in steps} == {number}
    assert (owner(cluster, LEFT, "late"), owner(cluster, RIGHT, "late")) == ("PX", "QB")
    assert city(cluster, "exchange", "list")["exchanges"] == []
    ended = city(cluster, "exchange", "list", "--all")["exchanges"]
    assert [e["first"]["state"] for e in ended if e["number"] == number] == ["RELEASED"]
    shown = city(cluster, "exchange", "show", str(tmp_path / "late.json"))
    assert shown["next"]["who"] == "-"


def test_what_nobody_decided_in_time_lapses_without_a_word_on_the_second_channel(
    cluster: Cluster, tmp_path: Path
) -> None:
    number = locked(cluster, tmp_path / "silent.json", "silent", hours="0.5")
    city(cluster, "dev", "clock", "advance", "1h", "--dir", str(cluster.layout.root))
    with connect(str(cluster.layout.root), user="ops", channel=RIGHT) as net:
        net.call("depot", "make", {"asset": "a block after the last moment"})

    async def lapse() -> list[str]:
        sides = [
            connect.aio(str(cluster.layout.root), user="ops", channel=name)
            for name in (LEFT, RIGHT)
        ]
        async with sides[0] as first, sides[1] as second:
            carrier = Carrier(NetChannel(first), NetChannel(second), now_ms=lambda: 0)
            terms = (await carrier.first.locked())[number]
            return [moved.step for moved in await carrier._lapse(number, terms)]

    assert asyncio.run(lapse()) == ["lapse"]
    assert owner(cluster, LEFT, "silent") == "PX"
    shown = city(cluster, "exchange", "show", str(tmp_path / "silent.json"))
    assert [side["state"] for side in shown["sides"]] == ["RELEASED", "-"]
