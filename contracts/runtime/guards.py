"""The guards: every name that the compiler writes into contract code, with the reason it is there.

Nothing here reads a clock, a hash or an address. Compiled code reaches a guard as its name behind the
runtime's prefix, and nothing else but the built-ins and the SDK (machine.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from contracts.runtime import (
    arithmetic,
    builtins,
    classes,
    containers,
    meter,
    methods,
    text,
    walking,
)


class Guard(NamedTuple):
    name: str
    function: Any
    reason: str


GUARDS = (
    Guard("G", meter.GAS, "what is left; every block takes its price from it"),
    Guard("D", meter.DEPTH, "calls on the stack"),
    Guard("oog", meter.out_of_gas, "gas ends: the verdict is set and nothing undoes it"),
    Guard("deep", meter.too_deep, "calls nest at most 64 deep, far from any stack of the machine"),
    Guard("tick", meter.tick, "an element of a comprehension is charged"),
    Guard("new", meter.new, "a new list is charged, bounded and swept at the end"),
    Guard("function", meter.function_object, "a function object is charged; 512 a transaction"),
    Guard("lambda", meter.metered_lambda, "a lambda pays at each call"),
    Guard("caught", classes.caught, "a handler swallows neither verdict nor chain of exceptions"),
    Guard("raise", classes.raised, "what is raised carries no text of the interpreter"),
    Guard("dataclass", classes.dataclass, "methods of a dataclass without exec"),
    Guard(
        "getattr",
        classes.get_attribute,
        "names that interpreter types share: contract objects only",
    ),
    Guard("setattr", classes.set_attribute, "only instances of contract classes change"),
    Guard("add", arithmetic.add, "256 bits; text and lists by length"),
    Guard("iadd", arithmetic.iadd, "a list grows in place, charged by what is added"),
    Guard("sub", arithmetic.sub, "256 bits"),
    Guard("mul", arithmetic.mul, "256 bits; repetition by the length of the result"),
    Guard("pow", arithmetic.power, "the size is known before it is computed"),
    Guard("div", arithmetic.divide, "Decimal only"),
    Guard("floordiv", arithmetic.floordiv, "no text of the interpreter"),
    Guard("mod", arithmetic.mod, "numbers only: no formatting"),
    Guard("lshift", arithmetic.lshift, "at most 256 bits"),
    Guard("rshift", arithmetic.rshift, "negative shifts have one error"),
    Guard("or", arithmetic.bit_or, "integers only: no joining of dicts and sets"),
    Guard("and", arithmetic.bit_and, "integers only"),
    Guard("xor", arithmetic.bit_xor, "integers only"),
    Guard("invert", arithmetic.invert, "256 bits"),
    Guard("neg", arithmetic.negate, "Decimals are charged"),
    Guard("eq", walking.equal, "structures are walked and charged first"),
    Guard("ne", walking.not_equal, "structures are walked and charged first"),
    Guard("lt", walking.less, "structures are walked and charged first"),
    Guard("le", walking.less_equal, "structures are walked and charged first"),
    Guard("gt", walking.greater, "structures are walked and charged first"),
    Guard("ge", walking.greater_equal, "structures are walked and charged first"),
    Guard("in", walking.contains, "searches are charged by what they may look at"),
    Guard("notin", walking.not_contains, "as in"),
    Guard("getitem", containers.getitem, "keys whose hashes can collide are charged"),
    Guard(
        "setitem", containers.setitem, "entries are bounded and charged; state is encoded at once"
    ),
    Guard("delitem", containers.delitem, "moving what follows is charged"),
    Guard("slice", containers.slice_of, "the copy is charged before it is made"),
    Guard("iter", containers.iterate, "a loop over a dict or set runs over its copy"),
    Guard("pairs", containers.pairs, "what a loop unpacks is checked and charged"),
    Guard("unpack", containers.unpack, "what an assignment unpacks is checked and charged"),
    Guard("list_of", containers.list_of, "one pass over anything is charged before"),
    Guard("tuple", containers.check_tuple, "tuples are charged and nest at most 8 deep"),
    Guard("dict", containers.new_dict, "keys are checked and charged one by one"),
    Guard("dict_of_pairs", containers.dict_of_pairs, "as dict, from a comprehension"),
    Guard("set", builtins.set_, "keys are checked and charged one by one"),
    Guard(
        "method", methods.method, "methods of built-in types by a table, charged before they work"
    ),
    Guard("format", text.formatted, "texts are ours and charged by length"),
    Guard("join", text.join_parts, "the result is charged before it is made"),
    Guard("staticmethod", staticmethod, "the decorator"),
    Guard("classmethod", classmethod, "the decorator"),
    Guard("property", property, "the decorator"),
    Guard(
        "AssertionError",
        classes.CONSTRUCTORS["AssertionError"],
        "what assert raises, with our text",
    ),
)
assert len({guard.name for guard in GUARDS}) == len(GUARDS)
