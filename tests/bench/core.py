"""A pure core alone: n of them in one process, messages handed over at once, in the order they were sent.

No network, no disk, no clock that runs, and signatures that cost nothing but are counted. What is left is
what a core itself costs: encoding, decoding, hashing, certificates, rules. A message counts once for each
node that receives it, as it does in a real network: every receiver decodes its own copy.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from consensus.api import (
    Broadcast,
    Core,
    Deliver,
    Executed,
    Input,
    Received,
    Restart,
    Send,
    SetTimer,
    SignatureItem,
    Tick,
    TxRef,
    TxWaiting,
)
from consensus.encoding import ZERO_HASH, Hash, Sig
from consensus.header import Header, block_hash, leaves_root
from consensus.pbft import PbftConfig, PbftCore
from consensus.raft.ordering import RaftConfig, RaftCore
from consensus.validators import Validator, ValidatorSet, validators_hash

SUITE = 1
START_MS = 1_000_000
HEIGHTS_BEFORE = 5  # not measured: the first blocks fill caches
_SIGNATURE = Sig(bytes(64))


def hash_(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@dataclass
class CountedCrypto:
    """Signs and verifies for nothing, and counts."""

    public_key: bytes
    suite_id: int = SUITE
    signed: int = 0
    verified: int = 0

    def hash(self, data: bytes) -> bytes:
        return hash_(data)

    def sign(self, message: bytes) -> Sig:
        self.signed += 1
        return _SIGNATURE

    def verify(self, item: SignatureItem) -> bool:
        self.verified += 1
        return item.signature == _SIGNATURE


@dataclass(frozen=True)
class Workload:
    """`txs` ids a block, W = `window`; `heights` are measured."""

    engine: str
    nodes: int
    txs: int
    window: int
    heights: int


@dataclass(frozen=True)
class Outcome:
    """CPU time of the process in seconds; messages by kind, each counted once a receiver."""

    workload: Workload
    cpu_s: float
    messages: dict[str, int]
    signed: int
    verified: int

    def row(self) -> dict[str, Any]:
        heights, messages = self.workload.heights, sum(self.messages.values())
        return asdict(self.workload) | {
            "cpu_s": round(self.cpu_s, 3),
            "heights_per_s": round(heights / self.cpu_s, 1),
            "messages_per_s": round(messages / self.cpu_s),
            "us_per_message": round(self.cpu_s * 1e6 / messages, 1),
            "messages_per_height": {k: round(v / heights, 1) for k, v in self.messages.items()},
            "signed_per_height": round(self.signed / heights, 1),
            "verified_per_height": round(self.verified / heights, 1),
        }


def _pbft(workload: Workload, genesis: Header, index: int, crypto: CountedCrypto) -> Core:
    config = PbftConfig(
        channel_id=genesis.channel_id,
        suite=SUITE,
        genesis_hash=block_hash(hash_, genesis),
        config_hash=genesis.config_hash,
        window=workload.window,
        block_txs_max=workload.txs,
    )
    return PbftCore(config, _validators(workload.nodes), index, crypto, crypto)


def _raft(workload: Workload, genesis: Header, index: int, crypto: CountedCrypto) -> Core:
    config = RaftConfig(
        channel_id=genesis.channel_id,
        suite=SUITE,
        genesis_hash=block_hash(hash_, genesis),
        config_hash=genesis.config_hash,
        window=workload.window,
        block_txs_max=workload.txs,
    )
    return RaftCore(config, _validators(workload.nodes), index, crypto, crypto)


CORES: dict[str, Callable[[Workload, Header, int, CountedCrypto], Core]] = {
    "pbft": _pbft,
    "raft": _raft,
}


def _vote_key(index: int) -> bytes:
    return b"\x04" + hash_(b"x%d" % index) + hash_(b"y%d" % index)


def _validators(n: int) -> ValidatorSet:
    return ValidatorSet(0, tuple(Validator(f"node{i}", _vote_key(i)) for i in range(n)))


def _genesis(n: int) -> Header:
    digest = validators_hash(hash_, SUITE, _validators(n))
    empty = leaves_root(hash_, ())
    return Header(
        version=1,
        suite=SUITE,
        channel_id=Hash(hash_(b"channel")),
        epoch=0,
        height=0,
        parent_hash=ZERO_HASH,
        proposer=ZERO_HASH,
        tx_root=empty,
        tx_count=0,
        state_root=Hash(hash_(b"state")),
        receipts_root=empty,
        timestamp_ms=START_MS - 10_000,
        validators_hash=digest,
        next_validators_hash=digest,
        config_hash=Hash(hash_(b"config")),
        evidence_root=empty,
    )


class Cluster:
    """One input at a time, first come first served. Time stands still unless a core waits for a timer."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.now_ms = START_MS
        genesis = _genesis(workload.nodes)
        self._receipts_root = Hash(hash_(b"receipts"))
        self._inbox: deque[tuple[int, int, bytes]] = deque()
        self._timers: dict[int, int | None] = {}
        self.heights = [0] * workload.nodes
        self.messages: Counter[str] = Counter()
        self.crypto = [CountedCrypto(_vote_key(i)) for i in range(workload.nodes)]
        self.cores = [
            CORES[workload.engine](workload, genesis, i, crypto)
            for i, crypto in enumerate(self.crypto)
        ]
        roots = ((0, genesis.state_root, genesis.receipts_root),)
        for i in range(workload.nodes):
            self._step(i, Restart(self.now_ms, (), genesis, None, roots))
        self._hand_over()

    def run(self, blocks: Iterator[tuple[TxRef, ...]], to_height: int) -> None:
        """Order blocks until every node has `to_height`; as many wait as fit the window."""
        offered = max(self.heights)
        while min(self.heights) < to_height:
            while offered < min(to_height, min(self.heights) + self.workload.window):
                offered += 1
                event = TxWaiting(self.now_ms, next(blocks))
                # Voters first: a proposal never waits for a body here.
                for i in reversed(range(self.workload.nodes)):
                    self._step(i, event)
            while min(self.heights) < offered:
                if not self._inbox:
                    self._wait()
                self._hand_over()

    def _hand_over(self) -> None:
        while self._inbox:
            to, sender, data = self._inbox.popleft()
            core = self.cores[to]
            message = core.decode_message(data)
            self.messages[type(message).__name__] += 1
            self._step(to, Received(self.now_ms, sender, message))

    def _wait(self) -> None:
        """Nobody has anything to say: the next timer."""
        due = min((at, i) for i, at in self._timers.items() if at is not None)
        self.now_ms = max(self.now_ms, due[0])
        self._step(due[1], Tick(self.now_ms))

    def _step(self, index: int, event: Input) -> None:
        for action in self.cores[index].step(event):
            match action:
                case Broadcast(message):
                    for other in range(self.workload.nodes):
                        if other != index:
                            self._inbox.append((other, index, message))
                case Send(to, message):
                    self._inbox.append((to, index, message))
                case Deliver(block, _):
                    header = block.header
                    assert header.height == self.heights[index] + 1
                    self.heights[index] = header.height
                    done = Executed(
                        self.now_ms, header.height, header.state_root, self._receipts_root
                    )
                    self._step(index, done)
                case SetTimer(at_ms):
                    self._timers[index] = at_ms
                case _:
                    pass  # records and bodies would go to a disk


def _blocks(txs: int) -> Iterator[tuple[TxRef, ...]]:
    number = 0
    while True:
        ids = [Hash(hash_(b"%d" % n)) for n in range(number, number + txs)]
        yield tuple(TxRef(i, Hash(hash_(i)), 1_000, 300) for i in ids)
        number += txs


def measure(workload: Workload) -> Outcome:
    """CPU time and messages of `heights` heights on all nodes together."""
    cluster = Cluster(workload)
    blocks = _blocks(workload.txs)
    cluster.run(blocks, HEIGHTS_BEFORE)
    prepared = iter([next(blocks) for _ in range(workload.heights)])
    cluster.messages.clear()
    for crypto in cluster.crypto:
        crypto.signed = crypto.verified = 0
    started = time.process_time()
    cluster.run(prepared, HEIGHTS_BEFORE + workload.heights)
    cpu_s = time.process_time() - started
    return Outcome(
        workload,
        cpu_s,
        dict(sorted(cluster.messages.items())),
        sum(crypto.signed for crypto in cluster.crypto),
        sum(crypto.verified for crypto in cluster.crypto),
    )
