"""Which channel a call means, and whose read statement it carries."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from node.api.readers import Readers
from node.errors import CityError
from node.facade import ChannelFacade
from node.genesis import Identity


class Access:
    """The channels of a node, and their readers. Channels come and go while it serves."""

    def __init__(
        self, channels: Mapping[str, ChannelFacade], identity_keys: Mapping[int, bytes]
    ) -> None:
        """channels: by name, the node's first channel first. identity_keys: the node's own, by suite."""
        self._channels, self._identity_keys = channels, identity_keys
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
        self, name: str, context: grpc.aio.ServicerContext
    ) -> tuple[ChannelFacade, Identity]:
        """The channel, and the identity whose read statement the call carries."""
        channel = self.channel(name)
        readers = self._readers.get(channel.name)
        if readers is None or readers.channel is not channel:
            readers = Readers(channel, lambda: self.identity_key(channel))
            self._readers[channel.name] = readers
        return channel, await readers.reader(context)
