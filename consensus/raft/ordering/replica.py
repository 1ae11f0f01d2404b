"""Turns the pure core: what its Ready asks for becomes actions, and certificates become deliveries.

Entries and votes are in a Persist, and the bodies that entries name in a Keep, before the reply that rests on
them. A block is delivered by its certificate, never by the pure core's word alone, so that every node holds the
same proof; the pure core's word is compared with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from consensus.api import Block, Deliver, InvariantBroken, Keep, ProtocolViolation
from consensus.certificate import CommitCert
from consensus.header import block_hash
from consensus.raft import messages as raft
from consensus.raft.ordering.flight import Flying
from consensus.raft.ordering.messages import (
    Append,
    AppendReply,
    BlockEntry,
    BlockPointer,
    Decided,
    Heartbeat,
    HeldBlock,
    InstallSnapshot,
    Spoken,
    VoteReply,
    VoteRequest,
    decode_block,
    from_wire,
    to_wire,
)
from consensus.raft.ordering.records import NO_BLOCK, Appended, Compacted, Hard, Record
from consensus.raft.ordering.state import State
from consensus.raft.ready import Ready
from consensus.raft.state import ProposalDropped, Role, UnknownPeer

if TYPE_CHECKING:
    from consensus.raft.ordering.accept import Intake
    from consensus.raft.ordering.create import Creator

KEPT_ENTRIES: Final = 64  # behind the tip, for followers that are a little late


@dataclass(frozen=True, slots=True)
class _Applied:
    """A committed entry, and the last block up to it."""

    index: int
    term: int
    pointer: BlockPointer


class Replica:
    def __init__(self, state: State) -> None:
        self._state = state
        self._applied: deque[_Applied] = deque()
        self._unsaved_hard: raft.HardState | None = None

    def attach(self, intake: Intake, creator: Creator) -> None:
        self._intake, self._creator = intake, creator

    # --- in

    def receive(self, message: Spoken) -> None:
        state, head = self._state, message.head
        is_leaders = isinstance(message, Append | Heartbeat | InstallSnapshot)
        if state.raft is None:
            if is_leaders and head.term >= state.term:
                state.term, state.leader = head.term, head.sender
            return
        if is_leaders and head.term == state.distrusted_term:
            return
        if isinstance(message, VoteRequest):
            state.asking_lives[head.sender] = message.life
        elif isinstance(message, VoteReply) and message.life != state.life:
            return  # to a life of this member that is over
        raw = from_wire(message, state.own_id, state.members)
        if isinstance(raw, raft.VoteRequest) and not raw.last.is_up_to_date_with(state.log_floor):
            return  # as if it had not arrived: the log that this member lost may have said no
        if problem := raft.problem(raw):
            raise ProtocolViolation(problem)
        if isinstance(raw, raft.Append):
            self._intake.on_append(raw)
        elif isinstance(raw, raft.InstallSnapshot):
            self._intake.on_snapshot(raw)
        else:
            self.into_raft(raw)
        if isinstance(message, AppendReply):
            self._count_seals(head.sender, head.term, message.seals)

    def into_raft(self, message: raft.Message) -> None:
        state = self._state
        assert state.raft is not None
        try:
            state.raft.step(message)
        except (ProtocolViolation, UnknownPeer, ProposalDropped) as error:
            state.note = str(error)
        self.drain()

    def tick(self) -> None:
        assert self._state.raft is not None
        self._state.raft.tick()
        self.drain()

    def campaign(self) -> None:
        assert self._state.raft is not None
        self._state.raft.campaign()
        self.drain()

    def hand_over(self) -> None:
        """To whoever was heard of late and has most of the log. Where that fails, this node leads on."""
        state = self._state
        if state.raft is None or not state.is_leader:
            return
        members = state.raft.status().members
        heirs = [m for m in members if m.id != state.own_id and m.is_recently_active]
        if heirs:
            state.raft.transfer_leader(max(heirs, key=lambda member: member.match).id)
            self.drain()

    # --- what the pure core asks for

    def drain(self) -> None:
        state = self._state
        assert state.raft is not None
        while state.raft.has_ready() and not state.is_halted:
            ready = state.raft.ready()
            self._note_change(ready)
            # All after the write, even what need not wait: the driver makes a turn's records durable at
            # once, and so a term that was spoken of is never forgotten.
            self._write(ready)
            for message in (*ready.messages, *ready.replies):
                self._send(message)
            self._apply(ready.committed)
            state.raft.advance()
            self._seal_own()
        self._compact()

    def _note_change(self, ready: Ready) -> None:
        state = self._state
        if ready.hard_state is not None and ready.hard_state.term > state.term:
            state.term, state.term_since_ms = ready.hard_state.term, state.now_ms
            self._intake.forget_before(state.term)
        if ready.soft is None:
            return
        leader = ready.soft.leader - 1 if ready.soft.leader else None
        if leader != state.leader:
            if leader is None:
                state.note = "the leader was not heard" if state.leader is not None else state.note
            else:
                state.requests.leader_changed(state.now_ms)
            state.leader = leader
        if ready.soft.role is Role.LEADER and not state.is_leader:
            assert state.raft is not None
            state.first_index = state.raft.last.index
        state.role = ready.soft.role

    def _send(self, message: raft.Message) -> None:
        state = self._state
        if isinstance(message, raft.VoteRequest) and state.is_short:
            return
        seals = self._seals_for(message) if isinstance(message, raft.AppendReply) else ()
        to, head, life = message.to - 1, state.head(_term_of(message)), state.life
        if isinstance(message, raft.VoteReply):
            life = state.asking_lives[to]
        state.send(to, to_wire(message, head, seals, life))

    def _seals_for(self, reply: raft.AppendReply) -> Sequence[HeldBlock]:
        """For every block above the tip up to what was matched, if that is an entry of the leader's term."""
        state = self._state
        assert state.raft is not None
        if reply.is_rejected or state.raft.term_at(reply.index) != reply.term:
            return ()
        if reply.term != state.term or state.leader != reply.to - 1:
            return ()
        matched = [flying for flying in state.flight if flying.index <= reply.index]
        return [state.seals.own(reply.term, each) for each in matched[: state.config.horizon]]

    def _write(self, ready: Ready) -> None:
        state = self._state
        records: list[Record] = []
        epoch = state.validators.epoch
        if ready.snapshot is not None:
            snapshot = ready.snapshot
            pointer = state.pointer_of(snapshot)
            records.append(Compacted(epoch, snapshot.term, snapshot.index, pointer))
            state.flight.cut_from(0)
            self._applied.clear()
            state.committed = pointer
            state.applied_index = max(state.applied_index, snapshot.index)
        if ready.entries and state.flight.cut_from(ready.entries[0].index):
            self.free_requests()
        for entry in ready.entries:
            records.append(self._take_entry(entry))
        self._unsaved_hard = ready.hard_state or self._unsaved_hard
        if (records or ready.is_sync_needed) and self._unsaved_hard is not None:
            hard, self._unsaved_hard = self._unsaved_hard, None
            records.append(Hard(epoch, hard.term, hard.vote, hard.commit))
        if records:
            state.persist(*records)
        state.log.save(ready)

    def _take_entry(self, entry: raft.Entry) -> Record:
        """The record of an entry; its block joins the flight, and its bodies are kept before the record."""
        state, epoch = self._state, self._state.validators.epoch
        found = decode_block(entry.data) if entry.data else None
        if found is None:
            return Appended(epoch, entry.term, entry.index, NO_BLOCK, entry.data)
        digest = block_hash(state.hash_, found.header)
        pointer = BlockPointer(found.header.height, digest)
        self.join_flight(entry, found, pointer)
        return Appended(epoch, entry.term, entry.index, pointer, entry.data)

    def join_flight(
        self, entry: raft.Entry, found: BlockEntry, pointer: BlockPointer, *, is_kept: bool = False
    ) -> None:
        """is_kept: the bodies were made durable in an earlier life."""
        state, header = self._state, found.header
        ground, ground_hash = state.flight.stand_on(state.chain.tip, state.chain.tip_hash)
        if (header.height, header.parent_hash) != (ground.height + 1, ground_hash):
            return  # certified already, or on a block that another one has replaced
        block = Block(header, found.tx_ids)
        accepted = self._intake.accepted.get(pointer.block_hash)
        leaves = accepted.leaves if accepted else ()
        is_config = accepted is not None and accepted.is_config
        state.flight.add(
            Flying(entry.index, entry.term, block, pointer.block_hash, leaves, is_config)
        )
        state.requests.take(found.tx_ids, state.now_ms)
        if found.tx_ids and not is_kept:
            if len(leaves) != len(found.tx_ids):
                raise InvariantBroken("an entry whose bodies were never checked")
            state.out.append(Keep(header.height, found.tx_ids, leaves))

    def free_requests(self) -> None:
        """Blocks left the flight: what they held waits again."""
        self._state.requests.release()
        self._state.requests.take(tuple(self._state.flight.holders), self._state.now_ms)

    def _apply(self, committed: Sequence[raft.Entry]) -> None:
        state = self._state
        for entry in committed:
            if entry.data:
                found = decode_block(entry.data)
                if found is None:
                    state.stop_unreadable()
                    return
                height = found.header.height
                digest = block_hash(state.hash_, found.header)
                state.committed = BlockPointer(height, digest)
                if height == state.chain.height and digest != state.chain.tip_hash:
                    raise InvariantBroken(f"block {height} is committed and certified differently")
            state.applied_index = entry.index
            self._applied.append(_Applied(entry.index, entry.term, state.committed))

    def _compact(self) -> None:
        """Followers that need older entries are sent a pointer: blocks, by their certificates."""
        state = self._state
        if len(self._applied) <= 2 * KEPT_ENTRIES:
            return
        last: _Applied | None = None
        while len(self._applied) > KEPT_ENTRIES:
            if self._applied[0].pointer.height > state.chain.height:
                break
            last = self._applied.popleft()
        if last is not None:
            state.log.compact(state.snapshot(last.index, last.term, last.pointer))

    # --- certificates

    def _seal_own(self) -> None:
        """A leader counts its own seal once its entry is durable: behind the Persist in the list."""
        state = self._state
        if not state.is_leader or state.raft is None or state.own_index is None:
            return
        for flying in state.flight:
            self._count_seals(state.own_index, state.term, (state.seals.own(state.term, flying),))

    def _count_seals(self, sender: int, term: int, seals: Sequence[HeldBlock]) -> None:
        state = self._state
        if not state.is_leader or term != state.term:
            return
        for held in seals:
            if state.chain.height < held.height <= state.chain.height + state.config.horizon:
                cert = state.seals.take(sender, term, held)
                if cert is not None and state.chain.learn(cert):
                    state.broadcast(Decided(cert))
                    state.told = dict.fromkeys(range(state.n), (cert.height, state.now_ms))

    def advance(self) -> None:
        """Everything that follows from the last input."""
        state = self._state
        while not state.is_halted and not state.has_ended:
            if self._deliver_next():
                continue
            if state.raft is None:
                return
            if self._intake.advance():
                continue
            if not self._creator.create_next():
                return
            self.drain()

    def _deliver_next(self) -> bool:
        state = self._state
        cert = state.chain.next_cert()
        if cert is None or state.config_height is not None:
            return False
        flying = state.flight.at(cert.height)
        if flying is not None and flying.block_hash == cert.block_hash:
            self.deliver(flying.block, cert, flying.is_config or self._is_change(flying.block))
            return True
        candidate = state.blocks.complete(cert.block_hash, cert.height)
        if candidate is None:
            return False
        is_config = any(ref.is_config for ref in candidate.refs.values())
        self.deliver(candidate.block, cert, is_config)
        return True

    def _is_change(self, block: Block) -> bool:
        """An entry that a restart brought back has no word on its transactions. The header tells where the
        validators change, the body that waits with the driver tells in any case."""
        state = self._state
        if block.header.next_validators_hash != state.validators_hash:
            return True
        refs = (state.requests.get(tx_id) for tx_id in block.tx_ids)
        return any(ref is not None and ref.is_config for ref in refs)

    def deliver(self, block: Block, cert: CommitCert, is_config: bool) -> None:
        """Make a certified block the tip and hand it to execution."""
        state, height = self._state, block.header.height
        halt = state.chain.advance(block, cert.block_hash, cert)
        state.out.append(Deliver(block, cert))
        if state.flight.land(height, cert.block_hash):
            self.free_requests()
        state.seals.forget_to(height)
        state.blocks.forget_to(height)
        self._intake.forget_to(height)
        state.requests.committed(block.tx_ids, state.now_ms)
        state.last_progress_ms = state.now_ms
        if is_config:
            state.config_height = height
        if halt is not None:
            state.halt(halt)


def _term_of(message: raft.Message) -> int:
    assert not isinstance(message, raft.Proposal | raft.ReadRequest), "ordering forwards nothing"
    return message.term
