"""Interaction transcripts: a group of nodes, the messages between them, and the commands of a script.

Every node has a memory log; the messages under way are one list. Nothing moves unless a command says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from consensus.raft import (
    ConfChange,
    Config,
    Configuration,
    HashJitter,
    ProposalDropped,
    RaftNode,
    ReadMode,
    Ready,
    Snapshot,
    StableLog,
    Transition,
    UnknownPeer,
)
from consensus.raft.log import NO_LIMIT
from consensus.raft.messages import Entry, InstallSnapshot, Message
from consensus.raft.ready import Apply, Write, WriteReceipt
from tests.acceptance.raft import describe
from tests.acceptance.raft.datadriven import Step
from tests.acceptance.raft.describe import V1, FromThread
from tests.acceptance.raft.sizes import entry_bytes

ELECTION_TICKS, HEARTBEAT_TICKS = 3, 1
TRANSITIONS = {
    "auto": Transition.AUTO,
    "implicit": Transition.JOINT_IMPLICIT,
    "explicit": Transition.JOINT_EXPLICIT,
}
ERRORS = {
    ProposalDropped: "raft proposal dropped",
    UnknownPeer: "raft: cannot step as peer not found",
}


class CommandFailed(Exception):
    """What a command prints instead of, or after, its output."""


class HistoryLog(StableLog):
    """Offers the newest applied state as a snapshot, not the one that the log was cut at."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[Snapshot] = []

    def snapshot(self) -> Snapshot | None:
        newest = self.history[-1]
        return newest if newest.index > 0 else None


@dataclass
class Member:
    node: RaftNode
    log: HistoryLog
    is_asynchronous: bool
    to_write: deque[Write] = field(default_factory=deque)
    to_apply: deque[Apply] = field(default_factory=deque)


class Interaction:
    def __init__(self) -> None:
        self.members: dict[int, Member] = {}
        self.under_way: list[Message | FromThread] = []
        self._lines: list[str] = []
        self._indent = ""
        self._is_quiet = False

    def run(self, step: Step) -> str:
        """Carry out one command and return what it prints; an unknown one raises KeyError."""
        self._lines = []
        try:
            COMMANDS[step.command](self, step)
        except tuple(ERRORS) as error:
            self._lines.append(ERRORS[type(error)])  # errors are printed even when quiet
        except CommandFailed as error:
            self._lines.append(str(error))
        return "\n".join(self._lines) or "ok"

    # --- output -------------------------------------------------------------------------------------

    def _print(self, *lines: str) -> None:
        if not self._is_quiet:
            self._lines += [self._indent + line for line in lines]

    @contextmanager
    def _under(self, heading: str) -> Iterator[None]:
        self._print(heading)
        self._indent += "  "
        try:
            yield
        finally:
            self._indent = self._indent[:-2]

    def _each(self, step: Step, doing: str, act: Callable[[int], None]) -> None:
        """One node: its output. Several: each under its own heading."""
        if len(step.numbers) == 1:
            act(step.numbers[0])
            return
        for node in step.numbers:
            with self._under(f"> {node} {doing}"):
                act(node)

    def log_level(self, step: Step) -> None:
        self._is_quiet = step.words[0].lower() == "none"

    # --- members ------------------------------------------------------------------------------------

    def add_nodes(self, step: Step) -> None:
        index = int(step.value("index", "0"))
        configuration = Configuration(
            voters=frozenset(step.ids("voters")), learners=frozenset(step.ids("learners"))
        )
        snapshot = Snapshot()
        if index or configuration.members:
            if index <= 1:
                raise CommandFailed("index must be specified as > 1 due to bootstrap")
            content = step.value("content").encode()
            snapshot = Snapshot(index, 1, configuration, content)
        for _ in range(step.numbers[0]):
            self._add(len(self.members) + 1, snapshot, step)

    def _add(self, id_: int, snapshot: Snapshot, step: Step) -> None:
        def flag(key: str) -> bool:
            return step.value(key, "false") == "true"

        config = Config(
            id=id_,
            jitter=HashJitter(b"%d" % id_),
            election_ticks=ELECTION_TICKS,
            heartbeat_ticks=HEARTBEAT_TICKS,
            is_pre_vote=flag("prevote"),
            is_check_quorum=flag("checkquorum"),
            message_bytes_max=NO_LIMIT,
            inflight_max=int(step.value("inflight", str(NO_LIMIT))),
            inflight_bytes_max=NO_LIMIT,
            uncommitted_bytes_max=NO_LIMIT,
            applying_bytes_max=int(step.value("max-committed-size-per-ready", str(NO_LIMIT))),
            snapshot_ticks_max=0,
            is_majority_kept=False,
            read_mode=ReadMode.LEASE if step.value("read-only") == "lease-based" else ReadMode.SAFE,
            is_stepping_down_on_removal=flag("step-down-on-removal"),
            is_change_checked=not flag("disable-conf-change-validation"),
            is_asynchronous=flag("async-storage-writes"),
            measure=entry_bytes,
        )
        log = HistoryLog.of(snapshot=snapshot)
        log.history = [snapshot]
        node = RaftNode(config, log, applied=snapshot.index)
        self.members[id_] = Member(node, log, config.is_asynchronous)

    def _node(self, step: Step) -> RaftNode:
        return self.members[step.numbers[0]].node

    # --- inputs -------------------------------------------------------------------------------------

    def campaign(self, step: Step) -> None:
        self._node(step).campaign()

    def propose(self, step: Step) -> None:
        node, data = step.words
        self.members[int(node)].node.propose(data.encode())

    def propose_change(self, step: Step) -> None:
        changes = describe.changes(step.input)
        transition = TRANSITIONS[step.value("transition", "auto")]
        is_v1 = step.value("v1", "false") == "true"
        if is_v1 and (len(changes) > 1 or transition is not Transition.AUTO):
            text = "v1 conf change can only have one operation and no transition"
            raise CommandFailed(text)
        context = V1 if is_v1 else b""
        self._node(step).propose_change(ConfChange(changes, transition, context))

    def tick_election(self, step: Step) -> None:
        for _ in range(ELECTION_TICKS):
            self._node(step).tick()

    def tick_heartbeat(self, step: Step) -> None:
        for _ in range(HEARTBEAT_TICKS):
            self._node(step).tick()

    def set_election_timeout(self, step: Step) -> None:
        # The one place that reaches inside: the product draws this number, a transcript dictates it.
        self._node(step)._raft.election_timeout = int(step.value("timeout"))

    def transfer(self, step: Step) -> None:
        self.members[int(step.value("from"))].node.transfer_leader(int(step.value("to")))

    def forget_leader(self, step: Step) -> None:
        self._node(step).forget_leader()

    def report_unreachable(self, step: Step) -> None:
        reporter, reported = step.numbers
        self.members[reporter].node.report_unreachable(reported)

    def compact(self, step: Step) -> None:
        node, index = step.numbers
        log = self.members[node].log
        if index < log.first_index:
            raise CommandFailed("requested index is unavailable due to compaction")
        term = log.term(index)
        assert term is not None
        log.compact(Snapshot(index, term, log.configuration))
        self.raft_log(step)

    def send_snapshot(self, step: Step) -> None:
        sender, receiver = step.numbers
        status, snapshot = self.members[sender].node.status(), self.members[sender].log.snapshot()
        assert snapshot is not None
        message = InstallSnapshot(sender, receiver, status.term, snapshot)
        self.under_way.append(message)
        self._print(*describe.message(message))

    # --- turning nodes ------------------------------------------------------------------------------

    def process_ready(self, step: Step) -> None:
        self._each(step, "handling Ready", self._turn)

    def _turn(self, id_: int) -> None:
        member = self.members[id_]
        ready = member.node.ready()
        self._print(*describe.ready(id_, ready))
        if member.is_asynchronous:
            self.under_way += ready.messages
            member.to_write += [ready.write] if ready.write else []
            member.to_apply += [ready.apply] if ready.apply else []
        else:
            self._turn_at_once(member, ready)

    def _turn_at_once(self, member: Member, ready: Ready) -> None:
        member.log.save(ready)
        for entry in ready.committed:
            self._apply(member, entry)
        self.under_way += (*ready.messages, *ready.replies)
        member.node.advance()

    def _apply(self, member: Member, entry: Entry) -> None:
        """The application: it appends what it is given."""
        last = member.log.history[-1]
        configuration = last.configuration
        if entry.change is not None:
            configuration = member.node.apply_change(entry.change)
        data = last.data + entry.data
        member.log.history.append(Snapshot(entry.index, entry.term, configuration, data))

    def process_append_thread(self, step: Step) -> None:
        self._each(step, "processing append thread", self._write_one)

    def process_apply_thread(self, step: Step) -> None:
        self._each(step, "processing apply thread", self._apply_one)

    def _write_one(self, id_: int) -> None:
        member = self.members[id_]
        if not member.to_write:
            raise CommandFailed("no append work to perform")
        task = member.to_write.popleft()
        self._print("Processing:", *describe.write(id_, task))
        member.log.save(task)
        self._respond(id_, task)

    def _apply_one(self, id_: int) -> None:
        member = self.members[id_]
        if not member.to_apply:
            raise CommandFailed("no apply work to perform")
        task = member.to_apply.popleft()
        self._print("Processing:", *describe.apply(id_, task))
        for entry in task.entries:
            self._apply(member, entry)
        self._respond(id_, task)

    def _respond(self, id_: int, task: Write | Apply) -> None:
        responses = describe.responses(id_, task)
        self._print("Responses:", *(line for one in responses for line in describe.message(one)))
        self.under_way += responses

    # --- messages -----------------------------------------------------------------------------------

    def deliver(self, step: Step) -> None:
        count, kind = 0, step.value("type")
        for key, values in step.arguments:
            if not values:
                count += self._deliver(int(key), kind)
            elif key == "drop":
                count += sum(self._drop(int(id_), kind) for id_ in values)
        if not count:
            self._print("no messages")

    def _drop(self, to: int, kind: str) -> int:
        messages = self._take(to, kind, is_drop=True)
        for message in messages:
            first, *rest = describe.message(message)
            self._print("dropped: " + first, *rest)
        return len(messages)

    def _take(
        self, to: int, kind: str = "", *, is_drop: bool = False
    ) -> list[Message | FromThread]:
        """Messages of a node to itself are never lost."""

        def is_taken(item: Message | FromThread) -> bool:
            is_local = isinstance(item, FromThread) or item.from_ == item.to
            is_kind = not kind or describe.kind(item) == kind
            return item.to == to and is_kind and not (is_drop and is_local)

        taken = [item for item in self.under_way if is_taken(item)]
        self.under_way = [item for item in self.under_way if not is_taken(item)]
        return taken

    def _deliver(self, to: int, kind: str = "") -> int:
        messages = self._take(to, kind)
        for message in messages:
            self._print(*describe.message(message))
            try:
                self._hand_over(message)
            except tuple(ERRORS) as error:
                self._print(ERRORS[type(error)])
        return len(messages)

    def _hand_over(self, message: Message | FromThread) -> None:
        node = self.members[message.to].node
        if not isinstance(message, FromThread):
            node.step(message)
        elif isinstance(message.receipt, WriteReceipt):
            node.written(message.receipt)
        else:
            node.applied(message.receipt)

    def stabilize(self, step: Step) -> None:
        was_quiet = self._is_quiet
        if level := step.value("log-level"):
            self._is_quiet = level.lower() == "none"
        try:
            while self._round(step.numbers or list(self.members)):
                pass
        finally:
            self._is_quiet = was_quiet

    def _round(self, ids: list[int]) -> bool:
        """Every node does what it can once. False if none could do anything."""
        has_worked = False
        for id_ in ids:
            if self.members[id_].node.has_ready():
                has_worked = True
                with self._under(f"> {id_} handling Ready"):
                    self._turn(id_)
        for id_ in ids:
            if any(message.to == id_ for message in self.under_way):
                has_worked = True
                with self._under(f"> {id_} receiving messages"):
                    self._deliver(id_)
        for id_ in ids:
            if self.members[id_].to_write:
                has_worked = True
                with self._under(f"> {id_} processing append thread"):
                    while self.members[id_].to_write:
                        self._write_one(id_)
        for id_ in ids:
            if self.members[id_].to_apply:
                has_worked = True
                with self._under(f"> {id_} processing apply thread"):
                    while self.members[id_].to_apply:
                        self._apply_one(id_)
        return has_worked

    # --- looking ------------------------------------------------------------------------------------

    def raft_log(self, step: Step) -> None:
        log = self.members[step.numbers[0]].log
        if log.last_index < log.first_index:
            text = f"log is empty: first index={log.first_index}, last index={log.last_index}"
            self._print(text)
            return
        for index in range(log.first_index, log.last_index + 1):
            self._print(describe.entry(log.entry(index)))

    def raft_state(self, step: Step) -> None:
        for member in self.members.values():
            self._print(describe.state(member.node.status()))

    def status(self, step: Step) -> None:
        for member in self._node(step).status().members:
            self._print(f"{member.id}: {describe.progress(member)}")


COMMANDS: dict[str, Callable[[Interaction, Step], None]] = {
    "add-nodes": Interaction.add_nodes,
    "campaign": Interaction.campaign,
    "compact": Interaction.compact,
    "deliver-msgs": Interaction.deliver,
    "forget-leader": Interaction.forget_leader,
    "log-level": Interaction.log_level,
    "process-append-thread": Interaction.process_append_thread,
    "process-apply-thread": Interaction.process_apply_thread,
    "process-ready": Interaction.process_ready,
    "propose": Interaction.propose,
    "propose-conf-change": Interaction.propose_change,
    "raft-log": Interaction.raft_log,
    "raft-state": Interaction.raft_state,
    "report-unreachable": Interaction.report_unreachable,
    "send-snapshot": Interaction.send_snapshot,
    "set-randomized-election-timeout": Interaction.set_election_timeout,
    "stabilize": Interaction.stabilize,
    "status": Interaction.status,
    "tick-election": Interaction.tick_election,
    "tick-heartbeat": Interaction.tick_heartbeat,
    "transfer-leadership": Interaction.transfer,
}
