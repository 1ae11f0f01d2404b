"""WAL records of PBFT, what a restart recovers from them, and which may be dropped (section 5).

A record holds the very bytes that were sent: after a restart they are sent again, never signed again.
The WAL is the only memory of what was signed. Whatever binds inside one epoch says which: in the next epoch it
is void, because no signature of one epoch counts in another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from consensus.api import InvariantBroken
from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.pbft.certificates import PreparedCert
from consensus.pbft.messages import NewView, Proposal, ViewChange, decode_message


@dataclass(frozen=True, slots=True)
class Born:
    """From here on this WAL holds all that `vote_key` signed: what an earlier life said may be unknown, but
    counts for nothing above height `votes_above`, and only there this one votes (R13). A WAL without it was
    lost. It belongs to a key, not to an epoch: a key that stays goes on voting."""

    channel_id: Hash
    vote_key: bytes
    votes_above: int


@dataclass(frozen=True, slots=True)
class Proposed:
    """Own proposal, as sent."""

    epoch: int
    view: int
    height: int
    proposal: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """A proposal accepted (without parent_cert) and the Prepare sent for it."""

    epoch: int
    view: int
    height: int
    proposal: bytes
    prepare: bytes


@dataclass(frozen=True, slots=True)
class Prepared:
    epoch: int
    view: int
    height: int
    cert: PreparedCert
    commit: bytes


@dataclass(frozen=True, slots=True)
class View:
    """The promise to be silent below `view` (R6), with the ViewChange as sent. Again for the same view where
    it was sent again with a higher tip."""

    epoch: int
    view: int
    view_change: bytes


@dataclass(frozen=True, slots=True)
class Entered:
    """This node votes in `view`, and only above height `votes_above` (R13)."""

    epoch: int
    view: int
    votes_above: int
    new_view: bytes


Record = Born | Proposed | Accepted | Prepared | View | Entered

_KINDS: dict[int, type[Record]] = {
    1: Born,
    2: Proposed,
    3: Accepted,
    4: Prepared,
    5: View,
    6: Entered,
}
_KIND_OF = {cls: kind for kind, cls in _KINDS.items()}


def encode_record(record: Record) -> bytes:
    return bytes((_KIND_OF[type(record)],)) + encode(record)


def decode_record(data: bytes) -> Record:
    """Raises InvariantBroken: the framing was intact, so these bytes were never written by a core."""
    kind = _KINDS.get(data[0]) if data else None
    if kind is None:
        raise InvariantBroken("a WAL record of unknown kind")
    try:
        return decode(kind, data[1:])
    except EncodingError as error:
        raise InvariantBroken(f"a WAL record that does not decode: {error}") from error


@dataclass(slots=True)
class Recovered:
    """What this validator had said in this epoch when it stopped. Slots are those of `view` above the tip.

    born_key: the key whose every signature this WAL holds, None if it cannot vouch for any.
    is_of_later_epoch: it speaks of an epoch above the core's, so the ledger has lost blocks."""

    born_key: bytes | None = None
    votes_above: int = 0
    is_of_later_epoch: bool = False
    view: int = 0
    is_active: bool = True
    view_votes_above: int = 0
    new_view: NewView | None = None
    view_change: ViewChange | None = None
    proposals: dict[int, Proposal] = field(default_factory=dict)
    prepares: dict[int, bytes] = field(default_factory=dict)
    commits: dict[int, bytes] = field(default_factory=dict)
    prepared: dict[int, PreparedCert] = field(default_factory=dict)
    older_proposals: list[Proposal] = field(default_factory=list)


def _proposal(data: bytes) -> Proposal:
    message = decode_message(data)
    if not isinstance(message, Proposal):
        raise InvariantBroken("a WAL record with another message than a Proposal")
    return message


def _since_birth(records: Sequence[Record]) -> tuple[Born | None, Sequence[Record]]:
    """The last birth and what follows it: everything before is of a life that is not known in full."""
    for at in range(len(records) - 1, -1, -1):
        record = records[at]
        if isinstance(record, Born):
            return record, records[at + 1 :]
    return None, records


def _recover_views(found: Recovered, records: Sequence[Record]) -> None:
    for record in records:
        match record:
            case View(view=view) if view > found.view or (
                view == found.view and not found.is_active
            ):
                message = decode_message(record.view_change)
                assert isinstance(message, ViewChange)
                found.view, found.is_active, found.view_change = view, False, message
            case Entered(view=view) if view >= found.view:
                entered = decode_message(record.new_view)
                assert isinstance(entered, NewView)
                found.view, found.is_active, found.new_view = view, True, entered
                found.view_votes_above = record.votes_above
            case _:
                pass


def recover(data: Sequence[bytes], tip_height: int, window: int, epoch: int = 0) -> Recovered:
    """What the records say about views of `epoch`, and about its slots above the tip. Raises InvariantBroken.

    A driver may make the records of one step durable before the blocks that the step delivers. Power may
    fail in between: then the WAL speaks of heights above tip + W. Nothing of that has left the node,
    because messages leave behind the Deliver, so it is as if never said; what was recorded for such a
    height later on counts instead."""
    born, rest = _since_birth([decode_record(item) for item in data])
    found = Recovered()
    if born is not None:
        found.born_key, found.votes_above = born.vote_key, born.votes_above
    found.is_of_later_epoch = any(not isinstance(r, Born) and r.epoch > epoch for r in rest)
    records = [r for r in rest if not isinstance(r, Born) and r.epoch == epoch]
    _recover_views(found, records)
    prepared: dict[int, dict[int, PreparedCert]] = {}
    for record in records:
        if not isinstance(record, Proposed | Accepted | Prepared):
            continue
        if not tip_height < record.height <= tip_height + window:
            continue
        certs = prepared.setdefault(record.height, {})
        is_current = record.view == found.view and found.is_active
        if isinstance(record, Prepared):
            certs[record.view] = record.cert
            if is_current:
                found.commits[record.height] = record.commit
            continue
        certs.pop(record.view, None)
        _recover_slot(found, record, is_current)
    found.prepared = {h: certs[max(certs)] for h, certs in prepared.items() if certs}
    return found


def _recover_slot(found: Recovered, record: Proposed | Accepted, is_current: bool) -> None:
    proposal = _proposal(record.proposal)
    if not is_current:
        found.older_proposals.append(proposal)
        return
    found.proposals[record.height] = proposal
    found.prepares.pop(record.height, None)
    found.commits.pop(record.height, None)
    if isinstance(record, Accepted):
        found.prepares[record.height] = record.prepare


def retain(data: Sequence[bytes], height: int) -> tuple[bytes, ...]:
    """The records a WAL must still hold once block `height` is durable **and** executed durably.

    Kept are: the last birth, the latest promise and the view entered last, both of the latest epoch, and
    votes above `height`. So a WAL is bounded by the window. Keeps their order. Applying it again with the
    same height changes nothing."""
    records = [decode_record(item) for item in data]
    born, since = _since_birth(records)
    epoch = max((r.epoch for r in since if not isinstance(r, Born)), default=0)
    # Backwards: of several for one view the last counts.
    latest = [r for r in reversed(since) if not isinstance(r, Born) and r.epoch == epoch]
    promise = max((r for r in latest if isinstance(r, View)), key=_view_of, default=None)
    entered = max((r for r in latest if isinstance(r, Entered)), key=_view_of, default=None)
    first = len(records) - len(since)
    kept = []
    for at, (item, record) in enumerate(zip(data, records, strict=True)):
        match record:
            case Born():
                keep = record is born
            case View():
                keep = record is promise
            case Entered():
                keep = record is entered
            case Proposed() | Accepted() | Prepared():
                keep = at >= first and record.epoch == epoch and record.height > height
        if keep:
            kept.append(item)
    return tuple(kept)


def _view_of(record: View | Entered) -> int:
    return record.view
