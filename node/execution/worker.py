"""Entry point of the engine worker: the WebAssembly host, the crypto provider, a pipe, and the lock.

It is started with an empty environment and three descriptors, reads the compiled artifact, warms up,
and only then locks itself. It holds no secret and knows one channel's contracts. Messages on descriptors
0 and 1 are frames: 4 bytes of length, big-endian, at most 64 MiB, then one encoded value.

    node -> worker  {"op": "load" | "check" | "schema", …bundle}   {"op": "forget", …}   {"op": "block", …}
                    {"op": "install", "contracts": ((name, version, code), …)}: code that this artifact compiled
    worker -> node  {"ready": …}, {"findings": […]}, with {"code": …} or {"schema": …}, {"result": …},
                    {"fault": text, "undecided": whether the metered form is to say}, and while a block runs `G`
                    and a key, answered by `+` and its value or by nothing, or `S` and a scan (wire.py)
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

from contracts.runtime import values, wire
from contracts.runtime.api import BlockRequest, Bundle, ContractRefused, Transaction
from contracts.runtime.host import Undecided, WasmEngine
from node.execution import sandbox
from node.execution.frames import FrameEnd, FrameReader, write_frame
from node.identity import hidden_amount, points
from node.identity.suite import Suite, get_suite

STACK_BYTES = 64 << 20
GET, SCAN = b"G", b"S"  # first bytes of frames that ask; an encoded message begins with 09
_WARM = """from sdk import sm3, export


@export
def warm(text: str) -> bytes:
    return sm3(text.encode())
"""


class Pipe:
    """Frames over two descriptors, each one encoded value or a question in plain bytes; blocking."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._reader, self._write_fd = FrameReader(read_fd), write_fd

    def receive(self) -> Any:
        return values.decode(self._reader.read())

    def send(self, message: Any) -> None:
        write_frame(self._write_fd, values.encode(message))

    def ask(self, question: bytes) -> bytes:
        """One question, one answer, without the encoding of values."""
        write_frame(self._write_fd, question)
        return self._reader.read()


class SuiteNatives:
    """The guest's native functions by the node's crypto suites, loaded and proven before the lock."""

    def __init__(self, suites: dict[str, Suite]) -> None:
        self._suites = suites
        points.serve_with(suites["sm"])

    def sm3(self, data: bytes) -> bytes:
        return self._suites["sm"].hash(data)

    def verify(self, suite: str, key: bytes, message: bytes, signature: bytes, id: bytes) -> bool:
        found = self._suites.get(suite)
        return found is not None and found.verify(key, message, signature, id)

    def amounts(self, operation: str, operands: tuple[Any, ...]) -> bool:
        return hidden_amount.check(operation, operands)

    def warm_up(self) -> None:
        """Use everything once: nothing may need a file after the lock."""
        for suite in self._suites.values():
            key = suite.generate_key()
            signature = suite.signer(key).sign(b"warm")
            assert suite.verify(suite.signer(key).public_key, b"warm", signature)
            assert not suite.verify(suite.signer(key).public_key, b"cold", signature)
        self.sm3(b"warm")
        opening = hidden_amount.hide(1)
        assert self.amounts("opens", (opening.commitment(), 1, opening.blinding))


class PipeState:
    """State answered by the node over the pipe."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def state_get(self, keys: list[bytes]) -> list[bytes | None]:
        answers = [self._pipe.ask(GET + key) for key in keys]
        return [answer[1:] if answer else None for answer in answers]

    def state_scan(
        self, prefix: bytes, after: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]:
        return wire.read_scan_answer(
            self._pipe.ask(SCAN + wire.scan_question(prefix, after, limit))
        )


class Worker:
    """Serves one node until its pipe closes."""

    def __init__(self, pipe: Pipe, engine: WasmEngine) -> None:
        self._pipe, self._engine = pipe, engine

    def warm_up(self) -> None:
        """A block, a trap-free one, through every layer: imports happen before the lock."""
        self._engine.load(Bundle("warm", 1, _WARM))
        tx = Transaction(bytes(32), "warm", 1, "warm", '{"text": "t"}', "s", "m", (), 1_000_000)
        result = self._engine.block(BlockRequest("", 1, 1, (tx,)))[0]
        assert result.outcome == "ok", result
        self._engine.forget("warm", 1)
        self._engine.prepare()

    def serve(self) -> None:
        while True:
            try:
                message = self._pipe.receive()
            except FrameEnd:
                return
            try:
                answer = self._answer(message)
            except FrameEnd:
                return
            except Exception as error:
                # Anything unforeseen: the node replaces this worker and runs the block again.
                answer = {
                    "fault": f"{type(error).__name__}: {error}"[:500],
                    "undecided": isinstance(error, Undecided),
                }
            self._pipe.send(answer)
            self._engine.prepare()

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        operation = message["op"]
        if operation == "block":
            gas_limits = wire.numbers(message["gas"], "Q")
            return {"result": self._engine.run_block(message["request"], gas_limits)}
        if operation == "forget":
            self._engine.forget(message["name"], message["version"])
            return {"findings": []}
        if operation == "install":
            for name, version, code in message["contracts"]:
                self._engine.install(name, version, code)
            return {"findings": []}
        bundle = Bundle(message["name"], message["version"], message["main"], message["rules"])
        if operation == "check":
            return {"findings": wire.findings(self._engine.check(bundle))}
        try:
            if operation == "schema":
                return {"findings": [], "schema": self._engine.schema(bundle)}
            assert operation == "load", operation
            return {"findings": [], "code": self._engine.load(bundle)}
        except ContractRefused as refused:
            return {"findings": wire.findings(refused.diagnostics)}


def _run(compiled: Path, metered: bool, libcrypto: tuple[str, ...], status: list[int]) -> None:
    pipe = Pipe(0, 1)
    try:
        suites = {name: get_suite(name, libcrypto=libcrypto) for name in ("sm", "intl")}
        natives = SuiteNatives(suites)
        natives.warm_up()
        worker = Worker(pipe, WasmEngine(compiled, natives, PipeState(pipe), metered=metered))
        worker.warm_up()
        level = sandbox.lock()
        through = sandbox.probe() if level == "seccomp" else []
        if through:
            raise sandbox.SandboxError(f"the lock lets through: {', '.join(through)}")
    except Exception as error:
        pipe.send({"refused": f"{type(error).__name__}: {error}"[:1000]})
        return
    pipe.send({"ready": True, "sandbox": level})
    worker.serve()
    status[0] = 0


def main() -> None:
    """The process. Arguments: the compiled artifact's path, its form, libcrypto paths."""
    status = [1]
    threading.stack_size(STACK_BYTES)
    arguments = Path(sys.argv[1]), sys.argv[2] == "metered", tuple(sys.argv[3:]), status
    thread = threading.Thread(target=_run, args=arguments, name="engine")
    thread.start()
    thread.join()
    # No interpreter shutdown: the lock forbids what it would like to do.
    os._exit(status[0])


if __name__ == "__main__":
    main()
