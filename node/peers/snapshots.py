"""Snapshots over the peers' port, both ends: the server of what a library holds, and the client that asks it.

What is served is the channel's own data: only nodes that the configuration names, and holders of a grant, get
it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import grpc

from consensus.encoding import Hash
from node.errors import CityError
from node.identity.transport import TransportIdentity
from node.model import StoredBlock
from node.peers.allowance import Allowance
from node.peers.fetching import Source
from node.peers.tls import Shown, client_certificate, open_channel
from node.wire.frames import peer_call
from node.wire.snapshots import (
    CHAIN,
    PART,
    SNAPSHOT,
    Asked,
    ChainRequest,
    Offer,
    SealedHeader,
    blocks_reply,
    chain_request,
    headers_reply,
    offer_reply,
    parse_blocks,
    parse_chain_request,
    parse_headers,
    parse_offer,
    parse_part,
    parse_part_request,
    parse_snapshot_request,
    part_reply,
    part_request,
    snapshot_request,
)

READS_MAX = 4  # at a time, of all peers together
ANSWER_S = 20.0
BYTES_MAX = (
    64 * 1024**3
)  # for one certificate in a window: a joining node takes all of it once, perhaps twice


class Library(Protocol):
    """What a node has to give. Blocking; raises OSError where it cannot read."""

    def offer(self) -> Offer | None: ...

    def part(self, height: int, part: int) -> bytes | None:
        """None: there is no such part."""
        ...

    def headers(self, first: int, last: int) -> Sequence[SealedHeader]:
        """From `first` on, as many as fit one answer."""
        ...

    def blocks(self, first: int, last: int) -> Sequence[StoredBlock]: ...


class SnapshotServer:
    """Serves one library. may_read: raises CityError for whoever is no node of the channel and has no grant."""

    def __init__(
        self, channel_id: Hash, library: Library, may_read: Callable[[Shown, bytes], None]
    ) -> None:
        self._channel_id, self._library, self._may_read = channel_id, library, may_read
        self._reading, self._allowance = 0, Allowance()

    def calls(
        self,
    ) -> dict[str, Callable[[bytes, grpc.aio.ServicerContext], Coroutine[Any, Any, bytes]]]:
        """The handlers by method of Peer."""
        return {SNAPSHOT: self._offer, PART: self._part, CHAIN: self._chain}

    async def _offer(self, data: bytes, context: grpc.aio.ServicerContext) -> bytes:
        def read() -> bytes:
            return offer_reply(self._library.offer())

        return await self._serve(context, lambda: (parse_snapshot_request(data), read))

    async def _part(self, data: bytes, context: grpc.aio.ServicerContext) -> bytes:
        def parsed() -> tuple[Asked, Callable[[], bytes]]:
            asked, height, part = parse_part_request(data)
            return asked, lambda: self._found(self._library.part(height, part))

        return await self._serve(context, parsed)

    async def _chain(self, data: bytes, context: grpc.aio.ServicerContext) -> bytes:
        def parsed() -> tuple[Asked, Callable[[], bytes]]:
            asked, wanted = parse_chain_request(data)
            if wanted.with_bodies:
                return asked, lambda: blocks_reply(self._library.blocks(wanted.first, wanted.last))
            return asked, lambda: headers_reply(self._library.headers(wanted.first, wanted.last))

        return await self._serve(context, parsed)

    @staticmethod
    def _found(part: bytes | None) -> bytes:
        if part is None:
            raise FileNotFoundError("no such part here")
        return part_reply(part)

    async def _serve(
        self,
        context: grpc.aio.ServicerContext,
        parsed: Callable[[], tuple[Asked, Callable[[], bytes]]],
    ) -> bytes:
        """Checks who asks, then reads in a thread; few at a time."""
        code, why = grpc.StatusCode.RESOURCE_EXHAUSTED, "ask again later"
        try:
            shown = client_certificate(context)
            fingerprint = shown.fingerprint
            asked, read = parsed()
            if asked.channel_id != self._channel_id:
                raise CityError("CITY-2202")
            await asyncio.to_thread(self._may_read, shown, asked.grant)
            if self._reading < READS_MAX and self._allowance.take(fingerprint, 0, BYTES_MAX):
                self._reading += 1
                try:
                    reply = await asyncio.to_thread(read)
                finally:
                    self._reading -= 1
                self._allowance.take(fingerprint, len(reply), BYTES_MAX)
                return reply
        except CityError as error:
            code, why = grpc.StatusCode.PERMISSION_DENIED, f"{error.code} {error.name}"
        except OSError as error:
            code, why = grpc.StatusCode.NOT_FOUND, error.strerror or str(error)
        await context.abort(code, why)
        raise AssertionError("abort raises")


class SnapshotClient:
    """Asks one peer. Every method raises CityError or a gRPC error; answers are strictly read, not believed."""

    def __init__(self, source: Source, transport: TransportIdentity, asked: Asked) -> None:
        self.name, self.is_validator = source.name, source.known.peer.index is not None
        self._asked = asked
        self._channel = open_channel(transport, source.address, source.known)

    async def close(self) -> None:
        await self._channel.close()

    async def offer(self) -> Offer | None:
        return parse_offer(await self._call(SNAPSHOT, snapshot_request(self._asked)))

    async def part(self, height: int, part: int) -> bytes:
        return parse_part(await self._call(PART, part_request(self._asked, height, part)))

    async def headers(self, first: int, last: int) -> list[SealedHeader]:
        wanted = ChainRequest(first, last, with_bodies=False)
        return parse_headers(await self._call(CHAIN, chain_request(self._asked, wanted)))

    async def blocks(self, first: int, last: int) -> list[StoredBlock]:
        wanted = ChainRequest(first, last, with_bodies=True)
        return parse_blocks(await self._call(CHAIN, chain_request(self._asked, wanted)))

    async def _call(self, method: str, request: bytes) -> bytes:
        answer: bytes = await peer_call(self._channel, method)(request, timeout=ANSWER_S)
        return answer
