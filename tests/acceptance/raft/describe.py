"""Our messages, entries and states in the words of the transcripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from consensus.raft.membership import Change, ChangeKind, ConfChange, Configuration
from consensus.raft.messages import (
    Append,
    AppendReply,
    Entry,
    EntryId,
    HardState,
    Heartbeat,
    HeartbeatReply,
    InstallSnapshot,
    Message,
    Proposal,
    ReadReply,
    ReadRequest,
    Snapshot,
    TimeoutNow,
    TransferRequest,
    VoteReply,
    VoteRequest,
)
from consensus.raft.node import MemberStatus, Status
from consensus.raft.progress import Progress, ProgressState
from consensus.raft.ready import Apply, ApplyReceipt, Ready, Write, WriteReceipt
from consensus.raft.state import Role

APPEND_THREAD, APPLY_THREAD = "AppendThread", "ApplyThread"
KINDS = {
    "v": ChangeKind.ADD_VOTER,
    "l": ChangeKind.ADD_LEARNER,
    "r": ChangeKind.REMOVE,
    "u": ChangeKind.UPDATE,
}
LETTERS = {kind: letter for letter, kind in KINDS.items()}
V1 = b"v1"  # context of a change proposed in the old wire form, which our entries do not know
ROLES = {
    Role.FOLLOWER: "StateFollower",
    Role.PRE_CANDIDATE: "StatePreCandidate",
    Role.CANDIDATE: "StateCandidate",
    Role.LEADER: "StateLeader",
}
STATES = {
    ProgressState.PROBE: "StateProbe",
    ProgressState.REPLICATE: "StateReplicate",
    ProgressState.SNAPSHOT: "StateSnapshot",
}


@dataclass(frozen=True, slots=True)
class FromThread:
    """A storage thread is done. `from_` is its name."""

    from_: str
    to: int
    receipt: WriteReceipt | ApplyReceipt


def changes(text: str) -> tuple[Change, ...]:
    """`v1 l2 r3 u4`: add voter, add learner, remove, update."""
    return tuple(Change(KINDS[word[0]], int(word[1:])) for word in text.split())


def change_text(change: ConfChange) -> str:
    return " ".join(f"{LETTERS[item.kind]}{item.node}" for item in change.changes)


def entry(item: Entry) -> str:
    head = f"{item.term}/{item.index} "
    if item.change is None:
        return f"{head}EntryNormal {_quoted(item.data)}"
    kind = "EntryConfChange" if item.change.context == V1 else "EntryConfChangeV2"
    return f"{head}{kind} {change_text(item.change)}".rstrip()


def _quoted(data: bytes) -> str:
    return '"' + data.decode().replace("\\", "\\\\").replace('"', '\\"') + '"'


def _list(ids: Iterable[int]) -> str:
    return "[" + " ".join(map(str, sorted(ids))) + "]"


def snapshot(item: Snapshot) -> str:
    configuration = item.configuration
    return (
        f"Index:{item.index} Term:{item.term} ConfState:Voters:{_list(configuration.voters)} "
        f"VotersOutgoing:{_list(configuration.outgoing)} Learners:{_list(configuration.learners)} "
        f"LearnersNext:{_list(configuration.learners_next)} "
        f"AutoLeave:{str(configuration.is_auto_leave).lower()}"
    )


def hard_state(item: HardState) -> str:
    vote = f" Vote:{item.vote}" if item.vote else ""
    return f"Term:{item.term}{vote} Commit:{item.commit}"


def configuration(item: Configuration) -> str:
    def group(ids: Iterable[int]) -> str:
        return "(" + " ".join(map(str, sorted(ids))) + ")"

    text = "voters=" + group(item.voters)
    if item.outgoing:
        text += "&&" + group(item.outgoing)
    if item.learners:
        text += " learners=" + group(item.learners)
    if item.learners_next:
        text += " learners_next=" + group(item.learners_next)
    return text + (" autoleave" if item.is_auto_leave else "")


def progress(item: MemberStatus | Progress) -> str:
    inflight = item.inflight if isinstance(item, MemberStatus) else len(item.inflights)
    is_full = item.is_inflight_full if isinstance(item, MemberStatus) else item.inflights.is_full
    parts = [
        f"{STATES[item.state]} match={item.match} next={item.next}",
        " learner" if item.is_learner else "",
        " paused" if item.is_paused else "",
        f" pendingSnap={item.snapshot_index}" if item.snapshot_index else "",
        "" if item.is_recently_active else " inactive",
        f" inflight={inflight}" if inflight else "",
        "[full]" if inflight and is_full else "",
    ]
    return "".join(parts)


def state(status: Status) -> str:
    is_voter = status.id in status.configuration.all_voters
    voter = "(Voter)" if is_voter else "(Non-Voter)"
    return f"{status.id}: {ROLES[status.role]} {voter} Term:{status.term} Lead:{status.leader}"


# --- messages ---------------------------------------------------------------------------------------


def kind(message: Message | FromThread) -> str:
    if isinstance(message, FromThread):
        is_write = isinstance(message.receipt, WriteReceipt)
        return "MsgStorageAppendResp" if is_write else "MsgStorageApplyResp"
    if isinstance(message, VoteRequest):
        return "MsgPreVote" if message.is_pre else "MsgVote"
    if isinstance(message, VoteReply):
        return "MsgPreVoteResp" if message.is_pre else "MsgVoteResp"
    return {
        Append: "MsgApp",
        AppendReply: "MsgAppResp",
        Heartbeat: "MsgHeartbeat",
        HeartbeatReply: "MsgHeartbeatResp",
        InstallSnapshot: "MsgSnap",
        TimeoutNow: "MsgTimeoutNow",
        TransferRequest: "MsgTransferLeader",
        Proposal: "MsgProp",
        ReadRequest: "MsgReadIndex",
        ReadReply: "MsgReadIndexResp",
    }[type(message)]


def message(item: Message | FromThread) -> list[str]:
    """One line, and more for a snapshot or several entries."""
    sender: int | str = item.target if isinstance(item, TransferRequest) else item.from_
    log, extra, term = EntryId(0, 0), "", getattr(item, "term", 0)
    entries: tuple[Entry, ...] = ()
    carried: Snapshot | None = None
    if isinstance(item, VoteRequest):
        log = item.last
    elif isinstance(item, VoteReply):
        extra = "" if item.is_granted else " Rejected (Hint: 0)"
    elif isinstance(item, Append):
        log, entries, extra = item.prev, item.entries, _commit(item.commit)
    elif isinstance(item, AppendReply):
        log = EntryId(item.hint.term if item.hint else 0, item.index)
        extra = f" Rejected (Hint: {item.hint.index})" if item.hint else ""
    elif isinstance(item, Heartbeat):
        extra = _commit(item.commit)
    elif isinstance(item, InstallSnapshot):
        carried = item.snapshot
    elif isinstance(item, Proposal):
        entries = tuple(Entry(0, 0, one.data, one.change) for one in item.payloads)
    elif isinstance(item, ReadRequest):
        entries = (Entry(0, 0, item.context),)
    elif isinstance(item, ReadReply):
        log, entries = EntryId(0, item.index), (Entry(0, 0, item.context),)
    elif isinstance(item, FromThread):
        if isinstance(item.receipt, WriteReceipt):
            term, carried = item.receipt.term, item.receipt.snapshot
            log = item.receipt.last or log
        else:
            entries = item.receipt.entries
    head = f"{sender}->{item.to} {kind(item)} Term:{term} Log:{log.term}/{log.index}{extra}"
    return _with_body(head, entries, carried)


def _commit(index: int) -> str:
    return f" Commit:{index}" if index else ""


def _with_body(head: str, entries: Sequence[Entry], carried: Snapshot | None) -> list[str]:
    lines = [head]
    if len(entries) == 1:
        lines = [f"{head} Entries:[{entry(entries[0])}]"]
    elif entries:
        lines = [f"{head} Entries:[", *("  " + entry(item) for item in entries), "]"]
    if carried is not None:
        lines.append("  Snapshot: " + snapshot(carried))
    return lines


def write(node: int, item: Write) -> list[str]:
    """The task for the append thread, without what is sent when it is done."""
    state = item.hard_state or HardState()
    head = f"{node}->{APPEND_THREAD} MsgStorageAppend Term:{state.term} Log:0/0"
    head += _commit(state.commit) + (f" Vote:{state.vote}" if state.vote else "")
    return _with_body(head, item.entries, item.snapshot)


def apply(node: int, item: Apply) -> list[str]:
    head = f"{node}->{APPLY_THREAD} MsgStorageApply Term:0 Log:0/0"
    return _with_body(head, item.entries, None)


def responses(node: int, item: Write | Apply) -> list[Message | FromThread]:
    if isinstance(item, Apply):
        return [FromThread(APPLY_THREAD, node, item.receipt)]
    receipts = [FromThread(APPEND_THREAD, node, item.receipt)] if item.receipt else []
    return [*item.replies, *receipts]


def _task(lines: list[str], replies: Iterable[Message | FromThread]) -> list[str]:
    body = ["  " + line for reply in replies for line in message(reply)]
    return [*lines[:-1], lines[-1] + " Responses:[", *body, "]"] if body else lines


# --- Ready ------------------------------------------------------------------------------------------


def ready(node: int, item: Ready) -> list[str]:
    lines = []
    if item.soft is not None:
        lines.append(f"Lead:{item.soft.leader} State:{ROLES[item.soft.role]}")
    if item.hard_state is not None:
        lines.append("HardState " + hard_state(item.hard_state))
    if item.reads:
        lines.append("ReadStates " + " ".join(f"{one.index}:{one.context!r}" for one in item.reads))
    if item.entries:
        lines += ["Entries:", *map(entry, item.entries)]
    if item.snapshot is not None:
        lines.append("Snapshot " + snapshot(item.snapshot))
    if item.committed:
        lines += ["CommittedEntries:", *map(entry, item.committed)]
    sent = [line for one in (*item.messages, *item.replies) for line in message(one)]
    if item.write is not None:
        sent += _task(write(node, item.write), responses(node, item.write))
    if item.apply is not None:
        sent += _task(apply(node, item.apply), responses(node, item.apply))
    if sent:
        lines += ["Messages:", *sent]
    if not lines:
        return ["<empty Ready>"]
    return [f"Ready MustSync={str(item.is_sync_needed).lower()}:", *lines]
