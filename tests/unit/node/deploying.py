"""A channel whose four validators belong to four members, and what they send to change its contracts."""

from __future__ import annotations

import asyncio
import contextlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from contracts.runtime import values
from contracts.runtime.api import Bundle
from node.genesis import channel_id
from node.identity.signers import MemorySigner
from node.model import Envelope, Receipt
from tests.unit.node.network import COUNTER, SECONDS, SUITE, Cluster, Node, make_genesis

OWNERS = ("alice", "bob", "carol", "dave")
CLAUSE = "ab" * 32

SECOND = COUNTER.replace(
    "@view",
    """def migrate():
    counts["a"] = counts["a"] * 100
    counted(name="a", total=counts["a"])


@view""",
)
FAILING = COUNTER.replace(
    "@view",
    """def migrate():
    counts["a"] = 0
    require(False, "E_LEFT_OVER", "something is open")


@view""",
)
EXAMPLES = json.dumps(
    [
        {"method": "add", "args": {"name": "a", "by": 2}},
        {"method": "add", "args": {"name": "a", "by": 0}},
        {"method": "read", "args": {"name": "a"}},
    ]
)


def owned_by_four(n: int = 4, **consensus: Any) -> tuple[Any, Any]:
    """Genesis and keys: validator i belongs to the member of owner i; erin is a member that owns none."""
    genesis, keys = make_genesis(n, (*OWNERS, "erin"), **consensus)
    identities = [MemorySigner(SUITE.generate_key()) for _ in range(n)]
    nodes = tuple(
        replace(node, member_id=f"m-{owner}", identity_key=signer.public_key)
        for node, owner, signer in zip(genesis.config.nodes, OWNERS, identities, strict=True)
    )
    return replace(genesis, config=replace(genesis.config, nodes=nodes)), (keys, identities)


class Deploying(Cluster):
    """A cluster of four owners."""

    def __init__(self, root: Path, n: int = 4, **consensus: Any) -> None:
        super().__init__(root, n, **consensus)
        self.genesis, (self.keys, self.identities) = owned_by_four(n, **consensus)
        self.channel_id = channel_id(SUITE.hash, self.genesis.config)

    def reporter(self, name: str) -> MemorySigner | None:
        return self.identities[int(name[1:])] if name[1:].isdigit() else None

    def asked(self, method: str, user: str = "alice", **args: Any) -> Envelope:
        """A signed lifecycle transaction."""
        return self.envelope(
            user,
            contract="_contract",
            method=method,
            args=json.dumps(args),
            gas_limit=20_000_000,
        )

    async def commit(self, envelope: Envelope, at: str = "n0") -> Receipt:
        """Its receipt, once every node has applied its block."""
        channel = self.nodes[at].channel
        (outcome,) = await channel.submit([envelope])
        assert outcome.error is None, outcome.error
        async with asyncio.timeout(SECONDS):
            status = await channel.wait(outcome.tx_id, "committed")
            assert status.receipt is not None
            await self.at_height(status.height)
        return status.receipt

    async def ask(self, method: str, user: str = "alice", **args: Any) -> Any:
        """The value of a lifecycle transaction that must be accepted."""
        receipt = await self.commit(self.asked(method, user, **args))
        assert receipt.outcome == "ok", receipt
        return values.decode(receipt.result)

    async def refused(self, method: str, user: str = "alice", **args: Any) -> Receipt:
        """Sends what must be refused; the state is the same on every node, before and behind it."""
        before = await self.settled_state()
        receipt = await self.commit(self.asked(method, user, **args))
        assert receipt.outcome == "revert", receipt
        assert await self.settled_state() == before
        return receipt

    async def settled_state(self) -> str:
        """The one state root of all nodes, once no attestation is on its way."""
        await self.until(lambda: all(self._is_attested(name) for name in self.nodes))
        return await self.same_state()

    def _is_attested(self, node: str) -> bool:
        state = self.nodes[node].channel.pipeline.ledger.contracts.state
        names = {f"n{index}" for index in range(self.n)} & self.nodes.keys()
        return all(
            names <= {a.node for a in stage.attestations}
            for stage in state.stages.values()
            if stage.status in ("proposed", "approved")
        )

    async def idle(self) -> None:
        """Until every node has applied the empty block that settles all before it: nothing moves then."""
        await self.until(lambda: all(self._is_idle(node) for node in self.nodes.values()))

    @staticmethod
    def _is_idle(node: Node) -> bool:
        ledger = node.channel.pipeline.ledger
        return ledger.tip.tx_count == 0 and ledger.applied_height == ledger.tip.height

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not holds():
                await next(iter(self.nodes.values())).channel.pipeline.progress(0.1)

    async def propose(
        self, source: str, version: int = 2, name: str = "counter", user: str = "alice", **more: Any
    ) -> str:
        """Proposes a version; the digest to approve."""
        answer = await self.ask("propose", user, **proposal(source, version, name, **more))
        digest: str = answer["digest"]
        return digest

    async def approved(self, source: str, version: int = 2, name: str = "counter") -> None:
        """Proposed by alice, approved by bob and carol, attested by everybody."""
        digest = await self.propose(source, version, name)
        for user in ("bob", "carol"):
            await self.ask("approve", user, name=name, version=version, digest=digest)
        await self.settled_state()

    def stage(self, name: str = "counter", version: int = 2, at: str = "n0") -> Any:
        return self.nodes[at].channel.pipeline.ledger.contracts.state.stages[name, version]

    async def read(self, version: int = 0, at: str = "n0") -> Any:
        """What the counter says."""
        found = await self.nodes[at].channel.query(
            "counter", version, "read", '{"name": "a"}', None
        )
        assert found.outcome == "ok", found
        return values.decode(found.result)


def proposal(
    source: str | bytes, version: int = 2, name: str = "counter", **more: Any
) -> dict[str, Any]:
    """The arguments of a good proposal, with some changed."""
    data = source if type(source) is bytes else Bundle(name, version, str(source)).encode()
    return {
        "name": name,
        "version": version,
        "bundle": b64encode(data).decode(),
        "notes": "counts",
        "governing_law": "PRC",
        "clause_hash": CLAUSE,
        "operator": "m-alice",
        "licence": "Apache-2.0",
        "examples": EXAMPLES,
    } | more


@contextlib.asynccontextmanager
async def deploying(root: Path, **consensus: Any) -> AsyncIterator[Deploying]:
    made = Deploying(root, **consensus)
    try:
        await made.start_all()
        yield made
    finally:
        await made.stop_all()
