"""Evidence: two contradicting votes of one validator (consensus.md section 3, S10).

It names the key, not the index: indexes change with the validator set (tendermint#3244).
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.api import SignatureItem
from consensus.certificate import Seal
from consensus.encoding import Hash, Sig
from consensus.pbft.certificates import vote_message
from consensus.tags import Tag

VOTE_TAGS = {"proposal": Tag.PROPOSAL, "prepare": Tag.PREPARE, "commit": Tag.COMMIT_SEAL}


@dataclass(frozen=True, slots=True)
class Evidence:
    """`kind` is proposal, prepare or commit; both signatures are of `vote_key` over the same channel,
    epoch, height and view, and two different blocks, the lower hash first."""

    kind: str
    vote_key: bytes
    channel_id: Hash
    epoch: int
    height: int
    view: int
    first_hash: Hash
    first_signature: Sig
    second_hash: Hash
    second_signature: Sig


def make_evidence(
    kind: str, vote_key: bytes, vote: Seal, signature: Sig, other_hash: Hash, other_signature: Sig
) -> Evidence:
    """The same accusation always has the same bytes, whoever noticed and in whatever order."""
    first, second = sorted(((vote.block_hash, signature), (other_hash, other_signature)))
    return Evidence(
        kind, vote_key, vote.channel_id, vote.epoch, vote.height, vote.view, *first, *second
    )


def evidence_items(evidence: Evidence, suite_id: int) -> list[SignatureItem]:
    """The two signatures that prove it. Raises ValueError where it accuses of nothing."""
    tag = VOTE_TAGS.get(evidence.kind)
    if tag is None or evidence.first_hash >= evidence.second_hash:
        raise ValueError("evidence shows two different blocks, in order, under one kind of vote")
    pairs = (
        (evidence.first_hash, evidence.first_signature),
        (evidence.second_hash, evidence.second_signature),
    )
    return [
        SignatureItem(
            evidence.vote_key,
            vote_message(
                tag,
                suite_id,
                Seal(evidence.channel_id, evidence.epoch, evidence.height, evidence.view, digest),
            ),
            signature,
        )
        for digest, signature in pairs
    ]
