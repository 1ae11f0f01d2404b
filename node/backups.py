"""Takes backups of channels, while the node runs or from a stopped one; checks, restores and rehearses them.

What is restored is believed for nothing but the channel's id: every header is followed from genesis by its
certificate, bodies and values must give the roots that headers carry.
A log of votes that lies on the disk stays where it is; where there is none the node is told that there was one,
so it observes until that is safe (opening.py, decisions 2.9).
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from consensus.certificate import InvalidCertificate
from consensus.encoding import Hash, encode
from consensus.light_client import HeaderRefused, LightClient
from consensus.validators import ValidatorSet, validators_hash
from node.catchup.joining import FOLDER, WHOLE, finish
from node.errors import CityError
from node.genesis import Genesis, channel_id, decode_genesis, encode_genesis
from node.governance.state import CHANNEL_KEY, ConfigState, load_record
from node.identity.suite import Suite, get_suite
from node.ledger.backup import (
    BLOCKS,
    STATE,
    VERSION,
    BackupDamaged,
    BackupFile,
    Head,
    Told,
    write_backup,
)
from node.ledger.blocks import BlockStore
from node.ledger.check import LedgerInconsistent, check_consistency, covered_ids
from node.ledger.folder import FolderInUse, own_folder, sync_folder
from node.ledger.state import StateStore
from node.ledger.store import LevelStore, Reader
from node.opening import CONFIGURATION_FILE, GENESIS_FILE, WAL_BEGUN, read_genesis
from node.proofs.reading import SuiteVerifier
from node.threads import Stopped, run_to_its_end

PAUSE_SECONDS = 0.005  # between two parts: ordering and execution come first
WRITTEN_AT_ONCE = 5_000

Progress = Callable[[str], None]
log = structlog.get_logger("backup")


@dataclass(frozen=True, slots=True)
class Examined:
    """What a restored ledger was found to be. certified: the height whose state a header shows."""

    height: int
    applied: int
    certified: int
    blocks_from: int
    state_root: str


# ---- taking ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """Both stores of one channel as they are from now on. State first: the blocks may be ahead of it."""

    state: Reader
    blocks: Reader
    height: int

    @classmethod
    def of(cls, blocks: BlockStore, state: StateStore) -> Source:
        frozen = state.snapshot()
        tip = blocks.tip_height or 0  # at least the state's, whatever follows meanwhile
        return cls(frozen, blocks.snapshot(), tip)

    def close(self) -> None:
        self.state.close()
        self.blocks.close()


async def take_online(
    node: str, genesis: Genesis, suite: Suite, blocks: BlockStore, state: StateStore, folder: Path
) -> dict[str, Any]:
    """Of a running channel, in a thread, into `folder`. Cancelled, it leaves nothing behind."""
    is_stopping, found = threading.Event(), []

    def pause() -> None:
        if is_stopping.is_set():
            raise Stopped
        time.sleep(PAUSE_SECONDS)

    def work() -> None:
        found.append(_take(node, genesis, suite, blocks, state, folder, None, pause))

    await run_to_its_end(work, is_stopping)
    (facts,) = found
    return facts


def take_offline(node: str, folder: Path, out: Path) -> dict[str, Any]:
    """Blocks. Of a stopped node's channel, into the file `out`. Raises CityError: CITY-5001 where it runs."""
    genesis = read_genesis(folder)
    suite = get_suite(genesis.config.suite)
    with closing(BlockStore(LevelStore(folder / "blocks"), suite.hash)) as blocks:
        window = genesis.config.consensus.window
        store = LevelStore(folder / "state")
        with closing(StateStore(store, suite.hash, suite.id, window)) as state:
            return _take(node, genesis, suite, blocks, state, out.parent, out, lambda: None)


def _take(
    node: str,
    genesis: Genesis,
    suite: Suite,
    blocks: BlockStore,
    state: StateStore,
    folder: Path,
    out: Path | None,
    pause: Callable[[], None],
) -> dict[str, Any]:
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(Source.of(blocks, state)) as source:
        config = genesis.config
        head = Head(
            VERSION,
            node,
            config.name,
            channel_id(suite.hash, config),
            suite.id,
            source.height,
            time.time_ns() // 1_000_000,
            encode_genesis(genesis),
        )
        path = out or folder / f"{config.name}-{source.height}.backup"
        unfinished = path.with_name(path.name + ".new")
        try:
            with unfinished.open("xb") as file:
                pairs = (source.blocks.iterate(b""), source.state.iterate(b""))
                write_backup(file, head, *pairs, suite.hash, pause)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except FileExistsError:
            raise CityError("CITY-5053", path=unfinished) from None
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    sync_folder(folder)
    seconds = round(time.monotonic() - started, 1)
    size = path.stat().st_size
    log.info("backup.taken", channel=config.name, height=head.height, bytes=size, s=seconds)
    return {"file": str(path), "height": head.height, "bytes": size, "seconds": seconds}


# ---- checking and restoring ------------------------------------------------------------------------------


def verify(path: Path, trusted: bytes | None = None) -> Told:
    """Blocks. Reads the whole file: its form, the hash of each part, its end, the channel it is of.

    Raises BackupDamaged, CITY-5051. Whether the ledger in it holds is what a drill shows."""
    with path.open("rb") as file:
        backup = BackupFile(path, file)
        _, suite = _genesis_of(path, backup, trusted)
        for _ in backup.records(suite.hash):
            pass
        assert backup.told is not None
        return backup.told


def _genesis_of(path: Path, backup: BackupFile, trusted: bytes | None) -> tuple[Genesis, Suite]:
    head = backup.head
    try:
        genesis = decode_genesis(head.genesis)
        suite = get_suite(genesis.config.suite)
    except ValueError as error:
        raise BackupDamaged(path, f"its genesis: {error}") from error
    id_ = channel_id(suite.hash, genesis.config)
    if (head.channel_id, head.suite) != (id_, suite.id):
        raise BackupDamaged(path, "its head names another channel than its genesis")
    if trusted is not None and trusted != id_:
        raise CityError("CITY-5051", path=path, found=id_.hex(), expected=trusted.hex())
    return genesis, suite


def drill(path: Path, trusted: bytes | None, place: Path | None, say: Progress) -> dict[str, Any]:
    """Blocks. Restores into a folder that is thrown away, checks everything there, says how long it took."""
    with tempfile.TemporaryDirectory(prefix="city-drill-", dir=place) as scratch:
        started = time.monotonic()
        genesis, suite, told = _fill(path, Path(scratch), trusted, say)
        unpacked = time.monotonic()
        found = examine(Path(scratch), genesis, suite, say)
        ended = time.monotonic()
        size = sum(p.stat().st_size for p in Path(scratch).rglob("*") if p.is_file())
    return {
        **asdict(found),
        "channel": told.head.channel,
        "taken_ms": told.head.taken_ms,
        "restored_bytes": size,
        "restore_s": round(unpacked - started, 1),
        "check_s": round(ended - unpacked, 1),
    }


def restore(path: Path, folder: Path, is_replacing: bool, say: Progress) -> dict[str, Any]:
    """Blocks. Puts a backup in the place of the channel folder's blocks and state, once all of it holds.

    A crash leaves the old ones or the restored ones. Raises CITY-5052 where there are some and nobody said that
    they may go, CITY-5001 where a node runs on them, CITY-5051 for a backup of another channel."""
    started = time.monotonic()
    trusted = None
    if (folder / GENESIS_FILE).exists():
        genesis = read_genesis(folder)
        trusted = channel_id(get_suite(genesis.config.suite).hash, genesis.config)
    held = [name for name in ("blocks", "state") if (folder / name).exists()]
    for name in held:
        _require_stopped(folder / name)
    if held and not is_replacing:
        raise CityError("CITY-5052", folder=folder)
    place = folder / FOLDER
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, mode=0o700)
    try:
        genesis, suite, _ = _fill(path, place, trusted, say)
        found = examine(place, genesis, suite, say)
        _note_beside(folder, place, genesis, suite)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    (place / WHOLE).touch()
    sync_folder(place)
    finish(folder)
    return {**asdict(found), "folder": str(folder), "seconds": round(time.monotonic() - started, 1)}


def _require_stopped(folder: Path) -> None:
    try:
        os.close(own_folder(folder))
    except FolderInUse:
        raise CityError("CITY-5001", folder=folder) from None


def _fill(
    path: Path, place: Path, trusted: bytes | None, say: Progress
) -> tuple[Genesis, Suite, Told]:
    """Both stores below `place`, with the word that votes may have been forgotten."""
    with path.open("rb") as file:
        backup = BackupFile(path, file)
        genesis, suite = _genesis_of(path, backup, trusted)
        stores = {BLOCKS: LevelStore(place / "blocks"), STATE: LevelStore(place / "state")}
        try:
            for number, (kind, pairs) in enumerate(backup.records(suite.hash), 1):
                for at in range(0, len(pairs), WRITTEN_AT_ONCE):
                    stores[kind].write(list(pairs[at : at + WRITTEN_AT_ONCE]))
                say(f"part {number}")
            with_word = BlockStore(stores[BLOCKS], suite.hash)
            with_word.mark(WAL_BEGUN)
        finally:
            for store in stores.values():
                store.close()
    assert backup.told is not None
    return genesis, suite, backup.told


def _note_beside(folder: Path, place: Path, genesis: Genesis, suite: Suite) -> None:
    """Genesis and the copy of the configuration where the folder lost them; one that is there may be newer."""
    if not (folder / GENESIS_FILE).exists():
        (folder / GENESIS_FILE).write_bytes(encode_genesis(genesis))
    if not (folder / CONFIGURATION_FILE).exists():
        window = genesis.config.consensus.window
        store = LevelStore(place / "state")
        with closing(StateStore(store, suite.hash, suite.id, window)) as state:
            record = load_record(genesis.config, state.get(CHANNEL_KEY))
        (folder / CONFIGURATION_FILE).write_bytes(encode(record))


# ---- what a ledger is worth ------------------------------------------------------------------------------


def examine(folder: Path, genesis: Genesis, suite: Suite, say: Progress) -> Examined:
    """Blocks. Follows every header from genesis by its certificate, reads every body and every value.

    Raises CITY-5006 or CITY-5002 at the first thing that does not hold."""
    window = genesis.config.consensus.window
    with closing(BlockStore(LevelStore(folder / "blocks"), suite.hash)) as blocks:
        store = LevelStore(folder / "state")
        with closing(StateStore(store, suite.hash, suite.id, window)) as state:
            if blocks.tip_height is None or state.applied_height is None:
                raise LedgerInconsistent(0, "there is no block, or nothing was executed")
            check_consistency(blocks, state, suite.hash, window)
            _follow(blocks, state, genesis, suite, say)
            say("every value of the state")
            roots = state.verify()
            return Examined(
                blocks.tip_height,
                state.applied_height,
                min(state.applied_height, max(0, blocks.tip_height - window)),
                blocks.base,
                roots.state_root.hex(),
            )


def _follow(
    blocks: BlockStore, state: StateStore, genesis: Genesis, suite: Suite, say: Progress
) -> None:
    config = genesis.config
    first = blocks.header(0)
    id_ = channel_id(suite.hash, config)
    if first is None or first.channel_id != id_:
        raise LedgerInconsistent(0, "its first block is not the channel's")
    verifier = SuiteVerifier(suite)
    kind, window = config.consensus.kind, config.consensus.window
    try:
        light = LightClient(first, config.validators, verifier, window, kind)
        for height in range(1, (blocks.tip_height or 0) + 1):
            header, certificate = blocks.header(height), blocks.certificate(height)
            if header is None or certificate is None:
                raise LedgerInconsistent(height, "its header or certificate is missing")
            named = light.needs_validators
            following = None
            if named is not None:
                following = _validators(blocks, state, genesis, suite, height - 1, named)
            light.advance(header, certificate, following)
            if height >= max(1, blocks.base):
                block = blocks.block(height)
                assert block is not None
                if covered_ids(suite.hash, suite.id, header, block.envelopes) is None:
                    raise LedgerInconsistent(height, "its transactions are not those of its header")
            if height % 1_000 == 0:
                say(f"block {height} of {blocks.tip_height}")
    except (HeaderRefused, InvalidCertificate) as error:
        raise LedgerInconsistent(light.height + 1, str(error)) from error


def _validators(
    blocks: BlockStore,
    state: StateStore,
    genesis: Genesis,
    suite: Suite,
    height: int,
    named: Hash,
) -> ValidatorSet:
    """Those after the block that changed them."""
    after = blocks.validators_after(height)
    if after is None:
        stored = state.get(CHANNEL_KEY, as_of=height)
        after = ConfigState(load_record(genesis.config, stored)).validators
    if validators_hash(suite.hash, suite.id, after) != named:
        raise LedgerInconsistent(height, "its state names other validators than its header")
    return after
