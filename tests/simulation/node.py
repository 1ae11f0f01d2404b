"""One simulated node: the real core, driven as `node/ordering/driver.py` drives it.

step(input) -> actions, in order: Persist and Keep are durable before what follows leaves. The node keeps
bodies, stores delivered blocks, executes them after a while, fetches what it lacks. A life ends with a
crash; what the next life knows is on the disk. A paused node does nothing, then everything in one burst.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from consensus.api import (
    Accuse,
    Action,
    Behind,
    Block,
    Broadcast,
    ConfigEffect,
    Core,
    Deliver,
    EpochBase,
    Executed,
    Forward,
    Halt,
    Input,
    Keep,
    Need,
    Persist,
    ProtocolViolation,
    Received,
    Reconfigured,
    Restart,
    Send,
    SetTimer,
    Tick,
    TxRef,
    TxWaiting,
)
from consensus.certificate import CommitCert
from consensus.encoding import Hash
from consensus.header import leaves_root
from node.opening import WAL_LOST
from tests.simulation.disk import Disk
from tests.simulation.engine import Violation
from tests.simulation.ghost import hash_, vote_key
from tests.simulation.members import Members
from tests.simulation.punctuality import Clock
from tests.simulation.supply import Supply

if TYPE_CHECKING:
    from tests.simulation.world import World

POLL_MS = 700
CHECK_EVERY = 32
EMPTY_ROOT = leaves_root(hash_, ())


class Crashed(Exception):
    """The node lost power, or a write failed, in the middle of a list of actions."""


class SimNode:
    """`core` is None while the node is down. `id` is for life; indexes belong to an epoch."""

    def __init__(self, world: World, id_: int, disk: Disk, members: Members) -> None:
        self.world = world
        self.id = id_
        self.disk = disk
        self.configs: list[tuple[int, Members]] = [(0, members)]
        self.electorate = (
            members  # whose indexes the core speaks in: until it ends, those of its epoch
        )
        self.core: Core | None = None
        self.life = 0
        self.clock = Clock()
        self.set_clock(0.0, 1.0)
        self.pool: dict[Hash, TxRef] = {}
        self.committed: dict[Hash, int] = {}
        self.has_begun = False  # whether it wrote a record in any life: it may have voted
        self.is_paused = False
        self._burst: list[Callable[[], None]] = []
        self._timer = 0
        self._timer_at_ms: int | None = None
        self.supply = Supply(self)
        self._is_executing = False
        self._polled_at = -1

    # --- life and death

    @property
    def is_up(self) -> bool:
        return self.core is not None

    @property
    def is_voting(self) -> bool:
        return self.core is not None and not self.core.status().observes_because

    @property
    def now_ms(self) -> int:
        return int(self.clock.at(self.world.now))

    @property
    def clock_offset_ms(self) -> float:
        return self.clock.settings[-1][1]

    @property
    def clock_rate(self) -> float:
        return self.clock.settings[-1][2]

    def set_clock(self, offset_ms: float, rate: float) -> None:
        self.clock.set(self.world.now, offset_ms, rate)

    @property
    def members(self) -> Members:
        """In force after the last executed block."""
        return self.configs[-1][1]

    def has_owned(self, key: bytes) -> bool:
        """Whether this vote key is or was this node's."""
        made = max(members.generations[self.id] for _, members in self.configs)
        return any(key == vote_key(self.id, generation) for generation in range(made + 1))

    def start(self) -> None:
        """A life from what the disk holds."""
        self.life += 1
        self.pool = dict(self.disk.bodies)
        self.committed = {
            tx_id: block.header.height for block, _ in self.disk.blocks for tx_id in block.tx_ids
        }
        self.supply.behind_to, self._is_executing = 0, False
        records = self.disk.records()
        self.world.checkers.on_restart(self.id, self.disk)
        self._begin(records)

    def _begin(self, records: tuple[bytes, ...]) -> None:
        """A core of the epoch in force: a new life, or the next epoch of the same one."""
        disk, window = self.disk, self.world.shape.window
        self.core, self.electorate = self.world.new_core(self), self.members
        tip = disk.tip
        known = disk.executed_from(min(max(0, tip.height - window), disk.executed_height))
        is_tip_config = self.is_config_above(disk.executed_height)
        restart = Restart(
            self.now_ms,
            records,
            tip,
            disk.tip_cert,
            known,
            is_wal_loss_accepted=len(self.members.voters) <= 2,  # an operator's word
            is_tip_config=is_tip_config,
            observes_because=WAL_LOST if self._is_log_lost(records) else "",
            nonce=self.world.new_nonce(),
            is_key_new=disk.began_at is None,
        )
        self.step(restart)
        waiting = tuple(ref for i, ref in self.pool.items() if i not in self.committed)
        if waiting and self.core is not None:
            self.step(TxWaiting(self.now_ms, waiting))
        self._execute_later()
        self.world.has_progress = True
        self.later(POLL_MS, self._poll)

    def _is_log_lost(self, records: tuple[bytes, ...]) -> bool:
        """As `node/opening.py` tells it: there were records once. An operator's word goes before."""
        is_accepted = len(self.members.voters) <= 2
        return self.disk.began_at is not None and not records and not is_accepted

    def _poll(self) -> None:
        """Links tell tips beside the core: who does not vote, or stands still, hears of new blocks so. A
        member that was removed while it was cut off has no other way."""
        height = len(self.disk.blocks)
        if self.members.index_of(self.id) is None or height == self._polled_at:
            peer = self.world.any_peer(self.id)
            self.world.send_other(self.id, peer, "ask_blocks", height + 1)
        self._polled_at = height
        self.later(POLL_MS, self._poll)

    def is_config_above(self, height: int) -> bool:
        """Whether a delivered block that waits for execution changes the configuration."""
        return any(self.is_config(block) for block, _ in self.disk.blocks[height:])

    def is_config(self, block: Block) -> bool:
        return any(tx_id in self.world.changes for tx_id in block.tx_ids)

    def effect(self, tx_id: Hash) -> ConfigEffect | None:
        """`consensus.api.Configuration`."""
        change = self.world.changes.get(tx_id)
        if change is None or tx_id not in self.pool:
            return None
        after = self.members.after(change)
        return ConfigEffect(after.config_hash, self.world.validators_of(after), EMPTY_ROOT)

    def epoch_base(self) -> EpochBase:
        """The last block of the epoch before the one in force."""
        epoch = self.members.epoch
        at = next(i for i, (_, members) in enumerate(self.configs) if members.epoch == epoch)
        height = self.configs[at][0]
        if height == 0:
            return EpochBase(0, self.world.genesis_hash)
        _, cert = self.disk.blocks[height - 1]
        before = self.world.validators_of(self.configs[at - 1][1])
        return EpochBase(height, cert.block_hash, before, cert)

    def _reconfigured(self, height: int) -> None:
        """The epoch's core has ended; the next begins from the same disk."""
        self._timer += 1
        self.world.trace(f"{self.id} is in epoch {self.members.epoch} after {height}")
        self._begin(tuple(self.disk.wal.recover()))
        for other in range(self.world.shape.nodes):
            self.world.connect(self.id, other)

    def crash(self) -> None:
        self.core = None
        self.life += 1
        self.is_paused = False
        self._burst.clear()
        self.disk.wal.crash(self.world.disk_rng)

    def forget_above(self, height: int) -> None:
        """The disk went back to `height`; so does what was derived from it."""
        self.configs = [each for each in self.configs if each[0] <= height]

    # --- scheduling

    def later(self, delay: float, event: Callable[[], None]) -> None:
        """In this life, and not while paused."""
        self.world.after(delay, self.guarded(event))

    def guarded(self, event: Callable[[], None]) -> Callable[[], None]:
        life = self.life

        def run() -> None:
            if life != self.life:
                return
            if self.is_paused:
                self._burst.append(run)
            else:
                event()

        return run

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False
        burst, self._burst = self._burst, []
        for event in burst:
            event()

    # --- the core

    def step(self, event: Input) -> None:
        """One input and everything it leads to, unless power fails on the way."""
        core, world = self.core, self.world
        if core is None:
            return
        try:
            actions = core.step(event)
            if actions:
                if world.shape.is_grouping:
                    actions = self._persist_together(actions)
                for action in actions:
                    self._do(action)
        except Crashed:
            world.trace(f"{self.id} crashed in mid-step")
            self.crash()
            world.operations.restart_later(self.id)
            return
        if self.core is core and world.events % CHECK_EVERY == 0:
            world.checkers.on_core(self.id, core, self.disk)

    def _persist_together(self, actions: list[Action]) -> list[Action]:
        """Group commit: all records of a step in one write and one sync, before anything else."""
        records: tuple[bytes, ...] = ()
        rest: list[Action] = []
        for action in actions:
            if isinstance(action, Keep):
                self._do(action)
            elif isinstance(action, Persist):
                records += action.records
            else:
                rest.append(action)
        if records:
            self._write(records)
        return rest

    def _write(self, records: tuple[bytes, ...]) -> None:
        world, disk = self.world, self.disk
        if world.now < disk.full_until:
            world.trace(f"{self.id} has no space left")
            raise Crashed
        disk.wal.append(records)
        self._perhaps_crash()
        if world.operations.sync_fails_now():
            world.trace(f"{self.id} a sync failed")
            raise Crashed
        disk.wal.sync()
        if disk.began_at is None:
            disk.began_at = len(disk.blocks)
        self.has_begun = True
        self._perhaps_crash()

    def _do(self, action: Action) -> None:
        world = self.world
        match action:
            case Broadcast(message):
                world.send_consensus(self, message, None)
                self._perhaps_crash()
            case Send(to, message):
                world.send_consensus(self, message, self.node_at(to))
            case SetTimer(at_ms):
                self._set_timer(at_ms)
            case Persist(records):
                self._write(records)
            case Keep(tx_ids=tx_ids):
                self.disk.bodies.update({i: self.pool[i] for i in tx_ids})
            case Deliver(block, cert):
                self._deliver(block, cert)
                self._perhaps_crash()
            case Need(tx_ids, from_):
                self.supply.need(tx_ids, self.node_at(from_))
            case Behind(height, from_):
                self.supply.behind_to = max(self.supply.behind_to, height)
                self.supply.fetch(self.node_at(from_))
            case Forward(to, tx_ids):
                refs = tuple(self.pool[i] for i in tx_ids if i in self.pool)
                world.send_other(self.id, self.node_at(to), "bodies", refs)
            case Accuse(evidence):
                world.on_accuse(self.id, evidence)
            case Reconfigured(height):
                self._reconfigured(height)
            case Halt():
                raise Violation(f"R12 node {self.id} halts: {action}")
            case _:
                raise Violation(f"node {self.id}: an action the driver does not know: {action}")

    def node_at(self, index: int) -> int:
        nodes = self.electorate.nodes
        return nodes[index % len(nodes)]

    def _perhaps_crash(self) -> None:
        if self.world.operations.crashes_now():
            raise Crashed

    def _set_timer(self, at_ms: int | None) -> None:
        self._timer += 1
        self._timer_at_ms = at_ms
        if at_ms is None:
            return
        timer = self._timer
        delay = max(0.0, (at_ms - self.now_ms) / self.clock_rate)

        def fire() -> None:
            if timer == self._timer:
                self.step(Tick(self.now_ms))

        self.later(delay, fire)

    def refresh_timer(self) -> None:
        """The clock was set: a daemon's loop wakes and looks at it again."""
        if self.is_up and self._timer_at_ms is not None:
            self._timer += 1
            self.later(0.0, lambda: self.step(Tick(self.now_ms)))

    # --- blocks and execution

    def _deliver(self, block: Block, cert: CommitCert) -> None:
        world, disk = self.world, self.disk
        leaves = [self.pool[i].leaf for i in block.tx_ids]
        world.checkers.on_deliver(self.id, block, disk.tip, leaves)
        members = world.checkers.members[block.header.epoch]
        world.punctuality.on_deliver(block.header, disk.tip, cert, members, world.now)
        disk.blocks.append((block, cert))
        for tx_id in block.tx_ids:
            self.committed[tx_id] = block.header.height
            disk.bodies[tx_id] = self.pool[tx_id]
        world.trace(f"{self.id} delivers {block.header.height} {len(block.tx_ids)} txs")
        self._execute_later()

    def _execute_later(self) -> None:
        if not self._is_executing and self.disk.executed_height < len(self.disk.blocks):
            self._is_executing = True
            self.later(self.world.execution_delay(), self._execute_next)

    def _execute_next(self) -> None:
        disk, world = self.disk, self.world
        self._is_executing = False
        height = disk.executed_height + 1
        block, _ = disk.blocks[height - 1]
        state_root, _ = disk.roots_after(height - 1)
        if block.tx_ids:
            state_root = Hash(hash_(state_root + b"".join(block.tx_ids)))
        receipts_root = leaves_root(hash_, [hash_(b"receipt" + i) for i in block.tx_ids])
        disk.roots.append((state_root, receipts_root))
        world.checkers.on_executed(self.id, height, (state_root, receipts_root))
        for tx_id in block.tx_ids:
            if tx_id in world.changes:
                self.configs.append((height, self.members.after(world.changes[tx_id])))
                world.checkers.on_config(self.members)
        disk.wal.rotate(lambda records: world.engine.retain(records, height))
        world.has_progress = True
        self.step(Executed(self.now_ms, height, state_root, receipts_root))
        if self.is_up:
            self._execute_later()

    # --- what arrives

    def receive(self, sender: int, message: Any) -> None:
        index = self.electorate.index_of(sender)
        if index is None:
            return  # a stranger to this epoch has no say
        self.world.punctuality.on_heard(self.id, message, self.world.now)
        said = self.world.votes_of_liar(self, sender, message)
        try:
            self.step(Received(self.now_ms, index, message))
        except ProtocolViolation as violation:
            self.world.on_blame(self.id, sender, str(violation))
            return
        if said is not None and self.is_up:
            self.world.witness.note(self, sender, said)
