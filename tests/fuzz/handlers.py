"""Every gRPC handler of a node, called in process with hostile messages: the clients' port, the operator's, the
peers', and the signing service. What stands behind them is real: a node with its store, its contract worker
and its keys, and behind the links four nodes that order.

The caller is always one that is let in (a member, the operator, a peer of the channel, the signer's own node):
that nobody else is, tests/unit shows where each port has its tests.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from google.protobuf.descriptor import Descriptor, MethodDescriptor

from consensus.encoding import Hash, decode
from consensus.header import identity_digest, tx_id, tx_sign_digest
from consensus.pbft.certificates import vote_message
from consensus.pbft.messages import KINDS
from consensus.tags import Tag
from node.api.access import Access
from node.api.admin import AdminService
from node.api.contracts import ContractsService
from node.api.ledger import LedgerService
from node.config import NodeConfig, load_config
from node.daemon import premises
from node.errors import CityError
from node.genesis import encode_genesis
from node.hosting.cards import NodeCard
from node.hosting.hosting import Hosting
from node.identity.keyfile import read_key
from node.identity.signers import MemorySigner
from node.model import Envelope
from node.network.create import create_network
from node.network.layout import Layout
from node.network.plan import load_plan
from node.opening import read_genesis
from node.peers.handshake import Established
from node.peers.link import Link, count_nothing
from node.peers.network import real_now_ms
from node.peers.port import PeerPort
from node.peers.statement import PeerStatement
from node.signing.guard import VoteGuard
from node.signing.service import GUARD_FILE, KeyFolder, SigningService
from node.wire import operator_statement, pb, stubs
from node.wire.codec import block_to_pb
from node.wire.operator_statement import OperatorStatement, sign_operator
from node.wire.pb import ledger_pb2
from node.wire.read_statement import METADATA_KEY, ReadStatement, sign_read
from node.wire.signing import serve_signing
from tests.fuzz.calling import Asked, Call, Shelf, answer
from tests.fuzz.hostile import Hostile, Known, some
from tests.fuzz.running import CHUNK, FINDS_MAX, Report, TooSlow, Watch, resident_mb
from tests.fuzz.samples import structures, tagged
from tests.unit.node.network import SUITE, Cluster
from tests.unit.signing.conftest import seal

STATEMENT_S = 60.0  # a statement is made anew after this
BODY = ledger_pb2.TxBody.DESCRIPTOR
_PACKAGE = ledger_pb2.DESCRIPTOR.package
FAR_MS, SECONDS = 1 << 60, 60
SIDE = "side"
PAUSES = (
    "PauseChannel",
    "ResumeChannel",
)  # which would take the node's own channel from the others
ARGUMENTS = (
    '{"owner":"a","amount":1}', '{"owner":"a"}', '{"owner":"a","amount":-1}', '{"amount":' + "9" * 30 + "}",
    '{"name":"a"}', '{"proposal":"00"}', "[]", '{"owner":{"a":[1,{"b":null}]}}', '{"owner":"\\ud800"}',
    '{"sender":"a","receiver":"b","amount":1}', '{"owner":"a","owner":"b"}',
)  # fmt: skip


def described() -> dict[str, MethodDescriptor]:
    """Every method of every service that the wire describes, as `Service/Method`."""
    modules = [import_module(f"{pb.__name__}.{m.name}") for m in iter_modules(pb.__path__)]
    return {
        f"{service.name}/{method.name}": method
        for module in modules
        if hasattr(module, "DESCRIPTOR")
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }


@dataclass(frozen=True, slots=True)
class Method:
    """One handler. ask: calls it with messages as bytes; the code it ended with. It raises what is a find."""

    name: str
    kind: Descriptor
    known: Known
    ask: Callable[[Sequence[bytes]], Awaitable[str]]
    messages_max: int = 1
    pinned: tuple[str, ...] = ()


@dataclass(slots=True)
class Run:
    """outcomes: how often a code came, `ok` for an answer."""

    report: Report
    outcomes: Counter[str] = field(default_factory=Counter)


async def run(method: Method, inputs: int, seed: int = 0, first: int = 0) -> Run:
    """`inputs` calls from chunk `first` on. Whatever is no refusal with a code of ours is a find."""
    done = Run(Report(method.name))
    report, before, began = done.report, resident_mb(), time.process_time()
    chunk = first
    with Watch() as watch:
        while report.inputs < inputs and len(report.finds) < FINDS_MAX:
            rng = random.Random(f"{method.name}/{seed}/{chunk}")
            source = Hostile(method.kind, method.known, rng, method.pinned)
            for _ in range(min(CHUNK, inputs - report.inputs)):
                messages = [source.one() for _ in range(rng.randint(1, method.messages_max))]
                watch.at += 1
                started = time.perf_counter()
                try:
                    async with asyncio.timeout(SECONDS):
                        outcome = await method.ask(messages)
                except (Exception, TooSlow) as error:
                    report.add(error, b"".join(messages))
                    outcome = "FIND"
                report.refused += outcome != "ok"
                done.outcomes[outcome] += 1
                report.inputs += 1
                report.slowest_ms = max(report.slowest_ms, (time.perf_counter() - started) * 1000)
            chunk += 1
    report.cpu_s = time.process_time() - began
    report.grown_mb = max(0.0, resident_mb() - before)
    return done


# ---- a node ----------------------------------------------------------------------------------------


@dataclass
class House:
    """A node of one city in this process. user: a member's identity, who reads and submits."""

    config: NodeConfig
    hosting: Hosting
    port: PeerPort
    user: MemorySigner
    keys: Path
    side: bytes = b""
    _statements: dict[str, tuple[float, Call]] = field(default_factory=dict)

    @property
    def channel(self) -> Any:
        return self.hosting.first.channel

    def reading(self) -> Call:
        """A member's call."""
        node = identity_digest(SUITE.hash, SUITE.id, self.hosting.identity_keys[SUITE.id])
        until = real_now_ms() + 300_000
        said = ReadStatement(self.channel.channel_id, Hash(node), self.user.public_key, until)
        return self._kept("read", lambda: ((METADATA_KEY, sign_read(SUITE, self.user, said)),))

    def ordering(self, method: str) -> Call:
        """The operator's call."""
        who, signer = self.hosting.operators(), self.hosting.first.keyring.identity
        said = OperatorStatement(who.identity, method, signer.public_key, real_now_ms() + 110_000)
        key = operator_statement.METADATA_KEY
        return self._kept(method, lambda: ((key, sign_operator(SUITE, signer, said)),))

    def _kept(self, name: str, make: Callable[[], Any]) -> Call:
        held = self._statements.get(name)
        if held is None or time.monotonic() - held[0] > STATEMENT_S:
            held = self._statements[name] = time.monotonic(), Call(make())
        return Call(held[1].metadata)

    async def stand(self, is_beside: bool) -> None:
        """The channel beside the node's own runs, or is only prepared: whatever the last order made of it."""
        held = SIDE in {row["channel"] for row in self.hosting.hosted()}
        if held and is_beside:
            return
        if held:
            await self._open()
            await self.hosting.leave(SIDE, is_forced=True)
            held = False
        if not self._is_prepared():
            card = decode(NodeCard, await self.hosting.prepare(SIDE, "sm"))
            own = read_genesis(self.config.place().folder)
            config = replace(own.config, name=SIDE, nodes=(card.node,))
            self.side = encode_genesis(replace(own, config=config))
        if is_beside:
            await self.hosting.join(self.side, {})
            await self._open()

    async def _open(self) -> None:
        async with asyncio.timeout(SECONDS / 2):
            while self.hosting.show(SIDE)["state"] == "opening":
                await asyncio.sleep(0.01)

    def _is_prepared(self) -> bool:
        return bool(self.side) and any(self.config.place(SIDE).keys.glob("*"))

    def envelope(self, rng: random.Random) -> Envelope:
        """Signed by a member, whatever its body says."""
        body = Hostile(BODY, self.bodies(), rng).one()
        digest = tx_sign_digest(SUITE.hash, SUITE.id, self.channel.channel_id, body)
        return Envelope(body, self.user.public_key, self.user.sign(digest))

    def bodies(self) -> Known:
        sender = identity_digest(SUITE.hash, SUITE.id, self.user.public_key)
        return {
            "suite": some(SUITE.id),
            "channel_id": some(bytes(self.channel.channel_id)),
            "sender": some(bytes(sender)),
            "contract": some("transfer", "_config", "_contract"),
            "version": some(1),
            "method": some("open_account", "transfer", "propose", "approve", "report_evidence"),
            "args": some(*ARGUMENTS),
            "nonce": lambda rng: rng.randbytes(16),
            "valid_until_height": some(5, 300),
            "gas_limit": some(1, 200_000),
            "request_id": lambda rng: f"{rng.getrandbits(64):x}",
        }


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    """A started node with a few blocks and a snapshot."""
    create_network(load_plan().with_nodes(1).with_contracts(), folder)
    layout = Layout(folder)
    (slug,) = layout.slugs()
    path = layout.node_config(slug)
    path.write_text(
        path.read_text(encoding="utf-8") + "\n[snapshot]\nevery = 2\n", encoding="utf-8"
    )
    config = load_config(path)
    shared = premises(config)
    port, hosting = shared.port, Hosting(shared)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(hosting.close)
        await hosting.open()
        stack.push_async_callback(hosting.stop)
        await hosting.start()
        key = read_key(layout.user_key("ops"), dev=True)
        made = House(config, hosting, port, SUITE.signer(key), layout.node(slug) / "keys")
        await _warm(made)
        yield made


async def _warm(made: House) -> None:
    """Blocks, receipts and a snapshot, so that there is something to ask for."""
    rng = random.Random(1)
    while not made.channel.status()["snapshot"] or made.channel.status()["height"] < 4:
        body = {**made.bodies(), "contract": some("transfer"), "method": some("open_account")}
        kept: dict[str, Any] = {name: draw(rng) for name, draw in body.items()}
        kept |= {
            "args": f'{{"owner":"{kept["request_id"]}","amount":1}}',
            "valid_until_height": 300,
        }
        kept["gas_limit"] = 200_000
        data = ledger_pb2.TxBody(**kept).SerializeToString()
        digest = tx_sign_digest(SUITE.hash, SUITE.id, made.channel.channel_id, data)
        envelope = Envelope(data, made.user.public_key, made.user.sign(digest))
        (outcome,) = await made.channel.submit([envelope])
        assert outcome.error is None, outcome.error
        await made.channel.wait(tx_id(SUITE.hash, SUITE.id, data), "committed")


# ---- its handlers ----------------------------------------------------------------------------------


async def clients(made: House) -> list[Method]:
    """Ledger, Contracts and Admin, as they are added to the clients' port."""
    shelf = Shelf()
    access = Access(made.hosting.channels, made.hosting.identity_keys)
    stubs.add_LedgerServicer_to_server(LedgerService(access, made.config.name), shelf)
    stubs.add_ContractsServicer_to_server(ContractsService(access), shelf)
    stubs.add_AdminServicer_to_server(AdminService(made.hosting), shelf)
    asked = await _asked(made)
    await made.stand(is_beside=True)

    def method(name: str, handler: Any) -> Method:
        service, _, short = name.partition("/")
        is_order = service == "Admin"

        async def ask(messages: Sequence[bytes]) -> str:
            if is_order:
                await made.stand(is_beside=short != "JoinChannel")
            call = made.ordering(short) if is_order else made.reading()
            return await answer(Asked(handler, call), messages)

        kind, known = described()[name].input_type, _ordered(made, short) if is_order else asked
        count = 3 if handler.request_streaming else 1
        # Who joins from a snapshot looks for one for a while, and the next order waits for that.
        pinned = ("from_snapshot",) if short == "JoinChannel" else ()
        return Method(name, kind, known, ask, count, pinned)

    return [method(name, handler) for name, handler in shelf.handlers.items()]


async def _asked(made: House) -> Known:
    """What a member's calls may name: what there is on the channel."""
    found = await made.channel.block(1)
    ids = [bytes(tx_id(SUITE.hash, SUITE.id, each.body)) for each in found.envelopes]
    said = await made.channel.query("transfer", 0, "open_account", ARGUMENTS[0], None)
    keys = [key for key, _ in said.writes] or [b"s\x08transferx"]

    def envelope(rng: random.Random) -> Any:
        one = made.envelope(rng)
        return ledger_pb2.Envelope(
            body=one.body, public_key=one.public_key, signature=one.signature
        )

    return {
        "channel": some("main", "", "main"),
        "contract": some("transfer", "_config", "_contract"),
        "name": some("transfer", "node-shenzhen", "Shenzhen", "ops"),
        "who": some("member", "validator", "identity"),
        "method": some("open_account", "balance_of", "proposals", "evidence", "versions"),
        "args": some(*ARGUMENTS),
        "tx_id": some(*ids),
        "key": some(*keys),
        "version": some(0, 1),
        "min_height": some(0, 1, 2),
        "height": some(0, 1, 2, 3),
        "from_height": some(0, 1, 2),
        "after_id": some("", "1/0/0", "2/0/0"),
        "envelope": envelope,
        "envelopes": envelope,
    }


def _ordered(made: House, method: str) -> Known:
    """What an operator may name: the node's own channel, and the one beside it."""
    own = encode_genesis(read_genesis(made.config.place().folder))
    return {
        "channel": some(SIDE, "another", *(() if method in PAUSES else ("main",))),
        "suite": some("sm", "intl"),
        "genesis": lambda rng: rng.choice((own, made.side)),
        "key": some("Shenzhen", "Guangzhou"),
        "value": some("127.0.0.1:1", "localhost:70000", "[::1]:5"),
        "grant": some(b""),
        "from_snapshot": some(False),
    }


async def peers(made: House, others: Cluster) -> list[Method]:
    """Peer's calls at a node that holds a snapshot, asked by a node of the channel; and its links."""
    offered = made.port.handler()
    channel_id = bytes(made.channel.channel_id)
    engine = bytes(made.channel.config.engine.digest)
    height = int(made.channel.status()["snapshot"])
    known: Known = {
        "channel_id": some(channel_id),
        "digest": some(engine),
        "height": some(height, height - 2),
        "part": some(0, 1),
        "first": some(0, 1, 2),
        "last": some(1, 2, 3, 4),
        "offset": some(0, 1),
        "grant": some(b""),
        "nonce": lambda rng: rng.randbytes(32),
        "statement": some(*structures(PeerStatement, some=4)),
        "signature": some(bytes(64)),
    }

    def method(name: str, handler: Any) -> Method:
        async def ask(messages: Sequence[bytes]) -> str:
            call = Call(shown=made.port.transports.held[0].certificate_pem, frames=messages)
            return await answer(
                Asked(handler, call), [b""] if handler.request_streaming else messages
            )

        count = 3 if handler.request_streaming else 1
        return Method(name, described()[name].input_type, known, ask, count)

    names = [name for name in described() if name.startswith("Peer/")]
    handlers = {name: offered.service(_Details(f"/{_PACKAGE}.{name}")) for name in names}
    return [method(n, h) for n, h in handlers.items() if h is not None] + [
        await established(others)
    ]


@dataclass(frozen=True, slots=True)
class _Details:
    """grpc.HandlerCallDetails."""

    method: str
    invocation_metadata: Any = ()


async def established(others: Cluster) -> Method:
    """Frames of a validator whose hello was good, at a node that orders with three others."""
    node = others.nodes["n0"]
    peer = node.port.peers["n1"]
    envelope = others.envelope()
    (outcome,) = await node.channel.submit([envelope])
    done = await node.channel.wait(outcome.tx_id, "committed")
    block = await node.channel.block(done.height)
    assert block is not None
    known: Known = {
        "body": some(*tagged(KINDS, some=2)),
        "first": some(0, 1, 2),
        "last": some(1, 2, 9),
        "tip_height": some(0, 1, 9),
        "blocks": some(block_to_pb(block)),
        "want_transactions": some(bytes(outcome.tx_id), bytes(32)),
        "transactions": lambda rng: _pb(others.envelope(request_id=f"{rng.getrandbits(64):x}")),
    }

    async def ask(messages: Sequence[bytes]) -> str:
        pipe = Call(frames=messages)
        link = Link(
            pipe, Established(peer, FAR_MS, others.channel_id), node.port.gate, count_nothing
        )
        try:
            await link.run(0)
        except CityError as error:
            return error.code
        return "ok"

    kind = described()["Peer/Link"].input_type
    return Method("Peer/Link, established", kind, known, ask, 3)


def _pb(envelope: Envelope) -> Any:
    return ledger_pb2.Envelope(
        body=envelope.body, public_key=envelope.public_key, signature=envelope.signature
    )


def signer(made: House, folder: Path) -> list[Method]:
    """The signing service with the node's keys, asked by the node itself."""
    service = SigningService(KeyFolder(made.keys, None, True), VoteGuard(folder / GUARD_FILE))
    shelf = Shelf()
    serve_signing(shelf, lambda _: None, service.keys, service.sign)  # type: ignore[arg-type]
    found = service.keys()
    known: Known = {
        "public_key": some(*(held.public_key for held in found)),
        "message": _vote,
    }

    def method(name: str, handler: Any) -> Method:
        async def ask(messages: Sequence[bytes]) -> str:
            return await answer(Asked(handler, Call()), messages)

        return Method(name, described()[name].input_type, known, ask)

    return [method(name, handler) for name, handler in shelf.handlers.items()]


def _vote(rng: random.Random) -> bytes:
    tag = rng.choice((Tag.PROPOSAL, Tag.PREPARE, Tag.COMMIT_SEAL))
    return vote_message(tag, SUITE.id, seal(rng.randrange(9), rng.randrange(3)))


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[dict[str, Method]]:
    """All of them, by name; a network of four stands behind the links."""
    others = Cluster(folder / "others", 4)
    async with house(folder / "net") as made:
        await others.start_all()
        try:
            found = [*await clients(made), *await peers(made, others), *signer(made, folder)]
            yield {method.name: method for method in found}
        finally:
            await others.stop_all()
