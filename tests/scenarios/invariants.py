"""What must hold in every story, whatever it is about: S1 to S9 of the consensus design, watched from outside.

What counts is what left a node. The quorum is computed from first principles, so that a mistake in the
product cannot move it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from consensus.api import Block
from consensus.certificate import KIND_PBFT, CommitCert
from consensus.encoding import Hash
from consensus.header import Header, block_hash, leaves_root
from consensus.light_client import LightClient
from consensus.pbft.messages import Commit, NewView, Prepare, Proposal, ViewChange
from consensus.validators import validators_hash
from tests.simulation.ghost import SUITE, GhostVerifier, Registry, hash_
from tests.simulation.members import Members


def smallest_safe_quorum(n: int) -> int:
    """The least q for which any two sets of q share more than f members."""
    f = (n - 1) // 3
    return next(q for q in range(1, n + 1) if 2 * q - n > f)


def require(holds: bool, text: str) -> None:
    if not holds:
        raise AssertionError(text)


@dataclass
class Invariants:
    """Of PBFT. Fed by the cluster; raises AssertionError, its text begins with the invariant's name."""

    genesis: Header
    registry: Registry
    window: int
    liars: tuple[int, ...]
    epochs: dict[int, Members]
    kind: str = KIND_PBFT
    chain: dict[int, Hash] = field(default_factory=dict)
    tx_height: dict[Hash, int] = field(default_factory=dict)
    submitted: dict[Hash, None] = field(default_factory=dict)
    roots: dict[int, tuple[Hash, Hash]] = field(default_factory=dict)
    votes: dict[tuple[type, int, int, int, int], Hash] = field(default_factory=dict)
    promises: dict[tuple[int, int], int] = field(default_factory=dict)
    seals: dict[tuple[int, int, int, Hash], set[int]] = field(default_factory=dict)
    certified: dict[int, Hash] = field(default_factory=dict)
    delivered: dict[int, int] = field(default_factory=dict)

    def quorum(self, n: int) -> int:
        return smallest_safe_quorum(n)

    def on_sent(self, sender: int, targets: list[int], message: Any, author: int) -> None:
        """By an honest node to these, before it leaves. author: who signed it, where it is passed on."""
        match message:
            case Proposal(view=view, header=header):
                place = (header.epoch, view, header.height)
                self._on_vote(message, sender, place, block_hash(hash_, header))
            case Prepare(epoch=epoch, view=view, height=height, block_hash=digest):
                self._on_vote(message, sender, (epoch, view, height), digest)
            case Commit(epoch=epoch, view=view, height=height, block_hash=digest):
                self._on_vote(message, sender, (epoch, view, height), digest)
                self.on_seal(sender, height, view, digest, epoch)
            case ViewChange(epoch=epoch, new_view=view) if author == sender:
                held = self.promises.get((epoch, sender), 0)
                self.promises[epoch, sender] = max(view, held)
            case NewView(epoch=epoch, view=view) if author == sender:
                self._not_below_promise(sender, epoch, view)
            case _:
                pass

    def _on_vote(
        self, message: Any, sender: int, place: tuple[int, int, int], digest: Hash
    ) -> None:
        epoch, view, height = place
        self._not_below_promise(sender, epoch, view)
        held = self.votes.setdefault((type(message), sender, *place), digest)
        what = type(message).__name__
        require(held == digest, f"S5 {sender} signed two {what}s in view {view}, height {height}")

    def _not_below_promise(self, sender: int, epoch: int, view: int) -> None:
        promise = self.promises.get((epoch, sender), 0)
        require(view >= promise, f"S7 {sender} speaks in view {view} below its promise {promise}")

    def on_seal(self, sender: int, height: int, view: int, digest: Hash, epoch: int = 0) -> None:
        """S2, over all seals that ever left a node or that a liar could show."""
        signers = self.seals.setdefault((epoch, height, view, digest), set())
        signers.add(sender)
        if len(signers) >= self.quorum(len(self.epochs[epoch].nodes)):
            held = self.certified.setdefault(height, digest)
            require(held == digest, f"S2 two blocks can be certified at height {height}")

    def on_deliver(self, node: int, block: Block, parent: Header, leaves: list[Hash]) -> None:
        header = block.header
        height, digest = header.height, block_hash(hash_, header)
        follows = (parent.height + 1, block_hash(hash_, parent))
        require((height, header.parent_hash) == follows, f"S4 {height} does not follow its parent")
        require(header.timestamp_ms > parent.timestamp_ms, f"S4 time does not rise at {height}")
        root = (header.tx_root, header.tx_count)
        require(root == (leaves_root(hash_, leaves), len(leaves)), f"S4 tx_root of {height}")
        held = self.chain.setdefault(height, digest)
        require(held == digest, f"S1 {node} committed another block at height {height}")
        for tx_id in block.tx_ids:
            require(tx_id in self.submitted, f"S3 a transaction nobody submitted at {height}")
            first = self.tx_height.setdefault(tx_id, height)
            require(first == height, f"S3 a transaction twice, again at height {height}")
        require(len(set(block.tx_ids)) == len(block.tx_ids), "S3 a transaction twice in a block")
        self.delivered[node] = max(height, self.delivered.get(node, 0))

    def on_executed(self, node: int, height: int, roots: tuple[Hash, Hash]) -> None:
        held = self.roots.setdefault(height, roots)
        require(held == roots, f"S8 {node} has other roots after height {height}")

    def on_restart(self, node: int, tip_height: int) -> None:
        delivered = self.delivered.get(node, 0)
        require(tip_height >= delivered, f"S6 {node} lost committed blocks in a crash")

    def at_end(self, blocks: list[tuple[Block, CommitCert]]) -> None:
        """S9 and the roots in the headers, over one node's chain."""
        verifier = GhostVerifier(self.registry)
        sets = [members.validators() for members in self.epochs.values()]
        by_hash = {validators_hash(hash_, SUITE, each): each for each in sets}
        client = LightClient(self.genesis, sets[0], verifier, self.window, self.kind)
        current = self.genesis.validators_hash
        for block, cert in blocks:
            header = block.header
            validators = by_hash[header.validators_hash]
            is_new = header.validators_hash != current
            shown = client.advance(header, cert, validators if is_new else None)
            current = header.validators_hash
            enough = len(cert.seals) >= self.quorum(len(validators))
            require(enough, "S9 a certificate without a safe quorum")
            expected = self.roots.get(shown.height, (shown.state_root, shown.receipts_root))
            found = (shown.state_root, shown.receipts_root)
            require(found == expected, f"S8 header {header.height} shows other roots")
