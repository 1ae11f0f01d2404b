"""Another channel's headers and state proofs: strict reading, and what a quorum of its validators sealed.

The bytes are those of consensus/header.py, certificate.py, validators.py and proof.py; what is checked is what
`consensus.proof` checks offline, and both agree (tests/unit/suite/test_foreign_channel.py). Headers are taken
from anywhere in an epoch: q seals of the epoch's own validators make one certain, and an epoch ends with a
header that names the next validators. Hashes and seals are those of that channel's suite, `sm` or `intl`,
whichever the own one uses: its number stands in the genesis, in every tag and in every header.
"""

from sdk import (
    bytes_from_hex,
    dataclass,
    int_from_bytes,
    p256_verify,
    sha256,
    sm2_verify,
    sm3,
    struct_decode,
    struct_encode,
    tagged_hash,
)

GENESIS_VERSION = 3
SM_ID = 1
INTL_ID = 2
VALIDATORS_MAX = 64
CONFIG_BYTES_MAX = 200000
FACT_BYTES_MAX = 65536
PATH_BITS = 256

CONFIG_KINDS = (
    "int", "int", "str", "int", "str", "bytes", "bytes", "bytes", "list:bytes", "list:bytes",
    "list:bytes", "list:bytes", "list:bytes", "str", "str", "list:str",
)  # fmt: skip
CONSENSUS_KINDS = (
    "str", "int", "int", "int", "int", "int", "int", "int", "int", "int", "int",
)  # fmt: skip
NODE_KINDS = ("str", "str", "str", "bytes", "bytes", "bytes", "str", "str", "str", "str")
HEADER_KINDS = (
    "int", "int", "hash", "int", "int", "hash", "hash", "hash", "int", "hash", "hash", "int",
    "hash", "hash", "hash", "hash",
)  # fmt: skip
CERTIFICATE_KINDS = ("str", "int", "int", "int", "hash", "bytes", "list:sig")


@dataclass
class Trust:
    """What is known of a channel. kind: of its certificates; window: its W. names, keys: the validators of
    `epoch`, whose headers lie above `above`. resident: what never leaves its zone, by contract.object."""

    channel: bytes
    suite: str
    name: str
    kind: str
    window: int
    epoch: int
    above: int
    names: tuple
    keys: tuple
    resident: tuple = ()


@dataclass
class Sealed:
    """A header that a quorum sealed; the fields that are asked for."""

    suite: str
    epoch: int
    height: int
    state_root: bytes
    time_ms: int
    next_validators: bytes


def check(condition, what: str):
    if not condition:
        raise ValueError(what)


# ---- who seals -----------------------------------------------------------------------------------


def read_genesis(config: bytes) -> Trust:
    """The first validators, from the canonical configuration whose hash is the channel's id. Raises
    ValueError."""
    check(len(config) <= CONFIG_BYTES_MAX, "a configuration of at most 200,000 bytes")
    parts = struct_decode(list(CONFIG_KINDS), config)
    check(parts[0] == GENESIS_VERSION, "a configuration of a known version")
    check(parts[1] in (SM_ID, INTL_ID), "a channel of suite sm or intl")
    suite = "sm" if parts[1] == SM_ID else "intl"
    rules = struct_decode(list(CONSENSUS_KINDS), parts[5])
    nodes = [struct_decode(list(NODE_KINDS), node) for node in parts[10]]
    return known(
        tagged_hash("citychain/genesis/v1", suite, config), suite, parts[2], rules[0], rules[1],
        0, 0, tuple(node[0] for node in nodes), tuple(node[4] for node in nodes), tuple(parts[15]),
    )  # fmt: skip


def known(
    channel: bytes, suite: str, name: str, kind: str, window: int, epoch: int, above: int,
    names: tuple, keys, resident: tuple,
) -> Trust:  # fmt: skip
    check(kind in ("pbft", "raft"), "certificates of a known kind")
    check(1 <= len(keys) <= VALIDATORS_MAX, "1 to 64 validators")
    check(len(set(keys)) == len(keys), "validators with keys of their own")
    return Trust(
        channel, suite, name, kind, window, epoch, above, names, tuple(keys), resident
    )  # fmt: skip


def set_hash(suite: str, epoch: int, names: tuple, keys: tuple) -> bytes:
    """What headers carry for a set of validators."""
    members = [struct_encode([("str", names[i]), ("bytes", keys[i])]) for i in range(len(keys))]
    encoded = struct_encode([("int", epoch), ("list:bytes", members)])
    return tagged_hash("citychain/validators/v1", suite, encoded)


def seals_needed(kind: str, n: int) -> int:
    """A quorum that no f liars can make twice, or a majority of members trusted not to lie."""
    return (n + (n - 1) // 3 + 2) // 2 if kind == "pbft" else n // 2 + 1


# ---- what they sealed ----------------------------------------------------------------------------


def epoch_of(certified: bytes) -> int:
    """Which epoch a CertifiedHeader says it is of. Raises ValueError."""
    encoded, _ = struct_decode(["bytes", "bytes"], certified)
    return struct_decode(list(HEADER_KINDS), encoded)[3]


def read_sealed(trust: Trust, certified: bytes) -> Sealed:
    """A CertifiedHeader of the trusted epoch, with every seal checked. Raises ValueError."""
    encoded, certificate = struct_decode(["bytes", "bytes"], certified)
    header = struct_decode(list(HEADER_KINDS), encoded)
    kind, epoch, height, view, block, signers, seals = struct_decode(
        list(CERTIFICATE_KINDS), certificate
    )
    of_suite = header[1] == suite_id(trust.suite)
    check(of_suite and header[2] == trust.channel, "a header of that channel")
    check(header[3] == trust.epoch and header[4] > trust.above, "a header of that epoch")
    check(
        header[12] == set_hash(trust.suite, trust.epoch, trust.names, trust.keys),
        "a header that names its validators",
    )
    check(kind == trust.kind and epoch == trust.epoch, "a certificate of that kind and epoch")
    own = tagged_hash("citychain/header/v1", trust.suite, encoded)
    check(height == header[4] and block == own, "a certificate of that header")
    check_seals(trust, struct_encode(seal_fields(trust, height, view, block)), signers, seals)
    return Sealed(trust.suite, header[3], header[4], header[9], header[11], header[13])


def seal_fields(trust: Trust, height: int, view: int, block: bytes) -> list:
    return [
        ("hash", trust.channel), ("int", trust.epoch), ("int", height), ("int", view),
        ("hash", block),
    ]  # fmt: skip


def check_seals(trust: Trust, seal: bytes, signers: bytes, seals):
    n = len(trust.keys)
    check(len(signers) == (n + 7) // 8, "a bitmap of the validators")
    check(signers[-1] >> ((n - 1) % 8 + 1) == 0, "a bitmap of no more than the validators")
    indexes = [i for i in range(n) if signers[i // 8] >> i % 8 & 1]
    enough = len(indexes) >= seals_needed(trust.kind, n) and len(seals) == len(indexes)
    check(enough, "enough seals")
    message = tag_head("citychain/commit-seal/v1", trust.suite) + seal
    for at in range(len(indexes)):
        holds = verify(trust.suite, trust.keys[indexes[at]], message, seals[at])
        check(holds, "seals that verify")


def verify(suite: str, key: bytes, message: bytes, signature: bytes) -> bool:
    if suite == "sm":
        return sm2_verify(key, message, signature)
    return p256_verify(key, message, signature)


def read_next(trust: Trust, last: bytes, validators: bytes) -> Trust:
    """The epoch after the trusted one. last: the CertifiedHeader that ends it; validators: the ValidatorSet
    that this header names. Raises ValueError."""
    sealed = read_sealed(trust, last)
    epoch, encoded = struct_decode(["int", "list:bytes"], validators)
    members = [struct_decode(["str", "bytes"], member) for member in encoded]
    names = tuple(member[0] for member in members)
    keys = tuple(member[1] for member in members)
    following = known(
        trust.channel, trust.suite, trust.name, trust.kind, trust.window, epoch, sealed.height,
        names, keys, trust.resident,
    )  # fmt: skip
    check(epoch == trust.epoch + 1, "the next epoch")
    check(
        set_hash(trust.suite, epoch, names, keys) == sealed.next_validators,
        "the validators that it names",
    )
    return following


# ---- what stood in its state ---------------------------------------------------------------------


def key_of(contract: str, name: str, key: str, is_hex: bool) -> bytes:
    """The state key of `Map(name)[key]` of a contract (contracts/runtime/keys.py). is_hex: the key is bytes,
    here in hexadecimal. Raises ValueError."""
    last = bytes_from_hex(key) if is_hex else key.encode("utf-8")
    parts = [contract.encode("utf-8"), name.encode("utf-8"), last]
    written = b""
    for at in range(3):
        written += b"\x08" if is_hex and at == 2 else b"\x0a"
        for byte in parts[at]:
            written += b"\x00\xff" if byte == 0 else bytes([byte])
        written += b"\x00"
    return written


def read_fact(data: bytes) -> list:
    """A StateFact: its certified header, key, value (None: absent), siblings, other leaf. Raises
    ValueError."""
    check(len(data) <= FACT_BYTES_MAX, "a proof of at most 65,536 bytes")
    version, certified, key, value, proof = struct_decode(
        ["int", "bytes", "bytes", "optional:bytes", "bytes"], data
    )
    check(version == 1, "a proof of a known version")
    siblings, other = struct_decode(["list:hash", "optional:bytes"], proof)
    check(len(siblings) <= PATH_BITS, "a path of at most 256 steps")
    beside = None if other is None else struct_decode(["hash", "hash"], other)
    return [certified, key, value, siblings, beside]


def check_fact(sealed: Sealed, key: bytes, value, siblings, beside):
    """Raises ValueError unless `key` has `value` under the state root that was sealed (None: none); see
    consensus/state_proof.py."""
    suite = sealed.suite
    path = tagged_hash("citychain/state-key/v1", suite, key)
    leaf = tag_head("citychain/state-leaf/v1", suite)
    if value is not None:
        check(beside is None, "no other leaf beside a value")
        node = hash_of(suite, leaf + b"\x01" + path + hash_of(suite, leaf + b"\x00" + value))
    elif beside is None:
        node = bytes(32)
    else:
        shift = PATH_BITS - len(siblings)
        apart = (
            int_from_bytes(beside[0]) >> shift == int_from_bytes(path) >> shift
            and beside[0] != path
        )
        check(apart, "a leaf that stands where the key would")
        node = hash_of(suite, leaf + b"\x01" + beside[0] + beside[1])
    inner = tag_head("citychain/state-node/v1", suite)
    for at in range(len(siblings) - 1, -1, -1):
        right = path[at // 8] >> (7 - at % 8) & 1
        node = hash_of(suite, inner + (siblings[at] + node if right else node + siblings[at]))
    check(node == sealed.state_root, "a value that stands under the state root")


def suite_id(suite: str) -> int:
    return SM_ID if suite == "sm" else INTL_ID


def hash_of(suite: str, data: bytes) -> bytes:
    return sm3(data) if suite == "sm" else sha256(data)


def tag_head(tag: str, suite: str) -> bytes:
    """What stands before the bytes that are hashed or signed (consensus/tags.py)."""
    name = tag.encode("ascii")
    return bytes([len(name)]) + name + bytes([suite_id(suite)])
