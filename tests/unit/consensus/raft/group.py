"""A raft group under everything that may go wrong, from one number: losses, repeats, disorder, cuts,
crashes between any two writes, unsynced commit indexes, changes of membership, compaction, handovers.

Checked all the time: one leader a term, one entry an index, everything committed stays, reads are not
stale. After healing: everybody who is a member gets everything.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from consensus.raft import (
    Change,
    ChangeKind,
    ConfChange,
    Config,
    Configuration,
    Entry,
    HardState,
    HashJitter,
    Message,
    ProposalDropped,
    RaftNode,
    Ready,
    Role,
    Snapshot,
    StableLog,
    Transition,
    UnknownPeer,
)
from consensus.raft.messages import NO_HARD_STATE, NO_SNAPSHOT
from consensus.raft.ready import Apply, Write


@dataclass
class Disk:
    """What survives. `applied`: how far the application's own state is durable."""

    hard_state: HardState = NO_HARD_STATE
    snapshot: Snapshot = NO_SNAPSHOT
    entries: list[Entry] = field(default_factory=list)
    applied: int = 0

    def write_entries(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            del self.entries[entry.index - self.snapshot.index - 1 :]
            assert entry.index == self.snapshot.index + len(self.entries) + 1
            self.entries.append(entry)

    def write_snapshot(self, snapshot: Snapshot) -> None:
        self.snapshot, self.entries = snapshot, []
        self.applied = snapshot.index

    def compact(self, snapshot: Snapshot) -> None:
        del self.entries[: snapshot.index - self.snapshot.index]
        self.snapshot = snapshot


class Machine:
    def __init__(
        self, id_: int, disk: Disk, *, life: int, seed: int, is_asynchronous: bool
    ) -> None:
        self.id = id_
        self.disk = disk
        self.log = StableLog.of(disk.hard_state, disk.snapshot, disk.entries)
        config = Config(
            id=id_,
            jitter=HashJitter(b"%d %d %d" % (seed, id_, life)),
            message_bytes_max=60,
            inflight_max=3,
            inflight_bytes_max=200,
            uncommitted_bytes_max=400,
            applying_bytes_max=100,
            snapshot_ticks_max=15,
            is_asynchronous=is_asynchronous,
        )
        self.node = RaftNode(config, self.log, applied=disk.applied)
        self.applied = disk.applied
        if self.applied:
            self.log.offer(self.node.snapshot(b""))
        self.to_write: deque[Write] = deque()
        self.to_apply: deque[Apply] = deque()


class Crash(Exception):
    """The machine stops here."""


class Group:
    def __init__(self, seed: int, *, size: int = 5, voters: int = 3) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.is_asynchronous = self.random.random() < 0.4
        self.has_changes = self.random.random() < 0.7
        self.loss = self.random.choice([0, 0.05, 0.2])
        self.crash_rate = 0.005
        first = Configuration(voters=frozenset(range(1, voters + 1)))
        self.machines: dict[int, Machine | None] = {}
        self.disks: dict[int, Disk] = {}
        self.lives = 0
        for id_ in range(1, size + 1):
            self.disks[id_] = Disk()
            if id_ <= voters:
                self.disks[id_] = Disk(snapshot=Snapshot(1, 1, first), applied=1)
            self.machines[id_] = None
            self.start(id_)
        self.under_way: list[Message] = []
        self.cut: set[tuple[int, int]] = set()
        self.committed: dict[int, Entry] = {}
        self.leaders: dict[int, int] = {}
        self.reads: dict[bytes, int] = {}
        self.answered = 0
        self.proposed = 0

    # --- life ---------------------------------------------------------------------------------------

    def start(self, id_: int) -> None:
        self.lives += 1
        self.machines[id_] = Machine(
            id_,
            self.disks[id_],
            life=self.lives,
            seed=self.seed,
            is_asynchronous=self.is_asynchronous,
        )

    def crash(self, id_: int) -> None:
        self.machines[id_] = None

    @property
    def up(self) -> list[Machine]:
        return [machine for machine in self.machines.values() if machine is not None]

    @property
    def highest(self) -> int:
        return max(self.committed, default=0)

    # --- turning ------------------------------------------------------------------------------------

    def turn(self, machine: Machine, *, crash: float = 0.0) -> None:
        """Everything that a machine owes, or a crash in between."""
        try:
            while machine.node.has_ready():
                self._turn_once(machine, crash)
            if self.is_asynchronous:
                self._work(machine, crash)
        except Crash:
            self.crash(machine.id)
        else:
            self._look(machine)

    def _maybe(self, probability: float) -> None:
        if self.random.random() < probability:
            raise Crash

    def _turn_once(self, machine: Machine, crash: float) -> None:
        ready = machine.node.ready()
        self._check_reads(ready)
        self.under_way += ready.messages
        self._maybe(crash)
        if self.is_asynchronous:
            machine.to_write += [ready.write] if ready.write else []
            machine.to_apply += [ready.apply] if ready.apply else []
            return
        self._save(machine, ready, crash, is_sync_needed=ready.is_sync_needed)
        self.under_way += ready.replies
        self._apply(machine, ready.committed)
        machine.node.advance()
        if any(entry.change is not None for entry in ready.committed):
            machine.log.offer(machine.node.snapshot(b""))

    def _save(
        self, machine: Machine, write: Ready | Write, crash: float, *, is_sync_needed: bool
    ) -> None:
        disk = machine.disk
        if write.snapshot is not None:
            disk.write_snapshot(write.snapshot)
            machine.applied = write.snapshot.index
        disk.write_entries(write.entries)
        self._maybe(crash)
        if write.hard_state is not None and (is_sync_needed or self.random.random() < 0.5):
            disk.hard_state = write.hard_state
        self._maybe(crash)
        machine.log.save(write)

    def _apply(self, machine: Machine, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if self.is_asynchronous and entry.index <= machine.disk.snapshot.index:
                continue  # a snapshot has overtaken it
            assert entry.index == machine.applied + 1, "applied out of order"
            known = self.committed.setdefault(entry.index, entry)
            assert known == entry, f"{machine.id} applies {entry}, others {known}"
            if entry.change is not None:
                machine.node.apply_change(entry.change)
            machine.applied = entry.index

    def _work(self, machine: Machine, crash: float) -> None:
        """Some of the writes and applications that are due, each queue in its order."""
        for _ in range(self.random.randrange(4)):
            if machine.to_write and self.random.random() < 0.7:
                task = machine.to_write.popleft()
                self._save(machine, task, crash, is_sync_needed=True)
                for reply in task.replies:
                    if reply.to == machine.id:
                        self._step(machine, reply)
                    else:
                        self.under_way.append(reply)
                if task.receipt is not None:
                    machine.node.written(task.receipt)
            elif machine.to_apply:
                work = machine.to_apply.popleft()
                self._apply(machine, work.entries)
                machine.node.applied(work.receipt)
                if any(entry.change is not None for entry in work.entries):
                    machine.log.offer(machine.node.snapshot(b""))

    def _step(self, machine: Machine, message: Message) -> None:
        with suppress(ProposalDropped, UnknownPeer):
            machine.node.step(message)

    def _look(self, machine: Machine) -> None:
        status = machine.node.status()
        assert status.applied <= status.committed <= status.last_index
        if status.role is Role.LEADER:
            leader = self.leaders.setdefault(status.term, machine.id)
            assert leader == machine.id, f"two leaders in term {status.term}"

    def _check_reads(self, ready: Ready) -> None:
        for read in ready.reads:
            assert read.index >= self.reads[read.context], "a stale read"
            self.answered += 1

    # --- what happens -------------------------------------------------------------------------------

    def happen(self) -> None:
        """One thing, of whatever kind."""
        dice = self.random.random()
        machine = self.random.choice(self.up) if self.up else None
        if dice < 0.55:
            self.deliver()
        elif machine is None or dice < 0.57:
            self._restart_one()
        elif dice < 0.85:
            machine.node.tick()
            self.turn(machine)
        elif dice < 0.93:
            self.propose(machine)
        else:
            self._rarely(machine)

    def _rarely(self, machine: Machine) -> None:
        kind = self.random.choice(
            [
                "crash",
                "cut",
                "heal",
                "read",
                "change",
                "transfer",
                "compact",
                "checkpoint",
                "report",
            ]
        )
        ids = list(self.machines)
        if kind == "crash":
            machine.node.tick()
            self.turn(machine, crash=0.3)
        elif kind == "cut":
            side = set(self.random.sample(ids, self.random.randrange(1, len(ids))))
            self.cut |= {(a, b) for a in ids for b in ids if (a in side) != (b in side)}
            if self.random.random() < 0.3:  # one-way, or with a bridge
                self.cut = {pair for pair in sorted(self.cut) if self.random.random() < 0.7}
        elif kind == "heal":
            self.cut.clear()
        elif kind == "read":
            context = b"%d" % len(self.reads)
            self.reads[context] = self.highest
            machine.node.read_index(context)
        elif kind == "change" and self.has_changes:
            self._change(machine)
        elif kind == "transfer":
            machine.node.transfer_leader(self.random.choice(ids))
        elif kind == "compact":
            self._compact(machine)
        elif kind == "checkpoint" and not machine.to_write:
            machine.disk.applied = machine.applied
        elif kind == "report":
            machine.node.report_unreachable(self.random.choice(ids))
            machine.node.report_snapshot(self.random.choice(ids), is_ok=self.random.random() < 0.5)
        if self.machines[machine.id] is machine:
            self.turn(machine)

    def _restart_one(self) -> None:
        down = [id_ for id_, machine in self.machines.items() if machine is None]
        if down:
            self.start(self.random.choice(down))

    def _compact(self, machine: Machine) -> None:
        if machine.to_apply or machine.to_write or machine.node.status().applied == 0:
            return
        snapshot = machine.node.snapshot(b"")
        if machine.log.first_index <= snapshot.index <= machine.log.last_index:
            machine.disk.compact(snapshot)
            machine.disk.applied = machine.applied
            machine.log.compact(snapshot)

    def _change(self, machine: Machine) -> None:
        kinds = [
            ChangeKind.ADD_VOTER,
            ChangeKind.ADD_VOTER,
            ChangeKind.ADD_LEARNER,
            ChangeKind.REMOVE,
        ]
        changes = tuple(
            Change(self.random.choice(kinds), self.random.choice(list(self.machines)))
            for _ in range(self.random.randrange(4))
        )
        transition = self.random.choice(list(Transition))
        with suppress(ProposalDropped):
            machine.node.propose_change(ConfChange(changes, transition))

    def propose(self, machine: Machine) -> None:
        self.proposed += 1
        with suppress(ProposalDropped):
            machine.node.propose(b"%d" % self.proposed * self.random.randrange(1, 9))
        self.turn(machine)

    def deliver(self) -> None:
        if not self.under_way:
            return
        # Mostly the oldest: a network in complete disorder never elects anybody.
        position = 0
        if self.random.random() < 0.2:
            position = self.random.randrange(len(self.under_way))
        message = self.under_way[position]
        if self.random.random() >= 0.03:
            del self.under_way[position]  # otherwise it comes again
        machine = self.machines[message.to]
        is_lost = (message.from_, message.to) in self.cut or self.random.random() < self.loss
        if machine is not None and not is_lost:
            self._step(machine, message)
            self.turn(machine, crash=self.crash_rate)

    # --- the end ------------------------------------------------------------------------------------

    def heal(self, rounds: int = 400) -> None:
        """No more faults: everything must come to an end, and a last proposal to everybody."""
        self.cut.clear()
        self.loss = self.crash_rate = 0
        for id_, machine in self.machines.items():
            if machine is None:
                self.start(id_)
        goal = b"the last one"
        for turn in range(rounds):
            for machine in self.up:
                machine.node.tick()
                self.turn(machine)
            for _ in range(200):
                self.deliver()
            leaders = [m for m in self.up if m.node.status().role is Role.LEADER]
            if turn % 20 == 19 and leaders:
                leader = max(leaders, key=lambda m: m.node.status().term)
                with suppress(ProposalDropped):
                    leader.node.propose_change(
                        ConfChange()
                    )  # leaves what is joint, or does nothing
                    leader.node.propose(goal)
                self.turn(leader)
            if self._has_ended(goal):
                return
        states = [replace(m.node.status(), members=()) for m in self.up]
        raise AssertionError(f"seed {self.seed} does not come to an end: {states}")

    def _has_ended(self, goal: bytes) -> bool:
        done = [index for index, entry in self.committed.items() if entry.data == goal]
        leaders = [m.node for m in self.up if m.node.status().role is Role.LEADER]
        if not done or not leaders:
            return False
        configuration = max(leaders, key=lambda node: node.status().term).configuration
        members = [m for m in self.up if m.id in configuration.members]
        return not configuration.is_joint and all(m.applied >= min(done) for m in members)
