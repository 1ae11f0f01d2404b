"""WAL records of a Raft ordering core, what a restart recovers from them, and which may be dropped.

A record says its epoch: each epoch is a Raft group of its own, and what was written in an older one is void.
First bytes are disjoint from those of the PBFT records, so a log says itself whose it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from consensus.api import InvariantBroken
from consensus.encoding import ZERO_HASH, EncodingError, Hash, decode, encode
from consensus.raft.messages import Entry, EntryId, HardState
from consensus.raft.ordering.messages import BlockPointer

RECORD_KINDS_FROM: Final = 64
NO_BLOCK: Final = BlockPointer(0, ZERO_HASH)
NO_ENTRY: Final = EntryId(0, 0)


@dataclass(frozen=True, slots=True)
class Born:
    """First record of a life under this key: a WAL that has it was not lost."""

    channel_id: Hash
    epoch: int
    vote_key: bytes


@dataclass(frozen=True, slots=True)
class Hard:
    """Term and vote before a reply rests on them; `commit` as far as it was known then."""

    epoch: int
    term: int
    vote: int
    commit: int


@dataclass(frozen=True, slots=True)
class Appended:
    """One entry of the log. It replaces what stood at its index and above. `block`: of the block in it;
    height 0 where there is none that could be read."""

    epoch: int
    term: int
    index: int
    block: BlockPointer
    data: bytes


@dataclass(frozen=True, slots=True)
class Compacted:
    """The log begins behind `index`: every block up to `pointer` is in the block store."""

    epoch: int
    term: int
    index: int
    pointer: BlockPointer


@dataclass(frozen=True, slots=True)
class Floor:
    """A first start among members that had logs: no vote for a log that ends before this one, as the own may
    have reached as far before the disk was emptied."""

    epoch: int
    term: int
    index: int


Record = Born | Hard | Appended | Compacted | Floor

_KINDS: dict[int, type[Record]] = {64: Born, 65: Hard, 66: Appended, 67: Compacted, 68: Floor}
_KIND_OF = {cls: kind for kind, cls in _KINDS.items()}


def encode_record(record: Record) -> bytes:
    return bytes((_KIND_OF[type(record)],)) + encode(record)


def decode_record(data: bytes) -> Record:
    """Raises InvariantBroken: the framing was intact, so these bytes were never written by a core."""
    kind = _KINDS.get(data[0]) if data else None
    if kind is None:
        raise InvariantBroken("a WAL record of unknown kind")
    try:
        record: Record = decode(kind, data[1:])
    except (EncodingError, ValueError) as error:
        raise InvariantBroken(f"a WAL record that does not decode: {error}") from error
    return record


@dataclass(slots=True)
class Recovered:
    """What a member of `epoch` had written when it stopped. `keys`: under which it was born, in any epoch."""

    epoch: int
    keys: dict[bytes, None] = field(default_factory=dict)
    hard: HardState = field(default_factory=HardState)
    compacted: Compacted | None = None
    entries: list[Appended] = field(default_factory=list)
    floor: EntryId = NO_ENTRY

    @property
    def log(self) -> tuple[Entry, ...]:
        return tuple(Entry(e.term, e.index, e.data) for e in self.entries)

    @property
    def _start(self) -> int:
        return self.compacted.index if self.compacted else 0

    def take(self, record: Record) -> None:
        if isinstance(record, Born):
            self.keys[record.vote_key] = None
        if record.epoch != self.epoch:
            return
        match record:
            case Hard():
                self.hard = HardState(record.term, record.vote, record.commit)
            case Appended():
                self._append(record)
            case Compacted():
                self._compact(record)
            case Floor():
                self.floor = EntryId(record.term, record.index)
            case Born():
                pass

    def _append(self, entry: Appended) -> None:
        place = entry.index - self._start - 1
        if not 0 <= place <= len(self.entries):
            raise InvariantBroken("the WAL's entries leave a gap")
        del self.entries[place:]
        self.entries.append(entry)

    def _compact(self, record: Compacted) -> None:
        if record.index < self._start:
            raise InvariantBroken("the WAL's log begins twice")
        kept = record.index - self._start
        is_held = 0 < kept <= len(self.entries) and self.entries[kept - 1].term == record.term
        self.entries = self.entries[kept:] if is_held or kept == 0 else []
        self.compacted = record
        if self.hard.commit < record.index:
            self.hard = HardState(self.hard.term, self.hard.vote, record.index)


def recover(data: Sequence[bytes], epoch: int) -> Recovered:
    """Raises InvariantBroken."""
    found = Recovered(epoch)
    for item in data:
        found.take(decode_record(item))
    last = found._start + len(found.entries)
    if found.hard.commit > last:
        raise InvariantBroken("the WAL ends before what it says was committed")
    return found


def retain(data: Sequence[bytes], height: int) -> tuple[bytes, ...]:
    """The records a WAL must still hold once block `height` is durable **and** executed durably.

    Of the latest epoch: terms, vote and floor, and the log from behind the last committed entry whose blocks
    all lie at or below `height`. Of older epochs only under which keys this member was born. Applying it again
    with the same height changes nothing."""
    records = [decode_record(item) for item in data]
    if not records:
        return ()
    epoch = max(record.epoch for record in records)
    found = recover(data, epoch)
    compacted, kept = found.compacted, list(found.entries)
    pointer = compacted.pointer if compacted else NO_BLOCK
    while kept and kept[0].index <= found.hard.commit and kept[0].block.height <= height:
        entry = kept[0]
        if entry.data and not entry.block.height:
            break  # nobody can read it: the channel has stopped here, and what stopped it stays
        pointer = entry.block if entry.data else pointer
        compacted = Compacted(epoch, entry.term, entry.index, pointer)
        kept.pop(0)
    births = tuple(
        item for item, record in zip(data, records, strict=True) if isinstance(record, Born)
    )
    rest: list[Record] = (
        [Floor(epoch, found.floor.term, found.floor.index)] if found.floor != NO_ENTRY else []
    )
    rest += [compacted] if compacted else []
    rest += kept
    if found.hard != HardState():
        rest.append(Hard(epoch, found.hard.term, found.hard.vote, found.hard.commit))
    return births + tuple(encode_record(record) for record in rest)
