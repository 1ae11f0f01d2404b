"""The gas table: a price, its name and its reason. Part of the engine version.

Rule for changing it: no program of any size may take more than 100 ms of one core per 1,000,000 gas.
A guard charges before it works, and for the worst the native code may do without coming back.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from contracts.runtime import limits

TABLE_VERSION = 6


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
    Price("FUNCTION_OBJECT", 20, "function, cells"),
    Price("INT_POWER", 20, "up to 256 bits"),
    Price("DECIMAL_ADD", 7, "60 digits"),
    Price("DECIMAL_MUL", 14, "60 digits"),
    Price("DECIMAL_DIV", 20, "60 digits"),
    Price("DECIMAL_POWER", 200, "exponent to 10,000"),
    Price("DECIMAL_METHOD", 20, "60 digits"),
    Price("NUMBER_TEXT", 12, "int and Decimal from and to text"),
    Price("NEW_CONTAINER", 4, "and a quarter of the items"),
    Price("DICT_ENTRY", 11, "one key checked, hashed and inserted"),
    Price("NEW_TEXT", 6, "a joined text, list or tuple; and an eighth of its length"),
    Price("SCALAR", 3, "one number or text passed on the walk through a structure"),
    Price("OTHER_VALUE", 8, "a Decimal or object compared or passed on the walk"),
    Price("RECORD_METHOD", 70, "comparing or showing a dataclass; and RECORD_FIELD a field"),
    Price("RECORD_FIELD", 25, "one field compared or shown"),
    Price("TUPLE", 8, "and a quarter of the items"),
    Price(
        "ITERATE_ELEMENT", 5, "sum, any, all, min, max: an element each, without a body's charge"
    ),
    Price("METHOD", 15, "look-up of the guarded form, argument list, call"),
    Price("HASH_RISK", 8, "keys whose hashes can be made to collide, and a quarter of the entries"),
    Price("INSTANCE", 50, "object, its fields, the arena"),
    Price("SET_ATTRIBUTE", 4, "guard"),
    Price(
        "STATE_READ",
        1000,
        "a miss crosses the pipe, 80 microseconds; and an eighth of the encoded length",
    ),
    Price("STATE_WRITE", 100, "key, encoding; and an eighth of the encoded length"),
    Price("SCAN", 2000, "a page from the node, 160 microseconds; and SCAN_ITEM an item"),
    Price("SCAN_ITEM", 110, "and an eighth of the encoded length"),
    Price("INDEX", 350, "one key of a secondary index made and compared; and its length"),
    Price("STORED_ELEMENT", 9, "one element of a structure encoded or decoded"),
    Price(
        "DICT_CHANGE",
        11,
        "adding, removing or testing one key by a method, beside the method itself",
    ),
    Price("OBJECT", 24, "one object of a contract class passed on the walk"),
    Price("TYPE_TEST", 9, "one type of isinstance()"),
    Price("SET_ITEM", 7, "one item hashed and inserted by a built-in"),
    Price("FORMAT", 10, "one field of an f-string, one element of a text of a structure"),
    Price("WIDE_NUMBER", 4, "operands of more than 64 bits"),
    Price("EVENT", 80, "and a quarter of the encoded length"),
    Price("CONTRACT_CALL", 200, "snapshot, context"),
    Price("SHA256", 30, "and a quarter of the length"),
    Price("SM3", 300, "and half of the length"),
    Price("VERIFY", 3000, "one signature, 230 microseconds"),
    Price(
        "VERIFY_P256", 2000, "one signature, 145 microseconds with a key seen for the first time"
    ),
    Price("COMMITMENT", 5000, "opening a hidden amount, 330 microseconds"),
    Price("COMMITMENT_SUM", 100, "adding up commitments; and COMMITMENT_PART each"),
    Price("COMMITMENT_PART", 400, "one point checked and added, 30 microseconds"),
    Price("RANGE_PROOF", 450000, "41 bits of two equations each, 30 milliseconds"),
    Price("MERKLE", 40, "and MERKLE_LEVEL a level"),
    Price("MERKLE_LEVEL", 350, "one hash outside the guest"),
    Price(
        "STRUCTURE",
        50,
        "structure encoding; and 10 a field, and the length, half more when it is read",
    ),
    Price("ENCODE", 10, "value encoding; and an eighth of the length"),
    Price("ARGUMENT", 4, "conversion by a hint; and an eighth of the JSON text"),
    Price("DEPLOY_BYTE", 200, "lint, rewrite, compile: at most 20 microseconds a byte"),
)
# Beside the 1 of every node in a block: guards that take longer than a node of their kind.
NODES = {
    "Add": 1, "Sub": 1, "Mult": 4, "FloorDiv": 2, "Mod": 3,
    "LShift": 4, "RShift": 4, "BitOr": 3, "BitAnd": 3, "BitXor": 3, "Subscript": 5,
}  # fmt: skip
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
DICT_ENTRY = _PRICES["DICT_ENTRY"]
NEW_TEXT = _PRICES["NEW_TEXT"]
SCALAR = _PRICES["SCALAR"]
OTHER_VALUE = _PRICES["OTHER_VALUE"]
RECORD_METHOD = _PRICES["RECORD_METHOD"]
RECORD_FIELD = _PRICES["RECORD_FIELD"]
ITERATE_ELEMENT = _PRICES["ITERATE_ELEMENT"]
METHOD = _PRICES["METHOD"]
HASH_RISK = _PRICES["HASH_RISK"]
INSTANCE = _PRICES["INSTANCE"]
SET_ATTRIBUTE = _PRICES["SET_ATTRIBUTE"]
STATE_READ = _PRICES["STATE_READ"]
STATE_WRITE = _PRICES["STATE_WRITE"]
SCAN = _PRICES["SCAN"]
SCAN_ITEM = _PRICES["SCAN_ITEM"]
INDEX = _PRICES["INDEX"]
STORED_ELEMENT = _PRICES["STORED_ELEMENT"]
DICT_CHANGE = _PRICES["DICT_CHANGE"]
OBJECT = _PRICES["OBJECT"]
TYPE_TEST = _PRICES["TYPE_TEST"]
SET_ITEM = _PRICES["SET_ITEM"]
FORMAT = _PRICES["FORMAT"]
WIDE_NUMBER = _PRICES["WIDE_NUMBER"]
EVENT = _PRICES["EVENT"]
CONTRACT_CALL = _PRICES["CONTRACT_CALL"]
SHA256 = _PRICES["SHA256"]
SM3 = _PRICES["SM3"]
VERIFY = _PRICES["VERIFY"]
VERIFY_P256 = _PRICES["VERIFY_P256"]
COMMITMENT = _PRICES["COMMITMENT"]
COMMITMENT_SUM = _PRICES["COMMITMENT_SUM"]
COMMITMENT_PART = _PRICES["COMMITMENT_PART"]
RANGE_PROOF = _PRICES["RANGE_PROOF"]
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


def describe() -> dict[str, Any]:
    """The whole table as values: what `city engine show` prints and an artifact says of itself."""
    return {
        "gas_table_version": TABLE_VERSION,
        "gas": [(price.name, price.gas, price.reason) for price in TABLE],
        "gas_nodes": dict(NODES),
    }
