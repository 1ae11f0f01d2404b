"""An application on a channel of this project: a contract, over the client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from consensus.proof import ProofError, read_proof_file
from node.frameworks.api import Args, Fact, LedgerEvent, ProofRefused, Submitted
from node.model import decode_receipt
from node.proofs.reading import verify_proof
from node.sdk.calls import Event, events_of
from node.sdk.net import AsyncNet


class CityLedger:
    """Implements node.frameworks.api.LedgerAdapter. Proofs are checked against the context's channel id."""

    def __init__(self, net: AsyncNet, contract: str) -> None:
        self._net, self._contract = net, contract

    async def submit(self, method: str, args: Args) -> Submitted:
        done = await self._net.call(self._contract, method, dict(args))
        return Submitted(done.tx_id, done.block)

    async def query(self, method: str, args: Args) -> Any:
        return (await self._net.query(self._contract, method, dict(args))).value

    async def subscribe(self, event: str, from_height: int = 0) -> AsyncIterator[LedgerEvent]:
        async for found in self._net.events(self._contract, event, from_height=from_height):
            yield _event(found)

    async def proof(self, tx_id: str) -> bytes:
        return await self._net.proof(tx_id)

    def check(self, proof: bytes) -> Fact:
        try:
            view = verify_proof(proof, self._net.context.channel_id)
            shown = read_proof_file(proof).transaction
        except ProofError as error:
            raise ProofRefused(str(error)) from error
        if shown is None or view["outcome"] != "ok":
            raise ProofRefused("it does not show a transaction that was carried out")
        if not view["call"].startswith(f"{self._contract}@"):
            raise ProofRefused(f"it shows a transaction of {view['call']}, not of {self._contract}")
        told = events_of(decode_receipt(shown.receipt), view["height"], view["index"])
        return Fact(view["tx_id"], view["height"], tuple(map(_event, told)))


def _event(event: Event) -> LedgerEvent:
    return LedgerEvent(event.id, event.height, event.tx_id, event.name, dict(event.fields))
