"""`World(seed)`: a cluster of real cores in virtual time, faults drawn from the seed, checkers watching.

One heap of (time, tie, event); `tie` is drawn, so events of one instant are explored in different orders.
Two phases: faults as drawn, then healing, after which every submitted transaction must commit and all
that live must reach one settled tip (L1; with only a quorum left alive it is L2).
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections.abc import Callable
from typing import Any

from consensus.api import Core, TxRef
from consensus.encoding import ZERO_HASH, Hash, decode
from consensus.header import Header, block_hash, leaves_root
from consensus.pbft.evidence import Evidence
from consensus.pbft.messages import Commit, Message, NewView, Proposal, ViewChange, decode_message
from consensus.validators import validators_hash
from tests.simulation.byzantine import Equivocator
from tests.simulation.checkers import Checkers, Violation, smallest_safe_quorum
from tests.simulation.disk import Disk
from tests.simulation.engines import ENGINES, SharedRules
from tests.simulation.ghost import SUITE, Registry, hash_, validator_set
from tests.simulation.network import Network
from tests.simulation.node import START_MS, SimNode
from tests.simulation.shape import Shape, draw_shape, stream

HEAL_LIMIT_MS = 400_000
EVENTS_MAX = 400_000
CHANNEL = Hash(hash_(b"channel"))


def genesis_header(n: int) -> Header:
    digest = validators_hash(hash_, SUITE, validator_set(n))
    empty = leaves_root(hash_, ())
    return Header(
        version=1,
        suite=SUITE,
        channel_id=CHANNEL,
        epoch=0,
        height=0,
        parent_hash=ZERO_HASH,
        proposer=ZERO_HASH,
        tx_root=empty,
        tx_count=0,
        state_root=Hash(hash_(b"genesis state")),
        receipts_root=empty,
        timestamp_ms=START_MS - 10_000,
        validators_hash=digest,
        next_validators_hash=digest,
        config_hash=Hash(hash_(b"config")),
        evidence_root=empty,
    )


class World:
    """Deterministic: the same seed gives the same trace, whatever PYTHONHASHSEED says."""

    def __init__(
        self,
        seed: int,
        engine: str = "pbft",
        shape: Shape | None = None,
        is_lying_disk: bool = False,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.seed = seed
        self.shape = shape or draw_shape(seed)
        self.now = 0.0
        self.trace_hash = hashlib.sha256()
        self.events = 0
        self._log = log
        self._queue: list[tuple[float, float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._tie = stream(seed, "tie")
        self._ops = stream(seed, "ops")
        self._exec = stream(seed, "exec")
        self._crash = stream(seed, "crash")
        self._peers = stream(seed, "peers")
        self.disk_rng = stream(seed, "disk")
        self.network = Network(seed, self.shape)
        self.registry = Registry()
        self.validators = validator_set(self.shape.n)
        self.genesis = genesis_header(self.shape.n)
        self.genesis_hash = block_hash(hash_, self.genesis)
        self.checkers = Checkers(
            self.validators,
            self.genesis,
            self.registry,
            self.shape.window,
            self.shape.equivocators,
        )
        self._engine = ENGINES[engine]
        self.shared_rules = SharedRules(self)
        self._decoded: dict[bytes, Message] = {}
        self._is_healed = False
        self._dead: dict[int, None] = {}
        self.txs: list[TxRef] = []
        genesis_roots = (self.genesis.state_root, self.genesis.receipts_root)
        self.nodes = [
            SimNode(self, i, Disk(self.genesis, genesis_roots, is_lying_disk))
            for i in range(self.shape.n)
        ]
        self.equivocators = {
            i: Equivocator(self, i, stream(seed, f"byzantine/{i}")) for i in self.shape.equivocators
        }

    # --- time

    def after(self, delay: float, event: Callable[[], None]) -> None:
        entry = (self.now + delay, self._tie.random(), next(self._numbers), event)
        heapq.heappush(self._queue, entry)

    def trace(self, text: str) -> None:
        line = f"{self.now:10.1f} {text}"
        self.trace_hash.update(line.encode())
        if self._log:
            self._log(line)

    def _run_until(self, limit: float, is_done: Callable[[], bool]) -> bool:
        while self._queue and self._queue[0][0] <= limit:
            self.now, _, _, event = heapq.heappop(self._queue)
            self.events += 1
            if self.events > EVENTS_MAX:
                raise Violation("L1 more events than any healthy run needs")
            event()
            if is_done():
                return True
        self.now = max(self.now, min(limit, self.now + 1) if not self._queue else limit)
        return is_done()

    # --- what nodes use

    def new_core(self, index: int) -> Core:
        return self._engine(self, index)

    def decode(self, data: bytes) -> Message:
        message = self._decoded.get(data)
        if message is None:
            message = self._decoded[data] = decode_message(data)
        return message

    def send_consensus(self, sender: int, data: bytes, to: int | None) -> None:
        """What left a node is what the checkers look at, whether it arrives or not."""
        message = self.decode(data)
        equivocator = self.equivocators.get(sender)
        self.checkers.on_sent(sender, message)
        targets = [to] if to is not None else [i for i in range(self.shape.n) if i != sender]
        for target in targets:
            sent = [message]
            if equivocator is not None and not self._is_healed:
                sent = equivocator.twist(message, target)
            for each in sent:
                self.deliver_message(sender, target, each)

    def deliver_message(self, sender: int, target: int, message: Message) -> None:
        kind = type(message).__name__
        view = _view_of(message)
        life = self.nodes[target].life
        for delay in self.network.arrivals(sender, target, kind, view):

            def arrive() -> None:
                node = self.nodes[target]
                if node.is_up and node.life == life:
                    self.trace(f"{sender}>{target} {kind} {_height_of(message)} v{view}")
                    node.receive(sender, message)

            self.after(delay, arrive)

    def send_other(self, sender: int, target: int, kind: str, content: Any) -> None:
        if sender == target or target in self._dead:
            return
        for delay in self.network.arrivals(sender, target, kind, 0):
            self.after(delay, lambda: self.nodes[target].receive_other(sender, kind, content))

    def any_peer(self, index: int) -> int:
        if self.shape.n == 1:
            return index
        return (index + self._peers.randint(1, self.shape.n - 1)) % self.shape.n

    def crashes_now(self) -> bool:
        rate = self.shape.crash_mid_step
        return bool(rate) and not self._is_healed and self._crash.random() < rate

    def execution_delay(self) -> float:
        return self._exec.uniform(0.1, self.shape.execution_ms)

    def restart_later(self, index: int) -> None:
        self.after(self._ops.uniform(10, 4_000), lambda: self._start(index))

    def on_accuse(self, node: int, evidence: bytes) -> None:
        accused = self.validators.index_of(decode(Evidence, evidence).vote_key)
        self.trace(f"{node} accuses {accused}")
        if accused not in self.shape.equivocators:
            raise Violation(f"S10 node {node} accuses honest {accused}")

    def on_progress(self, node: int) -> None:
        """A hook for directed tests."""

    # --- operations

    def _start(self, index: int) -> None:
        node = self.nodes[index]
        if node.is_up or index in self._dead:
            return
        self.trace(f"{index} starts at {node.disk.tip.height}")
        node.start()
        self._connect(index)

    def _connect(self, index: int) -> None:
        for other in range(self.shape.n):
            if other != index and self.nodes[other].is_up:
                self.send_other(index, other, "connected", None)
                self.send_other(other, index, "connected", None)

    def _crash_node(self, index: int) -> None:
        if self.nodes[index].is_up and not self._is_healed:
            self.trace(f"{index} crashes")
            self.nodes[index].crash()
            self.restart_later(index)

    def _jump_clock(self, index: int, jump_ms: float) -> None:
        """There, and back after a while. The node notices at its next input."""
        if self._is_healed:
            return
        node = self.nodes[index]
        self.trace(f"{index} clock jumps {jump_ms:.0f}")
        node.clock_offset_ms += jump_ms

        def back() -> None:
            if not self._is_healed:
                node.clock_offset_ms -= jump_ms
                node.refresh_timer()

        node.refresh_timer()
        self.after(self._ops.uniform(100, self.shape.duration_ms), back)

    def _lose_wal(self, index: int) -> None:
        """Only a node with a ledger can notice that its WAL is gone; one without never voted in vain."""
        node = self.nodes[index]
        if self._is_healed or not node.disk.blocks or index in self.shape.equivocators:
            return
        self.trace(f"{index} loses its WAL")
        if node.is_up:
            node.crash()
            self.restart_later(index)
        node.disk.lose_wal()

    def _partition(self) -> None:
        if self._is_healed:
            return
        links = self.network.draw_partition()
        self.trace(f"cut {links}")
        self.network.cut(links)

        def end() -> None:
            self.network.restore(links)
            for a, b in links:
                self.send_other(a, b, "connected", None)
                self.send_other(b, a, "connected", None)

        self.after(self._ops.uniform(100, self.shape.duration_ms / 2), end)

    def submit(self, number: int) -> None:
        """A client hands a transaction to one node, which passes it on to all."""
        digest = Hash(hash_(b"tx %d" % number))
        ref = TxRef(digest, Hash(hash_(b"leaf" + digest)), 1_000, 200)
        self.txs.append(ref)
        self.checkers.submitted[digest] = None
        self._spread(ref, self._ops.randrange(self.shape.n))

    def _spread(self, ref: TxRef, node: int) -> None:
        if self.nodes[node].is_up:
            self.nodes[node].add_bodies((ref,))
            for other in range(self.shape.n):
                self.send_other(node, other, "bodies", (ref,))

    def _schedule(self) -> None:
        shape, ops = self.shape, self._ops
        for index, node in enumerate(self.nodes):
            offset = ops.uniform(-1, 1) * shape.clock_offset_ms
            node.clock_offset_ms = offset
            node.clock_rate = 1 + ops.uniform(-1, 1) * shape.clock_drift
            self._start(index)
        for number in range(shape.txs):
            self.after(ops.uniform(0, shape.duration_ms * 0.8), lambda k=number: self.submit(k))
        for _ in range(shape.crashes):
            index = ops.randrange(shape.n)
            self.after(ops.uniform(0, shape.duration_ms), lambda i=index: self._crash_node(i))
        for _ in range(shape.partitions):
            self.after(ops.uniform(0, shape.duration_ms), self._partition)
        for _ in range(shape.clock_jumps):
            index = ops.randrange(shape.n)
            jump = ops.choice((-1, 1)) * ops.uniform(1_000, 100_000_000)
            when = ops.uniform(0, shape.duration_ms)
            self.after(when, lambda i=index, j=jump: self._jump_clock(i, j))
        for _ in range(shape.wal_losses):
            index = ops.randrange(shape.n)
            self.after(ops.uniform(0, shape.duration_ms), lambda i=index: self._lose_wal(i))

    # --- the two phases

    def run(self) -> None:
        """Raises Violation, InvariantBroken or AssertionError where an invariant does not hold."""
        self.trace(f"seed {self.seed} {self.shape}")
        self._schedule()
        self._run_until(self.shape.duration_ms, lambda: False)
        self.now = max(self.now, float(self.shape.duration_ms))
        self._heal()
        if not self._run_until(self.now + HEAL_LIMIT_MS, self._is_all_done):
            raise Violation(f"L1 no settled common tip: {self._where()}")
        for index in self._live_honest():
            self.checkers.at_end(self.nodes[index].disk.blocks)
        self.trace(f"done at {self.nodes[self._live_honest()[0]].disk.tip.height}")

    def _heal(self) -> None:
        self.trace("heal")
        self._is_healed = True
        self.network.heal()
        voters = [
            i
            for i in range(self.shape.n)
            if i not in self.shape.equivocators and not self.nodes[i].disk.was_wal_lost
        ]
        if not self.shape.heal_everybody:
            quorum = smallest_safe_quorum(self.shape.n)
            core = self._ops.sample(voters, min(quorum, len(voters)))
            for index in range(self.shape.n):
                if index not in core:
                    self._dead[index] = None
                    if self.nodes[index].is_up:
                        self.nodes[index].crash()
        for index, node in enumerate(self.nodes):
            node.clock_rate, node.clock_offset_ms = 1.0, 0.0
            node.refresh_timer()
            self._start(index)
            if node.is_up:
                self._connect(index)
        for ref in self.txs:
            for index in self._live():
                self.nodes[index].add_bodies((ref,))

    def _live(self) -> list[int]:
        return [i for i in range(self.shape.n) if i not in self._dead]

    def _live_honest(self) -> list[int]:
        return [i for i in self._live() if i not in self.shape.equivocators]

    def _is_all_done(self) -> bool:
        height = None
        for index in self._live_honest():
            node = self.nodes[index]
            disk = node.disk
            if not node.is_up or disk.executed_height != len(disk.blocks):
                return False
            if height is not None and len(disk.blocks) != height:
                return False
            height = len(disk.blocks)
            if any(ref.tx_id not in node.committed for ref in self.txs):
                return False
            newest = disk.blocks[-self.shape.window :]
            if any(block.tx_ids for block, _ in newest):
                return False
        return True

    def _where(self) -> list[str]:
        return [
            f"{i}: {node.core.status() if node.core else 'down'}"
            f" executed {node.disk.executed_height} missing"
            f" {sum(ref.tx_id not in node.committed for ref in self.txs)}"
            for i, node in enumerate(self.nodes)
        ]


def _view_of(message: Message) -> int:
    if isinstance(message, ViewChange):
        return message.new_view
    return getattr(message, "view", 0)


def _height_of(message: Message) -> int | str:
    if isinstance(message, Proposal):
        return message.header.height
    if isinstance(message, Commit):
        return message.height
    if isinstance(message, NewView):
        return len(message.view_changes)
    return getattr(message, "height", "")
