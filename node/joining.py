"""Starts a node from a snapshot of its peers instead of executing every block since genesis.

What is believed: genesis, hence every header that its validators and their successors sealed. Headers and the
last blocks are checked one by one as a light client does; values and receipts must give the roots that
certified headers show. Request ids of the past are in no root: for them more validators must offer the same
index than may lie.

Everything is put together in `import/` beside the stores and moved into place when it is whole, so a crash
leaves either nothing or a finished import. Parts that were fetched are kept for the next attempt.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import grpc
import structlog

from consensus.certificate import CommitCert, InvalidCertificate
from consensus.encoding import Hash
from consensus.header import Header, block_hash
from consensus.light_client import HeaderRefused, LightClient
from consensus.validators import ValidatorSet, validators_hash
from node.errors import CityError
from node.genesis import Genesis, channel_id
from node.identity.suite import Suite
from node.identity.transport import TransportIdentity
from node.ledger.blocks import BlockStore
from node.ledger.check import covered_ids
from node.ledger.folder import sync_folder
from node.ledger.loading import load_state
from node.ledger.records import StateRoots
from node.ledger.snapshot import BadSnapshot, Record, read_part
from node.ledger.state import StateStore
from node.ledger.store import LevelStore, MemoryStore
from node.model import SnapshotIndex, StoredBlock
from node.ordering import genesis_header
from node.peers.fetching import Source, reason_of
from node.peers.snapshots import SnapshotClient
from node.proofs import SuiteVerifier
from node.sync import holds_config
from node.trust import lies_tolerated
from node.wire.snapshots import Asked, Offer, SealedHeader

FOLDER, WHOLE = "import", "WHOLE"
OFFERS_SECONDS = 60.0
PAUSE_SECONDS = 1.0
PARTS_AT_A_TIME = 4
ROUNDS_MAX = 5  # through all peers, for one piece

log = structlog.get_logger("snapshot")


class Peer(Protocol):
    """One peer that may have a snapshot (`node.peers.snapshots.SnapshotClient`)."""

    name: str
    is_validator: bool

    async def offer(self) -> Offer | None: ...

    async def part(self, height: int, part: int) -> bytes: ...

    async def headers(self, first: int, last: int) -> list[SealedHeader]: ...

    async def blocks(self, first: int, last: int) -> list[StoredBlock]: ...


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
        for name in ("blocks", "state"):
            shutil.rmtree(self._place / name, ignore_errors=True)
        try:
            roots = await self._fetch_chain(plan, clients)
            await self._fetch_parts(plan)
            await asyncio.to_thread(self._load, index, roots)
        except BadSnapshot as error:
            shutil.rmtree(self._place, ignore_errors=True)
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

    async def _fetch_chain(self, plan: Plan, clients: Sequence[Peer]) -> dict[int, StateRoots]:
        """Certified roots after the last blocks; fills the block store up to the block that shows the
        snapshot's root. Raises BadSnapshot where a certified header contradicts the index."""
        index, shown = plan.index, plan.index.height + self._window
        first = index.first_receipts
        with closing(BlockStore(LevelStore(self._place / "blocks"), self._suite.hash)) as blocks:
            await asyncio.to_thread(blocks.put, self._genesis_header, (), (), None)
            chain = _Chain(blocks, self._light_client(), self._suite, plan, self._window)
            asked = _Rotation([*plan.peers, *(c for c in clients if c not in plan.peers)])
            while (next_ := chain.height + 1) <= shown:
                last = first - 1 if next_ < first else shown

                async def take(client: Peer, at: int = next_, last: int = last) -> None:
                    if at < first:
                        await asyncio.to_thread(chain.take_headers, await client.headers(at, last))
                    else:
                        await asyncio.to_thread(chain.take_blocks, await client.blocks(at, last))

                await asked.until_done(take, self._failed)
        if chain.hash_at_snapshot != index.block_hash:
            raise BadSnapshot("it was taken after another block")
        if chain.roots[index.height].state_root != index.state_root:
            raise BadSnapshot("it names another state root than the chain has sealed")
        return chain.roots

    def _light_client(self) -> LightClient:
        return LightClient(
            self._genesis_header,
            self._genesis.config.validators,
            SuiteVerifier(self._suite),
            self._window,
            self._kind,
        )

    # ---- parts ------------------------------------------------------------------------------------

    async def _fetch_parts(self, plan: Plan) -> None:
        """Each from any of the peers that offer it, several at a time; one that is here already is kept."""
        folder = self._place / "parts"
        folder.mkdir(exist_ok=True, mode=0o700)
        waiting = iter(list(enumerate(plan.index.parts)))

        async def work(peers: _Rotation) -> None:
            for n, digest in waiting:
                path = folder / digest.hex()
                if await asyncio.to_thread(self._is_held, path, digest):
                    continue

                async def take(
                    client: Peer, n: int = n, digest: Hash = digest, path: Path = path
                ) -> None:
                    part = await client.part(plan.index.height, n)
                    if await asyncio.to_thread(self._suite.hash, part) != digest:
                        raise CityError("CITY-6201", reason=f"part {n} has another hash")
                    await asyncio.to_thread(path.write_bytes, part)

                await peers.until_done(take, self._failed)

        starts = [n % len(plan.peers) for n in range(PARTS_AT_A_TIME)]
        orders = [_Rotation([*plan.peers[at:], *plan.peers[:at]]) for at in starts]
        await asyncio.gather(*map(work, orders))

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


class _Chain:
    """The chain as it is taken in: light client and block store move together. Blocking."""

    def __init__(
        self, blocks: BlockStore, light: LightClient, suite: Suite, plan: Plan, window: int
    ) -> None:
        self._blocks, self._light, self._suite, self._plan = blocks, light, suite, plan
        self._window = window
        self.roots: dict[int, StateRoots] = {}
        self.hash_at_snapshot: Hash | None = None

    @property
    def height(self) -> int:
        return self._light.height

    def take_headers(self, found: Sequence[SealedHeader]) -> None:
        """Raises HeaderRefused, InvalidCertificate at the first that does not hold; those before it are in."""
        taken = []
        try:
            for header, certificate in found:
                if header.height >= self._plan.index.first_receipts:
                    break
                self._advance(header, certificate)
                taken.append((header, certificate, self._after(header)))
        finally:
            if taken:
                self._blocks.put_headers(taken)

    def take_blocks(self, found: Sequence[StoredBlock]) -> None:
        for block in found:
            suite, header = self._suite, block.header
            tx_ids = covered_ids(suite.hash, suite.id, header, block.envelopes)
            if tx_ids is None:
                raise HeaderRefused(f"the transactions of block {header.height} are not its own")
            self._advance(block.header, block.certificate)
            self._blocks.put(
                block.header,
                block.envelopes,
                tx_ids,
                block.certificate,
                is_config=holds_config(block),
            )
            after = self._after(block.header)
            if after is not None:
                self._blocks.note_validators(block.header.height, after)

    def _advance(self, header: Header, certificate: CommitCert | None) -> None:
        if certificate is None:
            raise HeaderRefused(f"block {header.height} has no certificate")
        named = self._light.needs_validators
        following = None if named is None else self._plan.validators.get(named)
        shown = self._light.advance(header, certificate, following)
        index = self._plan.index
        if index.first_receipts <= shown.height <= index.height:
            self.roots[shown.height] = StateRoots(shown.state_root, shown.receipts_root)
        if header.height == index.height:
            self.hash_at_snapshot = block_hash(self._suite.hash, header)

    def _after(self, header: Header) -> ValidatorSet | None:
        """The validators that this header hands over to, where it does."""
        if header.next_validators_hash == header.validators_hash:
            return None
        after = self._plan.validators.get(header.next_validators_hash)
        if after is None:
            raise HeaderRefused(f"nobody told the validators after block {header.height}")
        return after


class _Rotation:
    """Asks one peer after the other until a piece is taken. A peer that fails is asked last from then on."""

    def __init__(self, clients: list[Peer]) -> None:
        self._clients = clients

    async def until_done(
        self,
        take: Callable[[Peer], Awaitable[None]],
        failed: Callable[[str], CityError],
    ) -> None:
        """Raises what `failed` makes of the reasons when no peer gives it."""
        reasons: dict[str, str] = {}
        for _ in range(ROUNDS_MAX * len(self._clients)):
            client = self._clients[0]
            try:
                await take(client)
                return
            except (
                CityError,
                HeaderRefused,
                InvalidCertificate,
                grpc.aio.AioRpcError,
                grpc.aio.UsageError,
            ) as error:
                reasons[client.name] = reason_of(error)
                log.warning("snapshot.piece_refused", peer=client.name, reason=reason_of(error))
                self._clients.append(self._clients.pop(0))
                if len(reasons) == len(self._clients):
                    await asyncio.sleep(PAUSE_SECONDS)
        raise failed("; ".join(f"{name}: {why}" for name, why in reasons.items()))


def _genesis_header(genesis: Genesis, id_: Hash, suite: Suite) -> Header:
    window = genesis.config.consensus.window
    roots = StateStore(MemoryStore(), suite.hash, suite.id, window).apply_block(0, {}, ())
    return genesis_header(genesis.config, id_, suite, roots.state_root, roots.receipts_root)


def _tell(values: int) -> None:
    log.info("snapshot.loading", values=values)
