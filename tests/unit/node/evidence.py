"""Two contradicting seals of one key."""

from __future__ import annotations

from consensus.certificate import Seal
from consensus.encoding import Hash, Sig, encode
from consensus.pbft.certificates import vote_message
from consensus.pbft.evidence import VOTE_TAGS, make_evidence
from node.identity.signers import MemorySigner
from tests.unit.node.network import SUITE

CHANNEL = Hash(b"\x07" * 32)


def evidence_of(
    signer: MemorySigner, epoch: int, height: int = 3, channel_id: Hash = CHANNEL
) -> bytes:
    """Canonical evidence that `signer` sealed two blocks of one height and view."""
    votes = []
    for byte in (b"\1", b"\2"):
        vote = Seal(channel_id, epoch, height, 0, Hash(byte * 32))
        votes.append((vote, Sig(signer.sign(vote_message(VOTE_TAGS["commit"], SUITE.id, vote)))))
    (vote, one), (other, two) = votes
    return encode(make_evidence("commit", signer.public_key, vote, one, other.block_hash, two))
