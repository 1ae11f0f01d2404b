"""The invariants S1 to S11, as consensus.md section 6 names them; S12 is in `punctuality`, L1
and L2 are in `phases`.

What counts is what left a node, not what it signed: a signature that a crash kept at home binds nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from consensus.api import Block, Core
from consensus.certificate import CommitCert
from consensus.encoding import Hash
from consensus.header import Header, block_hash, leaves_root
from consensus.light_client import LightClient
from tests.simulation.disk import ROTATE_BYTES, Disk
from tests.simulation.engine import Engine, Promise, Said, Violation
from tests.simulation.ghost import GhostVerifier, Registry, hash_
from tests.simulation.members import Change, Members

WAL_BYTES_MAX = ROTATE_BYTES * 8


@dataclass
class Checkers:
    """Fed by the world; raises Violation at the event that breaks an invariant.

    `liars` are nodes whose word is not to be kept. Votes and promises are of a node's key, because a
    rotated key begins afresh."""

    engine: Engine
    genesis: Header
    registry: Registry
    window: int
    liars: Mapping[int, object]
    members: dict[int, Members]
    changes: Mapping[Hash, Change]
    chain: dict[int, Hash] = field(default_factory=dict)
    tx_height: dict[Hash, int] = field(default_factory=dict)
    submitted: dict[Hash, None] = field(default_factory=dict)
    roots: dict[int, tuple[Hash, Hash]] = field(default_factory=dict)
    votes: dict[tuple[str, int, int, int, int], Hash] = field(default_factory=dict)
    promises: dict[tuple[int, int], Promise] = field(default_factory=dict)
    forgotten: dict[tuple[int, int], list[Promise]] = field(default_factory=dict)
    seals: dict[tuple[int, int, int, Hash], dict[int, None]] = field(default_factory=dict)
    certified: dict[int, Hash] = field(default_factory=dict)
    delivered: dict[int, int] = field(default_factory=dict)
    leaders: dict[tuple[int, int], int] = field(default_factory=dict)

    # --- what leaves a node

    def on_sent(self, sender: int, message: Any, members: Members) -> None:
        for said in self.engine.votes(message):
            if said.kind == "commit":
                self._on_seal(sender, said)
            if sender not in self.liars:
                self._on_vote(sender, said)
        if sender in self.liars:
            return
        index = members.index_of(sender)
        promised = None if index is None else self.engine.promised(message, index)
        if promised is not None:
            self._on_promise(sender, promised)
        reign = self.engine.leads(message)
        if reign is not None and self.leaders.setdefault(reign, sender) != sender:
            raise Violation(f"S5 nodes {self.leaders[reign]} and {sender} both lead in {reign}")

    def _on_vote(self, sender: int, said: Said) -> None:
        """S5 and S7."""
        held = self._binding(said.epoch, sender, said.height)
        if held is not None and said.view < held.view:
            raise Violation(
                f"S7 node {sender} sent a {said.kind} in view {said.view} < {held.view}"
            )
        place = (said.kind, said.epoch, sender, said.view, said.height)
        if self.votes.setdefault(place, said.block_hash) != said.block_hash:
            raise Violation(
                f"S5 node {sender} sent two {said.kind}s in view {said.view}, height {said.height}"
            )

    def _on_promise(self, sender: int, said: Promise) -> None:
        height = None if said.tip is None else said.tip + 1
        held = self._binding(said.epoch, sender, height)
        if held is not None and said.view < held.view:
            raise Violation(f"S7 node {sender} speaks of view {said.view} below {held.view}")
        self.promises[said.epoch, sender] = said

    def on_loss(self, node: int) -> None:
        """A node has lost the record of what it promised."""
        for place in [place for place in self.promises if place[1] == node]:
            self.forgotten.setdefault(place, []).append(self.promises.pop(place))

    def _binding(self, epoch: int, node: int, height: int | None) -> Promise | None:
        """The promise of the highest view that binds a node at `height`. One that it has forgotten binds it up
        to where R13 voids it: whoever helps to seal a higher block stands so far above the promise's tip, that
        no view entered by it has that vote at this height. Reckoned from what was said, not from the core."""
        void_above = 2 * self.window + 1
        held = [
            each
            for each in self.forgotten.get((epoch, node), ())
            if each.tip is not None and (height is None or height <= each.tip + void_above)
        ]
        kept = self.promises.get((epoch, node))
        return max([kept, *held] if kept else held, key=lambda each: each.view, default=None)

    def _on_seal(self, sender: int, said: Said) -> None:
        """S2, over all seals that ever left a node; every liar is taken to have sealed everything."""
        members = self.members.get(said.epoch)
        if members is None or members.index_of(sender) is None:
            return
        place = (said.epoch, said.height, said.view, said.block_hash)
        signers = self.seals.setdefault(place, {})
        signers[sender] = None
        honest = sum(1 for node in signers if node not in self.liars)
        lying = sum(1 for node in members.nodes if node in self.liars)
        if honest and honest + lying >= self.engine.quorum(len(members.voters)):
            held = self.certified.setdefault(said.height, said.block_hash)
            if held != said.block_hash:
                raise Violation(f"S2 two blocks can be certified at height {said.height}")

    # --- what a node commits and executes

    def on_deliver(self, node: int, block: Block, parent: Header, leaves: list[Hash]) -> None:
        header = block.header
        digest = block_hash(hash_, header)
        if self.chain.setdefault(header.height, digest) != digest:
            raise Violation(f"S1 node {node} committed another block at height {header.height}")
        self._check_chain(header, parent, leaves)
        for tx_id in block.tx_ids:
            if tx_id not in self.submitted:
                raise Violation(f"S3 a transaction nobody submitted at height {header.height}")
            if self.tx_height.setdefault(tx_id, header.height) != header.height:
                raise Violation(f"S3 a transaction twice, again at height {header.height}")
            if tx_id in self.changes and len(block.tx_ids) != 1:
                raise Violation(f"R11 a configuration among others at height {header.height}")
        if len(set(block.tx_ids)) != len(block.tx_ids):
            raise Violation("S3 a transaction twice in one block")
        self.delivered[node] = max(header.height, self.delivered.get(node, 0))

    def _check_chain(self, header: Header, parent: Header, leaves: list[Hash]) -> None:
        if header.height != parent.height + 1 or header.parent_hash != block_hash(hash_, parent):
            raise Violation(f"S4 height {header.height} does not follow its parent")
        if header.timestamp_ms <= parent.timestamp_ms:
            raise Violation(f"S4 time does not rise at height {header.height}")
        if header.tx_root != leaves_root(hash_, leaves) or header.tx_count != len(leaves):
            raise Violation(f"S4 tx_root of height {header.height}")

    def on_executed(self, node: int, height: int, roots: tuple[Hash, Hash]) -> None:
        if self.roots.setdefault(height, roots) != roots:
            raise Violation(f"S8 node {node} has other roots after height {height}")

    def on_config(self, members: Members) -> None:
        """S8 of the configuration: one set an epoch."""
        held = self.members.setdefault(members.epoch, members)
        if held.voters != members.voters:
            raise Violation(f"S8 two validator sets in epoch {members.epoch}")

    def on_restart(self, node: int, disk: Disk) -> None:
        tip = disk.tip.height
        if disk.is_restored:
            self.delivered[node] = tip
            disk.is_restored = False
        if tip < self.delivered.get(node, 0):
            raise Violation(f"S6 node {node} lost committed blocks in a crash")

    def on_core(self, node: int, core: Core, disk: Disk) -> None:
        """S11: what peers can make a core remember is bounded, whatever they send."""
        for name, (size, most) in self.engine.sizes(core).items():
            if size > most:
                raise Violation(f"S11 node {node} holds {size} {name}, more than {most}")
        if len(disk.wal.synced) > WAL_BYTES_MAX:
            raise Violation(f"S11 node {node} has a WAL of {len(disk.wal.synced)} bytes")

    # --- at the end

    def at_end(self, blocks: list[tuple[Block, CommitCert]]) -> None:
        """S9 and the roots in the headers, over one node's whole chain and every change of the set."""
        members = self.members[0]
        verifier = GhostVerifier(self.registry)
        client = LightClient(
            self.genesis, members.validators(), verifier, self.window, self.engine.kind
        )
        for block, cert in blocks:
            header = block.header
            following = None
            if header.epoch != members.epoch:
                members = self.members[header.epoch]
                following = members.validators()
            try:
                shown = client.advance(header, cert, following)
            except ValueError as error:
                raise Violation(f"S9 refused height {header.height}: {error}") from error
            if len(cert.seals) < self.engine.quorum(len(members.voters)):
                raise Violation("S9 a certificate without a safe quorum")
            expected = self.roots.get(shown.height)
            if expected and (shown.state_root, shown.receipts_root) != expected:
                raise Violation(f"S8 header {header.height} shows other roots")
        if client.height != len(blocks):
            raise Violation("S9 the light client stopped before the chain's end")
