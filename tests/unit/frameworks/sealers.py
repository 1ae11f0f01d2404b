"""Validators that seal headers by QBFT, written from the format and not from the code that reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import rlp
from eth_keys import keys
from eth_utils.crypto import keccak

from node.frameworks.evm_proof import header_bytes

MIX_HASH = "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365"
VANITY = b"a consortium of five cities".ljust(32, b"\0")
NO_VOTE: list[bytes] = []
EMPTY = "0x" + "00" * 32


def key_of(name: str) -> Any:
    return keys.PrivateKey(bytes(keccak(name.encode())))


def address_of(name: str) -> bytes:
    return bytes(key_of(name).public_key.to_canonical_address())


def add(name: str) -> list[bytes]:
    return [address_of(name), b"\xff"]


def drop(name: str) -> list[bytes]:
    return [address_of(name), b""]


class Sealers:
    """Who seals, by names; the first one proposes unless told."""

    def __init__(self, n: int = 4) -> None:
        self.names = [f"v{i}" for i in range(n)]

    def addresses(self, names: Sequence[str] | None = None) -> list[bytes]:
        return sorted(map(address_of, self.names if names is None else names))

    def seal(
        self, block: Mapping[str, Any], vote: list[bytes] = NO_VOTE, signers: Sequence[str] | None = None,
        proposer: str = "", turn: int = 1, named: Sequence[str] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """The block as its validators would seal it in this round."""
        head = [VANITY, self.addresses(named), vote]

        def header(round_: int, seals: list[bytes]) -> bytes:
            return header_bytes(sealed | {"extraData": _hex(rlp.encode([*head, round_, seals]))})

        sealed = {**block, "mixHash": MIX_HASH, "difficulty": "0x1", "nonce": "0x" + "00" * 8}
        sealed["miner"] = _hex(address_of(proposer or self.names[0]))
        quorum = self.names[: -(-2 * len(self.names) // 3)] if signers is None else signers
        at_start = int(block["number"], 16) == 0
        turn = 0 if at_start else turn
        digest = keccak(header(turn, []))
        seals = [key_of(name).sign_msg_hash(digest).to_bytes() for name in quorum]
        seals = [] if at_start else seals
        sealed["extraData"] = _hex(rlp.encode([*head, turn, seals]))
        sealed["hash"] = _hex(keccak(header(0, [])))
        return sealed


def _hex(data: bytes) -> str:
    return "0x" + bytes(data).hex()


class SealedChain:
    """Blocks that sealers make one after the other."""

    def __init__(self, n: int = 4) -> None:
        self.sealers = Sealers(n)
        self.blocks: list[dict[str, Any]] = []
        self.make()

    def make(self, **how: Any) -> bytes:
        parent = self.blocks[-1]["hash"] if self.blocks else EMPTY
        plain = {
            "parentHash": parent, "sha3Uncles": EMPTY, "stateRoot": EMPTY, "transactionsRoot": EMPTY,
            "receiptsRoot": EMPTY, "logsBloom": "0x" + "00" * 256, "number": hex(len(self.blocks)),
            "gasLimit": "0x1", "gasUsed": "0x0", "timestamp": hex(len(self.blocks)),
        }  # fmt: skip
        self.blocks.append(self.sealers.seal(plain, **how))
        return self.headers[-1]

    @property
    def headers(self) -> list[bytes]:
        return [header_bytes(block) for block in self.blocks]

    def hash(self, number: int) -> bytes:
        return bytes.fromhex(self.blocks[number]["hash"][2:])
