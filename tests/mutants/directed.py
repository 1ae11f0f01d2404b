"""Schedules for what random search does not find, over a few real cores with messages moved by hand.

Each raises AssertionError when the mistake shows, and passes on clean cores.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

from consensus.certificate import (
    KIND_PBFT,
    KIND_RAFT,
    CommitCert,
    InvalidCertificate,
    Seal,
    bitmap,
    seal_message,
)
from consensus.encoding import Hash, Sig
from consensus.header import Header, block_hash
from consensus.light_client import HeaderRefused, LightClient
from consensus.pbft import view_change
from consensus.pbft.certificates import PreparedCert, vote_message
from consensus.pbft.messages import (
    Checkpoint,
    Commit,
    Message,
    NewView,
    Prepare,
    Proposal,
    ViewChange,
)
from consensus.pbft.selection import Selection
from consensus.tags import Tag
from node.ledger.state import StateStore
from node.ledger.store import Batch, MemoryStore, StoreWriteFailed
from tests.simulation.ghost import SUITE, GhostVerifier, hash_
from tests.unit.consensus.cluster import CHANNEL, Cluster, tx

A, C, R, LIAR = 0, 1, 2, 3
FIRST, SECOND = Hash(hash_(b"B")), Hash(hash_(b"B'"))


def _seal(cluster: Cluster, sender: int, view: int, digest: Hash) -> Commit:
    vote = cluster.cores[C]._started.vote(1, view, digest)
    signature = cluster.sign(sender, vote_message(Tag.COMMIT_SEAL, SUITE, vote))
    return Commit(vote.channel_id, 0, sender, view, 1, digest, signature)


def four_views() -> None:
    """Consensus.md section 9.1, mixed-view seals. v1: A seals B. v2: A hidden, C prepares B'. v3: C hidden,
    R prepares and seals B. The liar helps B along. v4: {A, C, liar} picks B', prepared in v2, and seals it.
    Seals of v1 and v3 added up certify B, and B' is certified as well."""
    cluster = Cluster(4)
    schedule = [(A, 1, FIRST), (R, 3, FIRST), (LIAR, 3, FIRST)]
    schedule += [(sender, 4, SECOND) for sender in (A, C, LIAR)]
    found: list[CommitCert] = []
    for sender, view, digest in schedule:
        cluster.receive(R, sender, _seal(cluster, sender, view, digest))
        cert = cluster.cores[R]._started.chain.next_cert()
        if cert is not None:
            found.append(cert)
    assert [(cert.block_hash, cert.view) for cert in found] == [(SECOND, 4)], "S2 mixed seals"


def _is_old_seal(to: int, message: Message) -> bool:
    return isinstance(message, Commit) and message.view == 0 and to != 0


def leader_behind_base() -> None:
    """The model's first fork. All seal block 1, only node 0 hears of it and commits. Of node 0 the others
    then get its ViewChange alone: the view's base is 1, its leader stands at 0 and has to fetch first."""
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush(lambda sender, to, message: not _is_old_seal(to, message))
    assert cluster.heights() == [1, 0, 0, 0]
    cluster.give(tx(2))
    for _ in range(12):
        cluster.pass_time(1_000)
        cluster.flush(
            lambda sender, to, message: (
                not _is_old_seal(to, message) and (sender != 0 or isinstance(message, ViewChange))
            )
        )
    first = {blocks[0].cert.block_hash for blocks in cluster.blocks if blocks}
    assert len(first) == 1, "S1 two blocks at height 1"


def older_view_wins() -> None:
    """B was prepared in view 1 by one, B' in view 3 by another: view 3 came through a selection that knew
    all that was sealed below it, so B' must be proposed again."""
    cluster = Cluster(4)
    header = replace(cluster.genesis, height=1, parent_hash=cluster.config.genesis_hash)
    old, new = (replace(header, timestamp_ms=header.timestamp_ms + i) for i in (1, 2))
    blank = Sig(bytes(64))
    certs = [((), 0), ((PreparedCert(1, old, b"", ()),), 1), ((PreparedCert(3, new, b"", ()),), 2)]
    changes = [
        ViewChange(CHANNEL, 0, sender, 4, None, prepared, "", blank) for prepared, sender in certs
    ]
    found = _select(cluster, changes)
    assert [cert.header for _, cert in found.blocks] == [new], "R7 the older certificate was picked"


def _select(cluster: Cluster, changes: list[ViewChange]) -> Selection:
    return view_change.select(hash_, changes, cluster.config.genesis_hash, 0)


def one_left_waiting() -> None:
    """A leader keeps the chain going and leaves one transaction out. The second timer of rule R10 ends it."""
    cluster = Cluster(4)
    victim = tx(1)
    cluster.give(victim, to=(1, 2, 3))
    for number in range(2, 40):
        cluster.give(tx(number))
        for _ in range(4):
            cluster.pass_time(125)
            cluster.flush()
        cluster.give(victim, to=(1, 2, 3))
    ids = [i for deliver in cluster.blocks[1] for i in deliver.block.tx_ids]
    assert victim.tx_id in ids, "L1 one transaction is left out for ever"


def latecomer_is_helped() -> None:
    """Node 3 misses the NewView. The next Status shows it, and it votes in that view."""
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.flush(lambda *_: False)
    for _ in range(8):
        cluster.pass_time(500)
        cluster.flush(lambda sender, to, message: not isinstance(message, Proposal | NewView))
        if all(core._started.view == 1 for core in cluster.cores):
            break
    cluster.flush()
    for _ in range(3):
        cluster.pass_time(500)
        cluster.flush()
    views = [(c._started.view, c._started.is_active) for c in cluster.cores]
    assert views == [(1, True)] * 4, f"L1 a latecomer stays outside: {views}"


def lost_votes_come_again() -> None:
    """All Prepares of a slot are lost. They are said again, and the view need not change."""
    cluster = Cluster(4, base_timeout_ms=4_000)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush(lambda sender, to, message: not isinstance(message, Prepare))
    for _ in range(3):
        cluster.pass_time(1_000)
        cluster.flush()
    places = [(c._started.view, c._started.chain.height > 0) for c in cluster.cores]
    assert places == [(0, True)] * 4, f"L1 lost votes cost a view: {places}"


def one_checkpoint_short() -> None:
    """Node 3 lost its log. Two others sign a checkpoint that it waits for, the third keeps silent: q - 1."""
    cluster = Cluster(4, checkpoint_interval=1)
    for number in range(4):
        cluster.give(tx(number))
        cluster.settle()
    cluster.wal[3].clear()
    cluster.restart(3)
    for number in range(4, 12):
        cluster.give(tx(number))
        for _ in range(4):
            cluster.pass_time(250)
            cluster.flush(
                lambda sender, to, message: not (isinstance(message, Checkpoint) and sender == 2)
            )
    assert cluster.heights()[3] > 4, "it follows"
    assert cluster.cores[3].is_observer_reason, "R13 it votes after a checkpoint of two others"


def a_promise_of_yesterday() -> None:
    """A NewView holds a ViewChange from when the chain was at genesis. Its sender may have forgotten it and
    voted since: who enters by it votes only above everything that can have been voted for."""
    cluster = Cluster(4)
    for number in range(12):
        cluster.give(tx(number))
        cluster.settle()
    core = cluster.cores[0]
    height = core._started.chain.height
    blank = Sig(bytes(64))
    tips = (core._started.chain.tip_cert, core._started.chain.tip_cert, None)
    changes = [
        ViewChange(CHANNEL, 0, sender, 1, tip, (), "", blank) for sender, tip in enumerate(tips)
    ]
    core._changer._enter(NewView(CHANNEL, 0, 1, 1, tuple(changes), blank))
    assert core._started.view_votes_above > height, "R13 the stale promise is taken for a fresh one"


def in_flight_twice() -> None:
    """A leader puts the transaction of its open block into the next one as well."""
    cluster = Cluster(4, window=4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    (first,) = cluster.take(Proposal, sender=0)
    cluster.receive(1, 0, first)
    assert cluster.take(Prepare, sender=1)
    digest, later = block_hash(hash_, first.header), first.header.timestamp_ms + 1
    header = replace(first.header, height=2, parent_hash=digest, timestamp_ms=later)
    vote = Seal(CHANNEL, 0, 2, 0, block_hash(hash_, header))
    signature = cluster.sign(0, vote_message(Tag.PROPOSAL, SUITE, vote))
    again = replace(first, header=header, parent_cert=None, signature=signature)
    cluster.receive(1, 0, again)
    assert not cluster.take(Prepare, sender=1), "S3 a transaction twice in the chain"


def a_header_of_others() -> None:
    """A quorum of liars seals a header that names other validators, now and from here on."""
    cluster = Cluster(4)
    genesis = cluster.genesis
    header = replace(
        genesis,
        height=1,
        parent_hash=block_hash(hash_, genesis),
        timestamp_ms=genesis.timestamp_ms + 1,
        validators_hash=FIRST,
        next_validators_hash=FIRST,
    )
    _refused(cluster, header, KIND_PBFT, [0, 1, 2])


def a_majority_for_a_quorum() -> None:
    """Four of seven call their certificate one of the other kind."""
    cluster = Cluster(7)
    genesis = cluster.genesis
    header = replace(
        genesis,
        height=1,
        parent_hash=block_hash(hash_, genesis),
        timestamp_ms=genesis.timestamp_ms + 1,
    )
    _refused(cluster, header, KIND_RAFT, [0, 1, 2, 3])


def _refused(cluster: Cluster, header: Header, kind: str, signers: list[int]) -> None:
    digest = block_hash(hash_, header)
    message = seal_message(SUITE, Seal(CHANNEL, 0, header.height, 0, digest))
    seals = tuple(cluster.sign(signer, message) for signer in signers)
    cert = CommitCert(kind, 0, header.height, 0, digest, bitmap(signers, cluster.n), seals)
    verifier = GhostVerifier(cluster.registry)
    client = LightClient(cluster.genesis, cluster.validators, verifier, 1, KIND_PBFT)
    with contextlib.suppress(HeaderRefused, InvalidCertificate):
        client.advance(header, cert)
    assert client.height == 0, "S9 a light client is led away"


def dying_between_two_writes() -> None:
    """The process dies before its second write behind a block. What it finds again is a whole block or none."""

    class Dying(MemoryStore):
        writes_left = 2  # genesis, then one

        def write(self, batch: Batch) -> None:
            if self.writes_left == 0:
                raise StoreWriteFailed(self.folder, "the process died")
            self.writes_left -= 1
            super().write(batch)

    store = Dying()
    state = StateStore(store, hash_, SUITE, 1)
    state.apply_block(0, {b"a": b"1"}, [])
    with contextlib.suppress(StoreWriteFailed):
        state.apply_block(1, {b"a": b"2"}, [b"receipt"])
    found = StateStore(store, hash_, SUITE, 1)
    assert found.receipts(1) == [b"receipt"] * (found.applied_height == 1), "S8 half of a block"


def prepared_survives_a_restart() -> None:
    """All prepared block 1 and nobody heard a seal. Who restarts still says so in the next view change."""
    cluster = Cluster(4)
    cluster.give(tx(1))
    cluster.pass_time(50)
    cluster.flush(lambda sender, to, message: not isinstance(message, Commit))
    assert 1 in cluster.cores[1]._started.prepared
    cluster.restart(1)
    assert 1 in cluster.cores[1]._started.prepared, "S2 a prepared block is forgotten"
