"""Runs programs in the native engine and in two WebAssembly instances of different history, and compares.

First instance: metered, the calls alone, every read asked for. Second: of the fast form, behind other calls of
the same block, the read set sent along. Outcome, code, message, result, writes, events, gas and keys read must
be the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from contracts.runtime.api import BlockRequest, Bundle, ContractRefused, Transaction, TxResult
from contracts.runtime.artifact import ensure_artifact
from contracts.runtime.host import EngineFault, WasmEngine
from contracts.runtime.native import NativeEngine
from contracts.runtime.testing import MemoryState, TestNatives
from tests.hunt.grammar import HEAD, Program, contract_of

OTHER_FORM_EVERY = 20  # groups
# Calls of another contract before the programs' own in the second instance; none leaves a write.
NOISE = (("echo", '{"value": [1, {"a": "b"}]}'), ("missing", "{}"), ("bump", '{"by": 13}'))


class Divergence(NamedTuple):
    """One program that did not do the same everywhere: where, and what each engine said."""

    seed: int
    what: str
    source: str


class Engines:
    """Both engines with empty state; a group of programs takes the place of the one before."""

    def __init__(self) -> None:
        self.state = MemoryState()
        artifact, natives = ensure_artifact(), TestNatives()
        self.wasm = WasmEngine(artifact, natives, self.state)
        self.fast = WasmEngine(artifact, natives, self.state, metered=False)
        self.native = NativeEngine(natives, self.state)
        self.groups = 0
        self.refused_alike = (
            0  # programs in which both linters found the same: one in tens of thousands
        )
        self._refusals(Bundle("peer", 1, HEAD))

    def compare(self, programs: Mapping[int, Program]) -> tuple[list[Divergence], list[TxResult]]:
        """Divergences of a few programs, and all results of the first run. They share a contract and a block,
        since its head and an instance would take longer than they do."""
        source = contract_of(list(programs.values()))
        refused = self._refusals(Bundle("prey", 1, source))
        if any(refused):
            if len(programs) > 1:
                return self._one_by_one(programs)
            if len(set(refused)) == 1:
                self.refused_alike += 1
                return [], []
            return [Divergence(min(programs), f"refused: {refused}", source)], []
        try:
            runs = self._runs(programs)
        except EngineFault as fault:
            if len(programs) == 1:
                return [Divergence(min(programs), f"fault: {fault.__cause__!r}", source)], []
            return self._one_by_one(programs)
        found, place = [], 0
        for number, program in programs.items():
            first, second, native = (_facts(run[place:][: len(program.calls)]) for run in runs)
            place += len(program.calls)
            for name, ours in (("instance", first), ("instance with a history", second)):
                if ours != native:
                    found.append(
                        Divergence(number, f"{name}: {ours}\n  native: {native}", program.source)
                    )
        return found, runs[0]

    def _one_by_one(
        self, programs: Mapping[int, Program]
    ) -> tuple[list[Divergence], list[TxResult]]:
        """Something among them stopped the engine, which no program may, or was refused."""
        answers = [self.compare({number: program}) for number, program in programs.items()]
        return [d for found, _ in answers for d in found], [r for _, rs in answers for r in rs]

    def _runs(self, programs: Mapping[int, Program]) -> list[list[TxResult]]:
        calls = [call for program in programs.values() for call in program.calls]
        txs = tuple(
            Transaction(
                at.to_bytes(32, "big"), "prey", 1, *call[:2], "sender", "PX", ("a",), call[2]
            )
            for at, call in enumerate(calls)
        )
        noise = tuple(
            replace(txs[0], contract="peer", method=method, args_json=args, tx_id=bytes(32))
            for method, args in NOISE
        )
        plain = BlockRequest("hunt", 9, 1_800_000_000_000, txs, {}, {}, len(noise))
        first = self.wasm.block(plain)
        known: dict[bytes, bytes | None] = {
            key: None for result in first for key in result.read_keys
        }
        behind = replace(plain, txs=(*noise, *txs), read_set=known, first_index=0)
        return [first, self.fast.block(behind)[len(noise) :], self.native.block(plain)]

    def _refusals(self, bundle: Bundle) -> list[str]:
        """Load a contract everywhere; what the linter of each interpreter finds, or that the forms disagree.

        Compiling takes ten times as long as running. Code is the artifact's and not its form's, so one form
        compiles for both; the other looks at a group now and then.
        """
        code, findings = self.fast.compile(bundle)
        refused = [", ".join(str(finding) for finding in findings), ""]
        if self.groups % OTHER_FORM_EVERY == 0 and self.wasm.compile(bundle) != (code, findings):
            refused.append("the forms compile differently")
        self.groups += 1
        for engine in (self.fast, self.wasm):
            engine.install(bundle.name, bundle.version, code)
        try:
            self.native.load(bundle)
        except ContractRefused as failed:
            refused[1] = ", ".join(str(finding) for finding in failed.diagnostics)
        return refused


def _facts(results: Sequence[TxResult]) -> list[tuple[object, ...]]:
    return [
        (r.outcome, r.code, r.message, r.gas_used, r.result, r.writes, r.events, r.read_keys)
        for r in results
    ]
