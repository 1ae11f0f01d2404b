"""One simulated node: the real core, driven as `node/driver.py` drives it.

step(input) -> actions, in order: Persist and Keep are durable before what follows leaves. The node keeps
bodies, stores delivered blocks, executes them after a while, fetches what it lacks. A life ends with a
crash; what the next life knows is on the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consensus.api import (
    Accuse,
    Action,
    Behind,
    Block,
    Broadcast,
    Core,
    Deliver,
    Executed,
    Forward,
    Halt,
    Have,
    Input,
    Keep,
    Need,
    PeerConnected,
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
from consensus.certificate import CommitCert
from consensus.encoding import Hash
from consensus.header import leaves_root
from tests.simulation.checkers import Violation
from tests.simulation.disk import Disk
from tests.simulation.ghost import hash_

if TYPE_CHECKING:
    from tests.simulation.world import World

SYNC_BLOCKS_MAX = 8
ASK_AGAIN_MS = 300
START_MS = 1_000_000


class Crashed(Exception):
    """The node lost power in the middle of a list of actions."""


class SimNode:
    """`core` is None while the node is down."""

    def __init__(self, world: World, index: int, disk: Disk) -> None:
        self.world = world
        self.index = index
        self.disk = disk
        self.core: Core | None = None
        self.life = 0
        self.clock_offset_ms = 0.0
        self.clock_rate = 1.0
        self.pool: dict[Hash, TxRef] = {}
        self.committed: dict[Hash, int] = {}
        self._timer = 0
        self._timer_at_ms: int | None = None
        self._behind_to = 0
        self._accused = False

    # --- life and death

    def start(self) -> None:
        self.life += 1
        self.pool = dict(self.disk.bodies)
        self._behind_to = 0
        self.core = self.world.new_core(self.index)
        tip = self.disk.tip
        self.world.checkers.on_restart(self.index, tip.height)
        window = self.world.shape.window
        restart = Restart(
            self.now_ms,
            tuple(self.disk.synced),
            tip,
            self.disk.tip_cert,
            self.disk.executed_from(min(max(0, tip.height - window), self.disk.executed_height)),
        )
        self.step(restart)
        waiting = tuple(ref for i, ref in self.pool.items() if i not in self.committed)
        if waiting:
            self.step(TxWaiting(self.now_ms, waiting))
        if self.disk.executed_height < tip.height:
            self._execute_later()

    def crash(self) -> None:
        self.core = None
        self.life += 1
        self.disk.crash(self.world.disk_rng)

    @property
    def is_up(self) -> bool:
        return self.core is not None

    @property
    def now_ms(self) -> int:
        return int(START_MS + self.world.now * self.clock_rate + self.clock_offset_ms)

    # --- the core

    def step(self, event: Input) -> None:
        """One input and everything it leads to, unless power fails on the way."""
        if self.core is None:
            return
        try:
            actions = self.core.step(event)
            if self.world.shape.is_grouping:
                actions = self._persist_together(actions)
            for action in actions:
                self._do(action)
            if self.core is not None and self.world.events % 32 == 0:
                self.world.checkers.on_core(self.index, self.core)
        except Crashed:
            self.world.trace(f"{self.index} crashed in mid-step")
            self.crash()
            self.world.restart_later(self.index)

    def _persist_together(self, actions: list[Action]) -> list[Action]:
        """Group commit: all records of a step in one write and one sync, before anything else."""
        for action in actions:
            if isinstance(action, Keep):
                self._do(action)
            elif isinstance(action, Persist):
                self.disk.append(action.records)
        if any(isinstance(action, Persist) for action in actions):
            self._perhaps_crash()
            self.disk.sync()
            self._perhaps_crash()
        return [action for action in actions if not isinstance(action, Persist | Keep)]

    def _do(self, action: Action) -> None:
        world = self.world
        match action:
            case Persist(records):
                self.disk.append(records)
                self._perhaps_crash()
                self.disk.sync()
                self._perhaps_crash()
            case Keep(tx_ids=tx_ids):
                self.disk.bodies.update({i: self.pool[i] for i in tx_ids})
            case Broadcast(message):
                world.send_consensus(self.index, message, None)
                self._perhaps_crash()
            case Send(to, message):
                world.send_consensus(self.index, message, to)
            case Deliver(block, cert):
                self._deliver(block, cert)
                self._perhaps_crash()
            case Need(tx_ids, from_):
                self._need(tx_ids, from_)
            case Behind(height, from_):
                self._behind_to = max(self._behind_to, height)
                self._fetch(from_)
            case Forward(to, tx_ids):
                refs = tuple(self.pool[i] for i in tx_ids if i in self.pool)
                world.send_other(self.index, to, "bodies", refs)
            case SetTimer(at_ms):
                self._set_timer(at_ms)
            case Accuse(evidence):
                world.on_accuse(self.index, evidence)
            case Halt():
                raise Violation(f"R12 node {self.index} halts: {action}")

    def _perhaps_crash(self) -> None:
        if self.world.crashes_now():
            raise Crashed

    def _set_timer(self, at_ms: int | None) -> None:
        self._timer += 1
        self._timer_at_ms = at_ms
        if at_ms is None:
            return
        life, timer = self.life, self._timer
        delay = max(0.0, (at_ms - self.now_ms) / self.clock_rate)

        def fire() -> None:
            if (life, timer) == (self.life, self._timer):
                self.step(Tick(self.now_ms))

        self.world.after(delay, fire)

    def refresh_timer(self) -> None:
        """The clock was set: a daemon's loop wakes and looks at it again."""
        if self.is_up and self._timer_at_ms is not None:
            self._timer += 1
            self.world.after(0.0, lambda: self.step(Tick(self.now_ms)))

    # --- blocks and execution

    def _deliver(self, block: Block, cert: CommitCert) -> None:
        leaves = [self.pool[i].leaf for i in block.tx_ids]
        self.world.checkers.on_deliver(self.index, block, self.disk.tip, leaves)
        self.disk.blocks.append((block, cert))
        for tx_id in block.tx_ids:
            self.committed[tx_id] = block.header.height
            self.disk.bodies[tx_id] = self.pool[tx_id]
        self.world.trace(f"{self.index} delivers {block.header.height} {len(block.tx_ids)} txs")
        self.world.on_progress(self.index)
        self._execute_later()

    def _execute_later(self) -> None:
        life = self.life

        def run() -> None:
            if life == self.life and self.disk.executed_height < len(self.disk.blocks):
                self._execute_next()

        self.world.after(self.world.execution_delay(), run)

    def _execute_next(self) -> None:
        height = self.disk.executed_height + 1
        block, _ = self.disk.blocks[height - 1]
        state_root, _ = self.disk.roots_after(height - 1)
        if block.tx_ids:
            state_root = Hash(hash_(state_root + b"".join(block.tx_ids)))
        receipts_root = leaves_root(hash_, [hash_(b"receipt" + i) for i in block.tx_ids])
        self.disk.roots.append((state_root, receipts_root))
        self.world.checkers.on_executed(self.index, height, (state_root, receipts_root))
        self.step(Executed(self.now_ms, height, state_root, receipts_root))
        if self.is_up and self.disk.executed_height < len(self.disk.blocks):
            self._execute_later()

    # --- bodies and catching up

    def add_bodies(self, refs: tuple[TxRef, ...]) -> None:
        new = tuple(ref for ref in refs if ref.tx_id not in self.pool)
        self.pool.update({ref.tx_id: ref for ref in new})
        waiting = tuple(ref for ref in new if ref.tx_id not in self.committed)
        if waiting:
            self.step(TxWaiting(self.now_ms, waiting))

    def _need(self, tx_ids: tuple[Hash, ...], from_: int) -> None:
        unknown = []
        for tx_id in tx_ids:
            if tx_id in self.committed:
                self._answer(tx_id, False)
            elif tx_id in self.pool:
                self._answer(tx_id, True)
            else:
                unknown.append(tx_id)
        if unknown:
            self.world.send_other(self.index, from_, "ask_bodies", tuple(unknown))
            other = self.world.any_peer(self.index)
            self.world.send_other(self.index, other, "ask_bodies", tuple(unknown))

    def _answer(self, tx_id: Hash, is_valid: bool) -> None:
        life = self.life

        def have() -> None:
            if life == self.life:
                ref = self.pool.get(tx_id) if is_valid else None
                self.step(Have(self.now_ms, tx_id, is_valid, ref))

        self.world.after(0.1, have)

    def _fetch(self, from_: int) -> None:
        height = len(self.disk.blocks)
        if not self.is_up or height >= self._behind_to:
            return
        self.world.send_other(self.index, from_, "ask_blocks", height + 1)
        life = self.life

        def again() -> None:
            if life == self.life and len(self.disk.blocks) == height:
                self._fetch(self.world.any_peer(self.index))

        self.world.after(ASK_AGAIN_MS, again)

    # --- what arrives

    def receive(self, sender: int, message: Any) -> None:
        try:
            self.step(Received(self.now_ms, sender, message))
        except ProtocolViolation as violation:
            if sender not in self.world.shape.equivocators:
                raise Violation(f"node {self.index} blames honest {sender}: {violation}") from None

    def receive_other(self, sender: int, kind: str, content: Any) -> None:
        if not self.is_up:
            return
        match kind:
            case "bodies":
                self.add_bodies(content)
            case "ask_bodies":
                known = tuple(self.pool[i] for i in content if i in self.pool)
                if known:
                    self.world.send_other(self.index, sender, "bodies", known)
            case "ask_blocks":
                blocks = self.disk.blocks[content - 1 : content - 1 + SYNC_BLOCKS_MAX]
                if blocks:
                    bodies = [tuple(self.pool[i] for i in b.tx_ids) for b, _ in blocks]
                    self.world.send_other(
                        self.index, sender, "blocks", list(zip(blocks, bodies, strict=True))
                    )
            case "blocks":
                for (block, cert), refs in content:
                    if block.header.height == len(self.disk.blocks) + 1:
                        self.pool.update({ref.tx_id: ref for ref in refs})
                        self.step(Synced(self.now_ms, block, cert))
                self._fetch(sender)
            case "connected":
                self.step(PeerConnected(self.now_ms, sender))
