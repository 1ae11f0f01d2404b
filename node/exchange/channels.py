"""A carrier's connection to a channel, over the client."""

from __future__ import annotations

import asyncio
from typing import Any

from consensus.certificate import CommitCert
from consensus.encoding import Hash, decode
from consensus.header import Header
from consensus.proof import CertifiedHeader
from node.exchange.carrier import AT_ONCE, EXCHANGE, FOREIGN
from node.genesis import ChannelConfig
from node.sdk.errors import ContractError
from node.sdk.net import AsyncNet

PROOF_S = 60.0  # a proof waits until its block is settled


class NetChannel:
    """Implements node.exchange.carrier.ExchangeChannel; the network's user signs what is sent."""

    def __init__(self, net: AsyncNet) -> None:
        self._net = net
        self._terms: dict[str, dict[str, Any]] = {}  # of what was locked and may still be
        self._height = 0

    @property
    def channel_id(self) -> Hash:
        return Hash(self._net.context.channel_id)

    async def locked(self) -> dict[str, dict[str, Any]]:
        new = await self._net.past_events(EXCHANGE, "Exchange.Locked", from_height=self._height)
        for number in [event.fields["id"] for event in new]:
            found = await self._net.query(EXCHANGE, "get", {"id": number})
            self._terms[number] = found.value["terms"]
        if new:
            self._height = new[-1].height + 1  # only now: whoever failed above reads them again
        numbers = list(self._terms)
        for at in range(0, len(numbers), AT_ONCE):
            some = numbers[at : at + AT_ONCE]
            stands = await asyncio.gather(*map(self.stand, some))
            for number, stand in zip(some, stands, strict=True):
                if stand != "LOCKED":
                    del self._terms[number]
        return dict(self._terms)

    async def stand(self, number: str) -> str:
        return str((await self._net.query(EXCHANGE, "stand", {"id": number})).value)

    async def state_proof(self, key: bytes) -> bytes:
        return await self._net.state_proof(key, PROOF_S)

    async def certified(self, height: int) -> CertifiedHeader:
        block = await self._net.block(height)
        return CertifiedHeader(
            decode(Header, block.raw_header), decode(CommitCert, block.raw_certificate)
        )

    async def window(self) -> int:
        genesis = decode(ChannelConfig, bytes((await self._net.info()).genesis))
        return genesis.consensus.window

    async def followed_epoch(self, channel: Hash) -> int:
        return int((await self._net.query(FOREIGN, "get", {"channel": channel})).value["epoch"])

    async def send(self, contract: str, method: str, args: dict[str, Any]) -> str:
        try:
            await self._net.call(contract, method, args)
        except ContractError as error:
            if error.reason.startswith("E_"):
                return error.reason
            raise
        return ""
