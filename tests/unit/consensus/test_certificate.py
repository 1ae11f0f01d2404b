from __future__ import annotations

from dataclasses import replace

import pytest

from consensus.certificate import (
    KIND_PBFT,
    KIND_RAFT,
    CommitCert,
    InvalidCertificate,
    Seal,
    bitmap,
    bitmap_indexes,
    certificate_items,
    seal_message,
)
from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.header import Header, block_hash
from consensus.tags import Tag, preimage
from consensus.validators import Validator, ValidatorSet, validators_hash
from tests.simulation.ghost import SUITE, Registry, hash_, validator_set, vote_key
from tests.unit.consensus.cluster import CHANNEL, genesis_header

DIGEST = Hash(hash_(b"block"))


def certificate(n: int, signers: list[int], registry: Registry, view: int = 0) -> CommitCert:
    message = seal_message(SUITE, Seal(CHANNEL, 0, 1, view, DIGEST))
    seals = tuple(registry.sign(vote_key(i), message) for i in signers)
    return CommitCert("pbft", 0, 1, view, DIGEST, bitmap(signers, n), seals)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 9, 16, 17])
def test_a_quorum_of_seals_is_a_certificate_and_one_fewer_is_none(n: int) -> None:
    registry, validators = Registry(), validator_set(n)
    q = validators.quorum
    cert = certificate(n, list(range(q)), registry)
    items = certificate_items(cert, KIND_PBFT, SUITE, CHANNEL, validators)
    assert len(items) == q and all(registry.is_valid(item) for item in items)
    if q > 1:
        with pytest.raises(InvalidCertificate):
            one_fewer = certificate(n, list(range(q - 1)), registry)
            certificate_items(one_fewer, KIND_PBFT, SUITE, CHANNEL, validators)


def test_seals_of_another_view_are_not_valid_in_a_certificate() -> None:
    registry, validators = Registry(), validator_set(4)
    mixed = replace(certificate(4, [0, 1, 2], registry, view=1), view=2)
    items = certificate_items(mixed, KIND_PBFT, SUITE, CHANNEL, validators)
    assert not any(registry.is_valid(item) for item in items)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "poa"}, "unknown kind"),
        ({"epoch": 1}, "another epoch"),
        ({"signers": b""}, "no bitmap"),
        ({"signers": b"\x07\x00"}, "a bitmap that is too long"),
        ({"signers": b"\x17"}, "a bit for a validator that does not exist"),
        ({"signers": b"\x03"}, "two signers"),
        ({"signers": b"\x0f"}, "more signers than seals"),
        ({"seals": ()}, "no seals"),
    ],
)
def test_a_certificate_that_cannot_hold_is_refused_before_any_signature_is_checked(
    change: dict[str, object], why: str
) -> None:
    cert = replace(certificate(4, [0, 1, 2], Registry()), **change)  # type: ignore[arg-type]
    with pytest.raises(InvalidCertificate):
        certificate_items(cert, KIND_PBFT, SUITE, CHANNEL, validator_set(4))
        pytest.fail(why)


def test_a_majority_suffices_for_a_raft_certificate() -> None:
    cert = replace(certificate(5, [0, 2, 4], Registry()), kind=KIND_RAFT)
    assert len(certificate_items(cert, KIND_RAFT, SUITE, CHANNEL, validator_set(5))) == 3
    with pytest.raises(InvalidCertificate, match="2 seals where 3"):
        fewer = replace(cert, signers=bitmap([0, 2], 5), seals=cert.seals[:2])
        certificate_items(fewer, KIND_RAFT, SUITE, CHANNEL, validator_set(5))


def test_a_channel_of_a_kind_that_does_not_exist_believes_nothing() -> None:
    cert = replace(certificate(4, [0, 1, 2, 3], Registry()), kind="poa")
    with pytest.raises(InvalidCertificate, match="unknown"):
        certificate_items(cert, "poa", SUITE, CHANNEL, validator_set(4))


def test_a_bitmap_names_the_indexes_it_was_made_of() -> None:
    for n in (1, 4, 7, 8, 9, 17):
        for chosen in ([], [0], [n - 1], list(range(n))):
            assert bitmap_indexes(bitmap(chosen, n), n) == chosen


def test_validators_with_one_key_or_too_many_are_no_set() -> None:
    with pytest.raises(ValueError, match="share"):
        ValidatorSet(0, (Validator("a", vote_key(1)), Validator("b", vote_key(1))))
    with pytest.raises(ValueError, match="1 to"):
        ValidatorSet(0, ())
    with pytest.raises(ValueError, match="1 to"):
        ValidatorSet(0, tuple(Validator("x", vote_key(i)) for i in range(257)))


def test_a_validator_is_found_by_its_key() -> None:
    validators = validator_set(4)
    assert validators.index_of(vote_key(2)) == 2
    assert validators.index_of(vote_key(9)) is None


def test_the_set_hash_depends_on_order_epoch_and_keys() -> None:
    one = validator_set(4)
    turned = ValidatorSet(0, tuple(reversed(one.validators)))
    later = ValidatorSet(1, one.validators)
    hashes = [validators_hash(hash_, SUITE, v) for v in (one, turned, later, validator_set(5))]
    assert len(dict.fromkeys(hashes)) == 4


def test_every_field_of_a_header_changes_its_hash() -> None:
    header = genesis_header(4)
    seen = [block_hash(hash_, header)]
    for name in header.__dataclass_fields__:
        value = getattr(header, name)
        other = value + 1 if isinstance(value, int) else Hash(hash_(value))
        seen.append(block_hash(hash_, replace(header, **{name: other})))
    assert len(dict.fromkeys(seen)) == len(seen)


def test_tags_are_distinct_and_keep_purposes_apart() -> None:
    assert len(dict.fromkeys(tag.value for tag in Tag)) == len(Tag)
    preimages = [preimage(tag, 1, b"same") for tag in Tag]
    assert len(dict.fromkeys(preimages)) == len(Tag)
    assert preimage(Tag.PREPARE, 1, b"x") != preimage(Tag.PREPARE, 2, b"x")


def test_a_header_whose_suite_has_more_than_one_byte_is_no_header() -> None:
    data = bytearray(encode(genesis_header(4)))
    data[12 + 4] = 1  # the highest byte of the second field, the suite
    with pytest.raises(EncodingError, match="suite"):
        decode(Header, bytes(data))
