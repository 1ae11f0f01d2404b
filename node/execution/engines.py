"""The contract engine's workers of a channel: one for blocks, one for queries, both of genesis' own engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from consensus.encoding import Hash
from contracts.runtime.api import (
    BlockRequest,
    Bundle,
    ContractRefused,
    Diagnostic,
    StateReader,
    TxResult,
)
from contracts.runtime.artifact import (
    ENGINE_VERSION,
    WASMTIME_VERSION,
    Artifact,
    ArtifactError,
    WasmtimeMismatch,
    cache_dir,
    check_wasmtime,
    known_artifacts,
    open_artifact,
)
from contracts.runtime.code_cache import CodeCache
from node.config import NodeConfig
from node.contracts.catalogue import bundle_digest
from node.errors import CityError
from node.execution.engine import EngineRefused, EngineWorker
from node.execution.worker_slots import WorkerSlots
from node.genesis import EngineRef, Genesis
from node.identity.suite import Suite
from node.peers.artifact import ArtifactFile

Fetch = Callable[[Path], Awaitable[Path]]  # from a cache's folder to the file in it
CACHED_ARTIFACTS_MAX, WAKE_ATTEMPTS = 16, 3

log = structlog.get_logger("engine")


class LazyEngine:
    """A worker that starts with its first call, or when it is prepared, and rests when it has none."""

    def __init__(
        self,
        worker: EngineWorker,
        bundles: tuple[Bundle, ...],
        is_locked: bool,
        slots: WorkerSlots,
    ) -> None:
        """is_locked: it must not run where the system cannot lock it. slots: those of the node."""
        self._worker, self._bundles, self._is_locked = worker, bundles, is_locked
        self._slots = slots
        self._starting = asyncio.Lock()
        self._is_loaded = False

    async def execute(self, request: BlockRequest, state: StateReader) -> list[TxResult]:
        async with self._slots.use(self._worker):
            await self._start()
            return await self._worker.block(request, state)

    async def check(self, bundle: Bundle) -> tuple[Diagnostic, ...]:
        async with self._slots.use(self._worker):
            await self._start()
            return await self._worker.check(bundle)

    async def load(self, bundles: list[Bundle]) -> None:
        """Makes them callable too. Raises CityError, ContractRefused."""
        async with self._slots.use(self._worker):
            await self._start()
            new = tuple(bundle for bundle in bundles if bundle not in self._bundles)
            await self._worker.load(new)
            self._bundles += new

    async def schema(self, bundle: Bundle) -> bytes:
        async with self._slots.use(self._worker):
            await self._start()
            return await self._worker.schema(bundle)

    async def prepare(self) -> None:
        """Starts the worker and loads the contracts, once. Raises CityError."""
        async with self._slots.use(self._worker):
            await self._start()

    async def _start(self) -> None:
        async with self._starting:
            if self._is_loaded:
                await self._wake()
                return
            try:
                await self._worker.start()
                if self._is_locked and self._worker.sandbox in ("", "none"):
                    raise EngineRefused("this system cannot lock the worker (seccomp)")
                await self._worker.load(self._bundles)
            except (EngineRefused, ArtifactError) as error:
                raise CityError("CITY-4050", reason=str(error)) from error
            except ContractRefused as error:
                raise CityError("CITY-8006", path="genesis.bin", reason=str(error)) from error
            self._is_loaded = True

    async def _wake(self) -> None:
        """After a rest. A full machine may be late once: that must not stop the channel. Raises CityError."""
        for attempt in range(1, WAKE_ATTEMPTS + 1):
            try:
                await self._worker.start()
                return
            except EngineRefused as error:
                log.warning("engine.not_awake", attempt=attempt, reason=str(error))
                if attempt == WAKE_ATTEMPTS:
                    raise CityError("CITY-4050", reason=str(error)) from error

    @property
    def sandbox(self) -> str:
        return self._worker.sandbox

    async def close(self) -> None:
        await self._worker.close()
        await self._slots.forget(self._worker)


@dataclass(slots=True)
class Engines:
    """All but the digest are None on a node whose cryptography only verifies. artifact: the file, for peers
    that lack it."""

    blocks: LazyEngine | None
    queries: LazyEngine | None
    artifact_digest: str
    artifact: ArtifactFile | None

    def describe(self) -> dict[str, Any]:
        """For status and log."""
        sandbox = "executes nothing" if self.blocks is None else self.blocks.sandbox
        return {"sandbox": sandbox, "engine": self.artifact_digest}

    async def warm_up(self) -> None:
        """Starts the worker for queries, behind the node's start."""
        if self.queries is None:
            return
        try:
            await self.queries.prepare()
        except CityError as error:
            log.error("engine.no_queries", code=error.code, reason=error.message)

    async def stop(self) -> None:
        for engine in (self.blocks, self.queries):
            if engine is not None:
                await engine.close()


async def open_engines(
    config: NodeConfig,
    genesis: Genesis,
    suite: Suite,
    fetch: Fetch | None = None,
    *,
    slots: WorkerSlots,
    is_lazy: bool = False,
) -> Engines:
    """Finds the engine that genesis names and starts the worker for blocks, a lazy one with its first block.
    fetch: brings it into a folder from a peer. slots: of the node. Raises CityError: as `_artifact`, CITY-8006
    for bundles that are not those of the configuration, CITY-4050."""
    bundles = tuple(_bundle(genesis, suite, i) for i in range(len(genesis.bundles)))
    expected = genesis.config.engine.digest
    if getattr(getattr(suite, "backend", None), "name", "") == "gmssl":
        # Slow, and easy to watch: it verifies what others seal, and does no more than that.
        log.warning("engine.none", code="CITY-8011", backend="gmssl")
        return Engines(None, None, expected.hex(), None)
    artifact = await _artifact(config, suite, genesis.config.engine, fetch)
    libraries = (config.crypto.libcrypto,) if config.crypto.libcrypto else ()
    is_locked = config.engine.sandbox == "required"
    blocks, queries = (
        LazyEngine(
            EngineWorker(
                artifact, libcrypto=libraries, on_incident=_tell_incident, codes=_open_codes
            ),
            bundles,
            is_locked,
            slots,
        )
        for _ in range(2)
    )
    file = ArtifactFile(artifact.path, expected, artifact.size)
    engines = Engines(blocks, queries, expected.hex(), file)
    try:
        if not is_lazy:
            await blocks.prepare()
    except BaseException:
        await engines.stop()
        raise
    return engines


def _tell_incident(why: str) -> None:
    log.error("engine.incident", reason=why)


def _open_codes(artifact: Artifact) -> CodeCache:
    return CodeCache(artifact, tell=_tell_cache)


def _tell_cache(what: str, bundle: Bundle, reason: str) -> None:
    """The contract is compiled from its source then: slower, and nothing else."""
    log.warning(
        "engine.code_cache", entry=what, contract=bundle.name, version=bundle.version, reason=reason
    )


async def _artifact(
    config: NodeConfig, suite: Suite, engine: EngineRef, fetch: Fetch | None
) -> Artifact:
    """The artifact with the digest that genesis names: the configured file, one of the cache, or a peer's. It
    is never built for a channel that has one: two builds of the same sources differ.

    Raises CityError: CITY-4052, CITY-4055 for another runtime or release, CITY-8007 for another configured
    file, CITY-4054 when no peer has it either."""
    try:
        check_wasmtime()
        if engine.version != str(ENGINE_VERSION):
            raise CityError("CITY-4055", found=ENGINE_VERSION, expected=engine.version)
        folder = config.path(config.engine.cache) if config.engine.cache else cache_dir()
        path = await asyncio.to_thread(_on_disk, config, folder, suite, engine.digest)
        if path is None:
            if fetch is None:
                raise CityError("CITY-4054", expected=engine.digest.hex(), reasons="none is asked")
            log.info("engine.fetching", digest=engine.digest.hex(), bytes=engine.size)
            path = await fetch(folder)
        return await asyncio.to_thread(open_artifact, path)
    except WasmtimeMismatch as error:
        raise CityError(
            "CITY-4052", found=error.found, expected=WASMTIME_VERSION, version=ENGINE_VERSION
        ) from error
    except ArtifactError as error:
        raise CityError("CITY-4050", reason=str(error)) from error


def _on_disk(config: NodeConfig, folder: Path, suite: Suite, expected: Hash) -> Path | None:
    """Blocks. The file with this digest. Raises CITY-8007 where node.toml names another one."""
    if config.engine.artifact:
        path = config.path(config.engine.artifact)
        found = open_artifact(path).digest_for(suite.hash)
        if found != expected:
            raise CityError("CITY-8007", found=found.hex(), expected=expected.hex())
        return path
    for path in known_artifacts(folder)[:CACHED_ARTIFACTS_MAX]:
        if suite.hash(path.read_bytes()) == expected:
            return path
    return None


def _bundle(genesis: Genesis, suite: Suite, index: int) -> Bundle:
    source = genesis.bundles[index]
    expected = {(c.name, c.version): c.bundle_digest for c in genesis.config.contracts}
    digest = bundle_digest(suite, source.bundle)
    if expected.get((source.name, source.version)) != digest:
        raise CityError(
            "CITY-8006", path="genesis.bin", reason=f"bundle {source.name} has another digest"
        )
    return Bundle.decode(source.name, source.version, source.bundle)
