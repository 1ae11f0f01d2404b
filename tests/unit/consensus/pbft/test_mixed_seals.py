"""The four-view schedule of consensus.md section 9.1, which random simulation did not find."""

from __future__ import annotations

from consensus.certificate import CommitCert
from consensus.encoding import Hash
from consensus.pbft.certificates import vote_message
from consensus.pbft.messages import Commit
from consensus.tags import Tag
from tests.mutants.pbft import mixed_seals
from tests.simulation.ghost import SUITE, hash_
from tests.unit.consensus.cluster import Cluster

A, C, R, LIAR = 0, 1, 2, 3
FIRST, SECOND = Hash(hash_(b"B")), Hash(hash_(b"B'"))


def seal(cluster: Cluster, sender: int, view: int, digest: Hash) -> Commit:
    vote = cluster.cores[C]._started.vote(1, view, digest)
    signature = cluster.sign(sender, vote_message(Tag.COMMIT_SEAL, SUITE, vote))
    return Commit(vote.channel_id, 0, sender, view, 1, digest, signature)


def certified(node: int) -> list[CommitCert]:
    """What `node` takes as certified after each seal of the schedule."""
    # v1: A seals B.  v2: A hidden, C prepares B'.  v3: C hidden, R prepares and seals B.
    # The liar helps B along. v4: {A, C, liar} picks B', prepared in v2, and seals it.
    cluster = Cluster(4)
    schedule = [(A, 1, FIRST), (R, 3, FIRST), (LIAR, 3, FIRST)]
    schedule += [(sender, 4, SECOND) for sender in (A, C, LIAR)]
    found = []
    for sender, view, digest in schedule:
        cluster.receive(node, sender, seal(cluster, sender, view, digest))
        cert = cluster.cores[node]._started.chain.next_cert()
        if cert is not None:
            found.append(cert)
    return found


def test_counting_seals_by_view_certifies_only_the_block_of_the_last_view() -> None:
    certs = certified(R)
    assert [(cert.block_hash, cert.view) for cert in certs] == [(SECOND, 4)]


def test_counting_seals_across_views_certifies_the_other_block_too() -> None:
    with mixed_seals():
        try:
            hashes = [cert.block_hash for cert in certified(R)]
        except AssertionError as error:
            hashes = [FIRST] if "a fork" in str(error) else []
    assert FIRST in hashes, "the mutant certifies B although a quorum can seal B'"
