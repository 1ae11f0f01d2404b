"""Channels in memory behind a carrier, which may be killed at any of its acts."""

from __future__ import annotations

from typing import Any

from consensus.encoding import Hash, decode, encode
from consensus.proof import CertifiedHeader, ProofFileV2, SetChange
from consensus.validators import ValidatorSet
from node.errors import CityError
from tests.unit.suite.exchange_world import WINDOW, Foreign


class Dead(Exception):
    """The carrier was killed."""


class Life:
    """Lets a carrier die at its nth act; acts of all its channels are counted together."""

    def __init__(self, acts: int | None = None) -> None:
        self.left = acts

    def act(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Dead


class Memory:
    """An ExchangeChannel over a channel in memory. agreed: number → terms of all that may be locked on it.
    is_silent: it takes no transaction, and still answers what it knows."""

    is_silent = False

    def __init__(
        self, chain: Foreign, agreed: dict[str, Any], life: Life, changes: list[SetChange],
        member: str = "C",
    ) -> None:  # fmt: skip
        self.chain, self.agreed, self.life, self.changes = chain, agreed, life, changes
        self.member = member

    @property
    def channel_id(self) -> Hash:
        return self.chain.id

    async def locked(self) -> dict[str, dict[str, Any]]:
        self.life.act()
        return {
            number: terms
            for number, terms in self.agreed.items()
            if self.chain.ok("C", "exchange", "stand", id=number) == "LOCKED"
        }

    async def stand(self, number: str) -> str:
        self.life.act()
        return str(self.chain.ok("C", "exchange", "stand", id=number))

    async def state_proof(self, key: bytes) -> bytes:
        self.life.act()
        return encode(ProofFileV2(2, b"", tuple(self.changes), None, self.chain.fact(key)))

    async def certified(self, height: int) -> CertifiedHeader:
        self.life.act()
        return self.chain.headers[height]

    async def window(self) -> int:
        return WINDOW

    async def followed_epoch(self, channel: Hash) -> int:
        return int(self.chain.ok("C", "foreign_channel", "get", channel=channel)["epoch"])

    async def send(self, contract: str, method: str, args: dict[str, Any]) -> str:
        self.life.act()
        if self.is_silent:
            raise CityError("CITY-1002", field="transaction", rule="none is taken here any more")
        result = self.chain.call(self.member, contract, method, "maker", **args)
        self.life.act()  # it was taken; the answer never came
        return result.code


def changed_validators(chain: Foreign) -> SetChange:
    last, following = chain.change_validators()
    return SetChange(decode(CertifiedHeader, last), decode(ValidatorSet, following))
