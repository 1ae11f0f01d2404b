"""Opens a channel's folder: genesis, stores and log, checked against each other before anything runs."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.header import Header, block_hash, tx_id
from node.configuration import InForce
from node.contracts.in_force import ContractsInForce
from node.errors import CityError
from node.genesis import Genesis, channel_id, decode_genesis
from node.governance import ConfigState, genesis_state, load_state
from node.governance.state import Record, Statutes
from node.identity.suite import Suite
from node.ledger.blocks import BlockStore
from node.ledger.check import LedgerInconsistent, check_consistency
from node.ledger.folder import sync_folder
from node.ledger.state import StateStore
from node.ledger.store import LevelStore
from node.lifecycle import load_state as load_contracts
from node.metering.figures import make_up
from node.ordering.core import genesis_header
from node.ordering.journal import Journal
from node.ordering.wal import Wal
from node.quotas.counting import load_used
from node.quotas.in_force import QuotasInForce
from node.residency import check_genesis
from node.wire.body import parse_body

GENESIS_FILE, CONFIGURATION_FILE = "genesis.bin", "configuration.bin"
WAL_BEGUN = "wal-begun"
WAL_LOST = "the write-ahead log is gone although there was one: earlier votes are unknown"
TAIL_LOST = "the blocks ended at {tip}, below the {known} its log knows: fetch them, then restart"


@dataclass(slots=True)
class Ledger:
    """What a channel stands on. `observes_because`: what of its memory is missing, so that this node must
    not vote; empty where nothing is."""

    folder: Path
    genesis: Genesis
    channel_id: Hash
    genesis_header: Header
    suite: Suite
    blocks: BlockStore
    state: StateStore
    journal: Journal
    configuration: InForce
    contracts: ContractsInForce
    quotas: QuotasInForce
    observes_because: str
    known_height: int  # blocks that were durable once, by the log's word
    applied_height: (
        int  # of the last block whose results are durable and whose configuration is in force
    )
    configuration_height: int = 0  # up to which `replay` has read the config blocks

    @property
    def tip(self) -> Header:
        tip = self.blocks.tip
        assert tip is not None, "opening a ledger puts genesis"
        return tip

    def close(self) -> None:
        self.journal.close()
        self.state.close()
        self.blocks.close()


def read_genesis(folder: Path) -> Genesis:
    """Raises CityError CITY-8006."""
    path = folder / GENESIS_FILE
    try:
        genesis = decode_genesis(path.read_bytes())
        check_genesis(genesis)
        return genesis
    except OSError as error:
        raise CityError("CITY-8006", path=path, reason=error.strerror) from None
    except (EncodingError, ValueError) as error:
        raise CityError("CITY-8006", path=path, reason=str(error)) from None


@dataclass(frozen=True, slots=True)
class _Copy:
    """What of the configuration is worth knowing before the stores are open."""

    record: Record
    statutes: Statutes


def peek_configuration(folder: Path, genesis: Genesis) -> ConfigState:
    """What was in force when this node last looked, before any store is opened: for checks that must leave
    everything as it is. The state decides; a copy that is gone or damaged is genesis's."""
    try:
        copy = decode(_Copy, (folder / CONFIGURATION_FILE).read_bytes())
        return ConfigState(copy.record, statutes=copy.statutes)
    except (OSError, EncodingError):
        return genesis_state(genesis.config)


def note_configuration(ledger: Ledger) -> None:
    """Blocks. Leaves the copy that `peek_configuration` reads."""
    path = ledger.folder / CONFIGURATION_FILE
    unfinished = path.with_suffix(".new")
    state = ledger.configuration.state
    unfinished.write_bytes(encode(_Copy(state.record, state.statutes)))
    unfinished.replace(path)


def open_ledger(
    folder: Path, genesis: Genesis, suite: Suite, *, is_log_older: bool = False
) -> Ledger:
    """Blocks. is_log_older: than what this node has signed; it counts as lost then.

    Raises CityError for a foreign or damaged store, and for a damaged log."""
    id_ = channel_id(suite.hash, genesis.config)
    blocks = BlockStore(LevelStore(folder / "blocks"), suite.hash)
    try:
        state = StateStore(
            LevelStore(folder / "state"), suite.hash, suite.id, genesis.config.consensus.window
        )
    except BaseException:
        blocks.close()
        raise
    try:
        header = _apply_genesis(folder, genesis, id_, suite, blocks, state)
        check_consistency(blocks, state, suite.hash, genesis.config.consensus.window)
        configuration = _load_configuration(genesis, id_, suite, blocks, state)
        contracts = _load_contracts(genesis, configuration, suite, state)
        make_up(blocks, state, configuration, suite)
        quotas = _load_quotas(configuration, contracts, state)
        if is_log_older:
            _give_up_log(folder / "wal", blocks)
        journal, observes_because = _open_journal(folder / "wal", blocks)
    except BaseException:
        state.close()
        blocks.close()
        raise
    applied = state.applied_height
    assert applied is not None, "genesis has been applied"
    return Ledger(
        folder,
        genesis,
        id_,
        header,
        suite,
        blocks,
        state,
        journal,
        configuration,
        contracts,
        quotas,
        observes_because,
        journal.tip_height,
        applied,
    )


def _apply_genesis(
    folder: Path, genesis: Genesis, id_: Hash, suite: Suite, blocks: BlockStore, state: StateStore
) -> Header:
    if state.applied_height is None:
        state.apply_block(0, {}, ())
    roots = state.roots(0)
    assert roots is not None
    header = genesis_header(genesis.config, id_, suite, roots.state_root, roots.receipts_root)
    if blocks.tip is None:
        blocks.put(header, (), (), None)
    stored = blocks.header(0)
    assert stored is not None
    if block_hash(suite.hash, stored) != block_hash(suite.hash, header):
        raise CityError("CITY-8009", path=folder, found=stored.channel_id.hex(), expected=id_.hex())
    return header


def _load_configuration(
    genesis: Genesis, id_: Hash, suite: Suite, blocks: BlockStore, state: StateStore
) -> InForce:
    """As it stands in the applied state. Raises CITY-5006 for a record that does not read back."""
    try:
        found = load_state(genesis.config, state.get, state.scan_all)
    except ValueError as error:
        raise LedgerInconsistent(
            state.applied_height or 0, f"the configuration in the state: {error}"
        ) from None
    applied = blocks.header(state.applied_height or 0)
    return InForce(found, id_, suite, 0 if applied is None else applied.timestamp_ms)


def _load_contracts(
    genesis: Genesis, configuration: InForce, suite: Suite, state: StateStore
) -> ContractsInForce:
    """As they stand in the applied state. Raises CITY-5006 for a record that does not read back."""
    try:
        found = load_contracts(genesis.config, state.scan_all)
    except ValueError as error:
        raise LedgerInconsistent(
            state.applied_height or 0, f"the contracts in the state: {error}"
        ) from None
    height = state.applied_height or 0
    return ContractsInForce(found, configuration, genesis, suite, state.get, height)


def _load_quotas(
    configuration: InForce, contracts: ContractsInForce, state: StateStore
) -> QuotasInForce:
    """As the applied state has them. Raises CITY-5006 for a record that does not read back."""
    try:
        return QuotasInForce(configuration, load_used(state.scan_all), contracts.is_upkeep)
    except ValueError as error:
        raise LedgerInconsistent(
            state.applied_height or 0, f"the quotas in the state: {error}"
        ) from None


def replay(ledger: Ledger, upto: int) -> None:
    """Brings the configuration to what it is after block `upto`, from the config blocks alone: for a node that
    executes no contracts, whose state stays behind."""
    above = max(ledger.applied_height, ledger.configuration_height)
    for height in ledger.blocks.config_heights(above):
        if height > upto:
            break
        block = ledger.blocks.block(height)
        assert block is not None, "an indexed block is held"
        (envelope,) = block.envelopes
        id_ = tx_id(ledger.suite.hash, ledger.suite.id, envelope.body)
        below = ledger.blocks.header(height - 1)
        assert below is not None, "blocks are held without a gap"
        ledger.configuration.time_ms = below.timestamp_ms
        outcome = ledger.configuration.decide(height, id_, parse_body(envelope.body))
        ledger.configuration.adopt(outcome.state)
    ledger.configuration_height = upto


def _give_up_log(folder: Path, blocks: BlockStore) -> None:
    """It does not tell all that was signed, so it tells nothing; that there was one stays known."""
    blocks.mark(WAL_BEGUN)
    gone = folder.with_name(folder.name + ".older")
    shutil.rmtree(gone, ignore_errors=True)
    if Wal.exists(folder):
        os.replace(folder, gone)  # at once: what is cut in its middle would count as damaged
        sync_folder(folder.parent)
        shutil.rmtree(gone)


def _open_journal(folder: Path, blocks: BlockStore) -> tuple[Journal, str]:
    """The journal, and why this node must not vote with it, if so.

    That there were records once stands beside the blocks, durable before the first vote leaves; so a log that
    is gone or empty is noticed at every height."""
    if Wal.exists(folder):
        wal, logged = Wal.open(folder)
    else:
        wal, logged = Wal.create(folder), []
    journal = Journal(wal, logged, folder, lambda: blocks.mark(WAL_BEGUN))
    has_begun = blocks.is_marked(WAL_BEGUN)
    if journal.core_records and not has_begun:
        blocks.mark(WAL_BEGUN)
    tip = blocks.tip_height or 0
    if has_begun and not journal.core_records:
        return journal, WAL_LOST
    if tip < journal.tip_height:
        return journal, TAIL_LOST.format(tip=tip, known=journal.tip_height)
    return journal, ""
