"""Takes snapshots of a channel's state while the node runs, keeps the newest, and gives them to peers.

A snapshot is taken after every block whose height is a multiple of `every`, so that nodes with the same `every`
take the same ones. Writing happens behind execution, in a thread, from a view of the store. On disk:

    snapshots/<height>/index.bin      written last: a folder without it is none
    snapshots/<height>/<n>.part
"""

from __future__ import annotations

import asyncio
import functools
import shutil
import threading
import time
from collections.abc import Iterator, Sequence

import structlog

from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.header import block_hash
from node.errors import CityError
from node.ledger.folder import sync_folder
from node.ledger.snapshot import VALUE, Record, first_receipts, parts, records
from node.ledger.state import StateView
from node.model import SnapshotIndex, StoredBlock
from node.opening import Ledger
from node.proofs.building import set_changes
from node.threads import Stopped, run_to_its_end
from node.wire.snapshots import HEADERS_MAX, Offer, SealedHeader

FOLDER, INDEX = "snapshots", "index.bin"
KEPT = 2
VERSION = 1
PAUSE_SECONDS = 0.01  # between two parts: ordering and execution come first
HEADERS_AT_A_TIME, BLOCKS_BYTES_MAX, BLOCKS_AT_A_TIME = 1024, 3 * 1024 * 1024, 64
HEADER_BYTES, SEAL_BYTES = 1024, 80  # at most, with what surrounds them
assert HEADERS_AT_A_TIME <= HEADERS_MAX

log = structlog.get_logger("snapshot")


class Snapshots:
    """Those of one channel. Implements `node.peers.snapshots.Library`."""

    def __init__(self, ledger: Ledger, every: int) -> None:
        """every: heights between two snapshots, 0 for none."""
        self._ledger, self._every = ledger, every
        self._folder = ledger.folder / FOLDER
        self._window = ledger.genesis.config.consensus.window
        self._due: asyncio.Queue[tuple[int, StateView]] = asyncio.Queue(1)
        self._is_stopping = threading.Event()
        self._held = self._read_held()

    # ---- taking them ------------------------------------------------------------------------------

    def consider(self, height: int) -> None:
        """After `height` was applied and before the next block is: takes a view where one is due.

        While one is still being written the next is left out."""
        if self._every and height and height % self._every == 0 and self._due.empty():
            self._due.put_nowait((height, self._ledger.state.view()))

    async def run(self) -> None:
        """Until cancelled. A snapshot that fails costs nothing but itself."""
        try:
            while True:
                height, view = await self._due.get()
                take = functools.partial(self._take, height, view)
                try:
                    await run_to_its_end(take, self._is_stopping)
                except (CityError, OSError) as error:
                    log.error("snapshot.failed", height=height, reason=str(error))
        finally:
            if not self._due.empty():
                self._due.get_nowait()[1].close()

    def _take(self, height: int, view: StateView) -> None:
        started = time.monotonic()
        try:
            with view:
                index = self._write(height, view)
        except Stopped:
            return
        self._held = [*self._held, index][-KEPT:]
        self._forget()
        seconds = round(time.monotonic() - started, 1)
        log.info("snapshot.taken", height=height, values=index.values, s=seconds)

    def _write(self, height: int, view: StateView) -> SnapshotIndex:
        unfinished = self._folder / f"{height}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        count = _Count()
        hashes = []
        for n, part in enumerate(parts(count.values(records(view, height)))):
            if self._is_stopping.is_set():
                raise Stopped
            (unfinished / f"{n}.part").write_bytes(part)
            hashes.append(Hash(self._ledger.suite.hash(part)))
            time.sleep(PAUSE_SECONDS)
        header, roots = self._ledger.blocks.header(height), self._ledger.state.roots(height)
        assert header is not None and roots is not None, "an applied block is held"
        index = SnapshotIndex(
            VERSION,
            self._ledger.channel_id,
            self._ledger.suite.id,
            height,
            block_hash(self._ledger.suite.hash, header),
            roots.state_root,
            first_receipts(height),
            count.of_values,
            tuple(hashes),
        )
        (unfinished / INDEX).write_bytes(encode(index))
        folder = self._folder / str(height)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.replace(folder)
        sync_folder(self._folder)
        return index

    @property
    def height(self) -> int:
        """Of the newest one, 0 for none."""
        return self._held[-1].height if self._held else 0

    def _forget(self) -> None:
        kept = {str(index.height) for index in self._held}
        for path in self._folder.iterdir():
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def _read_held(self) -> list[SnapshotIndex]:
        """Those that an earlier life took, by height; one that does not read back is none."""
        found = []
        for path in self._folder.glob(f"*/{INDEX}"):
            try:
                index = decode(SnapshotIndex, path.read_bytes())
            except (OSError, EncodingError):
                continue
            is_own = index.channel_id == self._ledger.channel_id
            if is_own and index.height <= self._ledger.tip.height:
                found.append(index)
        return sorted(found, key=lambda index: index.height)[-KEPT:]

    # ---- giving them ------------------------------------------------------------------------------

    def offer(self) -> Offer | None:
        """The newest one whose state root a certified header shows."""
        tip = self._ledger.tip.height
        settled = [index for index in self._held if index.height + self._window <= tip]
        if not settled:
            return None
        return Offer(settled[-1], set_changes(self._ledger, settled[-1].height + self._window))

    def part(self, height: int, part: int) -> bytes | None:
        path = self._folder / str(height) / f"{part}.part"
        return path.read_bytes() if path.is_file() else None

    def headers(self, first: int, last: int) -> Sequence[SealedHeader]:
        found: list[SealedHeader] = []
        size = 0
        for header in self._ledger.blocks.headers(first, min(HEADERS_AT_A_TIME, last - first + 1)):
            certificate = self._ledger.blocks.certificate(header.height)
            assert certificate is not None, "every block but genesis has a certificate"
            size += HEADER_BYTES + SEAL_BYTES * len(certificate.seals)
            if found and size > BLOCKS_BYTES_MAX:
                break
            found.append((header, certificate))
        return found

    def blocks(self, first: int, last: int) -> Sequence[StoredBlock]:
        found: list[StoredBlock] = []
        size = 0
        for block in self._ledger.blocks.blocks(first, min(last, first + BLOCKS_AT_A_TIME - 1)):
            size += sum(len(e.body) + 160 for e in block.envelopes) + 2_048
            if found and size > BLOCKS_BYTES_MAX:
                break
            found.append(block)
        return found


class _Count:
    """Counts the values among records that pass."""

    def __init__(self) -> None:
        self.of_values = 0

    def values(self, found: Iterator[Record]) -> Iterator[Record]:
        for record in found:
            self.of_values += record[0] == VALUE
            yield record
