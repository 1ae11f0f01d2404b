"""The first frames of a link, both sides: challenges, then statements. Nothing else is accepted before.

dialler                      listener
Challenge  ─────────────▶
           ◀─────────────    Challenge
Hello      ─────────────▶    verified (and the grant of an observer)
           ◀─────────────    Hello
verified
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import grpc

from consensus.encoding import Hash, encode
from node.errors import CityError
from node.genesis import ChannelConfig
from node.identity.errors import BadKey
from node.identity.suite import Suite, identity_digest
from node.peers.batch import PeerId
from node.peers.roster import Known, Roster, Self, subject_of
from node.peers.statement import (
    LIFETIME_MS,
    PeerStatement,
    check_grant,
    check_statement,
    named_channel,
    named_peer,
    sign_statement,
)
from node.peers.tls import Shown
from node.wire.frames import Hello, challenge_frame, hello_frame, parse_frame

HANDSHAKE_S = 10.0
Serials = frozenset[tuple[str, str]]  # member whose authority issued it, serial number


class Pipe(Protocol):
    """One gRPC stream, either end of it: grpc.aio calls and contexts have these two methods."""

    def read(self) -> Awaitable[Any]: ...

    def write(self, message: bytes) -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True)
class Party:
    """What a handshake needs to know of this side."""

    me: Self
    roster: Roster
    config: ChannelConfig
    channel_id: Hash
    suite: Suite
    now_ms: Callable[[], int]
    revoked: Serials = frozenset()
    selves: tuple[Self, ...] = ()  # what else this side is known by while its keys are replaced

    def as_named(self, statement: bytes) -> Party:
        """This side as the other end's statement names it; it may be some blocks ahead or behind."""
        wanted = named_peer(statement)
        for me in self.selves:
            if (me.signer.public_key, me.transport.fingerprint) == wanted:
                return replace(self, me=me)
        return self


@dataclass(frozen=True, slots=True)
class Established:
    """An authenticated link: whose, of which channel, and when its statements end. serials: of the certificate
    of a node that the configuration does not name, by each member that may revoke it."""

    peer: PeerId
    not_after_ms: int
    channel_id: Hash
    serials: Serials = frozenset()


async def dial(pipe: Pipe, party: Party, known: Known) -> Established:
    """The dialler's side. Raises CityError when the other end is not `known`."""
    nonce = Hash(secrets.token_bytes(32))
    await pipe.write(challenge_frame(nonce))
    peer_nonce = await _challenge(pipe, nonce)
    await pipe.write(_hello(party, known, nonce, peer_nonce))
    answer = await _read(pipe, Hello, "a hello")
    said = _check(party, known, answer, nonce, peer_nonce)
    return Established(known.peer, said.not_after_ms, party.channel_id)


async def listen(pipe: Pipe, find: Callable[[Hash], Party], shown: Shown) -> Established:
    """The listener's side. find: this side in the channel that the hello names, raises CityError where there is
    none. shown: to TLS by the other end."""
    nonce = Hash(secrets.token_bytes(32))
    peer_nonce = await _challenge(pipe, nonce, send=True)
    hello = await _read(pipe, Hello, "a hello")
    party = find(named_channel(hello.statement)).as_named(hello.statement)
    known, serials = find_peer(party, hello.grant, shown)
    said = _check(party, known, hello, nonce, peer_nonce)
    await pipe.write(_hello(party, known, nonce, peer_nonce))
    return Established(known.peer, said.not_after_ms, party.channel_id, serials)


async def _challenge(pipe: Pipe, nonce: Hash, send: bool = False) -> Hash:
    peer_nonce = await _read(pipe, bytes, "a challenge")
    if peer_nonce == nonce:
        raise CityError("CITY-2204")  # our own challenge thrown back
    if send:
        await pipe.write(challenge_frame(nonce))
    return Hash(peer_nonce)


async def _read(pipe: Pipe, kind: type, what: str) -> Any:
    data = await pipe.read()
    if data is grpc.aio.EOF:
        raise CityError("CITY-6201", reason=f"the stream ended where {what} was due")
    frame = parse_frame(data)
    if type(frame) is not kind:
        raise CityError("CITY-6201", reason=f"{what} was due")
    return frame


def find_peer(party: Party, grant: bytes, shown: Shown) -> tuple[Known, Serials]:
    """Whom the configuration or a grant names, and who may revoke the certificate of the latter."""
    known = party.roster.by_fingerprint.get(shown.fingerprint)
    return (known, frozenset()) if known is not None else granted(party, grant, shown)


def granted(party: Party, data: bytes, shown: Shown) -> tuple[Known, Serials]:
    """A node that the configuration does not name, as its canonical SignedGrant says, and who may revoke its
    certificate; the grant is for the certificate that was shown. Raises CityError."""
    if not data:
        raise CityError("CITY-2201", reason="genesis does not name its transport certificate")
    if party.config.zone:  # one member's word does not say where a node stands
        reason = (
            f"the channel is of zone {party.config.zone}: its members name its nodes (add-node)"
        )
        raise CityError("CITY-2207", reason=reason)
    now_ms, fingerprint = party.now_ms(), shown.fingerprint
    grant = check_grant(party.suite, party.config, party.channel_id, data, fingerprint, now_ms)
    serials = frozenset(
        (member.member_id, shown.serial)
        for member in party.config.members
        if member.member_id == grant.member_id
        or (shown.issuer and subject_of(member.peer_ca) == shown.issuer)
    )
    if serials & party.revoked:
        raise CityError("CITY-2207", reason="its transport certificate is revoked")
    try:
        identity = Hash(identity_digest(party.suite, grant.identity_key))
    except BadKey as error:
        raise CityError("CITY-2207", reason="it names no public key") from error
    peer = PeerId(grant.node_name, identity, None)
    return Known(peer, grant.identity_key, fingerprint), serials


def _hello(party: Party, known: Known, nonce: Hash, peer_nonce: Hash) -> bytes:
    now_ms = party.now_ms()
    statement = PeerStatement(
        channel_id=party.channel_id,
        identity_key=party.me.signer.public_key,
        peer_identity_key=known.identity_key,
        fingerprint=Hash(party.me.transport.fingerprint),
        peer_fingerprint=known.fingerprint,
        nonce=nonce,
        peer_nonce=peer_nonce,
        not_before_ms=now_ms,
        not_after_ms=now_ms + LIFETIME_MS,
    )
    signature = sign_statement(party.suite, party.me.signer, statement)
    return hello_frame(Hello(encode(statement), signature, party.me.grant))


def _check(
    party: Party, known: Known, hello: Hello, nonce: Hash, peer_nonce: Hash
) -> PeerStatement:
    """The mirror of `_hello`: what the peer must have said to us, on this connection."""
    expected = PeerStatement(
        channel_id=party.channel_id,
        identity_key=known.identity_key,
        peer_identity_key=party.me.signer.public_key,
        fingerprint=known.fingerprint,
        peer_fingerprint=Hash(party.me.transport.fingerprint),
        nonce=peer_nonce,
        peer_nonce=nonce,
        not_before_ms=0,
        not_after_ms=0,
    )
    return check_statement(party.suite, hello.statement, hello.signature, expected, party.now_ms())
