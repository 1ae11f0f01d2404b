"""Whom this node knows: the nodes of the configuration with their keys and pinned transport certificates."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from consensus.encoding import Hash
from node.genesis import ChannelConfig, NodeEntry
from node.identity.suite import Signer, Suite, identity_digest
from node.identity.transport import TransportIdentity
from node.peers.batch import PeerId


@dataclass(frozen=True, slots=True)
class Self:
    """This node. grant: canonical SignedGrant when genesis does not name it, else empty."""

    name: str
    signer: Signer
    transport: TransportIdentity
    grant: bytes = b""


@dataclass(frozen=True, slots=True)
class Known:
    """A node as the channel knows it. fingerprint: SHA-256 of the certificate's DER."""

    peer: PeerId
    identity_key: bytes
    fingerprint: Hash
    certificate_pem: bytes = b""


class Roster:
    """Built from a channel's configuration; made again when that changes. `nodes`: the validators by index,
    then the observers that the configuration names."""

    def __init__(
        self, suite: Suite, config: ChannelConfig, observers: Sequence[NodeEntry] = ()
    ) -> None:
        indexed: list[tuple[NodeEntry, int | None]] = [
            (node, index) for index, node in enumerate(config.nodes)
        ]
        indexed += [(node, None) for node in observers]
        known = [
            Known(
                PeerId(node.name, Hash(identity_digest(suite, node.identity_key)), index),
                node.identity_key,
                Hash(hashlib.sha256(node.transport_cert).digest()),
                pem,
            )
            for node, index in indexed
            if (pem := _pem_or_nothing(node.transport_cert))
        ]
        self.nodes = tuple(known)
        self.by_name = {each.peer.name: each for each in known}
        self.by_fingerprint = {each.fingerprint: each for each in known}
        authorities = {member.peer_ca for member in config.members if member.peer_ca}
        # Nodes are pinned one by one; authorities admit observers, whose grant then decides.
        self.trusted = frozenset(
            (
                *(each.certificate_pem for each in known),
                *(pem for der in authorities if (pem := _pem_or_nothing(der))),
            )
        )


def _pem_or_nothing(der: bytes) -> bytes:
    """Nothing for bytes that are no certificate: whoever came with them has no link, the others do."""
    try:
        return der_to_pem(der)
    except ValueError:
        return b""


def der_to_pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


@lru_cache(maxsize=1_024)
def subject_of(der: bytes) -> bytes:
    """DER of an authority's name; nothing for what is no certificate."""
    try:
        return x509.load_der_x509_certificate(der).subject.public_bytes()
    except ValueError:
        return b""


def fingerprint_of_pem(pem: bytes) -> Hash:
    """Of the first certificate, as TLS reports the other side's. Raises ValueError for no certificate."""
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    return Hash(hashlib.sha256(der).digest())


def server_name(pem: bytes) -> str:
    """A name that the certificate is good for; TLS asks for one even though the certificate is pinned."""
    certificate = x509.load_pem_x509_certificate(pem)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    for name in names:
        if isinstance(name, x509.DNSName | x509.IPAddress):
            return str(name.value)
    return ""
