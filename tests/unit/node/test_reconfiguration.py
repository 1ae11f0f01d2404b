"""Validators come, go and change their keys while channels run, in one process."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from typing import Any

import pytest

from consensus.api import Accuse, Signer
from consensus.header import leaves_root
from consensus.proof import read_proof_file
from consensus.validators import ValidatorSet
from contracts.runtime import values
from node.errors import CityError
from node.genesis import Identity
from node.governance.state import CHANNEL_KEY
from node.identity.signers import MemorySigner
from node.model import Envelope, Receipt
from node.proofs.reading import verify_proof
from tests.unit.node.evidence import evidence_of
from tests.unit.node.network import PATIENT_MS, SECONDS, SUITE, Cluster, cluster
from tests.unit.node.waiting import have_epoch, have_roles, voting

SHORTEST_MS = 15


class Votes:
    """A node's vote keys in memory: the one that the set names is used."""

    def __init__(self, *signers: MemorySigner) -> None:
        self.signers = list(signers)

    def __call__(self, validators: ValidatorSet) -> Signer | None:
        held = [s for s in self.signers if validators.index_of(s.public_key) is not None]
        return held[0] if held else None  # type: ignore[return-value]


def config_envelope(net: Cluster, method: str, user: str = "alice", **args: Any) -> Envelope:
    given = {k: b64encode(v).decode() if type(v) is bytes else v for k, v in args.items()}
    return net.envelope(user, contract="_config", method=method, args=json.dumps(given))


async def configure(
    net: Cluster, at: str, method: str, user: str = "alice", **args: Any
) -> Receipt:
    return await commit(net, at, config_envelope(net, method, user, **args))


async def commit(net: Cluster, at: str, envelope: Envelope) -> Receipt:
    channel = net.nodes[at].channel
    (outcome,) = await channel.submit([envelope])
    assert outcome.error is None, outcome.error
    try:
        async with asyncio.timeout(SECONDS):
            status = await channel.wait(outcome.tx_id, "committed")
            assert status.receipt is not None
            await net.at_height(status.height)
    except TimeoutError:
        cores = {n: node.channel.pipeline.seat.core.status() for n, node in net.nodes.items()}
        raise AssertionError(f"it stands still: {cores}") from None
    return status.receipt


async def count(net: Cluster, at: str = "n0") -> None:
    assert (await commit(net, at, net.envelope())).outcome == "ok"


async def test_a_removed_validator_observes_and_the_others_go_on(tmp_path):
    async with cluster(tmp_path, 4) as net:
        await count(net)
        receipt = await configure(net, "n1", "remove_validator", name="n3")
        assert (receipt.outcome, values.decode(receipt.result)["in_force"]) == ("ok", True)
        await count(net)
        await have_epoch(net, 1)
        await have_roles(net, *["validator"] * 3, "observer")
        await net.same_state()


async def test_the_leader_is_removed(tmp_path):
    async with cluster(tmp_path, 4, base_timeout_ms=PATIENT_MS) as net:
        await count(net)
        assert net.nodes["n1"].channel.status()["leader"] == "n0"
        await configure(net, "n1", "remove_validator", name="n0")
        await count(net, "n1")
        await have_epoch(net, 1)
        await have_roles(net, "observer", *["validator"] * 3)
        await net.same_state()


async def test_whoever_sees_a_height_sees_the_configuration_that_its_block_brought(tmp_path):
    async with cluster(tmp_path, 4) as net:
        ledger, executor = (
            net.nodes["n1"].channel._ledger,
            net.nodes["n1"].channel.pipeline.executor,
        )
        in_thread, seen = executor._in_thread, []

        async def watched(*work: Any) -> Any:
            done = await in_thread(*work)
            seen.append((ledger.applied_height, ledger.configuration.state.epoch))
            return done

        executor._in_thread = watched
        await configure(net, "n0", "remove_validator", name="n3")
        await count(net)
        changed_at = ledger.configuration.state.record.base_height
        assert {height for height, _ in seen} >= {changed_at - 1, changed_at}
        assert all(epoch == (height >= changed_at) for height, epoch in seen), (seen, changed_at)


async def test_a_key_is_replaced_while_views_change_all_the_time(tmp_path):
    """What is lost between two seats, or two views, is said again: with time-outs that no block meets at
    first, views run on, before the config block, over it and behind it, and it always comes to an end."""
    new = MemorySigner(SUITE.generate_key())
    net = Cluster(tmp_path, 4, base_timeout_ms=SHORTEST_MS)
    try:
        for n in range(4):
            await net.start(f"n{n}", votes=Votes(net.keys.votes[n], new) if n == 2 else None)
        await count(net)
        receipt = await configure(net, "n0", "replace_key", name="n2", vote_key=new.public_key)
        assert receipt.outcome == "ok"
        await voting(net, "n2")
        for _ in range(3):
            await count(net)
        await net.same_state()
        assert {node.channel.status()["epoch"] for node in net.nodes.values()} == {1}
    finally:
        await net.stop_all()


async def test_a_key_is_replaced_and_the_validator_votes_with_the_new_one(tmp_path):
    net = Cluster(tmp_path, 4)
    new = MemorySigner(SUITE.generate_key())
    try:
        for n in range(4):
            keys = Votes(net.keys.votes[n], new) if n == 2 else None
            await net.start(f"n{n}", votes=keys)
        await count(net)
        receipt = await configure(net, "n0", "replace_key", name="n2", vote_key=new.public_key)
        assert receipt.outcome == "ok", receipt
        await voting(net, "n2")
        await net.stop("n3")  # now every one of the others is needed
        await count(net)
        await have_epoch(net, 1)
    finally:
        await net.stop_all()


async def test_an_observer_becomes_the_fifth_validator(tmp_path):
    async with cluster(tmp_path, 4) as net:
        vote, identity = (MemorySigner(SUITE.generate_key()) for _ in range(2))
        await net.start("watcher", votes=Votes(vote))
        await count(net)
        receipt = await configure(
            net,
            "n0",
            "add_validator",
            name="watcher",
            city="Here",
            member_id="m-bob",
            identity_key=identity.public_key,
            vote_key=vote.public_key,
            transport_cert=b"certificate",
        )
        assert receipt.outcome == "ok", receipt
        await have_epoch(net, 1)
        assert net.nodes["watcher"].channel.status()["validators"] == 5
        await voting(net, "watcher")
        await net.stop("n3")  # four of five are a quorum only with the new one
        await count(net)
        await net.same_state()


async def test_a_refusal_is_ordered_alone_and_changes_nothing(tmp_path):
    async with cluster(tmp_path, 4) as net:
        await count(net)
        before = await net.same_state()
        receipt = await configure(net, "n0", "remove_validator", name="nobody")
        assert (receipt.outcome, receipt.code) == ("revert", "E_UNKNOWN_NODE")
        assert await net.same_state() == before
        await have_epoch(net, 0)
        await count(net)


async def test_what_can_never_be_accepted_takes_no_block(tmp_path):
    async with cluster(tmp_path, 1) as net:
        await count(net)
        await net.at_height(2)  # the block that settles it
        node = net.nodes["n0"]
        height = node.height
        nothing = config_envelope(net, "report_evidence", evidence=b"nothing")
        (outcome,) = await node.channel.submit([nothing])
        assert outcome.error is not None and outcome.error.code == "CITY-3030"
        assert node.height == height


async def test_config_transactions_and_others_are_ordered_side_by_side(tmp_path):
    async with cluster(tmp_path, 4, window=4) as net:
        await count(net)
        channel = net.nodes["n0"].channel
        plain = [net.envelope() for _ in range(30)]
        configs = [config_envelope(net, "approve", proposal=f"p-{n}") for n in range(3)]
        await channel.submit(plain[:15] + configs[:2] + plain[15:] + configs[2:])
        async with asyncio.timeout(SECONDS):
            for envelope in (*plain, *configs):
                status = await channel.wait(net.id(envelope), "committed")
                if envelope in configs:
                    block = await channel.block(status.height)
                    assert block is not None and len(block.envelopes) == 1
                    assert status.receipt is not None
                    assert status.receipt.code == "E_UNKNOWN_PROPOSAL"
        await net.same_state()


async def test_a_node_that_slept_through_two_epochs_catches_up(tmp_path):
    async with cluster(tmp_path, 5) as net:
        await count(net)
        await net.stop("n4")
        for name in ("n3", "n2"):
            assert (await configure(net, "n0", "remove_validator", name=name)).outcome == "ok"
            await count(net)
        await net.start("n4")
        height = net.nodes["n0"].height
        async with asyncio.timeout(SECONDS):
            await net.at_height(height)
        await have_epoch(net, 2)
        await net.same_state()
        await count(net)


async def test_all_start_again_in_a_later_epoch(tmp_path):
    net = Cluster(tmp_path, 4)
    try:
        await net.start_all()
        await configure(net, "n0", "remove_validator", name="n3")
        await count(net)
        await net.stop_all()
        await net.start_all()
        await count(net)
        await have_epoch(net, 1)
        await have_roles(net, *["validator"] * 3, "observer")
        await net.same_state()
    finally:
        await net.stop_all()


async def test_a_node_that_executes_nothing_follows_the_validators(tmp_path):
    async with cluster(tmp_path, 4) as net:
        follower = await net.start("watcher", is_executing=False)
        await count_at(net, ["n0", "n1", "n2", "n3"])
        names = ["n0", "n1", "n2", "n3"]
        channel = net.nodes["n0"].channel
        envelope = config_envelope(net, "remove_validator", name="n3")
        await channel.submit([envelope])
        async with asyncio.timeout(SECONDS):
            await channel.wait(net.id(envelope), "committed")
            await count_at(net, names)
            height = net.nodes["n0"].height
            while follower.height < height:
                await follower.channel.pipeline.moved.wait()
            await have_epoch(net, 1)


async def count_at(net: Cluster, names: list[str]) -> None:
    channel = net.nodes[names[0]].channel
    envelope = net.envelope()
    await channel.submit([envelope])
    status = await channel.wait(net.id(envelope), "committed")
    await net.at_height(status.height, *names)


async def test_proofs_of_a_later_epoch_lead_there_from_genesis(tmp_path):
    async with cluster(tmp_path, 4) as net:
        await configure(net, "n0", "remove_validator", name="n3")
        await configure(net, "n0", "remove_validator", name="n2")
        envelope = net.envelope()
        await commit(net, "n0", envelope)
        channel = net.nodes["n1"].channel
        async with asyncio.timeout(SECONDS):
            data = await channel.transaction_proof(net.id(envelope))
            state = await channel.state_proof(CHANNEL_KEY)
        assert len(read_proof_file(data).changes) == 2
        shown = verify_proof(data, channel.channel_id)
        assert (shown["epoch"], shown["validators"], shown["outcome"]) == (2, 2, "ok")
        assert verify_proof(state, channel.channel_id)["present"]


async def test_who_took_part_is_proven_at_a_height_and_at_a_moment(tmp_path):
    async with cluster(tmp_path, 4) as net:
        await commit(net, "n0", net.envelope())
        await configure(net, "n0", "remove_validator", name="n3")
        await commit(net, "n0", net.envelope())
        channel = net.nodes["n1"].channel
        (changed,) = channel._ledger.blocks.config_heights(0)
        at = channel._ledger.blocks.header

        async def shown(**asked: Any) -> dict[str, Any]:
            async with asyncio.timeout(SECONDS):
                data = await channel.membership_proof("validator", "n3", **asked)
            return verify_proof(data, channel.channel_id)

        assert (await shown())["in_force"] is False
        assert (await shown(height=changed))["in_force"] is True
        assert (await shown(height=changed + 1))["in_force"] is False
        moment = at(changed).timestamp_ms
        gone = await shown(time_ms=moment)
        assert (gone["in_force"], gone["height"], gone["epoch"]) == (False, changed + 1, 1)
        assert (await shown(time_ms=moment - 1))["in_force"] is True
        assert (await shown(time_ms=at(1).timestamp_ms))["in_force"] is True
        tip = channel._ledger.tip
        for asked, code in (
            ({"height": tip.height + 1_000}, "CITY-1008"),
            ({"time_ms": at(1).timestamp_ms - 1}, "CITY-1020"),
            ({"time_ms": tip.timestamp_ms + 10_000_000}, "CITY-1020"),
            ({"time_ms": moment, "height": 1}, "CITY-1002"),
        ):
            with pytest.raises(CityError, match=code):
                await shown(**asked)
        with pytest.raises(CityError, match="CITY-1002"):
            await channel.membership_proof("guest", "n3")


async def test_two_who_saw_a_liar_convict_its_key_once(tmp_path):
    async with cluster(tmp_path, 4) as net:
        await count(net)
        data = evidence_of(net.keys.votes[3], 0, channel_id=net.channel_id)
        for name in ("n0", "n1"):
            net.nodes[name].channel.pipeline.accuse(Accuse(data))
        channel = net.nodes["n2"].channel
        async with asyncio.timeout(SECONDS):
            while not channel._ledger.configuration.state.evidence:
                await channel.pipeline.moved.wait()
        (accepted,) = channel._ledger.configuration.state.evidence
        assert (accepted.name, accepted.evidence) == ("n3", data)
        block = await channel.block(accepted.height)
        assert block is not None
        assert block.header.evidence_root == leaves_root(SUITE.hash, [accepted.digest])
        await net.at_height(accepted.height)
        await net.same_state()


async def test_views_and_dry_runs_of_the_configuration_need_no_block(tmp_path):
    async with cluster(tmp_path, 1) as net:
        await count(net)
        await net.at_height(2)  # the block that settles it
        channel = net.nodes["n0"].channel
        alice: Identity = channel.config.identities[0]
        shown = await channel.query("_config", 1, "show", "{}", alice)
        assert values.decode(shown.result)["engine"] == "pbft"
        tried = await channel.query("_config", 1, "remove_validator", '{"name": "n0"}', alice)
        assert (tried.outcome, tried.code) == ("revert", "E_LAST_VALIDATOR")
        assert net.nodes["n0"].height == shown.height
