"""Which transactions made the life of one object, told by the events of its channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from node.sdk.calls import Event

# Names of event fields whose value is another object that the first one's life goes through.
LINKS = ("request_id",)
# What every payment proof of a bundle rests on: the registration of its log.
FOUNDATIONS = ("Dcep.LogRegistered",)


def life_of(subject: str, events: Sequence[Event]) -> list[str]:
    """Ids of the transactions that told something of `subject`, of its parts (`subject/…`), or of what they
    were financed by; in the order of the chain. Refused transactions tell nothing and are not among them."""
    subjects = {subject}
    for event in events:
        if mentions(event.fields, {subject}):
            subjects |= {str(event.fields[name]) for name in LINKS if event.fields.get(name)}
    found = (e.tx_id for e in events if mentions(e.fields, subjects))
    told = list(dict.fromkeys(found))
    if not told:
        return []
    base = (e.tx_id for e in events if e.name in FOUNDATIONS)
    return list(dict.fromkeys((*base, *told)))


def mentions(value: Any, subjects: set[str]) -> bool:
    """Whether a subject, or a part of one, stands anywhere in a value."""
    if isinstance(value, str):
        return value in subjects or any(value.startswith(f"{each}/") for each in subjects)
    if isinstance(value, Mapping):
        return any(mentions(each, subjects) for each in value.values())
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray):
        return any(mentions(each, subjects) for each in value)
    return False
