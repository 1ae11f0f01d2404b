"""WAL records of PBFT, what a restart recovers from them, and which may be dropped (section 5).

A record holds the very bytes that were sent: after a restart they are sent again, never signed again.
The WAL is the only memory of what was signed.
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
    """First record of a life: a WAL that has it was not lost."""

    channel_id: Hash
    vote_key: bytes


@dataclass(frozen=True, slots=True)
class Proposed:
    """Own proposal, as sent."""

    view: int
    height: int
    proposal: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """A proposal accepted (without parent_cert) and the Prepare sent for it."""

    view: int
    height: int
    proposal: bytes
    prepare: bytes


@dataclass(frozen=True, slots=True)
class Prepared:
    view: int
    height: int
    cert: PreparedCert
    commit: bytes


@dataclass(frozen=True, slots=True)
class View:
    """The promise to be silent below `view` (R6), with the ViewChange as sent."""

    view: int
    view_change: bytes


@dataclass(frozen=True, slots=True)
class Entered:
    view: int
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
    """What this validator had said when it stopped. Slots are those of `view` above the tip."""

    is_born: bool = False
    view: int = 0
    is_active: bool = True
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


def _recover_views(found: Recovered, records: Sequence[Record]) -> None:
    for record in records:
        match record:
            case Born():
                found.is_born = True
            case View(view=view) if view > found.view:
                message = decode_message(record.view_change)
                assert isinstance(message, ViewChange)
                found.view, found.is_active, found.view_change = view, False, message
            case Entered(view=view) if view >= found.view:
                entered = decode_message(record.new_view)
                assert isinstance(entered, NewView)
                found.view, found.is_active, found.new_view = view, True, entered
            case _:
                pass


def recover(data: Sequence[bytes], tip_height: int, window: int) -> Recovered:
    """What the records say about views, and about slots above the tip. Raises InvariantBroken.

    A driver may make the records of one step durable before the blocks that the step delivers. Power may
    fail in between: then the WAL speaks of heights above tip + W. Nothing of that has left the node,
    because messages leave behind the Deliver, so it is as if never said; what was recorded for such a
    height later on counts instead."""
    records = [decode_record(item) for item in data]
    found = Recovered()
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

    Keeps their order. Applying it again with the same height changes nothing."""
    records = [decode_record(item) for item in data]
    promise = max((r.view for r in records if isinstance(r, View)), default=0)
    entered = max((r.view for r in records if isinstance(r, Entered)), default=0)
    kept = []
    for item, record in zip(data, records, strict=True):
        match record:
            case Born():
                keep = True
            case View():
                keep = record.view == promise
            case Entered():
                keep = record.view == entered
            case Proposed() | Accepted() | Prepared():
                keep = record.height > height
        if keep:
            kept.append(item)
    return tuple(kept)
