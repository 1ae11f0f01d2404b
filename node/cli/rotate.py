"""`city node rotate`: another transport, identity or vote key for a node that runs, the whole round."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import Output, OutputOption, fail, guarded, logs_aside, progress, show
from node.cli.passwords import PasswordFile, password
from node.cli.session import chosen_user, open_context, open_network

if TYPE_CHECKING:
    from node.config import NodeConfig, Place
    from node.identity.suite import Suite

CONFIG = "_config"
USES = ("transport", "identity", "vote")
WAIT_S, LOOK_S = 120.0, 0.2


def register(app: typer.Typer) -> None:
    app.command()(rotate)


@guarded
def rotate(
    use: Annotated[str, typer.Argument(help="transport, identity or vote")],
    config: Annotated[Path, typer.Option("--config", help="the node's configuration file")] = Path(
        "node.toml"
    ),
    authority: Annotated[
        Path | None,
        typer.Option("--authority", help="the member's authority, if it is on this host"),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", help="for transport: issued for the request, PEM"),
    ] = None,
    password_file: PasswordFile = None,
    output: OutputOption = Output.table,
) -> None:
    """Replaces a key of a running node: makes the next one, has every channel name it, waits until the node
    uses it, and destroys the former one. On the node's host, as an admin of the member that owns the node.

    Run again after whatever came between: it goes on where it stood. A transport key needs a certificate.
    Without --authority the command writes transport-next.csr beside the keys and ends; have it signed by
    city ca issue --node, and run it again with --certificate. A follower that is known by a grant instead of
    by name gets a new one, which counts from its next start on.

    Examples:  city as admin-beijing node rotate transport --config nodes/beijing/node.toml --authority px-ca
    city as admin-beijing node rotate identity --config nodes/beijing/node.toml
    city as admin-beijing node rotate vote --config nodes/beijing/node.toml
    """
    from node.config import load_config

    if use not in USES:
        raise fail("CITY-1002", field="use", rule=", ".join(USES))
    if use != "transport" and (authority or certificate):
        raise fail("CITY-1002", field="use", rule="transport with --authority and --certificate")
    found = load_config(config)
    logs_aside()
    if use == "vote":
        show(_vote(found), output)
    elif use == "identity":
        show(_identity(found), output)
    else:
        show(_transport(found, authority, certificate, password_file), output)


# ---- the three of them -------------------------------------------------------------------------------


def _transport(
    config: NodeConfig, authority: Path | None, certificate: Path | None, word: Path | None
) -> dict[str, Any]:
    from node.identity.transport import certificate_der
    from node.keys import rotation

    following = rotation.following_transport(config)
    if following is None and _is_ending(config.keys_dir / "transport.pem"):
        return _ended(config, "transport", lambda: rotation.finish_transport(config))
    if following is None:
        request = rotation.prepare_transport(config)
        if authority is not None:
            pem = _issued(authority, request, word)
        elif certificate is not None:
            pem = certificate.read_bytes()
        else:
            return _asked(request)
        following = rotation.take_certificate(config, pem)
    change = _Change(
        "transport",
        "replace_transport",
        {"transport_cert": b64encode(certificate_der(following)).decode()},
        following.fingerprint.hex(),
        fingerprint=following.fingerprint,
    )
    for place, suite in _places(config):
        _bring_in_force(config, place, suite, change)
    _wait(config, "transport", lambda: _shows(config, following.certificate_pem))
    return _ended(config, "transport", lambda: rotation.finish_transport(config))


def _identity(config: NodeConfig) -> dict[str, Any]:
    from node.keys import rotation
    from node.keys.keyring import identity_path

    places = _places(config)
    own_suite = places[0][1]
    same = [(place, suite) for place, suite in places if suite.id == own_suite.id]
    path = identity_path(config, own_suite)
    if _is_ending(path) and not rotation.is_identity_prepared(config, own_suite):
        return _ended(config, "identity", lambda: rotation.finish_identity(config, own_suite))
    key = rotation.prepare_identity(config, own_suite)
    change = _Change(
        "identity_key",
        "replace_node_identity",
        {"identity_key": b64encode(key).decode()},
        key.hex(),
        key=key,
    )
    for place, suite in same:
        _bring_in_force(config, place, suite, change)
    return _ended(config, "identity", lambda: rotation.finish_identity(config, own_suite))


def _vote(config: NodeConfig) -> dict[str, Any]:
    """Of one channel: each has a vote key of its own. The node itself destroys the former file at the block; a
    key that is held elsewhere is its holder's to destroy."""
    from node.cli.session import chosen_channel
    from node.identity.signers import FileSigner
    from node.keys.keyring import NEXT_VOTE_FILE, held_keys, held_vote_name, prepare_vote_key

    place = config.place(chosen_channel())
    path = place.keys / NEXT_VOTE_FILE
    (suite,) = [suite for p, suite in _places(config) if p.name == place.name]
    held = held_keys(config, suite)
    if held is not None:
        key = held.vote_key(held_vote_name(config, place, is_next=True))
    else:
        if not path.exists():
            prepare_vote_key(config, place.name)
        password_, dev = config.key_password(), config.keys.development
        key = FileSigner(path, password_, dev=dev, suite=suite).public_key
    change = _Change(
        "vote_key", "replace_key", {"vote_key": b64encode(key).decode()}, key.hex(), key=key
    )
    _bring_in_force(config, place, suite, change)
    _wait(config, "vote", lambda: not path.exists(), place.name)
    return {"node": config.name, "replaced": "vote", "channel": place.name}


# ---- their steps -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Change:
    """field: of a node in `channel show`, which is `wanted` when the change is in force. key, fingerprint: for
    a node that a grant introduces."""

    field: str
    method: str
    args: dict[str, str]
    wanted: str
    key: bytes = b""
    fingerprint: bytes = b""


def _places(config: NodeConfig) -> list[tuple[Place, Suite]]:
    """The channels that lie on the node's disk and are not archived, the one of node.toml first."""
    from node.hosting.notes import State, on_disk, read_note
    from node.identity.suite import get_suite
    from node.opening import read_genesis

    own = config.channel.name
    names = on_disk(config.channels_dir)
    places = [config.place(name) for name in (own, *(n for n in names if n != own))]
    return [
        (place, get_suite(read_genesis(place.folder).config.suite))
        for place in places
        if read_note(place.folder).state is not State.archived
    ]


def _bring_in_force(config: NodeConfig, place: Place, suite: Suite, change: _Change) -> None:
    """On one channel: proposes where that is still to be done, and waits for the node itself."""
    from contracts.runtime import values
    from node.sdk.changes import send_change

    with open_network(channel=place.name) as net:
        shown = values.to_json(net.query(CONFIG, "show").value)
        rows = [*shown["validators"], *shown["observers"]]
        row = next((row for row in rows if row["name"] == config.name), None)
        if row is None:
            _grant(config, place, suite, change)
            return
        if row[change.field] != change.wanted:
            args = {"name": config.name, **change.args}
            block = send_change(net, change.method, args).block
            progress(f"{place.name}: in force with block {block}")
        else:
            block = net.query(CONFIG, "show").height
        _wait(config, change.field, lambda: _applied(net, config.name) >= block, place.name)


def _applied(net: Any, name: str) -> int:
    from node.errors import CityError

    try:
        return int(net.node_status(name)["applied_height"])
    except CityError:
        return -1  # it is away for the moment


def _grant(config: NodeConfig, place: Place, suite: Suite, change: _Change) -> None:
    """Another paper for a follower that the configuration does not name, signed by its member's admin key."""
    from dataclasses import replace

    from consensus.encoding import EncodingError, Hash, decode
    from node.hosting.notes import write_durably
    from node.keys.keyring import GRANT_FILE, NEXT_GRANT_FILE
    from node.peers.statement import SignedGrant, issue_grant
    from node.signing.pkcs11 import open_signer

    if change.field == "vote_key":
        raise fail(
            "CITY-1002", field="use", rule=f"transport or identity: {config.name} has no vote"
        )
    path = place.keys / NEXT_GRANT_FILE
    try:
        source = path if path.exists() else place.keys / GRANT_FILE
        grant = decode(SignedGrant, source.read_bytes()).grant
    except (OSError, EncodingError):
        raise fail("CITY-8012", name=config.name, channel=place.name, path=path) from None
    if change.key:
        grant = replace(grant, identity_key=change.key)
    if change.fingerprint:
        grant = replace(grant, transport_fingerprint=Hash(change.fingerprint))
    context = open_context().on(place.name)
    admin = open_signer(context.user(chosen_user()).key, _word(), dev=True, suite=suite)
    write_durably(path, issue_grant(suite, admin, grant))
    progress(f"{place.name}: {path.name} is for the new key")


def _word() -> bytes | None:
    import os

    from node.config import PASSWORD_VARIABLE

    text = os.environ.get(PASSWORD_VARIABLE)
    return text.encode() if text else None


def _issued(folder: Path, request: Any, word: Path | None) -> bytes:
    from node.authority.authority import DAYS_MAX, Asked, MemberAuthority
    from node.authority.register import Use
    from node.identity.certificates import to_pem

    authority = MemberAuthority(folder)
    try:
        keys = authority.unlock(password(word, dev=True), dev=True)
        asked = Asked(hosts=request.hosts, days=DAYS_MAX, renews=True)
        return to_pem(authority.issue(keys, Use.NODE, request.der, asked).der)
    finally:
        authority.close()


def _asked(request: Any) -> dict[str, Any]:
    from node.identity.certificates import to_pem

    request.file.write_bytes(to_pem(request.der, "CERTIFICATE REQUEST"))
    return {
        "request": str(request.file),
        "next": "city ca issue --node --renew --csr transport-next.csr --out new.crt, then again "
        "with --certificate new.crt",
    }


def _shows(config: NodeConfig, pem: bytes) -> bool:
    """Whether the running node shows this certificate to who asks for it."""
    import json
    import socket
    import ssl

    from node.config import split_address
    from node.peers.roster import server_name

    try:
        address = json.loads(config.endpoints_file.read_text("utf-8"))["api"]
        host, port = split_address(address)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # compared below
        context.set_alpn_protocols(["h2"])
        with (
            socket.create_connection((host.strip("[]"), port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=server_name(pem)) as secure,
        ):
            shown = secure.getpeercert(binary_form=True)
    except (OSError, ValueError, KeyError):
        return False
    return shown == ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))


def _wait(config: NodeConfig, use: str, holds: Callable[[], bool], channel: str = "") -> None:
    """Raises CITY-8093 where the node does not get there: nothing is destroyed then."""
    until = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > until:
            name = channel or config.channel.name
            raise fail("CITY-8093", node=config.name, use=use, channel=name)
        time.sleep(LOOK_S)


def _is_ending(path: Path) -> bool:
    """Whether the round came as far as the former key's destruction."""
    from node.keys.files import old_path

    return old_path(path).exists()


def _enter(config: NodeConfig, place: Place, suite: Suite) -> None:
    """The consortium's directory, where this channel has it: further channels are made by what stands there."""
    from node.sdk.directory import renew_entry

    with open_network(channel=place.name) as net:
        if renew_entry(net, config.name, suite.name):
            progress(f"{place.name}: the directory has the new key")


def _ended(config: NodeConfig, use: str, finish: Callable[[], None]) -> dict[str, Any]:
    from node.keys.rotation import finish_grant

    finish()
    for place, suite in _places(config):
        finish_grant(place.keys)
        _enter(config, place, suite)
    return {"node": config.name, "replaced": use, "former": "destroyed"}
