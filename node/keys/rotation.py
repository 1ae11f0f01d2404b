"""The files of a node while one of its keys is replaced. Blocking; every step may be the last before a crash.

    KEY-next.pem [KEY-next.crt]   prepared; the node holds both (own_keys.py), its channel decides which counts
    KEY.pem.old                   the former key, out of use, until its bytes are destroyed
    KEY.pem [KEY.crt]             the new one, alone

Each file is whole or not there, and whichever step comes next finds out from the files where it stands, so the
same command begins a round, goes on with one, and ends one.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from node.config import NodeConfig
from node.errors import CityError
from node.identity.certificates import parse
from node.identity.errors import BadCertificate, BadSm2Certificate
from node.identity.keyfile import write_key
from node.identity.keys import PrivateKey
from node.identity.requests import make_request
from node.identity.signers import FileSigner
from node.identity.suite import Suite, get_suite
from node.identity.transport import (
    NEXT,
    TRANSPORT,
    TransportIdentity,
    certificate_der,
    load_certificate,
    load_transport,
)
from node.keys.files import next_path, supersede
from node.keys.keyring import (
    GRANT_FILE,
    NEXT_GRANT_FILE,
    identity_path,
    open_identities,
    open_transports,
)
from node.ledger.folder import sync_folder

UNFINISHED = ".new"
KEY_NAME = (
    "key-"  # the first host of a certificate that follows another: TLS tells the two apart by it
)


@dataclass(frozen=True, slots=True)
class Request:
    """What the member's authority is to sign. hosts: as the request says them."""

    file: Path
    der: bytes
    hosts: tuple[str, ...]


# ---- preparing ---------------------------------------------------------------------------------------


def prepare_transport(config: NodeConfig) -> Request:
    """A new key, where none is prepared, and the request for its certificate. Raises CityError."""
    folder, suite = config.keys_dir, get_suite("intl")
    now = parse(certificate_der(open_transports(config).held[0]))
    path = folder / f"{TRANSPORT}{NEXT}.pem"
    if not path.exists():
        _write_key(path, suite.generate_key(), None, dev=True)
    signer = FileSigner(path, dev=True, suite=suite)
    own_name = KEY_NAME + hashlib.sha256(signer.public_key).hexdigest()[:32]
    hosts = (own_name, *(h for h in now.hosts if not h.startswith(KEY_NAME)))
    der = make_request(suite, signer, now.name, (), now.organization, hosts)
    return Request(path.with_suffix(".csr"), der, hosts)


def take_certificate(config: NodeConfig, pem: bytes) -> TransportIdentity:
    """Puts the certificate beside the prepared key. Raises CITY-8094 for one that this node could not change
    over to."""
    folder = config.keys_dir
    path = folder / f"{TRANSPORT}{NEXT}.crt"
    unfinished = path.with_name(path.name + UNFINISHED)
    _write(unfinished, pem)
    try:
        following = load_transport(unfinished, folder / f"{TRANSPORT}{NEXT}.pem")
        now = [t for t in open_transports(config).held if t.key_pem != following.key_pem]
        known = {host for t in now for host in parse(certificate_der(t)).hosts}
        hosts = parse(certificate_der(following)).hosts
    except (BadCertificate, BadSm2Certificate) as error:
        raise CityError("CITY-8094", path=path, reason=error.detail) from None
    if not hosts or hosts[0] in known:
        reason = "its first host is to be the name that the request begins with"
        raise CityError("CITY-8094", path=path, reason=reason)
    os.replace(unfinished, path)
    sync_folder(folder)
    return following


def following_transport(config: NodeConfig) -> TransportIdentity | None:
    """The one that is to follow, however far its round has come; None where there is none or no certificate."""
    certificate = config.keys_dir / f"{TRANSPORT}{NEXT}.crt"
    if not certificate.exists():
        return None
    der = load_certificate(certificate.read_bytes())
    held = open_transports(config).held
    return next((t for t in held if load_certificate(t.certificate_pem) == der), None)


def prepare_identity(config: NodeConfig, suite: Suite) -> bytes:
    """The public key that is to follow; makes it where none is prepared. Raises CITY-2056 where the service or
    device that holds this node's keys has none."""
    held = open_identities(config, suite)
    if config.keys.signer == "file":
        path = next_path(identity_path(config, suite))
        if not path.exists():
            password, dev = config.key_password(), config.keys.development
            _write_key(path, suite.generate_key(), password, dev=dev)
        return FileSigner(
            path, config.key_password(), dev=config.keys.development, suite=suite
        ).public_key
    if len(held) < 2:
        reason = f"make the next key, identity{NEXT}, where the keys are held"
        raise CityError("CITY-2056", setting=config.keys.signer, reason=reason)
    return held[1].public_key


def is_identity_prepared(config: NodeConfig, suite: Suite) -> bool:
    return config.keys.signer == "file" and next_path(identity_path(config, suite)).exists()


# ---- ending ------------------------------------------------------------------------------------------


def finish_transport(config: NodeConfig) -> None:
    """The new key and certificate alone are left. Only when every channel of the node names them."""
    folder = config.keys_dir
    for name in (f"{TRANSPORT}.pem", f"{TRANSPORT}.crt"):
        supersede(folder / name)
    (folder / f"{TRANSPORT}{NEXT}.csr").unlink(missing_ok=True)


def finish_identity(config: NodeConfig, suite: Suite) -> None:
    """Likewise. Keys that are held elsewhere are their holder's to destroy."""
    if config.keys.signer == "file":
        supersede(identity_path(config, suite))


def finish_grant(keys: Path) -> None:
    if (keys / NEXT_GRANT_FILE).exists():
        os.replace(keys / NEXT_GRANT_FILE, keys / GRANT_FILE)
        sync_folder(keys)


def _write_key(path: Path, key: PrivateKey, password: bytes | None, *, dev: bool) -> None:
    unfinished = path.with_name(path.name + UNFINISHED)
    unfinished.unlink(missing_ok=True)
    write_key(unfinished, key, password, dev=dev)
    os.replace(unfinished, path)
    sync_folder(path.parent)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
