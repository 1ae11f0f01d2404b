"""Fetches the engine artifact that genesis names from peers, before this node can start.

Only the bytes with that hash are taken, whoever sends them. They are collected in a file beside the cache, so
that a fetch goes on where an earlier one was cut. A peer that sent the whole file wrong is not asked again.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog

from consensus.encoding import Hash
from consensus.merkle import HashFunction
from node.errors import CityError
from node.identity.transport import TransportIdentity
from node.peers.roster import Known
from node.peers.tls import open_channel
from node.wire.frames import (
    ENGINE,
    ENGINE_PART_BYTES,
    EngineRequest,
    engine_request,
    parse_engine_part,
    peer_call,
)

FETCH_S = 120.0  # in all, before the node gives up and says so
PART_S = 15.0
SOURCE_S = 30.0  # at a time: what it sent is kept, and the next one goes on
PAUSE_FIRST_S, PAUSE_MAX_S = 0.1, 3.0
ARTIFACT_BYTES_MAX = 256 * 1024 * 1024

log = structlog.get_logger("engine")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The artifact of a channel. digest: under `hash`, the channel's own; size in bytes."""

    channel_id: Hash
    digest: Hash
    size: int
    hash: HashFunction

    def path(self, folder: Path) -> Path:
        return folder / f"engine-{self.digest.hex()[:24]}.wasm"


@dataclass(frozen=True, slots=True)
class Source:
    """A peer that may have it. address: host:port of its peers' port."""

    known: Known
    address: str

    @property
    def name(self) -> str:
        return self.known.peer.name


class _Forged(Exception):
    """The peer sent other bytes than genesis names."""


async def fetch_artifact(
    wanted: Wanted,
    sources: Sequence[Source],
    transport: TransportIdentity,
    folder: Path,
    seconds: float = FETCH_S,
) -> Path:
    """The file in `folder`, complete and checked. Raises CITY-4054 when no source gave it in time."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(folder / "fetch.lock", "a") as lock:
        # One node of this machine fetches; the others wait and find its work.
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        path = wanted.path(folder)
        if not path.exists():
            await _fetch(_Download(wanted, transport, path), sources, seconds)
        return path


async def _fetch(download: _Download, sources: Sequence[Source], seconds: float) -> None:
    said: dict[str, str] = {}
    asked = [source for source in sources if source.address]
    pause = PAUSE_FIRST_S
    try:
        async with asyncio.timeout(seconds):
            while asked:
                for source in list(asked):
                    try:
                        async with asyncio.timeout(SOURCE_S):
                            await download.take_from(source)
                        return
                    except _Forged as forged:
                        asked.remove(source)
                        said[source.name] = f"CITY-4053 {forged}"
                        found = CityError("CITY-4053", peer=source.name, reason=forged)
                        log.warning("engine.forged", code=found.code, reason=found.message)
                    except TimeoutError:
                        said[source.name] = f"no whole file in {SOURCE_S:.0f} s"
                    except (grpc.aio.AioRpcError, grpc.aio.UsageError, CityError) as error:
                        said[source.name] = reason_of(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, PAUSE_MAX_S)
    except TimeoutError:
        pass
    reasons = "; ".join(f"{name}: {why}" for name, why in said.items()) or "no peer is known"
    raise CityError("CITY-4054", expected=download.wanted.digest.hex(), reasons=reasons)


class _Download:
    """One artifact on its way into one file."""

    def __init__(self, wanted: Wanted, transport: TransportIdentity, path: Path) -> None:
        if not 0 < wanted.size <= ARTIFACT_BYTES_MAX:
            raise CityError("CITY-4054", expected=wanted.digest.hex(), reasons="its size is none")
        self.wanted, self._transport, self._path = wanted, transport, path
        self._part = path.with_suffix(".part")

    async def take_from(self, source: Source) -> None:
        """Raises _Forged, or a gRPC error where this source has to be asked later."""
        begun = self._size()
        await self._take_rest(source)
        if await asyncio.to_thread(self._finish):
            log.info("engine.fetched", peer=source.name, bytes=self.wanted.size)
            return
        if begun:  # part of it came from somebody else: this source has the right to a whole file
            await self._take_rest(source)
            if await asyncio.to_thread(self._finish):
                log.info("engine.fetched", peer=source.name, bytes=self.wanted.size)
                return
        raise _Forged(f"{source.name} sent a file with another hash")

    def _size(self) -> int:
        size = self._part.stat().st_size if self._part.exists() else 0
        if size > self.wanted.size:
            self._part.unlink()
            return 0
        return size

    async def _take_rest(self, source: Source) -> None:
        size = self._size()
        async with open_channel(self._transport, source.address, source.known) as channel:
            ask = peer_call(channel, ENGINE)
            while size < self.wanted.size:
                request = EngineRequest(self.wanted.channel_id, self.wanted.digest, size)
                reply = await ask(engine_request(request), timeout=PART_S)
                part = parse_engine_part(reply)
                # Whole parts only: nobody can make this take for ever.
                if len(part) != min(ENGINE_PART_BYTES, self.wanted.size - size):
                    raise _Forged(f"{source.name} sent {len(part)} bytes at {size}")
                await asyncio.to_thread(self._append, part)
                size += len(part)

    def _append(self, part: bytes) -> None:
        with self._part.open("ab") as file:
            file.write(part)

    def _finish(self) -> bool:
        """Blocks. Whether the file is the right one; any other is thrown away."""
        if self.wanted.hash(self._part.read_bytes()) != self.wanted.digest:
            self._part.unlink()
            return False
        os.chmod(self._part, 0o600)
        with self._part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(self._part, self._path)
        return True


def reason_of(error: Exception) -> str:
    """Why a peer gave nothing, in a few words."""
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details() or ''}"[:200]
    return str(error)[:200]
