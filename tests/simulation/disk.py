"""The simulated disk of one node: the WAL in its real bytes behind a write cache, block store, bodies, state.

A crash keeps what was synced and part of the rest, the last frame cut at a random byte. Block store and
state use synchronous atomic batches, as LevelDB is used. The framing is the daemon's
own (`node/ordering/wal.py`).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from consensus.api import Block, TxRef
from consensus.certificate import CommitCert
from consensus.encoding import Hash
from consensus.header import Header
from node.ordering.wal import (
    SEGMENT_HEADER_BYTES,
    WalDamaged,
    encode_frame,
    parse_segment,
    segment_header,
    segment_name,
)

ROTATE_BYTES = 24_000
_FILE = Path(segment_name(1))
_HEADER = segment_header(1)


class DiskFull(Exception):
    """No space left, or a sync that failed: fatal for the process, never tried again."""


@dataclass
class Wal:
    """One segment. `is_lying` models a missing fsync: what was written stays in the cache."""

    is_lying: bool = False
    synced: bytearray = field(default_factory=lambda: bytearray(_HEADER + encode_frame(0, ())))
    cached: list[bytes] = field(default_factory=list)
    frames: int = 1

    def append(self, records: tuple[bytes, ...]) -> None:
        if records:
            self.cached.append(encode_frame(self.frames, records))
            self.frames += 1

    def sync(self) -> None:
        if not self.is_lying and self.cached:
            self.synced += b"".join(self.cached)
            self.cached.clear()

    def crash(self, rng: random.Random) -> None:
        """Any part of the unsynced bytes may have reached the platter, from the front."""
        if self.cached:
            rest = b"".join(self.cached)
            self.synced += rest[: rng.randint(0, len(rest))]
            self.cached.clear()

    def recover(self) -> list[bytes]:
        """The records, without a torn tail. Raises WalDamaged."""
        records, end, self.frames = parse_segment(_FILE, bytes(self.synced))
        del self.synced[end:]
        return records

    def rotate(self, retain: Callable[[list[bytes]], tuple[bytes, ...]]) -> None:
        """A new segment with what is still needed; the rename makes it all or nothing."""
        if not self.is_lying and len(self.synced) > ROTATE_BYTES:
            self.synced = bytearray(_HEADER + encode_frame(0, retain(self.recover())))
            self.frames = 1

    def rot(self, rng: random.Random) -> None:
        """A flipped bit in what was durable, before the last frame: a torn tail is no damage."""
        if len(self.synced) > SEGMENT_HEADER_BYTES:
            at = rng.randrange(len(_HEADER) + 16)
            self.synced[at] ^= 1 << rng.randrange(8)


@dataclass
class Disk:
    """`executed` holds the roots after each height; `bodies` what Keep and Deliver made durable."""

    genesis: Header
    genesis_roots: tuple[Hash, Hash]
    wal: Wal = field(default_factory=Wal)
    bodies: dict[Hash, TxRef] = field(default_factory=dict)
    blocks: list[tuple[Block, CommitCert]] = field(default_factory=list)
    roots: list[tuple[Hash, Hash]] = field(default_factory=list)
    full_until: float = -1.0
    began_at: int | None = None  # the height at which the first record was written: the mark of it
    is_restored: bool = False
    is_log_lost: bool = False  # and the mark that there was one is here

    def lose_wal(self) -> None:
        self.wal = Wal(self.wal.is_lying)
        self.is_log_lost = self.began_at is not None

    def restore_backup(self, height: int) -> None:
        """Yesterday's backup: fewer blocks, never the WAL, and no mark that there was one if it is older."""
        del self.blocks[height:], self.roots[height:]
        if self.began_at is not None and height <= self.began_at:
            self.began_at = None
        kept = {tx_id for block, _ in self.blocks for tx_id in block.tx_ids}
        self.bodies = {i: ref for i, ref in self.bodies.items() if i in kept}
        self.is_restored = True
        self.lose_wal()

    def image(self) -> Disk:
        """A copy of everything, as an administrator would take one of a whole machine."""
        wal = Wal(self.wal.is_lying, bytearray(self.wal.synced), [], self.wal.frames)
        return replace(
            self,
            wal=wal,
            bodies=dict(self.bodies),
            blocks=list(self.blocks),
            roots=list(self.roots),
        )

    def become(self, image: Disk) -> None:
        self.wal, self.bodies = image.wal, image.bodies
        self.blocks, self.roots, self.is_restored = image.blocks, image.roots, True
        self.began_at = image.began_at

    def records(self) -> tuple[bytes, ...]:
        """What the next life knows. A damaged WAL is one that the operator takes away: lost."""
        try:
            return tuple(self.wal.recover())
        except WalDamaged:
            self.lose_wal()
            return ()

    @property
    def tip(self) -> Header:
        return self.blocks[-1][0].header if self.blocks else self.genesis

    @property
    def tip_cert(self) -> CommitCert | None:
        return self.blocks[-1][1] if self.blocks else None

    @property
    def executed_height(self) -> int:
        return len(self.roots)

    def roots_after(self, height: int) -> tuple[Hash, Hash]:
        return self.roots[height - 1] if height else self.genesis_roots

    def executed_from(self, height: int) -> tuple[tuple[int, Hash, Hash], ...]:
        return tuple((h, *self.roots_after(h)) for h in range(height, self.executed_height + 1))
