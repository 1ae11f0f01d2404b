"""Flags: two versions side by side until a height, and a node that stops before a rule it does not know."""

from __future__ import annotations

import asyncio

import pytest

from contracts.runtime import values
from node.diagnosis import Answers, diagnose
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
