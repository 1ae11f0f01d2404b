"""The node's side of a signing service. Every signature is verified here before it is used."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import grpc

from consensus.encoding import Sig
from node.errors import CityError
from node.identity.signers import SignerAway
from node.identity.suite import DEFAULT_ID, Suite
from node.identity.transport import TransportIdentity
from node.peers.roster import server_name
from node.signing.held import HeldKeys
from node.signing.purposes import MESSAGE_BYTES_MAX
from node.wire.signing import KeyInfo, SigningCalls

CALL_S = 1.0
PATIENCE_S = 1.0  # a turn of the core waits for it, and with it the node; a blip is shorter
PAUSE_S = 0.1


class SigningClient:
    """One connection to the service, shared by all signers of a node."""

    def __init__(self, address: str, own: TransportIdentity, service_pem: bytes) -> None:
        credentials = grpc.ssl_channel_credentials(service_pem, own.key_pem, own.certificate_pem)
        options = (
            ("grpc.ssl_target_name_override", server_name(service_pem)),
            ("grpc.enable_http_proxy", 0),
            ("grpc.max_send_message_length", MESSAGE_BYTES_MAX + 1024),
            ("grpc.max_reconnect_backoff_ms", 500),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
        )
        self.address = address
        self._channel = grpc.secure_channel(address, credentials, options=options)
        self._calls = SigningCalls(self._channel)

    def close(self) -> None:
        self._channel.close()

    def held(self) -> list[KeyInfo]:
        """Raises SignerAway."""
        found: list[KeyInfo] = self._patiently(lambda: self._calls.keys(CALL_S))
        return found

    def sign(self, public_key: bytes, message: bytes, hashed: bool) -> bytes:
        """Raises SignerAway."""
        signature: bytes = self._patiently(
            lambda: self._calls.sign(public_key, message, hashed, CALL_S)
        )
        return signature

    def _patiently(self, call: Callable[[], Any]) -> Any:
        """Tries again for a while. Blocks: a turn of the core is not begun anew for a blip."""
        until, waiting = time.monotonic() + PATIENCE_S, threading.Event()
        while True:
            try:
                return call()
            except CityError as error:
                raise SignerAway(error.code, **error.variables) from None
            except grpc.RpcError as error:
                if time.monotonic() >= until:
                    raise SignerAway(
                        "CITY-2054", address=self.address, reason=error.code().name
                    ) from None
            waiting.wait(PAUSE_S)


class RemoteSigner:
    """Implements `Signer` with a key that the service holds."""

    def __init__(self, client: SigningClient, key: KeyInfo, suite: Suite) -> None:
        """Raises BadKey for what is no key of the suite."""
        suite.check_public_key(key.public_key)
        self._client, self._suite = client, suite
        self.name, self.suite_id, self.public_key = key.name, key.suite_id, key.public_key

    def __repr__(self) -> str:
        return f"<RemoteSigner {self.public_key.hex()[:16]}…>"

    def sign(self, message: bytes, id: bytes = DEFAULT_ID) -> Sig:
        """64 bytes. The message is tagged, or the service refuses. Raises SignerAway."""
        if id != DEFAULT_ID:
            raise ValueError("the service signs under the default id only")
        return self._checked(message, self._client.sign(self.public_key, message, False))

    def sign_hashed(self, preimage: bytes) -> Sig:
        """Over H(preimage): of a transaction, which the service wants to see. Raises SignerAway."""
        digest = self._suite.hash(preimage)
        return self._checked(digest, self._client.sign(self.public_key, preimage, True))

    def _checked(self, message: bytes, signature: bytes) -> Sig:
        if not self._suite.verify(self.public_key, message, signature):
            raise SignerAway("CITY-2055", address=self._client.address)
        return Sig(signature)


def remote_keys(client: SigningClient, suite: Suite) -> HeldKeys:
    """All keys of this suite that the service holds. Raises SignerAway, BadKey."""

    def find() -> list[RemoteSigner]:
        held = client.held()
        return [RemoteSigner(client, key, suite) for key in held if key.suite_id == suite.id]

    return HeldKeys(client.address, find, suite)
