"""The directory of a consortium, on the channel that all its cities share: who takes part, and where what runs.

A member enters its own things and nothing else: itself, its city nodes, its relays, and channels of which it
owns a validator; two members say where a city is. An entry tells what of it is a claim (`claimed`): whoever
meets the node compares its key, and whoever wants to know whether a channel runs asks for its seals. Nothing is
taken out: what is retired stays, with every version that it had.

Invariants: a node has one owner and a key that no other node ever had; no two channels of one id; what is
active is in a city in force, and stands where that city stands; a node with a part in a living channel stays.

    places    cities
    houses    organisations
    machines  city nodes, relays
    listings  channels
"""

from chapters.places import propose_city, confirm_city, retire_city
from chapters.houses import register_member, set_member, retire_member
from chapters.machines import (
    register_node,
    set_node,
    set_node_key,
    retire_node,
    register_relay,
    set_relay,
    retire_relay,
)
from chapters.listings import (
    list_channel,
    prove_channel,
    refresh_channel,
    pause_channel,
    resume_channel,
    archive_channel,
)

from rules.directory_records import KINDS, PAGE_MAX, past, seats
from rules.directory_views import described, records_of, table_of
from rules.instrument import load
from rules.machine import moves_from
from sdk import require, view


def require_kind(kind: str):
    require(kind in KINDS, "E_CODE", "a kind is city, member, node, channel or relay")


def page_of(limit: int) -> int:
    return min(max(limit, 1), PAGE_MAX)


@view
def show(kind: str, id: str) -> dict:
    """An entry as it stands. Codes: E_CODE, E_NOT_FOUND."""
    require_kind(kind)
    return described(kind, load(records_of(kind), id))


@view
def entries(kind: str, after: str = "", limit: int = 50) -> list:
    """Entries of a kind by their ids, retired ones too. after: the last id that was seen. Code: E_CODE."""
    require_kind(kind)
    found = records_of(kind).scan(after=after or None, limit=page_of(limit))
    return [described(kind, record) for _, record in found]


@view
def runs(node: str, after: str = "", limit: int = 50) -> list:
    """The living channels that a node has a part in: channel, role. after: the last channel that was seen."""
    cursor = (node, after) if after else None
    found = seats.scan((node,), after=cursor, limit=page_of(limit))
    return [{"channel": key[1], "role": role} for key, role in found]


@view
def history(kind: str, id: str, after: int = 0, limit: int = 50) -> list:
    """What an entry was before, oldest version first. Code: E_CODE."""
    require_kind(kind)
    cursor = (kind, id, after) if after else None
    found = past.scan((kind, id), after=cursor, limit=page_of(limit))
    return [described(kind, record) for _, record in found]


@view
def next_steps(kind: str, id: str) -> list:
    """What may happen now to an entry: call, who, guard, to. Codes: E_CODE, E_NOT_FOUND."""
    require_kind(kind)
    return moves_from(table_of(kind), load(records_of(kind), id).state)
