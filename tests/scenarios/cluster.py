"""A deterministic cluster of real PBFT cores: messages wait in a queue until a transcript moves them.

Records, certificates and messages are the real ones; signatures come from the simulator's registry, so
that nobody can forge. Nothing here is random and nothing passes time but a command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from consensus.api import (
    Accuse,
    Action,
    Behind,
    Block,
    Broadcast,
    Deliver,
    Executed,
    Forward,
    Halt,
    Have,
    Input,
    InvariantBroken,
    Keep,
    Need,
    Persist,
    ProtocolViolation,
    Received,
    Restart,
    Send,
    SetTimer,
    Synced,
    Tick,
    TxRef,
    TxWaiting,
)
from consensus.certificate import CommitCert, bitmap_indexes
from consensus.encoding import ZERO_HASH, Hash, decode
from consensus.header import HEADER_VERSION, Header, block_hash, leaves_root
from consensus.pbft import PbftConfig, PbftCore
from consensus.pbft.evidence import Evidence
from consensus.pbft.messages import decode_message
from consensus.validators import ValidatorSet, validators_hash
from tests.scenarios.disk import Disk
from tests.scenarios.invariants import Invariants
from tests.scenarios.words import Names, Words, joined, kind_of, place_of
from tests.simulation.ghost import (
    SUITE,
    GhostSigner,
    GhostVerifier,
    Registry,
    hash_,
    validator_set,
)

TICKS_MAX = 20_000
START_MS = 1_000_000
CHANNEL = Hash(hash_(b"channel"))


def genesis_header(validators: ValidatorSet) -> Header:
    digest, empty = validators_hash(hash_, SUITE, validators), leaves_root(hash_, ())
    return Header(
        version=HEADER_VERSION,
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
        timestamp_ms=START_MS - 1_000,
        validators_hash=digest,
        next_validators_hash=digest,
        config_hash=Hash(hash_(b"config")),
        evidence_root=empty,
    )


class ScenarioError(Exception):
    """A transcript asks for what cannot be."""


class PowerLoss(Exception):
    """A node's power fails in the middle of a list of actions."""


# What drivers send each other beside consensus messages.


@dataclass(frozen=True)
class AskBodies:
    tx_ids: tuple[Hash, ...]


@dataclass(frozen=True)
class Bodies:
    txs: tuple[TxRef, ...]


@dataclass(frozen=True)
class AskBlocks:
    height: int


@dataclass(frozen=True)
class Blocks:
    blocks: tuple[tuple[Block, CommitCert], ...]


DRIVER_KINDS = (AskBodies, Bodies, AskBlocks, Blocks)


@dataclass(frozen=True)
class Packet:
    sender: int
    to: int
    content: Any


@dataclass(frozen=True)
class Filter:
    """None matches everything."""

    senders: tuple[int, ...] | None = None
    targets: tuple[int, ...] | None = None
    kinds: tuple[str, ...] | None = None
    views: tuple[int, ...] | None = None
    heights: tuple[int, ...] | None = None
    blocks: tuple[Hash, ...] | None = None

    def matches(self, packet: Packet) -> bool:
        view, height, digest = place_of(packet.content)
        wanted = (
            (self.senders, packet.sender),
            (self.targets, packet.to),
            (self.kinds, kind_of(packet.content)),
            (self.views, view),
            (self.heights, height),
            (self.blocks, digest),
        )
        return all(allowed is None or value in allowed for allowed, value in wanted)


@dataclass
class Node:
    """`core` is None while the node is down or a liar's. `fails_before` is an armed failpoint."""

    index: int
    disk: Disk
    core: PbftCore | None = None
    pool: dict[Hash, TxRef] = field(default_factory=dict)
    timer_ms: int | None = None
    is_executing: bool = True
    is_wrong: bool = False
    is_frozen: bool = False
    fails_before: tuple[str, str] | None = None
    answers: list[Have] = field(default_factory=list)
    clock_offset_ms: int = 0

    def has(self, tx_id: Hash) -> bool:
        return tx_id in self.pool or tx_id in self.disk.bodies

    def body(self, tx_id: Hash) -> TxRef:
        return self.pool.get(tx_id) or self.disk.bodies[tx_id]


class Cluster:
    """`out` collects lines as (is_milestone, text); the runner takes them after each command."""

    def __init__(self, n: int, window: int = 1, liars: Iterable[int] = (), **settings: int) -> None:
        self.n = n
        self.liars = tuple(liars)
        self.validators = validator_set(n)
        self.genesis = genesis_header(self.validators)
        self.registry = Registry()
        self.names = Names(self.genesis)
        self.words = Words(self.names)
        limits = {"block_wait_ms": 0, **settings}
        self.config = PbftConfig(
            channel_id=self.genesis.channel_id,
            suite=SUITE,
            genesis_hash=self.names.genesis_hash,
            config_hash=self.genesis.config_hash,
            window=window,
            **limits,
        )
        self.invariants = Invariants(
            self.validators, self.genesis, self.registry, window, self.liars
        )
        self.now_ms = START_MS
        self.out: list[tuple[bool, str]] = []
        self.queue: list[Packet] = []
        self.held: list[Packet] = []
        self.cuts: list[Filter] = []
        self.holds: list[Filter] = []
        self.history: list[Packet] = []
        self.nodes = [Node(i, Disk(self.genesis)) for i in range(n)]

    # --- lines

    def say(self, text: str, is_milestone: bool = True) -> None:
        self.out.append((is_milestone, text))

    # --- lives

    def start(self, index: int, **changes: Any) -> None:
        node = self.nodes[index]
        if node.core is not None:
            raise ScenarioError(f"node {index} is running")
        if index in self.liars:
            raise ScenarioError(f"{index} is a liar: it runs no core")
        signer = GhostSigner(self.registry, self.validators.key(index))
        verifier = GhostVerifier(self.registry)
        node.core = PbftCore(self.config, self.validators, index, verifier, signer)
        node.pool = dict(node.disk.bodies)
        node.timer_ms, node.is_frozen = None, False
        tip = node.disk.tip
        self.invariants.on_restart(index, tip.height)
        lowest = min(max(0, tip.height - self.config.window), node.disk.executed_height)
        fields: dict[str, Any] = {
            "now_ms": self.now_of(node),
            "records": tuple(node.disk.wal),
            "tip": tip,
            "tip_cert": node.disk.tip_cert,
            "executed": node.disk.executed_from(lowest),
        }
        self.step(node, Restart(**{**fields, **changes}))
        if node.core is None:
            return
        reason = node.core.is_observer_reason
        self.say(
            f"{index} started: {self.standing(node)}" + (f", observes: {reason}" if reason else "")
        )
        waiting = tuple(ref for ref in node.pool.values() if ref.tx_id not in self._committed(node))
        if waiting:
            self.step(node, TxWaiting(self.now_of(node), waiting))
        self._execute(node)

    def crash(self, node: Node) -> None:
        """Everything not on the disk is gone."""
        node.core, node.fails_before, node.timer_ms = None, None, None
        node.answers.clear()

    def now_of(self, node: Node) -> int:
        return self.now_ms + node.clock_offset_ms

    def _committed(self, node: Node) -> dict[Hash, None]:
        return {tx_id: None for block, _ in node.disk.blocks for tx_id in block.tx_ids}

    def standing(self, node: Node) -> str:
        """View and tip in few words."""
        assert node.core is not None
        status = node.core.status()
        mode = "" if status.is_active else " changing"
        return f"view {status.view}{mode}, tip {self.names.note(node.disk.tip, ())}"

    # --- one input and what follows from it

    def step(self, node: Node, event: Input) -> None:
        if node.core is None:
            return
        try:
            for action in node.core.step(event):
                self._fail_perhaps(node, action)
                self._do(node, action)
            while node.core is not None and node.answers:
                self.step(node, node.answers.pop(0))
            self._execute(node)
        except ProtocolViolation as violation:
            whose = f"{event.sender}'s message" if isinstance(event, Received) else "a block"
            self.say(f"{node.index} refused {whose}: {violation}")
        except InvariantBroken as broken:
            self.say(f"{node.index} stopped: {broken}")
            node.core = None
        except PowerLoss:
            self.crash(node)

    def _fail_perhaps(self, node: Node, action: Action) -> None:
        if node.fails_before is None:
            return
        what, kind = node.fails_before
        found = ""
        match action:
            case Persist(records) if what == "record":
                found = joined(self.words.record(each)[0].split()[0].lower() for each in records)
            case Broadcast(message) if what == "send":
                found = kind_of(decode_message(message))
            case Send(_, message) if what == "send":
                found = kind_of(decode_message(message))
            case Deliver() if what == "deliver":
                found = "block"
        if found == kind:
            self.say(f"{node.index} lost power; the next thing was: {what} {kind}")
            raise PowerLoss

    def _do(self, node: Node, action: Action) -> None:
        me = node.index
        match action:
            case Persist(records):
                node.disk.wal += records
                for data in records:
                    text, is_milestone = self.words.record(data)
                    self.say(f"{me} recorded {text}", is_milestone)
            case Keep(tx_ids=tx_ids):
                node.disk.bodies.update({each: node.body(each) for each in tx_ids})
            case Broadcast(message):
                content = decode_message(message)
                self.send(me, [i for i in range(self.n) if i != me], content, "all")
            case Send(to, message):
                self.send(me, [to], decode_message(message), str(to))
            case Deliver(block, cert):
                self._deliver(node, block, cert)
            case Need(tx_ids, from_):
                self._need(node, tx_ids, from_)
            case Behind(height, from_):
                self.say(f"{me} asked {from_} for blocks up to {height}", False)
                self.enqueue(Packet(me, from_, AskBlocks(len(node.disk.blocks) + 1)))
            case Forward(to, tx_ids):
                self.say(f"{me} forwarded {self.names.transactions(tx_ids)} to {to}", False)
                self.enqueue(Packet(me, to, Bodies(tuple(node.body(each) for each in tx_ids))))
            case SetTimer(at_ms):
                node.timer_ms = at_ms
            case Accuse(evidence):
                self._accuse(me, decode(Evidence, evidence))
            case Halt():
                self.say(f"{me} halted: {action.reason} after height {action.height} differs")
            case _:
                self.say(f"{me} did {type(action).__name__}")

    def send(self, me: int, targets: list[int], content: Any, shown: str) -> None:
        if me not in self.liars:
            self.invariants.on_sent(me, content)
        is_first = not any(p.sender == me and p.content == content for p in self.history)
        is_milestone = is_first and kind_of(content) == "view-change" and content.sender == me
        self.say(f"{me} -> {shown} {self.words.message(content, me)}", is_milestone)
        for to in targets:
            self.enqueue(Packet(me, to, content))

    def enqueue(self, packet: Packet) -> None:
        self.history.append(packet)
        if any(rule.matches(packet) for rule in self.holds):
            self.held.append(packet)
        else:
            self.queue.append(packet)

    def _deliver(self, node: Node, block: Block, cert: CommitCert) -> None:
        leaves = [node.body(each).leaf for each in block.tx_ids]
        self.invariants.on_deliver(node.index, block, node.disk.tip, leaves)
        node.disk.blocks.append((block, cert))
        node.disk.bodies.update({each: node.body(each) for each in block.tx_ids})
        signers = joined(bitmap_indexes(cert.signers, self.n))
        name = self.names.note(block.header, block.tx_ids)
        content = self.names.transactions(block.tx_ids)
        self.say(
            f"{node.index} committed {name} {content}, sealed in view {cert.view} by {signers}"
        )

    def _need(self, node: Node, tx_ids: tuple[Hash, ...], from_: int) -> None:
        committed = self._committed(node)
        unknown = tuple(each for each in tx_ids if not node.has(each) and each not in committed)
        for tx_id in tx_ids:
            if tx_id not in unknown:
                ref = None if tx_id in committed else node.body(tx_id)
                node.answers.append(Have(self.now_of(node), tx_id, ref is not None, ref))
        if unknown:
            self.say(f"{node.index} asked {from_} for {self.names.transactions(unknown)}", False)
            self.enqueue(Packet(node.index, from_, AskBodies(unknown)))

    def _accuse(self, me: int, evidence: Evidence) -> None:
        keys = [self.validators.key(i) for i in range(self.n)]
        accused = keys.index(evidence.vote_key)
        if accused not in self.liars:
            raise AssertionError(f"S10 node {me} accuses the honest {accused}")
        where = f"view {evidence.view}, height {evidence.height}"
        self.say(f"{me} accused {accused}: two of kind {evidence.kind} in {where}")

    # --- execution

    def _execute(self, node: Node) -> None:
        while node.core is not None and node.is_executing:
            if node.disk.executed_height >= len(node.disk.blocks):
                return
            self.execute(node)

    def execute(self, node: Node) -> None:
        height = node.disk.executed_height + 1
        block, _ = node.disk.blocks[height - 1]
        state_root, _ = node.disk.roots_after(height - 1)
        if block.tx_ids:
            state_root = Hash(hash_(state_root + b"".join(block.tx_ids)))
        if node.is_wrong:
            state_root = Hash(hash_(b"a flipped bit" + state_root))
        receipts = leaves_root(hash_, [hash_(b"receipt" + each) for each in block.tx_ids])
        node.disk.roots.append((state_root, receipts))
        if not node.is_wrong:
            self.invariants.on_executed(node.index, height, (state_root, receipts))
        self.step(node, Executed(self.now_of(node), height, state_root, receipts))

    # --- the network

    def is_cut(self, packet: Packet) -> bool:
        return any(rule.matches(packet) for rule in self.cuts)

    def hand_over(self, packet: Packet) -> None:
        node = self.nodes[packet.to]
        if self.is_cut(packet) or node.core is None:
            return
        if node.is_frozen:
            self.held.append(packet)
            return
        content = packet.content
        match content:
            case AskBodies(tx_ids):
                known = tuple(node.body(each) for each in tx_ids if node.has(each))
                if known:
                    self.enqueue(Packet(packet.to, packet.sender, Bodies(known)))
            case Bodies(txs):
                self.add_bodies(node, txs)
            case AskBlocks(height):
                found = tuple(node.disk.blocks[height - 1 :])
                if found:
                    self.enqueue(Packet(packet.to, packet.sender, Blocks(found)))
            case Blocks(blocks):
                self._sync(node, packet.sender, blocks)
            case _:
                self.step(node, Received(self.now_of(node), packet.sender, content))

    def add_bodies(self, node: Node, txs: tuple[TxRef, ...]) -> None:
        node.pool.update({ref.tx_id: ref for ref in txs})
        committed = self._committed(node)
        fresh = tuple(ref for ref in txs if ref.tx_id not in committed)
        if fresh:
            self.step(node, TxWaiting(self.now_of(node), fresh))

    def _sync(self, node: Node, sender: int, blocks: tuple[tuple[Block, CommitCert], ...]) -> None:
        """Blocks come with their bodies."""
        for block, cert in blocks:
            for tx_id in block.tx_ids:
                node.pool.setdefault(tx_id, self.nodes[sender].body(tx_id))
            self.step(node, Synced(self.now_of(node), block, cert))

    def drain(self, is_wanted: Callable[[Packet], bool] = lambda _: True) -> None:
        """Deliver what waits and what follows from it."""
        for _ in range(TICKS_MAX):
            found = next((i for i, packet in enumerate(self.queue) if is_wanted(packet)), None)
            if found is None:
                return
            self.hand_over(self.queue.pop(found))
        raise ScenarioError("the cluster does not come to rest")

    # --- time

    def next_timer_ms(self) -> int | None:
        """In this cluster's time, whatever the nodes' clocks say."""
        return min(
            (
                node.timer_ms - node.clock_offset_ms
                for node in self.nodes
                if node.core is not None and node.timer_ms is not None and not node.is_frozen
            ),
            default=None,
        )

    def fire_timers(self) -> None:
        for node in self.nodes:
            if node.core is None or node.timer_ms is None or node.is_frozen:
                continue
            if node.timer_ms <= self.now_of(node):
                self.step(node, Tick(self.now_of(node)))

    def pass_time(self, milliseconds: int, is_delivering: bool) -> None:
        end_ms = self.now_ms + milliseconds
        for _ in range(TICKS_MAX):
            if is_delivering:
                self.drain()
            due_ms = self.next_timer_ms()
            if due_ms is None or due_ms > end_ms:
                self.now_ms = end_ms
                return
            self.now_ms = max(self.now_ms, due_ms)
            self.fire_timers()
        raise ScenarioError("the timers do not come to rest")

    def settle(self, limit_ms: int) -> int:
        """Until nothing waits and no timer is set. Returns how long it took."""
        started_ms = self.now_ms
        for _ in range(TICKS_MAX):
            self.drain()
            due_ms = self.next_timer_ms()
            if due_ms is None:
                return self.now_ms - started_ms
            if due_ms > started_ms + limit_ms:
                raise ScenarioError(f"not idle after {limit_ms} ms")
            self.now_ms = max(self.now_ms, due_ms)
            self.fire_timers()
        raise ScenarioError("the cluster does not come to rest")

    def check_end(self) -> None:
        """What can be seen only when a story is over. Raises AssertionError."""
        for node in self.nodes:
            if node.index not in self.liars:
                self.invariants.at_end(node.disk.blocks)

    def block_named(self, name: str) -> Hash:
        try:
            return self.names.hash(name)
        except KeyError as error:
            raise ScenarioError(str(error)) from None

    def digest(self, header: Any) -> Hash:
        return block_hash(hash_, header)
