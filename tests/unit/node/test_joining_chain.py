"""The chain that a node begins with comes from several peers at once; one that lies costs what it sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from consensus.certificate import KIND_PBFT, CommitCert, Seal, bitmap, seal_message
from consensus.encoding import Hash, Sig
from consensus.header import Header, block_hash, leaves_root, tx_id, tx_leaf
from consensus.quorum import quorum
from consensus.validators import Validator, ValidatorSet, validators_hash
from node.catchup import chain as joining_chain
from node.catchup import peers as joining_peers
from node.catchup.chain import Chain, fetch_bodies, fetch_headers
from node.catchup.joining import _genesis_header
from node.catchup.peers import Crew
from node.errors import CityError
from node.genesis import Genesis, channel_id
from node.identity.signers import MemorySigner
from node.ledger.snapshot import BadSnapshot
from node.model import Envelope, StoredBlock
from node.wire.snapshots import Offer, SealedHeader
from tests.unit.node.network import SUITE, make_genesis

LENGTH, CHANGE, RANGE = 40, 11, 4
FAILED = "CITY-5009"


@dataclass(frozen=True)
class World:
    """A sealed chain of LENGTH blocks whose validators change behind block CHANGE."""

    genesis: Genesis
    first: Header
    blocks: tuple[StoredBlock, ...]
    named: dict[Hash, ValidatorSet]

    def open(self, folder: Path) -> Chain:
        return Chain(folder, self.genesis, self.first, SUITE)


def sealed(header: Header, epoch: int, votes: Sequence[MemorySigner]) -> CommitCert:
    named = block_hash(SUITE.hash, header)
    seal = Seal(header.channel_id, epoch, header.height, 0, named)
    message, signers = seal_message(SUITE.id, seal), list(range(quorum(len(votes))))
    seals = tuple(Sig(votes[i].sign(message)) for i in signers)
    return CommitCert(KIND_PBFT, epoch, header.height, 0, named, bitmap(signers, len(votes)), seals)


def make_world() -> World:
    genesis, keys = make_genesis(4)
    first = _genesis_header(genesis, channel_id(SUITE.hash, genesis.config), SUITE)
    newer = [*keys.votes[:3], MemorySigner(SUITE.generate_key())]
    later = ValidatorSet(1, tuple(Validator(f"n{i}", v.public_key) for i, v in enumerate(newer)))
    of_later = validators_hash(SUITE.hash, SUITE.id, later)
    tip, blocks = first, []
    for height in range(1, LENGTH + 1):
        is_change, is_later = height == CHANGE, height > CHANGE
        envelopes = (Envelope(b"change", b"", b""),) if is_change else ()
        leaves = [
            tx_leaf(SUITE.hash, SUITE.id, tx_id(SUITE.hash, SUITE.id, e.body), Sig(e.signature))
            for e in envelopes
        ]
        tip = replace(
            tip,
            height=height,
            parent_hash=block_hash(SUITE.hash, tip),
            timestamp_ms=tip.timestamp_ms + 1,
            epoch=int(is_later),
            tx_count=len(envelopes),
            tx_root=leaves_root(SUITE.hash, leaves),
            config_hash=Hash(bytes(31) + b"\x01") if is_later else first.config_hash,
            validators_hash=of_later if is_later else first.validators_hash,
            next_validators_hash=of_later if height >= CHANGE else first.validators_hash,
        )
        certificate = sealed(tip, int(is_later), newer if is_later else keys.votes)
        blocks.append(StoredBlock(tip, envelopes, certificate))
    return World(genesis, first, tuple(blocks), {of_later: later})


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining_chain, "RANGE_HEADERS", RANGE)
    monkeypatch.setattr(joining_chain, "RANGE_BLOCKS", RANGE)
    monkeypatch.setattr(joining_peers, "PAUSE_SECONDS", 0.001)


class Honest:
    is_validator = True

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.asked, self.asked_bodies = list[int](), list[int]()

    async def offer(self) -> Offer | None:
        return None

    async def part(self, height: int, part: int) -> bytes:
        raise CityError("CITY-5009", reasons="none", needed=1)

    async def headers(self, first: int, last: int) -> list[SealedHeader]:
        await asyncio.sleep(0)
        self.asked.append(first)
        found = self.world.blocks[first - 1 : last]
        return [(b.header, b.certificate) for b in found if b.certificate is not None]

    async def blocks(self, first: int, last: int) -> list[StoredBlock]:
        await asyncio.sleep(0)
        self.asked_bodies.append(first)
        return list(self.world.blocks[first - 1 : last])


class Spoils(Honest):
    """Answers with whatever `spoil` makes of the right headers."""

    def __init__(
        self,
        world: World,
        name: str,
        spoil: Callable[[list[SealedHeader]], list[SealedHeader]],
    ) -> None:
        super().__init__(world, name)
        self._spoil = spoil

    async def headers(self, first: int, last: int) -> list[SealedHeader]:
        return self._spoil(await super().headers(first, last))


class Leaves(Honest):
    """Is gone after some answers."""

    answers = 2

    async def headers(self, first: int, last: int) -> list[SealedHeader]:
        found = await super().headers(first, last)
        if len(self.asked) > self.answers:
            raise CityError("CITY-6004", height=first, peer=self.name, reason="no link")
        return found


def crew_of(*peers: Honest) -> Crew[Honest]:
    return Crew(peers, lambda reasons: CityError(FAILED, reasons=reasons, needed=1))


async def whole(world: World, folder: Path, crew: Crew[Honest]) -> None:
    """Takes all of it, and it is what was sealed."""
    with world.open(folder) as chain:
        await fetch_headers(chain, crew, LENGTH, world.named)
        await fetch_bodies(chain, crew, LENGTH - 9)
        assert chain.height == LENGTH
        assert chain.hash_of(LENGTH) == block_hash(SUITE.hash, world.blocks[-1].header)
        held = [chain._blocks.block(h) for h in range(LENGTH - 9, LENGTH + 1)]
        assert held == list(world.blocks[-10:])
        assert chain._blocks.base == LENGTH - 9
        assert list(chain._blocks.validators_after(CHANGE).validators) == list(
            next(iter(world.named.values())).validators
        )


async def test_every_peer_gives_some_of_it(world: World, tmp_path: Path) -> None:
    peers = [Honest(world, name) for name in "abc"]
    crew = crew_of(*peers)
    await whole(world, tmp_path / "blocks", crew)
    assert all(peer.asked for peer in peers) and not crew.caught
    asked = sorted(first for peer in peers for first in peer.asked)
    assert len(asked) == len(set(asked)) == LENGTH // RANGE  # nothing twice


SPOILT: dict[str, Callable[[list[SealedHeader]], list[SealedHeader]]] = {
    "another time": lambda found: [
        (replace(h, timestamp_ms=h.timestamp_ms + 1), c) for h, c in found
    ],
    "another seal": lambda found: [
        (h, replace(c, seals=(Sig(bytes(64)), *c.seals[1:]))) for h, c in found
    ],
    "fewer seals": lambda found: [(h, replace(c, seals=c.seals[1:])) for h, c in found],
    "the second of them forged": lambda found: [
        found[0],
        *((replace(h, tx_count=7), c) for h, c in found[1:2]),
        *found[2:],
    ],
    "another order": lambda found: found[::-1],
    "twice as many": lambda found: found * 2,
    "certificates of others": lambda found: [
        (h, found[0][1]) if n else (h, found[-1][1]) for n, (h, _) in enumerate(found)
    ],
}


@pytest.mark.parametrize("what", SPOILT)
async def test_a_liar_is_named_and_costs_what_it_was_asked_for(
    world: World, tmp_path: Path, what: str
) -> None:
    liar = Spoils(world, "liar", SPOILT[what])
    peers = [liar, Honest(world, "b"), Honest(world, "c")]
    crew = crew_of(*peers)
    await whole(world, tmp_path / "blocks", crew)
    assert list(crew.caught) == ["liar"]
    # Whatever it had been asked for before the first of it was looked at.
    assert len(liar.asked) <= joining_chain.RANGES_AHEAD


async def test_bodies_of_a_liar_are_not_taken(world: World, tmp_path: Path) -> None:
    class Liar(Honest):
        async def blocks(self, first: int, last: int) -> list[StoredBlock]:
            found = await super().blocks(first, last)
            return [replace(b, envelopes=(Envelope(b"x", b"", b""),)) for b in found]

    crew = crew_of(Liar(world, "liar"), Honest(world, "b"))
    await whole(world, tmp_path / "blocks", crew)
    assert list(crew.caught) == ["liar"]


async def test_who_gives_a_little_at_a_time_is_no_liar(world: World, tmp_path: Path) -> None:
    crew = crew_of(Spoils(world, "slow", lambda found: found[:1]), Honest(world, "b"))
    await whole(world, tmp_path / "blocks", crew)
    assert not crew.caught


async def test_who_goes_away_is_done_without(world: World, tmp_path: Path) -> None:
    gone = Leaves(world, "gone")
    crew = crew_of(gone, Honest(world, "b"), Honest(world, "c"))
    await whole(world, tmp_path / "blocks", crew)
    assert not crew.caught
    assert len(gone.asked) <= gone.answers + joining_peers.REQUESTS_A_PEER


async def test_it_fails_with_every_peers_reason_and_goes_on_where_it_was(
    world: World, tmp_path: Path
) -> None:
    for answers in (1, 2, 5):
        folder = tmp_path / str(answers) / "blocks"
        leaving = [Leaves(world, "a"), Leaves(world, "b")]
        for peer in leaving:
            peer.answers = answers
        with world.open(folder) as chain:
            with pytest.raises(CityError) as caught:
                await fetch_headers(chain, crew_of(*leaving), LENGTH + RANGE, world.named)
            reached = chain.height
        assert caught.value.code == FAILED and "a: " in caught.value.message
        assert 0 < reached <= LENGTH and reached % RANGE == 0
        peer = Honest(world, "c")
        await whole(world, folder, crew_of(peer))
        assert min(peer.asked, default=LENGTH) > reached - (reached == LENGTH)


async def test_it_goes_on_wherever_it_was_cut(world: World, tmp_path: Path) -> None:
    """Also right at the change of the validators and behind it, and with bodies of another snapshot there."""
    for height in (1, 4, CHANGE - 1, CHANGE, CHANGE + 1, CHANGE + 2, 30, 31, 35, LENGTH - 1):
        folder = tmp_path / str(height) / "blocks"
        with world.open(folder) as chain:
            found = [(b.header, b.certificate) for b in world.blocks[:height] if b.certificate]
            chain.take_headers(found, world.named)
            first = max(1, height - 3)
            chain.take_bodies(world.blocks[first - 1 : height], first)
            if height % 2:
                chain.begin(first)
        with world.open(folder) as chain:
            assert chain.height == height
        peer = Honest(world, "c")
        await whole(world, folder, crew_of(peer))
        assert min(peer.asked) == height + 1
        assert not set(peer.asked_bodies) & set(range(first, height + 1))
        with world.open(folder) as chain:
            assert not any(chain._blocks.is_filled(h) for h in range(1, LENGTH - 9))


async def test_what_an_attempt_left_damaged_begins_anew(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "blocks"
    await whole(world, folder, crew_of(Honest(world, "a")))
    (folder / "CURRENT").write_bytes(b"MANIFEST-9\n")
    peer = Honest(world, "a")
    await whole(world, folder, crew_of(peer))
    assert min(peer.asked) == 1
    other = make_world()
    peer = Honest(other, "a")
    await whole(other, folder, crew_of(peer))
    assert min(peer.asked) == 1


async def test_no_more_is_held_than_a_few_ranges(world: World, tmp_path: Path) -> None:
    """While the first range is kept back nobody is asked for more than RANGES_AHEAD of them."""
    released = asyncio.Event()

    class Holds(Honest):
        async def headers(self, first: int, last: int) -> list[SealedHeader]:
            if first == 1:
                await released.wait()
            found = await super().headers(first, last)
            if first == 1 + (joining_chain.RANGES_AHEAD - 1) * RANGE:
                asyncio.get_running_loop().call_soon(released.set)
            return found

    peers = [Holds(world, name) for name in "abcdef"]
    with world.open(tmp_path / "blocks") as chain:
        task = asyncio.create_task(fetch_headers(chain, crew_of(*peers), LENGTH, world.named))
        await released.wait()
        assert chain.height == 0
        asked = {first for peer in peers for first in peer.asked}
        assert max(asked) <= joining_chain.RANGES_AHEAD * RANGE
        await task
        assert chain.height == LENGTH


async def test_validators_that_nobody_told_are_no_peers_lie(world: World, tmp_path: Path) -> None:
    crew = crew_of(Honest(world, "a"), Honest(world, "b"))
    with world.open(tmp_path / "blocks") as chain:
        with pytest.raises(BadSnapshot, match=f"after block {CHANGE}"):
            await fetch_headers(chain, crew, LENGTH, {})
        assert not crew.caught
    await whole(world, tmp_path / "blocks", crew)


async def test_headers_above_an_older_snapshot_are_no_obstacle(
    world: World, tmp_path: Path
) -> None:
    """An attempt came further than the snapshot reaches that is offered the next time."""
    folder = tmp_path / "blocks"
    with world.open(folder) as chain:
        found = [(b.header, b.certificate) for b in world.blocks[: LENGTH - 5] if b.certificate]
        chain.take_headers(found, world.named)
    last = LENGTH - 12
    with world.open(folder) as chain:
        crew = crew_of(Honest(world, "a"))
        await fetch_headers(chain, crew, last, world.named)
        await fetch_bodies(chain, crew, last - 9)
        assert (chain._blocks.base, chain.height) == (last - 9, LENGTH - 5)
        held = [chain._blocks.block(h) for h in range(last - 9, LENGTH - 4)]
        assert held == list(world.blocks[last - 10 : LENGTH - 5])
