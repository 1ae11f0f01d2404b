"""Flags: two versions side by side until a height, and a node that stops before a rule it does not know."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from contracts.runtime import values
from node.doctor.diagnosis import Answers, Readiness, diagnose, readiness
from node.errors import CityError
from node.flags import CONTRACT_NOTICE, KNOWN, VARIABLE, Flags, known_flags
from node.governance import genesis_state
from node.governance.state import FlagAt, Statutes
from tests.unit.node.network import SECONDS, Cluster, make_genesis
from tests.unit.node.test_reconfiguration import commit, configure, count


def test_a_build_without_a_flag_stops_before_it_could_vote_under_it(monkeypatch):
    state = genesis_state(make_genesis(1)[0].config)
    state = type(state)(state.record, statutes=Statutes(flags=(FlagAt(CONTRACT_NOTICE, 100),)))
    monkeypatch.setenv(VARIABLE, CONTRACT_NOTICE)
    assert CONTRACT_NOTICE not in known_flags()
    old, new = Flags(4), Flags(4, KNOWN)
    new.require(state, 10_000)
    old.require(state, 94)
    with pytest.raises(CityError) as caught:
        old.require(state, 95)  # the next blocks voted for are 96 to 99
    assert caught.value.code == "CITY-8050"
    (due,) = old.facts(state, 94)["due"]
    assert due == {
        "flag": CONTRACT_NOTICE, "height": 100, "known": False, "stops_at": 95, "in_force": False
    }  # fmt: skip


def test_why_says_days_ahead_who_does_not_know_a_flag():
    due = {"flag": "new-rule", "height": 900, "known": False, "stops_at": 898, "in_force": False}
    status = {
        "state": "ready", "role": "validator", "quorum": 1, "height": 100, "applied_height": 100,
        "state_root": "00", "peers": [], "time_ms": 0, "asked_ms": 0, "block_time_ms": 0, "pool": 0,
        "flags": {"known": [], "due": [due]},
    }  # fmt: skip
    (finding,) = diagnose(Answers({"Beijing": status}, ["Beijing"]))
    assert "new-rule" in finding.what and "798 blocks" in finding.what


def told(known: list[str] | None, proposed: str = "", **peers: list[str] | None) -> dict[str, Any]:
    """A node's status. known: None of an older build, which says nothing of flags."""
    rows = [{"flag": "new-rule", "proposal": proposed}] if proposed else []
    flags = {"known": known, "due": [], "proposed": rows, "peers": peers}
    return {
        "state": "ready", "role": "validator", "quorum": 1, "height": 100, "applied_height": 100,
        "state_root": "00", "peers": [{"name": name} for name in "abcd"], "time_ms": 0,
        "asked_ms": 0, "block_time_ms": 0, "pool": 0, "flags": {} if known is None else flags,
    }  # fmt: skip


def test_who_is_ready_for_a_flag_is_known_before_anybody_approves_it():
    knows, lacks = ["new-rule"], []
    statuses = {
        "a": told(knows, "p-1", b=lacks, c=knows, d=None, e=lacks, f=knows),
        "b": told(knows, "p-1", c=knows, d=None, f=lacks),
        "c": None,
        "g": told(None),
    }
    answers = Answers(statuses, ["a", "b", "c", "d", "e", "f"])
    found = readiness(answers, "new-rule")
    # b's own word counts, whatever others say of it; of f two words differ, and the worse one counts.
    assert found == Readiness(("a", "b", "c"), ("e", "f"), ("d", "g"))
    (warning,) = (f for f in diagnose(answers) if "p-1" in f.what)
    assert "e, f" in warning.what and "d, g did not say" in warning.what
    statuses["a"]["flags"]["due"] = [
        {"flag": "new-rule", "height": 900, "known": True, "stops_at": 0, "in_force": False}
    ]
    late = {f.node for f in diagnose(answers) if "from block 900 on" in f.what}
    assert late == {"e", "f"}


def test_what_peers_say_of_their_flags_ends_with_their_link():
    flags = Flags(1, KNOWN)
    state = genesis_state(make_genesis(1)[0].config)
    flags.told.take("b", ("new-rule",))  # nobody of that name is linked
    flags.told.linked("a")
    assert flags.facts(state, 1)["peers"] == {"a": None}
    flags.told.take("a", ("new-rule", "another"))
    assert flags.facts(state, 1)["peers"] == {"a": ["another", "new-rule"]}
    flags.told.forget("a")
    assert flags.facts(state, 1)["peers"] == {}


async def test_versions_mix_until_the_height_and_the_old_one_stops_cleanly(tmp_path, monkeypatch):
    net = Cluster(tmp_path, 4)
    try:
        for name in ("n0", "n1", "n2"):
            await net.start(name)
        monkeypatch.setenv(VARIABLE, CONTRACT_NOTICE)
        old = await net.start("n3")
        await count(net)
        at = net.nodes["n0"].height + 12
        receipt = await configure(net, "n0", "activate_flag", flag=CONTRACT_NOTICE, height=at)
        assert values.decode(receipt.result)["in_force"]
        newer: list[str] = [CONTRACT_NOTICE]
        await hears(net, "n0", n1=newer, n2=newer, n3=[])
        await hears(net, "n3", n0=newer, n1=newer, n2=newer)
        (due,) = old.channel.status()["flags"]["due"]
        assert (due["known"], due["stops_at"]) == (False, at - 2)
        soon = at + 2
        assert await activate(net, soon) == ("revert", "WRONG_STATUS")  # below it none is needed
        others = ("n0", "n1", "n2")
        while net.nodes["n0"].height <= at:
            await commit_at(net, others)
        async with asyncio.timeout(SECONDS):
            while old.channel.stopped is None:
                await old.channel.pipeline.moved.wait()
        status = old.channel.status()
        assert (status["state"], status["code"]) == ("stopped", "CITY-8050")
        assert status["applied_height"] < at and status["height"] < at
        # Under the flag the activation of a version needs notice.
        refused = await activate(net, net.nodes["n0"].height + 10)
        assert refused == ("revert", "ACTIVATION_TOO_SOON")
        # The newer build goes on where the old one stopped, and comes to the same state.
        await net.stop("n3")
        monkeypatch.delenv(VARIABLE)
        await net.start("n3")
        await net.at_height(net.nodes["n0"].height)
        await net.same_state()
    finally:
        await net.stop_all()


async def hears(net: Cluster, name: str, **flags: list[str]) -> None:
    """Until its peers have told it so."""
    async with asyncio.timeout(SECONDS):
        while net.nodes[name].channel.status()["flags"]["peers"] != flags:
            await asyncio.sleep(0.02)


async def commit_at(net: Cluster, names: tuple[str, ...]) -> None:
    channel = net.nodes[names[0]].channel
    envelope = net.envelope()
    (outcome,) = await channel.submit([envelope])
    assert outcome.error is None, outcome.error
    async with asyncio.timeout(SECONDS):
        status = await channel.wait(outcome.tx_id, "committed")
        await net.at_height(status.height, *names)


async def activate(net: Cluster, height: int) -> tuple[str, str]:
    channel = net.nodes["n0"].channel
    args = f'{{"name": "counter", "version": 1, "height": {height}}}'
    envelope = net.envelope(contract="_contract", method="activate", args=args)
    (outcome,) = await channel.submit([envelope])
    assert outcome.error is None, outcome.error
    async with asyncio.timeout(SECONDS):
        status = await channel.wait(outcome.tx_id, "committed")
    assert status.receipt is not None
    return status.receipt.outcome, status.receipt.code


async def test_what_is_approved_for_a_height_the_validators_bring_in_force(tmp_path):
    net = Cluster(tmp_path, 4)
    try:
        await net.start_all()
        await count(net)
        at = net.nodes["n0"].height + 6
        policy = {"kind": "set-limits", "policy": "majority of validators", "execute_at": at}
        receipt = await configure(net, "n0", "set_policy", **policy)
        assert values.decode(receipt.result)["execute_at"] == at
        channel = net.nodes["n1"].channel
        while net.nodes["n1"].height < at - 1:
            assert not channel._ledger.configuration.state.statutes.policies
            await count(net)
        async with asyncio.timeout(SECONDS):
            while not channel._ledger.configuration.state.statutes.policies:
                await channel.pipeline.moved.wait()
        assert not channel._ledger.configuration.state.proposals
        await commit(net, "n2", net.envelope())
        await net.same_state()
    finally:
        await net.stop_all()
