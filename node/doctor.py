"""Looks at one node from its configuration file: what would keep it from running, or soon will.

Reads only, but for a torn last record of the log, which the next start would drop as well. A running node holds
its stores, so they are looked at where it is stopped. Blocking; each check is one function of `Patient`, in the
order in which a node needs things. A check that needs what an earlier one found broken is left out.

examine(path, deep, progress)    the checks' results, in order
"""

from __future__ import annotations

import datetime
import json
import os
import resource
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from consensus.header import block_hash
from contracts.runtime.artifact import ArtifactError, known_artifacts, open_artifact
from node.config import NodeConfig, load_config, split_address
from node.daemon import check_ports
from node.errors import CityError
from node.flags import Flags
from node.genesis import Genesis, NodeEntry
from node.governance import ConfigState
from node.hosted import open_suite
from node.identity.suite import Suite
from node.identity.transport import NO_END, load_certificate, load_transport
from node.keyring import open_keyring
from node.ledger.blocks import BlockStore
from node.ledger.check import LedgerInconsistent, check_consistency, covered_ids
from node.ledger.state import StateStore
from node.ledger.store import LevelStore
from node.opening import peek_configuration, read_genesis
from node.wal import Wal

DAYS_LEFT_WARN = 30
OPEN_FILES_MIN = 1_024
ROOM_WARN = 0.15  # of the disk
PEER_SECONDS = 3.0
AHEAD_MS = 2_000

Progress = Callable[[str], None]


class Mark(StrEnum):
    ok = "ok"
    warn = "warn"
    bad = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """do: the next step where the mark is not ok."""

    name: str
    mark: Mark
    found: str
    do: str = ""


@dataclass(slots=True)
class Patient:
    """What the checks so far have opened."""

    config: NodeConfig
    genesis: Genesis
    state: ConfigState
    suite: Suite
    pid: int | None  # of the running node


def examine(path: Path, *, deep: bool = False, progress: Progress = lambda _: None) -> list[Check]:
    """deep: of a stopped node also every block and every value of the state (minutes when large)."""
    found: list[Check] = []
    try:
        config = load_config(path)
        found.append(Check("configuration", Mark.ok, str(path)))
        genesis = read_genesis(config.channel_dir)
        found.append(Check("genesis", Mark.ok, f"channel {genesis.config.name}"))
        suite = open_suite(config, genesis.config)
        found.append(Check("cryptography", Mark.ok, suite.name))
    except CityError as error:
        name = ("configuration", "genesis", "cryptography")[len(found)]
        return [*found, _failed(name, error)]
    state = peek_configuration(config.channel_dir, genesis)
    patient = Patient(config, genesis, state, suite, _running(config))
    for check in (_keys, _certificate, _flags, _engine, _room, _open_files, _ports, _peers):
        found.extend(check(patient))
    if patient.pid is None:
        found.extend(examine_stores(config.channel_dir, genesis, suite, deep, progress))
    return found


def _failed(name: str, error: CityError) -> Check:
    texts = error.localized("en")
    return Check(name, Mark.bad, f"{error.code} {error.message}", texts[2])


def _running(config: NodeConfig) -> int | None:
    """The process that announced itself and is alive."""
    try:
        pid = int(json.loads(config.endpoints_file.read_text("utf-8"))["pid"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid


# ---- what a node has ---------------------------------------------------------------------------------


def _keys(patient: Patient) -> Iterator[Check]:
    try:
        open_keyring(patient.config, patient.state, patient.suite)
    except CityError as error:
        yield _failed("keys", error)
        return
    is_validator = patient.state.node(patient.config.name) is not None
    yield Check("keys", Mark.ok, "identity, transport" + (", vote" if is_validator else ""))


def _certificate(patient: Patient) -> Iterator[Check]:
    folder = patient.config.keys_dir
    try:
        transport = load_transport(folder / "transport.crt", folder / "transport.pem")
    except (CityError, OSError):
        return  # the keys' check has said so
    ends = load_certificate(transport.certificate_pem).not_valid_after_utc
    days = (ends - datetime.datetime.now(datetime.UTC)).days
    is_near = days < DAYS_LEFT_WARN
    left = "no end of its own" if ends == NO_END else f"{days} days left"
    yield Check(
        "certificate",
        Mark.warn if is_near else Mark.ok,
        left if days >= 0 else f"expired {-days} days ago",
        "issue another one; links that stand go on, new ones are refused when it has expired"
        if is_near
        else "",
    )


def _flags(patient: Patient) -> Iterator[Check]:
    flags = Flags(patient.state.config.consensus.window)
    due = flags.due(patient.state)
    for flag in due:
        if not flag.is_known:
            yield Check(
                "flags",
                Mark.bad,
                f"{flag.name} holds from block {flag.height} on, and this build does not know it",
                f"install a build that knows it before block {flags.stops_at(flag)}",
            )
    if due and all(flag.is_known for flag in due):
        yield Check("flags", Mark.ok, ", ".join(f"{f.name} from {f.height}" for f in due))


def _engine(patient: Patient) -> Iterator[Check]:
    config, wanted = patient.config, patient.genesis.config.engine.digest
    named, cache = config.engine.artifact, config.engine.cache
    held = known_artifacts(config.path(cache) if cache else None)
    for path in [config.path(named)] if named else held:
        try:
            is_it = open_artifact(path).digest_for(patient.suite.hash) == wanted
        except ArtifactError:
            continue
        if is_it:
            yield Check("engine", Mark.ok, str(path))
            return
    yield Check(
        "engine",
        Mark.warn,
        f"the channel's artifact {wanted.hex()[:16]}… is not here",
        "nothing: the node fetches it from a peer when it starts; or bring it along: city engine verify FILE",
    )


def _room(patient: Patient) -> Iterator[Check]:
    folder = patient.config.data_dir
    usage = shutil.disk_usage(folder)
    free, least = usage.free, patient.config.disk.free_bytes_min
    share = f"{free / 2**30:.1f} GiB free, {100 * free / usage.total:.0f} %"
    if free < least:
        yield Check(
            "disk", Mark.bad, share, "free some space: below the limit no transactions are taken"
        )
    elif free < ROOM_WARN * usage.total:
        yield Check("disk", Mark.warn, share, "free some space, or move the data to a larger disk")
    else:
        yield Check("disk", Mark.ok, share)


def _open_files(_: Patient) -> Iterator[Check]:
    limit, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_low = limit != resource.RLIM_INFINITY and limit < OPEN_FILES_MIN
    yield Check(
        "open files",
        Mark.warn if is_low else Mark.ok,
        f"limit {limit}",
        f"raise it to {OPEN_FILES_MIN} or more: ulimit -n" if is_low else "",
    )


def _ports(patient: Patient) -> Iterator[Check]:
    if patient.pid is not None:
        yield Check("ports", Mark.ok, f"the node runs, process {patient.pid}")
        return
    try:
        check_ports(patient.config)
    except CityError as error:
        yield _failed("ports", error)
        return
    yield Check("ports", Mark.ok, "free; the node does not run")


# ---- others ------------------------------------------------------------------------------------------


def _peers(patient: Patient) -> Iterator[Check]:
    """A TLS handshake with each city whose address is known, held against the certificate pinned for it."""
    config = patient.config
    for name, address in config.peers.items():
        if name == config.name:
            continue
        entry = patient.state.named(name)
        if entry is None:
            yield Check(
                f"peer {name}",
                Mark.warn,
                "no node of the channel has this name",
                "remove it from [peers]",
            )
            continue
        yield _peer(patient, name, address, entry)
    known = set(config.peers) | {config.name}
    for node in patient.state.config.nodes:
        if node.name not in known:
            yield Check(
                f"peer {node.name}",
                Mark.warn,
                "its address is not in [peers]",
                "add it, so that one of the two can dial the other",
            )


def _peer(patient: Patient, name: str, address: str, entry: NodeEntry) -> Check:
    folder = patient.config.keys_dir
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the pin below decides
    context.set_alpn_protocols(["h2"])
    host, port = split_address(address)
    try:
        context.load_cert_chain(folder / "transport.crt", folder / "transport.pem")
        with (
            socket.create_connection((host.strip("[]"), port), timeout=PEER_SECONDS) as plain,
            context.wrap_socket(plain) as secure,
        ):
            shown = secure.getpeercert(binary_form=True)
    except OSError as error:  # ssl.SSLError too
        reason = error.strerror or str(error)
        return Check(
            f"peer {name}",
            Mark.warn,
            f"{address}: {reason}",
            "is it running, and is the way to it open?",
        )
    if shown != entry.transport_cert:
        return Check(
            f"peer {name}",
            Mark.bad,
            f"{address} shows another certificate than the channel has for it",
            "the address leads to another node, or its certificate was replaced without the channel",
        )
    return Check(f"peer {name}", Mark.ok, address)


# ---- stores ------------------------------------------------------------------------------------------

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
        failed = _failed(part, error)
        yield Check(part, failed.mark, failed.found, again.format(folder=folder))


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
        return _failed("log", error)
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
