"""Strict JSON: no duplicate names, no floats, no unknown or missing fields, bounded size and depth.

JSON is a view of structures here; what is hashed and signed is rebuilt from it in canonical bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, NoReturn

from consensus.encoding import EncodingError, encode
from consensus.payment import CoinOutput, CoinTransaction, Kind, SignedCoinTransaction
from consensus.payment_lock import (
    ARBITERS_MAX,
    Approval,
    Condition,
    LockTerms,
    Witness,
    WitnessedTransaction,
)
from deploy.regcenter.errors import CenterError

BODY_BYTES_MAX = 256 * 1024
INT_DIGITS_MAX = 20


def _refuse(text: str) -> NoReturn:
    raise CenterError("RC_JSON", f"{text[:40]} is not a whole number")


def _integer(text: str) -> int:
    if len(text) > INT_DIGITS_MAX:
        _refuse(text)
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CenterError("RC_JSON", "a name occurs twice")
    return found


def parse(data: bytes) -> Any:
    """The value of a JSON text. Raises CenterError RC_JSON."""
    if len(data) > BODY_BYTES_MAX:
        raise CenterError("RC_JSON", "longer than 256 KiB")
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_refuse,
            parse_int=_integer,
            parse_constant=_refuse,
        )
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CenterError("RC_JSON", "it cannot be read as JSON in UTF-8") from error
    except RecursionError as error:
        raise CenterError("RC_JSON", "nested too deep") from error


Reader = Callable[[Any, str], Any]


def fields(value: Any, path: str, readers: dict[str, Reader]) -> dict[str, Any]:
    """An object with exactly these names, each read by its reader."""
    if type(value) is not dict:
        raise CenterError("RC_JSON", f"{path} is no object")
    for name in value:
        if name not in readers:
            raise CenterError("RC_JSON", f"unknown field {path}.{name[:40]}")
    for name in readers:
        if name not in value:
            raise CenterError("RC_JSON", f"missing field {path}.{name}")
    return {name: read(value[name], f"{path}.{name}") for name, read in readers.items()}


def whole(value: Any, path: str) -> int:
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise CenterError("RC_JSON", f"{path} is no whole number from 0 to 2^64 - 1")
    return value


def text(value: Any, path: str) -> str:
    if type(value) is not str:
        raise CenterError("RC_JSON", f"{path} is no text")
    return value


def hexed(size: int | None) -> Reader:
    """Lower-case hex of `size` bytes."""

    def read(value: Any, path: str) -> bytes:
        body = text(value, path)
        try:
            data = bytes.fromhex(body)
        except ValueError:
            data = None
        if data is None or data.hex() != body or (size is not None and len(data) != size):
            wanted = "bytes" if size is None else f"{size} bytes"
            raise CenterError("RC_JSON", f"{path} is not {wanted} in lower-case hex")
        return data

    return read


def array(read: Reader, items_max: int) -> Reader:
    def read_all(value: Any, path: str) -> tuple[Any, ...]:
        if type(value) is not list or len(value) > items_max:
            raise CenterError("RC_JSON", f"{path} is no list of at most {items_max} items")
        return tuple(read(item, f"{path}[{at}]") for at, item in enumerate(value))

    return read_all


def _member(names: type[IntEnum], value: Any, path: str) -> IntEnum:
    name = text(value, path)
    if name not in names.__members__:
        raise CenterError("RC_JSON", f"{path} is no {names.__name__.lower()}")
    return names[name]


def _kind(value: Any, path: str) -> int:
    return int(_member(Kind, value, path))


def _output(value: Any, path: str) -> CoinOutput:
    hash32 = hexed(32)
    return CoinOutput(
        **fields(value, path, {"value_fen": whole, "owner": hash32, "reference": hash32})
    )


_ITEMS_MAX = 1_000  # more than the rules allow: the rules answer with their own code
_TX_READERS: dict[str, Reader] = {
    "version": whole,
    "kind": _kind,
    "ccy": text,
    "inputs": array(hexed(32), _ITEMS_MAX),
    "outputs": array(_output, _ITEMS_MAX),
    "purpose": text,
    "time_ms": whole,
    "salt": hexed(None),
}


def _transaction(value: Any, path: str) -> CoinTransaction:
    return CoinTransaction(**fields(value, path, _TX_READERS))


_SIGNED_READERS: dict[str, Reader] = {
    "tx": _transaction,
    "public_key": hexed(65),
    "signature": hexed(64),
}
_TERMS_READERS: dict[str, Reader] = {
    "version": whole,
    "payer": hexed(32),
    "payee": hexed(32),
    "amount_fen": whole,
    "condition": lambda value, path: int(_member(Condition, value, path)),
    "program_hash": hexed(32),
    "after_ms": whole,
    "arbiters": array(hexed(32), _ITEMS_MAX),
    "threshold": whole,
    "expires_ms": whole,
    "salt": hexed(None),
}


def read_transaction(data: bytes) -> SignedCoinTransaction:
    """The signed transaction of a request body. Raises CenterError."""
    with _canonical():
        signed = SignedCoinTransaction(**fields(parse(data), "body", _SIGNED_READERS))
        encode(signed)  # every field has a canonical form, or the request is refused here
    return signed


def read_lock(data: bytes) -> WitnessedTransaction:
    """Body of POST /lock: a signed transaction with the `terms` of its lock. Raises CenterError."""
    with _canonical():
        found = fields(parse(data), "body", {**_SIGNED_READERS, "terms": _terms})
        witness = Witness(terms=found.pop("terms"))
        return _witnessed(SignedCoinTransaction(**found), witness)


def read_release(data: bytes) -> WitnessedTransaction:
    """Body of POST /release: a signed transaction with what opens its coin. Raises CenterError."""
    readers = {
        **_SIGNED_READERS,
        "preimage": hexed(None),
        "approvals": array(_approval, ARBITERS_MAX),
    }
    with _canonical():
        found = fields(parse(data), "body", readers)
        witness = Witness(preimage=found.pop("preimage"), approvals=found.pop("approvals"))
        return _witnessed(SignedCoinTransaction(**found), witness)


def _witnessed(signed: SignedCoinTransaction, witness: Witness) -> WitnessedTransaction:
    both = WitnessedTransaction(signed, witness)
    encode(both)
    return both


def _terms(value: Any, path: str) -> LockTerms:
    return LockTerms(**fields(value, path, _TERMS_READERS))


def _approval(value: Any, path: str) -> Approval:
    return Approval(**fields(value, path, {"public_key": hexed(65), "signature": hexed(64)}))


@contextmanager
def _canonical() -> Iterator[None]:
    try:
        yield
    except EncodingError as error:
        raise CenterError("RC_ENCODING", str(error)) from error


def transaction_view(signed: SignedCoinTransaction) -> dict[str, Any]:
    """The JSON view of a signed transaction: what `read_transaction` reads."""
    tx = signed.tx
    return {
        "tx": {
            "version": tx.version,
            "kind": Kind(tx.kind).name,
            "ccy": tx.ccy,
            "inputs": [coin.hex() for coin in tx.inputs],
            "outputs": [
                {
                    "value_fen": output.value_fen,
                    "owner": output.owner.hex(),
                    "reference": output.reference.hex(),
                }
                for output in tx.outputs
            ],
            "purpose": tx.purpose,
            "time_ms": tx.time_ms,
            "salt": tx.salt.hex(),
        },
        "public_key": signed.public_key.hex(),
        "signature": signed.signature.hex(),
    }


def lock_view(signed: SignedCoinTransaction, terms: LockTerms) -> dict[str, Any]:
    """What `read_lock` reads."""
    return {
        **transaction_view(signed),
        "terms": {
            "version": terms.version,
            "payer": terms.payer.hex(),
            "payee": terms.payee.hex(),
            "amount_fen": terms.amount_fen,
            "condition": Condition(terms.condition).name,
            "program_hash": terms.program_hash.hex(),
            "after_ms": terms.after_ms,
            "arbiters": [address.hex() for address in terms.arbiters],
            "threshold": terms.threshold,
            "expires_ms": terms.expires_ms,
            "salt": terms.salt.hex(),
        },
    }


def release_view(signed: SignedCoinTransaction, witness: Witness) -> dict[str, Any]:
    """What `read_release` reads."""
    return {
        **transaction_view(signed),
        "preimage": witness.preimage.hex(),
        "approvals": [
            {"public_key": found.public_key.hex(), "signature": found.signature.hex()}
            for found in witness.approvals
        ],
    }
