"""What a follower checks before an entry may enter its log, and what it holds back until it can.

Members are trusted not to lie, but not to be free of faults: a leader whose blocks this node cannot follow
(another configuration, other roots) is not acknowledged for the rest of its term, so that a majority that
cannot follow it elects another, and a node that is alone with its view learns from certificates who is right.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from consensus.api import Behind, Block, Need
from consensus.encoding import Hash
from consensus.header import HEADER_VERSION, Header, block_hash
from consensus.raft import messages as raft
from consensus.raft.ordering.messages import BlockEntry, decode_block, decode_pointer
from consensus.raft.ordering.state import State

HELD_MESSAGES_MAX: Final = 64


class Verdict(Enum):
    TAKE = "take"
    WAIT = "wait"
    REFUSE = "refuse"  # for now: the leader sends it again


@dataclass(frozen=True, slots=True)
class _Held:
    """An append, and the own clock when it came."""

    message: raft.Append
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class _Judging:
    """Whose entry is judged. is_fresh: no more than its leader has said yes to it yet."""

    source: int
    arrived_ms: int
    is_fresh: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """What the next block must stand on. header None: an entry before it could not be read."""

    header: Header | None
    block_hash: Hash


@dataclass(frozen=True, slots=True)
class Accepted:
    """A block that may enter the log, or is waited for: then without leaves."""

    height: int
    leaves: tuple[Hash, ...] = ()
    is_config: bool = False


class Intake:
    """Holds appends back, in order, and a snapshot whose blocks are still to be fetched."""

    def __init__(self, state: State, into_raft: Callable[[raft.Message], None]) -> None:
        self._state = state
        self._into_raft = into_raft
        self._held: deque[_Held] = deque()
        self._untimely: tuple[Hash, int] | None = (
            None  # a refused block, and since when (steady time)
        )
        self._snapshot: raft.InstallSnapshot | None = None
        self._judging_term = 0
        self.accepted: dict[Hash, Accepted] = {}

    def __len__(self) -> int:
        return len(self._held)

    @property
    def is_waiting(self) -> bool:
        return bool(self._held) or self._snapshot is not None

    def forget_before(self, term: int) -> None:
        """A later term has begun: what the leader of an older one said does not matter any more."""
        self._held = deque(each for each in self._held if each.message.term >= term)
        if self._snapshot is not None and self._snapshot.term < term:
            self._snapshot = None

    def forget_to(self, height: int) -> None:
        for digest in [d for d, each in self.accepted.items() if each.height <= height]:
            del self.accepted[digest]

    def on_append(self, message: raft.Append) -> None:
        asked = (message.prev, message.entries)
        arrived_ms = self._state.wall_ms
        for each in list(self._held):
            if (each.message.prev, each.message.entries) == asked:
                self._held.remove(each)
                arrived_ms = each.arrived_ms
        if len(self._held) >= HELD_MESSAGES_MAX:
            self._held.clear()  # the leader sends again from where the logs part
        self._held.append(_Held(message, arrived_ms))
        self.advance()

    def on_snapshot(self, message: raft.InstallSnapshot) -> None:
        self._snapshot = message
        self.advance()

    def advance(self) -> bool:
        """Take what can be taken now. True where something was."""
        is_moved = self._take_snapshot()
        while self._held and not self._state.is_halted:
            held = self._held[0]
            message = held.message
            count, verdict = self._count_takeable(held)
            if count < 0:
                self._held.clear()
                break
            if verdict is Verdict.WAIT:
                if count > 0:
                    self._held[0] = replace(held, message=self._rest(message, count))
                    self._step(message, count)
                    is_moved = True
                break
            self._held.popleft()
            if verdict is Verdict.TAKE or count > 0:
                self._step(message, count)
                is_moved = True
        return is_moved

    def ask_again(self) -> None:
        """Bodies may have been lost on their way, and so may the word that blocks are to be fetched."""
        state = self._state
        for candidate in state.blocks:
            if candidate.missing and candidate.block.header.height > state.chain.height:
                state.out.append(Need(tuple(candidate.missing), candidate.source))
        self._tell_snapshot_behind()

    def _tell_snapshot_behind(self) -> None:
        if self._snapshot is not None:
            pointer = decode_pointer(self._snapshot.snapshot.data)
            if pointer.height > self._state.chain.height:
                self._state.out.append(Behind(pointer.height, self._snapshot.from_ - 1))

    def _take_snapshot(self) -> bool:
        """A pointer is no state: the blocks up to it come first, by their certificates."""
        message, chain = self._snapshot, self._state.chain
        if message is None:
            return False
        pointer = decode_pointer(message.snapshot.data)
        if pointer.height > chain.height:
            return False
        self._snapshot, self._judging_term = None, message.term
        if (
            pointer.height == chain.height
            and pointer.height
            and pointer.block_hash != chain.tip_hash
        ):
            self._distrust("a snapshot of another chain")
            return False
        self._into_raft(message)
        return True

    def _rest(self, message: raft.Append, count: int) -> raft.Append:
        last = message.entries[count - 1]
        return replace(message, prev=last.id, entries=message.entries[count:])

    def _step(self, message: raft.Append, count: int) -> None:
        last = message.prev.index + count
        entries = message.entries[:count]
        self._into_raft(replace(message, entries=entries, commit=min(message.commit, last)))

    # --- judging

    def _count_takeable(self, held: _Held) -> tuple[int, Verdict]:
        """How many of its entries may enter the log now, and what becomes of the rest; -1 where its leader
        cannot be followed."""
        state, message = self._state, held.message
        assert state.raft is not None
        if message.term < state.term or state.raft.term_at(message.prev.index) != message.prev.term:
            return len(message.entries), Verdict.TAKE  # refused by the pure core, whatever is in it
        self._judging_term = message.term
        ground: Ground | None = None
        for count, entry in enumerate(message.entries):
            if state.raft.term_at(entry.index) == entry.term:
                continue  # it is here already
            if ground is None:
                ground = self._ground_below(entry.index)
            if entry.data and ground.header is not None:
                block = decode_block(entry.data)
                if block is None:
                    ground = Ground(None, ground.block_hash)
                    continue
                is_fresh = entry.term == message.term and entry.index > message.commit
                judging = _Judging(message.from_ - 1, held.arrived_ms, is_fresh)
                verdict, ground = self._judge(block, ground, judging)
                if state.distrusted_term == message.term:
                    return -1, verdict
                if verdict is not Verdict.TAKE:
                    return count, verdict
        return len(message.entries), Verdict.TAKE

    def _ground_below(self, index: int) -> Ground:
        state = self._state
        below = state.flight.before(index)
        if below is not None:
            return Ground(below.block.header, below.block_hash)
        return Ground(state.chain.tip, state.chain.tip_hash)

    def _judge(
        self, entry: BlockEntry, ground: Ground, judging: _Judging
    ) -> tuple[Verdict, Ground]:
        state, header = self._state, entry.header
        digest = block_hash(state.hash_, header)
        stands = Ground(header, digest)
        chain = state.chain
        if header.height <= chain.height:
            if header.height == chain.height and digest != chain.tip_hash:
                self._distrust("its log is not the certified chain")
            elif header.height > chain.executed_height:
                # The log is durable before the block is delivered: a restart in between would find the entry
                # and no bodies.
                return Verdict.WAIT, ground
            # Blocks in the store are certified; the ground above them is the tip.
            return Verdict.TAKE, Ground(chain.tip, chain.tip_hash)
        is_ending = state.config_height is not None
        if header.height > chain.height + state.config.window or is_ending:
            return Verdict.WAIT, ground
        fault = self._fault(entry, ground)
        if fault is not None:
            self._distrust(fault)
            return Verdict.TAKE, stands
        if judging.is_fresh and digest not in self.accepted:
            assert ground.header is not None
            if not self._is_timely(header, ground.header, judging.arrived_ms):
                return self._refuse_time(digest), stands
        return self._judge_content(entry, digest, judging.source), stands

    def _is_timely(self, header: Header, parent: Header, now_ms: int) -> bool:
        """A time that only follows its parent's may be late: whoever made the parent had the wrong clock."""
        drift_ms = self._state.config.drift_ms
        latest_ms = max(now_ms + drift_ms, parent.timestamp_ms + 1)
        return now_ms - drift_ms <= header.timestamp_ms <= latest_ms

    def _refuse_time(self, digest: Hash) -> Verdict:
        """Its leader sends it again. Others may have another clock than this node, so it has an election
        timeout to say that it is committed."""
        state = self._state
        if self._untimely is None or self._untimely[0] != digest:
            self._untimely = (digest, state.now_ms)
        if state.now_ms - self._untimely[1] >= state.config.base_timeout_ms:
            self._distrust("a block's time is too far from the own clock")
        return Verdict.REFUSE

    def _fault(self, entry: BlockEntry, ground: Ground) -> str | None:
        """What anybody can see; blocks of a leader of this channel and epoch are free of it."""
        state, header, parent = self._state, entry.header, ground.header
        assert parent is not None
        epoch = state.validators.epoch
        expected = (HEADER_VERSION, state.config.suite, state.config.channel_id, epoch)
        if (header.version, header.suite, header.channel_id, header.epoch) != expected:
            return "a block of another version, suite, channel or epoch"
        own = (state.validators_hash, state.config.config_hash)
        if (header.validators_hash, header.config_hash) != own:
            return "a block of another configuration"
        if header.proposer not in state.identities:
            return "a block of an unknown proposer"
        if (header.height, header.parent_hash) != (parent.height + 1, ground.block_hash):
            return "a block that is not on the chain"
        if header.timestamp_ms <= parent.timestamp_ms:
            return "a timestamp not after its parent's"
        return None

    def _judge_content(self, entry: BlockEntry, digest: Hash, source: int) -> Verdict:
        state, header = self._state, entry.header
        roots = state.chain.roots_for(header.height)
        if roots is not None and not roots.match(header):
            self._distrust("roots that differ from the own execution")
            return Verdict.TAKE
        is_known = digest in self.accepted
        candidate = state.add_block(Block(header, entry.tx_ids), digest, source)
        if not is_known:
            self.accepted[digest] = Accepted(header.height)
            if candidate.missing:
                state.out.append(Need(tuple(candidate.missing), source))
        if candidate.is_valid is False:
            self._distrust("transactions that do not fit their block")
            return Verdict.TAKE
        complete = state.blocks.complete(digest, header.height)
        if complete is None or roots is None:
            return Verdict.WAIT
        refs = [complete.refs[tx_id] for tx_id in entry.tx_ids]
        verdict, is_config = self._judge_change(header, [ref.is_config for ref in refs], entry)
        if verdict is Verdict.TAKE:
            leaves = tuple(ref.leaf for ref in refs)
            self.accepted[digest] = Accepted(header.height, leaves, is_config)
        return verdict

    def _judge_change(
        self, header: Header, is_config: list[bool], entry: BlockEntry
    ) -> tuple[Verdict, bool]:
        """A configuration transaction stands alone, on a chain that is executed to its tip (R11)."""
        state = self._state
        expected = (state.validators_hash, state.empty_root)
        if any(is_config):
            if len(is_config) != 1:
                self._distrust("a configuration transaction that is not alone")
                return Verdict.TAKE, True
            effect = state.effect_above_tip(header.height, entry.tx_ids[0])
            if effect is None:
                return Verdict.WAIT, True
            expected = effect
        if (header.next_validators_hash, header.evidence_root) != expected:
            self._distrust("a block with another effect on the configuration")
        return Verdict.TAKE, any(is_config)

    def _distrust(self, reason: str) -> None:
        self._state.distrusted_term = self._judging_term
        self._state.note = reason
