"""What nodes of other frameworks tell: headers of a QBFT chain, proofs of an EVM chain's transactions."""

from __future__ import annotations

from functools import cache
from typing import Any

import rlp
from eth_utils.crypto import keccak

from node.frameworks import evm_proof
from node.frameworks.api import ProofRefused
from node.frameworks.qbft import read_header
from tests.fuzz.decoder import Decoder
from tests.unit.frameworks.sealers import EMPTY, SealedChain, add, drop


@cache
def _headers() -> list[bytes]:
    chain = SealedChain()
    for vote in (add("x"), drop("v1"), []):
        chain.make(vote=vote)
    return chain.headers


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


@cache
def _proofs() -> list[bytes]:
    """Of one transaction with one event, alone in its block."""
    sent: dict[str, Any] = {
        "type": "0x0", "nonce": "0x1", "gasPrice": "0x2", "gas": "0x5208", "to": "0x" + "11" * 20,
        "value": "0x0", "input": "0x" + "ab" * 68, "v": "0x1b", "r": "0x3", "s": "0x4",
    }  # fmt: skip
    fields = [1, 2, 0x5208, b"\x11" * 20, 0, b"\xab" * 68, 0x1B, 3, 4]
    sent["hash"] = _hex(keccak(rlp.encode(fields)))
    log = {"address": "0x" + "11" * 20, "topics": ["0x" + "22" * 32], "data": "0x" + "33" * 64}
    told = {"status": "0x1", "cumulativeGasUsed": "0x5208", "logsBloom": "0x" + "00" * 256,
            "logs": [log]}  # fmt: skip
    block = SealedChain().blocks[0] | {"transactions": [sent]}
    for name, item in (("transactionsRoot", rlp.encode(fields)), ("receiptsRoot", _receipt(told))):
        block[name] = _hex(evm_proof._trie([item]).root_hash)
    block["hash"] = _hex(keccak(evm_proof.header_bytes(block)))
    assert block["parentHash"] == EMPTY
    return [evm_proof.build(block, [told], 0)]


def _receipt(told: dict[str, Any]) -> bytes:
    return evm_proof._receipt(told)


READS = ("node.frameworks.qbft.read_header", "node.frameworks.qbft._read_extra")
ROWS = [
    Decoder("QBFT header", read_header, (ProofRefused,), "frames", _headers, READS,
            lambda found: bytes(rlp.encode(list(found.raw))), cost=2),
    Decoder("proof of an EVM transaction", evm_proof.check, (ProofRefused,), "frames", _proofs,
            cost=8),
]  # fmt: skip
