"""`World(seed)`: a cluster of real cores in virtual time, faults drawn from the seed, checkers watching.

One heap of (time, tie, event); `tie` is drawn, so events of one instant are explored in different orders.
Two phases: faults as drawn, then healing, after which every submitted transaction must commit and all
that live must reach one settled tip (L1; with only a quorum left alive it is L2).
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

from consensus.api import Core, EpochBase, ProtocolViolation, TxRef
from consensus.certificate import KIND_RAFT
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
from tests.simulation.punctuality import START_MS, Punctuality
from tests.simulation.shape import Shape, draw_shape, stream
from tests.simulation.witness import Witness

HEAL_LIMIT_MS = 400_000
EVENTS_MAX = 400_000
SETTLING_EVENTS_MAX = 1_000
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
        self._heal_rng = stream(seed, "heal")
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
        self._dead: dict[int, None] = {}
        self._lost: dict[int, None] = {}
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

    # --- time

    def after(self, delay: float, event: Callable[[], None]) -> None:
        entry = (self.now + delay, self._tie.random(), next(self._numbers), event)
        heapq.heappush(self._queue, entry)

    def trace(self, text: str) -> None:
        line = f"{self.now:10.1f} {text}"
        self.trace_hash.update(line.encode())
        if self._log:
            self._log(line)

    def _run_until(self, limit: float, most: int, is_done: Callable[[], bool] | None) -> bool:
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
        if sender == target or target in self._dead:
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
                node.receive_other(sender, kind, content)

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
        if node.is_up or id_ in self._dead:
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
        """After it. A node whose mark is gone with its log cannot know that it has voted before: it may vote
        twice, and is one of the f from now on. One that had never voted has lost nothing."""
        if node.has_begun:
            self._lost[node.id] = None
            if node.disk.began_at is None:
                self.untrusted[node.id] = None

    def new_tx(self, name: str, is_config: bool = False) -> TxRef:
        digest = Hash(hash_(name.encode()))
        ref = TxRef(digest, Hash(hash_(b"leaf" + digest)), 1_000, 200, is_config)
        self.txs.append(ref)
        self.checkers.submitted[digest] = None
        return ref

    def spread(self, ref: TxRef, node: int) -> None:
        if self.is_healed:  # a client tries until a living node has it
            for live in self._live():
                self.nodes[live].add_bodies((ref,))
            return
        if self.nodes[node].is_up and not self.nodes[node].is_paused:
            self.nodes[node].add_bodies((ref,))
            for other in range(self.shape.nodes):
                self.send_other(node, other, "bodies", (ref,))

    # --- the two phases

    def run(self) -> None:
        """Raises Violation, InvariantBroken or AssertionError where an invariant does not hold."""
        self.trace(f"seed {self.seed} {self.shape}")
        self.operations.start_all()
        if self.shape.is_settled:
            self._settle()
        self.operations.schedule()
        most = self.events + self.shape.budget
        self._run_until(self.now + self.shape.duration_ms, most, None)
        self._heal()
        most = self.events + EVENTS_MAX
        is_done = self._is_all_done
        if not (is_done() or self._run_until(self.now + HEAL_LIMIT_MS, most, is_done)):
            if self._is_beyond_tolerance():
                self.trace("more members observe than may be missing")
                return
            raise Violation(f"L1 no settled common tip: {self._where()}")
        live = self._live_honest()
        for index in live:
            self.checkers.at_end(self.nodes[index].disk.blocks)
        for node, seen in self.witness.expected.items():
            if node not in self.accused:
                raise Violation(f"S10 nobody accuses node {node} of {seen}")
        self.trace(f"done at {self.nodes[live[0]].disk.tip.height}")

    def _settle(self) -> None:
        """A calm first start, until all vote: faults then meet a cluster that works."""
        self.is_settling = self.network.is_calm = True
        while self._queue and self.events < SETTLING_EVENTS_MAX and not self.are_all_voting():
            self._run_until(self.now + HEAL_LIMIT_MS, self.events + len(self.nodes), None)
        self.is_settling = self.network.is_calm = False
        self.trace("settled")

    def _is_beyond_tolerance(self) -> bool:
        """Whether more than f of the members lie or have lost what they signed and do not vote again yet: the
        channel may stand still then, and by the rules it does. A shape is drawn within f, but people may
        remove a member beside a liar. A late first start is no excuse, but over Raft beside a lost log: nobody
        can tell the two apart there, and an operator has to."""
        newest = max(self.nodes, key=lambda node: node.members.epoch).members
        silent = [i for i in self._lost if not self.nodes[i].is_voting]
        if silent and self.engine.kind == KIND_RAFT:
            silent += [i for i in newest.nodes if not self.nodes[i].has_begun]
        faulty = dict.fromkeys([*silent, *self.untrusted])
        n = len(newest.voters)
        return sum(i in faulty for i in newest.nodes) > n - self.engine.quorum(n)

    def _heal(self) -> None:
        self.trace("heal")
        self.is_healed = True
        self.network.heal()
        if not self.shape.heal_everybody:
            self._keep_a_quorum()
        for node in self.nodes:
            node.set_clock(0.0, 1.0)
            node.disk.full_until = -1.0
            if node.is_paused:
                node.resume()
            node.refresh_timer()
            self.start_node(node.id)
        for a in self._live():
            for b in self._live():
                if a < b:
                    self.connect(a, b)
        for ref in self.txs:
            for index in self._live():
                self.nodes[index].add_bodies((ref,))

    def _keep_a_quorum(self) -> None:
        """L2: a random quorum of those that vote lives on, the others are dead for ever. Who has not come to
        vote yet counts among the faults: it needs a quorum of others."""
        newest = max(self.nodes, key=lambda node: node.members.epoch).members
        voters = [i for i in newest.nodes if i not in self.untrusted and i not in self._lost]
        voters = [i for i in voters if self.nodes[i].is_voting]
        needed = self.engine.quorum(len(newest.voters))
        if len(voters) < needed:
            return
        kept = self._heal_rng.sample(voters, needed)
        self.trace(f"only {sorted(kept)} live on")
        for node in self.nodes:
            if node.id not in kept:
                self._dead[node.id] = None
                if node.is_up:
                    node.crash()

    def _live(self) -> list[int]:
        return [i for i in range(self.shape.nodes) if i not in self._dead]

    def _live_honest(self) -> list[int]:
        return [i for i in self._live() if i not in self.untrusted]

    def _is_all_done(self) -> bool:
        height = -1
        for index in self._live_honest():
            node = self.nodes[index]
            disk = node.disk
            if not node.is_up or disk.executed_height != len(disk.blocks):
                return False
            if height not in (-1, len(disk.blocks)):
                return False
            height = len(disk.blocks)
            if any(ref.tx_id not in node.committed for ref in self.txs):
                return False
            if any(block.tx_ids for block, _ in disk.blocks[-self.shape.window :]):
                return False
        return True

    def _where(self) -> list[str]:
        return [
            f"{node.id}: {node.core.status() if node.core else 'down'}"
            f" executed {node.disk.executed_height} missing"
            f" {sum(ref.tx_id not in node.committed for ref in self.txs)}"
            for node in self.nodes
        ]
