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
    regime_at,
)
from consensus.tags import SUITE_SM, Tag, preimage
from deploy.regcenter.hashing import fresh, sm3
from deploy.regcenter.model import TxRecord
from deploy.regcenter.packed import framed

_SALT_HEAD = preimage(Tag.PAYMENT_SALT, SUITE_SM)
_FIELD_HEAD = preimage(Tag.PAYMENT_FIELD, SUITE_SM)
_NAMES = tuple(framed(name.encode()) for name in FIELDS)
_HEADS = tuple(_FIELD_HEAD + name for name in _NAMES)
_SALT_FRAME = SALT_BYTES_MIN.to_bytes(4, "big")
_KIND_NAMES = {int(kind): kind.name for kind in Kind}


def _values(record: TxRecord, index: int) -> dict[str, int | str | bytes]:
    """The ten fields of one output, sorted by name."""
    tx, output = record.signed.tx, record.signed.tx.outputs[index]
    regime = regime_at(record.accepted_ms)
    assert regime is not None, "the center accepts nothing before the first regime"
    # a refund refers to the coin it takes back, whatever its owner wrote: others rely on it
    refunds = tx.inputs[0] if tx.kind == Kind.REFUND_LOCK and tx.inputs else b""
    return {
        "amount_fen": output.value_fen,
        "ccy": tx.ccy,
        "kind": _KIND_NAMES[tx.kind],
        "payee": output.owner,
        "payer": record.payer,
        "purpose": tx.purpose,
        "ref_commit": refunds or output.reference,
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


def _body(value: int | str | bytes) -> bytes:
    """`field_bytes` of a value that the center made itself."""
    if isinstance(value, bytes):
        return value
    return value.to_bytes(8, "big") if isinstance(value, int) else value.encode("ascii")


def commitments(record: TxRecord, index: int) -> list[Hash]:
    """`field_commitment` of each disclosure, its bytes joined here instead of encoded: this is most of the
    work of accepting a payment. A test holds the two to each other."""
    source = fresh()
    source.update(_SALT_HEAD + framed(record.salt_seed) + framed(index.to_bytes(8, "big")))
    found = []
    for name, head, value in zip(_NAMES, _HEADS, _values(record, index).values(), strict=True):
        salt = source.copy()
        salt.update(name)
        body = _body(value)
        commitment = fresh()
        commitment.update(
            head
            + len(body).to_bytes(4, "big")
            + body
            + _SALT_FRAME
            + salt.digest()[:SALT_BYTES_MIN]
        )
        found.append(Hash(commitment.digest()))
    return found


def _root_of_ten(leaves: list[bytes]) -> Hash:
    """`merkle.root` of the ten fields' leaf hashes, its tree written out: eight and two."""
    level = leaves[:8]
    while len(level) > 1:
        level = [sm3(b"\x01" + a + b) for a, b in zip(level[::2], level[1::2], strict=True)]
    return Hash(sm3(b"\x01" + level[0] + sm3(b"\x01" + leaves[8] + leaves[9])))


def entries(record: TxRecord, txid: Hash) -> list[LogEntry]:
    """The log entries of a transaction: one an output, or one for the whole when it has none."""
    if not record.signed.tx.outputs:
        return [LogEntry(VERSION, txid, None, txid)]
    found = []
    for index in range(len(record.signed.tx.outputs)):
        leaves = [sm3(b"\x00" + each) for each in sorted(commitments(record, index))]
        found.append(LogEntry(VERSION, txid, index, _root_of_ten(leaves)))
    return found
