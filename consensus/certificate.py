"""Commit certificates: q seals of one view over one block. They travel with blocks and are the proof
that light clients, catch-up and evidence bundles rest on (consensus.md R4, decisions section 2.8)."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.api import SignatureItem
from consensus.encoding import Hash, Sig, encode
from consensus.quorum import majority, quorum
from consensus.tags import Tag, preimage
from consensus.validators import ValidatorSet

KIND_PBFT = "pbft"
KIND_RAFT = "raft"


@dataclass(frozen=True, slots=True)
class Seal:
    """What a validator signs when it commits. The view is inside, so seals of two views never add up."""

    channel_id: Hash
    epoch: int
    height: int
    view: int
    block_hash: Hash


@dataclass(frozen=True, slots=True)
class CommitCert:
    """`signers` is a bitmap, bit i (from the low bit of byte 0) for validator i; `seals` in that order."""

    kind: str
    epoch: int
    height: int
    view: int
    block_hash: Hash
    signers: bytes
    seals: tuple[Sig, ...]


class InvalidCertificate(ValueError):
    """A certificate that does not prove what it claims; the text says why."""


def bitmap(indexes: list[int], n: int) -> bytes:
    bits = bytearray((n + 7) // 8)
    for index in indexes:
        bits[index // 8] |= 1 << index % 8
    return bytes(bits)


def bitmap_indexes(bits: bytes, n: int) -> list[int]:
    """Indexes set in a bitmap of exactly n bits. Raises InvalidCertificate for any other length or bit."""
    if len(bits) != (n + 7) // 8 or int.from_bytes(bits, "little") >> n:
        raise InvalidCertificate("the signer bitmap does not fit the validator set")
    return [i for i in range(n) if bits[i // 8] >> i % 8 & 1]


def seal_message(suite_id: int, seal: Seal) -> bytes:
    return preimage(Tag.COMMIT_SEAL, suite_id, encode(seal))


def seals_needed(kind: str, n: int) -> int:
    """How many of n validators make a certificate on a channel of this kind: enough that no f liars can
    make two (pbft), or a majority of members trusted not to lie (raft). Raises InvalidCertificate."""
    if kind == KIND_PBFT:
        return quorum(n)
    if kind == KIND_RAFT:
        return majority(n)
    raise InvalidCertificate(f"unknown certificate kind {kind!r}")


def certificate_items(
    cert: CommitCert, kind: str, suite_id: int, channel_id: Hash, validators: ValidatorSet
) -> list[SignatureItem]:
    """The signatures that make `cert` valid, after every check that needs no cryptography.

    `kind` is the one that the channel's configuration names. The certificate's own word decides nothing:
    from n = 5 on a majority is fewer than a quorum, so liars would call their certificate the other kind.
    Raises InvalidCertificate for another kind or epoch, fewer seals than needed, or a wrong bitmap."""
    needed = seals_needed(kind, len(validators))
    if cert.kind != kind:
        raise InvalidCertificate(f"a {cert.kind!r} certificate on a {kind!r} channel")
    if cert.epoch != validators.epoch:
        raise InvalidCertificate(f"epoch {cert.epoch} is not {validators.epoch}")
    indexes = bitmap_indexes(cert.signers, len(validators))
    if len(indexes) < needed or len(cert.seals) != len(indexes):
        raise InvalidCertificate(f"{len(cert.seals)} seals where {needed} are needed")
    message = seal_message(
        suite_id, Seal(channel_id, cert.epoch, cert.height, cert.view, cert.block_hash)
    )
    return [
        SignatureItem(validators.key(index), message, seal)
        for index, seal in zip(indexes, cert.seals, strict=True)
    ]
