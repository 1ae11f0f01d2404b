"""Entry inside WebAssembly: the exports of vm.wit, composed of the same modules as the native engine.

Everything at module level runs once, when the artifact is built; the snapshot is taken afterwards. So a
fresh instance starts with the interpreter warm, and nothing is computed at instantiation.
"""

from __future__ import annotations

import binascii
import gc
import sys
from typing import Any

import wit_world

from contracts.runtime import machine, meter, session, values, wire
from contracts.runtime.api import ContractRefused
from contracts.runtime.language.bundle import Compiled, compile_bundle
from contracts.runtime.loading import check_set_up

RECURSION_LIMIT = 4000
# Enough that the interpreter has specialised the runtime's own code before the snapshot is taken.
WARM_UP_CALLS = 400


def _to_text(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _to_bytes(text: str) -> bytes:
    return binascii.a2b_base64(text)


def _state_get(keys: list[bytes]) -> list[bytes | None]:
    found = [wit_world.state_get(_to_text(key)) for key in keys]
    return [_to_bytes(value[1:]) if value else None for value in found]


def _state_scan(prefix: bytes, after: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
    answer = wit_world.state_scan(_to_text(values.encode((prefix, after, limit))))
    keys, found = values.decode(_to_bytes(answer))
    return list(zip(wire.unpack(keys), wire.unpack(found), strict=True))


def _sm3(data: bytes) -> bytes:
    return _to_bytes(wit_world.sm3(_to_text(data)))


def _verify(suite: str, key: bytes, message: bytes, signature: bytes, id: bytes) -> bool:
    request = values.encode((suite, key, message, signature, id))
    return bool(wit_world.verify(_to_text(request)))


def _find_code(name: str, version: int) -> tuple[Compiled, bool] | None:
    found = wit_world.code_get(name, version)
    if not found:
        return None
    code, every_function = values.decode(_to_bytes(found))
    return Compiled.load(code), every_function


def compile_request(request: bytes) -> bytes:
    """Code of a bundle, or the findings that refuse it."""
    name, version, main, rules = values.decode(request)
    try:
        compiled = compile_bundle(main, rules)
        check_set_up(name, version, compiled)
    except ContractRefused as refused:
        findings = [
            (d.line, d.column, d.module, d.code, d.message, d.message_zh)
            for d in refused.diagnostics
        ]
        return values.encode({"findings": findings})
    return values.encode({"code": compiled.dump()})


class WitWorld(wit_world.WitWorld):  # type: ignore[misc,name-defined]
    def compile(self, bundle: str) -> str:
        return _to_text(compile_request(_to_bytes(bundle)))

    def block(self, request: str, control: str) -> str:
        message = wire.decode_request(_to_bytes(request), _to_bytes(control))
        begin = wit_world.tx_begin if message["careful"] else None
        return _to_text(wire.encode_results(machine.run_block(message, begin)))


_WARM_UP = """
from sdk import Map, Event, Decimal, ctx, dataclass, require, export

@dataclass
class Note:
    text: str
    amount: Decimal
    lines: list

notes = Map("notes", None)
balances = Map("balances", 0)
Kept = Event("Kept")
Transfer = Event("Transfer")

@export
def transfer(to: str, amount: int) -> bool:
    require(amount > 0, "E_AMOUNT", "amount must be positive")
    have = balances[ctx.sender] + 9
    require(have >= amount, "E_BALANCE", "insufficient balance")
    balances[ctx.sender] = have - amount
    balances[to] += amount
    Transfer(sender=ctx.sender, to=to, amount=amount)
    return True

@export
def keep(text: str, amount: Decimal, data: bytes) -> str:
    require(text != "", "E_TEXT")
    lines = sorted([f"{n:04d}" for n in range(4) if n % 2 == 0], key=lambda line: line)
    notes[text] = Note(text, amount + 1, lines)
    Kept(text=text, sender=ctx.sender)
    try:
        return notes[text].lines[9]
    except IndexError:
        return str({"a": (1, [2])})
"""


def _warm_up() -> None:
    """Use every part once before the snapshot; the host cannot be called yet."""
    session.IMPORTS.state_get = lambda keys: [None] * len(keys)
    compiled = Compiled.load(values.decode(compile_request(
        values.encode(("warm", 1, _WARM_UP, {}))))["code"])  # fmt: skip
    machine.LOADER[0] = lambda name, version: (compiled, False)
    tx: dict[str, Any] = {
        "tx_id": bytes(32), "contract": "warm", "version": 1, "method": "keep",
        "args": '{"text": "t", "amount": "1.5", "data": "AA=="}', "sender": "s", "member": "m",
        "roles": (), "gas_limit": 1_000_000,
    }  # fmt: skip
    move = tx | {"method": "transfer", "args": '{"to": "t", "amount": 7}'}
    rows = [dict(move if at % 8 else tx) for at in range(WARM_UP_CALLS)]
    request = {"channel": "", "height": 1, "time": 1, "first": 0, "active": {}, "fatal": [],
               "stop": len(rows), "read_set": {}, "txs": rows}  # fmt: skip
    results = machine.run_block(request, None)
    assert {r["outcome"] for r in results} == {"ok"}, results
    wire.encode_results(results)
    machine.CONTRACTS.clear()
    machine.ACTIVE.clear()
    session.begin_block({})
    meter.sweep()


sys.setrecursionlimit(RECURSION_LIMIT)
_warm_up()
session.IMPORTS.state_get = _state_get
session.IMPORTS.state_scan = _state_scan
session.IMPORTS.sm3 = _sm3
session.IMPORTS.verify = _verify
machine.LOADER[0] = _find_code
gc.collect()
gc.disable()
