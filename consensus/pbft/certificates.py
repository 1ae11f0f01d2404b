"""Votes and the certificates made of them (rules R2, R4).

A vote of any kind signs the same structure, `Seal`, under its own tag: the leader's proposal, the
prepares and the commits of one slot cannot be mistaken for each other, nor those of another view.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from consensus.api import SignatureItem
from consensus.certificate import (
    KIND_PBFT,
    CommitCert,
    InvalidCertificate,
    Seal,
    bitmap,
    bitmap_indexes,
)
from consensus.encoding import Hash, Sig, encode
from consensus.header import Header, block_hash
from consensus.merkle import HashFunction
from consensus.tags import Tag, preimage
from consensus.validators import ValidatorSet


def leader_of(view: int, validators: ValidatorSet) -> int:
    """The leader of a view. Stable leader, K = 0 (decisions section 2.5)."""
    return view % len(validators)


def vote_message(tag: Tag, suite_id: int, vote: Seal) -> bytes:
    """The bytes signed by a Proposal, a Prepare or a Commit; the tag says which."""
    return preimage(tag, suite_id, encode(vote))


@dataclass(frozen=True, slots=True)
class PreparedCert:
    """q validators accepted `header` in `view` (R2). It carries the header, so that selection can follow
    parents. The leader's signature is its Proposal's, the others' are Prepares."""

    view: int
    header: Header
    signers: bytes
    signatures: tuple[Sig, ...]


def prepared_items(
    cert: PreparedCert,
    suite_id: int,
    channel_id: Hash,
    validators: ValidatorSet,
    hash_: HashFunction,
) -> list[SignatureItem]:
    """The signatures that make `cert` valid, after every check that needs no cryptography.

    Raises InvalidCertificate."""
    header = cert.header
    if (header.channel_id, header.epoch, header.suite) != (channel_id, validators.epoch, suite_id):
        raise InvalidCertificate("a prepared block of another channel, epoch or suite")
    indexes = bitmap_indexes(cert.signers, len(validators))
    if len(indexes) < validators.quorum or len(cert.signatures) != len(indexes):
        raise InvalidCertificate("a prepared certificate without a quorum")
    vote = Seal(channel_id, header.epoch, header.height, cert.view, block_hash(hash_, header))
    prepare = vote_message(Tag.PREPARE, suite_id, vote)
    proposal = vote_message(Tag.PROPOSAL, suite_id, vote)
    leader = leader_of(cert.view, validators)
    return [
        SignatureItem(validators.key(i), proposal if i == leader else prepare, signature)
        for i, signature in zip(indexes, cert.signatures, strict=True)
    ]


def _joined(votes: Mapping[int, Sig], n: int) -> tuple[bytes, tuple[Sig, ...]]:
    senders = sorted(votes)
    return bitmap(senders, n), tuple(votes[i] for i in senders)


def prepared_cert(view: int, header: Header, votes: Mapping[int, Sig], n: int) -> PreparedCert:
    """From signatures by sender, all over this header in this view."""
    signers, signatures = _joined(votes, n)
    return PreparedCert(view, header, signers, signatures)


def commit_cert(vote: Seal, seals: Mapping[int, Sig], n: int) -> CommitCert:
    """From seals by sender, all over this one vote: never of two views (R4)."""
    signers, signatures = _joined(seals, n)
    return CommitCert(
        KIND_PBFT, vote.epoch, vote.height, vote.view, vote.block_hash, signers, signatures
    )


def senders_bitmap(senders: Iterable[int], n: int) -> bytes:
    return bitmap(sorted(senders), n)
