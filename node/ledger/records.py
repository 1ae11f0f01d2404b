"""What a state store takes and gives: its records, answers and refusals."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.encoding import Hash
from consensus.state_proof import StateProof
from node.errors import CityError
from node.ledger.store import Batch
from node.ledger.tree import TreeUpdate
from node.model import StoredEvent

EventPlace = tuple[int, int, int]  # height, tx index, event index


class HeightNotHeld(CityError):
    """No proof and no value for that height: not applied yet, or its pages are gone."""

    def __init__(self, height: int, detail: str, retained: int, lowest: int, highest: int) -> None:
        super().__init__(
            "CITY-5007",
            height=height,
            detail=detail,
            retained=retained,
            lowest=lowest,
            highest=highest,
        )


@dataclass(frozen=True, slots=True)
class StateRoots:
    """What header `height + W` will carry for this height."""

    state_root: Hash
    receipts_root: Hash


@dataclass(frozen=True, slots=True)
class RootsRecord:
    state_root: Hash
    receipts_root: Hash
    slot: bytes


@dataclass(frozen=True, slots=True)
class StaleRecord:
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PreparedBlock:
    """A block ready to be written. Valid only on the applied height it was prepared on."""

    height: int
    roots: StateRoots
    batch: Batch
    update: TreeUpdate


@dataclass(frozen=True, slots=True)
class ProvenValue:
    """value: None for absence. Holds under the state root of `height`, which header height + W carries."""

    height: int
    state_root: Hash
    value: bytes | None
    proof: StateProof


@dataclass(frozen=True, slots=True)
class FirstRequest:
    """The transaction that used a (sender, request id) first."""

    height: int
    tx_id: Hash


@dataclass(frozen=True, slots=True)
class EventPage:
    """next_after: where to go on; None when everything stored so far has been looked at."""

    events: tuple[StoredEvent, ...]
    next_after: EventPlace | None
