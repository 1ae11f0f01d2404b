"""The log, blocks and state of one channel of a stopped node: what holds, and what to do about the rest.

Blocking.

examine_stores(folder, genesis, suite, deep)    the checks' results, in order
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from consensus.header import block_hash
from node.doctor.check import Check, Mark, failed
from node.errors import CityError
from node.genesis import Genesis
from node.identity.suite import Suite
from node.ledger.blocks import BlockStore
from node.ledger.check import LedgerInconsistent, check_consistency, covered_ids
from node.ledger.state import StateStore
from node.ledger.store import LevelStore
from node.ordering.wal import Wal

AHEAD_MS = 2_000
Progress = Callable[[str], None]

FETCH_AGAIN = "move {folder}/blocks and {folder}/state aside and start it: it fetches the blocks from its peers"
COMPUTE_AGAIN = "move {folder}/state aside and start it: it computes the state anew from its blocks"


def examine_stores(
    folder: Path, genesis: Genesis, suite: Suite, deep: bool, progress: Progress = lambda _: None
) -> Iterator[Check]:
    """The log, blocks and state of one channel of a stopped node."""
    if not (folder / "blocks").exists():
        yield Check("ledger", Mark.ok, "none yet: the node fetches it from its peers")
        return
    owner = folder.stat().st_uid
    if os.geteuid() != owner:  # opening a store writes files, which the node could not open then
        yield Check("ledger", Mark.warn, "not looked at", f"run this as the node's user, {owner}")
        return
    yield _log(folder)
    window = genesis.config.consensus.window
    part, again = "blocks", FETCH_AGAIN
    try:
        with closing(BlockStore(LevelStore(folder / "blocks"), suite.hash)) as blocks:
            if deep:
                _read_blocks(blocks, suite, progress)
            tip = blocks.tip
            yield Check(
                "blocks", Mark.ok, f"tip {blocks.tip_height}" + (", all read" if deep else "")
            )
            part, again = "state", COMPUTE_AGAIN
            store = LevelStore(folder / "state")
            with closing(StateStore(store, suite.hash, suite.id, window)) as state:
                check_consistency(blocks, state, suite.hash, window)
                if deep:
                    progress("every value of the state")
                    state.verify()
                applied = state.applied_height
            all_read = ", all read" if deep else ""
            yield Check("state", Mark.ok, f"applied {applied}{all_read}")
        if tip is not None and genesis.config.clock != "development":
            yield _clock(tip.timestamp_ms)
    except CityError as error:
        said = failed(part, error)
        yield Check(part, said.mark, said.found, again.format(folder=folder))


def _log(folder: Path) -> Check:
    if not Wal.exists(folder / "wal"):
        return Check(
            "log",
            Mark.warn,
            "there is no write-ahead log: which votes it has signed is unknown",
            "start it: it observes until enough others have vouched for a checkpoint",
        )
    try:
        wal, records = Wal.open(folder / "wal")
    except CityError as error:
        return failed("log", error)
    wal.close()
    return Check("log", Mark.ok, f"{len(records)} records")


def _read_blocks(blocks: BlockStore, suite: Suite, progress: Progress) -> None:
    """Each block's place in the chain, its transactions, its certificate's block. Raises CityError."""
    parent, said = None, time.monotonic()
    for stored in blocks.blocks(blocks.base):
        header = stored.header
        own = block_hash(suite.hash, header)
        reason = ""
        if parent is not None and header.parent_hash != parent:
            reason = "its parent is another block"
        elif covered_ids(suite.hash, suite.id, header, stored.envelopes) is None:
            reason = "its transactions are not those of its header"
        elif stored.certificate is not None and stored.certificate.block_hash != own:
            reason = "its certificate is of another block"
        if reason:
            raise LedgerInconsistent(header.height, reason)
        parent = own
        if time.monotonic() - said > 1:
            progress(f"block {header.height} of {blocks.tip_height}")
            said = time.monotonic()


def _clock(tip_ms: int) -> Check:
    ahead = tip_ms - time.time_ns() // 1_000_000
    if ahead <= AHEAD_MS:
        return Check("clock", Mark.ok, "not behind the last block")
    return Check(
        "clock",
        Mark.bad,
        f"the last block is {ahead / 1000:.0f} s in this host's future",
        "set the clock by NTP: this node would refuse the others' blocks",
    )
