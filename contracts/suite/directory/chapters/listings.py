"""Channels: listed by their genesis, proven by their validators' seals. Table CHANNEL.

The id is computed from the genesis configuration, and name, suite, engine, zone and nodes are read from it:
nothing of that is believed. That the channel runs is its lister's word until somebody shows a header that a
quorum of its validators sealed.
"""

from rules.directory_listing import VALIDATOR, read_listing
from rules.directory_machine import CHANNEL
from rules.directory_records import (
    Channel,
    ChannelArchived,
    ChannelListed,
    ChannelPaused,
    ChannelProven,
    ChannelRefreshed,
    ChannelResumed,
    change,
    channels,
    cities,
    nodes,
    put,
    seats,
)
from rules.foreign_chain import epoch_of, read_genesis, read_sealed
from rules.instrument import require_step
from sdk import bytes_from_hex, call, ctx, export, require


def proven(read, *args):
    """What `read` finds. Code: E_FOREIGN_PROOF."""
    try:
        return read(*args)
    except ValueError:
        require(False, "E_FOREIGN_PROOF", "these are not the bytes of it, or they do not hold")


def check_seat(seat, suite: str) -> str:
    """The owner of the registered node that has this key, offers this role, and stands where the genesis says.
    Code: E_DIRECTORY_NODE."""
    found = nodes[seat.name]
    known = found is not None and found.state == "ACTIVE" and found.keys.get(suite) == seat.key
    require(known, "E_DIRECTORY_NODE", f"{seat.name} is not registered with this key")
    require(seat.role in found.roles, "E_DIRECTORY_NODE", f"{seat.name} does not offer {seat.role}")
    city = cities[found.city]
    placed = (city.zone, city.jurisdiction) == (seat.zone, seat.jurisdiction)
    require(placed, "E_DIRECTORY_NODE", f"{seat.name} is registered in another place")
    return found.parties["owner"]


@export
def list_channel(config: bytes) -> str:
    """List a channel by its canonical genesis configuration. Returns its id in hexadecimal.

    Codes: E_NOT_PARTY, E_FOREIGN_PROOF, E_DUPLICATE, E_DIRECTORY_NODE, E_LIMIT."""
    parts = {"lister": ctx.member}
    require_step(CHANNEL, "-", "list_channel", parts)
    shown = proven(read_listing, config)
    id = shown.id.hex()
    require(channels[id] is None, "E_DUPLICATE", "this channel is listed already")
    own = False
    for seat in shown.seats:
        owner = check_seat(seat, shown.suite)
        inside = shown.zone in ("", seat.zone)
        require(inside, "E_DIRECTORY_NODE", f"{seat.name} is outside the channel's zone")
        own = own or (owner == ctx.member and seat.role == VALIDATOR)
        seats[(seat.name, id)] = seat.role
    require(own, "E_NOT_PARTY", "who owns one of its validators lists it")
    voting = tuple([seat.name for seat in shown.seats if seat.role == VALIDATOR])
    made = Channel(
        id, shown.name, shown.suite, shown.engine, voting,
        tuple([(seat.name, seat.role) for seat in shown.seats if seat.role != VALIDATOR]),
        shown.zone, shown.jurisdiction, shown.contracts, parts, voting, "LISTED",
        said_by=ctx.member,
    )  # fmt: skip
    put("channel", channels, made, ChannelListed, None)
    return id


@export
def prove_channel(id: str, config: bytes, certified: bytes) -> int:
    """Anyone shows a header that the validators of its genesis sealed: it runs. Returns the header's height.
    Where they have changed since, the channel is followed and refreshed.

    Codes: E_NOT_FOUND, E_STATE, E_FOREIGN_PROOF."""
    found, former = change(CHANNEL, channels, id, "prove_channel")
    trust = proven(read_genesis, config)
    require(trust.channel.hex() == id, "E_FOREIGN_PROOF", "the configuration of another channel")
    first = proven(epoch_of, certified) == 0
    require(
        first, "E_FOREIGN_PROOF", "a header of later validators: follow the channel, then refresh"
    )
    show_sealed(found, proven(read_sealed, trust, certified))
    put("channel", channels, found, ChannelProven, former)
    return found.sealed_height


def show_sealed(found, sealed):
    newer = sealed.height > found.sealed_height
    require(newer, "E_FOREIGN_PROOF", "no newer header than was shown before")
    found.sealed_height = sealed.height
    found.sealed_ms = sealed.time_ms


@export
def refresh_channel(id: str) -> int:
    """Anyone lets its validators be those that `foreign_channel` has followed to. Returns their epoch.

    Of those that came later only names are known, which anybody may enter here: they give no say and no part.
    Codes: E_NOT_FOUND, E_STATE, E_FOREIGN_CHANNEL, E_FOREIGN_PROOF."""
    found, former = change(CHANNEL, channels, id, "refresh_channel")
    known = call("foreign_channel", "get", bytes_from_hex(id))
    followed = known["confirmed_by"] != ""
    require(followed, "E_FOREIGN_CHANNEL", "two members introduce a channel before it counts")
    newer = known["epoch"] > found.epoch
    require(newer, "E_FOREIGN_PROOF", "no newer validators are known")
    for name in found.shown:
        if name not in known["validators"]:
            seats.delete((name, id))
    found.nodes = tuple(known["validators"])
    found.shown = tuple([name for name in found.shown if name in found.nodes])
    found.epoch = known["epoch"]
    found.sealed_height = max(found.sealed_height, known["above"])
    put("channel", channels, found, ChannelRefreshed, former)
    return found.epoch


def say(id: str, move: str, event, expected_version: int) -> str:
    """What somebody who owns one of its validators says of it. Code: E_NOT_PARTY."""
    found, former = change(CHANNEL, channels, id, move, expected_version)
    owners = [nodes[name].parties["owner"] for name in found.shown]
    require(ctx.member in owners, "E_NOT_PARTY", "who owns one of its validators says so")
    found.said_by = ctx.member
    if found.state == "ARCHIVED":
        for name in (*found.shown, *[one[0] for one in found.followers]):
            seats.delete((name, id))
    return put("channel", channels, found, event, former)


@export
def pause_channel(id: str, expected_version: int = 0) -> str:
    """Codes: E_NOT_FOUND, E_STATE, E_NOT_PARTY, E_VERSION."""
    return say(id, "pause_channel", ChannelPaused, expected_version)


@export
def resume_channel(id: str, expected_version: int = 0) -> str:
    """Codes: E_NOT_FOUND, E_STATE, E_NOT_PARTY, E_VERSION."""
    return say(id, "resume_channel", ChannelResumed, expected_version)


@export
def archive_channel(id: str, expected_version: int = 0) -> str:
    """For good: its nodes are free of it. Codes: E_NOT_FOUND, E_STATE, E_NOT_PARTY, E_VERSION."""
    return say(id, "archive_channel", ChannelArchived, expected_version)
