"""Terms of an exchange between two channels, their number, and what a channel keeps of it."""

from sdk import Event, Map, dataclass, sm3, struct_encode

CHANNEL_BYTES = 32
TEXT_MAX = 64
SALT_MIN = 16
SALT_MAX = 32
LATEST_MS = 31622400000  # 366 days


@dataclass
class Side:
    """One asset: the channel where it stands, its contract and number there, who gives and who takes it (by
    their names there)."""

    channel: bytes
    contract: str
    asset: str
    giver: str
    taker: str


@dataclass
class Terms:
    """until_ms: by the clock of the second channel; salt: 16 to 32 random bytes."""

    first: Side
    second: Side
    until_ms: int
    salt: bytes


@dataclass
class Exchange:
    id: str
    terms: Terms
    parties: dict
    state: str = ""
    version: int = 1


exchanges = Map("exchange", None)
stands = Map("stand", "")  # number → state, in plain text: what the other channel asks a proof of

Locked = Event("Exchange.Locked")
Claimed = Event("Exchange.Claimed")
Released = Event("Exchange.Released")
Settled = Event("Exchange.Settled")
CalledOff = Event("Exchange.CalledOff")


def number_of(terms: Terms) -> str:
    sides = [
        struct_encode(
            [
                ("hash", side.channel), ("str", side.contract), ("str", side.asset),
                ("str", side.giver), ("str", side.taker),
            ]
        )
        for side in (terms.first, terms.second)
    ]  # fmt: skip
    return sm3(
        struct_encode(
            [
                ("str", "exchange/v1"), ("bytes", sides[0]), ("bytes", sides[1]),
                ("int", terms.until_ms), ("bytes", terms.salt),
            ]
        )
    ).hex()  # fmt: skip


def described(side: Side) -> dict:
    return {
        "channel": side.channel, "contract": side.contract, "asset": side.asset,
        "giver": side.giver, "taker": side.taker,
    }  # fmt: skip
