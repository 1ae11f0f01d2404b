"""Payment proofs in canonical bytes: strict reading, and the checks that need no state.

The bytes are those of consensus/payment.py; checks and codes follow domain/dcep.md 3.5 in its order, and
agree with consensus/payment_proof.py, which auditors run offline. Money always speaks SM3 and SM2.
"""

from sdk import (
    dataclass,
    merkle_verify,
    require,
    sm2_verify,
    sm3,
    struct_decode,
    struct_encode,
    tagged_hash,
)

VERSION = 1
PROOF_BYTES_MAX = 32768
PATH_STEPS_MAX = 64
KEY_CHAIN_MAX = 4
SALT_MIN = 16
SALT_MAX = 32
SKEW_MS = 5000
STATUS_FINAL = "FINAL"
KINDS_ALLOWED = ("TRANSFER", "RELEASE", "REDEEM")

# name, kind of value; every payment has all ten, sorted by name
FIELDS = (
    ("amount_fen", "int"),
    ("ccy", "str"),
    ("kind", "str"),
    ("payee", "hash"),
    ("payer", "hash"),
    ("purpose", "str"),
    ("ref_commit", "hash"),
    ("regime", "str"),
    ("status", "str"),
    ("time_ms", "int"),
)

# regime, in force from (ms), until (ms, 0: still), bears interest, whose debt it is,
# reserve of non-banks in percent, insured. Sources: domain/dcep.md 3.1; a change is a new row.
REGIMES = (
    ("2020", 1577808000000, 1767196800000, False, "CB", 100, False),
    ("2026", 1767196800000, 0, True, "bank", 100, True),
)

PROOF_KINDS = (
    "int", "hash", "bytes", "hash", "list:bytes", "list:hash", "int", "list:hash", "bytes",
    "list:bytes", "int", "list:hash", "bytes", "int", "sig",
)  # fmt: skip


@dataclass
class Key:
    version: int
    log_id: bytes
    public_key: bytes
    issues: bool
    not_before_ms: int
    not_after_ms: int
    encoded: bytes
    signature: bytes


@dataclass
class Head:
    version: int
    log_id: bytes
    size: int
    time_ms: int
    root: bytes
    key_id: bytes
    encoded: bytes
    signature: bytes


@dataclass
class Proof:
    log_id: bytes
    point: bytes
    txid: bytes
    output_index: int
    fields_root: bytes
    opened: dict
    commitments: list
    leaf_index: int
    audit_path: list
    head: Head
    chain: list
    anchor_size: int
    anchor_path: list
    nonce: bytes
    not_after_ms: int
    grant_signature: bytes


# ---- reading (checks 1 and 2) --------------------------------------------------------------------


def ascending(items) -> bool:
    return all(items[i] < items[i + 1] for i in range(len(items) - 1))


def check(condition, what: str):
    if not condition:
        raise ValueError(what)


def read_text(data: bytes) -> str:
    check(all(byte < 128 for byte in data), "ASCII text")
    return data.decode("ascii")


def read_field(name: str, data: bytes):
    for known, kind in FIELDS:
        if known == name:
            if kind == "str":
                return read_text(data)
            framed = struct_encode([("bytes", data)])
            return struct_decode([kind], framed)[0]
    raise ValueError("no such field")


def read_head(data: bytes) -> Head:
    """A SignedTreeHead. Raises ValueError."""
    encoded, signature = struct_decode(["bytes", "sig"], data)
    version, log_id, size, time_ms, root, key_id, ext = struct_decode(
        ["int", "hash", "int", "int", "hash", "hash", "bytes"], encoded
    )
    check(len(ext) <= 256, "a short extension")
    return Head(version, log_id, size, time_ms, root, key_id, encoded, signature)


def read_key(data: bytes) -> Key:
    encoded, signature = struct_decode(["bytes", "sig"], data)
    version, log_id, public_key, issues, start, end = struct_decode(
        ["int", "hash", "bytes", "bool", "int", "int"], encoded
    )
    check(len(public_key) == 65, "a public key")
    return Key(version, log_id, public_key, issues, start, end, encoded, signature)


def read_certified(data: bytes):
    """Head and chain of a CertifiedTreeHead. Raises ValueError."""
    signed, chain = struct_decode(["bytes", "list:bytes"], data)
    check(1 <= len(chain) <= KEY_CHAIN_MAX, "1 to 4 keys")
    return read_head(signed), [read_key(item) for item in chain]


def read_disclosures(items, hidden):
    """Opened fields by name, and all ten commitments, sorted."""
    opened = {}
    names = []
    commitments = list(hidden)
    check(ascending(hidden), "hidden commitments in order")
    check(len(items) + len(hidden) == len(FIELDS), "ten fields")
    for item in items:
        name, value, salt = struct_decode(["str", "bytes", "bytes"], item)
        check(SALT_MIN <= len(salt) <= SALT_MAX, "a salt")
        opened[name] = read_field(name, value)
        names.append(name)
        commitments.append(tagged_hash("citychain/payment-field/v1", "sm", item))
    check(ascending(names), "disclosures in order")
    return opened, sorted(commitments)


def read_parts(data: bytes) -> Proof:
    (
        version, log_id, point, fields_root, disclosures, hidden, leaf_index, audit_path, head,
        chain, anchor_size, anchor_path, nonce, not_after_ms, grant_signature,
    ) = struct_decode(PROOF_KINDS, data)  # fmt: skip
    txid, output_index = struct_decode(["hash", "int"], point)
    opened, commitments = read_disclosures(disclosures, hidden)
    check(version == VERSION and SALT_MIN <= len(nonce) <= SALT_MAX, "version and nonce")
    require(
        len(audit_path) <= PATH_STEPS_MAX and len(anchor_path) <= PATH_STEPS_MAX,
        "E_PROOF_SIZE",
        "a path has more than 64 steps",
    )
    require(1 <= len(chain) <= KEY_CHAIN_MAX, "E_PROOF_SIZE", "the key chain has 1 to 4 keys")
    signed = read_head(head)
    check(anchor_size not in (0, signed.size) or len(anchor_path) == 0, "no path to nowhere")
    return Proof(
        log_id, point, txid, output_index, fields_root, opened, commitments, leaf_index,
        list(audit_path), signed, [read_key(item) for item in chain], anchor_size,
        list(anchor_path), nonce, not_after_ms, grant_signature,
    )  # fmt: skip


def attempt(read, data: bytes):
    """What `read` makes of the bytes, None when they are not canonical."""
    try:
        return read(data)
    except ValueError:
        return None


def read_proof(data: bytes) -> Proof:
    """Checks 1 and 2. Codes: E_PROOF_SIZE, E_PROOF_VERSION, E_PROOF_ENCODING, E_PROOF_REGIME."""
    require(len(data) <= PROOF_BYTES_MAX, "E_PROOF_SIZE", "the proof is larger than 32 KiB")
    start = struct_encode([("int", VERSION)])
    require(data.startswith(start), "E_PROOF_VERSION", "unknown version")
    proof = attempt(read_parts, data)
    require(proof is not None, "E_PROOF_ENCODING", "not the canonical bytes of a payment proof")
    check_regime(proof.opened)
    return proof


def check_regime(opened: dict):
    """The last part of check 1: the payment was made under the rules it names."""
    time_ms = opened.get("time_ms", 0)
    regimes = [row for row in REGIMES if row[0] == opened.get("regime", "")]
    require(len(regimes) == 1, "E_PROOF_REGIME", "the payment's regime is not known")
    begins, ends = regimes[0][1], regimes[0][2]
    require(
        begins <= time_ms and (ends == 0 or time_ms < ends),
        "E_PROOF_REGIME",
        "the regime was not in force when the payment was made",
    )


# ---- digests -------------------------------------------------------------------------------------


def key_id_of(public_key: bytes) -> bytes:
    return tagged_hash("citychain/identity/v1", "sm", public_key)


def log_id_of(root_key: bytes) -> bytes:
    return tagged_hash("citychain/log-id/v1", "sm", root_key)


def address_of(public_key: bytes) -> bytes:
    """Address of an SM2 wallet key (owner kind 1)."""
    key = struct_encode([("int", 1), ("bytes", public_key)])
    return tagged_hash("citychain/address/v1", "sm", key)


def nullifier_of(log_id: bytes, point: bytes) -> bytes:
    source = struct_encode([("hash", log_id), ("bytes", point)])
    return tagged_hash("citychain/nullifier/v1", "sm", source)


def coin_id_of(point: bytes) -> bytes:
    """What a REVERSE refers to: the coin that the payment made."""
    return tagged_hash("citychain/coin/v1", "sm", point)


def reference_of(
    salt: bytes,
    channel: bytes,
    contract: str,
    obligation_id: str,
    instalment: int,
    amount_fen: int,
    ccy: str,
    payee: bytes,
) -> bytes:
    """`ref_commit` of domain/dcep.md 3.5; payee: wallet address."""
    body = struct_encode(
        [
            ("bytes", salt),
            ("hash", channel),
            ("str", contract),
            ("str", obligation_id),
            ("int", instalment),
            ("int", amount_fen),
            ("str", ccy),
            ("hash", payee),
        ]
    )
    return tagged_hash("citychain/payref/v1", "sm", body)


def binding_digest(channel: bytes, member: str, address: bytes) -> bytes:
    body = struct_encode([("hash", channel), ("str", member), ("hash", address)])
    return tagged_hash("citychain/wallet-binding/v1", "sm", body)


def grant_digest(proof: Proof) -> bytes:
    body = struct_encode(
        [
            ("hash", proof.log_id),
            ("bytes", proof.point),
            ("bytes", proof.nonce),
            ("int", proof.not_after_ms),
        ]
    )
    return tagged_hash("citychain/payment-grant/v1", "sm", body)


def merkle_root(entries) -> bytes:
    """Root over a few leaves: an odd last node moves up unchanged (RFC 9162)."""
    level = [sm3(b"\x00" + entry) for entry in entries]
    while len(level) > 1:
        paired = [sm3(b"\x01" + level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


# ---- checks without state ------------------------------------------------------------------------


def check_chain(log_id: bytes, time_ms: int, chain, root_key: bytes, revoked_ids) -> bytes:
    """The keys lead from the pinned root to one that signs heads at a time. Returns that key."""
    signer = root_key
    for position, key in enumerate(chain):
        last = position == len(chain) - 1
        require(
            key.version == VERSION and key.log_id == log_id and key.issues != last,
            "E_PROOF_KEY",
            "a key of the chain is for something else",
        )
        require(
            key.not_before_ms <= time_ms < key.not_after_ms,
            "E_PROOF_KEY",
            "a key was not valid when the tree head was signed",
        )
        require(key_id_of(key.public_key) not in revoked_ids, "E_PROOF_KEY", "a key is revoked")
        digest = tagged_hash("citychain/log-key/v1", "sm", key.encoded)
        require(
            sm2_verify(signer, digest, key.signature),
            "E_PROOF_KEY",
            "the chain does not lead to the pinned root key",
        )
        signer = key.public_key
    return signer


def check_keys(head: Head, chain, root_key: bytes, revoked_ids) -> bytes:
    """Check 4. Returns the key that signed the head. `revoked_ids`: key ids that count no more."""
    signer = check_chain(head.log_id, head.time_ms, chain, root_key, revoked_ids)
    require(
        head.version == VERSION and key_id_of(signer) == head.key_id,
        "E_PROOF_KEY",
        "the tree head names another key",
    )
    return signer


def is_signed(head: Head, signer: bytes) -> bool:
    digest = tagged_hash("citychain/tree-head/v1", "sm", head.encoded)
    return sm2_verify(signer, digest, head.signature)


def check_signatures(proof: Proof, signer: bytes):
    """Check 5: the tree head, and the grant that says until when the proof may be used."""
    require(
        is_signed(proof.head, signer)
        and sm2_verify(signer, grant_digest(proof), proof.grant_signature),
        "E_PROOF_SIGNATURE",
        "the tree head or the grant is not signed by the log's key",
    )


def check_age(head: Head, now_ms: int, stale_ms: int):
    """Check 6."""
    require(head.time_ms <= now_ms + SKEW_MS, "E_PROOF_FUTURE", "the tree head is of the future")
    require(head.time_ms + stale_ms >= now_ms, "E_PROOF_STALE", "the tree head is stale")


def check_contents(proof: Proof):
    """Checks 8 and 9: the opened fields are those of a leaf in the tree."""
    require(
        merkle_root(proof.commitments) == proof.fields_root,
        "E_PROOF_DISCLOSURE",
        "the opened fields are not those of the log",
    )
    entry = struct_encode(
        [
            ("int", VERSION),
            ("hash", proof.txid),
            ("optional:int", proof.output_index),
            ("hash", proof.fields_root),
        ]
    )
    # The leaf hash is H(00 | tag | suite | entry); tagged_hash puts its tag first, so the leaf is made here.
    name = b"citychain/log-entry/v1"
    leaf = sm3(b"\x00" + bytes([len(name)]) + name + b"\x01" + entry)
    head = proof.head
    require(
        proof.leaf_index < head.size < 2**63
        and merkle_verify(head.root, leaf, proof.leaf_index, head.size, proof.audit_path),
        "E_PROOF_INCLUSION",
        "the payment is not in the tree",
    )


def check_final(opened: dict, kinds):
    """Check 10: a final payment, of a kind that does what is asked."""
    require(opened.get("status", "") == STATUS_FINAL, "E_PROOF_STATUS", "the payment is not final")
    require(opened.get("kind", "") in kinds, "E_PROOF_KIND", "this kind of payment does not do it")
