"""Which channel a call means, and whose read statement it carries."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from node.api.pace import Pace
from node.api.readers import Readers
from node.errors import CityError
from node.facade import ChannelFacade
from node.genesis import Identity

READS_PER_SECOND = 500


class Access:
    """The channels of a node, and their readers. Channels come and go while it serves."""

    def __init__(
        self,
        channels: Mapping[str, ChannelFacade],
        identity_keys: Mapping[int, bytes],
        reads_per_second: int = READS_PER_SECOND,
    ) -> None:
        """channels: by name, the node's first channel first. identity_keys: the node's own, by suite.
        reads_per_second: of one member."""
        self._channels, self._identity_keys = channels, identity_keys
        self._pace = Pace(reads_per_second)
        self._readers: dict[str, Readers] = {}

    def channel(self, name: str) -> ChannelFacade:
        """Of that name; of none, the node's first. Raises CITY-1004."""
        channel = self._channels.get(name) if name else next(iter(self._channels.values()), None)
        if channel is None:
            raise CityError("CITY-1004", channel=name[:64], known=", ".join(self._channels))
        return channel

    def identity_key(self, channel: ChannelFacade) -> bytes:
        """The node's, in the suite of the channel."""
        return self._identity_keys[channel.suite.id]

    async def read(
        self, name: str, context: grpc.aio.ServicerContext, *, is_paced: bool = True
    ) -> tuple[ChannelFacade, Identity]:
        """The channel, and the identity whose read statement the call carries. is_paced: it counts as a read of
        its member; what only waits has a bound of its own."""
        channel = self.channel(name)
        readers = self._readers.get(channel.name)
        if readers is None or readers.channel is not channel:
            readers = Readers(channel, lambda: self.identity_key(channel))
            self._readers[channel.name] = readers
        identity = await readers.reader(context)
        if is_paced:
            self._pace.take(channel.name, identity.member_id)
            channel.note_read(identity.member_id)
        return channel, identity


def source_of(context: grpc.aio.ServicerContext) -> str:
    """Who calls, as far as the transport tells: the host, of whatever port."""
    return str(context.peer()).rpartition(":")[0]
