"""One height of the current view: the proposal, who prepared it, what this node said about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from consensus.encoding import Hash, Sig
from consensus.ordering.blocks import Candidate
from consensus.pbft.certificates import PreparedCert
from consensus.pbft.messages import Proposal


@dataclass(slots=True)
class Slot:
    """`prepares` maps a sender to the hash and signature of its first Prepare: votes are counted by
    value, and a second, different one is evidence. Own messages are kept to be sent again as they are."""

    height: int
    opened_ms: int
    proposal: Proposal | None = None
    block_hash: Hash | None = None
    candidate: Candidate | None = None
    is_accepted: bool = False
    prepares: dict[int, tuple[Hash, Sig]] = field(default_factory=dict)
    prepared: PreparedCert | None = None
    is_commit_sent: bool = False
    own_messages: list[bytes] = field(default_factory=list)

    def votes(self) -> dict[int, Sig]:
        """Signatures over the accepted block: the leader's Proposal and everybody's Prepares (R2)."""
        assert self.proposal is not None and self.is_accepted
        votes = {
            sender: signature
            for sender, (digest, signature) in self.prepares.items()
            if digest == self.block_hash
        }
        votes[self.proposal.sender] = self.proposal.signature
        return votes
