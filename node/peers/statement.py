"""Who is at the other end: the SM2-signed statement of a connection, and grants for observers.

TLS only shows a transport certificate. A `PeerStatement` ties it to the node's identity key for this one
connection: it names the channel, both identities, both certificates and a fresh nonce of each side, so it is
worth nothing anywhere else (decisions section 4.4, crypto.md section 9).
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.encoding import EncodingError, Hash, Sig, decode, encode
from consensus.tags import Tag, preimage
from node.errors import CityError
from node.genesis import FOLLOWERS, ChannelConfig
from node.identity.suite import Signer, Suite

ROLE_OBSERVER = "observer"
LIFETIME_MS = 24 * 3600 * 1000  # a connection is made again, with a new statement, after this
LIFETIME_MS_MAX = 30 * LIFETIME_MS
SKEW_MS = 5 * 60 * 1000  # clocks of two cities differ a little


@dataclass(frozen=True, slots=True)
class PeerStatement:
    """Signed by `identity_key`. Fingerprints are SHA-256 of the certificate's DER; times in milliseconds."""

    channel_id: Hash
    identity_key: bytes
    peer_identity_key: bytes
    fingerprint: Hash
    peer_fingerprint: Hash
    nonce: Hash
    peer_nonce: Hash
    not_before_ms: int
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class NodeGrant:
    """A member lets a node that genesis does not name connect. role: one of FOLLOWERS."""

    channel_id: Hash
    member_id: str
    node_name: str
    identity_key: bytes
    transport_fingerprint: Hash
    role: str
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class SignedGrant:
    """`signature` by the admin key of the member that the grant names."""

    grant: NodeGrant
    signature: Sig


def sign_statement(suite: Suite, signer: Signer, statement: PeerStatement) -> Sig:
    return Sig(signer.sign(_statement_message(suite, encode(statement))))


def named_channel(data: bytes) -> Hash:
    """The channel that a statement says it is about; nothing else of it is believed yet. Raises CITY-6201."""
    return _statement(data).channel_id


def named_peer(data: bytes) -> tuple[bytes, Hash]:
    """Identity key and certificate of whom a statement says it is for. Raises CITY-6201."""
    said = _statement(data)
    return said.peer_identity_key, said.peer_fingerprint


def check_statement(
    suite: Suite, data: bytes, signature: bytes, expected: PeerStatement, now_ms: int
) -> PeerStatement:
    """The peer's statement, if it says exactly what this connection needs and its key signed it.

    expected: the statement the peer must have made; its times are not compared.
    Raises CITY-2201 (key), 2202 (channel), 2203 (time), 2204 (nonce), 2205 (certificate), 2206
    (signature), 6201 (no statement)."""
    said = _statement(data)
    if said.channel_id != expected.channel_id:
        raise CityError("CITY-2202")
    if (said.identity_key, said.peer_identity_key) != (
        expected.identity_key,
        expected.peer_identity_key,
    ):
        raise CityError("CITY-2201", reason="its statement is about other identity keys")
    if (said.fingerprint, said.peer_fingerprint) != (
        expected.fingerprint,
        expected.peer_fingerprint,
    ):
        raise CityError("CITY-2205")
    if (said.nonce, said.peer_nonce) != (expected.nonce, expected.peer_nonce):
        raise CityError("CITY-2204")
    _check_times(said, now_ms)
    if not suite.verify(said.identity_key, _statement_message(suite, data), signature):
        raise CityError("CITY-2206")
    return said


def _check_times(said: PeerStatement, now_ms: int) -> None:
    if not 0 < said.not_after_ms - said.not_before_ms <= LIFETIME_MS_MAX:
        raise CityError("CITY-2203", reason="it lives longer than 30 days")
    if said.not_before_ms > now_ms + SKEW_MS:
        raise CityError("CITY-2203", reason="it is not valid yet")
    if said.not_after_ms < now_ms - SKEW_MS:
        raise CityError("CITY-2203", reason="it has expired")


def issue_grant(suite: Suite, admin: Signer, grant: NodeGrant) -> bytes:
    """Canonical SignedGrant: the file a member gives to a node that joins as observer."""
    return encode(SignedGrant(grant, Sig(admin.sign(_grant_message(suite, grant)))))


def named_certificate(data: bytes) -> Hash:
    """The fingerprint that a grant says it is for; nothing else of it is believed yet. Raises CITY-2207."""
    try:
        return decode(SignedGrant, data).grant.transport_fingerprint
    except EncodingError as error:
        raise CityError("CITY-2207", reason="it is no grant") from error


def check_grant(
    suite: Suite,
    config: ChannelConfig,
    channel_id: Hash,
    data: bytes,
    fingerprint: bytes,
    now_ms: int,
) -> NodeGrant:
    """The grant in `data`, good for the certificate with `fingerprint`. Raises CITY-2207."""
    try:
        signed = decode(SignedGrant, data)
    except EncodingError as error:
        raise CityError("CITY-2207", reason="it is no grant") from error
    grant = signed.grant
    member = config.member(grant.member_id)
    reason = ""
    if grant.channel_id != channel_id:
        reason = "it is for another channel"
    elif member is None:
        reason = "no such member"
    elif grant.role not in FOLLOWERS:
        reason = f"a grant makes nodes without a vote: {', '.join(FOLLOWERS)}"
    elif grant.transport_fingerprint != fingerprint:
        reason = "it is for another transport certificate"
    elif grant.not_after_ms < now_ms:
        reason = "it has expired"
    elif _taken(config, grant):
        reason = "genesis names this node or key already"
    elif not suite.verify(member.admin_key, _grant_message(suite, grant), signed.signature):
        reason = "the member's admin key did not sign it"
    if reason:
        raise CityError("CITY-2207", reason=reason)
    return grant


def _taken(config: ChannelConfig, grant: NodeGrant) -> bool:
    return not grant.node_name or any(
        grant.node_name == node.name or grant.identity_key in (node.identity_key, node.vote_key)
        for node in (*config.nodes, *config.followers)
    )


def _statement(data: bytes) -> PeerStatement:
    try:
        return decode(PeerStatement, data)
    except EncodingError as error:
        raise CityError("CITY-6201", reason="the hello carries no statement") from error


def _statement_message(suite: Suite, statement: bytes) -> bytes:
    return preimage(Tag.PEER_STATEMENT, suite.id, statement)


def _grant_message(suite: Suite, grant: NodeGrant) -> bytes:
    return preimage(Tag.NODE_GRANT, suite.id, encode(grant))
