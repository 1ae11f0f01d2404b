"""The contract engine's workers of a channel: one for blocks, one for queries, both of genesis' own engine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

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
    check_wasmtime,
    ensure_artifact,
    open_artifact,
)
from node.catalogue import bundle_digest
from node.config import NodeConfig
from node.engine import EngineRefused, EngineWorker
from node.errors import CityError
from node.genesis import Genesis
from node.identity.suite import Suite

CACHED_ARTIFACTS_MAX = 16

log = structlog.get_logger("engine")


class LazyEngine:
    """A worker that starts with its first call, or when it is prepared."""

    def __init__(self, worker: EngineWorker, bundles: tuple[Bundle, ...]) -> None:
        self._worker, self._bundles = worker, bundles
        self._starting = asyncio.Lock()
        self._is_loaded = False

    async def execute(self, request: BlockRequest, state: StateReader) -> list[TxResult]:
        await self.prepare()
        return await self._worker.block(request, state)

    async def check(self, bundle: Bundle) -> tuple[Diagnostic, ...]:
        await self.prepare()
        return await self._worker.check(bundle)

    async def load(self, bundles: list[Bundle]) -> None:
        """Makes them callable too. Raises CityError, ContractRefused."""
        await self.prepare()
        new = tuple(bundle for bundle in bundles if bundle not in self._bundles)
        await self._worker.load(new)
        self._bundles += new

    async def schema(self, bundle: Bundle) -> bytes:
        await self.prepare()
        return await self._worker.schema(bundle)

    async def prepare(self) -> None:
        """Starts the worker and loads the contracts, once. Raises CityError."""
        async with self._starting:
            if self._is_loaded:
                return
            try:
                await self._worker.start()
                await self._worker.load(self._bundles)
            except (EngineRefused, ArtifactError) as error:
                raise CityError("CITY-4050", reason=str(error)) from error
            except ContractRefused as error:
                raise CityError("CITY-8006", path="genesis.bin", reason=str(error)) from error
            self._is_loaded = True

    @property
    def sandbox(self) -> str:
        return self._worker.sandbox

    async def close(self) -> None:
        await self._worker.close()


@dataclass(slots=True)
class Engines:
    """Both are None on a node whose cryptography only verifies."""

    blocks: LazyEngine | None
    queries: LazyEngine | None
    artifact_digest: str

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


async def open_engines(config: NodeConfig, genesis: Genesis, suite: Suite) -> Engines:
    """Finds the engine genesis names and starts the worker for blocks. Raises CityError: CITY-8007 for
    another engine, CITY-8006 for bundles that are not those of the configuration, CITY-4050."""
    bundles = tuple(_bundle(genesis, suite, i) for i in range(len(genesis.bundles)))
    expected = genesis.config.engine.digest
    if getattr(getattr(suite, "backend", None), "name", "") == "gmssl":
        # Slow, and easy to watch: it verifies what others seal, and does no more than that.
        log.warning("engine.none", code="CITY-8011", backend="gmssl")
        return Engines(None, None, expected.hex())
    artifact = await asyncio.to_thread(_artifact, config, suite, expected)
    libraries = (config.crypto.libcrypto,) if config.crypto.libcrypto else ()
    blocks, queries = (
        LazyEngine(EngineWorker(artifact, libcrypto=libraries, on_incident=_tell_incident), bundles)
        for _ in range(2)
    )
    engines = Engines(blocks, queries, expected.hex())
    try:
        await blocks.prepare()
        if config.engine.sandbox == "required" and blocks.sandbox in ("", "none"):
            raise CityError("CITY-4050", reason="this system cannot lock the worker (seccomp)")
    except BaseException:
        await engines.stop()
        raise
    return engines


def _tell_incident(why: str) -> None:
    log.error("engine.incident", reason=why)


def _artifact(config: NodeConfig, suite: Suite, expected: bytes) -> Artifact:
    """The artifact with the digest that genesis names: the configured file, the one of these sources, or an
    earlier one of the cache. It is never rebuilt for a channel that has one."""
    try:
        check_wasmtime()
        cache = config.path(config.engine.cache) if config.engine.cache else None
        if config.engine.artifact:
            candidates = [open_artifact(config.path(config.engine.artifact))]
        else:
            candidates = [ensure_artifact(cache)]
            known = sorted(candidates[0].path.parent.glob("engine-*.wasm"), key=_age, reverse=True)
            candidates += [
                Artifact(path, "", path.stat().st_size, candidates[0].version)
                for path in known[:CACHED_ARTIFACTS_MAX]
                if path != candidates[0].path
            ]
        found = b""
        for artifact in candidates:
            digest = artifact.digest_for(suite.hash)
            if digest == expected:
                return open_artifact(artifact.path)
            found = found or digest
    except WasmtimeMismatch as error:
        raise CityError(
            "CITY-4052", found=error.found, expected=WASMTIME_VERSION, version=ENGINE_VERSION
        ) from error
    except ArtifactError as error:
        raise CityError("CITY-4050", reason=str(error)) from error
    raise CityError("CITY-8007", found=found.hex(), expected=expected.hex())


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _bundle(genesis: Genesis, suite: Suite, index: int) -> Bundle:
    source = genesis.bundles[index]
    expected = {(c.name, c.version): c.bundle_digest for c in genesis.config.contracts}
    digest = bundle_digest(suite, source.bundle)
    if expected.get((source.name, source.version)) != digest:
        raise CityError(
            "CITY-8006", path="genesis.bin", reason=f"bundle {source.name} has another digest"
        )
    return Bundle.decode(source.name, source.version, source.bundle)
