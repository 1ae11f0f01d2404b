"""A few Raft ordering cores with their disks in one process, messages delivered by hand.

Time moves only when a test says so. A disk keeps what was persisted; `power_cut` loses what a step persisted
last, as if the write had not come through, with everything behind it in the list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from consensus.api import (
    Action,
    Behind,
    Broadcast,
    Deliver,
    Executed,
    Forward,
    Halt,
    Input,
    Keep,
    Need,
    PeerConnected,
    Persist,
    Received,
    Restart,
    Send,
    SetTimer,
    Synced,
    Tick,
    TxRef,
    TxWaiting,
)
from consensus.encoding import Hash
from consensus.header import block_hash, leaves_root
from consensus.raft.ordering import RaftConfig, RaftCore
from consensus.raft.ordering.messages import Message, decode_message
from tests.simulation.ghost import GhostSigner, GhostVerifier, Registry, hash_, validator_set
from tests.unit.consensus.cluster import CHANNEL, EMPTY_ROOT, START_MS, SUITE, genesis_header, tx

__all__ = ["RaftCluster", "tx"]

Filter = Callable[[int, int, Message | None], bool]  # None: forwarded transactions


class PowerCut(Exception):
    """The node lost power before a write was durable."""


class RaftCluster:
    def __init__(
        self, n: int = 3, window: int = 1, offsets: dict[int, int] | None = None, **settings: int
    ) -> None:
        """offsets: by how much a node's clock is ahead, in milliseconds."""
        self.offsets = offsets or {}
        self.n, self.validators, self.genesis = n, validator_set(n), genesis_header(n)
        self.registry = Registry()
        self.config = RaftConfig(
            channel_id=CHANNEL,
            suite=SUITE,
            genesis_hash=block_hash(hash_, self.genesis),
            config_hash=self.genesis.config_hash,
            window=window,
            **settings,
        )
        self.now_ms = START_MS
        self.is_executing = self.is_fetching = True
        self._forwarded: list[tuple[int, int, TxRef]] = []
        self._behind: list[tuple[int, Behind]] = []
        self.diverges: set[int] = set()
        self.cut_before_persist: set[int] = set()
        self.sent: list[tuple[int, int, Message]] = []
        self.actions: list[list[Action]] = [[] for _ in range(n)]
        self.wal: list[list[bytes]] = [[] for _ in range(n)]
        self.kept: list[dict[Hash, TxRef]] = [{} for _ in range(n)]
        self.pool: list[dict[Hash, TxRef]] = [{} for _ in range(n)]
        self.blocks: list[list[Deliver]] = [[] for _ in range(n)]
        self.roots = [[(self.genesis.state_root, EMPTY_ROOT)] for _ in range(n)]
        self.timers: list[int | None] = [None] * n
        self.cores: list[RaftCore | None] = [None] * n
        for index in range(n):
            self.restart(index)

    # --- lives

    def restart(self, index: int, **changes: Any) -> None:
        """A new life of this node from its disk. A node that runs is killed first."""
        signer = GhostSigner(self.registry, self.validators.key(index))
        verifier = GhostVerifier(self.registry)
        self.cores[index] = RaftCore(self.config, self.validators, index, verifier, signer)
        self.timers[index] = None
        self.pool[index] = dict(self.kept[index])
        blocks, roots = self.blocks[index], self.roots[index]
        start = max(0, len(blocks) - self.config.window)
        fields: dict[str, Any] = {
            "now_ms": self.now_ms,
            "records": tuple(self.wal[index]),
            "tip": blocks[-1].block.header if blocks else self.genesis,
            "tip_cert": blocks[-1].cert if blocks else None,
            "executed": tuple((h, *roots[h]) for h in range(start, len(roots))),
        }
        self.step(index, Restart(**{**fields, **changes}))
        ordered = {tx_id for each in blocks for tx_id in each.block.tx_ids}
        waiting = tuple(ref for tx_id, ref in self.pool[index].items() if tx_id not in ordered)
        if waiting:
            self.step(index, TxWaiting(self.now_ms, waiting))

    def kill(self, index: int) -> None:
        self.cores[index] = None
        self.timers[index] = None
        self.sent = [entry for entry in self.sent if index not in entry[:2]]

    def wipe(self, index: int) -> None:
        self.kill(index)
        self.wal[index].clear()
        self.kept[index].clear()

    # --- driving

    def step(self, index: int, event: Input) -> None:
        core = self.cores[index]
        if core is None:
            return
        try:
            offset_ms = self.offsets.get(index, 0)
            for action in core.step(replace(event, now_ms=event.now_ms + offset_ms)):
                self._do(index, action)
        except PowerCut:
            self.kill(index)
            return
        while self.is_executing and len(self.roots[index]) <= len(self.blocks[index]):
            self.execute(index)

    def _do(self, index: int, action: Action) -> None:
        self.actions[index].append(action)
        match action:
            case Persist(records):
                if index in self.cut_before_persist:
                    self.cut_before_persist.discard(index)
                    raise PowerCut
                self.wal[index] += records
            case Keep(tx_ids=tx_ids):
                self.kept[index].update({i: self.pool[index][i] for i in tx_ids})
            case Broadcast(message):
                for to in range(self.n):
                    if to != index:
                        self.sent.append((index, to, decode_message(message)))
            case Send(to, message):
                self.sent.append((index, to, decode_message(message)))
            case SetTimer(at_ms):
                self.timers[index] = None if at_ms is None else at_ms - self.offsets.get(index, 0)
            case Deliver():
                assert len(self.blocks[index]) + 1 == action.block.header.height
                self.blocks[index].append(action)
            case Forward(to, tx_ids):
                refs = (self.pool[index][tx_id] for tx_id in tx_ids)
                self._forwarded += [(index, to, ref) for ref in refs]
            case Need(tx_ids, from_) if self.is_fetching:
                for holder in (from_, *range(self.n)):
                    found = [self.pool[holder][i] for i in tx_ids if i in self.pool[holder]]
                    self._forwarded += [(holder, index, ref) for ref in found]
            case Behind() if self.is_fetching:
                self._behind.append((index, action))
            case _:
                pass

    def _fetch(self) -> None:
        for index, behind in self._behind:
            source = max(self.blocks, key=len)
            for delivered in source[len(self.blocks[index]) : behind.height]:
                self.step(index, Synced(self.now_ms, delivered.block, delivered.cert))
        self._behind.clear()

    def execute(self, index: int) -> None:
        height = len(self.roots[index])
        block = self.blocks[index][height - 1].block
        state_root, _ = self.roots[index][-1]
        if block.tx_ids:
            salt = b"another" if index in self.diverges else b""
            state_root = Hash(hash_(salt + state_root + b"".join(block.tx_ids)))
        receipts_root = leaves_root(hash_, block.tx_ids)
        self.roots[index].append((state_root, receipts_root))
        self.step(index, Executed(self.now_ms, height, state_root, receipts_root))

    def give(self, *txs: TxRef, to: Iterable[int] | None = None) -> None:
        for index in range(self.n) if to is None else to:
            self.pool[index].update({ref.tx_id: ref for ref in txs})
            self.step(index, TxWaiting(self.now_ms, txs))

    def connect(self) -> None:
        for index in range(self.n):
            for other in range(self.n):
                if other != index:
                    self.step(index, PeerConnected(self.now_ms, other))

    def _hand_over(self, is_delivered: Filter) -> None:
        while self._forwarded:
            sender, to, ref = self._forwarded.pop()
            if is_delivered(sender, to, None) and ref.tx_id not in self.ordered(to):
                self.give(ref, to=[to])

    def flush(self, is_delivered: Filter = lambda *_: True) -> None:
        """Deliver what was sent, and what follows from it; what the filter refuses is lost."""
        while self.sent or self._behind or self._forwarded:
            self._fetch()
            self._hand_over(is_delivered)
            if not self.sent:
                continue
            sender, to, message = self.sent.pop(0)
            if is_delivered(sender, to, message):
                self.step(to, Received(self.now_ms, sender, message))

    def pass_time(self, milliseconds: int, is_delivered: Filter = lambda *_: True) -> None:
        """Advance the clock by steps, calling every core whose timer has run out, and flush."""
        end = self.now_ms + milliseconds
        while True:
            due = [at for at in self.timers if at is not None and at <= end]
            self.now_ms = max(self.now_ms, min(due)) if due else end
            for index, at_ms in enumerate(list(self.timers)):
                if at_ms is not None and at_ms <= self.now_ms:
                    self.step(index, Tick(self.now_ms))
            self.flush(is_delivered)
            if not due:
                return

    def elect(self, is_delivered: Filter = lambda *_: True) -> int:
        """Let time pass until somebody leads and serves; who."""
        for _ in range(200):
            self.pass_time(self.config.tick_ms, is_delivered)
            for index in self.leaders():
                core = self.cores[index]
                if core is not None and core._creator.is_serving:
                    return index
        raise AssertionError("nobody was elected")

    # --- looking

    def leaders(self) -> list[int]:
        return [i for i, c in enumerate(self.cores) if c is not None and c._started.is_leader]

    def heights(self) -> list[int]:
        return [len(blocks) for blocks in self.blocks]

    def hashes(self, index: int) -> list[Hash]:
        return [each.cert.block_hash for each in self.blocks[index]]

    def ordered(self, index: int) -> list[Hash]:
        return [tx_id for each in self.blocks[index] for tx_id in each.block.tx_ids]

    def acted(self, index: int, kind: type[Any]) -> list[Any]:
        return [action for action in self.actions[index] if isinstance(action, kind)]

    def check_agreement(self) -> None:
        longest = max((self.hashes(i) for i in range(self.n)), key=len)
        for index in range(self.n):
            own = self.hashes(index)
            assert own == longest[: len(own)], f"node {index} has another chain"
            ids = self.ordered(index)
            assert len(ids) == len(set(ids)), "a transaction stands twice"

    def halted(self, index: int) -> list[Halt]:
        return self.acted(index, Halt)

    def needed(self, index: int) -> list[Need]:
        return self.acted(index, Need)
