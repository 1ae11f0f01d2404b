"""Payment proofs of the registration center, offline: proto/README.md section 8.

Money speaks the sm suite whatever the channel does. The nullifier, the expected reference and the head that
the chain had stored (unless another payment shows it) are state of the channel: the transaction that
accepted the proof stands for them.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

from tests.oracle.hashes import SM, H, P, identity, tagged, tagged_structure
from tests.oracle.merkle import check_consistency, check_inclusion, leaf_hash, root
from tests.oracle.sm2 import verify
from tests.oracle.state_proof import check_state
from tests.oracle.structures import decode, encode, require

PATH_MAX = 64
NUMBERS, DIGESTS = ("amount_fen", "time_ms"), ("payee", "payer", "ref_commit")
TEXTS = ("ccy", "kind", "purpose", "regime", "status")
FIELDS = NUMBERS + DIGESTS + TEXTS
PAYS = ("TRANSFER", "RELEASE", "REDEEM")
KINDS_OF_CALL = {
    ("financing", "settle"): ("LOCK",),
    ("conditional", "fund"): ("LOCK",),
    ("financing", "unwind"): ("REFUND_LOCK",),
    ("financing", "on_reverse"): ("REVERSE",),
    ("receivable", "on_reverse"): ("REVERSE",),
}
sm3 = partial(H, SM)


@dataclass(frozen=True)
class Payment:
    proof: SimpleNamespace
    fields: dict[str, Any]


def log_id_of(root_key: bytes) -> bytes:
    return tagged("log-id", SM, root_key)


def keys_in(arguments: Any) -> Iterator[bytes]:
    """Everything in JSON arguments that reads as a 65-byte public key in base64."""
    if isinstance(arguments, dict | list):
        for item in arguments.values() if isinstance(arguments, dict) else arguments:
            yield from keys_in(item)
    elif isinstance(arguments, str) and len(arguments) == 88:
        try:
            key = base64.b64decode(arguments, validate=True)
        except (binascii.Error, ValueError):
            return
        if len(key) == 65 and key[0] == 4:
            yield key


def _check_signed(
    key: bytes, tag: str, kind: str, value: object, signature: bytes, what: str
) -> None:
    message = tagged_structure(tag, SM, kind, value)
    require(verify(SM, key, message, signature), f"payment: {what} does not verify")


def _check_key_chain(proof: SimpleNamespace, root_key: bytes) -> bytes:
    """The key that signs heads, from the root key down."""
    require(log_id_of(root_key) == proof.log_id, "payment: the root key is of another log")
    require(len(proof.key_chain) > 0, "payment: the key chain is empty")
    signer, now = root_key, proof.head.head.timestamp_ms
    for i, entry in enumerate(proof.key_chain):
        key, last = entry.key, i == len(proof.key_chain) - 1
        require(key.version == 1, f"payment: key {i} of the chain has an unknown version")
        require(key.log_id == proof.log_id, f"payment: key {i} of the chain is of another log")
        what = f"the signature of key {i} of the chain"
        _check_signed(signer, "log-key", "LogKey", key, entry.signature, what)
        require(key.issues != last, f"payment: key {i} of the chain may not do what it does")
        valid = key.not_before_ms <= now < key.not_after_ms
        require(valid, f"payment: key {i} of the chain is not valid at the head's time")
        signer = key.public_key
    return signer


def _check_fields(proof: SimpleNamespace) -> dict[str, Any]:
    names = [item.name for item in proof.disclosures]
    require(names == sorted(set(names)), "payment: disclosures are not sorted, each once")
    require(set(names) <= set(FIELDS), "payment: a disclosed field is unknown")
    require(
        proof.hidden == sorted(set(proof.hidden)), "payment: hidden fields not sorted, each once"
    )
    opened = [tagged_structure("payment-field", SM, "Disclosure", d) for d in proof.disclosures]
    commitments = sorted({*opened, *proof.hidden})
    count = len(opened) + len(proof.hidden)
    require(count == len(commitments) == len(FIELDS), "payment: not ten fields, each once")
    fields_root = root(sm3, [leaf_hash(sm3, commitment) for commitment in commitments])
    require(fields_root == proof.fields_root, "payment: the fields do not give the fields root")
    return {item.name: _field_value(item) for item in proof.disclosures}


def _field_value(item: SimpleNamespace) -> Any:
    size = 8 if item.name in NUMBERS else 32 if item.name in DIGESTS else len(item.value)
    good = len(item.value) == size and (item.name not in TEXTS or item.value.isascii())
    require(good, f"payment: {item.name} is malformed")
    if item.name in DIGESTS:
        return item.value
    return int.from_bytes(item.value, "big") if item.name in NUMBERS else item.value.decode()


def check_payment(data: bytes, root_key: bytes, kinds: Sequence[str] = PAYS) -> Payment:
    """What the log says of one payment: signed, included, final, and of a kind that does what is asked."""
    proof = decode("PaymentProof", data)
    require(proof.version == 1, f"payment proof version {proof.version} is unknown")
    paths = max(len(proof.audit_path), len(proof.anchor_path), len(proof.key_chain))
    require(paths <= PATH_MAX, "payment: a path is too long")
    key, head = _check_key_chain(proof, root_key), proof.head.head
    require(head.version == 1, f"payment: tree head version {head.version} is unknown")
    require(head.log_id == proof.log_id, "payment: the tree head is of another log")
    require(head.key_id == identity(SM, key), "payment: the tree head names another key")
    signature = proof.head.signature
    _check_signed(key, "tree-head", "TreeHead", head, signature, "the tree head's signature")
    granted, what = proof.grant_signature, "the grant's signature"
    _check_signed(key, "payment-grant", "ProofGrant", proof, granted, what)
    fields = _check_fields(proof)
    entry = SimpleNamespace(
        version=1,
        txid=proof.point.txid,
        output_index=proof.point.output_index,
        leaf_commit=proof.fields_root,
    )
    leaf = leaf_hash(sm3, P("log-entry", SM, encode("LogEntry", entry)))
    place = proof.leaf_index, head.tree_size
    check_inclusion(sm3, leaf, *place, proof.audit_path, head.root, "payment's audit path")
    require(fields.get("status") == "FINAL", "payment: not shown to be final")
    require(fields.get("kind") in kinds, "payment: of no kind that pays a debt")
    return Payment(proof, fields)


def check_unspent(data: bytes, root_key: bytes) -> SimpleNamespace:
    """A coin in the map of unspent coins under a signed tree head, or that it holds no such coin."""
    proof = decode("UnspentProof", data)
    require(proof.version == 1, f"unspent proof version {proof.version} is unknown")
    head = proof.head.signed.head
    chained = SimpleNamespace(
        key_chain=proof.head.key_chain, log_id=head.log_id, head=proof.head.signed
    )
    require(len(chained.key_chain) <= PATH_MAX, "unspent: a path is too long")
    key = _check_key_chain(chained, root_key)
    require(head.version == 1, f"unspent: tree head version {head.version} is unknown")
    require(head.key_id == identity(SM, key), "unspent: the tree head names another key")
    signature = proof.head.signed.signature
    _check_signed(key, "tree-head", "TreeHead", head, signature, "the tree head's signature")
    extension = decode("HeadExtension", head.ext)
    require(extension.unspent_size <= head.tree_size, "unspent: the map is ahead of its log")
    value = None if proof.coin is None else encode("Coin", proof.coin)
    require(proof.coin is None or proof.coin.coin_id == proof.coin_id, "unspent: another coin")
    check_state(SM, extension.unspent_root, proof.coin_id, value, proof.path)
    return proof


def check_log(payments: Sequence[Payment]) -> None:
    """The heads of one log, shown by several payments, must be of one growing tree."""
    roots: dict[int, bytes] = {}
    for head in (payment.proof.head.head for payment in payments):
        known = roots.setdefault(head.tree_size, head.root)
        require(known == head.root, "payments: two signed tree heads of one size differ")
    for proof in (payment.proof for payment in payments):
        anchor, head = proof.anchor_size, proof.head.head
        if anchor in (0, head.tree_size):
            require(not proof.anchor_path, "payment: an anchor path where nothing is to be shown")
        elif anchor in roots:
            sizes = sorted([(anchor, roots[anchor]), (head.tree_size, head.root)])
            (first, old), (second, new) = sizes
            check_consistency(sm3, first, second, proof.anchor_path, old, new)
