"""A node that begins with a snapshot of its peers ends where the others are, and no liar leads it elsewhere."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from consensus.encoding import Hash
from node.catchup import joining
from node.catchup import peers as joining_peers
from node.catchup.joining import Joining, finish
from node.errors import CityError
from node.ledger import snapshot
from node.ledger.snapshot import parts, read_part
from node.model import SnapshotIndex, StoredBlock
from node.proofs.reading import verify_proof
from node.wire.snapshots import Offer, SealedHeader
from tests.damage import flipped
from tests.unit.node.network import SECONDS, SUITE, Cluster
from tests.unit.node.test_reconfiguration import Votes, commit, configure, count
from tests.unit.node.waiting import voting

EVERY = 3


class Near:
    """A running node of this process, asked without a network between; what it answers may be spoilt."""

    is_validator = True

    def __init__(self, net: Cluster, name: str) -> None:
        taken = net.nodes[name].channel.pipeline.snapshots
        assert taken is not None
        self.name, self.library, self.asked = name, taken, 0

    async def offer(self) -> Offer | None:
        return await asyncio.to_thread(self.library.offer)

    async def part(self, height: int, part: int) -> bytes:
        self.asked += 1
        found = await asyncio.to_thread(self.library.part, height, part)
        if found is None:
            raise CityError("CITY-6201", reason="no such part")
        return found

    async def headers(self, first: int, last: int) -> list[SealedHeader]:
        return list(await asyncio.to_thread(self.library.headers, first, last))

    async def blocks(self, first: int, last: int) -> list[StoredBlock]:
        return list(await asyncio.to_thread(self.library.blocks, first, last))


@pytest.fixture(autouse=True)
def few_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks go along with a snapshot for two heights, so that the joining node lacks some."""
    monkeypatch.setattr(snapshot, "RECEIPTS_BLOCKS", 2)
    monkeypatch.setattr(joining, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(joining_peers, "PAUSE_SECONDS", 0.01)


@asynccontextmanager
async def grown(root: Path, **votes: Votes) -> AsyncIterator[Cluster]:
    """Three of four cities run and have taken a snapshot of one block that is settled; n3 has not started."""
    net = Cluster(root, 4)
    net.snapshot_every = EVERY
    try:
        for name in ("n0", "n1", "n2"):
            await net.start(name, votes=votes.get(name))
        for _ in range(3 * EVERY):
            await count(net)
        await offered(net)
        yield net
    finally:
        await net.stop_all()


async def offered(net: Cluster, above: int = 0) -> SnapshotIndex:
    """Until all nodes offer the same snapshot, of a height above that one. They may take another at once."""
    async with asyncio.timeout(SECONDS):
        while True:
            offers = [await Near(net, name).offer() for name in sorted(net.nodes)]
            found = {offer.index for offer in offers if offer is not None}
            index = found.pop() if len(found) == 1 and None not in offers else None
            if index is not None and index.height > above:
                return index
            await asyncio.sleep(0.02)


def attempt(net: Cluster) -> Joining:
    return Joining(net.root / "n3", net.genesis, SUITE, net.channel_id)


async def joined(net: Cluster, peers: Sequence[Near]) -> None:
    (net.root / "n3").mkdir(exist_ok=True)
    await attempt(net).run(peers)


def everyone(net: Cluster) -> list[Near]:
    return [Near(net, name) for name in sorted(net.nodes)]


async def refusal(net: Cluster, peers: Sequence[Near], monkeypatch: pytest.MonkeyPatch) -> str:
    """Of an attempt that must fail and leave nothing."""
    monkeypatch.setattr(joining, "OFFERS_SECONDS", 1.0)
    (net.root / "n3").mkdir(exist_ok=True)
    with pytest.raises(CityError) as caught:
        await attempt(net).run(peers)
    assert caught.value.code == "CITY-5009"
    assert not any((net.root / "n3" / name).exists() for name in ("blocks", "state"))
    return caught.value.message


async def test_it_has_the_others_state_and_votes(tmp_path: Path) -> None:
    async with grown(tmp_path) as net:
        await joined(net, everyone(net))
        node = await net.start("n3")
        root = await net.same_state()
        assert node.state_root == root
        status = node.channel.status()
        assert status["history_from"] % EVERY == 0
        assert status["blocks_from"] == status["history_from"] - 1 > 1
        await voting(net, "n3")
        await net.stop("n2")  # now it is needed
        await count(net, "n3")
        await net.same_state()


async def test_it_knows_what_was_used_of_quotas_before_it(tmp_path: Path) -> None:
    quota = {"seconds": 24 * 3_600, "transactions": 1_000, "bytes": 0, "gas": 0}
    async with grown(tmp_path) as net:
        done = await configure(net, "n0", "set_quota", member="m-alice", application="", **quota)
        assert done.outcome == "ok"
        height = net.nodes["n0"].height
        for _ in range(2 * EVERY):
            await count(net)
        await offered(net, above=height)
        await joined(net, everyone(net))
        node = await net.start("n3")
        await net.same_state()
        used = node.channel._ledger.quotas.used
        assert used == net.nodes["n0"].channel._ledger.quotas.used and len(used) == 1
        await count(net, "n3")
        await net.same_state()


async def test_it_refuses_what_was_before_it_by_name_and_knows_request_ids_of_then(
    tmp_path: Path,
) -> None:
    async with grown(tmp_path) as net:
        first = await commit(net, "n0", net.envelope(request_id="used-before"))
        first_height = net.nodes["n0"].height
        for _ in range(2 * EVERY):
            await count(net)
        await offered(net, above=first_height)
        await joined(net, everyone(net))
        node = await net.start("n3")
        await net.same_state()
        channel = node.channel
        for asked in (channel.block(1), channel.events(1, "", "", "").__anext__()):
            with pytest.raises(CityError) as caught:
                await asked
            assert caught.value.code == "CITY-5008"
        held = await channel.block(channel.status()["blocks_from"])
        assert held is not None and held.certificate is not None
        again = await commit(net, "n1", net.envelope(request_id="used-before"))
        assert again.outcome == "duplicate" and first.tx_id in again.result
        await net.same_state()


async def test_it_follows_validators_that_changed_on_the_way(tmp_path: Path) -> None:
    from node.identity.signers import MemorySigner

    new = MemorySigner(SUITE.generate_key())
    net = Cluster(tmp_path, 4)
    net.snapshot_every = EVERY
    try:
        for n in range(3):
            await net.start(f"n{n}", votes=Votes(net.keys.votes[n], new) if n == 2 else None)
        await count(net)
        changed = await configure(net, "n0", "replace_key", name="n2", vote_key=new.public_key)
        assert changed.outcome == "ok"
        await voting(net, "n2")
        for _ in range(3 * EVERY):
            await count(net)
        await offered(net)
        await joined(net, everyone(net))
        node = await net.start("n3")
        await net.same_state()
        assert node.channel.status()["epoch"] == 1
        proof = await node.channel.state_proof(b"nothing")
        shown = verify_proof(proof, net.channel_id)
        assert shown["valid"] and shown["epoch"] == 1 and not shown["present"]
        await voting(net, "n3")
    finally:
        await net.stop_all()


async def test_a_peer_that_spoils_parts_and_headers_is_passed_over(tmp_path: Path) -> None:
    class Liar(Near):
        async def part(self, height: int, part: int) -> bytes:
            return flipped(await super().part(height, part))

        async def headers(self, first: int, last: int) -> list[SealedHeader]:
            found = await super().headers(first, last)
            return [(replace(h, timestamp_ms=h.timestamp_ms + 1), c) for h, c in found]

        async def blocks(self, first: int, last: int) -> list[StoredBlock]:
            found = await super().blocks(first, last)
            return [replace(block, envelopes=()) for block in found]

    async with grown(tmp_path) as net:
        await joined(net, [Liar(net, "n0"), Near(net, "n1"), Near(net, "n2")])
        node = await net.start("n3")
        root = await net.same_state()
        assert node.state_root == root


async def test_a_killed_attempt_is_gone_on_with(tmp_path: Path) -> None:
    """Killed while it loads, so it leaves what it had; the next one asks for no header again."""

    class Counts(Near):
        asked_headers = 0

        async def headers(self, first: int, last: int) -> list[SealedHeader]:
            self.asked_headers += 1
            return await super().headers(first, last)

        async def blocks(self, first: int, last: int) -> list[StoredBlock]:
            self.asked_headers += 1
            return await super().blocks(first, last)

        async def part(self, height: int, part: int) -> bytes:
            if self.is_deadly:
                raise asyncio.CancelledError
            return await super().part(height, part)

        is_deadly = True

        async def offer(self) -> Offer | None:
            return self.said

        said: Offer

    async with grown(tmp_path) as net:
        peers = [Counts(net, name) for name in sorted(net.nodes)]
        offer = await Near(net, "n0").offer()
        assert offer is not None
        for peer in peers:
            peer.said = offer
        with pytest.raises(asyncio.CancelledError):
            await joined(net, peers)
        assert sum(peer.asked_headers for peer in peers) > 0
        for peer in peers:
            peer.asked_headers, peer.is_deadly = 0, False
        await joined(net, peers)
        assert sum(peer.asked_headers for peer in peers) == 0
        node = await net.start("n3")
        root = await net.same_state()
        assert node.state_root == root


class Forger(Near):
    """Offers a snapshot of its own making: every number in the state is another one."""

    async def _forged(self, height: int, count: int) -> list[bytes]:
        held = [await super(Forger, self).part(height, n) for n in range(count)]
        found = [record for part in held for record in read_part(part)]
        return list(parts((k, key, flipped(value)) for k, key, value in found))

    async def offer(self) -> Offer | None:
        offer = await super().offer()
        if offer is None:
            return None
        forged = await self._forged(offer.index.height, len(offer.index.parts))
        hashes = tuple(Hash(SUITE.hash(part)) for part in forged)
        return replace(offer, index=replace(offer.index, parts=hashes))

    async def part(self, height: int, part: int) -> bytes:
        return (await self._forged(height, part + 1))[part]


async def test_one_forger_and_one_honest_peer_are_not_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with grown(tmp_path) as net:
        said = await refusal(net, [Forger(net, "n0"), Near(net, "n1")], monkeypatch)
        assert "n0" in said and "n1" in said


async def test_observers_do_not_vouch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with grown(tmp_path) as net:
        peers = everyone(net)
        peers[0].is_validator = peers[1].is_validator = False
        await refusal(net, peers, monkeypatch)


async def test_more_forgers_than_may_lie_are_found_by_the_sealed_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with grown(tmp_path) as net:
        forgers = [Forger(net, name) for name in ("n0", "n1")]
        said = await refusal(net, forgers, monkeypatch)
        assert "root" in said
        await joined(net, everyone(net))  # nothing of it stands in the way
        node = await net.start("n3")
        root = await net.same_state()
        assert node.state_root == root


async def test_an_index_that_names_another_block_or_root_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(Near):
        changes: dict[str, Hash]

        async def offer(self) -> Offer | None:
            offer = await super().offer()
            return offer and replace(offer, index=replace(offer.index, **self.changes))

    async with grown(tmp_path) as net:
        for name in ("block_hash", "state_root"):
            peers = [Wrong(net, "n0"), Wrong(net, "n1")]
            for peer in peers:
                peer.changes = {name: Hash(bytes(32))}
            await refusal(net, peers, monkeypatch)


async def test_parts_that_are_here_are_not_fetched_again(tmp_path: Path) -> None:
    class Steady(Near):
        said: Offer

        async def offer(self) -> Offer | None:
            return self.said

    async with grown(tmp_path) as net:
        offer = await Near(net, "n0").offer()
        assert offer is not None
        held = net.root / "n3" / joining.FOLDER / "parts"
        held.mkdir(parents=True)
        for n, digest in enumerate(offer.index.parts):
            found = await Near(net, "n0").part(offer.index.height, n)
            (held / digest.hex()).write_bytes(found)
        peers = [Steady(net, name) for name in sorted(net.nodes)]
        for peer in peers:
            peer.said = offer
        await joined(net, peers)
        assert sum(peer.asked for peer in peers) == 0


@pytest.mark.parametrize("moved", [(), ("blocks",), ("blocks", "state")])
def test_a_crash_while_it_is_moved_into_place_is_finished_by_the_next_start(
    tmp_path: Path, moved: tuple[str, ...]
) -> None:
    place = tmp_path / joining.FOLDER
    for name in ("blocks", "state"):
        (place / name).mkdir(parents=True)
        (place / name / "x").write_text(name)
    (place / joining.WHOLE).touch()
    for name in moved:
        (place / name).replace(tmp_path / name)
    finish(tmp_path)
    assert [(tmp_path / name / "x").read_text() for name in ("blocks", "state")] == [
        "blocks",
        "state",
    ]
    assert not place.exists()


def test_what_an_interrupted_attempt_left_is_no_ledger(tmp_path: Path) -> None:
    place = tmp_path / joining.FOLDER
    (place / "blocks").mkdir(parents=True)
    finish(tmp_path)
    assert not (tmp_path / "blocks").exists()
    shutil.copytree(place / "blocks", tmp_path / "blocks")
    finish(tmp_path)  # the node was started without a snapshot meanwhile
    assert not place.exists()
