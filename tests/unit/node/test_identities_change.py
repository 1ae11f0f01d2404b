"""Identities come and go while a channel runs: from the block that says so, on every node, at every door."""

from __future__ import annotations

import asyncio
from typing import Any

from consensus.header import identity_digest, tx_id
from consensus.proof import read_proof_file
from contracts.runtime import values
from node.execution.planner import Delivered
from node.identity.signers import MemorySigner
from node.model import StoredBlock
from node.ordering.admission import Admitted
from node.proofs.reading import verify_proof
from tests.oracle.evidence import verify_file
from tests.unit.node.network import SECONDS, SUITE, Cluster, cluster
from tests.unit.node.test_reconfiguration import commit, configure, count

NO_CERTIFICATE = {"certificate": "", "serial": ""}


def digest_of(signer: MemorySigner) -> str:
    return identity_digest(SUITE.hash, SUITE.id, signer.public_key).hex()


async def enrol(net: Cluster, name: str, **more: Any) -> MemorySigner:
    signer = MemorySigner(SUITE.generate_key())
    args = {"member_id": "m-alice", "roles": ["clerk"], "public_key": signer.public_key} | more
    receipt = await configure(net, "n1", "add_identity", name=name, **args, **NO_CERTIFICATE)
    assert values.decode(receipt.result)["in_force"], receipt
    net.keys.users[name] = signer
    return signer


async def test_a_revoked_identity_is_refused_at_every_door_and_its_past_stays(tmp_path):
    async with cluster(tmp_path, 4) as net:
        await count(net)
        carol = await enrol(net, "carol")
        sent = net.envelope("carol")
        assert (await commit(net, "n2", sent)).outcome == "ok"
        before = net.envelope("carol")
        (held,) = await net.nodes["n0"].channel.pipeline._admission.admit([before], None)
        assert isinstance(held, Admitted)
        await configure(net, "n0", "revoke_identity", identity=digest_of(carol))
        root = await net.same_state()
        for node in net.nodes.values():
            (outcome,) = await node.channel.submit([net.envelope("carol")])
            assert outcome.error is not None and outcome.error.code == "CITY-3031"
        # A quorum of liars could have ordered it: however the block came, the receipt says the same.
        channel = net.nodes["n0"].channel
        planner = channel.pipeline.executor._planner
        header = channel._ledger.tip
        known = planner.open_known(Delivered(header, (held,)))
        read = planner.open(StoredBlock(header, (before,), None))
        assert known == read == [(held.tx_id, "TX_SENDER_UNKNOWN", before.size_bytes)]
        assert await net.same_state() == root
        await count(net)
        found = await channel.transaction(tx_id(SUITE.hash, SUITE.id, sent.body))
        assert found is not None and found.receipt is not None and found.receipt.outcome == "ok"


async def test_a_proof_leads_through_a_change_that_left_the_validators_alone(tmp_path):
    async with cluster(tmp_path, 4) as net:
        await count(net)
        await enrol(net, "carol")
        await enrol(net, "dave")
        envelope = net.envelope("dave")
        await commit(net, "n0", envelope)
        await configure(net, "n0", "remove_validator", name="n3")
        later = net.envelope("carol")
        await commit(net, "n0", later)
        channel = net.nodes["n1"].channel
        async with asyncio.timeout(SECONDS):
            proofs = [await channel.transaction_proof(net.id(each)) for each in (envelope, later)]
        for data, epochs in zip(proofs, ([0], [0, 1]), strict=True):
            changes = read_proof_file(data).changes
            assert [change.validators.epoch for change in changes] == epochs
            shown = verify_proof(data, channel.channel_id)
            assert (shown["outcome"], shown["epoch"]) == ("ok", epochs[-1])
            verify_file(data, channel.channel_id, lambda *said: None)


async def test_a_new_key_of_the_same_person_is_good_at_once_and_the_old_one_is_not(tmp_path):
    async with cluster(tmp_path, 4) as net:
        old = net.keys.users["bob"]
        new = MemorySigner(SUITE.generate_key())
        args = {"identity": digest_of(old), "public_key": new.public_key} | NO_CERTIFICATE
        receipt = await configure(net, "n0", "replace_identity_key", user="bob", **args)
        assert receipt.outcome == "ok", receipt
        (outcome,) = await net.nodes["n3"].channel.submit([net.envelope("bob")])
        assert outcome.error is not None and outcome.error.code == "CITY-3031"
        net.keys.users["bob"] = new
        assert (await commit(net, "n3", net.envelope("bob"))).outcome == "ok"
        await net.same_state()
