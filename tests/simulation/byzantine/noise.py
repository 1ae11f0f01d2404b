"""Lies on the wire: nothing, too late, nonsense, things of yesterday, heights that do not exist."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from consensus.encoding import Hash
from consensus.pbft.messages import (
    MESSAGE_BYTES_MAX,
    Decided,
    Message,
    Status,
    encode_message,
)
from tests.simulation.byzantine.liar import Liar
from tests.simulation.ghost import hash_


class Silent(Liar):
    """Follows everything and says nothing."""

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        return []

    def serve(self, kind: str, content: Any) -> Any:
        return None


class Slow(Liar):
    """Just under the timeout, always."""

    def delay_ms(self, message: Message) -> float:
        return self.world.shape.base_timeout_ms * self.rng.choice((0.4, 0.9, 0.95))


class FakeHeight(Liar):
    """Claims a tip far above the real one, with certificates that do not hold, and serves nothing."""

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        if isinstance(message, Status):
            height = message.tip_height + self.rng.choice((1, 100, 1 << 62))
            return [self.resigned_whole(replace(message, tip_height=height))]
        if isinstance(message, Decided):
            cert = replace(message.cert, height=message.cert.height + self.rng.choice((1, 1_000)))
            return [message, Decided(cert)]
        return [message]

    def serve(self, kind: str, content: Any) -> Any:
        if kind != "blocks":
            return content
        (block, cert), refs = content[0]
        header = replace(block.header, state_root=Hash(hash_(b"false")))
        return [((replace(block, header=header), cert), refs)]


class Garbage(Liar):
    """Random bytes, cut and flipped messages, and messages larger than any may be."""

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        rng = self.rng
        if rng.random() < 0.6:
            return [message]
        data = encode_message(message)
        match rng.randrange(4):
            case 0:
                return [message, rng.randbytes(rng.randrange(64))]
            case 1:
                return [data[: rng.randrange(len(data))]]
            case 2:
                at = rng.randrange(len(data))
                return [data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]]
            case _:
                return [message, _OVERSIZE]


class Replayer(Liar):
    """Everything it ever heard, again, in whatever view and epoch, to whoever."""

    def on_heard(self, sender: int, message: Message) -> None:
        if self.rng.random() < 0.25:
            _, old = self.rng.choice(self.heard)
            self.tell(self.rng.choice(self.others), old)


class Hoarder(Liar):
    """Votes like everybody, but serves no bodies and no blocks."""

    def serve(self, kind: str, content: Any) -> Any:
        return None if kind in ("bodies", "blocks") else content


_OVERSIZE = bytes(MESSAGE_BYTES_MAX + 1)
