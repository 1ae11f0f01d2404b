"""A QBFT chain is followed by its validators' seals: what they did not seal is not the chain's."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

if importlib.util.find_spec("eth_tester") is None:
    pytest.skip("the extra `evm` is not installed", allow_module_level=True)
import rlp
from eth_utils.crypto import keccak

from node.frameworks.api import ProofRefused
from node.frameworks.evm_proof import check
from node.frameworks.qbft import Extra, QbftChain, Tally, quorum, read_header
from tests.damage import flipped
from tests.unit.frameworks.evm_node import BUILT, EvmLedger, QbftNode, serve
from tests.unit.frameworks.sealers import SealedChain, Sealers, add, address_of, drop

EPOCH = 10


class Chain(SealedChain):
    def followed(self) -> QbftChain:
        found = QbftChain(self.headers[0], EPOCH)
        found.follow(self.headers[1:])
        return found


def refused(chain: QbftChain, headers: list[bytes], why: str) -> None:
    before = (chain.height, chain.validators, chain.knows(read_hash(headers[-1])))
    with pytest.raises(ProofRefused, match=why):
        chain.follow(headers)
    assert (chain.height, chain.validators, chain.knows(read_hash(headers[-1]))) == before


def read_hash(header: bytes) -> bytes:
    try:
        return read_header(header).hash
    except ProofRefused:
        return b""


def test_blocks_are_known_by_the_hash_that_the_chain_gives_them() -> None:
    made = Chain()
    for _ in range(25):
        made.make(turn=3)
    chain = made.followed()
    assert chain.height == 25
    assert all(chain.knows(made.hash(n)) for n in range(26))
    assert not chain.knows(bytes(32))
    header = made.headers[7]
    assert keccak(chain.on_chain(header)) == made.hash(7) != keccak(header)
    assert read_header(chain.on_chain(header)).extra.seals == ()


def test_extra_data_is_written_as_besu_writes_it() -> None:
    """From the description of Besu's codec: a scalar round, an added address with 0xff, a dropped one with an
    empty string, no vote as an empty list."""
    one, two = bytes(19) + b"\x01", bytes(19) + b"\x02"
    for vote, shown in (((one, True), "d7" + "94" + one.hex() + "81ff"),
                        ((one, False), "d6" + "94" + one.hex() + "80"), (None, "c0")):  # fmt: skip
        found = Extra(bytes(32), (one, two), vote, 0xFEDCBA, ()).encode().hex()
        head = "a0" + "00" * 32 + "ea" + "94" + one.hex() + "94" + two.hex()
        assert found.endswith(head + shown + "83fedcba" + "c0")


@pytest.mark.parametrize(
    ("n", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (10, 7)]
)
def test_two_thirds_seal_and_one_less_does_not(n: int, needed: int) -> None:
    assert quorum(n) == needed
    made = Chain(n)
    chain = made.followed()
    names = made.sealers.names
    too_few = made.make(signers=names[: needed - 1])
    refused(chain, [too_few], "seals")
    made.blocks.pop()
    chain.follow([made.make(signers=names[n - needed :])])
    assert chain.height == 1


BAD: dict[str, tuple[str, Callable[[Chain], bytes]]] = {
    "a stranger's seal": ("stranger", lambda c: c.make(signers=["v0", "v1", "x"])),
    "a stranger's beside enough": ("stranger", lambda c: c.make(signers=["v0", "v1", "v2", "x"])),
    "a seal twice": ("twice", lambda c: c.make(signers=["v0", "v1", "v1", "v2"])),
    "no seals": ("0 seals", lambda c: c.make(signers=[])),
    "strangers all of them": ("other validators", lambda c: c.make(
        named=["a", "b", "c", "d"], signers=["a", "b", "c"])),
    "a set without one": ("other validators", lambda c: c.make(named=["v0", "v1", "v2"])),
    "a stranger's proposal": ("proposed by a stranger", lambda c: c.make(proposer="x")),
    "none at all": ("1 to 256", lambda c: c.make(named=[])),
    "another mixHash": ("mixHash", lambda c: changed(c.make(), 13, bytes(32))),
    "a number with zeros": ("number", lambda c: changed(c.make(), 8, b"\x00\x01")),
    "another number": ("does not follow", lambda c: changed(c.make(), 8, b"\x03")),
    "another parent": ("does not follow", lambda c: changed(c.make(), 0, bytes(32))),
    "another state": ("stranger|seals|signature", lambda c: changed(c.make(), 3, b"\x01" * 32)),
    "another transaction root": ("stranger|seals|signature", lambda c: changed(c.make(), 4, b"\x01" * 32)),
    "another round": ("stranger|seals|signature", lambda c: with_extra(c.make(), 3, b"\x05")),
    "a round with zeros": ("number", lambda c: with_extra(c.make(), 3, b"\x00\x05")),
    "a vote of three": ("vote", lambda c: with_extra(c.make(), 2, [b"", b"", b""])),
    "a vote for nothing": ("bytes", lambda c: with_extra(c.make(), 2, [b"", b"\xff"])),
    "a vote of another kind": ("vote", lambda c: with_extra(c.make(), 2, [bytes(20), b"\x01"])),
    "a vote put in": ("stranger|seals|signature", lambda c: with_extra(c.make(), 2, add("x"))),
    "seals that are none": ("bytes", lambda c: with_extra(c.make(), 4, [b"\x01" * 64])),
    "seals of zeros": ("signature", lambda c: with_extra(c.make(), 4, [bytes(65)] * 3)),
    "more seals than validators": ("more seals", lambda c: with_extra(c.make(), 4, [bytes(65)] * 5)),
    "another vanity": ("bytes", lambda c: with_extra(c.make(), 0, bytes(31))),
    "unordered validators": ("order", lambda c: with_extra(
        c.make(), 1, list(reversed(c.sealers.addresses())))),
    "nested lists without end": ("not a header", lambda c: nested(20_000)),
    "cut off": ("not a header", lambda c: c.make()[:-1]),
    "longer": ("not a header", lambda c: c.make() + b"\x00"),
    "nothing": ("not a header", lambda c: b""),
}  # fmt: skip


def changed(header: bytes, field: int, value: Any) -> bytes:
    fields = rlp.decode(header)
    fields[field] = value
    return bytes(rlp.encode(fields))


def with_extra(header: bytes, item: int, value: Any) -> bytes:
    extra = rlp.decode(rlp.decode(header)[12])
    extra[item] = value
    return changed(header, 12, rlp.encode(extra))


def nested(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        size = len(data).to_bytes((len(data).bit_length() + 7) // 8)
        data = bytes([0xC0 + len(data)] if len(data) < 56 else [0xF7 + len(size), *size]) + data
    return data


@pytest.mark.parametrize("name", BAD)
def test_a_header_that_was_not_sealed_so_is_refused(name: str) -> None:
    why, make = BAD[name]
    made = Chain()
    made.make()
    chain = made.followed()
    refused(chain, [make(made)], why)
    made.blocks[2:] = []
    chain.follow([made.make()])


def test_every_flipped_bit_of_what_was_sealed_is_refused() -> None:
    made = Chain()
    chain, header = made.followed(), made.make()
    for at in range(0, len(header), 7):
        spoiled = flipped(header, at, at % 8)
        refused(chain, [spoiled], "[a-z]")
    chain.follow([header])


def test_a_validator_is_added_and_dropped_by_more_than_half_of_the_votes() -> None:
    made = Chain()
    for name in ("v0", "v1"):
        made.make(vote=add("v4"), proposer=name)
    early = Sealers(5)
    assert made.followed().validators == tuple(Sealers(4).addresses())
    made.make(vote=add("v4"), proposer="v2")
    assert made.followed().validators == tuple(early.addresses())
    made.sealers = Sealers(5)
    made.make(signers=["v1", "v2", "v3", "v4"])
    for name in ("v1", "v2", "v4"):
        made.make(vote=drop("v0"), proposer=name, signers=["v1", "v2", "v3", "v4"])
    left = ["v1", "v2", "v3", "v4"]
    assert made.followed().validators == tuple(Sealers(0).addresses(left))
    made.sealers.names = left
    made.make()
    chain = made.followed()
    made.sealers.names = ["v0", *left]  # who was dropped seals no more
    refused(chain, [made.make(named=left, signers=["v0", "v1", "v2"], proposer="v1")], "stranger")


def test_a_vote_counts_once_may_be_changed_and_ends_with_its_epoch() -> None:
    made = Chain()
    for _ in range(3):
        made.make(vote=add("x"), proposer="v0")
    made.make(vote=add("x"), proposer="v1")
    made.make(vote=drop("x"), proposer="v1")
    made.make(vote=add("x"), proposer="v2")
    assert len(made.followed().validators) == 4
    while len(made.blocks) < EPOCH:
        made.make()
    made.make(
        vote=add("x"), proposer="v1"
    )  # block 10 begins an epoch: what it votes is not counted
    made.make(vote=add("x"), proposer="v2")
    made.make(vote=add("x"), proposer="v3")
    assert len(made.followed().validators) == 4
    later = QbftChain(made.headers[EPOCH], EPOCH)
    later.follow(made.headers[EPOCH + 1 :])
    assert later.validators == made.followed().validators
    made.make(vote=add("x"), proposer="v0")
    assert len(made.followed().validators) == 5


def test_strangers_cannot_vote_themselves_in() -> None:
    """Votes in headers that nobody sealed would change the set: the old one must have sealed the last vote."""
    made = Chain()
    chain = made.followed()
    for name in ("v0", "v1", "v2"):
        made.make(vote=add("x"), proposer=name, signers=[])
    made.sealers = Sealers(4)
    made.sealers.names.append("x")
    forged = made.headers[1:]
    refused(chain, [*forged, made.make(signers=["v0", "x"])], "0 seals")


def test_one_sealed_header_answers_for_those_before_it_and_an_unsealed_last_one_for_none() -> None:
    made = Chain()
    for n in range(5):
        made.make(signers=None if n == 4 else [])
    chain = made.followed()
    assert chain.knows(made.hash(2))
    fresh = QbftChain(made.headers[0], EPOCH)
    refused(fresh, made.headers[1:4], "0 seals")
    refused(fresh, made.headers[2:], "does not follow")


def test_a_chain_is_followed_from_where_its_votes_are_known() -> None:
    made = Chain()
    for _ in range(12):
        made.make()
    for number in (1, 11):
        with pytest.raises(ProofRefused, match="genesis"):
            QbftChain(made.headers[number], EPOCH)
    assert QbftChain(made.headers[10], EPOCH).height == 10
    with pytest.raises(ProofRefused):
        QbftChain(b"", EPOCH)


def test_who_left_has_no_vote_any_more() -> None:
    members = [address_of(name) for name in ("a", "b", "c")]
    tally = Tally(sorted(members))
    made = Chain(3)
    made.sealers.names = ["a", "b", "c"]
    for proposer, vote in (("a", add("x")), ("b", drop("a")), ("c", drop("a")), ("b", add("x"))):
        tally.count(read_header(made.make(vote=vote, proposer=proposer)), EPOCH)
    assert address_of("x") not in tally.validators  # one vote of the two that are left


async def test_a_node_that_tells_another_chain_proves_nothing() -> None:
    node = QbftNode()
    async for rpc in serve(node):
        chain = QbftChain(node.genesis())
        ledger = EvmLedger(rpc, node.address, BUILT["abi"], node.key, chain=chain)
        done = await ledger.submit("register", {"number": "INV-1", "digest": bytes(range(32))})
        proof = await ledger.proof(done.tx_id)
        assert ledger.check(proof).height == done.height == chain.height
        stranger = QbftChain(node.genesis())
        elsewhere = EvmLedger(rpc, node.address, BUILT["abi"], node.key, chain=stranger)
        with pytest.raises(ProofRefused, match="none that is trusted"):
            elsewhere.check(proof)  # it has not followed so far
        await elsewhere.follow()
        assert elsewhere.check(proof) == ledger.check(proof)
        node.validators.names = ["x0", "x1", "x2", "x3"]  # the node's own validators from here on
        done = await ledger.submit("register", {"number": "INV-2", "digest": bytes(range(32))})
        with pytest.raises(ProofRefused, match="other validators"):
            await ledger.proof(done.tx_id)
        with pytest.raises(ValueError, match="either"):
            EvmLedger(rpc, node.address, BUILT["abi"], node.key)


@pytest.mark.parametrize("data", [b"", b"\xc0", b"\xc1" * 100, nested(20_000)])
def test_bytes_that_are_no_proof_are_refused(data: bytes) -> None:
    with pytest.raises(ProofRefused):
        check(data)
