"""A deterministic cluster of real cores of one engine: messages wait in a queue until a transcript moves them.

Records, certificates and messages are the real ones; signatures come from the simulator's registry, so
that nobody can forge. Nothing here is random and nothing passes time but a command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from consensus.api import (
    Accuse,
    Action,
    Behind,
    Block,
    Broadcast,
    Deliver,
    EpochBase,
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
    Reconfigured,
    Restart,
    Send,
    SetTimer,
    Synced,
    TxRef,
    TxWaiting,
)
from consensus.certificate import CommitCert
from consensus.encoding import Hash, decode
from consensus.header import block_hash
from consensus.pbft.evidence import Evidence
from tests.scenarios.disk import Disk
from tests.scenarios.engines import Engine
from tests.scenarios.execution import execute
from tests.scenarios.genesis import START_MS, genesis_header
from tests.scenarios.node import Effects, Node
from tests.scenarios.packets import (
    AskBlocks,
    AskBodies,
    Blocks,
    Bodies,
    Filter,
    Packet,
)
from tests.scenarios.words import Names, joined, kind_of
from tests.simulation.ghost import SUITE, GhostSigner, GhostVerifier, Registry, hash_
from tests.simulation.members import Change, Members

STEPS_MAX = 20_000


class ScenarioError(Exception):
    """A transcript asks for what cannot be."""


class PowerLoss(Exception):
    """A node's power fails in the middle of a list of actions."""


class Cluster:
    """`out` collects lines as (is_milestone, text); the runner takes them after each command."""

    def __init__(
        self,
        engine: Engine,
        n: int,
        window: int = 1,
        liars: Iterable[int] = (),
        spares: int = 0,
        **settings: int,
    ) -> None:
        self.engine = engine
        self.n = n
        self.liars = tuple(liars)
        members = Members.at_genesis(n, n + spares)
        self.epochs = {0: members}
        self.changes: dict[Hash, Change] = {}
        self.validators = members.validators()
        self.genesis = genesis_header(self.validators)
        self.registry = Registry()
        self.names = Names(self.genesis)
        base = EpochBase(0, self.names.genesis_hash)
        self.bases = {0: base}
        self.words = engine.words(self.names, self.epochs, self.bases)
        limits = {"block_wait_ms": 0, **settings}
        self.config = engine.config(
            channel_id=self.genesis.channel_id,
            suite=SUITE,
            genesis_hash=self.names.genesis_hash,
            config_hash=self.genesis.config_hash,
            window=window,
            **limits,
        )
        self.invariants = engine.invariants(
            self.genesis, self.registry, window, self.liars, self.epochs
        )
        self.now_ms = START_MS
        self.out: list[tuple[bool, str]] = []
        self.queue: list[Packet] = []
        self.held: list[Packet] = []
        self.cuts: list[Filter] = []
        self.holds: list[Filter] = []
        self.history: list[Packet] = []
        self.view_changes: dict[Any, None] = {}
        self.lives = 0
        first = (members, base)
        self.nodes = [Node(i, Disk(self.genesis), [first]) for i in range(n + spares)]

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
        node.pool = dict(node.disk.bodies)
        node.is_frozen = node.is_halted = False
        self.invariants.on_restart(index, node.disk.tip.height)
        self._begin(node, **changes)
        if node.core is None:
            return
        reason = node.core.status().observes_because
        self.say(
            f"{index} started: {self.standing(node)}" + (f", observes: {reason}" if reason else "")
        )
        self._tell_waiting(node)
        self._execute(node)

    def _begin(self, node: Node, **changes: Any) -> None:
        """A core of the epoch in force: a new life, or the next epoch of the same one."""
        members, base = node.configs[-1]
        validators, position = members.validators(), members.index_of(node.index)
        verifier, signer = GhostVerifier(self.registry), None
        if position is not None:
            signer = GhostSigner(self.registry, validators.key(position))
        config = replace(self.config, config_hash=members.config_hash)
        effects = Effects(self, node)
        node.core = self.engine.core(config, validators, position, verifier, signer, effects, base)
        node.timer_ms = None  # that of the core before, if there was one
        tip = node.disk.tip
        lowest = min(max(0, tip.height - self.config.window), node.disk.executed_height)
        above = node.disk.blocks[node.disk.executed_height :]
        self.lives += 1
        fields: dict[str, Any] = {
            "now_ms": self.now_of(node),
            "records": tuple(node.disk.wal),
            "tip": tip,
            "tip_cert": node.disk.tip_cert,
            "executed": node.disk.executed_from(lowest),
            "is_tip_config": any(self.is_config(block) for block, _ in above),
            "nonce": self.lives,
            "is_key_new": not node.disk.has_begun,
        }
        self.step(node, Restart(**{**fields, **changes}))

    def _tell_waiting(self, node: Node) -> None:
        committed = self._committed(node)
        waiting = tuple(ref for ref in node.pool.values() if ref.tx_id not in committed)
        if waiting:
            self.step(node, TxWaiting(self.now_of(node), waiting))

    def is_config(self, block: Block) -> bool:
        return any(tx_id in self.changes for tx_id in block.tx_ids)

    def _reconfigured(self, node: Node, height: int) -> None:
        """The core has ended; the next begins from the same disk."""
        members = node.members
        who = joined(members.nodes)
        self.say(f"{node.index} entered epoch {members.epoch} above {height}: members {who}")
        self._begin(node)
        self.engine.link(self, node)
        self._tell_waiting(node)

    def crash(self, node: Node) -> None:
        """Everything not on the disk is gone."""
        node.core, node.fails_before, node.timer_ms = None, None, None
        node.leads = 0
        node.answers.clear()

    def now_of(self, node: Node) -> int:
        return self.now_ms + node.clock_offset_ms

    def _committed(self, node: Node) -> dict[Hash, None]:
        return {tx_id: None for block, _ in node.disk.blocks for tx_id in block.tx_ids}

    def standing(self, node: Node) -> str:
        """View and tip in few words."""
        assert node.core is not None
        epoch = f"epoch {node.members.epoch}, " if node.members.epoch else ""
        tip = self.names.note(node.disk.tip, ())
        return f"{epoch}{self.engine.standing(self, node)}, tip {tip}"

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
            whose = "a block"
            if isinstance(event, Received):
                whose = f"{node.members.nodes[event.sender]}'s message"
            self.say(f"{node.index} refused {whose}: {violation}")
        except InvariantBroken as broken:
            self.say(f"{node.index} stopped: {broken}")
            node.core = None
        except PowerLoss:
            self.crash(node)
        self.engine.after_step(self, node)

    def _fail_perhaps(self, node: Node, action: Action) -> None:
        if node.fails_before is None:
            return
        what, kind = node.fails_before
        found = ""
        match action:
            case Persist(records) if what == "record":
                found = joined(self.words.record(each)[0].split()[0].lower() for each in records)
            case Broadcast(message) if what == "send":
                found = kind_of(self.engine.decode_message(message))
            case Send(_, message) if what == "send":
                found = kind_of(self.engine.decode_message(message))
            case Deliver() if what == "deliver":
                found = "block"
        if kind in found.split(","):
            self.say(f"{node.index} lost power; the next thing was: {what} {kind}")
            raise PowerLoss

    def _do(self, node: Node, action: Action) -> None:
        me = node.index
        match action:
            case Persist(records):
                node.disk.wal += records
                node.disk.has_begun = True
                for data in records:
                    text, is_milestone = self.words.record(data)
                    self.say(f"{me} recorded {text}", is_milestone)
            case Keep(tx_ids=tx_ids):
                node.disk.bodies.update({each: node.body(each) for each in tx_ids})
            case Broadcast(message):
                content = self.engine.decode_message(message)
                self.send(me, [i for i in node.members.nodes if i != me], content, "all")
            case Send(to, message):
                to = node.members.nodes[to]
                self.send(me, [to], self.engine.decode_message(message), str(to))
            case Deliver(block, cert):
                self._deliver(node, block, cert)
            case Need(tx_ids, from_):
                self._need(node, tx_ids, from_)
            case Behind(height, from_):
                from_ = node.members.nodes[from_]
                self.say(f"{me} asked {from_} for blocks up to {height}", False)
                self.enqueue(Packet(me, from_, AskBlocks(len(node.disk.blocks) + 1)))
            case Forward(to, tx_ids):
                to = node.members.nodes[to]
                self.say(f"{me} forwarded {self.names.transactions(tx_ids)} to {to}", False)
                self.enqueue(Packet(me, to, Bodies(tuple(node.body(each) for each in tx_ids))))
            case SetTimer(at_ms):
                node.timer_ms = at_ms
            case Accuse(evidence):
                self._accuse(me, decode(Evidence, evidence))
            case Reconfigured(height):
                self._reconfigured(node, height)
            case Halt():
                node.is_halted = True
                differs = f"after height {action.height} differs"
                where = (
                    differs
                    if action.own_root != action.sealed_root
                    else f"at height {action.height}"
                )
                self.say(f"{me} halted: {action.reason} {where}")
            case _:
                self.say(f"{me} did {type(action).__name__}")

    def send(self, me: int, targets: list[int], content: Any, shown: str) -> None:
        author = self.words.author(content)
        if me not in self.liars:
            self.invariants.on_sent(me, targets, content, author)
        is_milestone = kind_of(content) == "view-change" and author == me
        if is_milestone:
            is_milestone = content not in self.view_changes
            self.view_changes[content] = None
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
        signers = self.words.signers(cert)
        name = self.names.note(block.header, block.tx_ids)
        content = self.names.transactions(block.tx_ids)
        sealed = f"sealed in {self.words.view_name} {cert.view} by {signers}"
        self.say(f"{node.index} committed {name} {content}, {sealed}")

    def _need(self, node: Node, tx_ids: tuple[Hash, ...], from_: int) -> None:
        committed = self._committed(node)
        unknown = tuple(each for each in tx_ids if not node.has(each) and each not in committed)
        for tx_id in tx_ids:
            if tx_id not in unknown:
                ref = None if tx_id in committed else node.body(tx_id)
                node.answers.append(Have(self.now_of(node), tx_id, ref is not None, ref))
        if unknown:
            from_ = node.members.nodes[from_]
            self.say(f"{node.index} asked {from_} for {self.names.transactions(unknown)}", False)
            self.enqueue(Packet(node.index, from_, AskBodies(unknown)))

    def _accuse(self, me: int, evidence: Evidence) -> None:
        members = self.epochs[evidence.epoch]
        keys = [each.vote_key for each in members.validators().validators]
        accused = members.nodes[keys.index(evidence.vote_key)]
        if accused not in self.liars:
            raise AssertionError(f"S10 node {me} accuses the honest {accused}")
        where = f"view {evidence.view}, height {evidence.height}"
        self.say(f"{me} accused {accused}: two of kind {evidence.kind} in {where}")

    # --- execution

    def _execute(self, node: Node) -> None:
        while node.core is not None and node.is_executing:
            if node.disk.executed_height >= len(node.disk.blocks):
                return
            execute(self, node)

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
                position = node.members.index_of(packet.sender)
                if position is not None:
                    self.step(node, Received(self.now_of(node), position, content))

    def add_bodies(self, node: Node, txs: tuple[TxRef, ...]) -> None:
        node.pool.update({ref.tx_id: ref for ref in txs})
        committed = self._committed(node)
        fresh = tuple(ref for ref in txs if ref.tx_id not in committed)
        if fresh:
            self.step(node, TxWaiting(self.now_of(node), fresh))

    def sync(self, node: Node, source: Node) -> None:
        """What the node layer does: fetch blocks from somebody, whoever votes."""
        blocks = tuple(source.disk.blocks[len(node.disk.blocks) :])
        self._sync(node, source.index, blocks)

    def _sync(self, node: Node, sender: int, blocks: tuple[tuple[Block, CommitCert], ...]) -> None:
        """Blocks come with their bodies."""
        for block, cert in blocks:
            for tx_id in block.tx_ids:
                node.pool.setdefault(tx_id, self.nodes[sender].body(tx_id))
            self.step(node, Synced(self.now_of(node), block, cert, self.is_config(block)))

    def drain(self, is_wanted: Callable[[Packet], bool] = lambda _: True) -> None:
        """Deliver what waits and what follows from it."""
        for _ in range(STEPS_MAX):
            found = next((i for i, packet in enumerate(self.queue) if is_wanted(packet)), None)
            if found is None and self._serve_onlooker():
                continue
            if found is None:
                return
            self.hand_over(self.queue.pop(found))
        raise ScenarioError("the cluster does not come to rest")

    def _serve_onlooker(self) -> bool:
        """Who has no vote in another's eyes is told nothing and fetches blocks, as the node layer does."""
        for node in self.nodes:
            for source in self.nodes:
                is_ahead = len(source.disk.blocks) > len(node.disk.blocks)
                if node.core is None or source.core is None or not is_ahead:
                    continue
                is_member = source.members.index_of(node.index) is not None
                if is_member or self.is_cut(Packet(source.index, node.index, Blocks(()))):
                    continue
                before = len(node.disk.blocks)
                self.sync(node, source)
                if len(node.disk.blocks) > before:
                    return True
        return False

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
