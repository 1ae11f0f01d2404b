"""`World(seed)`: a cluster of real cores in virtual time, faults drawn from the seed, checkers watching.

One heap of (time, tie, event); `tie` is drawn, so events of one instant are explored in different orders.
Its course is in `phases`.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

from consensus.api import Core, EpochBase, ProtocolViolation, TxRef
from consensus.certificate import KIND_PBFT
from consensus.encoding import ZERO_HASH, Hash, decode
from consensus.header import Header, block_hash, leaves_root
from consensus.pbft.evidence import Evidence
from consensus.validators import ValidatorSet, validators_hash
from tests.simulation.byzantine import LIARS, Liar
from tests.simulation.checkers import Checkers
from tests.simulation.disk import Disk, Wal
from tests.simulation.engine import Said, Violation
from tests.simulation.engine_pbft import SharedRules
from tests.simulation.engines import ENGINES
from tests.simulation.ghost import SUITE, Registry, hash_, validator_set
from tests.simulation.members import Change, Members
from tests.simulation.network import Network
from tests.simulation.node import POLL_MS, SimNode
from tests.simulation.operations import Operations
from tests.simulation.phases import run
from tests.simulation.punctuality import START_MS, Punctuality
from tests.simulation.shape import Shape, draw_shape, stream
from tests.simulation.witness import Witness

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
        self.engine = ENGINES[engine]
        self.shape = shape or draw_shape(seed, engine)
        self.now = 0.0
        self.trace_hash = hashlib.sha256()
        self.events = 0
        self.is_healed = False
        self.is_settling = False
        self.has_progress = False
        self._log = log
        self._queue: list[tuple[float, float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._nonces = itertools.count(1)
        self._tie = stream(seed, "tie")
        self._exec = stream(seed, "exec")
        self._peers = stream(seed, "peers")
        self.disk_rng = stream(seed, "disk")
        self.network = Network(seed, self.shape, self.after)
        self.registry = Registry()
        self.genesis = genesis_header(self.shape.n)
        self.genesis_hash = block_hash(hash_, self.genesis)
        self.changes: dict[Hash, Change] = {}
        self.txs: list[TxRef] = []
        self.accused: dict[int, None] = {}
        self._decoded: dict[bytes, Any] = {}
        self._validators: dict[Members, ValidatorSet] = {}
        self._rules: dict[int, SharedRules] = {}
        self.dead: dict[int, None] = {}
        self.lost: dict[int, None] = {}
        self._seen: dict[tuple[Any, ...], None] = {}
        first = Members.at_genesis(self.shape.n, self.shape.nodes)
        roots = (self.genesis.state_root, self.genesis.receipts_root)
        self.nodes = [
            SimNode(self, i, Disk(self.genesis, roots, Wal(is_lying_disk)), first)
            for i in range(self.shape.nodes)
        ]
        self.liars: dict[int, Liar] = {
            node: LIARS[name](self, node, stream(seed, f"byzantine/{node}"))
            for node, name in self.shape.liars
        }
        self.untrusted: dict[int, None] = dict.fromkeys(self.liars)
        self.checkers = Checkers(
            self.engine,
            self.genesis,
            self.registry,
            self.shape.window,
            self.untrusted,
            {0: first},
            self.changes,
        )
        self.punctuality = Punctuality(self.engine, self.nodes, self.untrusted)
        self.operations = Operations(self)
        self.witness = Witness()

    @property
    def is_calm(self) -> bool:
        return self.is_healed or self.is_settling

    @property
    def has_events(self) -> bool:
        return bool(self._queue)

    # --- time

    def after(self, delay: float, event: Callable[[], None]) -> None:
        entry = (self.now + delay, self._tie.random(), next(self._numbers), event)
        heapq.heappush(self._queue, entry)

    def trace(self, text: str) -> None:
        line = f"{self.now:10.1f} {text}"
        self.trace_hash.update(line.encode())
        if self._log:
            self._log(line)

    def run_until(self, limit: float, most: int, is_done: Callable[[], bool] | None) -> bool:
        """`is_done` is asked after whatever made progress."""
        queue = self._queue
        while queue and queue[0][0] <= limit and self.events < most:
            self.now, _, _, event = heapq.heappop(queue)
            self.events += 1
            event()
            if self.has_progress and is_done is not None:
                self.has_progress = False
                if is_done():
                    return True
        return False

    # --- what nodes use

    def new_core(self, node: SimNode) -> Core:
        return self.engine.core(self, node)

    def validators_of(self, members: Members) -> ValidatorSet:
        found = self._validators.get(members)
        if found is None:
            found = self._validators[members] = members.validators()
        return found

    def rules_of(self, validators: ValidatorSet, base: EpochBase) -> SharedRules:
        found = self._rules.get(validators.epoch)
        if found is None:
            found = self._rules[validators.epoch] = SharedRules(self, validators, base)
        return found

    def decode(self, data: bytes) -> Any:
        message = self._decoded.get(data)
        if message is None:
            message = self._decoded[data] = self.engine.decode(data)
        return message

    def send_consensus(self, node: SimNode, data: bytes, to: int | None) -> None:
        """What left a node is what the checkers look at, whether it arrives or not."""
        message, sender = self.decode(data), node.id
        targets = [i for i in node.electorate.nodes if i != sender] if to is None else [to]
        liar = self.liars.get(sender)
        if liar is None or not self.are_liars_active:
            self.checkers.on_sent(sender, message, node.electorate)
            for target in targets:
                self._transmit(sender, target, message)
            return
        for target in targets:
            for each in liar.twist(message, target):
                self.transmit(sender, target, each, liar.delay_ms(message))

    @property
    def are_liars_active(self) -> bool:
        is_over = self.is_healed and not self.shape.are_liars_lasting
        return not (self.is_settling or is_over)

    def transmit(self, sender: int, target: int, message: Any, delay_ms: float = 0.0) -> None:
        """A liar's message, which may be bytes that do not even decode."""
        if not isinstance(message, bytes):
            self.checkers.on_sent(sender, message, self.nodes[sender].members)
        if delay_ms:
            self.after(delay_ms, lambda: self._transmit(sender, target, message))
        else:
            self._transmit(sender, target, message)

    def _transmit(self, sender: int, target: int, message: Any) -> None:
        node = self.nodes[target]
        if not node.is_up:
            return
        kind = type(message).__name__
        view, height = (0, "") if kind == "bytes" else self.engine.place(message)

        def arrive() -> None:
            self.trace(f"{sender}>{target} {kind} {height} v{view}")
            self._hand_over(sender, node, message)

        self.network.transmit(sender, target, kind, view, node.guarded(arrive))

    def _hand_over(self, sender: int, node: SimNode, message: Any) -> None:
        if isinstance(message, bytes):
            try:
                message = self.engine.decode(message)
            except ProtocolViolation as violation:
                self.on_blame(node.id, sender, str(violation))
                return
        liar = self.liars.get(node.id)
        if liar is not None and self.are_liars_active:
            liar.hear(sender, message)
        node.receive(sender, message)

    def send_other(self, sender: int, target: int, kind: str, content: Any) -> None:
        """Bodies, blocks and questions: the node's own channels beside the core."""
        if sender == target or target in self.dead:
            return
        liar = self.liars.get(sender)
        if liar is not None and self.are_liars_active:
            content = liar.serve(kind, content)
            if content is None:
                return
        node = self.nodes[target]

        def arrive() -> None:
            if node.is_paused:
                self.after(POLL_MS, arrive)
            else:
                node.supply.receive(sender, kind, content)

        self.network.transmit(sender, target, kind, 0, arrive)

    def heard_bodies(self, node: int, refs: tuple[TxRef, ...]) -> tuple[TxRef, ...]:
        liar = self.liars.get(node)
        return liar.hear_bodies(refs) if liar is not None and self.are_liars_active else refs

    def any_peer(self, node: int) -> int:
        count = self.shape.nodes
        return node if count == 1 else (node + self._peers.randint(1, count - 1)) % count

    def some_leader(self) -> int:
        """The leader in the eyes of the first node that is up."""
        for node in self.nodes:
            if node.core is not None:
                return node.node_at(max(0, node.core.status().leader))
        return 0

    def new_nonce(self) -> int:
        return next(self._nonces)

    def execution_delay(self) -> float:
        return self._exec.uniform(0.1, self.shape.execution_ms)

    def on_blame(self, node: int, blamed: int, reason: str) -> None:
        self.trace(f"{node} blames {blamed}: {reason}")
        if blamed not in self.untrusted:
            raise Violation(f"S10 node {node} blames honest {blamed}: {reason}")

    def on_accuse(self, node: int, evidence: bytes) -> None:
        key = decode(Evidence, evidence).vote_key
        accused = next((i for i, n in enumerate(self.nodes) if n.has_owned(key)), -1)
        self.trace(f"{node} accuses {accused}")
        if accused not in self.untrusted:
            raise Violation(f"S10 node {node} accuses honest {accused}")
        self.accused[accused] = None

    def votes_of_liar(self, node: SimNode, sender: int, message: Any) -> Said | None:
        """A vote that an honest node is about to take from a liar, and will remember."""
        if sender not in self.liars or node.id in self.untrusted:
            return None
        for said in self.engine.votes(message):
            if self.witness.sees(node, sender, message, said):
                return said
        return None

    # --- what liars use

    def rng_for(self, *key: Any) -> random.Random:
        return stream(self.seed, f"liar/{key}")

    def first_time(self, *key: Any) -> bool:
        is_new = key not in self._seen
        self._seen[key] = None
        return is_new

    # --- what operations use

    def start_node(self, id_: int) -> None:
        node = self.nodes[id_]
        if node.is_up or id_ in self.dead:
            return
        self.trace(f"{id_} starts at {node.disk.tip.height}")
        node.start()
        for other in range(self.shape.nodes):
            self.connect(id_, other)

    def connect(self, a: int, b: int) -> None:
        if a != b and self.nodes[a].is_up and self.nodes[b].is_up:
            self.send_other(a, b, "connected", None)
            self.send_other(b, a, "connected", None)

    def are_all_voting(self) -> bool:
        """Whether every change made so far is in force everywhere, and every member takes part."""
        newest = max(self.nodes, key=lambda node: node.members.epoch).members
        members = [self.nodes[i] for i in newest.nodes]
        return all(
            node.core is not None
            and node.members == newest
            and not node.core.status().observes_because
            and all(tx_id in node.committed for tx_id in self.changes)
            for node in members
        )

    def note_loss(self, node: SimNode) -> None:
        """After it. Over PBFT a node whose mark is gone with its log cannot know that it has voted before: it
        may vote twice, and is one of the f from now on. One that had never voted has lost nothing."""
        if node.has_begun:
            self.lost[node.id] = None
            self.checkers.on_loss(node.id)
            if node.disk.began_at is None and self.engine.kind == KIND_PBFT:
                self.untrusted[node.id] = None

    def remembers(self, node: SimNode) -> bool:
        """Whether a member's log tells what it has said: it has begun one, and that is not gone."""
        return node.disk.began_at is not None and not node.disk.is_log_lost

    def new_tx(self, name: str, is_config: bool = False) -> TxRef:
        digest = Hash(hash_(name.encode()))
        ref = TxRef(digest, Hash(hash_(b"leaf" + digest)), 1_000, 200, is_config)
        self.txs.append(ref)
        self.checkers.submitted[digest] = None
        return ref

    def spread(self, ref: TxRef, node: int) -> None:
        if self.is_healed:  # a client tries until a living node has it
            for live in self.live():
                self.nodes[live].supply.add_bodies((ref,))
            return
        if self.nodes[node].is_up and not self.nodes[node].is_paused:
            self.nodes[node].supply.add_bodies((ref,))
            for other in range(self.shape.nodes):
                self.send_other(node, other, "bodies", (ref,))

    def live(self) -> list[int]:
        return [i for i in range(self.shape.nodes) if i not in self.dead]

    def live_honest(self) -> list[int]:
        return [i for i in self.live() if i not in self.untrusted]

    def run(self) -> None:
        """Raises Violation, InvariantBroken or AssertionError where an invariant does not hold."""
        run(self)
