"""A signing service: who may ask, what it signs, what it never signs twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import grpc
import pytest

from consensus.encoding import Hash, encode
from consensus.header import tx_sign_digest, tx_sign_preimage
from consensus.pbft.certificates import vote_message
from consensus.tags import Tag, preimage
from consensus.validators import Validator, ValidatorSet
from node.errors import CityError
from node.identity.keyfile import write_key
from node.identity.signers import SignerAway, sign_hashed
from node.identity.suite import get_suite
from node.metering.statements import ServiceStatement, message_of
from node.peers.roster import server_name
from node.peers.statement import PeerStatement
from node.signing import guard as guard_module
from node.signing import remote
from node.signing.guard import VoteGuard
from node.signing.held import HeldKeys, vote_name
from node.signing.remote import RemoteSigner, SigningClient, remote_keys
from node.signing.service import GUARD_FILE, KeyFolder
from node.wire.body import TxBody, build_body
from node.wire.pb import signer_pb2
from node.wire.signing import serve_signing
from tests.fuzz.calling import Aborted, Call, Shelf
from tests.unit.signing.conftest import World, seal

CHANNEL = Hash(b"c" * 32)


def vote(tag: Tag, **said: Any) -> bytes:
    return vote_message(tag, 1, seal(**said))


def body(
    contract: str = "_config", method: str = "report_evidence", channel: Hash = CHANNEL
) -> bytes:
    return build_body(
        TxBody(1, channel, Hash(bytes(32)), contract, 1, method, "{}", bytes(16), 9, 1, "r")
    )


def statement(key: bytes) -> bytes:
    digest = Hash(bytes(32))
    said = PeerStatement(CHANNEL, key, key, digest, digest, digest, digest, 1, 2)
    return preimage(Tag.PEER_STATEMENT, 1, encode(said))


def day_served(key: bytes) -> bytes:
    said = ServiceStatement(1, CHANNEL, "Shenzhen", key, 1, 20_000, Hash(bytes(32)), ())
    return message_of(get_suite("sm"), said)


def memory(world: World) -> list[Any]:
    guard = VoteGuard(world.folder / GUARD_FILE)
    rows = guard._db.execute("SELECT * FROM votes ORDER BY 1, 2, 3, 4, 5, 6").fetchall()
    guard.close()
    return rows


def refused(world: World, code: str, do: Any) -> None:
    before = memory(world)
    with pytest.raises(SignerAway) as caught:
        do()
    assert caught.value.code == code, caught.value
    assert memory(world) == before


# ---- what is signed ------------------------------------------------------------------------------


def test_a_vote_key_signs_votes_and_says_where_it_stands(world: World) -> None:
    signer = world.signer("vote")
    for number, tag in enumerate((Tag.PROPOSAL, Tag.PREPARE, Tag.COMMIT_SEAL)):
        message = vote(tag, height=5 + number)
        assert world.suite.verify(signer.public_key, message, signer.sign(message))
    for tag in (Tag.VIEW_CHANGE, Tag.NEW_VIEW, Tag.CHECKPOINT, Tag.CHECKPOINT_REQUEST, Tag.STATUS):
        message = preimage(tag, 1, b"whatever it says")
        assert world.suite.verify(signer.public_key, message, signer.sign(message))


def test_an_identity_signs_connections_and_a_nodes_own_transactions(world: World) -> None:
    signer = world.signer("identity")
    for message in (statement(signer.public_key), day_served(signer.public_key)):
        assert world.suite.verify(signer.public_key, message, signer.sign(message))
    for called in (("_config", "report_evidence"), ("_contract", "attest")):
        data = body(*called)
        signature = sign_hashed(world.suite, signer, tx_sign_preimage(1, CHANNEL, data))
        digest = tx_sign_digest(world.suite.hash, 1, CHANNEL, data)
        assert world.suite.verify(signer.public_key, digest, signature)


def test_nothing_else_is_signed(world: World) -> None:
    """Least of all what would move something, and bytes without a purpose."""
    identity, vote_signer = world.signer("identity"), world.signer("vote")
    own = identity.public_key
    other = world.suite.generate_key().public_key
    digest = tx_sign_digest(world.suite.hash, 1, CHANNEL, body("transfer", "send"))
    for do in (
        lambda: identity.sign(digest),
        lambda: identity.sign(b""),
        lambda: identity.sign(b"any text"),
        lambda: identity.sign(statement(other)),
        lambda: identity.sign(statement(own) + b"\0"),
        lambda: identity.sign(day_served(other)),
        lambda: identity.sign_hashed(day_served(own)),
        lambda: vote_signer.sign(day_served(vote_signer.public_key)),
        lambda: identity.sign(preimage(Tag.PEER_STATEMENT, 2, statement(own)[30:])),
        lambda: identity.sign(vote(Tag.COMMIT_SEAL)),
        lambda: identity.sign(preimage(Tag.NODE_GRANT, 1, b"x")),
        lambda: identity.sign(tx_sign_preimage(1, CHANNEL, body())),
        lambda: identity.sign_hashed(statement(own)),
        lambda: identity.sign_hashed(tx_sign_preimage(1, CHANNEL, body("transfer", "send"))),
        lambda: identity.sign_hashed(tx_sign_preimage(1, CHANNEL, body("_config", "approve"))),
        lambda: identity.sign_hashed(tx_sign_preimage(1, Hash(b"d" * 32), body())),
        lambda: identity.sign_hashed(tx_sign_preimage(1, CHANNEL, body()[:-1])),
        lambda: vote_signer.sign(statement(vote_signer.public_key)),
        lambda: vote_signer.sign_hashed(tx_sign_preimage(1, CHANNEL, body())),
        lambda: vote_signer.sign_hashed(vote(Tag.COMMIT_SEAL)),
        lambda: vote_signer.sign(vote(Tag.COMMIT_SEAL) + b"\0"),
        lambda: vote_signer.sign(preimage(Tag.GENESIS, 1, b"x")),
    ):
        refused(world, "CITY-2051", do)
    unknown = RemoteSigner(
        world.client,
        dataclasses.replace(world.client.held()[0], public_key=other),
        world.suite,
    )
    refused(world, "CITY-2050", lambda: unknown.sign(statement(other)))
    with pytest.raises(ValueError, match="default id"):
        identity.sign(statement(own), b"another")


# ---- votes are remembered ------------------------------------------------------------------------


def test_of_one_height_and_view_two_votes_are_never_signed(world: World) -> None:
    signer = world.signer("vote")
    first = vote(Tag.PREPARE, height=5, view=1, block=b"a")
    assert signer.sign(first)
    assert signer.sign(first)  # the same again, as after a restart
    refused(
        world, "CITY-2052", lambda: signer.sign(vote(Tag.PREPARE, height=5, view=1, block=b"b"))
    )
    refused(
        world, "CITY-2052", lambda: signer.sign(vote(Tag.PROPOSAL, height=5, view=1, block=b"b"))
    )
    assert signer.sign(vote(Tag.COMMIT_SEAL, height=5, view=1, block=b"b"))  # another kind
    refused(world, "CITY-2052", lambda: signer.sign(vote(Tag.COMMIT_SEAL, height=5, view=1)))
    for other in ({"view": 2}, {"height": 6, "view": 1}, {"channel": b"d", "view": 1}):
        assert signer.sign(vote(Tag.PREPARE, block=b"b", **other))


def test_what_was_voted_for_is_remembered_over_a_restart(world: World) -> None:
    signer, port = world.signer("vote"), world.service.port
    signer.sign(vote(Tag.COMMIT_SEAL, block=b"a"))
    world.service.stop()
    world.start(port)
    assert signer.sign(vote(Tag.COMMIT_SEAL, block=b"a"))
    refused(world, "CITY-2052", lambda: signer.sign(vote(Tag.COMMIT_SEAL, block=b"b")))


def test_memory_is_bounded_and_what_it_forgot_is_not_voted_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_module, "HEIGHTS_KEPT", 10)
    signer = world.signer("vote")
    for height in range(1, 40):
        signer.sign(vote(Tag.COMMIT_SEAL, height=height))
    assert len(memory(world)) == 10
    for block in (b"a", b"b"):
        refused(
            world,
            "CITY-2052",
            lambda b=block: signer.sign(vote(Tag.COMMIT_SEAL, height=29, block=b)),
        )
    assert signer.sign(vote(Tag.COMMIT_SEAL, height=30))


def test_without_its_memory_nothing_is_signed(world: World) -> None:
    signer, port = world.signer("vote"), world.service.port
    world.service.stop()
    for path in world.folder.glob(f"{GUARD_FILE}*"):
        path.write_bytes(b"no database at all" * 100)
    with pytest.raises(CityError, match="CITY-2053"):
        VoteGuard(world.folder / GUARD_FILE)
    for path in world.folder.glob(f"{GUARD_FILE}*"):
        path.unlink()
    world.start(port)
    assert signer.sign(vote(Tag.COMMIT_SEAL))


# ---- who asks ------------------------------------------------------------------------------------


def test_nobody_but_its_node_gets_past_tls(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE_S", 0.0)
    address, pinned = f"127.0.0.1:{world.service.port}", world.own.certificate_pem
    for identity, service in (
        (world.stranger, pinned),
        (world.own, pinned),
        (world.node, world.stranger.certificate_pem),  # and the node asks nobody but its service
    ):
        client = SigningClient(address, identity, service)
        with pytest.raises(SignerAway, match="CITY-2054"):
            client.held()
        with pytest.raises(SignerAway, match="CITY-2054"):
            client.sign(world.signer("vote").public_key, vote(Tag.PREPARE), False)
        client.close()
    assert memory(world) == []


def test_a_signature_that_does_not_hold_is_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = world.signer("vote")
    monkeypatch.setattr(world.client, "sign", lambda *_: bytes(64))
    with pytest.raises(SignerAway, match="CITY-2055"):
        signer.sign(vote(Tag.PREPARE))


def test_a_service_that_comes_back_in_time_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr(remote, "PATIENCE_S", 60.0)
    signer, port = world.signer("vote"), world.service.port
    world.service.stop()
    starting = threading.Timer(0.3, lambda: world.start(port))
    starting.start()
    assert signer.sign(vote(Tag.PREPARE))
    starting.join()
    world.service.stop()
    monkeypatch.setattr(remote, "PATIENCE_S", 0.0)
    with pytest.raises(SignerAway, match="CITY-2054"):
        signer.sign(vote(Tag.PREPARE))
    world.start(port)


# ---- keys ----------------------------------------------------------------------------------------


def test_a_key_that_is_put_there_later_is_found_when_a_set_names_it(world: World) -> None:
    held = remote_keys(world.client, world.suite)
    assert isinstance(held, HeldKeys)
    assert held.identity().public_key == world.signer("identity").public_key
    fresh = world.suite.generate_key()
    validators = ValidatorSet(0, (Validator("n0", fresh.public_key),))
    assert held(validators) is None and not held.has_vote(validators)
    write_key(world.folder / "vote-next.pem", fresh, None, dev=True)
    found = held(validators)
    assert found is not None and found.public_key == fresh.public_key
    assert held.vote_key() == world.signer("vote").public_key
    intl = remote_keys(world.client, get_suite("intl"))
    with pytest.raises(CityError, match="CITY-2050"):
        intl.identity()


def test_key_files_with_other_names_are_no_keys_of_the_service(world: World) -> None:
    write_key(world.folder / "admin.pem", world.suite.generate_key(), None, dev=True)
    assert sorted(KeyFolder(world.folder, None, True).signers()) == ["identity", "vote"]
    assert [key.name for key in world.client.held()] == ["identity", "vote"]


METHODS = {
    method.name: method for method in signer_pb2.DESCRIPTOR.services_by_name["Signer"].methods
}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_no_method_answers_another_than_its_node(world: World, name: str) -> None:
    # Read from the descriptor, so that a new method is tried too: with each certificate that is not its node's,
    # and with none.
    before = memory(world)
    pinned = world.own.certificate_pem
    for shown in (world.stranger, world.own, None):
        keys = () if shown is None else (shown.key_pem, shown.certificate_pem)
        credentials = grpc.ssl_channel_credentials(pinned, *keys)
        options = (("grpc.ssl_target_name_override", server_name(pinned)),)
        address = f"127.0.0.1:{world.service.port}"
        with grpc.secure_channel(address, credentials, options=options) as channel:
            method = METHODS[name]
            call = channel.unary_unary(f"/{method.containing_service.full_name}/{name}")
            with pytest.raises(grpc.RpcError) as caught:
                call(b"", timeout=30)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert memory(world) == before


def test_whoever_gets_past_tls_with_another_certificate_is_refused_with_a_code(
    world: World,
) -> None:
    """The second lock: the certificate that was shown is compared with the one that was named."""
    shelf = Shelf()
    serve_signing(shelf, _refuses, lambda: pytest.fail("asked"), lambda *_: pytest.fail("signed"))  # type: ignore[arg-type]
    assert {name.rpartition("/")[2] for name in shelf.handlers} == METHODS.keys()
    for handler in shelf.handlers.values():
        with pytest.raises(Aborted) as caught:
            handler.unary_unary(handler.request_deserializer(b""), Call())
        assert caught.value.details.startswith("CITY-2205")


def _refuses(_: object) -> None:
    raise CityError("CITY-2205")


def test_each_channel_has_a_vote_key_of_its_own(world: World, tmp_path: Path) -> None:
    """The one that its set names votes, whatever the others are called; the card asks for the channel's own."""
    held = remote_keys(world.client, world.suite)
    home = held.vote_key(vote_name())
    with pytest.raises(CityError, match=r"CITY-2050.*vote\.trade"):
        held.vote_key(vote_name("trade"))
    made = {name: world.suite.generate_key() for name in ("vote.trade", "vote-next.trade")}
    for name, key in made.items():
        write_key(world.folder / f"{name}.pem", key, None, dev=True)
    assert held.vote_key(vote_name("trade")) == made["vote.trade"].public_key != home
    following = made["vote-next.trade"].public_key
    assert held.vote_key(vote_name("trade", is_next=True)) == following
    for key, channel in ((home, b"c"), (made["vote.trade"].public_key, b"t"), (following, b"t")):
        signer = held(ValidatorSet(0, (Validator("n0", key),)))
        assert signer is not None and signer.public_key == key
        message = vote(Tag.COMMIT_SEAL, channel=channel)
        assert world.suite.verify(key, message, signer.sign(message))
    # One channel's memory is not another's: heights and views stand by key and channel.
    assert {(row[0], row[1]) for row in memory(world)} == {
        (home, b"c" * 32),
        (made["vote.trade"].public_key, b"t" * 32),
        (following, b"t" * 32),
    }
