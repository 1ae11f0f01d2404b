"""Every exchange between channels that a client reaches: terms, and how each side stands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.errors import CityError
from node.exchange.carrier import EXCHANGE
from node.sdk.net import AsyncNet

BEGINS = ("Exchange.Locked", "Exchange.Settled", "Exchange.CalledOff")


@dataclass(frozen=True, slots=True)
class Standing:
    """channels: names of both, an id in hexadecimal where no name is known. second: None where it could not be
    asked."""

    number: str
    terms: Mapping[str, Any]
    channels: tuple[str, str]
    first: str | None
    second: str | None


async def standings(nets: Mapping[str, AsyncNet], troubles: dict[str, CityError]) -> list[Standing]:
    """nets: connections by the channel's name; those without the contract have no exchanges. troubles: takes
    the channels that could not be asked. In order of the last moment."""
    names = {bytes(net.context.channel_id): name for name, net in nets.items()}
    found: dict[str, Mapping[str, Any]] = {}
    told = await asyncio.gather(*map(_terms_on, nets.values()), return_exceptions=True)
    for name, terms in zip(nets, told, strict=True):
        if isinstance(terms, CityError):
            troubles[name] = terms
        elif isinstance(terms, BaseException):
            raise terms
        else:
            found |= terms

    async def one(number: str, terms: Mapping[str, Any]) -> Standing:
        ids = [bytes(terms[side]["channel"]) for side in ("first", "second")]
        known = [names.get(id_, id_.hex()) for id_ in ids]
        stands = [await _stand(nets, name, number, troubles) for name in known]
        return Standing(number, terms, (known[0], known[1]), stands[0], stands[1])

    every = await asyncio.gather(*(one(*item) for item in found.items()))
    return sorted(every, key=lambda standing: (standing.terms["until_ms"], standing.number))


async def _terms_on(net: AsyncNet) -> dict[str, Mapping[str, Any]]:
    told = await net.past_events(EXCHANGE)
    numbers = dict.fromkeys(str(e.fields["id"]) for e in told if e.name in BEGINS)
    return {n: (await net.query(EXCHANGE, "get", {"id": n})).value["terms"] for n in numbers}


async def _stand(
    nets: Mapping[str, AsyncNet], name: str, number: str, troubles: dict[str, CityError]
) -> str | None:
    if name not in nets or name in troubles:
        return None
    try:
        return str((await nets[name].query(EXCHANGE, "stand", {"id": number})).value)
    except CityError as error:
        troubles[name] = error
        return None
