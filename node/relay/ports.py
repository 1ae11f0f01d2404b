"""What a relay is connected to: a channel through the SDK, and the center with the keys of some wallets."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from consensus.encoding import ZERO_HASH, Hash
from consensus.payment import CoinPoint, log_id, nullifier, wallet_address
from node.errors import CityError
from node.identity.suite import Signer, get_suite
from node.oracle.proof_relay import ProofRelay
from node.oracle.relay import Obligation
from node.sdk.errors import ContractError, NotFound

if TYPE_CHECKING:
    from node.sdk.net import AsyncNet

# Kinds of payment that a contract takes for a debt.
KINDS = ("TRANSFER", "RELEASE", "REDEEM")
# A simulation runs at the time of the last block; on an idle channel that is before the payment.
CLOCK_CODES = ("E_PROOF_FUTURE", "E_PROOF_TIME", "E_PROOF_STALE")


class ChannelPort:
    """RelayChain over a connection of the SDK."""

    def __init__(self, net: AsyncNet, root_key: bytes) -> None:
        self._net = net
        self._hash = get_suite("sm").hash
        self._log = log_id(self._hash, root_key)

    async def anchor_size(self) -> int:
        size: int = (await self._net.query("dcep", "anchor", {"log_id": bytes(self._log)})).value
        return size

    async def is_used(self, txid: bytes, output_index: int) -> bool:
        own = nullifier(self._hash, self._log, CoinPoint(Hash(txid), output_index))
        found: bool = (await self._net.query("dcep", "is_used", {"nullifier": bytes(own)})).value
        return found

    async def attempt(self, owed: Obligation, proof: bytes, sending: Callable[[str], None]) -> str:
        args = {**owed.args, "proof": proof}
        tried = await self._net.simulate(owed.contract, owed.method, args)
        if tried.outcome != "ok" and tried.reason not in CLOCK_CODES:
            return tried.reason or tried.outcome
        gas = 2 * tried.gas_used if tried.outcome == "ok" else 0
        signed = await self._net.build(owed.contract, owed.method, args, gas_limit=gas)
        sending(signed.tx_id)
        try:
            await self._net.send(signed)
            await self._net.wait(signed)
        except ContractError as error:
            return error.reason
        return ""

    async def outcome_of(self, tx_id: str) -> str | None:
        try:
            await self._net.transaction(tx_id)  # a wait for what is unknown would only time out
            await self._net.wait(tx_id)
        except ContractError as error:
            return error.reason
        except NotFound:
            return None
        return ""

    async def result_of(self, tx_id: str) -> Any:
        """What a transaction's method returned. Raises CityError."""
        return (await self._net.wait(tx_id)).value


class CenterPort:
    """One center, with the keys of some wallets. A PaymentAdapter; use as an asynchronous context manager.

    at: its address, or the folder of its endpoint.json, which is read again when the center is away."""

    def __init__(self, at: str | Path, root_key: bytes, wallets: Sequence[Signer]) -> None:
        self._at, self._root_key = at, root_key
        hash_ = get_suite("sm").hash
        self._relays = {
            wallet_address(hash_, signer.public_key).hex(): ProofRelay(
                self._url(), root_key, signer
            )
            for signer in wallets
        }
        self._holder: dict[str, str] = {}  # transaction → the wallet whose feed told it
        self._stack = AsyncExitStack()

    @property
    def addresses(self) -> list[str]:
        return list(self._relays)

    async def __aenter__(self) -> Self:
        for relay in self._relays.values():
            await self._stack.enter_async_context(relay)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def _url(self) -> str:
        """Where the center listens; "" where that is not known now."""
        if isinstance(self._at, str):
            return self._at
        try:
            return str(json.loads((self._at / "endpoint.json").read_text(encoding="utf-8"))["url"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def look_again(self) -> str:
        """Where the center listens now."""
        url = self._url()
        for relay in self._relays.values():
            relay.url = (url or relay.url).rstrip("/")
        return url

    async def tree_size(self) -> int:
        """Of the center's log; -1 without a wallet, for which there is nothing to ask."""
        for relay in self._relays.values():
            return await relay.tree_size()
        return -1

    async def feed(self, address: str, after: int) -> tuple[list[tuple[str, bytes, int, int]], int]:
        """Payments to one of the wallets that name a reference, each as reference, txid, output and time; and
        where to ask on."""
        items, following = await self._relays[address].feed(after)
        found = []
        for item in items:
            if item.kind in KINDS and item.reference != ZERO_HASH:
                self._holder[item.txid.hex()] = address
                found.append(
                    (item.reference.hex(), bytes(item.txid), item.output_index, item.accepted_ms)
                )
        return found, following

    async def payment_proof(
        self, txid: bytes, output_index: int, *, anchor_size: int = 0, fields: Sequence[str] = ()
    ) -> bytes:
        """See PaymentAdapter: asked for with the key of the wallet that is a party of the payment."""
        known = self._holder.get(txid.hex(), "")
        first = sorted(self._relays, key=lambda address: address != known)
        refusal = CityError("CITY-7002", reason="RC_UNAUTHORISED", detail="no wallet of this relay")
        for address in first:
            try:
                return await self._relays[address].payment_proof(
                    txid, output_index, anchor_size=anchor_size, fields=fields
                )
            except CityError as error:
                if error.code != "CITY-7002":
                    raise
                refusal = error
        raise refusal
