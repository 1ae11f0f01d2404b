"""Proof that a transaction stands in a block of an Ethereum-like chain with its receipt: header and two paths.

A block's header holds the roots of two Merkle Patricia tries, of its transactions and of their receipts, both
by the RLP of their index (Ethereum yellow paper, 4.3 and appendix D; EIP-2718 for typed ones). A proof is the
RLP of

    [header, index, transaction path nodes, receipt path nodes]

and shows the pair under the hash of the header. Where a chain's hash is not that of the whole header
(`qbft.py`), the proof carries the bytes that it is of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rlp
from eth_utils.crypto import keccak
from trie.exceptions import BadTrieProof, InvalidNode, ValidationError
from trie.hexary import HexaryTrie

from node.frameworks.api import ProofRefused

PROOF_BYTES_MAX = 4 * 1024 * 1024
# Fields of a header in their order; later ones came with forks and are absent before them.
_HEADER = (
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot",
    "logsBloom", "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash",
    "nonce", "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas",
    "parentBeaconBlockRoot", "requestsHash",
)  # fmt: skip
_NUMBERS = {
    "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed",
    "excessBlobGas",
}  # fmt: skip
_LEGACY = ("nonce", "gasPrice", "gas", "to", "value", "input", "v", "r", "s")
Log = tuple[bytes, tuple[bytes, ...], bytes]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a proof shows. to: the contract that was called, empty where one was made."""

    block_hash: bytes
    height: int
    index: int
    tx_hash: bytes
    to: bytes
    is_successful: bool
    logs: tuple[Log, ...]


def whole(header: bytes) -> bytes:
    """What the hash of a block is of, on most chains: the header as it is."""
    return header


def build(
    block: Mapping[str, Any],
    receipts: Sequence[Mapping[str, Any]],
    index: int,
    on_chain: Callable[[bytes], bytes] = whole,
) -> bytes:
    """The proof of one transaction from what JSON-RPC tells of its block (with whole transactions) and of its
    receipts. on_chain: the bytes of a header that its hash is of. Raises ProofRefused where these do not fit
    together."""
    header = on_chain(header_bytes(block))
    if keccak(header) != _data(block["hash"]):
        raise ProofRefused("the header's fields are not those of the block's hash")
    transactions = _trie([_transaction(t) for t in block["transactions"]])
    results = _trie([_receipt(r) for r in receipts])
    if (transactions.root_hash, results.root_hash) != (
        _data(block["transactionsRoot"]), _data(block["receiptsRoot"]),
    ):  # fmt: skip
        raise ProofRefused("the block's transactions or receipts are not those of its roots")
    at = rlp.encode(index)
    proof: bytes = rlp.encode(
        [header, at, list(transactions.get_proof(at)), list(results.get_proof(at))]
    )
    return proof


def check(proof: bytes) -> Shown:
    """Raises ProofRefused."""
    if len(proof) > PROOF_BYTES_MAX:
        raise ProofRefused("a proof of more than 4 MiB")
    try:
        header, at, transaction_path, receipt_path = rlp.decode(proof)
        fields = rlp.decode(header)
        transaction = HexaryTrie.get_from_proof(fields[4], at, transaction_path)
        receipt = HexaryTrie.get_from_proof(fields[5], at, receipt_path)
        to = _called(transaction)
        status, _, _, logs = rlp.decode(receipt[1:] if receipt[0] < 0x80 else receipt)
        return Shown(
            bytes(keccak(header)), int.from_bytes(fields[8], "big"),
            int.from_bytes(rlp.decode(at), "big"),
            bytes(keccak(transaction)), to, status == b"\x01",
            tuple((bytes(a), tuple(map(bytes, t)), bytes(d)) for a, t, d in logs),
        )  # fmt: skip
    except (
        rlp.DecodingError, BadTrieProof, InvalidNode, ValidationError, ValueError, TypeError, IndexError,
        KeyError, RecursionError,
    ) as error:  # fmt: skip
        raise ProofRefused(f"these are not the bytes of a proof that holds: {error}") from error


def _called(transaction: bytes) -> bytes:
    """The address that a transaction calls. Types 1 to 4 share the order chain id, nonce, prices, gas, to."""
    if transaction[0] >= 0x80:
        return bytes(rlp.decode(transaction)[3])
    return bytes(rlp.decode(transaction[1:])[4 if transaction[0] == 1 else 5])


def _trie(items: Sequence[bytes]) -> HexaryTrie:
    trie = HexaryTrie({}, prune=False)
    for index, item in enumerate(items):
        trie[rlp.encode(index)] = item
    return trie


def header_bytes(block: Mapping[str, Any]) -> bytes:
    """The RLP of the header that JSON-RPC tells field by field."""
    fields = [
        _number(block[name]) if name in _NUMBERS else _data(block[name])
        for name in _HEADER
        if block.get(name) is not None
    ]
    encoded: bytes = rlp.encode(fields)
    return encoded


def _transaction(found: Mapping[str, Any]) -> bytes:
    """Its bytes in the trie. Raises ProofRefused for a type that is not known."""
    kind = int(found.get("type", "0x0"), 16)
    if kind == 0:
        encoded: bytes = rlp.encode([_field(name, found) for name in _LEGACY])
    elif kind == 2:
        names = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value",
                 "input")  # fmt: skip
        listed = [
            [_data(entry["address"]), [_data(key) for key in entry["storageKeys"]]]
            for entry in found.get("accessList", [])
        ]
        parity = found.get("yParity", found["v"])
        encoded = b"\x02" + rlp.encode(
            [*(_field(name, found) for name in names), listed, _number(parity),
             _number(found["r"]), _number(found["s"])]
        )  # fmt: skip
    else:
        raise ProofRefused(f"a block with a transaction of type {kind}")
    if keccak(encoded) != _data(found["hash"]):
        raise ProofRefused("a transaction's fields are not those of its hash")
    return encoded


def _receipt(found: Mapping[str, Any]) -> bytes:
    logs = [
        [_data(log["address"]), [_data(t) for t in log["topics"]], _data(log["data"])]
        for log in found["logs"]
    ]
    body: bytes = rlp.encode(
        [_number(found["status"]), _number(found["cumulativeGasUsed"]), _data(found["logsBloom"]), logs]
    )  # fmt: skip
    kind = int(found.get("type", "0x0"), 16)
    return body if kind == 0 else bytes([kind]) + body


def _field(name: str, found: Mapping[str, Any]) -> bytes | int:
    if name in ("to", "input"):
        return _data(found[name] or "0x")
    return _number(found[name])


def _number(text: str) -> int:
    return int(text, 16)


def _data(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
