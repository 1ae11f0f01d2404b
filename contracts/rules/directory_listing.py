"""A channel's genesis configuration, read as a directory needs it: of both suites, as an id is a hash."""

from rules.foreign_chain import (
    CONFIG_BYTES_MAX,
    CONFIG_KINDS,
    CONSENSUS_KINDS,
    GENESIS_VERSION,
    NODE_KINDS,
    VALIDATORS_MAX,
    check,
)
from sdk import dataclass, struct_decode, tagged_hash

SUITES = ((1, "sm"), (2, "intl"))
FOLLOWERS_MAX = 64
CONTRACTS_MAX = 256
CONTRACT_KINDS = ("str", "int", "hash")
VALIDATOR = "validator"


@dataclass
class Seat:
    """A node as a genesis names it. key: identity key in hexadecimal."""

    name: str
    key: str
    zone: str
    jurisdiction: str
    role: str


@dataclass
class Listing:
    """What a genesis configuration says. id: of the channel, which is its hash. contracts: name@version."""

    id: bytes
    name: str
    suite: str
    engine: str
    zone: str
    jurisdiction: str
    seats: tuple
    contracts: tuple


def read_listing(config: bytes) -> Listing:
    """Raises ValueError."""
    check(len(config) <= CONFIG_BYTES_MAX, "a configuration of at most 200,000 bytes")
    parts = struct_decode(list(CONFIG_KINDS), config)
    check(parts[0] == GENESIS_VERSION, "a configuration of a known version")
    suites = [name for number, name in SUITES if number == parts[1]]
    check(suites != [], "a known suite")
    rules = struct_decode(list(CONSENSUS_KINDS), parts[5])
    voting = [seat_of(node) for node in parts[10]]
    following = [seat_of(node) for node in parts[12]]
    check(1 <= len(voting) <= VALIDATORS_MAX, "1 to 64 validators")
    check(len(parts[11]) <= CONTRACTS_MAX, "at most 256 contracts")
    check(len(following) <= FOLLOWERS_MAX, "at most 64 other nodes")
    check(all(seat.role == VALIDATOR for seat in voting), "validators that vote")
    check(all(seat.role != VALIDATOR for seat in following), "other nodes that do not")
    names = [seat.name for seat in (*voting, *following)]
    check(len(set(names)) == len(names), "nodes with names of their own")
    return Listing(
        tagged_hash("citychain/genesis/v1", suites[0], config), parts[2], suites[0], rules[0],
        parts[13], parts[14], (*voting, *following), tuple([contract_of(one) for one in parts[11]]),
    )  # fmt: skip


def seat_of(encoded: bytes) -> Seat:
    node = struct_decode(list(NODE_KINDS), encoded)
    return Seat(node[0], node[3].hex(), node[7], node[8], node[9])


def contract_of(encoded: bytes) -> str:
    name, version, _ = struct_decode(list(CONTRACT_KINDS), encoded)
    return f"{name}@{version}"
