"""The engine over the peers' port: fetched in parts, resumed, proven by its hash, another one refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
import structlog

from consensus.encoding import Hash
from node.errors import CityError
from node.identity.transport import issue_transport_certificate, make_peer_ca
from node.peers import allowance, fetching
from node.peers import artifact as serving
from node.peers.artifact import ArtifactFile, ArtifactServer
from node.peers.fetching import Source, Wanted, fetch_artifact
from node.peers.roster import Roster
from node.peers.tls import open_channel
from node.wire.frames import (
    ENGINE,
    ENGINE_PART_BYTES,
    EngineRequest,
    engine_part,
    engine_request,
    parse_engine_part,
    peer_call,
)
from tests.damage import flipped
from tests.unit.peers.world import CITIES, SUITE, Ear, World, other_channel, running

BYTES = bytes(range(256)) * 4096 * 2 + b"the end"  # three parts
DIGEST = Hash(SUITE.hash(BYTES))
SHENZHEN, GUANGZHOU, BEIJING = CITIES[:3]


@dataclass
class Places:
    """Cities that serve, and one, Beijing, that has nothing yet. asked: offsets by city."""

    world: World
    folder: Path
    sources: list[Source] = field(default_factory=list)

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.world.channel_id, DIGEST, len(BYTES), SUITE.hash)

    async def fetch(self, seconds: float = 60.0, **changes: object) -> Path:
        sources = changes.pop("sources", self.sources)
        transport = changes.pop("transport", self.world.transports[BEIJING])
        return await fetch_artifact(self.wanted, sources, transport, self.folder, seconds)  # type: ignore[arg-type]

    @property
    def part(self) -> Path:
        return self.wanted.path(self.folder).with_suffix(".part")


class Server(ArtifactServer):
    """Notes what is asked for; `spoil` changes what is sent, as a dishonest or failing peer would."""

    def __init__(self, *words: object, spoil=None) -> None:
        super().__init__(*words)
        self.offsets: list[int] = []
        self._spoil = spoil or (lambda data, offset: data)

    async def serve(self, data: bytes, context: grpc.aio.ServicerContext) -> bytes:
        reply = await super().serve(data, context)
        offset = serving.parse_engine_request(data).offset
        self.offsets.append(offset)
        return engine_part(self._spoil(parse_engine_part(reply), offset))


def server(world: World, path: Path | None, **options: object) -> Server:
    file = None if path is None else ArtifactFile(path, DIGEST, len(BYTES))
    return Server(world.channel_id, file, **options)


@asynccontextmanager
async def places(folder: Path, *servers_of) -> AsyncIterator[Places]:
    """The first cities serve what `servers_of` make for them: functions of world and the good file."""
    world = World(CITIES[:3])
    good = folder / "good.wasm"
    good.write_bytes(BYTES)
    found = Places(world, folder / "cache")
    roster = Roster(SUITE, world.config)
    async with AsyncExitStack() as stack:
        for city, make in zip((SHENZHEN, GUANGZHOU), servers_of, strict=False):
            network = await stack.enter_async_context(
                running(world, city, Ear(), artifact=make(world, good))
            )
            address = f"127.0.0.1:{network.port}"
            found.sources.append(Source(roster.by_name[city], address))
        yield found


async def test_a_node_without_the_engine_fetches_it_in_parts(tmp_path: Path) -> None:
    made = []
    async with places(tmp_path, lambda *w: made.append(server(*w)) or made[0]) as here:
        path = await here.fetch()
        assert path.read_bytes() == BYTES and path.stat().st_mode & 0o777 == 0o600
        assert made[0].offsets == [0, ENGINE_PART_BYTES, 2 * ENGINE_PART_BYTES]
        assert not here.part.exists()
        assert await here.fetch(sources=[]) == path  # nobody is asked for what is there


async def test_a_fetch_that_was_cut_goes_on_where_it_ended(tmp_path: Path) -> None:
    made = []
    async with places(tmp_path, lambda *w: made.append(server(*w)) or made[0]) as here:
        here.folder.mkdir()
        here.part.write_bytes(BYTES[: ENGINE_PART_BYTES + 5])
        assert (await here.fetch()).read_bytes() == BYTES
        assert made[0].offsets == [ENGINE_PART_BYTES + 5, 2 * ENGINE_PART_BYTES + 5]


def spoiled(data: bytes, offset: int) -> bytes:
    return flipped(data, 7) if offset == ENGINE_PART_BYTES else data


async def test_a_peer_that_serves_a_flipped_byte_is_refused_and_another_is_asked(
    tmp_path: Path,
) -> None:
    made = []

    def dishonest(world: World, path: Path) -> Server:
        made.append(server(world, path, spoil=spoiled))
        return made[0]

    with structlog.testing.capture_logs() as logged:
        async with places(tmp_path, dishonest, server) as here:
            assert (await here.fetch()).read_bytes() == BYTES
    (said,) = [line for line in logged if line["event"] == "engine.forged"]
    assert said["code"] == "CITY-4053" and SHENZHEN in said["reason"]
    assert made[0].offsets.count(0) == 1  # it is not asked again


async def test_where_only_forged_engines_are_offered_the_node_says_so(tmp_path: Path) -> None:
    def dishonest(*words: object) -> Server:
        return server(*words, spoil=spoiled)

    with pytest.raises(CityError) as refused:
        async with places(tmp_path, dishonest) as here:
            await here.fetch()
    assert refused.value.code == "CITY-4054" and "CITY-4053" in refused.value.message
    assert list(here.folder.glob("*.wasm")) == list(here.folder.glob("*.part")) == []


async def test_what_a_liar_left_behind_does_not_count_against_the_next_peer(tmp_path: Path) -> None:
    async with places(tmp_path, server) as here:
        here.folder.mkdir()
        here.part.write_bytes(b"\xff" * ENGINE_PART_BYTES)
        assert (await here.fetch()).read_bytes() == BYTES
        here.wanted.path(here.folder).unlink()
        here.part.write_bytes(b"\xff" * (len(BYTES) + 1))  # more than there is
        assert (await here.fetch()).read_bytes() == BYTES


@pytest.mark.parametrize(
    "spoil",
    [lambda d, o: b"", lambda d, o: d[:1], lambda d, o: d + b"x" if len(d) < 100 else d],
    ids=["nothing", "a byte", "too much"],
)
async def test_parts_of_another_size_are_a_forgery(tmp_path: Path, spoil) -> None:
    async with places(tmp_path, lambda *w: server(*w, spoil=spoil), server) as here:
        assert (await here.fetch()).read_bytes() == BYTES


async def test_a_peer_that_has_none_is_passed_over_and_asked_again_later(tmp_path: Path) -> None:
    made = []

    def late(world: World, path: Path) -> Server:
        made.append(server(world, None))
        return made[0]

    async with places(tmp_path, late) as here:
        fetching_it = asyncio.create_task(here.fetch())
        # It has been asked and had nothing; now it finds its file.
        while not here.folder.exists():
            await asyncio.sleep(0)
        made[0]._file = ArtifactFile(tmp_path / "good.wasm", DIGEST, len(BYTES))
        assert (await fetching_it).read_bytes() == BYTES


async def test_without_peers_the_node_says_what_to_do(tmp_path: Path) -> None:
    here = Places(World(CITIES[:3]), tmp_path / "cache")
    with pytest.raises(CityError, match="CITY-4054") as refused:
        await here.fetch()
    assert "engine.artifact" in refused.value.localized("en")[2]


async def test_a_peer_that_is_away_ends_in_a_reason(tmp_path: Path) -> None:
    async with places(tmp_path, server) as here:
        pass
    with pytest.raises(CityError, match="CITY-4054") as refused:
        await here.fetch(seconds=1.0)
    assert SHENZHEN in refused.value.message


async def ask(here: Places, request: bytes, transport=None) -> bytes:
    source = here.sources[0]
    async with open_channel(
        transport or here.world.transports[BEIJING], source.address, source.known
    ) as channel:
        return parse_engine_part(await peer_call(channel, ENGINE)(request, timeout=30))


@pytest.mark.parametrize(
    ("channel", "digest", "offset", "code"),
    [
        (other_channel(), DIGEST, 0, grpc.StatusCode.NOT_FOUND),
        (None, Hash(bytes(32)), 0, grpc.StatusCode.NOT_FOUND),
        (None, DIGEST, len(BYTES) + 1, grpc.StatusCode.OUT_OF_RANGE),
        (None, DIGEST, 2**63, grpc.StatusCode.OUT_OF_RANGE),
    ],
)
async def test_only_parts_of_the_channels_own_engine_are_served(
    tmp_path: Path, channel, digest, offset, code
) -> None:
    async with places(tmp_path, server) as here:
        request = EngineRequest(channel or here.world.channel_id, digest, offset)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(here, engine_request(request))
        assert refused.value.code() is code
        for garbage in (b"\xff\xff", b"", engine_part(b"x")):
            with pytest.raises(grpc.aio.AioRpcError):
                await ask(here, garbage)


async def test_a_stranger_does_not_even_connect(tmp_path: Path) -> None:
    stranger = issue_transport_certificate(make_peer_ca("ZZ"), "Nowhere", ["127.0.0.1"])
    async with places(tmp_path, server) as here:
        request = engine_request(EngineRequest(here.world.channel_id, DIGEST, 0))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(here, request, stranger)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_one_certificate_takes_only_so_much_in_a_while(tmp_path: Path) -> None:
    now, made = [0.0], []

    def timed(world: World, path: Path) -> Server:
        file = ArtifactFile(path, DIGEST, len(BYTES))
        made.append(Server(world.channel_id, file, lambda: now[0]))
        return made[0]

    async with places(tmp_path, timed) as here:
        request = engine_request(EngineRequest(here.world.channel_id, DIGEST, len(BYTES)))
        for _ in range(serving.TAKEN_MAX * len(BYTES) // ENGINE_PART_BYTES + 1):
            assert await ask(here, request) == b""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(here, request)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await ask(here, request, here.world.transports[GUANGZHOU]) == b""
        now[0] += allowance.WINDOW_S + 1
        assert await ask(here, request) == b""


async def test_two_nodes_of_one_machine_fetch_once(tmp_path: Path) -> None:
    made = []
    async with places(tmp_path, lambda *w: made.append(server(*w)) or made[0]) as here:
        both = await asyncio.gather(here.fetch(), here.fetch())
        assert both[0] == both[1] and made[0].offsets.count(0) == 1


def test_an_engine_of_no_or_unbelievable_size_is_not_fetched(tmp_path: Path) -> None:
    world = World(CITIES[:2])
    for size in (0, fetching.ARTIFACT_BYTES_MAX + 1):
        wanted = Wanted(world.channel_id, DIGEST, size, SUITE.hash)
        with pytest.raises(CityError, match="CITY-4054"):
            asyncio.run(fetch_artifact(wanted, [], world.transports[SHENZHEN], tmp_path))
