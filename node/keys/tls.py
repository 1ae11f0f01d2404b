"""TLS of the node's ports: one certificate, or two while one replaces the other. The name that a client asks
for says which of the two it pins (`city node rotate` gives each new one a name of its own)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from node.identity.transport import TransportIdentity


class Transports(Protocol):
    """What a node shows to whoever connects: one certificate, two while one replaces the other."""

    @property
    def held(self) -> Sequence[TransportIdentity]:
        """The one that has been in use first: who asks for no name that only another has is shown this one."""
        ...


@dataclass(frozen=True, slots=True)
class One:
    """A node whose certificate is not replaced while it runs."""

    held: tuple[TransportIdentity]


def shown_by(transport: TransportIdentity | Transports) -> Transports:
    return One((transport,)) if isinstance(transport, TransportIdentity) else transport


def server_credentials(
    transports: Transports, trusted: Callable[[], bytes] | None = None
) -> grpc.ServerCredentials:
    """trusted: certificates in PEM of whom TLS lets in; None: it asks for none.

    Each handshake asks what is shown and whom to trust, and is told only what has changed: gRPC replaces what
    it was told without regard to a handshake that uses it at that moment, and aborts the process (sync.cc)."""
    told: tuple[Any, ...] = ()
    one_at_a_time = threading.Lock()

    def configuration() -> Any:
        nonlocal told
        with one_at_a_time:
            shown = tuple((t.key_pem, t.certificate_pem) for t in transports.held)
            found = (shown, None if trusted is None else trusted() or shown[0][1])
            if found == told:
                return None
            told = found
        return grpc.ssl_server_certificate_configuration(*found)

    return grpc.dynamic_ssl_server_credentials(
        configuration(), configuration, require_client_authentication=trusted is not None
    )
