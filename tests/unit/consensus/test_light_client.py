from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from consensus.certificate import (
    KIND_PBFT,
    CommitCert,
    InvalidCertificate,
    Seal,
    bitmap,
    seal_message,
)
from consensus.encoding import ZERO_HASH, Hash, Sig
from consensus.header import Header, block_hash
from consensus.light_client import HeaderRefused, LightClient
from consensus.validators import ValidatorSet, validators_hash
from tests.simulation.ghost import SUITE, GhostVerifier, Registry, hash_, validator_set
from tests.unit.consensus.cluster import Cluster, tx


def real_chain(blocks: int = 4) -> Cluster:
    cluster = Cluster(4)
    for number in range(blocks):
        cluster.give(tx(number))
        cluster.pass_time(50)
        cluster.flush()
    cluster.settle()
    return cluster


def client_of(cluster: Cluster) -> LightClient:
    verifier = GhostVerifier(cluster.registry)
    return LightClient(
        cluster.genesis, cluster.validators, verifier, cluster.config.window, KIND_PBFT
    )


def sealed(registry: Registry, header: Header, validators: ValidatorSet) -> CommitCert:
    """A certificate by the first q validators: what a quorum of liars could make."""
    digest = block_hash(hash_, header)
    seal = Seal(header.channel_id, validators.epoch, header.height, 0, digest)
    message = seal_message(header.suite, seal)
    signers = list(range(validators.quorum))
    seals = tuple(registry.sign(validators.key(i), message) for i in signers)
    signed = bitmap(signers, len(validators))
    return CommitCert("pbft", validators.epoch, header.height, 0, digest, signed, seals)


def test_it_accepts_exactly_the_chain_and_learns_every_settled_root() -> None:
    cluster = real_chain()
    client = client_of(cluster)
    shown = [client.advance(d.block.header, d.cert) for d in cluster.blocks[0]]
    assert client.height == len(cluster.blocks[0])
    assert client.tip_hash == block_hash(hash_, cluster.blocks[0][-1].block.header)
    for roots in shown:
        assert (roots.state_root, roots.receipts_root) == cluster.roots[0][roots.height]
    assert shown[-1].height == client.height - 1


CHANGES: list[tuple[str, Callable[[Header], dict[str, object]]]] = [
    ("a gap", lambda h: {"height": h.height + 1}),
    ("another parent", lambda h: {"parent_hash": ZERO_HASH}),
    ("another channel", lambda h: {"channel_id": ZERO_HASH}),
    ("another suite", lambda h: {"suite": 2}),
    ("another version", lambda h: {"version": 9}),
    ("an older time", lambda h: {"timestamp_ms": 1}),
    ("another epoch", lambda h: {"epoch": 1}),
    ("other validators", lambda h: {"validators_hash": ZERO_HASH}),
    (
        "other validators from here on",
        lambda h: {"validators_hash": ZERO_HASH, "next_validators_hash": ZERO_HASH},
    ),
]


@pytest.mark.parametrize(("why", "change"), CHANGES, ids=[why for why, _ in CHANGES])
def test_it_refuses_what_does_not_chain_even_from_a_full_quorum(
    why: str, change: Callable[[Header], dict[str, object]]
) -> None:
    cluster = real_chain()
    client = client_of(cluster)
    first, second = cluster.blocks[0][0], cluster.blocks[0][1]
    client.advance(first.block.header, first.cert)
    header = replace(second.block.header, **change(second.block.header))  # type: ignore[arg-type]
    cert = replace(sealed(cluster.registry, header, cluster.validators), epoch=0)
    with pytest.raises((HeaderRefused, InvalidCertificate)):
        client.advance(header, cert)
        pytest.fail(why)
    assert client.height == 1
    client.advance(second.block.header, second.cert)


def test_it_refuses_a_header_that_no_quorum_sealed() -> None:
    cluster = real_chain()
    client = client_of(cluster)
    header, cert = cluster.blocks[0][0].block.header, cluster.blocks[0][0].cert
    other = replace(header, state_root=Hash(hash_(b"lie")))
    with pytest.raises(HeaderRefused, match="another block"):
        client.advance(other, cert)
    with pytest.raises(HeaderRefused, match="wrong seal"):
        client.advance(other, replace(cert, block_hash=block_hash(hash_, other)))
    with pytest.raises(HeaderRefused, match="wrong seal"):
        client.advance(header, replace(cert, seals=(Sig(bytes(64)), *cert.seals[1:])))
    with pytest.raises(InvalidCertificate):
        few = {"signers": bitmap([0, 1], 4), "seals": cert.seals[:2]}
        client.advance(header, replace(cert, **few))
    assert client.height == 0


def test_it_refuses_to_start_from_validators_that_genesis_does_not_name() -> None:
    cluster = real_chain(1)
    with pytest.raises(HeaderRefused, match="genesis names"):
        LightClient(
            cluster.genesis, validator_set(5), GhostVerifier(cluster.registry), 1, KIND_PBFT
        )


def test_a_client_that_goes_on_stands_where_it_was_and_nowhere_else() -> None:
    cluster = real_chain()
    chain = cluster.blocks[0]
    for height in range(1, len(chain)):
        client, tip = client_of(cluster), chain[height - 1].block.header
        with pytest.raises(HeaderRefused):
            client.resume(tip, validator_set(5))
        with pytest.raises(HeaderRefused):
            client.resume(replace(tip, channel_id=ZERO_HASH), cluster.validators)
        with pytest.raises(HeaderRefused):
            client.resume(replace(tip, epoch=1), cluster.validators)
        assert client.height == 0
        client.resume(tip, cluster.validators)
        assert (client.height, client.tip_hash) == (height, block_hash(hash_, tip))
        with pytest.raises(HeaderRefused):
            client.resume(tip, cluster.validators)
        for each in chain[height:]:
            client.advance(each.block.header, each.cert)
        assert client.height == len(chain)


def test_it_follows_a_change_of_validators_only_to_the_set_the_last_header_named() -> None:
    registry = Registry()
    old = validator_set(4)
    new = ValidatorSet(1, validator_set(5).validators)
    cluster = Cluster(4)
    client = LightClient(cluster.genesis, old, GhostVerifier(registry), 1, KIND_PBFT)
    first = replace(
        cluster.genesis,
        height=1,
        parent_hash=client.tip_hash,
        timestamp_ms=cluster.genesis.timestamp_ms + 1,
        next_validators_hash=validators_hash(hash_, SUITE, new),
        tx_count=1,
    )
    crowded = replace(first, tx_count=2)
    with pytest.raises(HeaderRefused, match="alone"):
        client.advance(crowded, sealed(registry, crowded, old))
    assert client.needs_validators is None
    client.advance(first, sealed(registry, first, old))
    second = replace(
        first,
        height=2,
        epoch=1,
        parent_hash=client.tip_hash,
        timestamp_ms=first.timestamp_ms + 1,
        validators_hash=validators_hash(hash_, SUITE, new),
        config_hash=Hash(hash_(b"five members")),
    )
    cert = sealed(registry, second, new)
    assert client.needs_validators == validators_hash(hash_, SUITE, new)
    same = replace(second, config_hash=first.config_hash)
    with pytest.raises(HeaderRefused, match="same configuration"):
        client.advance(same, sealed(registry, same, new), new)
    with pytest.raises(HeaderRefused):
        client.advance(second, cert)
    with pytest.raises(HeaderRefused):
        client.advance(second, cert, ValidatorSet(1, validator_set(6).validators))
    assert client.height == 1
    client.advance(second, cert, new)
    assert client.height == 2 and client.needs_validators is None


def test_the_configuration_changes_only_above_a_block_that_can_change_it() -> None:
    cluster = real_chain()
    cluster.give(tx(9))
    cluster.settle()
    headers = [delivered.block.header for delivered in cluster.blocks[0]]
    for at, tx_count in ((0, 0), (5, 0), (1, 1)):
        client = client_of(cluster)
        for delivered in cluster.blocks[0][:at]:
            client.advance(delivered.block.header, delivered.cert)
        assert client.tip.tx_count == tx_count
        other = replace(headers[at], config_hash=Hash(hash_(b"another")))
        cert = sealed(cluster.registry, other, cluster.validators)
        if tx_count == 1:
            client.advance(other, cert)
        else:
            with pytest.raises(HeaderRefused, match="without a block"):
                client.advance(other, cert)
            assert client.height == at
