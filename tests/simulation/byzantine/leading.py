"""Lies of a leader: what it proposes, to whom, and whose transactions it never sees."""

from __future__ import annotations

from dataclasses import replace

from consensus.api import TxRef
from consensus.encoding import Hash
from consensus.header import Header, block_hash, leaves_root
from consensus.pbft.messages import Commit, Message, Prepare, Proposal
from tests.simulation.byzantine.liar import Liar
from tests.simulation.ghost import hash_


class Equivocator(Liar):
    """Proposes two blocks at a height, shows each to some, and votes for both wherever it helps."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._twins: dict[tuple[int, int, int], tuple[Header, Hash]] = {}
        self._sides: dict[tuple[int, int, int, int], str] = {}
        self._heard_of: dict[tuple[int, int, int], dict[Hash, None]] = {}

    def on_heard(self, sender: int, message: Message) -> None:
        if isinstance(message, Proposal):
            header = message.header
            place = (header.epoch, message.view, header.height)
            self._heard_of.setdefault(place, {})[block_hash(hash_, header)] = None

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        if isinstance(message, Proposal):
            header = message.header
            place = (header.epoch, message.view, header.height)
            twin: Message | None = self._twin(message, place)
        elif isinstance(message, Prepare | Commit):
            place = (message.epoch, message.view, message.height)
            other = self._other_hash(place, message.block_hash)
            twin = None if other is None else self.resigned(replace(message, block_hash=other))
        else:
            return [message]
        if twin is None:
            return [message]
        key = (*place, target)
        side = self._sides.get(key)
        if side is None:
            side = self._sides[key] = self.rng.choice(("own", "own", "twin", "twin", "both"))
        return {"both": [message, twin], "twin": [twin], "own": [message]}[side]

    def _twin(self, message: Proposal, place: tuple[int, int, int]) -> Proposal:
        if place not in self._twins:
            header = replace(message.header, timestamp_ms=message.header.timestamp_ms + 1)
            self._twins[place] = (header, block_hash(hash_, header))
        return self.resigned(replace(message, header=self._twins[place][0]))

    def _other_hash(self, place: tuple[int, int, int], digest: Hash) -> Hash | None:
        """Of its own twin; as a mere voter, of another block heard of at this place."""
        if place in self._twins:
            return self._twins[place][1]
        return next((held for held in self._heard_of.get(place, ()) if held != digest), None)


class WrongRoots(Liar):
    """Proposes headers whose state_root or receipts_root is not that of the execution."""

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        if not isinstance(message, Proposal) or self.rng.random() < 0.2:
            return [message]
        wrong = Hash(hash_(b"wrong root"))
        header = message.header
        if message.header.height % 2:
            header = replace(header, state_root=wrong)
        else:
            header = replace(header, receipts_root=wrong)
        return [self.resigned(replace(message, header=header))]


class Censor(Liar):
    """Never knows a third of the transactions, and hands none of them on."""

    def hear_bodies(self, refs: tuple[TxRef, ...]) -> tuple[TxRef, ...]:
        return tuple(ref for ref in refs if ref.tx_id[0] % 3)


class Repeater(Liar):
    """Proposes what is in the chain or in flight already, an id twice, or one that does not exist."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._proposed: dict[int, tuple[Hash, ...]] = {}

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        if not isinstance(message, Proposal):
            return [message]
        node = self.world.nodes[self.node]
        old = list(node.committed)
        choice = message.header.height % 4
        self._proposed[message.header.height] = message.tx_ids
        flying = self._proposed.get(message.header.height - 1, ())
        if choice == 0 and old:
            ids = (*message.tx_ids, old[0])
        elif choice in (1, 2) and flying:
            ids = (*message.tx_ids, flying[0])
        elif choice == 1 and message.tx_ids:
            ids = (*message.tx_ids, message.tx_ids[0])
        else:
            ids = (*message.tx_ids, Hash(hash_(b"nobody's transaction")))
        known = [node.pool[i].leaf if i in node.pool else i for i in ids]
        header = replace(message.header, tx_root=leaves_root(hash_, known), tx_count=len(ids))
        return [self.resigned(replace(message, header=header, tx_ids=ids))]


class Skewed(Liar):
    """Timestamps at the edge of what is allowed and beyond, and lists that do not fit their header."""

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        if not isinstance(message, Proposal):
            return [message]
        if self.rng.random() < 0.3:
            return [replace(message, tx_ids=message.tx_ids[:-1])]
        shift = self.world.rng_for(self.node, message.view, message.header.height).choice(
            (-20_000, -9_000, 9_000, 9_990, 10_050, 1 << 40)
        )
        moment = max(0, message.header.timestamp_ms + shift)
        header = replace(message.header, timestamp_ms=moment)
        return [self.resigned(replace(message, header=header))]


class Lazy(Liar):
    """Proposes to too few: to some nobody, to others only now and then."""

    def twist(self, message: Message, target: int) -> list[Message | bytes]:
        if isinstance(message, Proposal) and (target + message.header.height) % 2:
            return []
        return [message]
