"""Answers peers' requests for transactions and blocks, within limits of count and bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from consensus.encoding import Hash
from node.catchup.sync import RANGE_BLOCKS_MAX
from node.model import Envelope, StoredBlock
from node.opening import Ledger
from node.ordering.txpool import BATCH_BYTES_MAX, TxPool
from node.peers.batch import PeerBatch

ASKED_IDS_MAX = 4_000
ASKED_BLOCKS_MAX = 16  # different blocks read for one request of transactions
BLOCKS_BYTES_MAX = 3 * 1024 * 1024


class Serving:
    """Reads only; a peer's requests are answered one after the other, so it cannot pile them up."""

    def __init__(self, ledger: Ledger, pool: TxPool) -> None:
        self._ledger, self._pool = ledger, pool

    @property
    def blocks_from(self) -> int:
        """The lowest block whose transactions are held, 1 for all of them."""
        return max(1, self._ledger.blocks.base)

    async def transactions(self, tx_ids: Sequence[Hash]) -> list[PeerBatch]:
        """Batches of a megabyte with those that are held; a peer that asks for more than it may gets less."""
        found: list[Envelope] = []
        elsewhere: list[Hash] = []
        for tx_id in dict.fromkeys(tx_ids[:ASKED_IDS_MAX]):
            held = self._ledger.journal.kept(tx_id) or self._pool.get_or_dropped(tx_id)
            if held is not None:
                found.append(held.envelope)
            else:
                elsewhere.append(tx_id)
        if elsewhere:
            found += await asyncio.to_thread(self._from_blocks, elsewhere)
        return [PeerBatch(transactions=part) for part in envelope_batches(found)]

    async def blocks(self, first: int, last: int) -> tuple[StoredBlock, ...]:
        """Blocks from `first` on, as many as fit one answer (always one, if it exists)."""
        return await asyncio.to_thread(self._read_blocks, max(1, first), last)

    def _from_blocks(self, tx_ids: Sequence[Hash]) -> list[Envelope]:
        """Each block is read once, and few of them: a small question must not cost gigabytes of reading."""
        wanted: dict[int, list[int]] = {}
        for place in self._ledger.blocks.places(tx_ids):
            if place is not None:
                wanted.setdefault(place.height, []).append(place.index)
        found = []
        for height in list(wanted)[:ASKED_BLOCKS_MAX]:
            block = self._ledger.blocks.block(height)
            assert block is not None, "a transaction's place is in a block that is held"
            found += [block.envelopes[index] for index in wanted[height]]
        return found

    def _read_blocks(self, first: int, last: int) -> tuple[StoredBlock, ...]:
        found: list[StoredBlock] = []
        size = 0
        if first < self._ledger.blocks.base:
            return ()  # it asks somebody who holds them
        for block in self._ledger.blocks.blocks(first, min(last, first + RANGE_BLOCKS_MAX - 1)):
            size += sum(len(e.body) + 160 for e in block.envelopes) + 2_048
            if found and size > BLOCKS_BYTES_MAX:
                break
            found.append(block)
        return tuple(found)


def envelope_batches(envelopes: Sequence[Envelope]) -> list[tuple[Envelope, ...]]:
    """Parts of about a megabyte, in order."""
    parts: list[tuple[Envelope, ...]] = []
    part: list[Envelope] = []
    size = 0
    for envelope in envelopes:
        if part and size + len(envelope.body) > BATCH_BYTES_MAX:
            parts.append(tuple(part))
            part, size = [], 0
        part.append(envelope)
        size += len(envelope.body) + 160
    if part:
        parts.append(tuple(part))
    return parts
