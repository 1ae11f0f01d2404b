"""A light client in a contract: it accepts what a quorum sealed, as the offline checks do, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from consensus import proof as offline
from consensus.certificate import seals_needed
from consensus.encoding import ZERO_HASH, Hash, Sig, encode
from consensus.proof import CertifiedHeader, ProofError, StateFact, Trust
from consensus.state_proof import OtherLeaf
from consensus.validators import ValidatorSet
from contracts.runtime import values
from contracts.runtime.keys import state_key
from node.genesis import channel_id
from node.identity.curve import P256
from node.identity.suite import get_suite
from node.proofs.reading import SuiteVerifier
from tests.unit.suite.center_world import Chain
from tests.unit.suite.exchange_world import WINDOW, Foreign
from tests.unit.suite.world import GAS_DEMO_MAX

KEY = state_key("depot", "owner", "bl")
Pair = tuple[Foreign, Foreign]


SUITES = [("sm", "sm"), ("sm", "intl"), ("intl", "sm"), ("intl", "intl")]


@pytest.fixture(scope="module", params=SUITES, ids="-follows-".join)
def pair(request: pytest.FixtureRequest) -> Pair:
    """One that follows, one that is followed and holds an asset."""
    here, there = (Foreign(suite=suite) for suite in request.param)
    here.follows(there)
    for asset in ("bl", "b", "c", "d"):
        there.ok("PX", "depot", "make", asset=asset)
    return here, there


def asked(here: Chain, there: Foreign, fact: StateFact, **changes: Any) -> Any:
    args = {"channel": there.id, "contract": "depot", "name": "owner", "key": "bl"} | changes
    return here.ok("X", "foreign_channel", "state_of", fact=encode(fact), **args)


def refused(here: Chain, there: Foreign, fact: bytes, code: str = "E_FOREIGN_PROOF") -> None:
    here.refused(
        code, "X", "foreign_channel", "state_of",
        channel=there.id, contract="depot", name="owner", key="bl", fact=fact,
    )  # fmt: skip


def trust_of(there: Foreign) -> Trust:
    config = there.config
    return Trust(there.id, config.suite, WINDOW, ZERO_HASH, config.validators, there.kind)


def test_a_value_is_shown_with_the_header_that_shows_it(pair: Pair) -> None:
    here, there = pair
    fact = there.fact(KEY)
    found = asked(here, there, fact)
    assert values.decode(found["value"]) == "PX"
    assert found["height"] == fact.settled.header.height
    assert (
        offline.check_state(SuiteVerifier(there.suite), trust_of(there), fact)
        == found["height"] - 1
    )


def test_absence_is_shown_too(pair: Pair) -> None:
    here, there = pair
    for name in [f"nothing{i}" for i in range(12)]:
        fact = there.fact(state_key("depot", "owner", name))
        assert asked(here, there, fact, key=name)["value"] is None


@pytest.mark.parametrize("key", ["bl", "提单", "with\x00zero", ""])
def test_any_text_may_be_a_key(pair: Pair, key: str) -> None:
    here, there = pair
    found = asked(here, there, there.fact(state_key("depot", "owner", key)), key=key)
    assert (found["value"] is None) is (key != "bl")


@pytest.mark.parametrize("key", [b"", b"bl", bytes(32), bytes(range(64))])
def test_bytes_are_keys_too(pair: Pair, key: bytes) -> None:
    here, there = pair
    fact = there.fact(state_key("depot", "owner", key))
    assert asked(here, there, fact, key=key.hex(), is_hex=True)["value"] is None
    here.refused(
        "E_FOREIGN_PROOF", "X", "foreign_channel", "state_of", channel=there.id, contract="depot",
        name="owner", key="bl", fact=encode(fact), is_hex=True,
    )  # fmt: skip


def test_a_channel_counts_when_two_members_have_named_it() -> None:
    here, there = Foreign(), Foreign()
    call: Callable[..., None] = here.refused
    config = encode(there.config)
    call("E_ROLE", "QB", "foreign_channel", "introduce", config=config)
    refused(here, there, encode(there.fact(KEY)), "E_FOREIGN_CHANNEL")
    assert here.ok("QB", "foreign_channel", "introduce", "admin", config=config) == there.id
    refused(here, there, encode(there.fact(KEY)), "E_FOREIGN_CHANNEL")
    call("E_FOUR_EYES", "QB", "foreign_channel", "confirm", "admin", channel=there.id)
    call("E_DUPLICATE", "VB", "foreign_channel", "introduce", "admin", config=config)
    call("E_DUPLICATE", "VB", "foreign_channel", "introduce", "admin", config=encode(here.config))
    here.ok("VB", "foreign_channel", "confirm", "admin", channel=there.id)
    call("E_STATE", "VB", "foreign_channel", "confirm", "admin", channel=there.id)
    found = here.ok("X", "foreign_channel", "get", channel=there.id)
    assert (found["validators"], found["suite"]) == (["n0", "n1", "n2", "n3"], "sm")


@pytest.mark.parametrize("field", ["version", "suite", "nodes", "kind"])
def test_a_configuration_that_cannot_be_followed_is_refused(field: str) -> None:
    here, there = Foreign(), Foreign()
    odd = {
        "version": replace(there.config, version=99),
        "suite": replace(there.config, suite=3),
        "nodes": replace(there.config, nodes=()),
        "kind": replace(there.config, consensus=replace(there.config.consensus, kind="trust me")),
    }[field]
    here.refused(
        "E_FOREIGN_PROOF", "QB", "foreign_channel", "introduce", "admin", config=encode(odd)
    )


def _with_header(there: Foreign, fact: StateFact, **changes: Any) -> StateFact:
    """Sealed again by everybody, over a header that was changed: what liars among them could make."""
    header = replace(fact.settled.header, **changes)
    return replace(fact, settled=CertifiedHeader(header, there.seal(header, range(3))))


def _unsealed(fact: StateFact, **changes: Any) -> StateFact:
    certificate = replace(fact.settled.certificate, **changes)
    return replace(fact, settled=replace(fact.settled, certificate=certificate))


MUTATIONS: dict[str, Callable[[Foreign, StateFact], StateFact]] = {
    "another value": lambda t, f: replace(f, value=values.encode("QB")),
    "no value": lambda t, f: replace(f, value=None),
    "another version": lambda t, f: replace(f, version=2),
    "another root": lambda t, f: _with_header(t, f, state_root=Hash(bytes([1]) * 32)),
    "another channel": lambda t, f: _with_header(t, f, channel_id=Hash(bytes([1]) * 32)),
    "another suite": lambda t, f: _with_header(t, f, suite=3 - t.suite.id),
    "another epoch": lambda t, f: _with_header(t, f, epoch=1),
    "other validators": lambda t, f: _with_header(t, f, validators_hash=ZERO_HASH),
    "genesis itself": lambda t, f: _with_header(t, f, height=0),
    "a header nobody sealed": lambda t, f: replace(
        f, settled=replace(f.settled, header=replace(f.settled.header, timestamp_ms=1))
    ),
    "too few seals": lambda t, f: replace(
        f, settled=replace(f.settled, certificate=t.seal(f.settled.header, [0, 1]))
    ),
    "one seal twice": lambda t, f: _unsealed(f, seals=(f.settled.certificate.seals[0],) * 3),
    "seals of two views": lambda t, f: _unsealed(
        f,
        seals=(
            *f.settled.certificate.seals[:2],
            t.seal(f.settled.header, [2], view=1).seals[0],
        ),
    ),
    "another kind": lambda t, f: _unsealed(f, kind="raft"),
    "another height": lambda t, f: _unsealed(f, height=99),
    "another block": lambda t, f: _unsealed(f, block_hash=ZERO_HASH),
    "another epoch's certificate": lambda t, f: _unsealed(f, epoch=1),
    "a bitmap too long": lambda t, f: _unsealed(f, signers=b"\x07\x00"),
    "a bitmap of nobody": lambda t, f: _unsealed(f, signers=b"\x00"),
    "a bitmap of a fifth": lambda t, f: _unsealed(f, signers=b"\x13"),
    "no bitmap": lambda t, f: _unsealed(f, signers=b""),
    "a sibling more": lambda t, f: replace(
        f, proof=replace(f.proof, siblings=(*f.proof.siblings, ZERO_HASH))
    ),
    "a sibling less": lambda t, f: replace(
        f, proof=replace(f.proof, siblings=f.proof.siblings[:-1])
    ),
    "another leaf": lambda t, f: replace(
        f, proof=replace(f.proof, other=OtherLeaf(ZERO_HASH, ZERO_HASH))
    ),
    "too many siblings": lambda t, f: replace(
        f, proof=replace(f.proof, siblings=(ZERO_HASH,) * 257)
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_whatever_is_changed_is_refused_here_and_offline(pair: Pair, name: str) -> None:
    here, there = pair
    fact = MUTATIONS[name](there, there.fact(KEY))
    refused(here, there, encode(fact))
    if name != "another root":  # offline the root is the certified header's own, here too
        with pytest.raises(ProofError):
            offline.check_state(SuiteVerifier(there.suite), trust_of(there), fact)


@pytest.mark.parametrize("cut", [0, 1, 7, 100, -1])
def test_bytes_that_are_no_proof_are_refused(pair: Pair, cut: int) -> None:
    here, there = pair
    refused(here, there, encode(there.fact(KEY))[:cut])


def test_a_proof_of_another_key_is_refused(pair: Pair) -> None:
    here, there = pair
    refused(here, there, encode(there.fact(state_key("depot", "owner", "b"))))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 9])
@pytest.mark.parametrize("kind", ["pbft", "raft"])
def test_as_many_seals_are_needed_as_everywhere(kind: str, n: int) -> None:
    here, there = Foreign(), Foreign(n, kind)
    here.follows(there)
    there.ok("PX", "depot", "make", asset="bl")
    fact = there.fact(KEY)
    assert values.decode(asked(here, there, fact)["value"]) == "PX"
    fewer = there.seal(fact.settled.header, range(seals_needed(kind, n) - 1))
    refused(here, there, encode(replace(fact, settled=replace(fact.settled, certificate=fewer))))


@pytest.mark.parametrize("suite", ["sm", "intl"])
def test_validators_are_followed_from_epoch_to_epoch(suite: str) -> None:
    here, there = Foreign(), Foreign(suite=suite)
    here.follows(there)
    there.ok("PX", "depot", "make", asset="bl")
    old = there.fact(KEY)
    stale, first_signers = there.validators, list(there.signers)
    last, following = there.change_validators()
    new = there.fact(KEY)
    refused(here, there, encode(new))  # nobody has told of the next epoch
    bring = {"channel": there.id, "last": last, "validators": following}
    here.refused(
        "E_FOREIGN_PROOF", "X", "foreign_channel", "follow",
        **(bring | {"validators": encode(ValidatorSet(1, stale.validators))}),
    )  # fmt: skip
    here.refused(
        "E_FOREIGN_PROOF", "X", "foreign_channel", "follow",
        **(bring | {"last": encode(new.settled)}),
    )  # fmt: skip
    assert here.ok("X", "foreign_channel", "follow", **bring) == 1
    here.refused("E_FOREIGN_PROOF", "X", "foreign_channel", "follow", **bring)
    assert values.decode(asked(here, there, new)["value"]) == "PX"
    assert values.decode(asked(here, there, old)["value"]) == "PX"  # of before the change
    # what the old set would still seal above its end is nothing
    there.signers, there.validators = first_signers, stale
    refused(here, there, encode(there.fact(KEY)))


def test_seals_under_the_rules_of_another_suite_are_none() -> None:
    """The same four keys cannot vouch in two suites: the genesis says which, and every tag repeats it."""
    here, there = Foreign(), Foreign(suite="intl")
    claimed = replace(there.config, suite=1)
    there.id, there.config = channel_id(get_suite("sm").hash, claimed), claimed
    here.follows(there)  # anybody's bytes; what they seal decides
    there.ok("PX", "depot", "make", asset="bl")
    refused(here, there, encode(there.fact(KEY)))


def test_a_high_s_is_no_second_seal() -> None:
    here, there = Foreign(), Foreign(suite="intl")
    here.follows(there)
    there.ok("PX", "depot", "make", asset="bl")
    fact = there.fact(KEY)
    assert values.decode(asked(here, there, fact)["value"]) == "PX"
    first = fact.settled.certificate.seals[0]
    high = first[:32] + (P256.n - int.from_bytes(first[32:])).to_bytes(32)
    seals = (Sig(high), *fact.settled.certificate.seals[1:])
    refused(here, there, encode(_unsealed(fact, seals=seals)))


@pytest.mark.parametrize(("kind", "n"), [("pbft", 16)])
@pytest.mark.parametrize("suite", ["sm", "intl"])
def test_a_proof_of_a_large_channel_costs_less_than_a_call_may(
    suite: str, kind: str, n: int
) -> None:
    here, there = Foreign(), Foreign(n, kind, suite=suite)
    here.follows(there)
    there.ok("PX", "depot", "make", asset="bl")
    result = here.call(
        "X", "foreign_channel", "state_of", channel=there.id, contract="depot", name="owner",
        key="bl", fact=encode(there.fact(KEY)),
    )  # fmt: skip
    assert (result.outcome, result.gas_used < GAS_DEMO_MAX) == ("ok", True)


def test_the_engine_that_nodes_run_follows_both_suites() -> None:
    here, there = Foreign(engine="wasm"), Foreign(suite="intl")
    here.follows(there)
    there.ok("PX", "depot", "make", asset="bl")
    fact = there.fact(KEY)
    assert values.decode(asked(here, there, fact)["value"]) == "PX"
    seals = (fact.settled.certificate.seals[1], *fact.settled.certificate.seals[1:])
    refused(here, there, encode(_unsealed(fact, seals=seals)))
