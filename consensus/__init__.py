"""Consensus: pure state machines that agree on blocks. Start here.

A **core** (`consensus.pbft.PbftCore`; the contract is `consensus.api`) decides what a city node says to
the others and which block is final. It does no I/O, reads no clock and draws no random number: the
*driver* in `node/` turns it.

    core = PbftCore(config, validators, own_index, verifier, signer)
    for action in core.step(Restart(now_ms, records, tip, tip_cert, executed)):
        ...                                   # then the same for every further input

Same inputs, same bytes out. That is why a whole cluster runs in one process, in virtual time, from one
number (`python -m tests.simulation --seeds 7:8 --log`), and why a fault found there can be seen again.

The driver's duties, in the order in which breaking them hurts:

1.  Carry out the actions of a `step` **in order**. The order of the list is the order of durability: a
    `Persist` or `Keep` is on the disk before anything behind it leaves the node. All `Persist` of one
    list may share one append and one fdatasync, done no later than the first of them asks for.
2.  If a write or fdatasync fails, stop the channel. Never try again, never send what follows.
3.  Feed one input at a time, from one task. The first input of a life is `Restart` with every WAL record,
    in order. The WAL is the only memory of what was signed: never restore one from a backup.
4.  `Deliver` means: store block and certificate durably, then execute in height order and answer
    `Executed`. After a restart, execute what is stored and not executed, and answer for those too; the
    core does not deliver them again.
5.  Check signatures before the core does: `signature_items(message)` names all of them and is pure, so it
    may run in batches on a thread pool. `verifier.verify` then answers from that cache. The core asks for
    every one of them; one it finds wrong is a ProtocolViolation.
6.  `step` raises `ProtocolViolation` for a peer's fault, before anything has changed: drop the message,
    count it. `InvariantBroken`, or any other exception, is our fault or that of more than f liars: stop
    the channel, keep the WAL, say so. `Halt` likewise: own execution and a quorum disagree.
7.  `Received.sender` is the peer at the other end of the authenticated link, not what a message claims.
8.  `SetTimer(at_ms)` replaces the one timer, None clears it. Call `step(Tick)` at or after that time by
    the clock that `now_ms` comes from. The clock may jump either way.
9.  The core knows transactions as `TxRef`. Tell it with `TxWaiting` what is valid and not yet ordered,
    with `TxDropped` what was given up. Answer every id of `Need` with `Have`: with the reference, or
    `valid=False` if the body breaks a rule at the next height or is ordered already. Silence is allowed
    while a body is being fetched; the core asks again.
10. `Behind` asks for certified blocks from tip + 1: check that the bodies fit `tx_root`, then feed
    `Synced` in height order, each answered by a `Deliver`. Only certificates prove a height.
11. Feed `PeerConnected` when a link comes up: an idle chain sends nothing by itself.
12. Shorten the WAL with `pbft.retain(records, height)` once block `height` is stored **and** executed,
    both durably. Bodies kept by `Keep` may go once their height is delivered.
13. Say in `TxRef` and `Synced` what is a configuration transaction. At `Reconfigured` the core has ended: make
    one of the new configuration and start it as after a restart of the process.

What else is here, all pure and small: `encoding` (canonical bytes of structures), `tags` (domain
separation), `merkle`, `quorum`, `validators`, `header`, `certificate`, `light_client` (the chain from headers
and certificates alone), and the proofs that clients check. `ordering/` is what both engines stand on: their
rules, the chain's end, what waits, blocks on their way. `pbft/` and `raft/` say in which order they read best.

The rules R1 to R13 and invariants S1 to S11 that comments name are those of the consensus design. S12: the
time of a block was near the clocks of enough members who let it pass.
"""
