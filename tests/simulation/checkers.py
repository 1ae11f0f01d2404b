"""The invariants S1 to S9 and S11, as consensus.md section 6 names them.

What counts is what left a node, not what it signed: a signature that a crash kept at home binds nobody.
The quorum is computed here from first principles, so that a mutant in the product cannot move it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from consensus.api import Block, Core
from consensus.certificate import KIND_PBFT, CommitCert
from consensus.encoding import Hash
from consensus.header import Header, block_hash, leaves_root
from consensus.light_client import LightClient
from consensus.pbft.messages import (
    Commit,
    Message,
    NewView,
    Prepare,
    Proposal,
    ViewChange,
)
from consensus.validators import ValidatorSet
from tests.simulation.ghost import GhostVerifier, Registry, hash_


class Violation(AssertionError):
    """An invariant does not hold; the text begins with its name."""


def smallest_safe_quorum(n: int) -> int:
    """The least q for which any two sets of q share more than f members."""
    f = (n - 1) // 3
    return next(q for q in range(1, n + 1) if 2 * q - n > f)


@dataclass
class Checkers:
    """Fed by the world; raises Violation at the event that breaks an invariant."""

    validators: ValidatorSet
    genesis: Header
    registry: Registry
    window: int
    byzantine: tuple[int, ...] = ()
    chain: dict[int, Hash] = field(default_factory=dict)
    tx_height: dict[Hash, int] = field(default_factory=dict)
    submitted: dict[Hash, None] = field(default_factory=dict)
    roots: dict[int, tuple[Hash, Hash]] = field(default_factory=dict)
    votes: dict[tuple[str, int, int, int], Hash] = field(default_factory=dict)
    promises: dict[int, int] = field(default_factory=dict)
    seals: dict[tuple[int, int, Hash], dict[int, None]] = field(default_factory=dict)
    certified: dict[int, Hash] = field(default_factory=dict)
    delivered: dict[int, int] = field(default_factory=dict)

    # --- what leaves a node

    def on_sent(self, sender: int, message: Message) -> None:
        match message:
            case Proposal():
                digest = block_hash(hash_, message.header)
                self._on_vote("proposal", sender, message.view, message.header.height, digest)
            case Prepare():
                self._on_vote("prepare", sender, message.view, message.height, message.block_hash)
            case Commit():
                place = (message.height, message.view, message.block_hash)
                self.on_seal(sender, *place)
                self._on_vote("commit", sender, message.view, message.height, message.block_hash)
            case ViewChange() if message.sender == sender and sender not in self.byzantine:
                self._on_promise(sender, message.new_view)
            case NewView() if message.sender == sender and sender not in self.byzantine:
                self._not_below_promise(sender, message.view, "NewView")
            case _:
                pass

    def _on_vote(self, kind: str, sender: int, view: int, height: int, digest: Hash) -> None:
        if sender in self.byzantine:
            return
        self._not_below_promise(sender, view, kind)
        held = self.votes.setdefault((kind, sender, view, height), digest)
        if held != digest:
            raise Violation(f"S5 node {sender} signed two {kind}s in view {view}, height {height}")

    def _on_promise(self, sender: int, view: int) -> None:
        self.promises[sender] = max(view, self.promises.get(sender, 0))

    def _not_below_promise(self, sender: int, view: int, kind: str) -> None:
        if view < self.promises.get(sender, 0):
            raise Violation(
                f"S7 node {sender} sent a {kind} in view {view} below {self.promises[sender]}"
            )

    def on_seal(self, sender: int, height: int, view: int, digest: Hash) -> None:
        """S2, over all seals that ever left a node or that a liar could show."""
        signers = self.seals.setdefault((height, view, digest), {})
        signers[sender] = None
        if len(signers) >= smallest_safe_quorum(len(self.validators)):
            held = self.certified.setdefault(height, digest)
            if held != digest:
                raise Violation(f"S2 two blocks can be certified at height {height}")

    # --- what a node commits and executes

    def on_deliver(self, node: int, block: Block, parent: Header, leaves: list[Hash]) -> None:
        header = block.header
        digest = block_hash(hash_, header)
        self._check_chain(header, parent, leaves)
        if self.chain.setdefault(header.height, digest) != digest:
            raise Violation(f"S1 node {node} committed another block at height {header.height}")
        for tx_id in block.tx_ids:
            if tx_id not in self.submitted:
                raise Violation(f"S3 a transaction nobody submitted at height {header.height}")
            if self.tx_height.setdefault(tx_id, header.height) != header.height:
                raise Violation(f"S3 a transaction twice, again at height {header.height}")
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

    def on_restart(self, node: int, tip_height: int) -> None:
        if tip_height < self.delivered.get(node, 0):
            raise Violation(f"S6 node {node} lost committed blocks in a crash")

    def on_core(self, node: int, core: Core) -> None:
        """S11: what peers can make a core remember is bounded, whatever they send."""
        state = getattr(core, "_state", None)
        if state is None:
            return
        n, horizon = len(self.validators), state.config.horizon
        sizes = {
            "slots": (len(state.slots), horizon),
            "seals": (len(state.seals), horizon),
            "prepared": (len(state.prepared), self.window),
            "view changes": (len(state.view_changes), n),
            "blocks": (sum(1 for _ in state.blocks), 3 * n * horizon),
            "early messages": (len(core._lookahead), 2 * (self.window + 1) * n),  # type: ignore[attr-defined]
        }
        for name, (size, most) in sizes.items():
            if size > most:
                raise Violation(f"S11 node {node} holds {size} {name}, more than {most}")

    # --- at the end

    def at_end(self, blocks: list[tuple[Block, CommitCert]]) -> None:
        """S9 and the roots in the headers, over one node's whole chain."""
        client = LightClient(
            self.genesis, self.validators, GhostVerifier(self.registry), self.window, KIND_PBFT
        )
        for block, cert in blocks:
            try:
                shown = client.advance(block.header, cert)
            except ValueError as error:
                raise Violation(f"S9 refused height {block.header.height}: {error}") from error
            if len(cert.seals) < smallest_safe_quorum(len(self.validators)):
                raise Violation("S9 a certificate without a safe quorum")
            expected = self.roots.get(shown.height)
            if expected and (shown.state_root, shown.receipts_root) != expected:
                raise Violation(f"S8 header {block.header.height} shows other roots")
        if client.height != len(blocks):
            raise Violation("S9 the light client stopped before the chain's end")
