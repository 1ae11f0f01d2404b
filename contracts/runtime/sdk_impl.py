"""The SDK as the guest runs it: frozen objects, every operation priced. Types for authors: contracts/sdk."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from consensus import merkle
from consensus.tags import SUITE_IDS, Tag, preimage
from contracts.runtime import (
    builtins,
    classes,
    gas,
    limits,
    session,
    structures,
    walking,
    wire,
)
from contracts.runtime.classes import Contract, Revert
from contracts.runtime.containers import check_tuple
from contracts.runtime.indexes import declared_map
from contracts.runtime.language.tables import CONTEXT_FIELDS
from contracts.runtime.meter import allocate, charge, new
from contracts.runtime.state import LOADING, Frozen, Var, checked_name

DEFAULT_ID = b"1234567812345678"
CODE = re.compile(r"E_[A-Z0-9_]{1,60}\Z")


def event(name: Any) -> Callable[..., None]:
    """`Event(name)`; calling it with fields records an event of the transaction."""
    label = wire.event_label(LOADING[0], checked_name(name, "an event's name"))
    return session.recorder(label)


class Context(Frozen):
    """`ctx`: facts of the running call, read only."""

    __slots__ = ()
    _pl_context = True


_CONTEXT: dict[str, Callable[[Any], Any]] = {
    "sender": lambda self: session.TX.call[3],
    "member": lambda self: session.TX.call[4][0],
    "roles": lambda self: session.TX.call[4][1],
    "caller": lambda self: session.TX.caller,
    "contract": lambda self: session.TX.contract.name,
    "version": lambda self: session.TX.contract.version,
    "channel": lambda self: session.BLOCK.channel,
    "tx_id": lambda self: session.TX.call[0],
    "block": lambda self: session.BLOCK.height,
    "time": lambda self: session.BLOCK.time,
    "index": lambda self: session.TX.index,
}
assert _CONTEXT.keys() == CONTEXT_FIELDS
for _name, _read in _CONTEXT.items():
    setattr(Context, _name, property(_read))


def revert(code: Any, message: Any = "") -> Revert:
    """`Revert(code, message)`: the metered constructor of the exception."""
    if type(code) is not str or not CODE.match(code):
        raise ValueError("a code is E_ and capital letters, digits or _")
    if type(message) is not str:
        raise TypeError("a message is text")
    charge(gas.INSTANCE)
    error = Revert(code)
    error._pl_code = code  # type: ignore[attr-defined]
    error._pl_message = message
    return error


builtins.TYPES[revert] = Revert


def require(condition: Any, code: Any, message: Any = "") -> None:
    if not condition:
        raise revert(code, message)


def call(contract: Any, function: Any, *args: Any) -> Any:
    """Call an exported function of another contract; see machine.py."""
    return CALL[0](contract, function, args)


def _no_call(contract: Any, function: Any, args: tuple[Any, ...]) -> Any:
    raise RuntimeError("no machine")


CALL: list[Callable[[Any, Any, tuple[Any, ...]], Any]] = [_no_call]


# ---- bytes, hashes, signatures -------------------------------------------------------------------


def _bytes(value: Any) -> bytes:
    if type(value) is not bytes:
        raise ValueError("bytes are needed")
    return value


def encode(value: Any) -> bytes:
    charge(gas.ENCODE)
    data = session.encode(value)
    charge(len(data) >> 3)
    return data


def decode(data: Any) -> Any:
    charge(gas.ENCODE + (len(_bytes(data)) >> 2))
    if not data or len(data) > limits.VALUE_BYTES_MAX:
        raise ValueError("not an encoded value")
    return session.decode_strict(data)


def sha256(data: Any) -> bytes:
    charge(gas.SHA256 + (len(_bytes(data)) >> 2))
    return hashlib.sha256(data).digest()


def sm3(data: Any) -> bytes:
    charge(gas.SM3 + (len(_bytes(data)) >> 1))
    return session.IMPORTS.sm3(data)


def _hash_of(suite: Any) -> Callable[[bytes], bytes]:
    if suite not in ("sm", "intl") or type(suite) is not str:
        raise ValueError("a suite is sm or intl")
    if suite == "sm":
        return session.IMPORTS.sm3
    return lambda data: hashlib.sha256(data).digest()


def sm2_verify(public_key: Any, message: Any, signature: Any, id: Any = DEFAULT_ID) -> bool:
    """True exactly when the frozen rule accepts; a wrong signature or key is False."""
    for part in (public_key, message, signature, id):
        _bytes(part)
    if len(id) > 8191:
        raise ValueError("an id has at most 8191 bytes")
    charge(gas.VERIFY + (len(message) >> 1))
    return session.IMPORTS.verify("sm", public_key, message, signature, id)


def p256_verify(public_key: Any, message: Any, signature: Any) -> bool:
    """The same of the suite `intl`: ECDSA over P-256 and SHA-256, with low s alone."""
    for part in (public_key, message, signature):
        _bytes(part)
    charge(gas.VERIFY_P256 + (len(message) >> 2))
    return session.IMPORTS.verify("intl", public_key, message, signature, DEFAULT_ID)


COMMITMENT_LEN, BLINDING_LEN, CONTEXT_LEN, RANGE_PROOF_LEN = 65, 32, 32, 6592
COMMITMENTS_MAX = 64


def _sized(value: Any, length: int) -> bytes:
    if len(_bytes(value)) != length:
        raise ValueError(f"{length} bytes are needed")
    return value  # type: ignore[no-any-return]


def commitment_opens(commitment: Any, amount: Any, blinding: Any) -> bool:
    """Whether amount and blinding open a commitment to a hidden amount."""
    if type(amount) is not int:
        raise ValueError("an amount is a number")
    operands = (_sized(commitment, COMMITMENT_LEN), amount, _sized(blinding, BLINDING_LEN))
    charge(gas.COMMITMENT)
    return session.IMPORTS.amounts("opens", operands)


def commitments_add_up(whole: Any, parts: Any) -> bool:
    """Whether the amounts behind the parts add up to the one behind the whole."""
    if type(parts) not in (list, tuple) or not 1 <= len(parts) <= COMMITMENTS_MAX:
        raise ValueError("1 to 64 commitments are added up")
    operands = tuple(_sized(one, COMMITMENT_LEN) for one in (whole, *parts))
    charge(gas.COMMITMENT_SUM + gas.COMMITMENT_PART * len(operands))
    return session.IMPORTS.amounts("adds-up", operands)


def range_proof_holds(commitment: Any, context: Any, proof: Any) -> bool:
    """Whether a proof shows for this context that the commitment hides 1 to 2^41."""
    operands = (
        _sized(commitment, COMMITMENT_LEN), _sized(context, CONTEXT_LEN),
        _sized(proof, RANGE_PROOF_LEN),
    )  # fmt: skip
    charge(gas.RANGE_PROOF)
    return session.IMPORTS.amounts("range", operands)


def _path(steps: Any) -> list[bytes]:
    if type(steps) not in (list, tuple) or len(steps) > 2 * merkle.PATH_LENGTH_MAX:
        raise ValueError("a proof is a short list of hashes")
    for step in steps:
        if len(_bytes(step)) != 32:
            raise ValueError("a proof is a list of 32-byte hashes")
    charge(gas.MERKLE + gas.MERKLE_LEVEL * len(steps))
    return list(steps)


def _sizes(*numbers: Any) -> None:
    for number in numbers:
        if type(number) is not int or not 0 <= number < 1 << 63:
            raise ValueError("a tree's size or index is a number below 2**63")


def merkle_verify(
    root: Any, leaf: Any, index: Any, size: Any, path: Any, suite: Any = "sm"
) -> bool:
    """Whether the leaf hash stands at `index` of the tree of `size` leaves with this root."""
    _sizes(index, size)
    for value in (root, leaf):
        if len(_bytes(value)) != 32:
            raise ValueError("a root and a leaf are 32-byte hashes")
    return merkle.verify_inclusion(_hash_of(suite), leaf, index, size, _path(path), root)


def merkle_consistency(
    first: Any, second: Any, first_root: Any, second_root: Any, path: Any, suite: Any = "sm"
) -> bool:
    """Whether the tree of size `second` extends the tree of size `first`."""
    _sizes(first, second)
    for value in (first_root, second_root):
        if len(_bytes(value)) != 32:
            raise ValueError("a root is a 32-byte hash")
    steps = _path(path)
    charge(gas.MERKLE_LEVEL * len(steps))
    return merkle.verify_consistency(_hash_of(suite), first, second, first_root, second_root, steps)


def tagged_hash(tag: Any, suite: Any, *parts: Any) -> bytes:
    """`H(tag | suite | parts)` with a tag of the chain's one table."""
    digest = _hash_of(suite)
    try:
        known = Tag(tag)
    except ValueError:
        raise ValueError("no such tag") from None
    data = preimage(known, SUITE_IDS[suite], *[_bytes(part) for part in parts])
    charge(gas.SM3 + (len(data) >> 1))
    return digest(data)


def struct_encode(fields: Any) -> bytes:
    """Canonical structure bytes of a list of (kind, value); kinds: see structures.py."""
    if type(fields) not in (list, tuple):
        raise ValueError("fields are a list of (kind, value)")
    charge(gas.STRUCTURE + 10 * len(fields))
    for field in fields:
        if type(field) not in (list, tuple) or len(field) != 2:
            raise ValueError("fields are a list of (kind, value)")
        walking.walk(field[1])
    data = structures.encode([(kind, value) for kind, value in fields])
    charge(len(data))
    allocate(len(data))
    return data


def struct_decode(kinds: Any, data: Any) -> list[Any]:
    """Field values of canonical structure bytes; ValueError for anything else."""
    if type(kinds) not in (list, tuple):
        raise ValueError("kinds are a list of text")
    charge(gas.STRUCTURE + 10 * len(kinds) + len(_bytes(data)) + (len(data) >> 1))
    allocate(2 * len(data))
    values = structures.decode(list(kinds), data)
    for value in values:
        if type(value) is tuple:
            check_tuple(value)
    return new(values)  # type: ignore[no-any-return]


def int_from_bytes(data: Any, byteorder: Any = "big", *, signed: Any = False) -> int:
    if byteorder not in ("big", "little") or len(_bytes(data)) > 32 + (signed is True):
        raise ValueError("at most 32 bytes, 'big' or 'little'")
    charge(gas.NUMBER_TEXT)
    return builtins.int_(int.from_bytes(data, byteorder, signed=bool(signed)))


def bytes_from_hex(text: Any) -> bytes:
    if type(text) is not str or not text.isascii():
        raise ValueError("not hexadecimal text")
    charge(gas.NUMBER_TEXT + (len(text) >> 3))
    allocate(len(text))
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise ValueError("not hexadecimal text") from None
    if 2 * len(data) != len(text):  # it would have skipped spaces
        raise ValueError("not hexadecimal text")
    return data


SDK: dict[str, Any] = {
    "Contract": Contract, "Map": declared_map, "Var": Var, "Event": event, "ctx": Context(),
    "require": require, "Revert": revert, "call": call, "Decimal": builtins.decimal_,
    "field": classes.field, "encode": encode, "decode": decode, "sha256": sha256, "sm3": sm3,
    "sm2_verify": sm2_verify, "p256_verify": p256_verify, "commitment_opens": commitment_opens,
    "commitments_add_up": commitments_add_up, "range_proof_holds": range_proof_holds,
    "merkle_verify": merkle_verify, "merkle_consistency": merkle_consistency, "tagged_hash": tagged_hash,
    "struct_encode": struct_encode, "struct_decode": struct_decode,
    "int_from_bytes": int_from_bytes, "bytes_from_hex": bytes_from_hex,
}  # fmt: skip
