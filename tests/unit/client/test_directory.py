"""What a client makes of the directory: are nodes registered as they show themselves, and who runs what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from consensus.encoding import Hash
from node.errors import CityError
from node.genesis import EngineRef, Member
from node.hosting.cards import NodeCard
from node.sdk.directory import check_cards, seats_by
from tests.unit.suite.directory_world import key_of, seat


def card(name: str = "nA") -> NodeCard:
    node = seat(name, "Shenzhen")
    member = Member(node.member_id, "", "", b"", b"")
    return NodeCard(1, node, member, (), EngineRef("1", Hash(bytes(32)), 1), "")


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "id": "nA", "keys": {"sm": key_of("nA")}, "roles": ["validator"], "owner": "node-na",
        "zone": "mainland", "jurisdiction": "CN",
    } | changes  # fmt: skip


def test_a_node_takes_part_as_it_is_registered_and_not_otherwise() -> None:
    check_cards({"nA": entry()}, [(card(), "validator")], "sm")
    for nodes, why in (
        ({}, "not registered"),
        ({"nA": entry(keys={"intl": key_of("nA")})}, "another identity key"),
        ({"nA": entry(keys={"sm": key_of("nB")})}, "another identity key"),
        ({"nA": entry(roles=["gateway"])}, "offers gateway"),
        ({"nA": entry(owner="node-nb")}, "registered by node-nb"),
        ({"nA": entry(zone="international")}, "zone international"),
        ({"nA": entry(jurisdiction="HK")}, "zone mainland"),
    ):  # fmt: skip
        with pytest.raises(CityError, match=f"CITY-8072.*{why}"):
            check_cards(nodes, [(card(), "validator")], "sm")
    other = replace(card(), node=seat("nZ", "Shenzhen"))
    with pytest.raises(CityError, match="nZ"):
        check_cards({"nA": entry()}, [(card(), "validator"), (other, "validator")], "sm")


def test_the_tree_shows_who_runs_which_channel_and_leaves_archives_out() -> None:
    def channel(name: str, *validators: str, state: str = "LISTED") -> dict[str, Any]:
        return {
            "name": name, "validators": list(validators), "followers": [["nC", "observer"]],
            "engine": "pbft", "suite": "sm", "zone": "", "standing": "PROVEN", "state": state,
        }  # fmt: skip

    nodes = {f"n{m}": {"owner": m, "zone": "mainland"} for m in "ABC"}
    channels = [channel("two", "nB"), channel("old", "nA", state="ARCHIVED"), channel("one", "nA")]
    assert [(row["title"], row["seats"]) for row in seats_by("channel", channels, nodes)] == [
        ("one (pbft, sm, both zones, proven)", ["nA validator of A", "nC observer of C"]),
        ("two (pbft, sm, both zones, proven)", ["nB validator of B", "nC observer of C"]),
    ]
    by_node = {row["title"]: row["seats"] for row in seats_by("node", channels, nodes)}
    assert by_node["nA (A, mainland)"] == ["one validator"]
    assert by_node["nC (C, mainland)"] == ["one observer", "two observer"]
