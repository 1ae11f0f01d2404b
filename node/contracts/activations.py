"""What a block does behind its transactions: versions whose height has come become active.

The outcome is that of `node/lifecycle/activation.py`; here `migrate` runs, on the state that the block's
transactions leave, and what it writes goes into the same batch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from consensus.header import Header
from contracts.runtime import values
from contracts.runtime.api import BlockRequest, StateReader, Transaction, TxResult
from node.lifecycle import LifecycleState
from node.lifecycle.activation import (
    activated,
    active_with,
    due,
    failure_of,
    migration,
    not_activated,
)
from node.lifecycle.state import Place, Stage
from node.model import EventRecord

Run = Callable[[BlockRequest, StateReader], Awaitable[TxResult]]
Writes = dict[bytes, bytes | None]


class Overlay:
    """State with writes on top that are not stored yet, for the engine (its `StateReader`)."""

    def __init__(self, below: StateReader, writes: Mapping[bytes, bytes | None]) -> None:
        self._below, self._writes = below, writes

    def state_get(self, keys: list[bytes]) -> list[bytes | None]:
        missing = [key for key in keys if key not in self._writes]
        found = dict(zip(missing, self._below.state_get(missing), strict=True))
        return [self._writes[key] if key in self._writes else found[key] for key in keys]

    def state_scan(
        self, prefix: bytes, after: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]:
        own = {
            key: value
            for key, value in self._writes.items()
            if key.startswith(prefix) and (after is None or key > after)
        }
        # As many more as may be covered: each own key hides at most one of those below.
        below = dict(self._below.state_scan(prefix, after, limit + len(own)))
        merged = sorted((below | own).items())
        return [(key, value) for key, value in merged if value is not None][:limit]


@dataclass(frozen=True, slots=True)
class Activation:
    """What became of one version. failure: why it does not run; empty where it does. writes: of `migrate`."""

    place: Place
    failure: str
    writes: Writes
    events: tuple[EventRecord, ...]
    gas_used: int

    @property
    def event(self) -> EventRecord:
        """What subscribers are told."""
        name, version = self.place
        told = {"name": name, "version": version, "gas_used": self.gas_used}
        if self.failure:
            told |= {"failure": self.failure}
        kind = "ActivationFailed" if self.failure else "Activated"
        return EventRecord("_contract", kind, values.encode(told))


@dataclass(slots=True)
class Activations:
    """All of one block, in order."""

    state: LifecycleState
    done: dict[Place, Activation] = field(default_factory=dict)
    writes: Writes = field(default_factory=dict)


async def activate(
    header: Header,
    state: LifecycleState,
    below: StateReader,
    writes: Mapping[bytes, bytes | None],
    at_once: Mapping[Place, Stage],
    gas_limit: int,
    run: Run,
) -> Activations:
    """Everything that is due behind the block. state: of the contracts after its transactions, `writes` on
    `below` what they leave. at_once: stages before those transactions that want an activation with their own
    block. run: one transaction in the engine, with what it needs loaded."""
    found = Activations(state)
    for place in due(state, header.height):
        call = migration(found.state, place, gas_limit)
        result = None
        if call is not None and not failure_of(found.state, place, None):
            request = _request(header, call, active_with(found.state, place))
            result = await run(request, Overlay(below, {**writes, **found.writes}))
        failure = failure_of(found.state, place, result)
        if failure:
            before = at_once.get(place)
            found.state = not_activated(found.state, place, failure, before)
        else:
            found.state = activated(found.state, place)
        # What did not end well wrote nothing and told nothing.
        found.done[place] = Activation(
            place,
            failure,
            {} if result is None else dict(result.writes),
            () if result is None else result.events,
            0 if result is None else result.gas_used,
        )
        found.writes |= found.done[place].writes
    return found


def _request(header: Header, call: Transaction, active: Mapping[str, int]) -> BlockRequest:
    return BlockRequest(
        channel_id=header.channel_id.hex(),
        height=header.height,
        time_ms=header.timestamp_ms,
        txs=(call,),
        active=active,
        first_index=header.tx_count,
    )
