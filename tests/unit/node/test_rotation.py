"""A node's key files while they are replaced: a crash after every step, and what the node holds then."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from node.config import Keys, NodeConfig
from node.errors import CityError
from node.governance import ConfigState
from node.identity.certificates import issue, parse, to_pem
from node.identity.keyfile import decode_key, write_key
from node.identity.requests import read_request
from node.identity.signers import MemorySigner
from node.identity.suite import get_suite
from node.identity.transport import (
    TransportIdentity,
    certificate_der,
    issue_transport_certificate,
    make_peer_ca,
    save_transport,
)
from node.keys import files as key_files
from node.keys import rotation
from node.keys.keyring import Keyring, open_identities, open_keyring, open_transports
from tests.unit.node.governing import SUITE, channel

AUTHORITY, INTL = make_peer_ca("M1"), get_suite("intl")


@dataclass
class Node:
    config: NodeConfig
    state: ConfigState

    @property
    def keys(self) -> Path:
        return self.config.keys_dir

    def open(self, **changes: bytes) -> Keyring:
        """Under a configuration that names other keys than the first."""
        return open_keyring(self.config, self.under(**changes), SUITE)

    def under(self, **changes: bytes) -> ConfigState:
        config = self.state.config
        nodes = tuple(replace(n, **changes) if n.name == "n1" else n for n in config.nodes)
        record = replace(self.state.record, config=replace(config, nodes=nodes))
        return replace(self.state, record=record)

    def secrets(self) -> set[bytes]:
        """All private keys that lie in the folder."""
        return {p.read_bytes() for p in self.keys.iterdir() if b"PRIVATE KEY" in p.read_bytes()}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    config = NodeConfig(name="n1", root=tmp_path, keys=Keys(development=True))
    config.keys_dir.mkdir()
    made = {use: SUITE.generate_key() for use in ("identity", "vote")}
    for use, key in made.items():
        write_key(config.keys_dir / f"{use}.pem", key, None, dev=True)
    transport = issue_transport_certificate(AUTHORITY, "n1", ["n1.city", "localhost"])
    save_transport(transport, config.keys_dir / "transport.crt", config.keys_dir / "transport.pem")
    node = Node(config, channel()[0])
    node.state = node.under(
        identity_key=made["identity"].public_key,
        vote_key=made["vote"].public_key,
        transport_cert=certificate_der(transport),
    )
    return node


def issued(request: rotation.Request, hosts: tuple[str, ...] = ()) -> bytes:
    """What the member's authority makes of a request."""
    found = read_request(INTL, request.der)
    holder = replace(found, hosts=hosts or found.hosts)
    signer = MemorySigner(decode_key(AUTHORITY.key_pem, dev=True))
    times = (1_700_000_000_000, 4_000_000_000_000)
    made = issue(INTL, parse(certificate_der(AUTHORITY)), signer, holder, times)
    return to_pem(made.der)


def prepared(node: Node) -> TransportIdentity:
    return rotation.take_certificate(node.config, issued(rotation.prepare_transport(node.config)))


class Crash(Exception):
    pass


def crash_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The disk takes so many renames and removals more, and then the process is dead."""
    left = [number]

    def limited(act: Callable[..., None]) -> Callable[..., None]:
        def step(*args: object, **named: object) -> None:
            if not left[0]:
                raise Crash
            left[0] -= 1
            act(*args, **named)

        return step

    monkeypatch.setattr(os, "replace", limited(os.replace))
    monkeypatch.setattr(Path, "unlink", limited(Path.unlink))


@pytest.mark.parametrize("step", range(6))
def test_after_a_crash_at_any_step_the_new_transport_key_is_held_and_the_end_is_reached(
    node: Node, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    old = open_transports(node.config).held[0]
    new = prepared(node)
    assert node.open(transport_cert=certificate_der(new)).me.transport == new
    assert node.open().me.transport == old
    with monkeypatch.context() as patch:
        crash_at(patch, step)
        with pytest.raises(Crash):
            rotation.finish_transport(node.config)
    assert node.open(transport_cert=certificate_der(new)).me.transport == new
    rotation.finish_transport(node.config)
    assert open_transports(node.config).held == (new,)
    assert old.key_pem not in node.secrets() and new.key_pem in node.secrets()
    assert sorted(p.name for p in node.keys.glob("transport*")) == [
        "transport.crt",
        "transport.pem",
    ]
    with pytest.raises(CityError, match="CITY-8008"):
        node.open()


@pytest.mark.parametrize("step", range(3))
def test_after_a_crash_at_any_step_the_new_identity_is_held_and_the_end_is_reached(
    node: Node, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    old = open_identities(node.config, SUITE)[0].public_key
    new = rotation.prepare_identity(node.config, SUITE)
    assert rotation.prepare_identity(node.config, SUITE) == new != old  # the same round goes on
    before = (node.keys / "identity.pem").read_bytes()
    assert node.open(identity_key=new).identity.public_key == new
    assert node.open().identity.public_key == old
    with monkeypatch.context() as patch:
        crash_at(patch, step)
        with pytest.raises(Crash):
            rotation.finish_identity(node.config, SUITE)
    assert node.open(identity_key=new).identity.public_key == new
    rotation.finish_identity(node.config, SUITE)
    assert [s.public_key for s in open_identities(node.config, SUITE)] == [new]
    assert before not in node.secrets() and not list(node.keys.glob("*.old"))


@pytest.mark.parametrize("step", range(3))
def test_a_vote_key_that_was_taken_up_halfway_is_taken_up_again(
    node: Node, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    from node.keys.keyring import prepare_vote_key

    genesis = SimpleNamespace(config=node.state.config)
    monkeypatch.setattr("node.keys.keyring.read_genesis", lambda _: genesis)
    new = bytes.fromhex(prepare_vote_key(node.config)["vote_key"])
    before = (node.keys / "vote.pem").read_bytes()
    state = node.under(vote_key=new)
    with monkeypatch.context() as patch:
        crash_at(patch, step)
        with pytest.raises(Crash):
            open_keyring(node.config, state, SUITE).votes(state.validators)
    found = open_keyring(node.config, state, SUITE).votes(state.validators)
    assert found is not None and found.public_key == new
    assert before not in node.secrets() and not list(node.keys.glob("*.old"))
    assert not list(node.keys.glob("*next*"))


def test_a_crash_while_a_key_is_made_leaves_nothing_that_is_taken_for_one(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        crash_at(patch, 0)
        with pytest.raises(Crash):
            rotation.prepare_identity(node.config, SUITE)
        with pytest.raises(Crash):
            rotation.prepare_transport(node.config)
    assert node.open().me.name == "n1" and len(open_identities(node.config, SUITE)) == 1
    new = rotation.prepare_identity(node.config, SUITE)
    assert node.open(identity_key=new).identity.public_key == new
    assert prepared(node) in open_transports(node.config).held


def test_a_running_node_takes_up_what_a_block_names_and_keeps_both_for_its_peers(
    node: Node,
) -> None:
    keyring = node.open()
    old = keyring.me
    new, key = prepared(node), rotation.prepare_identity(node.config, SUITE)
    assert keyring.selves() == (old,)  # read when a block names it, not before
    keyring.take_up(node.under(transport_cert=certificate_der(new)))
    assert (keyring.me.transport, keyring.me.signer.public_key) == (new, old.signer.public_key)
    keyring.take_up(node.under(transport_cert=certificate_der(new), identity_key=key))
    assert (keyring.me.transport, keyring.identity.public_key) == (new, key)
    assert len(keyring.selves()) == 4
    message = b"what it says"
    assert SUITE.verify(key, message, keyring.identity.sign(message))
    digest = SUITE.hash(message)
    assert SUITE.verify(key, digest, keyring.identity.sign_hashed(message))


def test_a_key_that_is_not_here_is_said_to_be_missing_and_the_node_goes_on(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    keyring, stranger = node.open(), SUITE.generate_key().public_key
    me = keyring.me
    keyring.take_up(node.under(identity_key=stranger, transport_cert=b"a certificate of others"))
    assert keyring.me == me
    said = capsys.readouterr().out
    assert "node.key_missing" in said and "CITY-8008" in said
    with pytest.raises(CityError, match="CITY-8008"):
        node.open(identity_key=stranger)
    newer = open_keyring(node.config, node.under(identity_key=stranger), SUITE, are_keys_newer=True)
    assert newer.me.signer.public_key == me.signer.public_key


def test_a_certificate_that_could_not_follow_is_refused_and_nothing_is_there(node: Node) -> None:
    """For another key, under the present one's first name, of no authority's making at all."""
    request = rotation.prepare_transport(node.config)
    other = issue_transport_certificate(AUTHORITY, "n1", ["else"]).certificate_pem
    for pem in (other, issued(request, ("n1.city", "localhost")), b"no certificate", b""):
        with pytest.raises(CityError, match="CITY-8094"):
            rotation.take_certificate(node.config, pem)
        assert rotation.following_transport(node.config) is None
        assert len(open_transports(node.config).held) == 1
    assert request.hosts[0].startswith("key-") and request.hosts[1:] == ("n1.city", "localhost")


def test_the_bytes_of_a_former_key_are_overwritten(node: Node) -> None:
    path, link = node.keys / "identity.pem", node.keys / "seen"
    os.link(path, link)  # the same bytes under another name
    rotation.prepare_identity(node.config, SUITE)
    rotation.finish_identity(node.config, SUITE)
    assert set(link.read_bytes()) == {0} and not key_files.old_path(path).exists()


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_prepared_key_that_others_may_read_is_refused(node: Node, mode: int) -> None:
    prepared(node)
    (node.keys / "transport-next.pem").chmod(mode)
    with pytest.raises(CityError, match="CITY-2007"):
        node.open()
