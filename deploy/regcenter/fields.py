"""The ten fields of a payment as the log commits to them."""

from __future__ import annotations

from consensus.encoding import Hash
from consensus.payment import (
    STATUS_FINAL,
    VERSION,
    Disclosure,
    Kind,
    LogEntry,
    SaltSource,
    field_bytes,
    field_commitment,
    field_salt,
    fields_root,
    regime_at,
)
from deploy.regcenter.hashing import sm3
from deploy.regcenter.model import TxRecord


def disclosures(record: TxRecord, index: int) -> tuple[Disclosure, ...]:
    """All ten fields of one output, opened, sorted by name."""
    tx, output = record.signed.tx, record.signed.tx.outputs[index]
    regime = regime_at(record.accepted_ms)
    assert regime is not None, "the center accepts nothing before the first regime"
    values: dict[str, int | str | bytes] = {
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
    seed = record.salt_seed
    return tuple(
        Disclosure(name, field_bytes(name, value), field_salt(sm3, SaltSource(seed, index, name)))
        for name, value in values.items()
    )


def entries(record: TxRecord, txid: Hash) -> list[LogEntry]:
    """The log entries of a transaction: one an output, or one for the whole when it has none."""
    if not record.signed.tx.outputs:
        return [LogEntry(VERSION, txid, None, txid)]
    found = []
    for index in range(len(record.signed.tx.outputs)):
        commitments = [field_commitment(sm3, d) for d in disclosures(record, index)]
        found.append(LogEntry(VERSION, txid, index, fields_root(sm3, commitments)))
    return found
