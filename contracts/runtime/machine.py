"""Loads contracts and runs transactions: the same code inside WebAssembly and in the native engine."""

from __future__ import annotations

import decimal
import types
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from contracts.runtime import (
    arguments,
    builtins,
    classes,
    gas,
    kinds,
    limits,
    meter,
    sdk_impl,
    session,
    state,
    text,
    wire,
)
from contracts.runtime.arguments import convert
from contracts.runtime.guards import GUARDS
from contracts.runtime.language.bundle import Compiled
from contracts.runtime.language.tables import EXCEPTIONS, PREFIX
from contracts.runtime.meter import ARENA, GAS, VERDICT, Verdict, charge, fatal
from contracts.runtime.meter import begin as begin_meter
from contracts.runtime.session import begin_transaction
from contracts.runtime.wire import FATAL, OK, OUT_OF_GAS, REVERT

LOAD_GAS = 10_000_000
# The function that carries the state of a version over to the next one. It is exported to nobody: the ledger
# calls it once, as a transaction that nobody has sent.
MIGRATE = "migrate"
NONE = b"\x00"

# A warning written to a stream that does not exist would trap; none is wanted anyway.
warnings.simplefilter("ignore")


def _environment() -> dict[str, Any]:
    """Every name that compiled code can reach."""
    names = {PREFIX + guard.name: guard.function for guard in GUARDS}
    names |= {PREFIX + "x_" + name: classes.REAL_EXCEPTIONS[name] for name in EXCEPTIONS}
    names[PREFIX + "x_Revert"] = classes.Revert
    names |= {PREFIX + "sdk_" + name: value for name, value in sdk_impl.SDK.items()}
    names |= builtins.FUNCTIONS | classes.CONSTRUCTORS | {"super": super}
    names["__builtins__"] = {"__build_class__": classes.build_class, "__name__": MODULE}
    return names | {"__name__": MODULE}


MODULE = "contract"
# One for all contracts, since none can write it: a module is one closure and `global` has no place in the
# language. A copy for each would touch every object in it, which is a tenth of what an instance costs.
ENVIRONMENT = _environment()


class Contract:
    """A loaded contract: its exported functions and classes. open: every function is callable."""

    __slots__ = ("class_hints", "classes", "functions", "methods", "name", "open", "version")

    def __init__(self, name: str, version: int, compiled: Compiled, every_function: bool) -> None:
        self.name, self.version, self.open = name, version, every_function
        self.methods, self.class_hints = compiled.methods, compiled.class_hints
        self.classes: dict[str, type] = {}
        self.functions: dict[str, Any] = {}
        modules: dict[str, dict[str, Any]] = {}
        offers: dict[str, Any] = {}
        for module, code in compiled.modules:
            offers = _set_up(code, modules, name)
            modules[module] = offers
            for value in offers.values():
                if isinstance(value, type) and value in kinds.USER:
                    self.classes[value.__name__] = value
        self.functions = {n: f for n, f in offers.items() if isinstance(f, types.FunctionType)}


def _set_up(code: types.CodeType, modules: dict[str, Any], contract: str) -> dict[str, Any]:
    """Run one module's closure once. Its objects stay out of the transaction's arena."""
    place: dict[str, Any] = {}
    exec(code, ENVIRONMENT, place)  # code that this guest compiled from linted source
    meter.begin(LOAD_GAS)
    decimal.setcontext(kinds.CONTEXT.copy())
    state.LOADING[0] = contract
    try:
        found: dict[str, Any] = place[PREFIX + "module"](modules)
    finally:
        state.LOADING[0] = ""
    return found


CONTRACTS: dict[tuple[str, int], Contract] = {}
ACTIVE: dict[str, int] = {}


# Gives the code of a contract that this instance has not set up yet, and whether every function of it
# may be called; None when there is no such contract. Set by the entry point.
LOADER: list[Callable[[str, int], tuple[Compiled, bool] | None]] = [lambda name, version: None]


def load(name: str, version: int, compiled: Compiled, every_function: bool) -> Contract:
    """Set a contract up in this instance, at no cost to the running transaction.

    Raises what its module raised."""
    saved, context = meter.save(), decimal.getcontext().copy()
    try:
        contract = Contract(name, version, compiled, every_function)
    finally:
        meter.restore(saved)
        decimal.setcontext(context)
    CONTRACTS[name, version] = contract
    return contract


def get_contract(name: str, version: int) -> Contract | None:
    contract = CONTRACTS.get((name, version))
    if contract is None:
        found = LOADER[0](name, version)
        if found is not None:
            contract = load(name, version, *found)
    return contract


class Refusal(Exception):
    """The call never reached the contract: an engine's word and our own text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code, self.message = code, message


def find_contract(name: str, version: int) -> Contract:
    active = ACTIVE.get(name)
    if active is not None and active != version:
        raise Refusal("version-not-active", f"version {active} of the contract is active")
    contract = get_contract(name, version)
    if contract is None:
        raise Refusal("no-such-contract", "no contract of this name and version")
    return contract


class Entry(NamedTuple):
    """An exported function, ready to be called: found once a block."""

    contract: Contract
    function: Callable[..., Any]
    plan: arguments.Plan
    is_view: bool


_ENTRIES: dict[tuple[str, int, str], Entry] = {}


def _entry(target: tuple[str, int, str]) -> Entry:
    """What a transaction calls. Raises Refusal."""
    found = _ENTRIES.get(target)
    if found is None:
        name, version, function = target
        contract = find_contract(name, version)
        method = contract.methods.get(function)
        is_own = session.TX.call[3] == "" and function == MIGRATE
        is_open = contract.open or (method is not None and method.exported)
        if method is None or not (is_own or (is_open and function != MIGRATE)):
            raise Refusal("no-such-method", "the contract exports no method of this name")
        called = contract.functions[function]
        named = called.__code__.co_kwonlyargcount > 0
        plan = arguments.plan(method.parameters, contract, named=named, positional=contract.open)
        found = _ENTRIES[target] = Entry(contract, called, plan, method.view)
    return found


# ---- one transaction -----------------------------------------------------------------------------


def run(call: wire.Call, index: int) -> wire.Ran:
    """One transaction, the `index`-th of its block."""
    target, text, limit = call[1], call[2], call[5]
    begin_meter(limit)
    outcome, code, message = OK, "", ""
    tx = begin_transaction(call, index)
    try:
        entry = _ENTRIES[target] if target in _ENTRIES else _entry(target)
        tx.contract, function, plan, is_view = entry
        args, words = convert(text, plan)
        returned = function(*args, **words) if words else function(*args)
        if is_view and (tx.writes or tx.events):
            raise RuntimeError("a view changed state")
        result = b"\x02" if returned is True else _encoded_result(returned)
    except Exception as error:
        outcome = REVERT
        code, message = describe(error)
    except Verdict:
        outcome = FATAL
    if ARENA:
        meter.sweep()
    left = GAS[0]
    if left < 0 or VERDICT[0]:
        code = VERDICT[0] or "out-of-gas"
        outcome = OUT_OF_GAS if code == "out-of-gas" else FATAL
        return outcome, code, "", limit, NONE, [], {}, tx.reads
    if outcome != OK:
        return outcome, code, message, limit - left, NONE, [], {}, tx.reads
    return OK, "", "", limit - left, result, tx.events, tx.writes, tx.reads


def _encoded_result(value: Any) -> bytes:
    """What leaves a contract as a result; a range is its list."""
    return session.encode(builtins.list_(value) if type(value) is range else value)


def describe(error: Exception) -> tuple[str, str]:
    """Code and message of what left the call. No interpreter text ever."""
    if isinstance(error, Refusal):
        return error.code, error.message
    if isinstance(error, arguments.ArgumentError):
        return "arguments", str(error)[: limits.MESSAGE_CHARS_MAX]
    if isinstance(error, RecursionError):
        meter.VERDICT[0] = meter.VERDICT[0] or "recursion"
    elif isinstance(error, MemoryError):
        meter.VERDICT[0] = meter.VERDICT[0] or "allocation"
    code = getattr(error, "_pl_code", None) or text.class_name(error)
    message = getattr(error, "_pl_message", None) or ""
    return code[: limits.CODE_CHARS_MAX], clean(message)


def clean(message: str) -> str:
    """At most 256 characters, control characters removed."""
    kept = (c for c in message[:1024] if c >= " " and not "\x7f" <= c <= "\x9f")
    return "".join(kept)[: limits.MESSAGE_CHARS_MAX]


# ---- calls between contracts ---------------------------------------------------------------------


def call(name: Any, function: Any, args: tuple[Any, ...]) -> Any:
    """`call(contract, function, *args)`: atomic; values are copied both ways."""
    charge(gas.CONTRACT_CALL)
    if type(name) is not str or type(function) is not str:
        raise TypeError("call() needs names")
    tx = session.TX
    target = _active_contract(name)
    method = target.methods.get(function)
    if method is None or not method.exported or function == MIGRATE:
        raise LookupError("no such method")
    if (name == tx.contract.name or name in tx.stack) and not method.view:
        raise RuntimeError("the contract is already running")
    if len(tx.stack) + 1 >= limits.CONTRACT_DEPTH_MAX:
        fatal("contract-depth")
    sent = [session.encode(value) for value in args]
    before, caller = tx.contract, tx.caller
    charge(len(tx.writes) >> 2)
    writes, events = dict(tx.writes), len(tx.events)
    tx.contract, tx.caller = target, before.name
    tx.stack.append(before.name)
    try:
        returned = _encoded_result(target.functions[function](*map(session.decode, sent)))
        if method.view and (len(tx.events) != events or tx.writes != writes):
            raise RuntimeError("a view changed state")
    except BaseException:
        tx.writes = writes
        del tx.events[events:]
        raise
    finally:
        tx.stack.pop()
        tx.contract, tx.caller = before, caller
    return session.decode(returned)


def _active_contract(name: str) -> Contract:
    contract = get_contract(name, ACTIVE.get(name, 0))
    if contract is None:
        raise LookupError("no such contract")
    return contract


sdk_impl.CALL[0] = call


# ---- one block -----------------------------------------------------------------------------------


def run_block(request: wire.Request, tx_begin: Callable[[int], None] | None) -> list[wire.Ran]:
    """Results of a block's transactions, in order.

    tx_begin: called before each transaction when the block runs again after a trap, so that the host
    knows where it is.
    """
    session.begin_block(request)
    # No context object reaches a contract, and flags decide nothing: once a block is enough.
    decimal.setcontext(kinds.CONTEXT.copy())
    ACTIVE.clear()
    ACTIVE.update(request.active)
    _ENTRIES.clear()
    commit, first = session.BLOCK.commit, request.first
    trapped = request.fatal.union(range(request.stop, len(request.calls)))
    results = []
    for at, call in enumerate(request.calls):
        if trapped and at in trapped:
            results.append(trap_result(call[5]))
            continue
        if tx_begin is not None:
            tx_begin(at)
        result = run(call, first + at)
        if result[6]:
            commit(result[6])
        results.append(result)
    return results


def trap_result(gas_limit: int) -> wire.Ran:
    """A transaction that trapped the machine: the whole limit, nothing else."""
    return FATAL, "trap", "", gas_limit, NONE, [], {}, {}
