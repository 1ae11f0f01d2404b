"""The supervisor of a channel's engine worker: starts it, feeds it blocks, replaces it, believes nothing.

Time never decides a transaction: a block that takes ten times what its gas allows is an incident. The
worker is replaced and the block runs again once; a second time the channel stops with EngineStopped. Blocks run
in the artifact's fast form. One that is late there, or traps, runs again in the metered form, which decides it,
and this node stays with that form until it starts anew (contracts/runtime/backstop.py).

Compiled contracts are kept on disk (contracts/runtime/code_cache.py). What is kept outlives a worker, so it
comes only from one that has done nothing since its start but load contracts in force.
All pipe traffic of one worker happens on one thread of its own, off the event loop.
"""

from __future__ import annotations

import asyncio
import fcntl
import secrets
import select
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from contracts.runtime import backstop, values, wire
from contracts.runtime.api import (
    BlockRequest,
    Bundle,
    ContractRefused,
    Diagnostic,
    StateReader,
    TxResult,
)
from contracts.runtime.artifact import Artifact, ensure_artifact, precompiled
from contracts.runtime.code_cache import CodeCache
from contracts.runtime.native import default_active
from node.execution.frames import FrameEnd, FrameError, FrameReader, write_frame
from node.execution.read_prediction import ReadPredictor

START_SECONDS_MAX = 60.0
GET, SCAN = b"G", b"S"  # first bytes of the worker's questions: a key, a scan
PIPE_BYTES = 1 << 20
INSTALL_BYTES = 8 << 20  # of code in one message
PREDICTED_KEYS_MAX = 8_192
PREDICTED_BYTES_MAX = 4_096  # a longer value is asked for when it is needed
T = TypeVar("T")
_ROOT = Path(__file__).parents[2]


class EngineRefused(Exception):
    """The worker cannot run here: no crypto library, or its lock does not hold."""


class EngineStopped(Exception):
    """The engine failed twice on the same block. The channel stops; no outcome was decided."""


class _Incident(Exception):
    """The worker is gone or wrong: replace it and try once more."""


class _Undecided(_Incident):
    """The fast form is late, or has trapped: try once more in the metered one."""


class _Process:
    """One worker process and its frames. Blocking; used from one thread."""

    def __init__(self, compiled: Path, form: str, libcrypto: tuple[str, ...]) -> None:
        path = f"import sys; sys.path.insert(0, {str(_ROOT)!r})"
        start = f"{path}; from node.execution.worker import main; main()"
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-c", start, str(compiled), form, *libcrypto],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={}, close_fds=True, bufsize=0,
        )  # fmt: skip
        self.pid = self._child.pid
        self.has_only_loaded = True
        assert self._child.stdin is not None and self._child.stdout is not None
        self._write_fd, read_fd = self._child.stdin.fileno(), self._child.stdout.fileno()
        for fd in (self._write_fd, read_fd):
            _widen(fd)
        self._reader, self._poll = FrameReader(read_fd), select.poll()
        self._poll.register(read_fd, select.POLLIN)

    def greet(self) -> str:
        """Waits until the worker is locked; its sandbox. Raises EngineRefused where it may not run."""
        hello = self.receive(time.monotonic() + START_SECONDS_MAX)
        if "refused" in hello:
            raise EngineRefused(str(hello["refused"]))
        return str(hello.get("sandbox"))

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                stream.close()

    def send(self, message: Any) -> None:
        self.answer(values.encode(message))

    def answer(self, data: bytes) -> None:
        try:
            write_frame(self._write_fd, data)
        except FrameError as error:
            raise ValueError("message to the engine larger than 64 MiB") from error
        except OSError as error:
            raise _Incident(f"the worker is gone: {error}") from error

    def receive_frame(self, deadline: float) -> bytes:
        def wait() -> None:
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise _Undecided("the worker is late")

        try:
            return self._reader.read(wait)
        except FrameEnd:
            raise _Incident("the worker ended") from None
        except (FrameError, OSError) as error:
            raise _Incident(f"the worker sent no frame: {error}") from error

    def receive(self, deadline: float) -> dict[str, Any]:
        return _message(self.receive_frame(deadline))


def _message(frame: bytes) -> dict[str, Any]:
    try:
        message = values.decode(frame)
    except values.ValueEncodingError as error:
        raise _Incident(f"the worker sent no value: {error}") from error
    if type(message) is not dict:
        raise _Incident("the worker sent no message")
    return message


def _fault(message: dict[str, Any]) -> _Incident:
    kind = _Undecided if message.get("undecided") is True else _Incident
    return kind(str(message.get("fault", "the worker sent no answer")))


def _widen(fd: int) -> None:
    """A pipe that takes a block in one piece, where the system allows it."""
    with suppress(OSError, AttributeError):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


class EngineWorker:
    """Contracts of one channel in one locked process; all calls are safe from the event loop.

    artifact: None takes (and builds, once) the one of these sources. on_incident is told why a worker
    was replaced. codes: opens the compiled contracts of an artifact. `sandbox` is "seccomp" or "none" after
    start; a production profile refuses "none".
    """

    def __init__(
        self,
        artifact: Artifact | None = None,
        *,
        libcrypto: Iterable[str] = (),
        on_incident: Callable[[str], None] = lambda why: None,
        codes: Callable[[Artifact], CodeCache] = CodeCache,
    ) -> None:
        self._artifact, self._libcrypto = artifact, tuple(libcrypto)
        self._on_incident, self._open_codes = on_incident, codes
        self._bundles: dict[tuple[str, int], Bundle] = {}
        self._process: _Process | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._closed = self._closing = False
        self._predictor = ReadPredictor()
        self._metered = False
        self.replaced = 0
        self.sandbox = ""

    @property
    def pid(self) -> int:
        """Process id of the running worker; 0 without one."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start and lock the worker. Raises EngineRefused or ArtifactError."""
        await self._off_loop(self._start)

    async def load(self, contracts: Iterable[Bundle]) -> None:
        """Make bundles callable. Raises ContractRefused with the findings of the first bad one."""
        missing = await self._off_loop(self._retried, self._install_known, tuple(contracts))
        # Nodes that start together on one machine share the work, each in an order of its own.
        secrets.SystemRandom().shuffle(missing)
        for bundle in missing:
            await self._off_loop(self._load, bundle)

    async def check(self, bundle: Bundle) -> tuple[Diagnostic, ...]:
        """Findings of the linter, by the engine itself."""
        return await self._off_loop(self._retried, self._findings, "check", bundle)

    async def schema(self, bundle: Bundle) -> bytes:
        """What a bundle offers, value-encoded (language/schema.py). Raises ContractRefused."""
        return await self._off_loop(self._retried, self._schema, bundle)

    async def forget(self, name: str, version: int) -> None:
        await self._off_loop(self._forget, name, version)

    async def block(self, request: BlockRequest, state: StateReader) -> list[TxResult]:
        """Execute a block. `state` is as it was before it and is asked from another thread."""
        return await self._off_loop(self._block, request, state)

    # The executor's word for it.
    execute = block

    async def simulate(self, request: BlockRequest, state: StateReader) -> list[TxResult]:
        """The same path; the caller drops the writes. Views and gas estimates use it."""
        return await self._off_loop(self._block, request, state)

    async def rest(self) -> None:
        """End the process; the next call starts another with the same contracts."""
        if not self._closed:
            await self._off_loop(self._stop)

    async def close(self) -> None:
        """End the process. Nothing can be asked afterwards."""
        if self._closed:
            return
        self._closing = True
        process = self._process
        if process is not None and process._child.poll() is None:
            process._child.kill()  # what it does now, a start or a block, ends as an incident
        await self._off_loop(self._stop)
        self._closed = True
        self._thread.shutdown(wait=True)

    async def _off_loop(self, work: Callable[..., T], *args: Any) -> T:
        if self._closed:
            raise EngineRefused("the engine is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    # ---- on the worker's thread ----
    def _start(self) -> None:
        if self._process is not None:
            return
        if self._artifact is None:
            self._artifact = ensure_artifact()
        try:
            # Known from its first moment, so that `close` need not wait until it has started.
            compiled = precompiled(self._artifact, metered=self._metered)
            form = "metered" if self._metered else "fast"
            self._process = _Process(compiled, form, self._libcrypto)
            self._refuse_when_closing()
            self.sandbox = self._process.greet()
        except _Incident as incident:
            self._stop()
            raise EngineRefused(f"the worker did not start: {incident}") from incident
        except EngineRefused:
            self._stop()
            raise
        for bundle in self._install_known(tuple(self._bundles.values())):
            if self._compile(bundle):
                raise EngineStopped(f"contract {bundle.name} is refused now and was not before")

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise EngineRefused("the engine is closing")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def _live(self) -> _Process:
        self._start()
        assert self._process is not None
        return self._process

    def _retried(self, work: Callable[..., T], *args: Any) -> T:
        """Run; after an incident replace the worker and run once more."""
        try:
            return work(*args)
        except _Incident as incident:
            self._metered |= isinstance(incident, _Undecided)
            self._on_incident(str(incident))
        except BaseException:
            self._stop()  # the state failed in the middle of a block, and the worker waits for its answer
            raise
        self._stop()
        self._refuse_when_closing()
        self.replaced += 1
        try:
            return work(*args)
        except _Incident as incident:
            self._stop()
            raise EngineStopped(f"the engine failed twice: {incident}") from incident

    def _findings(self, operation: str, bundle: Bundle) -> tuple[Diagnostic, ...]:
        return self._ask(operation, bundle)[0]

    def _schema(self, bundle: Bundle) -> bytes:
        findings, answer = self._ask("schema", bundle)
        if findings:
            raise ContractRefused(findings)
        schema = answer.get("schema")
        if type(schema) is not bytes:
            raise _Incident("the worker sent no schema")
        return schema

    def _ask(self, operation: str, bundle: Bundle) -> tuple[tuple[Diagnostic, ...], dict[str, Any]]:
        """Findings and the whole answer of the worker about a bundle."""
        process = self._live()
        process.has_only_loaded &= operation == "load"
        return self._answered(process, {
            "op": operation, "name": bundle.name, "version": bundle.version,
            "main": bundle.main, "rules": dict(bundle.rules),
        })  # fmt: skip

    def _answered(
        self, process: _Process, message: dict[str, Any]
    ) -> tuple[tuple[Diagnostic, ...], dict[str, Any]]:
        process.send(message)
        deadline = time.monotonic() + backstop.compile_seconds(metered=self._metered)
        answer = process.receive(deadline)
        if "findings" not in answer:
            raise _fault(answer)
        try:
            return wire.read_findings(answer["findings"]), answer
        except wire.WireError as error:
            raise _Incident(f"no findings: {error}") from error

    # ---- contracts and their code ----
    def _load(self, bundle: Bundle) -> None:
        if not self._retried(self._install_known, (bundle,)):
            return  # another node of this machine has compiled it meanwhile
        findings = self._retried(self._compile, bundle)
        if findings:
            raise ContractRefused(findings)
        self._bundles[bundle.name, bundle.version] = bundle

    def _install_known(self, bundles: tuple[Bundle, ...]) -> list[Bundle]:
        """Make callable what is compiled already; what is not."""
        process, codes = self._live(), self._codes()
        waiting: list[tuple[str, int, bytes]] = []
        missing = []
        for bundle in bundles:
            code = codes.find(bundle)
            if code is None:
                missing.append(bundle)
                continue
            waiting.append((bundle.name, bundle.version, code))
            if sum(len(code) for _, _, code in waiting) >= INSTALL_BYTES:
                self._install(process, waiting)
                waiting = []
        if waiting:
            self._install(process, waiting)
        self._bundles |= {(b.name, b.version): b for b in bundles if b not in missing}
        return missing

    def _install(self, process: _Process, contracts: list[tuple[str, int, bytes]]) -> None:
        if self._answered(process, {"op": "install", "contracts": tuple(contracts)})[0]:
            raise _Incident("the worker finds fault with code")

    def _compile(self, bundle: Bundle) -> tuple[Diagnostic, ...]:
        """Make a bundle callable and keep its code; the findings that refuse it."""
        process = self._live()
        findings, answer = self._ask("load", bundle)
        if not findings and process.has_only_loaded:
            code = answer.get("code")
            if type(code) is not bytes:
                raise _Incident("the worker sent no code")
            self._codes().keep(bundle, code)
        return findings

    def _codes(self) -> CodeCache:
        assert self._artifact is not None
        return self._open_codes(self._artifact)

    def _forget(self, name: str, version: int) -> None:
        self._bundles.pop((name, version), None)
        self._stop()  # the next call starts a worker without it

    def _block(self, request: BlockRequest, state: StateReader) -> list[TxResult]:
        if not request.txs:
            return []
        known = self._preloaded(default_active(self._bundles, request), state)
        results: list[TxResult] = self._retried(self._run_block, known, state)
        for tx, result in zip(request.txs, results, strict=True):
            self._predictor.learn(tx, result, known.read_set)
        return results

    def _preloaded(self, request: BlockRequest, state: StateReader) -> BlockRequest:
        """The request with the values of keys that it will probably read."""
        missing = sorted(self._predictor.predict(request.txs) - request.read_set.keys())
        missing = missing[:PREDICTED_KEYS_MAX]
        if not missing:
            return request
        found = dict(zip(missing, state.state_get(missing), strict=True))
        small = {k: v for k, v in found.items() if v is None or len(v) <= PREDICTED_BYTES_MAX}
        return replace(request, read_set={**request.read_set, **small})

    def _run_block(self, request: BlockRequest, state: StateReader) -> list[TxResult]:
        process = self._live()
        process.has_only_loaded = False
        limits = [tx.gas_limit for tx in request.txs]
        deadline = time.monotonic() + backstop.block_seconds(limits, metered=self._metered)
        process.send({
            "op": "block", "request": wire.encode_request(request),
            "gas": struct.pack(f">{len(limits)}Q", *limits),
        })  # fmt: skip
        while True:
            frame = process.receive_frame(deadline)
            if frame[:1] in (GET, SCAN):
                process.answer(self._asked(frame, state))
                continue
            message = _message(frame)
            if type(message.get("result")) is not bytes:
                raise _fault(message)
            try:
                return wire.decode_results(message["result"], request)
            except wire.WireError as error:
                raise _Incident(str(error)) from error

    @staticmethod
    def _asked(frame: bytes, state: StateReader) -> bytes:
        """The answer to a question of the worker; what it may ask is checked."""
        try:
            if frame[:1] == SCAN:
                prefix, after, limit = wire.read_scan(frame[1:])
                return wire.scan_answer(state.state_scan(prefix, after, limit))
            key = wire.read_key(frame[1:])
        except wire.WireError as error:
            raise _Incident(f"the worker asked wrongly: {error}") from error
        (value,) = state.state_get([key])
        return b"" if value is None else b"+" + value
