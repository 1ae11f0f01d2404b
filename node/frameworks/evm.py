"""An application on a node that speaks Ethereum's JSON-RPC (execution-apis): FISCO BCOS, Besu, geth and others.

Transactions are signed here with a secp256k1 key that never leaves the process. The libraries are the extra
`evm`: `pip install 'citychain[evm]'`. A proof (`evm_proof.py`) rests on a block: one whose hash the caller
trusts, or one of a chain that is followed by its own validators' seals from its genesis (`qbft.py`).
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol

import aiohttp
from eth_abi import abi, exceptions
from eth_account import Account
from eth_utils.crypto import keccak

from node.errors import CityError
from node.frameworks import evm_proof
from node.frameworks.api import Args, Fact, LedgerEvent, ProofRefused, Submitted

ANSWER_S, RECEIPT_S, POLL_S = 10.0, 60.0, 0.5
ANSWER_BYTES_MAX = 16 * 1024 * 1024
HEADERS_AT_ONCE = 200
GAS_SPARE = 5  # a fifth more than estimated
_REVERT = bytes.fromhex("08c379a0")  # Error(string)

Interface = Sequence[Mapping[str, Any]]  # a contract's ABI


class JsonRpc:
    """One node's JSON-RPC address."""

    def __init__(self, url: str) -> None:
        self._url, self._ids = url, itertools.count(1)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, method: str, *params: Any) -> Any:
        """Raises CityError CITY-1121 where no answer comes, CITY-1122 where it is an error; its `data` is a
        variable of the error."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(ANSWER_S))
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
        try:
            async with self._session.post(self._url, json=body) as reply:
                data = await reply.content.read(ANSWER_BYTES_MAX + 1)
            if len(data) > ANSWER_BYTES_MAX:
                raise ValueError("an answer of more than 16 MiB")
            answer = json.loads(data)
            if not isinstance(answer, dict) or answer.get("id") != body["id"]:
                raise ValueError("not an answer to this question")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise CityError("CITY-1121", url=self._url, reason=str(error) or "no answer") from error
        if "error" in answer:
            fault = answer["error"] if isinstance(answer["error"], dict) else {}
            raise CityError(
                "CITY-1122", method=method, reason=str(fault.get("message", ""))[:300],
                data=str(fault.get("data", "")),
            )  # fmt: skip
        return answer.get("result")


class FollowedChain(Protocol):
    """A chain whose consensus is checked here. Implemented by qbft.QbftChain."""

    height: int

    def knows(self, block_hash: bytes) -> bool: ...

    def on_chain(self, header: bytes) -> bytes:
        """The bytes of a header that the block's hash is of. Raises ProofRefused."""
        ...

    def follow(self, headers: Sequence[bytes]) -> None:
        """Raises ProofRefused, and then follows none of them."""
        ...


class EvmLedger:
    """Implements node.frameworks.api.LedgerAdapter over one contract.

    trusts: whether a block hash is one of the chain's that the caller believes in; or chain: a chain that is
    followed, so that nobody has to."""

    def __init__(
        self, rpc: JsonRpc, address: str, interface: Interface, key: bytes,
        trusts: Callable[[bytes], bool] | None = None, chain: FollowedChain | None = None,
    ) -> None:  # fmt: skip
        if (trusts is None) is (chain is None):
            raise ValueError("either hashes that are trusted, or a chain that is followed")
        self._rpc, self._address, self._chain = rpc, address, chain
        self._trusts = trusts or (lambda block_hash: chain is not None and chain.knows(block_hash))
        self._account = Account.from_key(key)
        self._methods = {m["name"]: m for m in interface if m["type"] == "function"}
        self._events = {_topic(e): e for e in interface if e["type"] == "event"}
        self._following = asyncio.Lock()
        self._sending = asyncio.Lock()  # one number of the account after the other

    async def submit(self, method: str, args: Args) -> Submitted:
        data = self._call_data(method, args)
        call = {"from": self._account.address, "to": self._address, "data": data}
        try:
            gas = int(await self._rpc.ask("eth_estimateGas", call), 16)
        except CityError as error:
            raise self._refusal(method, error) from error
        async with self._sending:
            tx_hash = await self._send(data, gas + gas // GAS_SPARE)
        receipt = await self._receipt(tx_hash)
        height = int(receipt["blockNumber"], 16)
        if int(receipt["status"], 16) != 1:
            raise _refused(method, "E_REVERTED")
        return Submitted(tx_hash.removeprefix("0x"), height)

    async def query(self, method: str, args: Args) -> Any:
        call = {"to": self._address, "data": self._call_data(method, args)}
        try:
            answer = bytes.fromhex((await self._rpc.ask("eth_call", call, "latest"))[2:])
        except CityError as error:
            raise self._refusal(method, error) from error
        found = abi.decode([o["type"] for o in self._methods[method]["outputs"]], answer)
        return found[0] if len(found) == 1 else found

    async def subscribe(self, event: str, from_height: int = 0) -> AsyncIterator[LedgerEvent]:
        (topic,) = [t for t, e in self._events.items() if e["name"] == event]
        following = from_height
        while True:
            tip = int(await self._rpc.ask("eth_blockNumber"), 16)
            if tip >= following:
                wanted = {
                    "address": self._address, "topics": ["0x" + topic.hex()],
                    "fromBlock": hex(following), "toBlock": hex(tip),
                }  # fmt: skip
                told: Counter[str] = Counter()
                for log in await self._rpc.ask("eth_getLogs", wanted):
                    tx_id = log["transactionHash"][2:]
                    place = int(log["blockNumber"], 16), int(log["transactionIndex"], 16)
                    topics = tuple(_bytes(t) for t in log["topics"])
                    yield self._event(place, tx_id, told[tx_id], topics, _bytes(log["data"]))
                    told[tx_id] += 1
                following = tip + 1
            else:
                await asyncio.sleep(POLL_S)

    async def proof(self, tx_id: str) -> bytes:
        """A followed chain is followed up to the transaction's block."""
        receipt = await self._receipt("0x" + tx_id)
        await self.follow(int(receipt["blockNumber"], 16))
        block = await self._rpc.ask("eth_getBlockByNumber", receipt["blockNumber"], True)
        receipts = await self._rpc.ask("eth_getBlockReceipts", receipt["blockNumber"])
        on_chain = evm_proof.whole if self._chain is None else self._chain.on_chain
        return evm_proof.build(block, receipts, int(receipt["transactionIndex"], 16), on_chain)

    async def follow(self, height: int | None = None) -> None:
        """Follows the chain up to this block, or to its last one. Raises ProofRefused where the node tells
        another chain than the one that the validators sealed."""
        if self._chain is None:
            return
        if height is None:
            height = int(await self._rpc.ask("eth_blockNumber"), 16)
        async with self._following:
            while self._chain.height < height:
                first = self._chain.height + 1
                last = min(height, first + HEADERS_AT_ONCE - 1)
                self._chain.follow([await self._header(n) for n in range(first, last + 1)])

    async def _header(self, number: int) -> bytes:
        block = await self._rpc.ask("eth_getBlockByNumber", hex(number), False)
        try:
            return evm_proof.header_bytes(block)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProofRefused(f"the node tells no header of block {number}") from error

    def check(self, proof: bytes) -> Fact:
        found = evm_proof.check(proof)
        if not self._trusts(found.block_hash):
            raise ProofRefused("its block is none that is trusted")
        own = _bytes(self._address)
        if found.to != own:
            raise ProofRefused("it shows a transaction of another contract")
        if not found.is_successful:
            raise ProofRefused("it shows a transaction that was not carried out")
        place, told, events = (found.height, found.index), Counter[bytes](), []
        for address, topics, data in found.logs:
            if address == own and topics and topics[0] in self._events:
                tx_id = found.tx_hash.hex()
                events.append(self._event(place, tx_id, told[topics[0]], topics, data))
                told[topics[0]] += 1
        return Fact(found.tx_hash.hex(), found.height, tuple(events))

    # ---- encoding --------------------------------------------------------------------------------

    def _call_data(self, method: str, args: Args) -> str:
        known = self._methods.get(method)
        if known is None or {i["name"] for i in known["inputs"]} != set(args):
            raise CityError("CITY-1123", method=method, known=", ".join(sorted(self._methods)))
        kinds = [i["type"] for i in known["inputs"]]
        try:
            encoded = abi.encode(kinds, [args[i["name"]] for i in known["inputs"]])
        except (exceptions.EncodingError, TypeError, ValueError) as error:
            raise CityError("CITY-1123", method=method, known=", ".join(kinds)) from error
        return "0x" + (_selector(known) + encoded).hex()

    def _event(
        self, place: tuple[int, int], tx_id: str, nth: int, topics: tuple[bytes, ...], data: bytes
    ) -> LedgerEvent:
        """place: height and index of the transaction. nth: among its events of this name."""
        known = self._events[topics[0]]
        indexed = [i for i in known["inputs"] if i["indexed"]]
        plain = [i for i in known["inputs"] if not i["indexed"]]
        fields = {
            i["name"]: abi.decode([i["type"]], topic)[0]
            for i, topic in zip(indexed, topics[1:], strict=True)
        }
        values = abi.decode([i["type"] for i in plain], data)
        fields |= {i["name"]: value for i, value in zip(plain, values, strict=True)}
        id_ = f"{place[0]}/{place[1]}/{known['name']}/{nth}"
        return LedgerEvent(id_, place[0], tx_id, known["name"], fields)

    def _refusal(self, method: str, error: CityError) -> CityError:
        """The contract's reason, where the node gives the revert's data; else the error as it is."""
        data = str(error.variables.get("data", ""))
        try:
            raw = bytes.fromhex(data.removeprefix("0x"))
            if raw[:4] == _REVERT:
                return _refused(method, str(abi.decode(["string"], raw[4:])[0])[:300])
        except (ValueError, exceptions.DecodingError):
            pass
        return error

    # ---- sending ---------------------------------------------------------------------------------

    async def _send(self, data: str, gas: int) -> str:
        price = int(await self._rpc.ask("eth_gasPrice"), 16)
        transaction = {
            "chainId": int(await self._rpc.ask("eth_chainId"), 16),
            "nonce": int(
                await self._rpc.ask("eth_getTransactionCount", self._account.address, "pending"), 16
            ),
            "to": self._address, "value": 0, "gas": gas, "data": data, "gasPrice": price * 2,
        }  # fmt: skip
        signed = self._account.sign_transaction(transaction)
        sent: str = await self._rpc.ask(
            "eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex()
        )
        return sent

    async def _receipt(self, tx_hash: str) -> dict[str, Any]:
        async with asyncio.timeout(RECEIPT_S):
            while True:
                found = await self._rpc.ask("eth_getTransactionReceipt", tx_hash)
                if found is not None:
                    return dict(found)
                await asyncio.sleep(POLL_S)


def _refused(method: str, reason: str) -> CityError:
    return CityError(
        "CITY-4001",
        contract="evm",
        method=method,
        reason=reason,
        detail="",
        calls="the contract's interface",
    )


def _signature(entry: Mapping[str, Any]) -> bytes:
    return f"{entry['name']}({','.join(i['type'] for i in entry['inputs'])})".encode()


def _topic(event: Mapping[str, Any]) -> bytes:
    return bytes(keccak(_signature(event)))


def _selector(method: Mapping[str, Any]) -> bytes:
    return bytes(keccak(_signature(method)))[:4]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
