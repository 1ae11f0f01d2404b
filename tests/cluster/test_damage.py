"""A node that cannot start well does not start: its code, its exit code, four lines, and a disk as it was."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from consensus.encoding import Hash, decode, encode
from contracts.runtime.artifact import ENGINE_VERSION
from node.client import CityError, Committed
from node.genesis import EngineRef, Genesis
from tests.cluster.cluster import Cluster
from tests.cluster.starting import Start, contents, flip, try_start

pytestmark = pytest.mark.cluster

SLUG = "shenzhen"
ACCOUNTS = 8
STOP_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Seasoned:
    """A city that has lived, stopped; and what it knew."""

    root: Path
    height: int
    root_hash: str
    tx_ids: tuple[str, ...]
    blocks: tuple[str, ...]


@pytest.fixture(scope="module")
def seasoned(tmp_path_factory: pytest.TempPathFactory) -> Seasoned:
    """Stopped twice, so that blocks and state lie in tables and not only in LevelDB's log."""
    cluster = Cluster.create(tmp_path_factory.mktemp("seasoned") / "net", 1)
    try:
        cluster.up()
        done = asyncio.run(_open_accounts(cluster))
        height = done[-1].block
        cluster.stop()
        cluster.up()
        (root_hash,) = asyncio.run(cluster.roots(height))
        (blocks,) = asyncio.run(cluster.histories(height))
    finally:
        cluster.stop()
    return Seasoned(cluster.layout.root, height, root_hash, tuple(d.tx_id for d in done), blocks)


async def _open_accounts(cluster: Cluster) -> list[Committed]:
    async with cluster.net() as net:
        return [
            await net.call("transfer", "open_account", {"owner": f"o{n}", "amount": n + 1})
            for n in range(ACCOUNTS)
        ]


@pytest.fixture
def city(seasoned: Seasoned, tmp_path: Path) -> Iterator[Cluster]:
    """A copy of the seasoned city to be harmed."""
    shutil.copytree(seasoned.root, tmp_path / "net")
    cluster = Cluster(tmp_path / "net")
    yield cluster
    cluster.stop()


def _folder(city: Cluster) -> Path:
    return city.layout.node(SLUG)


def _channel(city: Cluster) -> Path:
    return _folder(city) / "channels" / "main"


def _wal(city: Cluster) -> Path:
    (file,) = (_channel(city) / "wal").glob("wal-*.log")
    return file


# ---- what it was told ------------------------------------------------------------------------------

Harm = Callable[[Cluster], None]


def _add(text: str) -> Harm:
    def harm(city: Cluster) -> None:
        with city.layout.node_config(SLUG).open("a", encoding="utf-8") as file:
            file.write(text)

    return harm


def _replace(old: str, new: str) -> Harm:
    def harm(city: Cluster) -> None:
        path = city.layout.node_config(SLUG)
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return harm


def _genesis(change: Callable[[Genesis], Genesis]) -> Harm:
    def harm(city: Cluster) -> None:
        path = _channel(city) / "genesis.bin"
        path.write_bytes(encode(change(decode(Genesis, path.read_bytes()))))

    return harm


def _other_engine(version: str) -> Callable[[Genesis], Genesis]:
    engine = EngineRef(version, Hash(bytes(32)), 1)

    def change(genesis: Genesis) -> Genesis:
        config = dataclasses.replace(genesis.config, engine=engine)
        return dataclasses.replace(genesis, config=config)

    return change


def _other_channel(genesis: Genesis) -> Genesis:
    later = dataclasses.replace(genesis.config, created_ms=genesis.config.created_ms + 1)
    return dataclasses.replace(genesis, config=later)


def _other_contract(genesis: Genesis) -> Genesis:
    first, *rest = genesis.bundles
    worse = dataclasses.replace(first, bundle=first.bundle.replace(b"E_ROLE", b"E_RULE"))
    return dataclasses.replace(genesis, bundles=(worse, *rest))


def _key(name: str) -> Callable[[Cluster], Path]:
    return lambda city: _folder(city) / "keys" / name


def _swap_keys(city: Cluster) -> None:
    """The identity key where the vote key should be."""
    shutil.copyfile(_key("identity.pem")(city), _key("vote.pem")(city))


REFUSED: tuple[tuple[str, Harm, str, str, str], ...] = (
    # what, harm, code, a text it must say, why
    ("an unknown section", _add('[listne]\napi = "127.0.0.1:0"\n'), "CITY-8003",
     "did you mean listen?", "a misspelt section would leave its defaults in place"),
    ("an unknown key in a section", _add('[crypto]\nbackand = "openssl"\n'), "CITY-8003",
     "did you mean crypto.backend?", "the same for a key"),
    ("a key like no other", _add("[log]\nzzz = 1\n"), "CITY-8003", "known: format, level",
     "nothing is near, so all are named"),
    ("no configuration", lambda c: c.layout.node_config(SLUG).unlink(), "CITY-8001",
     "No such file", "a path was mistyped"),
    ("a configuration that is no TOML", _add("= = ="), "CITY-8002", "line", "the line is named"),
    ("a value of another type", _add('[pool]\ntransactions_max = "many"\n'), "CITY-8004",
     "pool.transactions_max", "the key is named"),
    ("another node's name", _replace('name = "Shenzhen"', 'name = "Beijing"'), "CITY-8012",
     "Beijing", "genesis does not name it, and nobody vouched for it"),
    ("a clock of its own", lambda c: _genesis(lambda g: dataclasses.replace(
        g, config=dataclasses.replace(g.config, clock="real")))(c), "CITY-8010", "",
     "only a development channel may move its clock"),
    ("no genesis", lambda c: (_channel(c) / "genesis.bin").unlink(), "CITY-8006", "No such file",
     "without it nothing can be checked"),
    ("genesis cut short", lambda c: (_channel(c) / "genesis.bin").write_bytes(b"\x01\x02"),
     "CITY-8006", "", "not canonical"),
    ("genesis of another engine version", _genesis(_other_engine("99")), "CITY-4055", "version 99",
     "another engine could compute another state"),
    ("genesis of another engine", _genesis(_other_engine(str(ENGINE_VERSION))), "CITY-4054", "no peer is known",
     "no node runs an engine that it does not have, and nobody can give it"),
    ("genesis of another channel", _genesis(_other_channel), "CITY-8009", "",
     "the stores belong to the first"),
    ("another contract than its digest says", _genesis(_other_contract), "CITY-8006",
     "another digest", "code is what its members agreed on"),
    ("a key that others can read", lambda c: _key("vote.pem")(c).chmod(0o644), "CITY-2007", "0600",
     "a vote key is the node's alone"),
    ("no key", lambda c: _key("vote.pem")(c).unlink(), "CITY-2005", "vote.pem", "nothing to sign with"),
    ("a key that is none", lambda c: _key("identity.pem")(c).write_text("hello"), "CITY-2005", "",
     "not PEM"),
    ("another key", _swap_keys, "CITY-8008", "vote", "its peers would refuse what it signs"),
    ("no transport key", lambda c: _key("transport.pem")(c).unlink(), "CITY-2005", "transport.pem",
     "no TLS without it"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("what", "harm", "code", "text", "why"), REFUSED, ids=[r[0] for r in REFUSED]
)
def test_a_node_that_is_told_nonsense_does_not_start(
    city: Cluster, what: str, harm: Harm, code: str, text: str, why: str
) -> None:
    harm(city)
    before = contents(_folder(city))
    try_start(city, SLUG).assert_refused(code, text)
    after = contents(_folder(city))
    if code == "CITY-8009":  # the stores had to be opened to see whose they are
        before, after = _without_tables(before), _without_tables(after)
    assert after == before, "the start changed something"


def _without_tables(found: dict[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
    return {k: v for k, v in found.items() if "/blocks/" not in k and "/state/" not in k}


@pytest.mark.parametrize("use", ["peer", "api", "web"])
def test_a_port_in_use_is_named(city: Cluster, use: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        path = city.layout.node_config(SLUG)
        lines = path.read_text().splitlines()
        lines = [f'{use} = "127.0.0.1:{port}"' if s.startswith(f"{use} = ") else s for s in lines]
        path.write_text("\n".join(lines) + "\n")
        before = contents(_folder(city))
        try_start(city, SLUG).assert_refused("CITY-8005", f"127.0.0.1:{port} for {use}")
        assert contents(_folder(city)) == before


def test_a_second_process_on_one_folder_is_refused_and_the_first_goes_on(city: Cluster) -> None:
    # Two nodes that sign from one log would vote twice; also when the second has ports of its own.
    city.start(SLUG)
    path = city.layout.node_config(SLUG)
    lines = path.read_text().splitlines()
    free = [
        f'{s.split()[0]} = "127.0.0.1:0"' if s.startswith(("peer =", "api =", "web =")) else s
        for s in lines
    ]
    path.write_text("\n".join(free) + "\n")
    try_start(city, SLUG).assert_refused("CITY-5001")
    assert city.is_running(SLUG)


def test_a_node_that_is_told_to_stop_while_it_warms_up_ends_at_once(city: Cluster) -> None:
    # It says that it is ready before the worker for queries is: nobody should wait for that worker then.
    config = str(city.layout.node_config(SLUG))
    command = [sys.executable, "-m", "node.cli.main", "node", "run", "--config", config]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        try:
            assert b"is ready" in child.stdout.readline()
            child.terminate()
            assert child.wait(timeout=STOP_SECONDS) == 0
        finally:
            child.kill()
    assert not city.layout.endpoints(SLUG).exists()


# ---- what it remembers of its votes ------------------------------------------------------------------


async def test_a_log_whose_last_record_was_torn_by_a_crash_is_cut_there_and_used(
    city: Cluster, seasoned: Seasoned
) -> None:
    # The record was never acknowledged: the file simply ends inside it.
    file = _wal(city)
    file.write_bytes(file.read_bytes()[:-5])
    city.start(SLUG)
    assert await city.roots(seasoned.height) == {seasoned.root_hash}
    done = await city.call("open_account", {"owner": "after", "amount": 1})
    assert done.block > seasoned.height


def _hole(data: bytes) -> bytes:
    return data[: len(data) // 2] + data[len(data) // 2 + 64 :]


def _bit(at: float) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        place = int(len(data) * at)
        return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]

    return change


LOGS: tuple[tuple[str, Callable[[bytes], bytes], str], ...] = (
    ("cut out of the middle", _hole, "64 bytes are gone: what follows does not line up"),
    ("a bit in its header", _bit(0.0), "the segment is not what its name says"),
    ("a bit in the first record", lambda d: _bit(60 / len(d))(d), "what was durable does not read back"),
    ("a bit in the middle", _bit(0.5), "the same"),
    ("a bit near the end", lambda d: _bit(1 - 20 / len(d))(d), "a whole last record is no torn one"),
    ("empty", lambda d: b"", "its first record was durable before it got its name"),
)  # fmt: skip


@pytest.mark.parametrize(("what", "change", "why"), LOGS, ids=[row[0] for row in LOGS])
def test_a_damaged_log_is_never_voted_from(
    city: Cluster, what: str, change: Callable[[bytes], bytes], why: str
) -> None:
    file = _wal(city)
    file.write_bytes(change(file.read_bytes()))
    before = _without_tables(contents(_folder(city)))
    try_start(city, SLUG).assert_refused("CITY-5020", file.name)
    assert _without_tables(contents(_folder(city))) == before, "the damage is kept for inspection"


async def test_a_refused_start_harms_nothing_that_a_repaired_one_needs(
    city: Cluster, seasoned: Seasoned
) -> None:
    file = _wal(city)
    good = file.read_bytes()
    file.write_bytes(_bit(0.5)(good))
    try_start(city, SLUG).assert_refused("CITY-5020")
    file.write_bytes(good)
    city.start(SLUG)
    assert await city.roots(seasoned.height) == {seasoned.root_hash}
    assert await city.histories(seasoned.height) == {seasoned.blocks}


# ---- what it holds -----------------------------------------------------------------------------------

DAMAGED = {"CITY-5002", "CITY-5004", "CITY-5006", "CITY-6001"}


def _files(store: Path, pattern: str) -> list[Path]:
    return sorted(f for f in store.glob(pattern) if f.stat().st_size > 0)


@pytest.mark.parametrize(
    ("store", "at", "why"),
    [
        ("blocks", 0.02, "headers and bodies: read at the start, or when somebody asks"),
        ("blocks", 0.5, "the same further down"),
        ("state", 0.02, "balances, receipts, tree: read by queries and by the next block"),
        ("state", 0.5, "the same further down"),
    ],
)
async def test_a_flipped_byte_in_a_table_is_noticed_and_never_served(
    city: Cluster, seasoned: Seasoned, store: str, at: float, why: str
) -> None:
    # Every table of the store gets one. Whether the start reads the place or a later question does: the
    # answer is the right one or a code, never another.
    tables = _files(_channel(city) / store, "*.ldb")
    assert tables, "the seasoned city has tables"
    for table in tables:
        flip(table, int(table.stat().st_size * at))
    codes = await _live_with(city, seasoned)
    assert codes, "nobody noticed"
    assert codes <= DAMAGED, codes


@pytest.mark.parametrize("store", ["blocks", "state"])
async def test_a_flipped_byte_in_the_list_of_tables_is_noticed(
    city: Cluster, seasoned: Seasoned, store: str
) -> None:
    (manifest,) = _files(_channel(city) / store, "MANIFEST-*")
    flip(manifest, manifest.stat().st_size // 2)
    codes = await _live_with(city, seasoned)
    assert codes and codes <= DAMAGED, codes


async def _live_with(city: Cluster, seasoned: Seasoned) -> set[str]:
    """Starts the city and asks it for all it should know. Returns the codes it refused with; asserts
    that what it did tell is true."""
    try:
        city.start(SLUG)
    except CityError:
        refused = Start(None, city.log(SLUG))
        refused.assert_refused(refused.code)
        return {refused.code}
    async with city.net(SLUG) as net:
        truth: list[tuple[Awaitable[Any], Callable[[Any], Any], Any]] = [
            (net.block(height), lambda block: block.block_hash, block_hash)
            for height, block_hash in enumerate(seasoned.blocks)
        ]
        for n in (0, ACCOUNTS - 1):
            id_ = seasoned.tx_ids[n]
            who = {"owner": f"o{n}"}
            truth += [
                (net.query("transfer", "balance_of", who), lambda answer: answer.value, n + 1),
                (net.transaction(id_), lambda view: view.receipt.outcome, "ok"),
                (net.proof(id_), lambda proof: len(proof) > 0, True),
                (
                    net.call("transfer", "open_account", {**who, "amount": 1}),
                    lambda d: d.value,
                    n + 2,
                ),
            ]
        codes = [await _told(*each) for each in truth]
        status = await net.node_status()
    return {*codes, status.get("code", "")} - {""}


async def _told(asking: Awaitable[Any], part: Callable[[Any], Any], expected: Any) -> str:
    """The code it was refused with; empty where the truth was told."""
    try:
        answer = await asking
    except CityError as error:
        return error.code
    assert part(answer) == expected, "something else than the truth was served"
    return ""
