"""A consortium of three real cities in two zones: its directory, and channels that are made from it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.runtime.keys import state_key
from node.client import connect, find_context
from node.errors import CityError
from node.network.consortium import enter_consortium
from node.network.control import network_up
from node.network.create import create_network
from node.network.plan import load_plan
from node.proofs.reading import verify_proof
from node.sdk.channels import ChannelOrder, create_channel
from node.sdk.context import Context
from node.sdk.directory import Directory
from tests.cluster.cluster import CALL_SECONDS, Cluster
from tests.cluster.test_channels import found_in, peers_heard

pytestmark = pytest.mark.cluster

MAINLAND, ABROAD = ("Shenzhen", "Beijing"), "Hong Kong"
APP, PEOPLE, MARKER = (
    "pair-px",
    "people",
    "owner-kx81vn3m0c",
)  # what a transaction carries and nothing else does


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("consortium") / "net"
    plan = load_plan().as_system()
    cities = [each for each in plan.cities if each.name in (*MAINLAND, ABROAD)]
    members = [each for each in plan.members if each.id in ("PX", "QB", "HB")]
    create_network(plan.model_copy(update={"cities": cities, "members": members}), root)
    cluster = Cluster(root)
    try:
        network_up(root)
        yield cluster
    finally:
        cluster.stop()


def context_of(three: Cluster) -> Context:
    return find_context(str(three.layout.root))


def rows(three: Cluster, kind: str) -> dict[str, dict[str, Any]]:
    with connect(context_of(three), user="ops", timeout=CALL_SECONDS) as net:
        return {row["id"]: row for row in Directory(net).rows(kind)}


def city(three: Cluster, *words: str) -> Any:
    """A command's JSON, or the code of its error."""
    command = [sys.executable, "-m", "node.cli.main", "--context", str(three.layout.root)]
    done = subprocess.run(
        [*command, *words, "-o", "json"], capture_output=True, text=True, timeout=CALL_SECONDS
    )
    found = json.loads(done.stdout)
    return found if done.returncode == 0 else found["error"]["code"]


def test_a_network_that_comes_up_is_in_its_directory_once(three: Cluster) -> None:
    nodes = rows(three, "node")
    assert {name: row["zone"] for name, row in nodes.items()} == {
        "Shenzhen": "mainland", "Beijing": "mainland", ABROAD: "international",
    }  # fmt: skip
    assert {row["state"] for row in rows(three, "city").values()} == {"ACTIVE"}
    assert {"PX", "QB", "HB", "node-beijing"} <= set(rows(three, "member"))
    (own,) = rows(three, "channel").values()
    assert (own["id"], own["name"]) == (context_of(three).channel_id.hex(), "system")
    assert set(enter_consortium(three.layout).values()) == {0}


def test_a_channel_is_made_of_registered_nodes_and_members_and_the_others_keep_nothing_of_it(
    three: Cluster,
) -> None:
    made = city(
        three, "channel", "create", APP, "--nodes", ",".join(MAINLAND), "--contracts", "transfer",
        "--members", "PX,QB",
    )  # fmt: skip
    with connect(context_of(three).on(APP), user="ops", timeout=CALL_SECONDS) as net:
        net.call("transfer", "open_account", {"owner": MARKER, "amount": 7})
    listed = rows(three, "channel")[made["channel_id"]]
    assert (listed["name"], listed["validators"]) == (APP, list(MAINLAND))
    assert city(three, "--as", "ops", "directory", "prove", APP)["standing"] == "PROVEN"
    # That there is such a channel the directory tells everybody; of its contents the third city has nothing.
    slug = three.slug_of(ABROAD)
    assert peers_heard(three, ABROAD).keys() == {"system"}
    assert not (three.layout.node(slug) / "channels" / APP).exists()
    assert found_in([three.layout.node(slug), three.layout.log(slug)], [MARKER.encode()]) == []
    assert found_in([three.layout.node("beijing")], [MARKER.encode()])


def test_nodes_that_do_not_offer_it_and_members_that_are_not_registered_get_no_channel(
    three: Cluster,
) -> None:
    before = rows(three, "channel")
    offered = ("--as", "admin-hong-kong", "directory", "register", "node", ABROAD, "--roles")
    assert city(three, *offered, "gateway")["roles"] == ["gateway"]
    order = ChannelOrder("no", ("Shenzhen", ABROAD), ("transfer",))
    with pytest.raises(CityError, match="CITY-8072"):
        create_channel(context_of(three), order)
    assert city(three, *offered, "validator,observer,gateway")["version"] == 3
    assert city(three, "--as", "admin@HB", "directory", "retire", "member")["state"] == "RETIRED"
    order = ChannelOrder("no", ("Shenzhen",), ("transfer",), members=("HB",))
    with pytest.raises(CityError, match="CITY-8070"):
        create_channel(context_of(three), order)
    assert rows(three, "channel") == before
    found = city(three, "directory", "tree", "--by", "node")
    seats = {row["title"].split(" (")[0]: row["seats"] for row in found}
    assert seats[ABROAD] == ["system validator"]
    assert f"{APP} validator" in seats["Beijing"]


def test_what_is_resident_stays_in_its_zone_and_its_commitment_is_proven_to_anybody(
    three: Cluster,
) -> None:
    before = rows(three, "channel")
    zone = ("--zone", "mainland", "--contracts", "resident_register")
    across = city(three, "channel", "create", "no", "--nodes", f"Shenzhen,{ABROAD}", *zone)
    assert (across, rows(three, "channel")) == ("CITY-8070", before)
    open_to_all = ("--nodes", ",".join(MAINLAND), "--contracts", "resident_register")
    assert city(three, "channel", "create", "no", *open_to_all) == "CITY-8070"
    made = city(three, "channel", "create", PEOPLE, "--nodes", ",".join(MAINLAND), *zone)
    assert rows(three, "channel")[made["channel_id"]]["zone"] == "mainland"
    with connect(context_of(three).on(PEOPLE), user="ops", timeout=CALL_SECONDS) as net:
        fields = [["name", MARKER, "a1" * 16]]
        done = net.call("resident_register", "enter", {"id": "P-1", "fields": fields})
        for resident in (state_key("resident_register", "record", "P-1"), None):
            with pytest.raises(CityError, match="CITY-1029"):
                net.state_proof(resident) if resident else net.proof(done.tx_id)
        proof = net.state_proof(state_key("resident_register", "commitment", "P-1"))
    shown = verify_proof(proof, bytes.fromhex(made["channel_id"]))
    assert shown["present"] and MARKER.encode() not in proof
    # Abroad nobody takes it up, with whatever grant: not even its own operator can make it.
    assert city(three, "channel", "join", PEOPLE, "--node", ABROAD) == "CITY-8076"
    slug = three.slug_of(ABROAD)
    assert found_in([three.layout.node(slug), three.layout.log(slug)], [MARKER.encode()]) == []


def test_a_node_whose_keys_were_replaced_is_known_to_the_directory_by_the_new_ones(
    three: Cluster,
) -> None:
    former = rows(three, "node")["Beijing"]["keys"]["sm"]
    config = three.layout.node_config("beijing")
    turned = ("--as", "admin-beijing", "node", "rotate", "identity", "--config", str(config))
    assert city(three, *turned)["replaced"] == "identity"
    now = rows(three, "node")["Beijing"]
    assert now["keys"]["sm"] != former
    with connect(context_of(three), user="ops", timeout=CALL_SECONDS) as net:
        named = {row["name"]: row for row in net.query("_config", "show").value["validators"]}
    assert now["keys"]["sm"] == named["Beijing"]["identity_key"]
    again = city(three, "--as", "admin-beijing", "directory", "register", "node", "Beijing")
    assert again["keys"] == now["keys"]  # entering it by hand takes what is in force, too
    made = city(
        three,
        "channel",
        "create",
        "after",
        "--nodes",
        ",".join(MAINLAND),
        "--contracts",
        "transfer",
    )
    proven = ("--as", "ops", "directory", "prove", "after")
    assert city(three, *proven) == "CITY-1032"  # it has ordered nothing yet
    with connect(context_of(three).on("after"), user="ops", timeout=CALL_SECONDS) as net:
        net.call("transfer", "open_account", {"owner": "first", "amount": 1})
    assert city(three, *proven)["id"] == made["channel_id"]
