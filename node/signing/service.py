"""`city signer serve`: a process that holds keys and signs for one node, over mutual TLS.

Its caller is known by the certificate that it shows, which the operator names; nobody else gets past TLS. What
it signs is checked by purpose (purposes.py) and votes by memory (guard.py).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import structlog

from node.errors import CityError
from node.identity.signers import FileSigner
from node.identity.suite import get_suite
from node.identity.transport import TransportIdentity, load_certificate, load_transport
from node.peers.roster import fingerprint_of_pem
from node.signing.guard import VoteGuard
from node.signing.purposes import IDENTITY, MESSAGE_BYTES_MAX, VOTE, purpose_of
from node.wire.signing import KeyInfo, serve_signing

WORKERS, CALLS_MAX = 4, 64
GUARD_FILE = "votes.sqlite"

log = structlog.get_logger("signer")


class KeyFolder:
    """Key files `identity*.pem` and `vote*.pem` of a folder; read when asked, so a new one is found at once."""

    def __init__(self, folder: Path, password: bytes | None, dev: bool) -> None:
        self._folder, self._password, self._dev = folder, password, dev
        self._held: dict[Path, FileSigner] = {}
        self._lock = threading.Lock()

    def signers(self) -> Mapping[str, FileSigner]:
        """By name. Raises CITY-2005 to 2008 for a file that cannot be used."""
        with self._lock:
            paths = sorted(
                (*self._folder.glob(f"{IDENTITY}*.pem"), *self._folder.glob(f"{VOTE}*.pem"))
            )
            for path in paths:
                if path not in self._held:
                    self._held[path] = FileSigner(path, self._password, dev=self._dev)
            return {path.stem: self._held[path] for path in paths}


class SigningService:
    """Started and stopped once. Safe for its own worker threads."""

    def __init__(self, keys: KeyFolder, guard: VoteGuard) -> None:
        self._keys, self._guard = keys, guard
        self._server: grpc.Server | None = None
        self.port = 0

    def start(self, listen: str, own: TransportIdentity, caller_pem: bytes) -> None:
        """caller_pem: the one certificate that may ask. Raises CITY-8005."""
        wanted = fingerprint_of_pem(caller_pem)

        def check_caller(context: grpc.ServicerContext) -> None:
            shown = context.auth_context().get("x509_pem_cert", ())
            if len(shown) != 1 or fingerprint_of_pem(shown[0]) != wanted:
                raise CityError("CITY-2205")

        options = (
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX + 1024),
        )
        pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="signer")
        server = grpc.server(pool, options=options, maximum_concurrent_rpcs=CALLS_MAX)
        serve_signing(server, check_caller, self.keys, self.sign)
        credentials = grpc.ssl_server_credentials(
            [(own.key_pem, own.certificate_pem)], caller_pem, require_client_auth=True
        )
        try:
            self.port = server.add_secure_port(listen, credentials)
        except RuntimeError as error:
            raise CityError(
                "CITY-8005", address=listen, use="signer", reason="it is in use"
            ) from error
        server.start()
        self._server = server

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(grace=1).wait()
        self._guard.close()

    def keys(self) -> list[KeyInfo]:
        found = self._keys.signers()
        return [KeyInfo(n, s.suite_id, s.public_key) for n, s in found.items()]

    def sign(self, public_key: bytes, message: bytes, hashed: bool) -> bytes:
        """Raises CITY-2050 (no such key), 2051 (not its purpose), 2052 (a second vote)."""
        held = self._keys.signers()
        name = next((n for n, s in held.items() if s.public_key == public_key), None)
        if name is None:
            raise CityError("CITY-2050", key=public_key.hex()[:16])
        signer = held[name]
        try:
            purpose = purpose_of(name, signer.suite_id, public_key, message, hashed)
            if purpose.vote is not None:
                self._guard.note(public_key, purpose.tag, purpose.vote)
        except CityError as error:
            log.warning("signer.refused", key=name, code=error.code, reason=error.message)
            raise
        return signer.sign(get_suite(signer.suite_id).hash(message) if hashed else message)


def serve_until_stopped(
    keys: Path,
    password: bytes | None,
    dev: bool,
    listen: str,
    own: tuple[Path, Path],
    caller: Path,
    memory: Path | None,
) -> None:
    """One process's work: until SIGTERM or SIGINT. own: certificate and key of the service."""
    folder = KeyFolder(keys, password, dev)
    held = folder.signers()
    if not held:
        raise CityError("CITY-2050", key=f"{IDENTITY}….pem or {VOTE}….pem in {keys}")
    caller_pem = caller.read_bytes()
    load_certificate(caller_pem)
    service = SigningService(folder, VoteGuard(memory or keys / GUARD_FILE))
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    service.start(listen, load_transport(*own), caller_pem)
    try:
        host = listen.rpartition(":")[0]
        print(f"signing at {host}:{service.port}: {', '.join(held)}", flush=True)
        stopping.wait()
    finally:
        service.stop()
