"""Receivables with hidden amounts outside the ledger: openings, the records that carry them, and their proofs.

context_of       what a proof of range is bound to, as the contract `private_receivable` computes it
terms_content    a record of a note's terms, which opens its face
parts_content    a record that opens parts or leaves, by their commitments
opening_in       the opening of a commitment that an opened record holds
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consensus.encoding import Hash, encode
from node.confidential.sealing import Content, SealedRefused, content_of
from node.identity.hidden_amount import Opening, opens, prove
from node.identity.suite import get_suite

CONTRACT, SCHEMA = "private_receivable", "HIDDEN-AMOUNTS"
DUE_FIELD = "due_date"


@dataclass(frozen=True, slots=True)
class _Context:
    domain: str
    channel: Hash
    subject: str


def context_of(channel: bytes, subject: str) -> bytes:
    """subject: `face/RECORD`, or `part/LEAF/N` of the n-th part."""
    found = encode(_Context("private-receivable/v1", Hash(channel), subject))
    return get_suite("sm").hash(found)


def names_of(commitment: bytes) -> tuple[str, str]:
    """Field names of a commitment's amount and blinding in a sealed record."""
    tag = get_suite("sm").hash(commitment).hex()[:32]
    return f"amount_fen {tag}", f"blinding {tag}"


def opening_fields(openings: Sequence[Opening]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for opening in openings:
        amount, blinding = names_of(opening.commitment())
        fields |= {amount: str(opening.amount), blinding: opening.blinding.hex()}
    return fields


def terms_content(
    id: str, face: Opening, due_date: str, terms: Mapping[str, str], name: str = "",
    body: bytes = b"",
) -> Content:  # fmt: skip
    """terms: further fields. name, body: of a document."""
    return content_of(id, {**terms, DUE_FIELD: due_date, **opening_fields([face])}, name, body)


def parts_content(id: str, openings: Sequence[Opening]) -> Content:
    return content_of(id, opening_fields(openings))


def opening_in(content: Content, commitment: bytes) -> Opening:
    """Raises SealedRefused where the record does not open this commitment, or wrongly."""
    fields = {field.name: field.value for field in content.held.fields}
    amount, blinding = names_of(commitment)
    try:
        found = Opening(int(fields[amount]), bytes.fromhex(fields[blinding]))
    except (KeyError, ValueError) as error:
        raise SealedRefused("the record does not open this commitment") from error
    if not opens(commitment, found.amount, found.blinding):
        raise SealedRefused("the record opens this commitment wrongly: do not take it")
    return found


def prove_face(face: Opening, channel: bytes, record: str) -> bytes:
    return prove(face, context_of(channel, f"face/{record}"))


def prove_parts(parts: Sequence[Opening], channel: bytes, leaf: str) -> list[bytes]:
    return [
        prove(part, context_of(channel, f"part/{leaf}/{number}"))
        for number, part in enumerate(parts, 1)
    ]
