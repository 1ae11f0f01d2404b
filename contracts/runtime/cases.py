"""`city contract cases FILE`: case files on the real engine.

A case is one JSON object a line: id, src, call, args, gas, expect, accept (suites/contracts/README.md).
Each runs three times: twice in one instance under two names, once in a fresh one. All three must agree.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from contracts.runtime import gas, values
from contracts.runtime.api import (
    BlockRequest,
    Bundle,
    ContractRefused,
    Natives,
    Transaction,
    TxResult,
)
from contracts.runtime.testing import MemoryState, TestNatives

_NAMES = ("first", "second")


class Engine(Protocol):
    def load(self, bundle: Bundle, every_function: bool = False) -> None: ...
    def block(self, block: BlockRequest) -> list[TxResult]: ...


def real_engine(natives: Natives | None = None, *, metered: bool = True) -> Engine:
    """The WebAssembly engine with empty state, in one of its forms."""
    from contracts.runtime.artifact import ensure_artifact
    from contracts.runtime.host import WasmEngine

    return WasmEngine(ensure_artifact(), natives or TestNatives(), MemoryState(), metered=metered)


def _transaction(name: str, case: dict[str, Any]) -> Transaction:
    return Transaction(
        tx_id=bytes(32),
        contract=name,
        version=1,
        method=case["call"],
        args_json=json.dumps(case.get("args", [])),
        sender="x",
        member="x",
        roles=(),
        gas_limit=case["gas"],
    )


def _plain(value: Any) -> Any:
    """A value as it compares: after a round trip through JSON, integers exact."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {k if isinstance(k, str) else json.dumps(values.to_json(k)): _plain(v)
                for k, v in value.items()}  # fmt: skip
    return value if isinstance(value, int) else values.to_json(value)


def _facts(result: TxResult) -> tuple[Any, ...]:
    events = tuple((event.name, event.data) for event in result.events)
    written = tuple(value for _, value in result.writes)
    return (result.outcome, result.code, result.message, result.gas_used, result.result, events,
            written)  # fmt: skip


def run_case(engine: Engine, case: dict[str, Any]) -> dict[str, Any]:
    """One case: id, outcome, value, gas, ok; and the code and message that explain it."""
    shown: dict[str, Any] = {"id": case["id"], "value": None, "code": "", "message": ""}
    try:
        for name in _NAMES:
            engine.load(Bundle(name, 1, case["src"]), every_function=True)
    except ContractRefused as refused:
        first = refused.diagnostics[0]
        size = len(case["src"].encode("utf-8", "surrogatepass"))
        shown |= {"outcome": "lint", "code": first.code, "message": str(first)}
        return shown | {"gas": gas.deployment_gas(size), "ok": expected(case, "lint", None)}
    both = engine.block(
        BlockRequest("cases", 1, 1_800_000_000_000, tuple(_transaction(n, case) for n in _NAMES))
    )
    again = engine.block(
        BlockRequest("cases", 1, 1_800_000_000_000, (_transaction(_NAMES[0], case),))
    )
    result = again[0]
    same = _facts(both[0]) == _facts(both[1]) == _facts(result)
    value = _plain(result.value) if result.outcome == "ok" else None
    whole = result.outcome not in ("oog", "fatal") or result.gas_used == case["gas"]
    sound = same and whole and result.code != "trap"
    outcome = result.outcome if same else "diverged"
    shown |= {"outcome": outcome, "value": value, "gas": result.gas_used, "code": result.code}
    shown["message"] = result.message
    return shown | {"ok": sound and expected(case, result.outcome, value)}


def expected(case: dict[str, Any], outcome: str, value: Any) -> bool:
    """Whether the outcome (and value, where the case gives one) is what the case expects or accepts."""
    if outcome in case.get("accept", ()):
        return True
    wanted = case["expect"]
    if isinstance(wanted, str):
        return outcome == wanted
    return outcome == wanted[0] and (len(wanted) < 2 or value == wanted[1])


def run_cases(path: Path | str, engine: Engine | None = None) -> Iterator[dict[str, Any]]:
    """Results of every case of a file, on the real engine unless another is given."""
    engine = engine or real_engine()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield run_case(engine, json.loads(line))


def main(path: Path | str, as_json: bool = False) -> int:
    """Print a line a case; 0 when all are as expected, else 1."""
    failed = total = 0
    for result in run_cases(path):
        total += 1
        failed += not result["ok"]
        if as_json:
            line = {key: result[key] for key in ("id", "outcome", "value", "gas", "ok")}
            print(json.dumps(line, ensure_ascii=False), flush=True)
        elif not result["ok"]:
            print(f"not as expected: {result['id']}: {result['outcome']} {result['code']}")
    if not as_json:
        print(f"{total - failed} as expected, {failed} not")
    return 1 if failed else 0
