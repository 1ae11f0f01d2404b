"""The gas table: a price, its name and its reason. Part of the engine version.

Rule for changing it: no program of any size may take more than 100 ms of one core per 1,000,000 gas.
A guard charges before it works, and for the worst the native code may do without coming back.
"""

from __future__ import annotations

from typing import NamedTuple

from contracts.runtime import limits


class Price(NamedTuple):
    name: str
    gas: int
    reason: str


TABLE = (
    Price("FUNCTION_ENTRY", 5, "frame, depth guard and its release"),
    Price("FOR_BODY", 2, "next item and the jump back"),
    Price("WHILE_BODY", 1, "the jump back; the test is charged by its nodes"),
    Price("HANDLER", 16, "matching and clearing an exception"),
    Price("COMPREHENSION_ELEMENT", 2, "next item and appending"),
    Price("LAMBDA_CALL", 3, "frame and depth guard"),
    Price("FUNCTION_OBJECT", 5, "function, cells"),
    Price("INT_POWER", 20, "up to 256 bits"),
    Price("DECIMAL_ADD", 4, "60 digits"),
    Price("DECIMAL_MUL", 8, "60 digits"),
    Price("DECIMAL_DIV", 20, "60 digits"),
    Price("DECIMAL_POWER", 200, "exponent to 10,000"),
    Price("DECIMAL_METHOD", 10, "60 digits"),
    Price("NUMBER_TEXT", 12, "int and Decimal from and to text"),
    Price("NEW_CONTAINER", 4, "and a quarter of the items"),
    Price("TUPLE", 3, "and a quarter of the items"),
    Price(
        "ITERATE_ELEMENT", 4, "sum, any, all, min, max: an element each, without a body's charge"
    ),
    Price("METHOD", 2, "dispatch"),
    Price("HASH_RISK", 8, "keys whose hashes can be made to collide, and a quarter of the entries"),
    Price("INSTANCE", 16, "object, its fields, the arena"),
    Price("SET_ATTRIBUTE", 2, "guard"),
    Price("STATE_READ", 200, "a miss crosses the pipe; and an eighth of the encoded length"),
    Price("STATE_WRITE", 100, "key, encoding; and an eighth of the encoded length"),
    Price("SCAN", 50, "and SCAN_ITEM an item"),
    Price("SCAN_ITEM", 50, "and an eighth of the encoded length"),
    Price("STORED_ELEMENT", 8, "one element of a structure encoded or decoded"),
    Price("SET_ITEM", 4, "one item hashed and inserted by a built-in"),
    Price("FORMAT", 10, "one field of an f-string, one element of a text of a structure"),
    Price("WIDE_NUMBER", 4, "operands of more than 64 bits"),
    Price("EVENT", 50, "and a quarter of the encoded length"),
    Price("CONTRACT_CALL", 200, "snapshot, context"),
    Price("SHA256", 30, "and a quarter of the length"),
    Price("SM3", 200, "and half of the length"),
    Price("VERIFY", 3000, "one signature, 230 microseconds"),
    Price("MERKLE", 40, "and MERKLE_LEVEL a level"),
    Price("MERKLE_LEVEL", 200, "one hash outside the guest"),
    Price("STRUCTURE", 20, "structure encoding; and 10 a field, and an eighth of the length"),
    Price("ENCODE", 10, "value encoding; and an eighth of the length"),
    Price("ARGUMENT", 4, "conversion by a hint; and an eighth of the JSON text"),
    Price("DEPLOY_BYTE", 200, "lint, rewrite, compile: at most 20 microseconds a byte"),
)
_PRICES = {price.name: price.gas for price in TABLE}

FUNCTION_ENTRY = _PRICES["FUNCTION_ENTRY"]
FOR_BODY = _PRICES["FOR_BODY"]
WHILE_BODY = _PRICES["WHILE_BODY"]
HANDLER = _PRICES["HANDLER"]
COMPREHENSION_ELEMENT = _PRICES["COMPREHENSION_ELEMENT"]
LAMBDA_CALL = _PRICES["LAMBDA_CALL"]
FUNCTION_OBJECT = _PRICES["FUNCTION_OBJECT"]
INT_POWER = _PRICES["INT_POWER"]
DECIMAL_ADD = _PRICES["DECIMAL_ADD"]
DECIMAL_MUL = _PRICES["DECIMAL_MUL"]
DECIMAL_DIV = _PRICES["DECIMAL_DIV"]
DECIMAL_POWER = _PRICES["DECIMAL_POWER"]
DECIMAL_METHOD = _PRICES["DECIMAL_METHOD"]
NUMBER_TEXT = _PRICES["NUMBER_TEXT"]
NEW_CONTAINER = _PRICES["NEW_CONTAINER"]
TUPLE = _PRICES["TUPLE"]
ITERATE_ELEMENT = _PRICES["ITERATE_ELEMENT"]
METHOD = _PRICES["METHOD"]
HASH_RISK = _PRICES["HASH_RISK"]
INSTANCE = _PRICES["INSTANCE"]
SET_ATTRIBUTE = _PRICES["SET_ATTRIBUTE"]
STATE_READ = _PRICES["STATE_READ"]
STATE_WRITE = _PRICES["STATE_WRITE"]
SCAN = _PRICES["SCAN"]
SCAN_ITEM = _PRICES["SCAN_ITEM"]
STORED_ELEMENT = _PRICES["STORED_ELEMENT"]
SET_ITEM = _PRICES["SET_ITEM"]
FORMAT = _PRICES["FORMAT"]
WIDE_NUMBER = _PRICES["WIDE_NUMBER"]
EVENT = _PRICES["EVENT"]
CONTRACT_CALL = _PRICES["CONTRACT_CALL"]
SHA256 = _PRICES["SHA256"]
SM3 = _PRICES["SM3"]
VERIFY = _PRICES["VERIFY"]
MERKLE = _PRICES["MERKLE"]
MERKLE_LEVEL = _PRICES["MERKLE_LEVEL"]
STRUCTURE = _PRICES["STRUCTURE"]
ENCODE = _PRICES["ENCODE"]
ARGUMENT = _PRICES["ARGUMENT"]
DEPLOY_BYTE = _PRICES["DEPLOY_BYTE"]
CALL_DEPTH_MAX = limits.CALL_DEPTH_MAX


def deployment_gas(source_bytes: int) -> int:
    """What deploying a bundle costs, apart from writing it: charged whether or not a cache helps."""
    return DEPLOY_BYTE * source_bytes
