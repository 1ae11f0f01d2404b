"""Starts a node from a snapshot of its peers instead of executing every block since genesis.

What is believed: genesis, hence every header that its validators and their successors sealed. Headers and the
last blocks are checked one by one as a light client does (joining_chain.py); values and receipts must give the
roots that certified headers show. Request ids of the past are in no root: for them more validators must offer
the same index than may lie.

Everything is put together in `import/` beside the stores and moved into place when it is whole, so a crash
leaves either nothing or a finished import. Headers that were followed and parts that were fetched are kept for
the next attempt. All of it comes from several peers at a time (joining_peers.py).
"""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog

from consensus.encoding import Hash
from consensus.header import Header
from consensus.validators import ValidatorSet, validators_hash
from node.catchup.chain import Chain, fetch_bodies, fetch_headers
from node.catchup.peers import Caught, Crew, Peer, together
from node.errors import CityError
from node.genesis import Genesis, channel_id
from node.identity.suite import Suite
from node.identity.transport import TransportIdentity
from node.ledger.folder import sync_folder
from node.ledger.loading import load_state
from node.ledger.records import StateRoots
from node.ledger.snapshot import BadSnapshot, Record, read_part
from node.ledger.state import StateStore
from node.ledger.store import LevelStore, MemoryStore
from node.model import SnapshotIndex
from node.ordering.core import genesis_header
from node.peers.fetching import Source, reason_of
from node.peers.snapshots import SnapshotClient
from node.trust import lies_tolerated
from node.wire.snapshots import Asked, Offer

FOLDER, WHOLE = "import", "WHOLE"
OFFERS_SECONDS = 60.0
PAUSE_SECONDS = 1.0
PARTS_AT_A_TIME = 4

log = structlog.get_logger("snapshot")


@dataclass(frozen=True, slots=True)
class Plan:
    """A snapshot that enough peers offer, and those peers. validators: later sets that they named, by hash."""

    index: SnapshotIndex
    validators: dict[Hash, ValidatorSet]
    peers: tuple[Peer, ...]


async def join(
    folder: Path,
    genesis: Genesis,
    suite: Suite,
    sources: Sequence[Source],
    transport: TransportIdentity,
    grant: bytes,
) -> None:
    """Fills the channel's folder. Raises CITY-5009 where no snapshot could be had; nothing is there then."""
    id_ = channel_id(suite.hash, genesis.config)
    clients = [SnapshotClient(source, transport, Asked(id_, grant)) for source in sources]
    try:
        joining = Joining(folder, genesis, suite, id_)
        await joining.run(clients)
    finally:
        await asyncio.gather(*(client.close() for client in clients))


def finish(folder: Path) -> None:
    """Moves a whole import into place; throws away what an interrupted one left of the stores. Blocks."""
    place = folder / FOLDER
    if (place / WHOLE).exists():
        for name in ("blocks", "state"):
            if (place / name).exists():
                shutil.rmtree(folder / name, ignore_errors=True)  # of a backup's restore
                (place / name).replace(folder / name)
        sync_folder(folder)
        shutil.rmtree(place)
    elif (folder / "blocks").exists():
        shutil.rmtree(place, ignore_errors=True)


class Joining:
    """One attempt of one node."""

    def __init__(self, folder: Path, genesis: Genesis, suite: Suite, id_: Hash) -> None:
        self._folder, self._place = folder, folder / FOLDER
        self._genesis, self._suite, self._id = genesis, suite, id_
        consensus = genesis.config.consensus
        self._window, self._kind = consensus.window, consensus.kind
        self._needed = self._vouchers(len(genesis.config.nodes))
        self._genesis_header = _genesis_header(genesis, id_, suite)

    async def run(self, clients: Sequence[Peer]) -> None:
        """As `join`."""
        plan = await self._plan(clients)
        index = plan.index
        log.info(
            "snapshot.joining", height=index.height, values=index.values, parts=len(index.parts)
        )
        self._place.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.rmtree(self._place / "state", ignore_errors=True)
        crew = Crew([*plan.peers, *(c for c in clients if c not in plan.peers)], self._failed)
        try:
            roots = await self._fetch_chain(plan, crew)
            await self._fetch_parts(plan, crew)
            await asyncio.to_thread(self._load, index, roots)
        except BadSnapshot as error:
            for name in ("state", "parts"):  # the chain was sealed, whatever this snapshot is
                shutil.rmtree(self._place / name, ignore_errors=True)
            raise self._failed(str(error)) from error
        (self._place / WHOLE).touch()
        sync_folder(self._place)
        await asyncio.to_thread(finish, self._folder)

    def _vouchers(self, validators: int) -> int:
        """So many of them that one is honest."""
        return lies_tolerated(self._kind, validators) + 1

    def _failed(self, reasons: str) -> CityError:
        return CityError("CITY-5009", reasons=reasons, needed=self._needed)

    # ---- which one --------------------------------------------------------------------------------

    async def _plan(self, clients: Sequence[Peer]) -> Plan:
        """The newest snapshot that enough peers offer with the same index."""
        reasons: dict[str, str] = {}
        try:
            async with asyncio.timeout(OFFERS_SECONDS):
                while True:
                    offers = await self._offers(clients, reasons)
                    plan = self._agreed(offers)
                    if plan is not None:
                        return plan
                    await asyncio.sleep(PAUSE_SECONDS)
        except TimeoutError:
            told = "; ".join(f"{name}: {why}" for name, why in sorted(reasons.items()))
            raise self._failed(told or "no peer is known") from None

    async def _offers(
        self, clients: Sequence[Peer], reasons: dict[str, str]
    ) -> list[tuple[Peer, Offer]]:
        async def ask(client: Peer) -> Offer | None:
            try:
                offer = await client.offer()
            except (CityError, grpc.aio.AioRpcError, grpc.aio.UsageError) as error:
                reasons[client.name] = reason_of(error)
                return None
            if offer is None:
                reasons[client.name] = "it has none"
                return None
            fault = self._fault(offer.index)
            reasons[client.name] = fault or f"offers one after block {offer.index.height}"
            return None if fault else offer

        found = await asyncio.gather(*map(ask, clients))
        return [(c, offer) for c, offer in zip(clients, found, strict=True) if offer is not None]

    def _fault(self, index: SnapshotIndex) -> str:
        if (index.version, index.channel_id, index.suite) != (1, self._id, self._suite.id):
            return "its snapshot is of another channel or version"
        if not 0 < index.first_receipts <= index.height or not index.parts or not index.values:
            return "its snapshot names nothing"
        return ""

    def _agreed(self, offers: Sequence[tuple[Peer, Offer]]) -> Plan | None:
        for index in sorted({offer.index for _, offer in offers}, key=lambda each: -each.height):
            same = [(client, offer) for client, offer in offers if offer.index == index]
            sets = [change.validators for _, offer in same for change in offer.changes]
            # A set that a liar names can only ask for more vouchers; only sealed ones are ever used.
            needed = max(self._needed, *(self._vouchers(len(each)) for each in sets), 0)
            if sum(client.is_validator for client, _ in same) >= needed:
                hash_, suite_id = self._suite.hash, self._suite.id
                named = {validators_hash(hash_, suite_id, each): each for each in sets}
                return Plan(index, named, tuple(client for client, _ in same))
        return None

    # ---- headers and the last blocks --------------------------------------------------------------

    async def _fetch_chain(self, plan: Plan, crew: Crew[Peer]) -> dict[int, StateRoots]:
        """Certified roots after the last blocks; fills the block store up to the block that shows the
        snapshot's root. Raises BadSnapshot where a certified header contradicts the index."""
        index, shown = plan.index, plan.index.height + self._window
        first, header = index.first_receipts, self._genesis_header
        chain = await asyncio.to_thread(
            Chain, self._place / "blocks", self._genesis, header, self._suite
        )
        with chain:
            log.info("snapshot.chain", height=chain.height, of=shown)
            await fetch_headers(chain, crew, shown, plan.validators)
            if chain.hash_of(index.height) != index.block_hash:
                raise BadSnapshot("it was taken after another block")
            roots = await asyncio.to_thread(chain.roots, first, index.height)
            if roots[index.height].state_root != index.state_root:
                raise BadSnapshot("it names another state root than the chain has sealed")
            await fetch_bodies(chain, crew, first)
        return roots

    # ---- parts ------------------------------------------------------------------------------------

    async def _fetch_parts(self, plan: Plan, crew: Crew[Peer]) -> None:
        """Each from any of the peers that offer it, several at a time; one that is here already is kept."""
        folder = self._place / "parts"
        folder.mkdir(exist_ok=True, mode=0o700)
        await asyncio.to_thread(_keep_only, folder, {digest.hex() for digest in plan.index.parts})
        waiting = iter(enumerate(plan.index.parts))

        async def work() -> None:
            for n, digest in waiting:
                path = folder / digest.hex()
                if not await asyncio.to_thread(self._is_held, path, digest):
                    await crew.ask(functools.partial(take, n, digest, path), plan.peers)

        async def take(n: int, digest: Hash, path: Path, peer: Peer) -> None:
            part = await peer.part(plan.index.height, n)
            if await asyncio.to_thread(self._suite.hash, part) != digest:
                raise Caught(f"part {n} has another hash than it offered")
            await asyncio.to_thread(path.write_bytes, part)

        await together(work() for _ in range(PARTS_AT_A_TIME))

    def _is_held(self, path: Path, digest: Hash) -> bool:
        return path.is_file() and self._suite.hash(path.read_bytes()) == digest

    def _load(self, index: SnapshotIndex, roots: dict[int, StateRoots]) -> None:
        def found() -> Iterator[Record]:
            for digest in index.parts:
                yield from read_part((self._place / "parts" / digest.hex()).read_bytes())

        store = LevelStore(self._place / "state")
        try:
            load_state(store, index, found(), roots, self._suite.hash, self._window, _tell)
        finally:
            store.close()


def _genesis_header(genesis: Genesis, id_: Hash, suite: Suite) -> Header:
    window = genesis.config.consensus.window
    roots = StateStore(MemoryStore(), suite.hash, suite.id, window).apply_block(0, {}, ())
    return genesis_header(genesis.config, id_, suite, roots.state_root, roots.receipts_root)


def _keep_only(folder: Path, names: set[str]) -> None:
    """What an earlier attempt fetched of another snapshot goes."""
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()


def _tell(values: int) -> None:
    log.info("snapshot.loading", values=values)
