"""Exchange of two assets on two channels: lock, prove, claim, time out (`rules.exchange_machine`).

Terms name both sides; their digest is the exchange's number on both channels, so whoever accepts a proof of
the number has accepted the terms. Each channel follows the other by its light client (`foreign_channel`): no
relayer is believed, and anyone may carry the proofs. A contract whose assets can be exchanged offers
`exchange_hold(asset, number, taker)`, `exchange_move(asset, number)` and `exchange_free(asset, number)`; while
it is asked, `get(number)` shows it the terms.

Invariants: the second channel decides once; the first asset is its taker's only if the second is; an asset that
is locked goes to its taker or back, nowhere else.
"""

from rules.exchange_machine import FIRST, SECOND, WAIVE_MS
from rules.exchange_records import (
    CHANNEL_BYTES,
    LATEST_MS,
    SALT_MAX,
    SALT_MIN,
    TEXT_MAX,
    CalledOff,
    Claimed,
    Exchange,
    Locked,
    Released,
    Settled,
    Side,
    Terms,
    described,
    exchanges,
    number_of,
    stands,
)
from rules.instrument import keep, load, require_step
from rules.machine import moves_from
from sdk import (
    bytes_from_hex,
    call,
    ctx,
    decode,
    export,
    require,
    view,
)


def begin(table: tuple, move: str, terms: Terms, here: Side, there: Side) -> Exchange:
    """A new record on this channel, in the state its row leads to.

    Codes: E_EXCHANGE_TERMS, E_EXCHANGE_CHANNEL, E_STATE, E_NOT_PARTY."""
    for side in (here, there):
        named = [side.contract, side.asset, side.giver, side.taker]
        fits = all(0 < len(text) <= TEXT_MAX for text in named)
        require(
            fits and side.giver != side.taker, "E_EXCHANGE_TERMS", "names of 1 to 64 characters"
        )
        require(len(side.channel) == CHANNEL_BYTES, "E_EXCHANGE_TERMS", "a channel id has 32 bytes")
    require(
        SALT_MIN <= len(terms.salt) <= SALT_MAX,
        "E_EXCHANGE_TERMS",
        "a salt is 16 to 32 random bytes",
    )
    require(
        0 < terms.until_ms < 2**63, "E_EXCHANGE_TERMS", "the last moment is a time in milliseconds"
    )
    require(
        here.channel == bytes_from_hex(ctx.channel),
        "E_EXCHANGE_CHANNEL",
        "that side stands elsewhere",
    )
    require(here.channel != there.channel, "E_EXCHANGE_CHANNEL", "two channels")
    parties = {"giver": here.giver, "taker": here.taker}
    id = number_of(terms)
    state = "-" if exchanges[id] is None else exchanges[id].state
    row = require_step(table, state, move, parties)
    return Exchange(id, terms, parties, state=row[4])


def advance(move: str, id: str) -> Exchange:
    """The first channel's record, in the state that its row leads to."""
    found = load(exchanges, id)
    row = require_step(FIRST, found.state, move, found.parties)
    found.state = row[4]
    found.version += 1
    return found


def free(found: Exchange) -> str:
    """The first asset is its giver's again."""
    store(found, Released)
    call(found.terms.first.contract, "exchange_free", found.terms.first.asset, found.id)
    return found.id


def require_stand(channel: bytes, id: str, fact: bytes, stand: str):
    """That channel's exchange of this number stood so. Codes: E_FOREIGN_CHANNEL, E_FOREIGN_PROOF."""
    shown = call("foreign_channel", "state_of", channel, "exchange", "stand", id, fact)["value"]
    proven = shown is not None and decode(shown) == stand
    require(proven, "E_FOREIGN_PROOF", f"it does not show that the exchange is {stand} there")


def store(found: Exchange, event) -> str:
    stands[found.id] = found.state
    keep(exchanges, found, event)
    return found.id


# ---- on the channel of the first asset -----------------------------------------------------------


@export
def lock(terms: Terms) -> str:
    """Who gives the first asset locks it. Returns the exchange's number.

    Codes: E_EXCHANGE_TERMS, E_EXCHANGE_CHANNEL, E_STATE, E_NOT_PARTY, E_FOREIGN_CHANNEL and those of the
    asset's contract."""
    found = begin(FIRST, "lock", terms, terms.first, terms.second)
    followed = call("foreign_channel", "get", terms.second.channel)["confirmed_by"]
    require(followed != "", "E_FOREIGN_CHANNEL", "the other channel is not followed here yet")
    require(
        terms.until_ms <= ctx.time + LATEST_MS,
        "E_EXCHANGE_TERMS",
        "the last moment is within a year",
    )
    first = terms.first
    store(found, Locked)
    call(first.contract, "exchange_hold", first.asset, found.id, first.taker)
    return found.id


@export
def claim(id: str, fact: bytes) -> str:
    """The second channel has settled: the asset is the taker's. Codes: E_STATE, E_FOREIGN_PROOF."""
    found = advance("claim", id)
    require_stand(found.terms.second.channel, id, fact, "SETTLED")
    store(found, Claimed)
    call(found.terms.first.contract, "exchange_move", found.terms.first.asset, id)
    return id


@export
def release(id: str, fact: bytes) -> str:
    """It was called off there: the asset is free again. Codes: E_STATE, E_FOREIGN_PROOF."""
    found = advance("release", id)
    require_stand(found.terms.second.channel, id, fact, "CALLED_OFF")
    return free(found)


@export
def lapse(id: str, fact: bytes, header: bytes) -> str:
    """Nothing was decided there in time: the asset is free again, though nobody called it off.

    header: a sealed header of the second channel, of after the last moment; fact: that its state after that
    block, or a later one, does not know the exchange. Codes: E_STATE, E_EXCHANGE_EARLY, E_FOREIGN_PROOF."""
    found = advance("lapse", id)
    channel = found.terms.second.channel
    passed = call("foreign_channel", "header_of", channel, header)
    over = passed["time_ms"] > found.terms.until_ms
    require(over, "E_EXCHANGE_EARLY", "a header of before the last moment")
    shown = call("foreign_channel", "state_of", channel, "exchange", "stand", id, fact)
    undecided = shown["value"] is None and shown["as_of"] >= passed["height"]
    require(undecided, "E_FOREIGN_PROOF", "it does not show that nothing was decided until then")
    return free(found)


@export
def waive(id: str) -> str:
    """Whom the asset would go to gives it up. Codes: E_STATE, E_NOT_PARTY, E_EXCHANGE_EARLY."""
    found = advance("waive", id)
    late = ctx.time > found.terms.until_ms + WAIVE_MS
    require(late, "E_EXCHANGE_EARLY", "a day after the last moment")
    return free(found)


# ---- on the channel of the second asset, which decides -------------------------------------------


@export
def settle(terms: Terms, fact: bytes) -> str:
    """Who gives the second asset hands it over, against the proof that the first one is locked.

    Codes: E_EXCHANGE_TERMS, E_EXCHANGE_CHANNEL, E_STATE, E_NOT_PARTY, E_EXCHANGE_LATE, E_FOREIGN_CHANNEL,
    E_FOREIGN_PROOF and those of the asset's contract."""
    found = begin(SECOND, "settle", terms, terms.second, terms.first)
    require(ctx.time <= terms.until_ms, "E_EXCHANGE_LATE", "the last moment has passed")
    require_stand(terms.first.channel, found.id, fact, "LOCKED")
    second = terms.second
    store(found, Settled)
    call(second.contract, "exchange_hold", second.asset, found.id, second.taker)
    call(second.contract, "exchange_move", second.asset, found.id)
    return found.id


@export
def call_off(terms: Terms) -> str:
    """It will not be settled. Codes: E_EXCHANGE_TERMS, E_EXCHANGE_CHANNEL, E_STATE, E_EXCHANGE_EARLY."""
    found = begin(SECOND, "call_off", terms, terms.second, terms.first)
    own = ctx.member == terms.second.giver
    require(
        own or ctx.time > terms.until_ms,
        "E_EXCHANGE_EARLY",
        "until its last moment the giver decides",
    )
    return store(found, CalledOff)


# ---- views ---------------------------------------------------------------------------------------


@view
def number(terms: Terms) -> str:
    """The number that these terms have on both channels."""
    return number_of(terms)


@view
def stand(id: str) -> str:
    """How an exchange stands on this channel, "" where it is not known here."""
    return stands[id]


@view
def get(id: str) -> dict:
    """Terms and state. Whoever carries proofs may read them. Code: E_NOT_FOUND."""
    found = load(exchanges, id)
    terms = found.terms
    return {
        "id": id, "state": found.state, "version": found.version,
        "terms": {
            "first": described(terms.first), "second": described(terms.second),
            "until_ms": terms.until_ms, "salt": terms.salt,
        },
    }  # fmt: skip


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    found = load(exchanges, id)
    here = found.terms.first.channel == bytes_from_hex(ctx.channel)
    return moves_from(FIRST if here else SECOND, found.state)
