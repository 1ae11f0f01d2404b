"""What `city engine show` prints and what `city engine verify` tries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from contracts.runtime import gas, keys, limits, values
from contracts.runtime.api import BlockRequest, Bundle, Transaction, TxResult
from contracts.runtime.artifact import (
    ENGINE_VERSION,
    Artifact,
    ArtifactError,
    check_wasmtime,
    compiled_path,
    is_compiled,
)
from contracts.runtime.host import WasmEngine
from node.errors import CityError
from node.execution.worker import SuiteNatives
from node.genesis import decode_genesis
from node.identity.suite import Suite, get_suite

SAMPLE = """from sdk import Decimal, Event, Map, ctx, dataclass, export, sha256, sm3

notes = Map("note", None)
Kept = Event("Kept")


@dataclass
class Note:
    text: str
    amount: Decimal
    lines: list


@export
def keep(text: str, amount: Decimal) -> str:
    lines = sorted([f"{n * 7919 % 1000:04d}" for n in range(40)], key=lambda line: line)
    notes[text] = Note(text, amount / 7, lines)
    Kept(text=text, digest=sm3(sha256(text.encode())), sender=ctx.sender)
    return str(notes[text])


@export
def spend() -> int:
    n = 0
    while True:
        n += 1
    return n
"""


class Check(NamedTuple):
    """One row of `city engine verify`."""

    check: str
    ok: bool
    detail: str


class _Empty:
    """State before the sample: none."""

    def state_get(self, keys: list[bytes]) -> list[bytes | None]:
        return [None] * len(keys)

    def state_scan(
        self, prefix: bytes, after: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]:
        return []


def engine_facts(artifact: Artifact) -> dict[str, Any]:
    """Versions, digests, gas table and limits, as the artifact itself tells them. Raises ArtifactError."""
    about = _open(artifact).about()
    return {
        "engine_version": artifact.version,
        "digest_sm3": _digests(artifact)["sm"],
        "digest_sha256": _digests(artifact)["intl"],
        "size_bytes": artifact.size,
        "python": about["python"],
        "wasmtime": check_wasmtime(),
        "gas_table_version": about["gas_table_version"],
        "sample_digest": _sample_digest(_run_sample(artifact)),
        "path": str(artifact.path),
        "compiled": str(compiled_path(artifact)),
        "gas": [{"name": n, "gas": g, "reason": r} for n, g, r in about["gas"]],
        "gas_nodes": about["gas_nodes"],
        "limits": about["limits"],
    }


def verify_engine(artifact: Artifact, expected: dict[str, str]) -> Iterator[Check]:
    """Every check in order. expected: digest in hexadecimal by suite name, from genesis or the operator."""
    digests = _digests(artifact)
    for suite, digest in expected.items():
        found = digests[suite]
        detail = found if found == digest else f"{found}, expected {digest}"
        yield Check(f"digest ({suite})", found == digest, detail)
    try:
        yield Check("wasmtime", True, check_wasmtime())
        engine = _open(artifact)
    except ArtifactError as error:
        yield Check("wasmtime", False, str(error))
        return
    yield Check("compiled form", is_compiled(artifact), str(compiled_path(artifact)))
    yield _tables(engine.about())
    first, again = _run_sample(artifact), _run_sample(artifact)
    yield Check("sample, two fresh instances", first == again, _sample_digest(first))


def digests_of_genesis(path: Path) -> dict[str, str]:
    """The engine that a genesis file names: suite name to digest. Raises CITY-8006."""
    try:
        config = decode_genesis(path.read_bytes()).config
    except ValueError as error:
        raise CityError("CITY-8006", path=path, reason=str(error)) from error
    return {get_suite(config.suite).name: config.engine.digest.hex()}


def _open(artifact: Artifact) -> WasmEngine:
    suites: dict[str, Suite] = {name: get_suite(name) for name in ("sm", "intl")}
    return WasmEngine(artifact, SuiteNatives(suites), _Empty())


def _digests(artifact: Artifact) -> dict[str, str]:
    return {name: artifact.digest_for(get_suite(name).hash).hex() for name in ("sm", "intl")}


def _tables(about: dict[str, Any]) -> Check:
    """An artifact of other sources may be right for its channel; here it is said, not judged by digest."""
    ours = {**gas.describe(), "limits": limits.describe()}
    other = sorted(name for name, value in ours.items() if about.get(name) != value)
    said = (
        f"engine {ENGINE_VERSION}, Python {about['python']}, gas table {about['gas_table_version']}"
    )
    if other:
        said += f"; differs from these sources in {', '.join(other)}"
    return Check("tables", not other, said)


def _run_sample(artifact: Artifact) -> list[TxResult]:
    """The same few transactions in an instance of its own: a success, a refusal, an empty purse."""
    engine = _open(artifact)
    engine.load(Bundle("sample", 1, SAMPLE))
    calls = (
        ("keep", '{"text": "深圳", "amount": "1000.10"}', 1_000_000),
        ("keep", '{"text": 5, "amount": "1"}', 1_000_000),
        ("spend", "{}", 10_000),
    )
    txs = tuple(
        Transaction(bytes([at]) * 32, "sample", 1, method, args, "s", "m", (), gas_limit)
        for at, (method, args, gas_limit) in enumerate(calls)
    )
    absent: dict[bytes, bytes | None] = {keys.state_key("sample", "note", "深圳"): None}
    return engine.block(BlockRequest("sample", 1, 1_800_000_000_000, txs, absent))


def _sample_digest(results: list[TxResult]) -> str:
    """Equal on every machine that runs this artifact."""
    rows = [
        (
            r.outcome,
            r.code,
            r.gas_used,
            r.result,
            dict(r.writes),
            [(e.name, e.data) for e in r.events],
        )
        for r in results
    ]
    return hashlib.sha256(values.encode(rows)).hexdigest()
