"""The ten fields of a payment as the log commits to them."""

from __future__ import annotations

from consensus.encoding import Hash
from consensus.payment import (
    FIELDS,
    SALT_BYTES_MIN,
    STATUS_FINAL,
    VERSION,
    Disclosure,
    Kind,
    LogEntry,
    SaltSource,
    field_bytes,
    field_salt,
    fields_root,
    regime_at,
)
from consensus.tags import SUITE_SM, Tag, preimage
from deploy.regcenter.hashing import sm3
from deploy.regcenter.model import TxRecord


def framed(body: bytes) -> bytes:
    """A field of a structure: its length in 4 bytes, then the field (consensus/encoding.py)."""
    return len(body).to_bytes(4, "big") + body


_SALT_HEAD = preimage(Tag.PAYMENT_SALT, SUITE_SM)
_FIELD_HEADS = {
    name: preimage(Tag.PAYMENT_FIELD, SUITE_SM, framed(name.encode())) for name in FIELDS
}
_NAMES = {name: framed(name.encode()) for name in FIELDS}
_SALT_FRAME = SALT_BYTES_MIN.to_bytes(4, "big")


def _values(record: TxRecord, index: int) -> dict[str, int | str | bytes]:
    """The ten fields of one output, sorted by name."""
    tx, output = record.signed.tx, record.signed.tx.outputs[index]
    regime = regime_at(record.accepted_ms)
    assert regime is not None, "the center accepts nothing before the first regime"
    return {
        "amount_fen": output.value_fen,
        "ccy": tx.ccy,
        "kind": Kind(tx.kind).name,
        "payee": output.owner,
        "payer": record.payer,
        "purpose": tx.purpose,
        "ref_commit": output.reference,
        "regime": regime.regime_id,
        "status": STATUS_FINAL,
        "time_ms": record.accepted_ms,
    }


def disclosures(record: TxRecord, index: int) -> tuple[Disclosure, ...]:
    """All ten fields of one output, opened, sorted by name."""
    seed = record.salt_seed
    return tuple(
        Disclosure(name, field_bytes(name, value), field_salt(sm3, SaltSource(seed, index, name)))
        for name, value in _values(record, index).items()
    )


def commitments(record: TxRecord, index: int) -> list[Hash]:
    """`field_commitment` of each disclosure, its bytes joined here instead of encoded: this is most of the
    work of accepting a payment. A test holds the two to each other."""
    source = _SALT_HEAD + framed(record.salt_seed) + framed(index.to_bytes(8, "big"))
    found = []
    for name, value in _values(record, index).items():
        body = field_bytes(name, value)
        salt = sm3(source + _NAMES[name])[:SALT_BYTES_MIN]
        found.append(Hash(sm3(_FIELD_HEADS[name] + framed(body) + _SALT_FRAME + salt)))
    return found


def entries(record: TxRecord, txid: Hash) -> list[LogEntry]:
    """The log entries of a transaction: one an output, or one for the whole when it has none."""
    if not record.signed.tx.outputs:
        return [LogEntry(VERSION, txid, None, txid)]
    found = []
    for index in range(len(record.signed.tx.outputs)):
        root = fields_root(sm3, commitments(record, index))
        found.append(LogEntry(VERSION, txid, index, root))
    return found
