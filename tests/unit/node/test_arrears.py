"""Who lets an invoice go unpaid deploys nothing, and gets no new channels; everything else goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.encoding import Hash
from contracts.runtime.api import Bundle
from node.errors import CityError
from node.genesis import BundleSource, ContractEntry, channel_id
from node.hosting.taking_part import refuse_indebted
from tests.unit.node.deploying import SECOND, Deploying, proposal
from tests.unit.node.network import SUITE

# What the suite's contract keeps for the ledger, without what leads to it.
BILLING = """
from sdk import Map, export

arrears = Map("arrears", 0)


@export
def owe(member: str, due_ms: int):
    arrears[member] = due_ms


@export
def paid(member: str):
    arrears.delete(member)


@export
def confuse(member: str):
    arrears[member] = "much"
"""


class Billed(Deploying):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        entry = ContractEntry("billing", 1, Hash(bytes(32)))
        source = BundleSource("billing", 1, Bundle("billing", 1, BILLING).encode())
        config = self.genesis.config
        self.genesis = replace(
            self.genesis,
            config=replace(config, contracts=(entry, *config.contracts)),
            bundles=(source, *self.genesis.bundles),
        )
        self.channel_id = channel_id(SUITE.hash, self.genesis.config)

    async def tell(self, method: str, **args: object) -> None:
        envelope = self.envelope("bob", contract="billing", method=method, args=json.dumps(args))
        receipt = await self.commit(envelope)
        assert receipt.outcome == "ok", receipt


@asynccontextmanager
async def billed(root: Path) -> AsyncIterator[Billed]:
    made = Billed(root)
    try:
        await made.start_all()
        yield made
    finally:
        await made.stop_all()


async def test_an_overdue_invoice_suspends_deploys_and_its_payment_lifts_that(
    tmp_path: Path,
) -> None:
    async with billed(tmp_path) as net:
        contracts = net.nodes["n0"].channel.pipeline.ledger.contracts
        await net.tell("owe", member="m-alice", due_ms=2**50)
        digest = await net.propose(SECOND)  # it is not overdue yet
        await net.tell("owe", member="m-alice", due_ms=1)
        assert contracts.is_in_arrears("m-alice") and not contracts.is_in_arrears("m-bob")
        refused = await net.refused("propose", **proposal(SECOND, name="other", version=1))
        assert refused.code == "DEPLOYS_SUSPENDED"
        with pytest.raises(CityError, match="CITY-8079"):
            refuse_indebted(contracts, net.genesis)

        # What others deploy goes on, with the debtor's word where it counts; so do calls and reads.
        for user in ("bob", "carol"):
            await net.ask("approve", user, name="counter", version=2, digest=digest)
        await net.settled_state()
        refused = await net.refused("activate", name="counter", version=2, height=0)
        assert refused.code == "DEPLOYS_SUSPENDED"
        await net.commit(net.envelope("alice"))
        assert await net.read() == 1
        await net.ask("activate", "bob", name="counter", version=2, height=0)

        await net.tell("paid", member="m-alice")
        await net.propose(SECOND, name="other", version=1)
        refuse_indebted(contracts, net.genesis)

        # While nobody can settle, nobody is held to have to; once it runs again, the debt counts again.
        await net.tell("owe", member="m-alice", due_ms=1)
        assert contracts.is_in_arrears("m-alice")
        await net.ask("pause", "bob", name="billing")
        assert not contracts.is_in_arrears("m-alice")
        await net.propose(SECOND, name="third", version=1)
        refuse_indebted(contracts, net.genesis)
        for user in ("bob", "carol", "dave"):
            await net.ask("resume", user, name="billing")
        assert contracts.is_in_arrears("m-alice")
        refused = await net.refused("propose", **proposal(SECOND, name="fourth", version=1))
        assert refused.code == "DEPLOYS_SUSPENDED"

        # A contract of that name that keeps something else there suspends nobody.
        await net.tell("confuse", member="m-alice")
        assert not contracts.is_in_arrears("m-alice")
        async with asyncio.timeout(60):
            await net.same_state()
