"""The structures of every payment as bytes, packed in one go instead of field by field.

They are most of what accepting a payment costs beside its hashes. The bytes are those of
consensus/encoding.py; tests/unit/regcenter/test_fields.py holds the two to each other.
"""

from __future__ import annotations

import struct
from operator import attrgetter

from consensus.encoding import EncodingError, Hash, Sig
from consensus.payment import (
    CCY,
    VERSION,
    Coin,
    CoinPoint,
    LogEntry,
    OwnerKind,
)
from consensus.tags import SUITE_SM, Tag, preimage
from deploy.regcenter.hashing import sm3
from deploy.regcenter.model import TxRecord

_CCY = CCY.encode()
_COIN = struct.Struct(">IQI32sII32sIQIQI3sI32sIQI32sIQIQI32s")
_COIN_LENGTHS = (8, 32, 48, 32, 8, 8, len(_CCY), 32, 8, 32, 8, 8, 32)
_COIN_VALUES = attrgetter(
    "version", "coin_id", "point.txid", "point.output_index", "value_fen", "owner", "owner_kind",
    "issuer", "serial", "state", "spent_by",
)  # fmt: skip
_POINT = struct.Struct(">I32sIQ")
_ENTRY = struct.Struct(">IQI32sIIIQI32s")
_KEY_HEAD = preimage(
    Tag.ADDRESS, SUITE_SM, struct.pack(">IQI", 8, int(OwnerKind.SM2), 65)
)  # of a WalletKey up to its key of 65 bytes
_COIN_HEAD = preimage(Tag.COIN, SUITE_SM)
_TX_HEAD = preimage(Tag.COIN_TX, SUITE_SM)
_SIGN_HEAD = preimage(Tag.COIN_TX_SIGN, SUITE_SM)
ENTRY_HEAD = preimage(Tag.LOG_ENTRY, SUITE_SM)


def framed(body: bytes) -> bytes:
    """A field of a structure: its length in 4 bytes, then the field (consensus/encoding.py)."""
    return len(body).to_bytes(4, "big") + body


def tx_digests(log_id: Hash, body: bytes) -> tuple[Hash, Hash]:
    """Id of the encoded transaction, and what its owner signs (`coin_tx_digests`)."""
    return Hash(sm3(_TX_HEAD + body)), Hash(sm3(_SIGN_HEAD + log_id + body))


def address_of(public_key: bytes) -> Hash:
    """`wallet_address` of a key of 65 bytes."""
    return Hash(sm3(_KEY_HEAD + public_key))


def coin_id_of(txid: Hash, index: int) -> Hash:
    return Hash(sm3(_COIN_HEAD + _POINT.pack(32, txid, 8, index)))


def pack_coin(coin: Coin) -> bytes:
    """`encode(coin)`."""
    version, known, txid, index, value, owner, kind, issuer, serial, state, by = _COIN_VALUES(coin)
    return _COIN.pack(
        8, version, 32, known, 48, 32, txid, 8, index, 8, value, 3, _CCY, 32, owner, 8, kind,
        32, issuer, 8, serial, 8, state, 32, by,
    )  # fmt: skip


def unpack_coin(data: bytes) -> Coin:
    """`decode(Coin, data)`. Raises EncodingError."""
    if len(data) != _COIN.size:
        raise EncodingError("no coin has this length")
    (
        a, version, b, known, c, d, txid, e, index, f, value, g, ccy, h, owner, i, kind, j, issuer,
        k, serial, m, state, n, by,
    ) = _COIN.unpack(data)  # fmt: skip
    if (a, b, c, d, e, f, g, h, i, j, k, m, n) != _COIN_LENGTHS or ccy != _CCY:
        raise EncodingError("a field of another width")
    point = CoinPoint(txid, index)
    return Coin(version, known, point, value, CCY, owner, kind, issuer, serial, state, by)


def pack_entry(entry: LogEntry) -> bytes:
    """`encode(entry)` of an entry for one output."""
    assert entry.output_index is not None
    return _ENTRY.pack(
        8, VERSION, 32, entry.txid, 16, 1, 8, entry.output_index, 32, entry.leaf_commit
    )


def pack_record(record: TxRecord, body: bytes) -> bytes:
    """`encode(record)`, `body` being the encoded transaction."""
    signed: tuple[bytes, Sig] = (record.signed.public_key, record.signed.signature)
    whole = b"".join((framed(body), *map(framed, signed)))
    times = struct.pack(">IQIQ", 8, record.accepted_ms, 8, record.first_leaf)
    return b"".join((framed(whole), framed(record.payer), times, framed(record.salt_seed)))
