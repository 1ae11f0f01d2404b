"""A signing service on a loopback port, its node, and a stranger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from consensus.certificate import Seal
from consensus.encoding import Hash
from node.identity.keyfile import write_key
from node.identity.suite import Suite, get_suite
from node.identity.transport import TransportIdentity, issue_transport_certificate, make_peer_ca
from node.signing.guard import VoteGuard
from node.signing.remote import RemoteSigner, SigningClient
from node.signing.service import GUARD_FILE, KeyFolder, SigningService
from tests.unit.signing.tokens import hsm

__all__ = ["World", "hsm", "seal", "world"]

HOSTS = ["localhost", "127.0.0.1"]


@dataclass
class World:
    folder: Path
    suite: Suite
    own: TransportIdentity  # the service's
    node: TransportIdentity
    stranger: TransportIdentity
    service: SigningService
    client: SigningClient

    def signer(self, name: str) -> RemoteSigner:
        (key,) = [key for key in self.client.held() if key.name == name]
        return RemoteSigner(self.client, key, self.suite)

    def start(self, port: int = 0) -> SigningService:
        guard = VoteGuard(self.folder / GUARD_FILE)
        self.service = SigningService(KeyFolder(self.folder, None, True), guard)
        self.service.start(f"127.0.0.1:{port}", self.own, self.node.certificate_pem)
        return self.service


def seal(height: int = 5, view: int = 0, block: bytes = b"a", channel: bytes = b"c") -> Seal:
    return Seal(Hash(channel * 32), 0, height, view, Hash(block * 32))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    suite, authority = get_suite("sm"), make_peer_ca("PX")
    folder = tmp_path / "keys"
    folder.mkdir()
    for name in ("identity", "vote"):
        write_key(folder / f"{name}.pem", suite.generate_key(), None, dev=True)
    own, node, stranger = (
        issue_transport_certificate(authority, name, HOSTS) for name in ("signer", "node", "other")
    )
    world = World(folder, suite, own, node, stranger, None, None)  # type: ignore[arg-type]
    port = world.start().port
    world.client = SigningClient(f"127.0.0.1:{port}", node, own.certificate_pem)
    yield world
    world.client.close()
    world.service.stop()
