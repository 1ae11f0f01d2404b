"""Light client of other channels: what stood in their state, by the seals of their own validators.

Two members introduce a channel by its genesis configuration; from then on nobody is believed: whoever likes
brings the header that ends an epoch, with the validators it names, and any contract of this channel asks what
a proof shows. Channels of both suites, whichever this one is of.

What a channel's genesis keeps resident in its zone is taken by nobody here, proof or not.

Invariants: a channel's epochs follow one another without a gap, each named by a quorum of the one before; what
`state_of` says was under a state root that a quorum of that channel sealed.
"""

from rules.foreign_chain import (
    check_fact,
    epoch_of,
    key_of,
    read_fact,
    read_genesis,
    read_next,
    read_sealed,
)
from sdk import Event, Map, ctx, export, require, view

introduced = Map(
    "introduced", None
)  # channel id → who introduced it, until another member confirms
epochs = Map("epoch", None)  # (channel id, epoch) → Trust
newest = Map("newest", 0)  # channel id → the epoch that is known last
named = Map("named", ())  # "" → ids of the channels that are followed

CHANNELS_MAX = 256

Introduced = Event("Foreign.Introduced")
Confirmed = Event("Foreign.Confirmed")
EpochFollowed = Event("Foreign.EpochFollowed")


@export
def introduce(config: bytes) -> bytes:
    """An admin names a channel by its canonical genesis configuration. Returns the channel's id.

    Codes: E_ROLE, E_FOREIGN_PROOF, E_DUPLICATE, E_LIMIT."""
    require("admin" in ctx.roles, "E_ROLE", "an admin of a member introduces a channel")
    trust = proven(read_genesis, config)
    require(introduced[trust.channel] is None, "E_DUPLICATE", "it is introduced already")
    require(trust.channel.hex() != ctx.channel, "E_DUPLICATE", "it is this channel")
    require(len(named[""]) < CHANNELS_MAX, "E_LIMIT", "256 channels are the most")
    introduced[trust.channel] = (ctx.member, "")
    epochs[(trust.channel, 0)] = trust
    named[""] = (*named[""], trust.channel)
    Introduced(channel=trust.channel, name=trust.name, by=ctx.member)
    return trust.channel


@export
def confirm(channel: bytes) -> bool:
    """An admin of another member agrees; from now on the channel's proofs count here.

    Codes: E_ROLE, E_FOREIGN_CHANNEL, E_FOUR_EYES, E_STATE."""
    require("admin" in ctx.roles, "E_ROLE", "an admin of a member confirms a channel")
    found = introduced[channel]
    require(found is not None, "E_FOREIGN_CHANNEL", "nobody has introduced it")
    require(found[1] == "", "E_STATE", "it is confirmed already")
    require(found[0] != ctx.member, "E_FOUR_EYES", "another member confirms than introduced")
    introduced[channel] = (found[0], ctx.member)
    Confirmed(channel=channel, by=ctx.member)
    return True


@export
def follow(channel: bytes, last: bytes, validators: bytes) -> int:
    """The channel's validators have changed: the sealed header that ends the epoch known last, and the set that
    it names. Anyone may bring it. Returns the new epoch. Codes: E_FOREIGN_CHANNEL, E_FOREIGN_PROOF."""
    require_followed(channel)
    epoch = newest[channel]
    following = proven(read_next, epochs[(channel, epoch)], last, validators)
    epochs[(channel, following.epoch)] = following
    newest[channel] = following.epoch
    EpochFollowed(channel=channel, epoch=following.epoch, above=following.above)
    return following.epoch


def require_followed(channel: bytes):
    found = introduced[channel]
    known = found is not None and found[1] != ""
    require(known, "E_FOREIGN_CHANNEL", "two members introduce a channel before it counts")


def proven(read, *args):
    """What `read` finds. Code: E_FOREIGN_PROOF."""
    try:
        return read(*args)
    except ValueError:
        require(False, "E_FOREIGN_PROOF", "these are not the bytes of a proof, or it does not hold")


def sealed_in(channel: bytes, certified: bytes):
    """A header of any epoch that is known, checked by the validators of that epoch. The epoch known last may
    have ended without anybody having told: what its validators still sealed counts, as it did there."""
    epoch = proven(epoch_of, certified)
    require(epoch <= newest[channel], "E_FOREIGN_PROOF", "an epoch that nobody has brought yet")
    sealed = proven(read_sealed, epochs[(channel, epoch)], certified)
    following = epochs[(channel, epoch + 1)]
    inside = following is None or sealed.height <= following.above
    require(inside, "E_FOREIGN_PROOF", "a header above the end of its epoch")
    return sealed


@view
def state_of(
    channel: bytes, contract: str, name: str, key: str, fact: bytes, is_hex: bool = False
) -> dict:
    """What `Map(name)[key]` of a contract of that channel held: {"value": encoded or None, "height",
    "time_ms", "as_of"}, where `height` is of the header that shows it, and `as_of` of the block after which it
    held this. is_hex: the key is bytes, here in hexadecimal.

    Codes: E_FOREIGN_CHANNEL, E_FOREIGN_PROOF, E_RESIDENCY."""
    require_followed(channel)
    held = f"{contract}.{name.partition('#')[0]}"  # an index of a Map holds its values too
    stays = held in epochs[(channel, 0)].resident
    require(not stays, "E_RESIDENCY", f"{contract}.{name} is resident there: bring its commitment")
    certified, shown, value, siblings, beside = proven(read_fact, fact)
    wanted = proven(key_of, contract, name, key, is_hex)
    require(shown == wanted, "E_FOREIGN_PROOF", "a proof of another key")
    sealed = sealed_in(channel, certified)
    proven(check_fact, sealed, shown, value, siblings, beside)
    as_of = sealed.height - epochs[(channel, 0)].window
    return {"value": value, "height": sealed.height, "time_ms": sealed.time_ms, "as_of": as_of}


@view
def header_of(channel: bytes, certified: bytes) -> dict:
    """Height and time of a header that the channel's validators sealed. Codes: E_FOREIGN_CHANNEL,
    E_FOREIGN_PROOF."""
    require_followed(channel)
    sealed = sealed_in(channel, certified)
    return {"height": sealed.height, "time_ms": sealed.time_ms}


@view
def get(channel: bytes) -> dict:
    """What is known of a channel. Code: E_FOREIGN_CHANNEL."""
    found = introduced[channel]
    require(found is not None, "E_FOREIGN_CHANNEL", "nobody has introduced it")
    trust = epochs[(channel, newest[channel])]
    return {
        "channel": channel, "name": trust.name, "suite": trust.suite, "kind": trust.kind,
        "epoch": trust.epoch, "validators": list(trust.names), "above": trust.above, "introduced_by": found[0],
        "confirmed_by": found[1], "resident": list(trust.resident),
    }  # fmt: skip


@view
def channels() -> list:
    """Every channel that was introduced."""
    firsts = [epochs[(one, 0)] for one in named[""]]
    return [{"channel": one.channel, "name": one.name, "suite": one.suite} for one in firsts]
