"""The directory of a consortium: who may enter what, what is a claim and what is proven, and what stays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.encoding import encode
from tests.unit.suite.directory_world import (
    CITIES,
    ROLES,
    Consortium,
    consortium,
    genesis_of,
    id_of,
    key_of,
    listed,
    seat,
)
from tests.unit.suite.exchange_world import Foreign

PLACES = {"nA": "Shenzhen", "nB": "Beijing", "nC": "Hong Kong"}


@pytest.fixture
def world() -> Consortium:
    return consortium()


def channel_of(world: Consortium, *names: str, name: str = "scf-px", **changes: Any) -> Any:
    return genesis_of(world, name, [seat(n, PLACES[n]) for n in names], **changes)


# ---- cities ----------------------------------------------------------------------------------------


def test_a_city_counts_when_a_second_member_confirms_the_version_that_it_read(
    world: Consortium,
) -> None:
    place = {"region": "Kanto", "zone": "international", "jurisdiction": "JP"}
    world.says("A", "propose_city", name="Tokyo", **place)
    assert world.entry("city", "Tokyo")["claimed"] == ["region", "zone", "jurisdiction"]
    world.refuses("E_FOUR_EYES", "A", "confirm_city", name="Tokyo", expected_version=1)
    world.refuses("E_CITY", "A", "set_member", name="House A", city="Tokyo")
    # What is replaced between reading and confirming is not confirmed.
    world.says("C", "propose_city", name="Tokyo", **place | {"zone": "mainland"})
    for version in (0, 1):
        world.refuses("E_VERSION", "B", "confirm_city", name="Tokyo", expected_version=version)
    world.says("C", "propose_city", name="Tokyo", **place)
    world.says("B", "confirm_city", name="Tokyo", expected_version=3)
    found = world.entry("city", "Tokyo")
    assert (found["state"], found["proposed_by"], found["claimed"]) == ("ACTIVE", "C", [])
    world.refuses("E_STATE", "A", "propose_city", name="Tokyo", **place | {"zone": "mainland"})
    history = world.ok("X", "directory", "history", kind="city", id="Tokyo")
    assert [(row["version"], row["zone"]) for row in history] == [
        (1, "international"), (2, "mainland"), (3, "international"),
    ]  # fmt: skip


def test_a_city_with_members_or_nodes_is_not_retired_and_afterwards_it_is(
    world: Consortium,
) -> None:
    world.refuses("E_NOT_PARTY", "C", "retire_city", name="Beijing")
    world.refuses("E_IN_USE", "A", "retire_city", name="Beijing")
    world.says("B", "retire_node", name="nB")
    world.says("B", "retire_member")
    world.says("A", "retire_city", name="Beijing")
    world.refuses("E_CITY", "C", "set_member", name="House C", city="Beijing")


# ---- members, nodes, relays ------------------------------------------------------------------------


def test_a_member_enters_itself_alone_and_the_key_that_signs_is_on_record(
    world: Consortium,
) -> None:
    found = world.entry("member", "A")
    assert (found["city"], found["zone"], found["jurisdiction"]) == ("Shenzhen", "mainland", "CN")
    assert len(found["admin"]) == 64 and "admin" not in found["claimed"]
    args = {"name": "House D", "city": "Shenzhen"}
    world.refuses("E_NOT_PARTY", "D", "register_member", "maker", **args)
    world.refuses("E_STATE", "A", "register_member", **args)
    for code, wrong in (
        ("E_CITY", {"city": "Paris"}), ("E_TEXT", {"name": ""}), ("E_DIGEST", {"authority": "x"}),
    ):  # fmt: skip
        world.refuses(code, "D", "register_member", **args | wrong)
    world.says("D", "register_member", **args)
    world.says("D", "retire_member")
    world.says("D", "register_member", **args)
    assert world.entry("member", "D")["version"] == 3


def test_a_node_has_one_owner_one_place_and_keys_that_no_other_node_ever_had(
    world: Consortium,
) -> None:
    found = world.entry("node", "nA")
    assert (found["owner"], found["zone"], found["region"]) == ("A", "mainland", "Greater Bay Area")
    new = {"name": "nD", "city": "Shenzhen", "key": key_of("nD"), "roles": list(ROLES)}
    world.refuses("E_STATE", "B", "register_node", **new | {"name": "nA"})
    world.refuses("E_NOT_PARTY", "B", "retire_node", name="nA")
    world.refuses("E_NOT_PARTY", "B", "set_node", name="nA", roles=["observer"])
    for code, wrong in (
        ("E_KEY_TAKEN", {"key": key_of("nA")}), ("E_KEY", {"key": "04"}), ("E_CITY", {"city": "X"}),
        ("E_TEXT", {"name": "Ünode"}), ("E_CODE", {"roles": ["king"]}), ("E_CODE", {"roles": []}),
        ("E_CODE", {"suite": "x"}), ("E_ENDPOINT", {"api": "nowhere"}),
        ("E_ENDPOINT", {"peer": "a:99999"}), ("E_DIGEST", {"certificate": "x"}),
    ):  # fmt: skip
        world.refuses(code, "B", "register_node", **new | wrong)
    world.refuses("E_NOT_REGISTERED", "D", "register_node", **new)
    world.says("B", "register_node", **new)
    world.refuses("E_KEY_TAKEN", "A", "set_node_key", name="nA", suite="intl", key=key_of("nD"))
    world.says("A", "set_node_key", name="nA", suite="intl", key=key_of("nA intl"))
    # Retired, its name may be another's; its keys never are.
    world.says("B", "retire_node", name="nD")
    world.refuses("E_KEY_TAKEN", "A", "register_node", **new)
    world.says("A", "register_node", **new | {"key": key_of("nD again")})
    owners = [r["owner"] for r in world.ok("X", "directory", "history", kind="node", id="nD")]
    assert (owners, world.entry("node", "nD")["owner"]) == (["B", "B"], "A")


def test_a_relay_is_its_members_and_says_what_it_carries(world: Consortium) -> None:
    load = {"kind": "exchange", "carries": ["00" * 32, "scf-px"]}
    world.refuses("E_NOT_REGISTERED", "D", "register_relay", name="one", **load)
    world.refuses("E_CODE", "A", "register_relay", name="one", **load | {"kind": "gossip"})
    world.refuses("E_CODE", "A", "register_relay", name="one", **load | {"carries": []})
    world.says("A", "register_relay", name="one", **load)
    world.refuses("E_NOT_FOUND", "B", "retire_relay", name="one")
    world.refuses("E_IN_USE", "A", "retire_member")
    world.says("A", "set_relay", name="one", carries=["center"])
    assert world.entry("relay", "A/one")["carries"] == ["center"]
    assert world.says("A", "retire_relay", name="one") == "RETIRED"


# ---- channels --------------------------------------------------------------------------------------


def test_a_channel_is_listed_as_its_genesis_says_and_by_who_owns_one_of_its_validators(
    world: Consortium,
) -> None:
    config = channel_of(world, "nA", "nB", zone="mainland", jurisdiction="CN")
    world.refuses("E_NOT_PARTY", "C", "list_channel", config=encode(config))
    world.refuses("E_FOREIGN_PROOF", "A", "list_channel", config=encode(config)[:-1])
    id = listed(world, config, "B")
    assert id == id_of(config)
    world.refuses("E_DUPLICATE", "A", "list_channel", config=encode(config))
    found = world.entry("channel", id)
    assert {name: found[name] for name in ("name", "suite", "engine", "zone", "validators")} == {
        "name": "scf-px", "suite": "sm", "engine": "pbft", "zone": "mainland",
        "validators": ["nA", "nB"],
    }  # fmt: skip
    assert (found["standing"], found["claimed"]) == ("CLAIMED", ["state", "that it runs"])
    assert world.ok("X", "directory", "runs", node="nA") == [{"channel": id, "role": "validator"}]


def test_a_channel_with_a_node_that_is_not_registered_so_is_not_listed(world: Consortium) -> None:
    stranger = seat("nA", "Shenzhen", key_of("another"))
    elsewhere = seat("nA", "Hong Kong")
    for nodes in ([stranger], [elsewhere], [seat("nA", "Shenzhen"), seat("nZ", "Beijing")]):
        config = genesis_of(world, "bad", nodes)
        world.refuses("E_DIRECTORY_NODE", "A", "list_channel", config=encode(config))
    across = channel_of(world, "nA", "nC", zone="mainland")
    world.refuses("E_DIRECTORY_NODE", "A", "list_channel", config=encode(across))
    world.says("B", "set_node", name="nB", roles=["observer"])
    config = channel_of(world, "nA", "nB")
    world.refuses("E_DIRECTORY_NODE", "A", "list_channel", config=encode(config))
    follows = [seat("nA", "Shenzhen"), seat("nB", "Beijing", role="observer")]
    id = listed(world, genesis_of(world, "watched", follows))
    assert world.entry("channel", id)["followers"] == [["nB", "observer"]]


def test_a_channel_of_the_other_suite_is_listed_under_its_own_hash(world: Consortium) -> None:
    nodes = [seat("nA", "Shenzhen", key_of("nA intl"))]
    config = genesis_of(world, "abroad", nodes, suite="intl")
    world.refuses("E_DIRECTORY_NODE", "A", "list_channel", config=encode(config))
    world.says("A", "set_node_key", name="nA", suite="intl", key=key_of("nA intl"))
    assert listed(world, config) == id_of(config)


def test_that_a_channel_runs_is_proven_by_its_seals_and_its_validators_by_the_light_client(
    world: Consortium,
) -> None:
    other = Foreign()
    names = [node.name for node in other.config.nodes]
    for node in other.config.nodes:
        world.enter_node("A", node.name, "Shenzhen", node.identity_key.hex())
    placed = tuple(
        seat(n.name, "Shenzhen", n.identity_key.hex()).__class__(
            n.name, "Shenzhen", n.member_id, n.identity_key, n.vote_key, b"", "Greater Bay Area",
            "mainland", "CN",
        )
        for n in other.config.nodes
    )  # fmt: skip
    config = genesis_of(other, "runs", placed)
    other.config, other.id = config, bytes.fromhex(id_of(config))
    id = listed(world, config)
    shown = {"id": id, "config": encode(config)}
    few = encode(other.certified(bytes(32), signers=2))
    world.refuses("E_FOREIGN_PROOF", "X", "prove_channel", **shown, certified=few)
    header = other.certified(bytes(32))
    world.refuses(
        "E_FOREIGN_PROOF", "X", "prove_channel", id=id, config=encode(world.config),
        certified=encode(header),
    )  # fmt: skip
    height = world.ok("X", "directory", "prove_channel", **shown, certified=encode(header))
    assert height == header.header.height
    found = world.entry("channel", id)
    assert (found["standing"], found["claimed"]) == ("PROVEN", ["state"])
    world.refuses("E_FOREIGN_PROOF", "X", "prove_channel", **shown, certified=encode(header))
    # Its validators change: what the light client follows is what the directory takes.
    world.refuses("E_FOREIGN_CHANNEL", "X", "refresh_channel", id=id)
    world.follows(other)
    world.refuses("E_FOREIGN_PROOF", "X", "refresh_channel", id=id)
    last, following = other.change_validators()
    world.ok("X", "foreign_channel", "follow", channel=other.id, last=last, validators=following)
    assert world.ok("X", "directory", "refresh_channel", id=id) == 1
    assert world.entry("channel", id)["validators"] == [*names[1:], "fresh"]
    assert world.ok("X", "directory", "runs", node=names[0]) == []
    # Its later validators are known by name alone: whoever enters a node of that name has no say in it.
    world.enter_node("B", "fresh", "Shenzhen")
    world.refuses("E_NOT_PARTY", "B", "archive_channel", id=id)
    world.says("B", "retire_node", name="fresh")
    world.refuses("E_IN_USE", "A", "retire_node", name=names[1])
    assert world.says("A", "archive_channel", id=id) == "ARCHIVED"
    world.says("A", "retire_node", name=names[1])


def test_who_owns_a_validator_says_how_a_channel_stands_and_an_archived_one_frees_its_nodes(
    world: Consortium,
) -> None:
    id = listed(world, channel_of(world, "nA", "nB"))
    world.refuses("E_NOT_PARTY", "C", "pause_channel", id=id)
    world.refuses("E_IN_USE", "A", "retire_node", name="nA")
    assert world.says("B", "pause_channel", id=id) == "PAUSED"
    assert world.entry("channel", id)["said_by"] == "B"
    world.refuses("E_STATE", "A", "pause_channel", id=id)
    assert world.says("A", "resume_channel", id=id) == "LISTED"
    assert world.says("A", "archive_channel", id=id) == "ARCHIVED"
    assert world.ok("X", "directory", "runs", node="nA") == []
    world.says("A", "retire_node", name="nA")
    world.refuses("E_DUPLICATE", "B", "list_channel", config=encode(channel_of(world, "nA", "nB")))


def test_pages_follow_each_other_and_are_bounded(world: Consortium) -> None:
    def page(after: str, limit: int) -> list[str]:
        rows = world.ok("X", "directory", "entries", kind="city", after=after, limit=limit)
        return [row["id"] for row in rows]

    first = page("", 2)
    assert first + page(first[-1], 2) == sorted(CITIES) and len(first) == 2
    assert len(page("", 0)) == 1 and page("", 10**9) == sorted(CITIES)
    world.refuses("E_CODE", "X", "entries", kind="king")
    steps = world.ok("X", "directory", "next_steps", kind="node", id="nA")
    assert {step["call"] for step in steps} == {"set_node", "set_node_key", "retire_node"}


# ---- whatever happens ------------------------------------------------------------------------------

MEMBERS, NODES = ("A", "B", "C", "D"), ("nA", "nB", "nC", "n1", "n2")
who, which, where = st.sampled_from(MEMBERS), st.sampled_from(NODES), st.sampled_from([*CITIES])
keys = st.sampled_from([key_of(name) for name in (*NODES, "spare")])
STEPS = st.one_of(
    st.tuples(st.just("register_node"), who, st.fixed_dictionaries(
        {"name": which, "city": where, "key": keys, "roles": st.just(list(ROLES))})),
    st.tuples(st.just("retire_node"), who, st.fixed_dictionaries({"name": which})),
    st.tuples(st.just("set_node_key"), who, st.fixed_dictionaries(
        {"name": which, "suite": st.sampled_from(("sm", "intl")), "key": keys})),
    st.tuples(st.just("register_member"), who, st.fixed_dictionaries(
        {"name": st.just("House"), "city": where})),
    st.tuples(st.just("retire_member"), who, st.just({})),
    st.tuples(st.just("propose_city"), who, st.fixed_dictionaries(
        {"name": where, "region": st.just("R"), "zone": st.sampled_from(("mainland", "international")),
         "jurisdiction": st.just("CN")})),
    st.tuples(st.just("confirm_city"), who, st.fixed_dictionaries(
        {"name": where, "expected_version": st.integers(1, 6)})),
    st.tuples(st.just("retire_city"), who, st.fixed_dictionaries({"name": where})),
    st.tuples(st.just("list_channel"), who, st.lists(which, min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("archive_channel"), who, st.integers(0, 3)),
)  # fmt: skip


def entries(world: Consortium, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.ok(
        "X", "directory", "entries", kind=kind, after="", limit=200
    )
    return found


@settings(max_examples=30, deadline=None)
@given(st.lists(STEPS, min_size=5, max_size=30))
def test_no_history_breaks_what_the_directory_holds_to(steps: list[Any]) -> None:
    world = consortium()
    ids: list[str] = []
    ever: dict[str, tuple[str, str]] = {}  # key → the node and owner that first had it
    for method, member, args in steps:
        if method == "list_channel":
            nodes = [seat(name, PLACES.get(name, "Shenzhen")) for name in args]
            args = {"config": encode(genesis_of(world, f"c{len(ids)}", nodes))}
        elif method == "archive_channel":
            if not ids:
                continue
            args = {"id": ids[args % len(ids)]}
        before = dict(world.state)
        result = world.call(member, "directory", method, "admin", **args)
        if result.outcome != "ok":
            assert result.code.startswith("E_") and world.state == before
            continue
        if method == "list_channel":
            ids.append(result.value)
        check(world, ever)
    assert len(set(ids)) == len(ids) == len(entries(world, "channel"))


def check(world: Consortium, ever: dict[str, tuple[str, str]]) -> None:
    cities = {row["id"]: row for row in entries(world, "city")}
    members = {row["id"]: row for row in entries(world, "member")}
    nodes = {row["id"]: row for row in entries(world, "node")}
    for node in nodes.values():
        city = cities[node["city"]]
        assert (node["zone"], node["region"]) == (city["zone"], city["region"])
        for key in node["keys"].values():
            assert ever.setdefault(key, (node["id"], node["owner"])) == (node["id"], node["owner"])
        if node["state"] == "ACTIVE":
            assert city["state"] == "ACTIVE" and members[node["owner"]]["state"] == "ACTIVE"
    for member in members.values():
        assert member["state"] == "RETIRED" or cities[member["city"]]["state"] == "ACTIVE"
    for channel in entries(world, "channel"):
        if channel["state"] != "ARCHIVED":
            assert all(nodes[name]["state"] == "ACTIVE" for name in channel["validators"])
