"""Which channel a call means, and whose read statement it carries."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from node.api.readers import Readers
from node.errors import CityError
from node.facade import ChannelFacade
from node.genesis import Identity


class Access:
    """The channels of a node, and their readers."""

    def __init__(self, channels: Mapping[str, ChannelFacade], identity_key: bytes) -> None:
        """channels: by name, the node's first channel first. identity_key: the node's own."""
        assert channels
        self._channels = channels
        self._readers = {name: Readers(c, identity_key) for name, c in channels.items()}

    def channel(self, name: str) -> ChannelFacade:
        """Of that name; of none, the node's first. Raises CITY-1004."""
        channel = self._channels.get(name) if name else next(iter(self._channels.values()))
        if channel is None:
            raise CityError("CITY-1004", channel=name[:64], known=", ".join(self._channels))
        return channel

    async def read(
        self, name: str, context: grpc.aio.ServicerContext
    ) -> tuple[ChannelFacade, Identity]:
        """The channel, and the identity whose read statement the call carries."""
        channel = self.channel(name)
        return channel, await self._readers[channel.name].reader(context)
