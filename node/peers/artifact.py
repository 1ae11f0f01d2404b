"""The engine artifact over the peers' port: parts of the file that genesis names, for whoever TLS lets in.

The bytes are no secret and prove themselves by their hash. What is bounded is the work: parts a moment, and
how much one certificate takes in ten minutes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import grpc

from consensus.encoding import Hash
from node.errors import CityError
from node.peers.allowance import Allowance
from node.peers.tls import client_fingerprint
from node.wire.frames import ENGINE_PART_BYTES, engine_part, parse_engine_request

READS_MAX = 4  # at a time, of all peers together
TAKEN_MAX = 4  # files' worth of parts for one certificate in a window


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """The artifact on this node's disk. digest: under the channel's hash."""

    path: Path
    digest: Hash
    size: int


class ArtifactServer:
    """Serves one file, or says that it has none."""

    def __init__(
        self,
        channel_id: Hash,
        file: ArtifactFile | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel_id, self._file = channel_id, file
        self._reading, self._allowance = 0, Allowance(clock)

    async def serve(self, data: bytes, context: grpc.aio.ServicerContext) -> bytes:
        """The handler of Peer.Engine."""
        try:
            fingerprint, request = client_fingerprint(context), parse_engine_request(data)
        except CityError as error:
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        file = self._file
        if file is None or (request.channel_id, request.digest) != (self._channel_id, file.digest):
            await _refuse(context, grpc.StatusCode.NOT_FOUND, "no such engine here")
        if request.offset > file.size:
            await _refuse(context, grpc.StatusCode.OUT_OF_RANGE, f"it has {file.size} bytes")
        # A part counts in full, so that asking for the end again and again is not free.
        limit = TAKEN_MAX * max(file.size, ENGINE_PART_BYTES)
        if self._reading >= READS_MAX or not self._allowance.take(
            fingerprint, ENGINE_PART_BYTES, limit
        ):
            await _refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "ask again later")
        self._reading += 1
        try:
            part = await asyncio.to_thread(_read, file.path, request.offset)
        except OSError as error:
            await _refuse(context, grpc.StatusCode.UNAVAILABLE, error.strerror or "not readable")
        finally:
            self._reading -= 1
        return engine_part(part)


def _read(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(ENGINE_PART_BYTES)


async def _refuse(context: grpc.aio.ServicerContext, code: grpc.StatusCode, why: str) -> NoReturn:
    await context.abort(code, why)
    raise AssertionError("abort raises")
