"""Entry inside WebAssembly: the exports of vm.wit, composed of the same modules as the native engine.

Everything at module level runs once, when the artifact is built; the snapshot is taken afterwards. So a
fresh instance starts with the interpreter warm, and nothing is computed at instantiation.
"""

from __future__ import annotations

import gc
import platform
import sys

import wit_world

from contracts.runtime import gas, keys, limits, machine, session, values, wire
from contracts.runtime.api import BlockRequest, ContractRefused, Transaction
from contracts.runtime.language.bundle import Compiled, bundle_schema, compile_bundle
from contracts.runtime.loading import check_set_up

RECURSION_LIMIT = 4000
# Enough that the interpreter has specialised the runtime's own code before the snapshot is taken.
WARM_UP_CALLS = 400
REHEARSAL_CALLS = 2


def _to_text(data: bytes) -> str:
    return data.decode("latin-1")


def _to_bytes(text: str) -> bytes:
    return text.encode("latin-1")


def _state_get(keys: list[bytes]) -> list[bytes | None]:
    found = [wit_world.state_get(_to_text(key)) for key in keys]
    return [_to_bytes(value[1:]) if value else None for value in found]


def _state_scan(prefix: bytes, after: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
    answer = wit_world.state_scan(_to_text(wire.scan_question(prefix, after, limit)))
    return wire.read_scan_answer(_to_bytes(answer))


def _sm3(data: bytes) -> bytes:
    return _to_bytes(wit_world.sm3(_to_text(data)))


def _verify(suite: str, key: bytes, message: bytes, signature: bytes, id: bytes) -> bool:
    request = values.encode((suite, key, message, signature, id))
    return bool(wit_world.verify(_to_text(request)))


def _amounts(operation: str, operands: tuple[object, ...]) -> bool:
    return bool(wit_world.amounts(_to_text(values.encode((operation, *operands)))))


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
        return _refused(refused)
    return values.encode({"code": compiled.dump()})


def schema_request(request: bytes) -> bytes:
    """What a bundle offers, value-encoded, or the findings that refuse it."""
    _, _, main, rules = values.decode(request)
    try:
        return values.encode({"schema": values.encode(bundle_schema(main, rules))})
    except ContractRefused as refused:
        return _refused(refused)


def _refused(refused: ContractRefused) -> bytes:
    findings = [
        (d.line, d.column, d.module, d.code, d.message, d.message_zh) for d in refused.diagnostics
    ]
    return values.encode({"findings": findings})


ABOUT = values.encode(
    {"python": platform.python_version(), **gas.describe(), "limits": limits.describe()}
)


class WitWorld(wit_world.WitWorld):  # type: ignore[misc,name-defined]
    def about(self) -> str:
        return _to_text(ABOUT)

    def compile(self, bundle: str) -> str:
        return _to_text(compile_request(_to_bytes(bundle)))

    def schema(self, bundle: str) -> str:
        return _to_text(schema_request(_to_bytes(bundle)))

    def block(self, request: str, control: str) -> str:
        message = wire.decode_request(_to_bytes(request), _to_bytes(control))
        begin = wit_world.tx_begin if message.careful else None
        return _to_text(wire.encode_results(machine.run_block(message, begin)))

    def prepare(self, contracts: str) -> None:
        rehearse(REHEARSAL)
        for name, version in values.decode(_to_bytes(contracts)):
            machine.get_contract(name, version)


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


_WARM = values.decode(compile_request(values.encode(("warm", 1, _WARM_UP, {}))))["code"]
_MOVE = ("transfer", '{"to": "t", "amount": 7}')
_KEEP = ("keep", '{"text": "t", "amount": "1.5", "data": "AA=="}')


def _block_of(calls: int) -> bytes:
    """Request bytes of a block that calls the contract above and reads nothing of the host."""
    txs = []
    for at in range(calls):
        method, args = _MOVE if at % 8 else _KEEP
        txs.append(Transaction(bytes(32), "warm", 1, method, args, "s", "m", ("r",), 1_000_000))
    names = [("balances", "s"), ("balances", "t"), ("notes", "t")]
    absent = {keys.state_key("warm", *name): None for name in names}
    return wire.encode_request(BlockRequest("", 1, 1, tuple(txs), absent))


_REHEARSED = machine.load("warm", 1, Compiled.load(_WARM), False)


def rehearse(request: bytes) -> None:
    """Run a block of no chain: it touches the memory that every block touches, and leaves nothing."""
    machine.CONTRACTS["warm", 1] = _REHEARSED
    results = machine.run_block(wire.decode_request(request, wire.encode_control()), None)
    assert {result[0] for result in results} == {wire.OK}, results
    wire.encode_results(results)
    machine.CONTRACTS.clear()
    machine.ACTIVE.clear()


REHEARSAL = _block_of(REHEARSAL_CALLS)
sys.setrecursionlimit(RECURSION_LIMIT)
rehearse(_block_of(WARM_UP_CALLS))
session.IMPORTS.state_get = _state_get
session.IMPORTS.state_scan = _state_scan
session.IMPORTS.sm3 = _sm3
session.IMPORTS.verify = _verify
session.IMPORTS.amounts = _amounts
machine.LOADER[0] = _find_code
gc.collect()
gc.disable()
