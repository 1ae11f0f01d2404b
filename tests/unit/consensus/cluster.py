"""A few real cores in one process with messages delivered by hand: for tests of single rules.

Nothing is lost, delayed or random here; that is the simulator's matter (tests/simulation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from consensus.api import (
    Action,
    Broadcast,
    Deliver,
    Executed,
    Input,
    Persist,
    Received,
    Restart,
    Send,
    SetTimer,
    Tick,
    TxRef,
    TxWaiting,
)
from consensus.encoding import ZERO_HASH, Hash, Sig
from consensus.header import Header, block_hash, leaves_root
from consensus.pbft import PbftConfig, PbftCore
from consensus.pbft.messages import Message, decode_message
from consensus.validators import validators_hash
from tests.simulation.ghost import (
    SUITE,
    GhostSigner,
    GhostVerifier,
    Registry,
    hash_,
    validator_set,
)

START_MS = 1_000_000
CHANNEL = Hash(hash_(b"channel"))
EMPTY_ROOT = leaves_root(hash_, ())


def tx(number: int, gas_limit: int = 1_000, size_bytes: int = 200) -> TxRef:
    name = b"tx %d" % number
    return TxRef(Hash(hash_(name)), Hash(hash_(b"leaf" + name)), gas_limit, size_bytes)


def genesis_header(n: int, channel: Hash = CHANNEL) -> Header:
    digest = validators_hash(hash_, SUITE, validator_set(n))
    return Header(
        1, SUITE, channel, 0, 0, ZERO_HASH, ZERO_HASH, EMPTY_ROOT, 0, Hash(hash_(b"state")),
        EMPTY_ROOT, START_MS - 1_000, digest, digest, Hash(hash_(b"config")), EMPTY_ROOT,
    )  # fmt: skip


class Cluster:
    """n cores with their disks. `sent` holds (sender, target, message) not delivered yet; a broadcast is
    one entry a target. Execution is immediate unless `is_executing` is off."""

    def __init__(
        self,
        n: int = 4,
        window: int = 1,
        genesis_of: int | None = None,
        channel: Hash = CHANNEL,
        **settings: int,
    ) -> None:
        self.n = n
        self.validators = validator_set(n)
        self.genesis = genesis_header(genesis_of or n, channel)
        self.registry = Registry()
        self.config = PbftConfig(
            channel_id=channel,
            suite=SUITE,
            genesis_hash=block_hash(hash_, self.genesis),
            config_hash=self.genesis.config_hash,
            window=window,
            **settings,
        )
        self.now_ms = START_MS
        self.is_executing = True
        self.sent: list[tuple[int, int, Message]] = []
        self.actions: list[list[Action]] = [[] for _ in range(n)]
        self.wal: list[list[bytes]] = [[] for _ in range(n)]
        self.blocks: list[list[Deliver]] = [[] for _ in range(n)]
        self.roots: list[list[tuple[Hash, Hash]]] = [
            [(self.genesis.state_root, EMPTY_ROOT)] for _ in range(n)
        ]
        self.timers: list[int | None] = [None] * n
        self.cores: list[PbftCore] = []
        for index in range(n):
            self.cores.append(self.new_core(index))
        for index in range(n):
            self.restart(index)
        self.flush()  # a first start: they hear of each other that nothing has happened yet
        for actions in self.actions:
            actions.clear()

    def new_core(self, index: int) -> PbftCore:
        signer = GhostSigner(self.registry, self.validators.key(index))
        verifier = GhostVerifier(self.registry)
        return PbftCore(self.config, self.validators, index, verifier, signer)

    def restart(self, index: int, **changes: Any) -> list[Action]:
        """A new life of this node from its disk."""
        self.cores[index] = self.new_core(index)
        blocks = self.blocks[index]
        roots = self.roots[index]
        start = max(0, len(blocks) - self.config.window)
        fields: dict[str, Any] = {
            "now_ms": self.now_ms,
            "records": tuple(self.wal[index]),
            "tip": blocks[-1].block.header if blocks else self.genesis,
            "tip_cert": blocks[-1].cert if blocks else None,
            "executed": tuple((h, *roots[h]) for h in range(start, len(roots))),
        }
        return self.step(index, Restart(**{**fields, **changes}))

    # --- driving

    def step(self, index: int, event: Input) -> list[Action]:
        actions = self.cores[index].step(event)
        self.actions[index] += actions
        for action in actions:
            match action:
                case Persist(records):
                    self.wal[index] += records
                case Broadcast(message):
                    decoded = decode_message(message)
                    for to in range(self.n):
                        if to != index:
                            self.sent.append((index, to, decoded))
                case Send(to, message):
                    self.sent.append((index, to, decode_message(message)))
                case SetTimer(at_ms):
                    self.timers[index] = at_ms
                case Deliver():
                    self.blocks[index].append(action)
        while self.is_executing and len(self.roots[index]) <= len(self.blocks[index]):
            actions = actions + self.execute(index)
        return actions

    def execute(self, index: int) -> list[Action]:
        height = len(self.roots[index])
        block = self.blocks[index][height - 1].block
        state_root, _ = self.roots[index][-1]
        if block.tx_ids:
            state_root = Hash(hash_(state_root + b"".join(block.tx_ids)))
        receipts_root = leaves_root(hash_, block.tx_ids)
        self.roots[index].append((state_root, receipts_root))
        return self.step(index, Executed(self.now_ms, height, state_root, receipts_root))

    def give(self, *txs: TxRef, to: Iterable[int] | None = None) -> None:
        for index in range(self.n) if to is None else to:
            self.step(index, TxWaiting(self.now_ms, txs))

    def receive(self, to: int, sender: int, message: Message) -> list[Action]:
        return self.step(to, Received(self.now_ms, sender, message))

    def flush(self, is_delivered: Callable[[int, int, Message], bool] = lambda *_: True) -> None:
        """Deliver what was sent, and what follows from it; what the filter refuses is lost."""
        while self.sent:
            sender, to, message = self.sent.pop(0)
            if is_delivered(sender, to, message):
                self.receive(to, sender, message)

    def pass_time(self, milliseconds: int) -> None:
        """Advance the clock and call every core whose timer has run out."""
        self.now_ms += milliseconds
        for index, at_ms in enumerate(list(self.timers)):
            if at_ms is not None and at_ms <= self.now_ms:
                self.tick(index)

    def tick(self, index: int) -> list[Action]:
        return self.step(index, Tick(self.now_ms))

    def settle(self) -> None:
        """Run until no timer is set: the chain is idle."""
        for _ in range(1_000):
            self.flush()
            due = [at for at in self.timers if at is not None]
            if not due:
                return
            self.pass_time(max(0, min(due) - self.now_ms))
        raise AssertionError("the cluster did not become idle")

    # --- looking

    def heights(self) -> list[int]:
        return [len(blocks) for blocks in self.blocks]

    def take(self, kind: type[Any], sender: int | None = None) -> list[Any]:
        """Messages of one type that wait to be delivered, each once, taken out."""
        found = [m for s, _, m in self.sent if isinstance(m, kind) and sender in (None, s)]
        self.sent = [
            entry
            for entry in self.sent
            if not (isinstance(entry[2], kind) and sender in (None, entry[0]))
        ]
        return list(dict.fromkeys(found))

    def acted(self, index: int, kind: type[Any]) -> list[Any]:
        return [action for action in self.actions[index] if isinstance(action, kind)]

    def sign(self, index: int, message: bytes) -> Sig:
        return self.registry.sign(self.validators.key(index), message)
