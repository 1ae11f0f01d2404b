"""A node of an Ethereum-like chain in this process: py-evm behind JSON-RPC over HTTP."""

from __future__ import annotations

import ast
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import rlp
from aiohttp import web
from aiohttp.test_utils import TestServer
from eth_account import Account
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from eth_utils import keccak

from node.frameworks.evm import EvmLedger, JsonRpc
from node.frameworks.evm_proof import header_bytes
from node.frameworks.qbft import QbftChain
from tests.unit.frameworks.sealers import Sealers

BUILT = json.loads((Path(__file__).parent / "notary.json").read_text(encoding="utf-8"))
_HEADER = {
    "parentHash": "parent_hash", "sha3Uncles": "uncles_hash", "miner": "coinbase",
    "stateRoot": "state_root", "transactionsRoot": "transaction_root", "receiptsRoot": "receipt_root",
    "difficulty": "difficulty", "number": "block_number", "gasLimit": "gas_limit",
    "gasUsed": "gas_used", "timestamp": "timestamp", "extraData": "extra_data",
    "mixHash": "mix_hash", "nonce": "nonce", "baseFeePerGas": "base_fee_per_gas",
    "withdrawalsRoot": "withdrawals_root", "blobGasUsed": "blob_gas_used",
    "excessBlobGas": "excess_blob_gas", "parentBeaconBlockRoot": "parent_beacon_block_root",
    "requestsHash": "requests_hash",
}  # fmt: skip


def as_hex(value: Any) -> Any:
    return hex(value) if isinstance(value, int) else "0x" + bytes(value).hex()


class Refused(Exception):
    def __init__(self, message: str, data: str = "") -> None:
        super().__init__(message)
        self.data = data


class EvmNode:
    """The methods of JSON-RPC that the adapter asks, over one chain that makes a block a transaction."""

    def __init__(self) -> None:
        self.tester = EthereumTester(PyEVMBackend())
        self.chain = self.tester.backend.chain
        self.key = bytes(range(1, 33))
        account = Account.from_key(self.key).address
        rich = self.tester.get_accounts()[0]
        self.tester.send_transaction({"from": rich, "to": account, "value": 10**20, "gas": 21_000})
        made = self.tester.send_transaction(
            {"from": rich, "gas": 2_000_000, "data": BUILT["bytecode"]}
        )
        self.address = self.tester.get_transaction_receipt(made)["contract_address"]

    def is_own_block(self, hash_: bytes) -> bool:
        """Whether a block hash is one of this chain's."""
        head = self.chain.get_canonical_head().block_number
        hashes = [self.chain.get_canonical_block_hash(n) for n in range(head + 1)]
        return hash_ in hashes

    # ---- JSON-RPC --------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.Response:
        asked = await request.json()
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": asked["id"]}
        try:
            reply["result"] = getattr(self, asked["method"])(*asked["params"])
        except Refused as error:
            reply["error"] = {"code": 3, "message": str(error), "data": error.data}
        return web.json_response(reply)

    def eth_chainId(self) -> str:
        return hex(self.chain.chain_id)

    def eth_gasPrice(self) -> str:
        return hex(2 * 10**9)

    def eth_blockNumber(self) -> str:
        return hex(self.chain.get_canonical_head().block_number)

    def eth_getTransactionCount(self, address: str, _: str) -> str:
        return hex(self.tester.get_nonce(address))

    def _revert(self, error: TransactionFailed) -> Refused:
        """The tester tells what the contract returned as the text of a bytes literal."""
        return Refused("execution reverted", as_hex(ast.literal_eval(str(error.args[0]))))

    def eth_estimateGas(self, call: dict[str, str]) -> str:
        try:
            return hex(self.tester.estimate_gas(call))
        except TransactionFailed as error:
            raise self._revert(error) from error

    def eth_call(self, call: dict[str, str], _: str) -> str:
        sender = self.tester.get_accounts()[0]
        try:
            return str(self.tester.call({"from": sender, "gas": 1_000_000, **call}))
        except TransactionFailed as error:
            raise self._revert(error) from error

    def eth_sendRawTransaction(self, raw: str) -> str:
        return str(self.tester.send_raw_transaction(raw))

    def _place(self, tx_hash: str) -> tuple[int, int] | None:
        number, index = self.chain.get_canonical_transaction_index(bytes.fromhex(tx_hash[2:]))
        return number, index

    def eth_getTransactionReceipt(self, tx_hash: str) -> dict[str, Any] | None:
        number, index = self._place(tx_hash)  # type: ignore[misc]
        return self.eth_getBlockReceipts(hex(number))[index]

    def _block(self, number: str) -> Any:
        return self.chain.get_canonical_block_by_number(int(number, 16))

    def eth_getBlockByNumber(self, number: str, _: bool) -> dict[str, Any]:
        block = self._block(number)
        header = block.header
        found = {name: as_hex(getattr(header, own)) for name, own in _HEADER.items()}
        found["logsBloom"] = "0x" + header.bloom.to_bytes(256).hex()
        found["hash"] = as_hex(header.hash)
        found["transactions"] = [self._transaction(t) for t in block.transactions]
        return found

    def _transaction(self, transaction: Any) -> dict[str, Any]:
        encoded = transaction.encode()
        if encoded[0] >= 0x80:
            nonce, price, gas, to, value, data, v, r, s = rlp.decode(encoded)
            found = {"type": "0x0", "gasPrice": _hex(price), "v": _hex(v)}
        else:
            (_, nonce, tip, most, gas, to, value, data, _, v, r, s) = rlp.decode(encoded[1:])
            found = {"type": "0x2", "chainId": self.eth_chainId(), "maxPriorityFeePerGas": _hex(tip),
                     "maxFeePerGas": _hex(most), "accessList": [], "yParity": _hex(v)}  # fmt: skip
        return found | {
            "nonce": _hex(nonce), "gas": _hex(gas), "to": as_hex(to) if to else None,
            "value": _hex(value), "input": as_hex(data), "r": _hex(r), "s": _hex(s),
            "v": _hex(v), "hash": as_hex(keccak(encoded)),
        }  # fmt: skip

    def eth_getBlockReceipts(self, number: str) -> list[dict[str, Any]]:
        block = self._block(number)
        receipts, told, before = block.get_receipts(self.chain.chaindb), [], 0
        for index, (transaction, receipt) in enumerate(
            zip(block.transactions, receipts, strict=True)
        ):
            encoded = transaction.encode()
            tx_hash = as_hex(keccak(encoded))
            logs = [
                {"address": as_hex(log.address), "data": as_hex(log.data), "blockNumber": number,
                 "topics": ["0x" + t.to_bytes(32).hex() for t in log.topics],
                 "transactionHash": tx_hash, "transactionIndex": hex(index),
                 "logIndex": hex(before + at)}
                for at, log in enumerate(receipt.logs)
            ]  # fmt: skip
            before += len(logs)
            told.append(
                {"transactionHash": tx_hash, "transactionIndex": hex(index), "logs": logs,
                 "blockNumber": number, "status": as_hex(int.from_bytes(receipt.state_root)),
                 "cumulativeGasUsed": hex(receipt.gas_used), "type": "0x0" if encoded[0] >= 0x80
                 else hex(encoded[0]), "logsBloom": "0x" + receipt.bloom.to_bytes(256).hex()}
            )  # fmt: skip
        return told

    def eth_getLogs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        numbers = range(int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16) + 1)
        return [
            log
            for number in numbers
            for receipt in self.eth_getBlockReceipts(hex(number))
            for log in receipt["logs"]
            if log["address"] == wanted["address"].lower() and log["topics"][:1] == wanted["topics"]
        ]


def _hex(data: bytes) -> str:
    return hex(int.from_bytes(data, "big"))


class QbftNode(EvmNode):
    """The same chain, its headers sealed as a consortium's validators seal them by QBFT."""

    def __init__(self, n: int = 4) -> None:
        super().__init__()
        self.validators = Sealers(n)
        self.sealed: list[dict[str, Any]] = []  # blocks as JSON-RPC tells them, by number

    def genesis(self) -> bytes:
        return header_bytes(self.eth_getBlockByNumber("0x0", False))

    def eth_getBlockByNumber(self, number: str, full: bool) -> dict[str, Any]:
        while len(self.sealed) <= int(number, 16):
            at = len(self.sealed)
            block = super().eth_getBlockByNumber(hex(at), full)
            if at:
                block["parentHash"] = self.sealed[-1]["hash"]
            self.sealed.append(self.validators.seal(block))
        return self.sealed[int(number, 16)]


async def serve(node: EvmNode) -> AsyncIterator[JsonRpc]:
    application = web.Application()
    application.router.add_post("/", node.answer)
    async with TestServer(application) as server:
        rpc = JsonRpc(str(server.make_url("/")))
        try:
            yield rpc
        finally:
            await rpc.close()


@asynccontextmanager
async def qbft_ledger() -> AsyncIterator[EvmLedger]:
    node = QbftNode()
    async for rpc in serve(node):
        chain = QbftChain(node.genesis())
        yield EvmLedger(rpc, node.address, BUILT["abi"], node.key, chain=chain)


@asynccontextmanager
async def evm_ledger() -> AsyncIterator[EvmLedger]:
    node = EvmNode()
    async for rpc in serve(node):
        yield EvmLedger(rpc, node.address, BUILT["abi"], node.key, node.is_own_block)
