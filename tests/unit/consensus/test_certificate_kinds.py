"""Four of seven is a majority and no quorum: liars must not pass it off as a certificate of the other kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from consensus.api import Block, Deliver, ProtocolViolation, Received, Synced
from consensus.certificate import (
    KIND_PBFT,
    KIND_RAFT,
    CommitCert,
    InvalidCertificate,
    Seal,
    bitmap,
    certificate_items,
    seal_message,
)
from consensus.encoding import Sig
from consensus.header import Header, block_hash, leaves_root
from consensus.light_client import LightClient
from consensus.pbft.messages import Decided, Message, Proposal, ViewChange
from consensus.proof import CertifiedHeader, ProofError, Trust, check_certified
from tests.simulation.ghost import SUITE, GhostVerifier, hash_
from tests.unit.consensus.cluster import CHANNEL, Cluster

MAJORITY = [0, 2, 4, 6]
Judge = Callable[[Cluster, Header, CommitCert], object]


def first_header(cluster: Cluster) -> Header:
    genesis = cluster.genesis
    return replace(
        genesis,
        height=1,
        parent_hash=block_hash(hash_, genesis),
        timestamp_ms=genesis.timestamp_ms + 1,
        tx_root=leaves_root(hash_, ()),
    )


def sealed(cluster: Cluster, header: Header, kind: str, signers: list[int]) -> CommitCert:
    digest = block_hash(hash_, header)
    message = seal_message(SUITE, Seal(CHANNEL, 0, header.height, 0, digest))
    seals = tuple(cluster.sign(i, message) for i in signers)
    return CommitCert(kind, 0, header.height, 0, digest, bitmap(signers, cluster.n), seals)


def in_certificate_items(cluster: Cluster, header: Header, cert: CommitCert) -> object:
    return certificate_items(cert, KIND_PBFT, SUITE, CHANNEL, cluster.validators)


def in_the_light_client(cluster: Cluster, header: Header, cert: CommitCert) -> object:
    verifier = GhostVerifier(cluster.registry)
    client = LightClient(cluster.genesis, cluster.validators, verifier, 1, KIND_PBFT)
    return client.advance(header, cert)


def in_a_proof(cluster: Cluster, header: Header, cert: CommitCert) -> object:
    trust = Trust(CHANNEL, SUITE, 1, header.config_hash, cluster.validators, KIND_PBFT)
    verifier = GhostVerifier(cluster.registry)
    return check_certified(verifier, trust, CertifiedHeader(header, cert))


def in_catching_up(cluster: Cluster, header: Header, cert: CommitCert) -> object:
    return cluster.step(1, Synced(cluster.now_ms, Block(header, ()), cert))


def in_a_message(make: Callable[[Header, CommitCert], Message]) -> Judge:
    def judge(cluster: Cluster, header: Header, cert: CommitCert) -> object:
        return cluster.step(1, Received(cluster.now_ms, 0, make(header, cert)))

    return judge


def proposal_above(header: Header, cert: CommitCert) -> Message:
    above = replace(header, height=2, parent_hash=cert.block_hash)
    return Proposal(0, 0, above, (), cert, Sig(bytes(64)))


def view_change(header: Header, cert: CommitCert) -> Message:
    return ViewChange(CHANNEL, 0, 0, 1, cert, (), "", Sig(bytes(64)))


PLACES: dict[str, Judge] = {
    "certificate_items": in_certificate_items,
    "the light client": in_the_light_client,
    "a proof": in_a_proof,
    "Synced": in_catching_up,
    "Decided": in_a_message(lambda header, cert: Decided(cert)),
    "Proposal.parent_cert": in_a_message(proposal_above),
    "ViewChange.tip_cert": in_a_message(view_change),
}
REFUSALS = (InvalidCertificate, ProofError, ProtocolViolation)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", [KIND_PBFT, KIND_RAFT, "poa"])
def test_four_seals_of_seven_are_no_certificate_on_a_pbft_channel_whatever_they_say_they_are(
    place: str, kind: str
) -> None:
    cluster = Cluster(7)
    header = first_header(cluster)
    with pytest.raises(REFUSALS, match=r"certificate|seals"):
        PLACES[place](cluster, header, sealed(cluster, header, kind, MAJORITY))
    assert cluster.cores[1].status().tip_height == 0


def test_seven_seals_of_the_other_kind_are_none_either() -> None:
    cluster = Cluster(7)
    header = first_header(cluster)
    cert = sealed(cluster, header, KIND_RAFT, list(range(7)))
    for judge in PLACES.values():
        with pytest.raises(REFUSALS, match="'raft'"):
            judge(cluster, header, cert)


def test_a_quorum_of_the_channels_kind_passes_in_the_same_places() -> None:
    cluster = Cluster(7)
    header = first_header(cluster)
    cert = sealed(cluster, header, KIND_PBFT, [0, 1, 2, 3, 4])
    in_the_light_client(cluster, header, cert)
    in_a_proof(cluster, header, cert)
    in_catching_up(cluster, header, cert)
    assert [d.cert for d in cluster.acted(1, Deliver)] == [cert]


def test_on_a_raft_channel_a_majority_passes_and_a_pbft_certificate_does_not() -> None:
    cluster = Cluster(7)
    header = first_header(cluster)
    trust = Trust(CHANNEL, SUITE, 1, header.config_hash, cluster.validators, KIND_RAFT)
    verifier = GhostVerifier(cluster.registry)
    majority = CertifiedHeader(header, sealed(cluster, header, KIND_RAFT, MAJORITY))
    check_certified(verifier, trust, majority)
    for kind, signers in ((KIND_RAFT, MAJORITY[:3]), (KIND_PBFT, [0, 1, 2, 3, 4])):
        refused = CertifiedHeader(header, sealed(cluster, header, kind, signers))
        with pytest.raises(ProofError):
            check_certified(verifier, trust, refused)
