"""Loads contracts and runs transactions: the same code inside WebAssembly and in the native engine."""

from __future__ import annotations

import decimal
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

from contracts.runtime import (
    arguments,
    builtins,
    classes,
    gas,
    guards,
    limits,
    meter,
    methods,
    sdk_impl,
    session,
    text,
)
from contracts.runtime.language.bundle import Compiled
from contracts.runtime.language.tables import EXCEPTIONS, PREFIX
from contracts.runtime.meter import Fatal, OutOfGas, charge, fatal

LOAD_GAS = 10_000_000
NONE = b"\x00"

# A warning written to a stream that does not exist would trap; none is wanted anyway.
warnings.simplefilter("ignore")


def _caught() -> None:
    """First step of every handler: the verdict stays, and no chain of exceptions grows."""
    error = sys.exception()
    if meter.VERDICT[0]:
        raise Fatal
    if isinstance(error, RecursionError):
        fatal("recursion")
    if isinstance(error, MemoryError):
        fatal("allocation")
    if error is not None:
        error.__context__ = error.__cause__ = error.__traceback__ = None


def _environment() -> dict[str, Any]:
    guarded = {
        "G": meter.GAS, "D": meter.DEPTH, "oog": meter.out_of_gas, "deep": meter.too_deep,
        "tick": meter.tick, "new": meter.new, "function": meter.function_object,
        "lambda": meter.metered_lambda, "caught": _caught, "raise": classes.raised,
        "add": guards.add, "iadd": guards.iadd, "sub": guards.sub, "mul": guards.mul,
        "pow": guards.power, "div": guards.divide, "floordiv": guards.floordiv,
        "mod": guards.mod, "lshift": guards.lshift, "rshift": guards.rshift,
        "or": guards.bit_or, "and": guards.bit_and, "xor": guards.bit_xor,
        "invert": guards.invert, "neg": guards.negate, "eq": guards.equal,
        "ne": guards.not_equal, "lt": guards.less, "le": guards.less_equal,
        "gt": guards.greater, "ge": guards.greater_equal, "in": guards.contains,
        "notin": guards.not_contains, "getitem": guards.getitem, "setitem": guards.setitem,
        "delitem": guards.delitem, "slice": guards.slice_of, "iter": guards.iterate,
        "pairs": guards.pairs, "unpack": guards.unpack, "list_of": guards.list_of,
        "tuple": guards.check_tuple, "dict": guards.new_dict,
        "dict_of_pairs": guards.dict_of_pairs, "set": builtins.set_,
        "getattr": guards.get_attribute, "setattr": guards.set_attribute,
        "method": methods.method, "format": text.formatted, "join": text.join_parts,
        "dataclass": classes.dataclass, "staticmethod": staticmethod,
        "classmethod": classmethod, "property": property,
        "AssertionError": classes.CONSTRUCTORS["AssertionError"],
    }  # fmt: skip
    names = {PREFIX + name: value for name, value in guarded.items()}
    names |= {PREFIX + "x_" + name: classes.REAL_EXCEPTIONS[name] for name in EXCEPTIONS}
    names[PREFIX + "x_Revert"] = classes.Revert
    names |= {PREFIX + "sdk_" + name: value for name, value in sdk_impl.SDK.items()}
    return names | builtins.FUNCTIONS | classes.CONSTRUCTORS | {"super": super}


ENVIRONMENT = _environment()


class Contract:
    """A loaded contract: its exported functions and classes. open: every function is callable."""

    __slots__ = ("class_hints", "classes", "functions", "methods", "name", "open", "version")

    def __init__(self, name: str, version: int, compiled: Compiled, every_function: bool) -> None:
        self.name, self.version, self.open = name, version, every_function
        self.methods, self.class_hints = compiled.methods, compiled.class_hints
        self.classes: dict[str, type] = {}
        self.functions: dict[str, Any] = {}
        rules: dict[str, dict[str, Any]] = {}
        offers: dict[str, Any] = {}
        for module, code in compiled.modules:
            offers = _set_up(code, rules, name)
            rules[module[6:]] = offers
            for value in offers.values():
                if isinstance(value, type) and value in guards.USER:
                    self.classes[value.__name__] = value
        self.functions = {n: f for n, f in offers.items() if isinstance(f, types.FunctionType)}


def _set_up(code: types.CodeType, rules: dict[str, Any], contract: str) -> dict[str, Any]:
    """Run one module's closure once. Its objects stay out of the transaction's arena."""
    names = dict(ENVIRONMENT)
    names["__builtins__"] = {"__build_class__": classes.build_class, "__name__": contract}
    names["__name__"] = contract
    place: dict[str, Any] = {}
    exec(code, names, place)  # code that this guest compiled from linted source
    meter.begin(LOAD_GAS)
    decimal.setcontext(guards.CONTEXT.copy())
    sdk_impl.LOADING[0] = contract
    try:
        found: dict[str, Any] = place[PREFIX + "module"](rules)
    finally:
        sdk_impl.LOADING[0] = ""
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


def _function(contract: Contract, name: str) -> Any:
    method = contract.methods.get(name)
    if method is None or not (method.exported or contract.open):
        raise Refusal("no-such-method", "the contract exports no method of this name")
    return contract.functions[name]


# ---- one transaction -----------------------------------------------------------------------------


def run(tx: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """One transaction; every field of its result but the id."""
    limit = tx["gas_limit"]
    meter.begin(limit)
    outcome, code, message, result = "ok", "", "", NONE
    events: list[tuple[str, str, bytes]] = []
    writes: dict[bytes, bytes | None] = {}
    session.TX.reads = {}
    try:
        contract = find_contract(tx["contract"], tx["version"])
        session.begin_transaction(contract, context)
        function = _function(contract, tx["method"])
        args, words = arguments.convert(
            tx["args"], contract.methods[tx["method"]].parameters, contract, contract.open
        )
        result = session.encode(_outside(function(*args, **words)))
        events, writes = session.TX.events, session.TX.writes
    except Exception as error:
        outcome = "revert"
        code, message = describe(error)
    except (OutOfGas, Fatal):
        outcome = "fatal"
    if meter.VERDICT[0] or meter.GAS[0] < 0:
        code, message = meter.VERDICT[0] or "out-of-gas", ""
        outcome = "oog" if code == "out-of-gas" else "fatal"
    used = limit - meter.GAS[0] if outcome in ("ok", "revert") else limit
    meter.sweep()
    if outcome != "ok":
        events, writes, result = [], {}, NONE
    return {
        "outcome": outcome, "code": code, "message": message, "gas": used, "result": result,
        "events": events, "writes": writes, "reads": session.TX.reads,
    }  # fmt: skip


def _outside(value: Any) -> Any:
    """What leaves a contract as a result; a range is its list."""
    return builtins.list_(value) if type(value) is range else value


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
    code = getattr(error, "_pl_code", None) or type(error).__name__
    message = getattr(error, "_pl_message", None) or ""
    return code, clean(message)


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
    if method is None or not method.exported:
        raise LookupError("no such method")
    if name in tx.stack and not method.view:
        raise RuntimeError("the contract is already running")
    if len(tx.stack) >= limits.CONTRACT_DEPTH_MAX:
        fatal("contract-depth")
    sent = [session.encode(value) for value in args]
    caller, context = tx.contract, tx.context
    charge(len(tx.writes) >> 2)
    writes, events = dict(tx.writes), len(tx.events)
    tx.contract = target
    tx.context = {**context, "caller": caller.name, "contract": name, "version": target.version}
    tx.stack.append(name)
    try:
        returned = session.encode(_outside(target.functions[function](*map(session.decode, sent))))
        if method.view and (len(tx.events) != events or tx.writes != writes):
            raise RuntimeError("a view changed state")
    except BaseException:
        tx.writes = writes
        del tx.events[events:]
        raise
    finally:
        tx.stack.pop()
        tx.contract, tx.context = caller, context
    return session.decode(returned)


def _active_contract(name: str) -> Contract:
    contract = get_contract(name, ACTIVE.get(name, 0))
    if contract is None:
        raise LookupError("no such contract")
    return contract


sdk_impl.CALL[0] = call


# ---- one block -----------------------------------------------------------------------------------


def run_block(request: dict[str, Any], tx_begin: Callable[[int], None] | None) -> list[Any]:
    """Results of a block's transactions, in order.

    request: what wire.decode_request gives. tx_begin: called before each transaction when the block
    runs again after a trap, so that the host knows where it is.
    """
    session.begin_block(request["read_set"])
    # No context object reaches a contract, and flags decide nothing: once a block is enough.
    decimal.setcontext(guards.CONTEXT.copy())
    ACTIVE.clear()
    ACTIVE.update(request["active"])
    trapped = set(request["fatal"])
    stop = request["stop"]
    results = []
    first = request["first"]
    common = {
        "caller": "", "channel": request["channel"], "block": request["height"],
        "time": request["time"],
    }  # fmt: skip
    for at, tx in enumerate(request["txs"]):
        if at in trapped or at >= stop:
            results.append(trap_result(tx["gas_limit"]))
            continue
        if tx_begin is not None:
            tx_begin(at)
        # The transaction's own dict is its context: the names of its call parts are not context names.
        tx["index"] = first + at
        result = run(tx, tx | common)
        if result["writes"]:
            session.BLOCK.commit(result["writes"])
        results.append(result)
    return results


def trap_result(gas_limit: int) -> dict[str, Any]:
    """A transaction that trapped the machine: the whole limit, nothing else."""
    return {
        "outcome": "fatal", "code": "trap", "message": "", "gas": gas_limit, "result": NONE,
        "events": [], "writes": {}, "reads": {},
    }  # fmt: skip
