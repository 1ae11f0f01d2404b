"""Who may read: verifies read statements once and remembers them until they expire."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

import grpc

from consensus.encoding import Hash
from consensus.header import identity_digest
from node.errors import CityError
from node.facade import ChannelFacade
from node.genesis import ChannelConfig, Identity
from node.wire.read_statement import METADATA_KEY, check_read

REMEMBERED_MAX = 4096


def real_now_ms() -> int:
    return time.time_ns() // 1_000_000


class Readers:
    """The readers of one channel at this node."""

    def __init__(
        self,
        channel: ChannelFacade,
        identity_key: Callable[[], bytes],
        now_ms: Callable[[], int] = real_now_ms,
    ) -> None:
        """identity_key: the node's own now; a block may replace it."""
        self.channel = channel
        self._identity_key = identity_key
        self._own: dict[bytes, Hash] = {}  # that this node has had since it began
        self._now_ms = now_ms
        self._remembered: OrderedDict[bytes, tuple[Hash, int]] = OrderedDict()
        self._identities: dict[Hash, Identity] = {}
        self._config: ChannelConfig | None = None

    async def reader(self, context: grpc.aio.ServicerContext) -> Identity:
        """The identity that makes the call. Raises CITY-2210 (no statement), 2211 (invalid), 2212 (unknown)."""
        data = dict(context.invocation_metadata() or ()).get(METADATA_KEY)
        if not isinstance(data, bytes):
            raise CityError("CITY-2210")
        # Membership is looked up anew each time: a removed identity reads nothing from that block on.
        identity = self._members().get(await self._digest(data))
        if identity is None:
            raise CityError("CITY-2212")
        return identity

    async def _digest(self, data: bytes) -> Hash:
        now_ms = self._now_ms()
        held = self._remembered.get(data)
        if held is not None and held[1] >= now_ms:
            self._remembered.move_to_end(data)
            return held[0]
        channel = self.channel
        # A thread: a verification takes longer than the loop should wait for a stranger.
        statement = await asyncio.to_thread(
            check_read, channel.suite, data, channel.channel_id, self._node_identities(), now_ms
        )
        digest = identity_digest(channel.suite.hash, channel.suite.id, statement.reader_key)
        self._remembered[data] = (digest, statement.not_after_ms)
        while len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return digest

    def _node_identities(self) -> frozenset[Hash]:
        """Former ones too: a client that connected before the change has signed for one of them."""
        key, suite = self._identity_key(), self.channel.suite
        if key not in self._own:
            self._own[key] = identity_digest(suite.hash, suite.id, key)
        return frozenset(self._own.values())

    def _members(self) -> dict[Hash, Identity]:
        if self._config is not self.channel.config:
            self._config = self.channel.config
            self._identities = self._config.identities_by_digest(self.channel.suite.hash)
        return self._identities
