"""Transactions and reads as a hostile client would make them: any field, any bytes, any signature.

The SDK refuses to build most of them, so bodies are made here from the message itself, and sent over a plain
gRPC channel whose answers are looked at as they came over the wire.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2
from grpc_status import rpc_status

from consensus.encoding import Hash
from consensus.header import identity_digest, tx_id, tx_sign_digest
from node.client import find_context
from node.identity.signers import FileSigner
from node.identity.suite import Signer, Suite, get_suite
from node.model import Envelope, Receipt, decode_receipt
from node.peers.roster import server_name
from node.sdk.context import Context, NodeAddress
from node.wire import stubs
from node.wire.codec import envelope_to_pb
from node.wire.read_statement import METADATA_KEY, ReadStatement, sign_read
from node.wire.status import from_rpc_error
from tests.cluster.cluster import CALL_SECONDS, Cluster

TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a client was told. code: `CITY-nnnn`, or gRPC's own word where no method was reached."""

    code: str
    message: str
    why: str
    do: str

    def assert_helps(self) -> None:
        """Cause and next step are there, and nothing of our insides."""
        texts = (self.message, self.why, self.do)
        assert all(text.strip() for text in texts), self
        assert not any(TRACEBACK in text or 'File "' in text for text in texts), self


class Forger:
    """One user of the network at one node, with the means to lie."""

    def __init__(self, context: Context, node: NodeAddress, user: str) -> None:
        self.context, self.node = context, node
        self.suite: Suite = get_suite(context.suite)
        self.signer: Signer = self.user(user)
        self.channel_id = Hash(context.channel_id)
        pem = node.certificate.read_bytes()
        self._channel = grpc.aio.secure_channel(
            node.api,
            grpc.ssl_channel_credentials(pem),
            options=(
                ("grpc.ssl_target_name_override", server_name(pem)),
                ("grpc.max_send_message_length", -1),
            ),
        )
        self.stub = stubs.LedgerStub(self._channel)
        self.tip = 0
        self.node_identity = Hash(bytes(32))

    async def open(self) -> None:
        """Height and identity of the node, which bodies and read statements name."""
        info = await self.stub.ChannelInfo(stubs.ChannelInfoRequest(), timeout=CALL_SECONDS)
        self.tip, self.node_identity = info.height, Hash(info.node_identity)

    async def close(self) -> None:
        await self._channel.close()

    def user(self, name: str) -> Signer:
        return FileSigner(self.context.user(name).key, None, dev=True, suite=self.suite)

    def stranger(self) -> Signer:
        """A good key that no member registered."""
        return self.suite.signer(self.suite.generate_key())

    def digest(self, signer: Signer) -> bytes:
        return identity_digest(self.suite.hash, self.suite.id, signer.public_key)

    # ---- making -----------------------------------------------------------------------------------

    def body(self, **changed: Any) -> bytes:
        """A body that would be taken, but for what is `changed`."""
        fields: dict[str, Any] = {
            "suite": self.suite.id,
            "channel_id": self.channel_id,
            "sender": self.digest(self.signer),
            "contract": "transfer",
            "version": 1,
            "method": "open_account",
            "args": '{"owner":"forged","amount":1}',
            "nonce": secrets.token_bytes(16),
            "valid_until_height": self.tip + 100,
            "gas_limit": 1_000_000,
            "request_id": secrets.token_hex(8),
        }
        return stubs.TxBody(**(fields | changed)).SerializeToString()  # type: ignore[no-any-return]

    def sign(self, body: bytes, signer: Signer | None = None) -> Envelope:
        signer = signer or self.signer
        digest = tx_sign_digest(self.suite.hash, self.suite.id, self.channel_id, body)
        return Envelope(body, signer.public_key, signer.sign(digest))

    def signed(self, **changed: Any) -> Envelope:
        return self.sign(self.body(**changed))

    def tx_id(self, envelope: Envelope) -> Hash:
        return tx_id(self.suite.hash, self.suite.id, envelope.body)

    def statement(self, signer: Signer | None = None, **changed: Any) -> bytes:
        """The metadata value of a read, good but for what is `changed`."""
        signer = signer or self.signer
        fields: dict[str, Any] = {
            "channel_id": self.channel_id,
            "node_identity": self.node_identity,
            "reader_key": signer.public_key,
            "not_after_ms": time.time_ns() // 1_000_000 + 600_000,
        }
        return sign_read(self.suite, signer, ReadStatement(**(fields | changed)))

    # ---- sending ----------------------------------------------------------------------------------

    async def submit(self, envelope: Envelope, channel: str = "") -> Refusal | None:
        """None: admitted."""
        request = stubs.SubmitRequest(channel=channel, envelope=envelope_to_pb(envelope))
        return await refusal_of(self.stub.Submit(request, timeout=CALL_SECONDS))

    async def query(self, statement: bytes | None) -> Refusal | None:
        """None: answered."""
        request = stubs.QueryRequest(
            contract="transfer", method="balance_of", args='{"owner":"forged"}'
        )
        metadata = () if statement is None else ((METADATA_KEY, statement),)
        return await refusal_of(self.stub.Query(request, timeout=CALL_SECONDS, metadata=metadata))

    def raw(self, path: str) -> Any:
        """A unary call of bytes to bytes."""
        return self._channel.unary_unary(path)

    async def receipt(self, envelope: Envelope) -> Receipt:
        """Of a transaction that is admitted and ordered."""
        assert await self.submit(envelope) is None
        request = stubs.WaitRequest(tx_id=self.tx_id(envelope), level=stubs.COMMITTED)
        metadata = ((METADATA_KEY, self.statement()),)
        status = await self.stub.WaitTransaction(request, timeout=CALL_SECONDS, metadata=metadata)
        self.tip = max(self.tip, status.height)
        return decode_receipt(status.receipt.canonical)


@asynccontextmanager
async def forging(cluster: Cluster, slug: str, user: str = "ops") -> AsyncIterator[Forger]:
    context = find_context(str(cluster.layout.root))
    node = next(n for n in context.nodes if cluster.slug_of(n.name) == slug)
    forger = Forger(context, node, user)
    try:
        await forger.open()
        yield forger
    finally:
        await forger.close()


async def refusal_of(call: Awaitable[Any]) -> Refusal | None:
    """What the call was refused with; None where it was answered."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        said = from_rpc_error(error)
        if said is None:
            return Refusal(error.code().name, error.details() or "", "", "")
        _assert_in_plain_words(error, said.code)
        return Refusal(said.code, said.message, said.why, said.do)
    return None


def _assert_in_plain_words(error: grpc.aio.AioRpcError, code: str) -> None:
    """Clients in other languages have no catalogue: code, text and next step travel with the error."""
    packed = dict(error.trailing_metadata() or ())[rpc_status.GRPC_DETAILS_METADATA_KEY]
    assert isinstance(packed, bytes)
    status = status_pb2.Status.FromString(packed)
    assert status.message.startswith(code) and TRACEBACK not in str(status), status
    help_, info = details.Help(), details.ErrorInfo()
    assert any(detail.Unpack(help_) for detail in status.details)
    assert any(detail.Unpack(info) for detail in status.details)
    assert help_.links[0].description and info.metadata["code"] == code


Forge = Callable[[Forger], Envelope]
