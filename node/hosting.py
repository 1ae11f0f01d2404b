"""The channels of one node: the one that node.toml names, which opens first.

`channels` is what the clients' port and the pages look into.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from node.channel import Channel
from node.hosted import NO_WORDS, Hosted, Premises, Words, open_hosted


class Hosting:
    """`open`, `start`, `stop`, `close`, in this order."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self._hosted: dict[str, Hosted] = {}
        self.channels: dict[str, Channel] = {}  # by name, the node's own first
        self._identity_keys: dict[int, bytes] = {}

    @property
    def identity_keys(self) -> Mapping[int, bytes]:
        """The node's public identity key by suite."""
        return self._identity_keys

    @property
    def first(self) -> Hosted:
        return next(iter(self._hosted.values()))

    async def open(self, words: Words = NO_WORDS) -> None:
        """Raises CityError."""
        config = self._premises.config
        hosted = await open_hosted(
            self._premises, config.place(), addresses=config.peers, is_lazy=False, words=words
        )
        self._hosted[hosted.name] = hosted
        self.channels[hosted.name] = hosted.channel
        self._identity_keys[hosted.ledger.suite.id] = hosted.keyring.identity.public_key

    async def start(self, words: Words = NO_WORDS) -> None:
        for hosted in self._hosted.values():
            await hosted.start(words)

    async def leave(self) -> None:
        """Before `stop`, while peers are still linked."""
        await asyncio.gather(*(hosted.leave() for hosted in self._hosted.values()))

    async def stop(self) -> None:
        """Links and pipelines end; reads go on."""
        await asyncio.gather(*(hosted.stop() for hosted in self._hosted.values()))

    async def close(self) -> None:
        for hosted in self._hosted.values():
            await hosted.close()
