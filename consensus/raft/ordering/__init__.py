"""Ordering over Raft: `RaftCore` implements `consensus.api.Core`, so the rest of a node does not know which
engine runs. Choose it where the members of a channel trust each other not to lie: a majority decides.

The contract, in numbered sentences.

1.  One entry of the log is one whole block by reference (header and transaction ids), or empty. Heights and
    indexes rise together; every block stands on the one before it in the log.
2.  A member is acknowledged for an entry only after its header was checked, its bodies are durable (`Keep`),
    its roots are those of its own execution W blocks below, and the entry itself is durable (`Persist`).
3.  A leader builds on the blocks in its own log, at most W above its tip. It builds nothing before the empty
    entry that its term began with is committed and everything below it delivered. What it built is thrown
    away with the leadership: the log says what counts, and what a replaced block held waits again.
4.  A follower's append reply carries seals, with the leader's term as their view, for the blocks up to the
    matched entry if that entry is of this very term, never otherwise. So a majority of seals of one term
    means committed (figure 8 of the Raft paper), and is a certificate of kind `raft` that anyone can check.
5.  A block is delivered by its certificate. The pure core's word that it is committed must name the same
    block; if it does not, that is InvariantBroken.
6.  Leaders tell certificates (`Decided`) to all. Every message says its sender's tip, and who hears of a lower
    tip sends its certificate; what is missing is fetched as certified blocks (`Behind`, `Synced`).
7.  A snapshot is a height and a hash. A member that is sent one fetches the blocks first and takes the pointer
    into its log when its tip has reached it.
8.  A leader whose blocks a member cannot follow (other roots, another configuration) is not acknowledged and
    not heard for the rest of its term. A majority that cannot follow it elects another; a node that is alone
    with its view learns from certificates that its execution differs, and halts (R12).
9.  A committed entry that is no block for this member halts its channel, with that reason, and nothing else.
10. The WAL holds births, terms and votes, entries, and where the log begins. A member without one may have
    forgotten what it acknowledged and whom it voted for. So it hears all others before its first vote, at a
    channel's first start, as a newcomer, or with an emptied disk: it votes above their terms and for logs no
    shorter than theirs, and its leader sends it again what it may have lost (`hearing`). A vote counts only
    in the life that asked for it. Where its own disk says that a log is missing it observes, and comes back
    under a new vote key. An operator who knows better (a key that never voted, while another member is gone
    for good; a lone validator) says so.
11. A configuration block stands alone on an executed tip. With its execution the core ends (`Reconfigured`);
    an epoch is a Raft group of its own, with terms from 1 and an empty log, so nothing of an old one counts.
12. A fresh block (of the leader's own term, above its commit index) whose time was further than `drift_ms`
    from the own clock when it came is not acknowledged: deadlines are money. It is sent again with every
    heartbeat. Once the leader says that it is committed, or in another term, it is taken: a majority had the
    other clock, or nobody can order without it. If it is neither for an election timeout, its leader is not
    heard any more (8). So a leader whose clock is off orders nothing while a majority has another. A time
    beyond the drift that merely follows its parent's is no fault of who made it.
13. A leader that is told to leave (`Leaving`) hands over to the member with most of the log. A leader that a
    configuration block removes need not: its group ends with that block, and the first member of the next one
    campaigns as soon as a majority is connected.
14. Reads are no part of ordering: a node answers from what it has executed, at `min_height` or above. That is
    never older than what the caller has seen, and not linearizable; the pure core's ReadIndex is not used.

Read in this order: messages, records, flight, seals, state, accept, create, replica, hearing, gossip, timers,
restart, core.
"""

from consensus.raft.ordering.config import RaftConfig
from consensus.raft.ordering.core import RaftCore
from consensus.raft.ordering.records import RECORD_KINDS_FROM, retain

__all__ = ["RECORD_KINDS_FROM", "RaftConfig", "RaftCore", "retain"]
