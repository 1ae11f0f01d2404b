"""Connections between city nodes: TLS with pinned certificates on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import grpc
from cryptography import x509

from consensus.encoding import Hash
from node.errors import CityError
from node.identity.transport import TransportIdentity
from node.peers.roster import Known, fingerprint_of_pem, server_name
from node.wire.frames import FRAME_BYTES_MAX

LINK_OPTIONS = (
    ("grpc.max_receive_message_length", FRAME_BYTES_MAX),
    ("grpc.max_send_message_length", FRAME_BYTES_MAX),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)
_CLIENT_OPTIONS = (
    *LINK_OPTIONS,
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    # A fresh connection for each attempt: the backoff is ours, not gRPC's shared two minutes.
    ("grpc.use_local_subchannel_pool", 1),
)


def open_channel(transport: TransportIdentity, address: str, known: Known) -> grpc.aio.Channel:
    """A connection to a node that the channel's configuration names, as `transport`."""
    credentials = grpc.ssl_channel_credentials(
        known.certificate_pem, transport.key_pem, transport.certificate_pem
    )
    name = ("grpc.ssl_target_name_override", server_name(known.certificate_pem))
    return grpc.aio.secure_channel(address, credentials, options=(*_CLIENT_OPTIONS, name))


@dataclass(frozen=True, slots=True)
class Shown:
    """The certificate that the other end showed. fingerprint: SHA-256 of its DER. issuer: DER of the name."""

    fingerprint: Hash
    serial: str = ""
    issuer: bytes = b""


def client_certificate(context: grpc.aio.ServicerContext) -> Shown:
    """Of the other end; TLS has verified it already. Raises CITY-2205."""
    found = context.auth_context().get("x509_pem_cert", ())
    if len(found) != 1:
        raise CityError("CITY-2205")
    certificate = x509.load_pem_x509_certificate(found[0])
    issuer = certificate.issuer.public_bytes()
    return Shown(fingerprint_of_pem(found[0]), str(certificate.serial_number), issuer)


def client_fingerprint(context: grpc.aio.ServicerContext) -> Hash:
    """Raises CITY-2205."""
    return client_certificate(context).fingerprint
