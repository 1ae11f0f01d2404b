"""What must hold in every story of Raft: the same as over PBFT, with votes of terms instead of views."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from consensus.certificate import KIND_RAFT
from consensus.encoding import Hash
from consensus.raft.ordering.messages import AppendReply, VoteReply
from tests.scenarios.invariants import Invariants, require


@dataclass
class RaftInvariants(Invariants):
    kind: str = KIND_RAFT
    ballots: dict[tuple[int, int, int], int] = field(default_factory=dict)
    sealed: dict[tuple[int, int, int, int], Hash] = field(default_factory=dict)
    leaders: dict[tuple[int, int], int] = field(default_factory=dict)

    def quorum(self, n: int) -> int:
        return n // 2 + 1

    def on_sent(self, sender: int, targets: list[int], message: Any, author: int) -> None:
        match message:
            case AppendReply(head=head, seals=seals):
                for held in seals:
                    place = (head.epoch, head.term, held.height, sender)
                    known = self.sealed.setdefault(place, held.block_hash)
                    require(known == held.block_hash, f"S5 {sender} seals two blocks in a term")
                    self.on_seal(sender, held.height, head.term, held.block_hash, head.epoch)
            case VoteReply(head=head, is_granted=True, is_pre=False):
                (to,) = targets
                chosen = self.ballots.setdefault((head.epoch, head.term, sender), to)
                require(chosen == to, f"S5 {sender} votes twice in term {head.term}")
            case _:
                pass

    def on_leader(self, epoch: int, term: int, node: int) -> None:
        known = self.leaders.setdefault((epoch, term), node)
        require(known == node, f"S1 {known} and {node} lead term {term}")
