"""Channels of one zone: who may take part, what their contracts may tag, and what no proof shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.bundles import load_bundle
from contracts.runtime.api import Bundle
from contracts.runtime.keys import state_key
from node.apps import package, read_package
from node.errors import CityError
from node.genesis import BundleSource, Genesis, channel_id, check
from node.governance import genesis_state
from node.governance.words import lines
from node.proofs.reading import verify_proof
from node.residency import check_genesis, resident_call, tags
from tests.unit.node.deploying import SECOND, proposal
from tests.unit.node.governing import SPARE, Chain, channel
from tests.unit.node.network import COUNTER, SUITE, Cluster, make_genesis
from tests.unit.node.test_lifecycle import Chain as Contracts

TAGGED = COUNTER + '\nRESIDENT = ("counts", "Counted", "add()")\n'
NAMES = ("counter.Counted", "counter.add()", "counter.counts")
ABROAD = {"zone": "international", "jurisdiction": "FR"}


def zoned(config: Any, **changes: Any) -> Any:
    return replace(config, **{"zone": "mainland", "jurisdiction": "CN"} | changes)


# ---- genesis -----------------------------------------------------------------------------------------


def test_a_channel_of_a_zone_begins_with_nodes_of_that_zone_alone() -> None:
    config = make_genesis(4)[0].config
    check(zoned(config))
    abroad = replace(config.nodes[3], **ABROAD)
    watching = replace(abroad, role="observer", vote_key=b"")
    for wrong, why in (
        (zoned(config, nodes=(*config.nodes[:3], abroad)), "n3"),
        (zoned(config, nodes=config.nodes[:3], followers=(watching,)), "n3"),
        (zoned(config, members=(*config.members[1:], replace(config.members[0], **ABROAD))), "m-alice"),
        (zoned(config, zone="moon"), "zone"),
        (zoned(config, jurisdiction="China"), "jurisdiction"),
        (zoned(config, zone="", resident=("counter.counts",)), "one zone"),
        (zoned(config, resident=("counter.counts",) * 2), "once"),
        (zoned(config, resident=("everything",)), "everything"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=why):
            check(wrong)


def test_what_a_bundle_tags_stands_in_the_genesis_or_the_channel_is_not_made() -> None:
    bundle = Bundle("counter", 1, TAGGED)
    assert sorted(tags(bundle)) == list(NAMES)
    genesis, _ = make_genesis(1)
    bundles = (BundleSource("counter", 1, bundle.encode()),)
    check_genesis(Genesis(zoned(genesis.config, resident=NAMES), bundles))
    for resident in ((), NAMES[:2], (*NAMES, "counter.nothing"), (*NAMES, "other.counts")):
        with pytest.raises(ValueError, match=r"counter|other"):
            check_genesis(Genesis(zoned(genesis.config, resident=resident), bundles))


def test_a_tag_outside_the_main_module_is_refused_rather_than_overlooked() -> None:
    with pytest.raises(ValueError, match="main module"):
        tags(Bundle("counter", 1, COUNTER, {"more": 'RESIDENT = ("counts",)\n'}))


@pytest.mark.parametrize(
    "line",
    [
        'RESIDENT = ("nothing",)', 'RESIDENT = ["counts"]', "RESIDENT = (counts,)", "RESIDENT = 1",
        'RESIDENT = ("counts",)\nRESIDENT = ()', 'RESIDENT: tuple = ("counts",)',
    ],
)  # fmt: skip
def test_a_tag_that_protects_nothing_is_no_tag(line: str) -> None:
    with pytest.raises(ValueError):
        tags(Bundle("counter", 1, f"{COUNTER}\n{line}\n"))


def test_the_register_of_the_suite_keeps_its_records_and_shows_its_commitments() -> None:
    found = tags(load_bundle("resident_register"))
    names = ("record", "enter()", "amend()", "get()")
    assert found == tuple(f"resident_register.{name}" for name in names)
    assert not any("commitment" in name for name in found)


# ---- the members' decisions ----------------------------------------------------------------------------


def test_a_node_of_another_zone_comes_in_only_when_all_who_own_validators_let_its_zone_in() -> None:
    state = channel(4)[0]
    chain = Chain(genesis_state(zoned(state.config)))
    node = {
        "name": "Paris", "city": "Paris", "member_id": "M4", "identity_key": SPARE[0],
        "transport_cert": b"c",
    } | ABROAD  # fmt: skip
    for method, more in (
        ("add_node", {"vote_key": "", "role": "observer"}), ("add_validator", {"vote_key": SPARE[1]}),
    ):  # fmt: skip
        assert chain.send("admin0", method, **node, **more).code == "E_ZONE"
    house = {"name": "House", "city": "Paris", "admin_key": "", "peer_ca": "", "roles": []} | ABROAD
    assert chain.send("admin0", "add_member", member_id="FR", **house).code == "E_ZONE"
    assert chain.send("admin4", "set_member", member_id="M4", **house).code == "E_ZONE"
    for zones in (["mainland"], ["moon"], ["international", "mainland"]):
        assert chain.send("admin0", "set_zones", zones=zones).code == "E_ZONE"
    assert chain.send("admin0", "set_zones", zones=[]).code == "E_NO_CHANGE"
    proposed = chain.send("admin0", "set_zones", zones=["international"])
    for admin in ("admin1", "admin2"):
        assert not chain.approve(admin, proposed).value["in_force"]
    assert chain.approve("admin3", proposed).value["in_force"]
    assert lines(chain.state)["zone mainland"] == "takes nodes of international too"
    added = chain.send("admin0", "add_node", **node, vote_key="", role="observer")
    for admin in ("admin1", "admin2"):
        added = chain.approve(admin, added) if not added.value["in_force"] else added
    assert [n.name for n in chain.state.observers] == ["Paris"]
    # As long as one of them is there, the zone stays open.
    assert chain.send("admin0", "set_zones", zones=[]).code == "E_ZONE"
    assert chain.loaded() == chain.state


def test_a_channel_of_no_zone_opens_to_none() -> None:
    chain = Chain(channel(4)[0])
    assert chain.send("admin0", "set_zones", zones=["international"]).code == "E_ZONE"


def test_a_version_that_tags_more_than_the_genesis_says_is_refused() -> None:
    chain = Contracts()
    tagged = SECOND + '\nRESIDENT = ("counts",)\n'
    assert chain.send("alice", "propose", **proposal(tagged)).code == "RESIDENT_NOT_AGREED"
    config = zoned(chain.genesis, resident=("counter.counts",))
    chain.config = replace(chain.config, record=replace(chain.config.record, config=config))
    assert chain.send("alice", "propose", **proposal(tagged)).code == ""


# ---- proofs ------------------------------------------------------------------------------------------


async def test_no_node_proves_what_is_resident_and_every_node_proves_the_rest(
    tmp_path: Path,
) -> None:
    net = Cluster(tmp_path, 1)
    config = zoned(net.genesis.config, resident=("counter.counts", "counter.Counted"))
    net.genesis = replace(net.genesis, config=config)
    net.channel_id = channel_id(SUITE.hash, config)
    try:
        await net.start_all()
        node = net.nodes["n0"].channel
        (outcome,) = await node.submit([net.envelope()])
        assert outcome.error is None
        await node.wait(outcome.tx_id, "committed")
        kept: list[tuple[str, Any]] = [
            ("counts", "a"),
            ("counts", "not there"),
            ("counts", ("a", 1)),
        ]
        for name, key in (*kept, ("counts#owner", ("a", "b"))):
            with pytest.raises(CityError, match=r"CITY-1029.*counter\.counts") as refused:
                await node.state_proof(state_key("counter", name, key))
            assert refused.value.variables["zone"] == "mainland"
        with pytest.raises(CityError, match=r"CITY-1029.*counter\.Counted"):
            await node.transaction_proof(outcome.tx_id)
        for other in (state_key("counter", "countsx", "a"), state_key("counter", "count", "a")):
            assert verify_proof(await node.state_proof(other), net.channel_id)["present"] is False
    finally:
        await net.stop_all()


def test_a_call_and_an_event_are_resident_by_their_own_names() -> None:
    config = zoned(make_genesis(1)[0].config, resident=("register.enter()", "register.Told"))
    for contract, method, events, found in (
        ("register", "enter", [], "register.enter()"),
        ("register", "amend", [("register", "Told")], "register.Told"),
        ("register", "amend", [("other", "Told")], ""),
        ("other", "enter", [("other", "enter")], ""),
    ):  # fmt: skip
        assert resident_call(config, contract, method, events) == found


# ---- applications ------------------------------------------------------------------------------------


def test_an_application_that_keeps_data_resident_says_of_which_zone_it_is(tmp_path: Path) -> None:
    (tmp_path / "counter.py").write_text(TAGGED, encoding="utf-8")
    plan = '[app]\nname = "people"\n[channel]\ncontracts = ["counter.py"]\n'
    (tmp_path / "app.toml").write_text(plan, encoding="utf-8")
    with pytest.raises(CityError, match=r"CITY-8071.*zone"):
        package(tmp_path)
    (tmp_path / "app.toml").write_text(plan + 'zone = "mainland"\n', encoding="utf-8")
    file = tmp_path / "people.cityapp"
    file.write_bytes(package(tmp_path))
    found, _ = read_package(file)
    assert (found.zone, found.resident) == ("mainland", NAMES)
