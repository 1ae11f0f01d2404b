"""The first frames, byte by byte: what a peer that lies, replays or chatters gets."""

from __future__ import annotations

import asyncio
import dataclasses

import grpc
import pytest

from consensus.encoding import Hash, decode, encode
from node.errors import CityError
from node.peers.batch import PeerBatch
from node.peers.handshake import Party, dial, listen
from node.peers.roster import Roster
from node.peers.statement import (
    LIFETIME_MS,
    LIFETIME_MS_MAX,
    SKEW_MS,
    PeerStatement,
    sign_statement,
)
from node.peers.tls import Shown
from node.wire.frames import (
    Hello,
    batch_frame,
    challenge_frame,
    encode_batch,
    hello_frame,
    parse_frame,
)
from tests.unit.peers.world import SUITE, World

NOW = 1_750_000_000_000


class End:
    """One end of a stream in memory; the other end is `other`."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[object] = asyncio.Queue()
        self.other: End = self
        self.sent: list[bytes] = []

    async def read(self) -> object:
        return await self.inbox.get()

    async def write(self, message: bytes) -> None:
        self.sent.append(message)
        self.other.inbox.put_nowait(message)

    def end(self) -> None:
        self.other.inbox.put_nowait(grpc.aio.EOF)


def stream() -> tuple[End, End]:
    one, two = End(), End()
    one.other, two.other = two, one
    return one, two


class Table:
    """A world's two nodes, ready to shake hands."""

    def __init__(self) -> None:
        self.world = World()
        self.a, self.b = self.world.cities

    def party(self, city: str, now_ms: int = NOW) -> Party:
        roster = Roster(SUITE, self.world.config)
        me = self.world.me(city)
        return Party(me, roster, self.world.config, self.world.channel_id, SUITE, lambda: now_ms)

    def fingerprint(self, city: str) -> Hash:
        return Hash(self.world.transports[city].fingerprint)

    def known(self, city: str):
        return Roster(SUITE, self.world.config).by_name[city]


@pytest.fixture
def table() -> Table:
    return Table()


async def answer(table: Table, *frames: bytes, now_ms: int = NOW) -> str:
    """The listener's verdict on a dialler that sends exactly these frames: a code."""
    near, far = stream()
    for frame in frames:
        await far.write(frame)
    far.end()
    with pytest.raises(CityError) as caught:
        await listen(
            near, lambda _: table.party(table.b, now_ms), Shown(table.fingerprint(table.a))
        )
    return caught.value.code


async def forged(
    table: Table, *, signer: object = None, grant: bytes = b"", **changes: object
) -> str:
    """The verdict on a hello that is right but for `changes`."""
    near, far = stream()
    verdict = asyncio.create_task(
        listen(near, lambda _: table.party(table.b), Shown(table.fingerprint(table.a)))
    )
    nonce = Hash(b"\x01" * 32)
    await far.write(challenge_frame(nonce))
    peer_nonce = parse_frame(await far.read())
    statement = PeerStatement(
        channel_id=table.world.channel_id,
        identity_key=table.world.signers[table.a].public_key,
        peer_identity_key=table.world.signers[table.b].public_key,
        fingerprint=table.fingerprint(table.a),
        peer_fingerprint=table.fingerprint(table.b),
        nonce=nonce,
        peer_nonce=Hash(peer_nonce),
        not_before_ms=NOW,
        not_after_ms=NOW + LIFETIME_MS,
    )
    statement = dataclasses.replace(statement, **changes)
    signature = sign_statement(SUITE, signer or table.world.signers[table.a], statement)
    await far.write(hello_frame(Hello(encode(statement), signature, grant)))
    try:
        return (await verdict).peer.name
    except CityError as error:
        return error.code


async def test_two_nodes_of_a_channel_recognise_each_other(table: Table) -> None:
    near, far = stream()
    listened, dialled = await asyncio.gather(
        listen(near, lambda _: table.party(table.b), Shown(table.fingerprint(table.a))),
        dial(far, table.party(table.a), table.known(table.b)),
    )
    assert (listened.peer.name, dialled.peer.name) == (table.a, table.b)
    assert listened.not_after_ms == NOW + LIFETIME_MS
    assert await forged(table) == table.a, "the forger's frame is right when nothing is changed"


@pytest.mark.parametrize(
    ("changes", "code", "why"),
    [
        ({"channel_id": Hash(bytes(32))}, "CITY-2202", "another channel"),
        ({"identity_key": b"\x04" * 65}, "CITY-2201", "another key than genesis names"),
        ({"peer_identity_key": b"\x04" * 65}, "CITY-2201", "made for another node"),
        ({"fingerprint": Hash(bytes(32))}, "CITY-2205", "another certificate of its own"),
        ({"peer_fingerprint": Hash(bytes(32))}, "CITY-2205", "another certificate of ours"),
        ({"nonce": Hash(bytes(32))}, "CITY-2204", "not the nonce it sent"),
        ({"peer_nonce": Hash(bytes(32))}, "CITY-2204", "not our nonce"),
        (
            {"not_after_ms": NOW - SKEW_MS - 1, "not_before_ms": 0},
            "CITY-2203",
            "too long and expired",
        ),
        ({"not_before_ms": NOW - 10**9, "not_after_ms": NOW - SKEW_MS - 1}, "CITY-2203", "expired"),
        ({"not_before_ms": NOW + SKEW_MS + 1}, "CITY-2203", "not valid yet"),
        ({"not_after_ms": NOW + LIFETIME_MS_MAX + 1}, "CITY-2203", "longer than 30 days"),
        ({"not_after_ms": NOW}, "CITY-2203", "no lifetime at all"),
    ],
)
async def test_a_statement_about_anything_else_is_refused(
    table: Table, changes: dict[str, object], code: str, why: str
) -> None:
    assert await forged(table, **changes) == code, why


async def test_a_statement_signed_with_another_key_is_refused(table: Table) -> None:
    assert await forged(table, signer=table.world.signers[table.b]) == "CITY-2206"


async def test_a_hello_recorded_on_one_connection_is_worth_nothing_on_another(table: Table) -> None:
    near, far = stream()
    await asyncio.gather(
        listen(near, lambda _: table.party(table.b), Shown(table.fingerprint(table.a))),
        dial(far, table.party(table.a), table.known(table.b)),
    )
    assert await answer(table, *far.sent) == "CITY-2204"


async def test_the_listeners_own_statement_thrown_back_is_refused(table: Table) -> None:
    near, far = stream()
    await asyncio.gather(
        listen(near, lambda _: table.party(table.b), Shown(table.fingerprint(table.a))),
        dial(far, table.party(table.a), table.known(table.b)),
    )
    assert await answer(table, far.sent[0], near.sent[1]) in ("CITY-2201", "CITY-2205")


async def test_a_listener_that_throws_the_challenge_back_is_refused(table: Table) -> None:
    near, far = stream()
    dialling = asyncio.create_task(dial(far, table.party(table.a), table.known(table.b)))
    await near.write(await near.read())
    with pytest.raises(CityError) as caught:
        await dialling
    assert caught.value.code == "CITY-2204"


async def test_nothing_but_challenge_and_hello_is_accepted_first(table: Table) -> None:
    batch = batch_frame(encode_batch(PeerBatch(consensus=(b"vote",))))
    challenge = challenge_frame(Hash(b"\x01" * 32))
    for frames in (
        (batch,),
        (challenge, batch),
        (challenge, challenge),
        (hello_frame(Hello(b"", b"", b"")),),
        (challenge, hello_frame(Hello(b"no statement", bytes(64), b""))),
        (challenge, b"\xff\xff"),
        (challenge, b""),
        (challenge_frame(b"short"),),
        (challenge,),
        (),
        (challenge, hello_frame(Hello(bytes(5000), bytes(64), b""))),
    ):
        assert await answer(table, *frames) == "CITY-6201"


async def test_a_statement_has_one_encoding(table: Table) -> None:
    near, far = stream()
    await asyncio.gather(
        listen(near, lambda _: table.party(table.b), Shown(table.fingerprint(table.a))),
        dial(far, table.party(table.a), table.known(table.b)),
    )
    hello = parse_frame(far.sent[1])
    assert isinstance(hello, Hello)
    assert encode(decode(PeerStatement, hello.statement)) == hello.statement
