"""PBFT: the core for members that do not trust each other. Its contract, in numbered sentences.

What the core promises, as long as at most f of n validators lie (f = ⌊(n − 1) / 3⌋, q = ⌈(n + f + 1) / 2⌉):

1.  No two honest nodes deliver different blocks at one height, and each height is delivered once, in order.
2.  A delivered block has q seals of one view and epoch: who holds it can prove it to anybody (R4).
3.  An honest validator accepts one block a view and height (R1), seals what q accepted (R2), and never seals a
    height before its parent (R3). It says this once: a restart sends the recorded bytes again.
4.  Who has said that it leaves a view says nothing in that view any more (R6).
5.  What a quorum may have sealed is proposed again by the next view, and everybody recomputes what that is
    (R7); nobody votes at or below what that view knows to be committed (R8).
6.  With q honest validators connected, a waiting transaction is delivered: a leader that stands still, hides
    transactions, or shows roots or promises that are not the own ones is left (R5, R10). One node alone, or
    one message for a far view, moves nobody. The back-off is capped and ends with a commit only (R9).
7.  An idle chain says nothing and has no timer, once its last state stands in a certified header.
8.  A configuration block is alone, is voted for only when all below is executed, and ends the core:
    nothing above it is voted for under the old configuration (R11, `reconfiguration`).
9.  Votes and certificates of one epoch count in no other. Messages of another epoch are hints (`epochs`).
10. A validator that cannot know what it signed does not vote before it is safe (R13, `admission`).
11. Two contradicting votes of one key become Evidence, which names the key and proves itself.
12. A state sealed by a quorum that differs from the own one stops the core: it halts and never forks (R12).
13. All that peers can make it keep is bounded: by the window, by the number of validators, or by the pool.

What it demands of its driver, beyond the duties that `consensus` lists for every core:

14. The validators and the configuration are those in force above the tip; `base` is the last block of the
    epoch before. A tip that is a configuration block and not executed: see `Restart.is_tip_config`.
15. `Configuration.effect` is a pure function of the executed tip and the transaction; epochs rise by one
    exactly where members or keys change.
16. `Executed` means durable. So does `Deliver`: nothing of a later action leaves before.
17. The WAL is written by one life of one key at a time. When in doubt about it, give `observes_because`.
18. `Restart.nonce` differs from life to life; answers to an earlier life must not pass for fresh ones.
19. After `Reconfigured` the core is thrown away. Messages still waiting carry indexes of the old set.

Read next: messages, certificates, selection, slot, propose, normal, view_change, gossip, pace, timers,
records, restart, then reconfiguration, epochs, checkpoints, admission; replica joins them.
"""

from consensus.pbft.config import PbftConfig
from consensus.pbft.records import retain
from consensus.pbft.replica import PbftCore

__all__ = ["PbftConfig", "PbftCore", "retain"]
