"""Channels that are made, paused, broken, archived and left while five real cities run; and the one that a city
has no part in."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts import bundles
from contracts.runtime import values
from node.client import connect, find_context
from node.errors import CityError
from node.sdk.admin import NodeAdmin
from node.sdk.channels import (
    ChannelOrder,
    Created,
    create_channel,
    forget,
    join_channel,
    operator_of,
)
from node.sdk.context import Context
from tests.cluster.cluster import CALL_SECONDS, Cluster

pytestmark = pytest.mark.cluster

FOUR = ("Shenzhen", "Guangzhou", "Beijing", "Hong Kong")
FIFTH = "Shanghai"
QUIET, ABROAD = "quiet-px", "abroad-hk"
MARKER = "owner-zq7k4w9v2m"  # what a transaction carries and nothing else does


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster.create(tmp_path_factory.mktemp("channels") / "net", 5)
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def quiet(five: Cluster) -> Created:
    """A channel of four of the five, made while they run."""
    return create_channel(context_of(five), ChannelOrder(QUIET, FOUR, ("transfer",)))


def context_of(five: Cluster) -> Context:
    return find_context(str(five.layout.root))


def admin(five: Cluster, city: str) -> NodeAdmin:
    context = context_of(five)
    node = context.node(city)
    return NodeAdmin(context, node, operator_of(context)(node))


def call(five: Cluster, channel: str, method: str, city: str = "", **args: Any) -> Any:
    """One committed transaction of the channel, over one city or whichever answers."""
    with client(five, channel, city) as net:
        return net.call("transfer", method, args)


def client(five: Cluster, channel: str, city: str = "") -> Any:
    context = context_of(five).on(channel)
    if city:
        context = dataclasses.replace(context, nodes=(context.node(city),))
    return connect(context, user="ops", timeout=CALL_SECONDS)


def state_root(five: Cluster, channel: str, city: str, height: int) -> str:
    """Of the channel on that node, once it has applied `height`."""
    with client(five, channel, city) as net:
        net.query("transfer", "balance_of", {"owner": "-"}, min_height=height)
        return str(net.node_status()["state_root"])


def web(five: Cluster, city: str, path: str) -> str:
    address = next(node.web for node in context_of(five).nodes if node.name == city)
    with urllib.request.urlopen(f"{address}{path}", timeout=CALL_SECONDS) as reply:
        return str(reply.read().decode())


def peers_heard(five: Cluster, city: str) -> dict[str, set[str]]:
    """By channel: from whom this node took bytes on its links, as its own counters have it."""
    line = re.compile(
        r'city_peer_link_events_total\{channel="([^"]*)",event="peer_bytes_received",label="([^"]*)"\}'
    )
    heard: dict[str, set[str]] = {}
    for channel, peer in line.findall(web(five, city, "/metrics")):
        heard.setdefault(channel, set()).add(peer)
    return heard


def test_a_channel_on_four_cities_orders_beside_theirs_and_the_fifth_never_hears_of_it(
    five: Cluster, quiet: Created
) -> None:
    opened = call(five, QUIET, "open_account", owner=MARKER, amount=1_000)
    assert {state_root(five, QUIET, city, opened.block) for city in FOUR} == {
        state_root(five, QUIET, FOUR[0], opened.block)
    }
    with connect(context_of(five), user="ops", timeout=CALL_SECONDS) as net:
        net.call("transfer", "open_account", {"owner": "main-owner", "amount": 5})
        assert net.query("transfer", "balance_of", {"owner": MARKER}).value == 0
    # What links accepted, on every side: the four have it from each other, the fifth from nobody.
    for city in FOUR:
        assert peers_heard(five, city)[QUIET] <= set(FOUR) - {city}
    assert peers_heard(five, FIFTH).keys() == {"main"}
    # The fifth's own door and disk, with all that it logged.
    with admin(five, FIFTH) as node:
        assert [row["channel"] for row in node.hosted()] == ["main"]
    with pytest.raises(urllib.error.HTTPError):
        web(five, FIFTH, f"/api/v1/status?channel={QUIET}")
    assert web(five, FOUR[0], f"/api/v1/status?channel={QUIET}")
    words = [QUIET.encode(), MARKER.encode(), quiet.channel_id, quiet.channel_id.hex().encode()]
    slug = FIFTH.lower()
    places = [five.layout.node(slug), five.layout.log(slug)]
    assert found_in(places, words) == []
    # The search itself works: the same words lie with a city that takes part.
    assert found_in([five.layout.node("shenzhen")], words)


def found_in(places: list[Path], words: list[bytes]) -> list[str]:
    files = [f for place in places for f in ([place] if place.is_file() else place.rglob("*"))]
    return [str(file) for file in files if file.is_file() and holds(file.read_bytes(), words)]


def holds(data: bytes, words: list[bytes]) -> bool:
    return any(word in data for word in words)


def test_a_city_that_genesis_does_not_name_cannot_take_it_up_and_as_an_observer_it_can(
    five: Cluster, quiet: Created
) -> None:
    folder = five.layout.node(FIFTH.lower()) / "channels"
    before = sorted(path.name for path in folder.iterdir())
    with admin(five, FIFTH) as node:
        with pytest.raises(CityError, match="CITY-8061"):
            node.join(quiet.genesis, {})
        assert sorted(path.name for path in folder.iterdir()) == before
        with pytest.raises(CityError, match="CITY-8006"):
            node.join(quiet.genesis[:-1], {})
        with pytest.raises(CityError, match="CITY-1004"):
            node.pause(QUIET)
    opened = call(five, QUIET, "open_account", owner="seen-by-all", amount=3)
    row = join_channel(context_of(five), QUIET, FIFTH)
    assert row["role"] == "observer"
    assert state_root(five, QUIET, FIFTH, opened.block) == state_root(
        five, QUIET, FOUR[0], opened.block
    )
    with admin(five, FIFTH) as node:
        assert node.leave(QUIET)["state"] == "left"
        forget(context_of(five), QUIET, FIFTH)
        assert [row["channel"] for row in node.hosted()] == ["main"]
    assert not (folder / QUIET).exists()


def test_a_paused_channel_orders_nothing_answers_reads_and_outlives_a_restart(
    five: Cluster, quiet: Created
) -> None:
    before = call(five, QUIET, "open_account", owner="before-pause", amount=7)
    for city in FOUR:
        state_root(five, QUIET, city, before.block)
        with admin(five, city) as node:
            assert node.pause(QUIET)["state"] == "paused"
    with client(five, QUIET) as net:
        assert net.query("transfer", "balance_of", {"owner": "before-pause"}).value == 7
        with pytest.raises(CityError, match=r"CITY-8062|CITY-1010"):
            net.call("transfer", "open_account", {"owner": "in-pause", "amount": 1})
    five.stop_one("beijing")
    five.start("beijing")
    with admin(five, "Beijing") as node:
        assert {row["channel"]: row["state"] for row in node.hosted()}[QUIET] == "paused"
    with client(five, QUIET, "Beijing") as net:
        assert net.query("transfer", "balance_of", {"owner": "in-pause"}).value == 0
    for city in FOUR:
        with admin(five, city) as node:
            node.resume(QUIET)
    for city in FOUR:  # one alone waits for the others
        with admin(five, city) as node:
            node.wait_ready(QUIET, CALL_SECONDS)
    after = call(five, QUIET, "open_account", owner="after-pause", amount=1)
    assert {state_root(five, QUIET, city, after.block) for city in FOUR} == {
        state_root(five, QUIET, FOUR[0], after.block)
    }


def test_a_channel_whose_store_is_damaged_stays_away_alone(five: Cluster, quiet: Created) -> None:
    call(five, QUIET, "open_account", owner="before-damage", amount=1)
    five.stop_one("guangzhou")
    current = five.layout.node("guangzhou") / "channels" / QUIET / "blocks" / "CURRENT"
    good = current.read_bytes()
    current.write_bytes(b"MANIFEST-999999\n")
    five.start("guangzhou")
    with admin(five, "Guangzhou") as node:
        rows = {row["channel"]: row for row in node.hosted()}
        assert rows["main"]["state"] == "running" and rows[QUIET]["state"] == "failed"
        assert rows[QUIET]["reason"].startswith("CITY-5")
        others = call(five, QUIET, "open_account", city="Beijing", owner="of-three", amount=1)
        current.write_bytes(good)
        node.resume(QUIET)
        node.wait_ready(QUIET, CALL_SECONDS)
    assert state_root(five, QUIET, "Guangzhou", others.block) == state_root(
        five, QUIET, "Beijing", others.block
    )


def test_a_channel_of_another_suite_and_engine_ends_as_an_archive(five: Cluster) -> None:
    order = ChannelOrder(
        ABROAD,
        ("Hong Kong", "Shenzhen", FIFTH),
        ("transfer",),
        engine="raft",
        suite="intl",
        followers={"Guangzhou": "gateway"},
    )
    made = create_channel(context_of(five), order)
    assert {row["suite"] for row in made.rows.values()} == {"intl"}
    assert made.rows["Guangzhou"]["role"] == "gateway"
    done = call(five, ABROAD, "open_account", city="Guangzhou", owner="abroad", amount=9)
    roots = {state_root(five, ABROAD, city, done.block) for city in order.nodes}
    assert len(roots) == 1
    with admin(five, FIFTH) as node:
        with pytest.raises(CityError, match="CITY-8064"):
            node.leave(ABROAD)
        with pytest.raises(CityError, match="CITY-8065"):
            node.archive("main")
        row = node.archive(ABROAD)
        assert row["state"] == "archived" and row["height"] >= done.block
        with pytest.raises(CityError, match="CITY-8063"):
            node.resume(ABROAD)
    folder = five.layout.node(FIFTH.lower()) / "channels" / ABROAD
    assert (folder / "manifest.json").is_file()
    assert all(f.stat().st_mode & 0o222 == 0 for f in (folder / "blocks").iterdir())
    five.stop_one(FIFTH.lower())
    five.start(FIFTH.lower())
    with admin(five, FIFTH) as node:
        assert node.show(ABROAD)["state"] == "archived"
        assert node.leave(ABROAD, is_forced=True)["state"] == "left"
    assert not folder.exists()


def test_an_application_is_packaged_and_brought_up_with_its_policy(
    five: Cluster, tmp_path: Path
) -> None:
    transfer = Path(bundles.__file__).parent / "suite" / "transfer.py"
    (tmp_path / "vouchers.py").write_text(transfer.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "app.toml").write_text(
        '[app]\nname = "vouchers"\n[channel]\ncontracts = ["vouchers.py"]\n'
        'members = ["QB"]\n[policy]\nset-limits = "all of members"\n'
    )
    city = [sys.executable, "-m", "node.cli.main", "--context", str(five.layout.root), "app"]

    def run(*words: str) -> dict[str, Any]:
        done = subprocess.run(
            [*city, *words, "-o", "json"], capture_output=True, text=True, timeout=CALL_SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    file = str(tmp_path / "vouchers.cityapp")
    made = run("package", str(tmp_path), "--out", file)
    nodes = "Shenzhen,Guangzhou,Beijing"
    up = run("deploy", file, "--nodes", nodes, "--digest", str(made["digest"]))
    assert [row["node"] for row in up["nodes"]] == nodes.split(",")
    context = context_of(five).on("vouchers")
    with connect(context, user="ops", timeout=CALL_SECONDS) as net:
        net.call("vouchers", "open_account", {"owner": "a", "amount": 4})
        assert net.query("vouchers", "balance_of", {"owner": "a"}).value == 4
        shown = values.to_json(net.query("_config", "show").value)
        assert shown["policies"]["set-limits"] == "all of members"
        assert [m["member"] for m in shown["members"] if not m["validators"]] == ["QB"]


def test_a_city_makes_another_channel_its_home_and_archives_the_first(
    five: Cluster, quiet: Created
) -> None:
    """The last of this network: main is over on that city then."""
    config = str(five.layout.node_config("beijing"))
    five.stop_one("beijing")

    def city(*words: str) -> subprocess.CompletedProcess[str]:
        run = [sys.executable, "-m", "node.cli.main", "node", *words, "--config", config]
        return subprocess.run(run, capture_output=True, text=True, timeout=CALL_SECONDS)

    refused = city("run", "--accept-wal-loss", "--channel", "elsewhere")
    assert refused.returncode != 0 and "CITY-1004" in refused.stdout + refused.stderr
    looked = json.loads(city("doctor", "-o", "json").stdout)
    of_stores = {
        row["channel"] for row in looked if row["check"] == "state" and row["mark"] == "ok"
    }
    assert {"main", QUIET} <= of_stores
    moved = city("home", QUIET, "-o", "json")
    assert moved.returncode == 0 and json.loads(moved.stdout)["before"] == "main"
    five.start("beijing", "--new-vote-key", "--channel", "main")
    with admin(five, "Beijing") as node:
        with pytest.raises(CityError, match="CITY-8065"):
            node.archive(QUIET)
        node.wait_ready("main", CALL_SECONDS)
        assert node.archive("main")["state"] == "archived"
    after = call(five, QUIET, "open_account", city="Beijing", owner="at-home", amount=1)
    assert {state_root(five, QUIET, city, after.block) for city in FOUR} == {
        state_root(five, QUIET, "Beijing", after.block)
    }
