"""A served MemoryChannel and what a client needs to call it."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from consensus.encoding import Hash
from consensus.header import identity_digest, tx_sign_digest
from node.api.access import READS_PER_SECOND
from node.api.readers import real_now_ms
from node.api.server import ApiServer
from node.model import Envelope
from node.peers.roster import server_name
from node.wire import operator_statement, stubs
from node.wire.body import TxBody, build_body
from node.wire.operator_statement import OperatorStatement, sign_operator
from node.wire.read_statement import METADATA_KEY, ReadStatement, sign_read
from tests.unit.api.chain import SUITE, MemoryChannel
from tests.unit.api.hosting import MemoryHosting


@dataclass
class Served:
    chain: MemoryChannel
    server: ApiServer
    stub: Any
    channel: grpc.aio.Channel
    hosting: MemoryHosting

    def envelope(self, user: str = "buyer", **changes: Any) -> Envelope:
        signer = self.chain.users[user]
        fields: dict[str, Any] = {
            "suite": SUITE.id,
            "channel_id": self.chain.channel_id,
            "sender": identity_digest(SUITE.hash, SUITE.id, signer.public_key),
            "contract": "receivable",
            "version": 1,
            "method": "issue",
            "args": '{"amount":5}',
            "nonce": secrets.token_bytes(16),
            "valid_until_height": 100,
            "gas_limit": 1_000_000,
            "request_id": secrets.token_hex(8),
        }
        body = build_body(TxBody(**{**fields, **changes}))
        digest = tx_sign_digest(SUITE.hash, SUITE.id, self.chain.channel_id, body)
        return Envelope(body, signer.public_key, signer.sign(digest))

    def read(self, signer: Any = None, **changes: Any) -> tuple[tuple[str, bytes], ...]:
        """Metadata of a good read statement, but for `changes`."""
        signer = signer or self.chain.users["buyer"]
        node = identity_digest(SUITE.hash, SUITE.id, self.chain.node_signer.public_key)
        fields: dict[str, Any] = {
            "channel_id": self.chain.channel_id,
            "node_identity": Hash(node),
            "reader_key": signer.public_key,
            "not_after_ms": int(time.time() * 1000) + 300_000,
        }
        return ((METADATA_KEY, sign_read(SUITE, signer, ReadStatement(**{**fields, **changes}))),)


def order(
    net: Served, method: str, signer: Any = None, **changes: Any
) -> tuple[tuple[str, bytes], ...]:
    """The metadata of a call of the Admin service, by the node's operator unless somebody else signs."""
    signer = signer or net.hosting.operator
    fields: dict[str, Any] = {
        "node_identity": net.hosting.identity,
        "method": method,
        "operator_key": signer.public_key,
        "not_after_ms": real_now_ms() + 60_000,
    }
    statement = OperatorStatement(**{**fields, **changes})
    return ((operator_statement.METADATA_KEY, sign_operator(SUITE, signer, statement)),)


def secure_channel(chain: MemoryChannel, port: int) -> grpc.aio.Channel:
    pem = chain.transport.certificate_pem
    options = (
        ("grpc.ssl_target_name_override", server_name(pem)),
        ("grpc.max_receive_message_length", 8 * 1024 * 1024),
    )
    return grpc.aio.secure_channel(
        f"127.0.0.1:{port}", grpc.ssl_channel_credentials(pem), options=options
    )


@asynccontextmanager
async def served(
    chain: MemoryChannel | None = None, reads_per_second: int = READS_PER_SECOND
) -> AsyncIterator[Served]:
    chain = chain or MemoryChannel()
    hosting = MemoryHosting(chain.node_signer.public_key)
    server = ApiServer(
        {chain.name: chain},
        node_name=chain.node_name,
        identity_keys={SUITE.id: chain.node_signer.public_key},
        transport=chain.transport,
        listen="127.0.0.1:0",
        hosting=hosting,
        reads_per_second=reads_per_second,
    )
    await server.start()
    try:
        async with secure_channel(chain, server.port) as channel:
            yield Served(chain, server, stubs.LedgerStub(channel), channel, hosting)
    finally:
        await server.stop()
