"""`python -m tests.bench.snapshot --keys 1000000`: how long a new node takes to begin with a snapshot.

The channel is written by the ledger's own code, its headers are sealed by validators' keys; nothing is
executed, as a snapshot neither asks nor shows how values came about. Joining is the product's, from peers in
the same process: what a network adds is the time of the bytes. A backup is taken too, and its drill run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from consensus.api import Signer
from consensus.certificate import KIND_PBFT, CommitCert, Seal, bitmap, seal_message
from consensus.encoding import Sig
from consensus.header import Header, block_hash, leaves_root
from consensus.quorum import quorum
from contracts.runtime import values
from contracts.runtime.keys import state_key
from node.backups import drill, take_online
from node.bench.machine import cpu_name
from node.catchup.joining import Joining
from node.catchup.snapshots import Snapshots
from node.model import StoredBlock
from node.opening import Ledger, open_ledger
from node.pruning import size_of
from node.wire.snapshots import Offer, SealedHeader, blocks_reply, headers_reply, part_reply
from tests.unit.node.network import SUITE, Keys, make_genesis

KEYS_A_BLOCK = 20_000


class LocalPeer:
    """A library of the same process. rate: bytes a second that its line gives, 0 for no limit."""

    is_validator = True

    def __init__(self, name: str, library: Snapshots, rate: int) -> None:
        self.name, self._library, self._rate = name, library, rate
        self._line = asyncio.Lock()

    async def offer(self) -> Offer | None:
        return self._library.offer()

    async def part(self, height: int, part: int) -> bytes:
        found = await asyncio.to_thread(self._library.part, height, part)
        assert found is not None
        await self._send(part_reply(found))
        return found

    async def headers(self, first: int, last: int) -> list[SealedHeader]:
        found = list(await asyncio.to_thread(self._library.headers, first, last))
        await self._send(headers_reply(found))
        return found

    async def blocks(self, first: int, last: int) -> list[StoredBlock]:
        found = list(await asyncio.to_thread(self._library.blocks, first, last))
        await self._send(blocks_reply(found))
        return found

    async def _send(self, answer: bytes) -> None:
        if self._rate:
            async with self._line:
                await asyncio.sleep(len(answer) / self._rate)


class Stopwatch:
    """Rows of a table: what, seconds, of which this process had a processor, bytes."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, float, int]] = []

    @contextmanager
    def measure(self, what: str) -> Iterator[list[int]]:
        """The list takes the bytes that came of it."""
        size: list[int] = []
        started, busy = time.monotonic(), time.process_time()
        yield size
        passed, worked = time.monotonic() - started, time.process_time() - busy
        self.rows.append((what, passed, worked, size[0] if size else 0))


def certificate(ledger: Ledger, header: Header, votes: Sequence[Signer]) -> CommitCert:
    """Sealed by a quorum."""
    named = block_hash(SUITE.hash, header)
    seal = Seal(ledger.channel_id, 0, header.height, 0, named)
    message, signers = seal_message(SUITE.id, seal), list(range(quorum(len(votes))))
    seals = tuple(Sig(votes[i].sign(message)) for i in signers)
    bits = bitmap(signers, len(votes))
    return CommitCert(KIND_PBFT, 0, header.height, 0, named, bits, seals)


def add_block(ledger: Ledger, keys: Keys, writes: dict[bytes, bytes | None]) -> None:
    """A block without transactions whose state is what was written."""
    tip, empty = ledger.tip, leaves_root(SUITE.hash, [])
    height = tip.height + 1
    roots = ledger.state.roots(max(0, height - ledger.genesis.config.consensus.window))
    assert roots is not None
    header = replace(
        tip,
        height=height,
        parent_hash=block_hash(SUITE.hash, tip),
        timestamp_ms=tip.timestamp_ms + 1,
        state_root=roots.state_root,
        receipts_root=roots.receipts_root,
        tx_root=empty,
    )
    ledger.blocks.put(header, (), (), certificate(ledger, header, keys.votes))
    ledger.state.apply_block(height, writes, ())


def accounts(first: int, count: int) -> dict[bytes, bytes | None]:
    return {
        state_key("ledger", "balance", f"account-{n:09}"): values.encode({"fen": n, "ccy": "CNY"})
        for n in range(first, first + count)
    }


async def run(keys_count: int, nodes: int, empty: int, rate: int, folder: Path) -> Stopwatch:
    watch = Stopwatch()
    genesis, keys = make_genesis(nodes)
    ledger = open_ledger(folder / "old", genesis, SUITE)
    with watch.measure(f"write {keys_count:,} keys in blocks of {KEYS_A_BLOCK:,}") as size:
        for first in range(0, keys_count, KEYS_A_BLOCK):
            writes = accounts(first, min(KEYS_A_BLOCK, keys_count - first))
            await asyncio.to_thread(add_block, ledger, keys, writes)
        size.append(size_of(ledger.folder))
    with watch.measure(f"write {empty:,} blocks without keys"):
        for _ in range(empty):
            add_block(ledger, keys, {})
    snapshots = Snapshots(ledger, ledger.tip.height)
    taking = asyncio.create_task(snapshots.run())
    with watch.measure("take the snapshot, beside execution") as size:
        height = ledger.tip.height
        snapshots.consider(height)
        await asyncio.to_thread(add_block, ledger, keys, {})
        while snapshots.height < height:
            await asyncio.sleep(0.05)
        parts = (ledger.folder / "snapshots" / str(height)).iterdir()
        size.append(sum(part.stat().st_size for part in parts))
    taking.cancel()
    new = folder / "new"
    new.mkdir()
    with watch.measure("begin with it: fetch, check, load") as size:
        peers = [LocalPeer(f"n{n}", snapshots, rate) for n in range(nodes)]
        await Joining(new, genesis, SUITE, ledger.channel_id).run(peers)
        size.append(size_of(new))
    joined = open_ledger(new, genesis, SUITE)
    assert joined.state.roots(height) == ledger.state.roots(height)
    joined.close()
    with watch.measure("take a backup, beside execution") as size:
        facts = await take_online("n0", genesis, SUITE, ledger.blocks, ledger.state, folder / "b")
        size.append(facts["bytes"])
    with watch.measure("drill: restore, check all of it") as size:
        found = await asyncio.to_thread(drill, Path(facts["file"]), None, folder, lambda _: None)
        size.append(found["restored_bytes"])
    ledger.close()
    return watch


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.snapshot", description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--nodes", type=int, default=4, help="validators that seal, and give parts")
    parser.add_argument("--blocks", type=int, default=0, help="more of them, with no keys")
    parser.add_argument("--rate", type=int, default=0, help="KB a second of each peer, 0: any")
    parser.add_argument(
        "--dir", type=Path, help="where the stores lie; default: a temporary folder"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    command = "python -m tests.bench.snapshot " + " ".join(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="city-bench-", dir=options.dir) as scratch:
        watch = asyncio.run(
            run(options.keys, options.nodes, options.blocks, options.rate * 1_000, Path(scratch))
        )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if options.json:
        rows = [
            {"step": w, "seconds": round(s, 2), "cpu_s": round(c, 2), "bytes": b}
            for w, s, c, b in watch.rows
        ]
        facts = {"keys": options.keys, "rss_mb": memory, "cpu": cpu_name(), "command": command}
        print(json.dumps({**facts, "steps": rows}))
        return 0
    print(f"{command.strip()} · {cpu_name()} · {memory} MB at most\n")
    print("| Step | Seconds | CPU seconds | MB |\n|---|---:|---:|---:|")
    for what, seconds, worked, size in watch.rows:
        print(f"| {what} | {seconds:.1f} | {worked:.1f} | {size / 1e6:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
