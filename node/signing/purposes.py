"""What a key of a node may sign: tagged bytes whose purpose is known, and nothing else. Pure.

A key's name says what it is for: `identity…` speaks for the node (connections, reports, attestations, what it
served), `vote…` votes. Whoever can reach the service can make it sign these and nothing else: no transaction
that moves anything, no other structure, no bytes of its own choice.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.certificate import Seal
from consensus.encoding import EncodingError, Hash, decode
from consensus.tags import Tag, preimage
from node.errors import CityError
from node.metering.statements import ServiceStatement
from node.peers.statement import PeerStatement
from node.wire.body import parse_body

IDENTITY, VOTE = "identity", "vote"
MESSAGE_BYTES_MAX = 8 * 1024 * 1024  # a ViewChange carries certificates
VOTES = (Tag.PROPOSAL, Tag.PREPARE, Tag.COMMIT_SEAL)
# What a validator says without binding itself to a block.
_STANDING = (
    Tag.VIEW_CHANGE,
    Tag.NEW_VIEW,
    Tag.CHECKPOINT,
    Tag.CHECKPOINT_REQUEST,
    Tag.STATUS,
)
# The transactions that a node sends by itself.
_CALLS = (("_config", "report_evidence"), ("_contract", "attest"))


@dataclass(frozen=True, slots=True)
class Purpose:
    """vote: what the guard has to remember, None where nothing binds."""

    tag: Tag
    vote: Seal | None = None


def purpose_of(
    key_name: str, suite_id: int, public_key: bytes, message: bytes, hashed: bool
) -> Purpose:
    """Raises CITY-2051 for whatever this key does not sign."""
    if len(message) > MESSAGE_BYTES_MAX:
        raise _refused("it is too long")
    tag, rest = _tag(message, suite_id)
    try:
        if key_name.startswith(VOTE) and not hashed:
            if tag in VOTES:
                return Purpose(tag, decode(Seal, rest))
            if tag in _STANDING:
                return Purpose(tag)
        if key_name.startswith(IDENTITY):
            if tag is Tag.TX_SIGN and hashed:
                return _transaction(tag, rest)
            if tag is Tag.PEER_STATEMENT and not hashed:
                if decode(PeerStatement, rest).identity_key != public_key:
                    raise _refused("the statement is another key's")
                return Purpose(tag)
            if tag is Tag.SERVICE_STATEMENT and not hashed:
                if decode(ServiceStatement, rest).identity_key != public_key:
                    raise _refused("the statement is another key's")
                return Purpose(tag)
    except EncodingError:
        raise _refused(f"it is no {tag}") from None
    raise _refused(f"a key {key_name} does not sign {tag}")


def _tag(message: bytes, suite_id: int) -> tuple[Tag, bytes]:
    """The tag and what follows it. The longest tag is short, so few bytes decide."""
    for tag in Tag:
        head = preimage(tag, suite_id)
        if message.startswith(head):
            return tag, message[len(head) :]
    raise _refused("it has no tag of this suite")


def _transaction(tag: Tag, rest: bytes) -> Purpose:
    channel_id, body = Hash(rest[:32]), rest[32:]
    try:
        said = parse_body(body)
    except CityError:
        raise _refused("it is no transaction") from None
    if (said.contract, said.method) not in _CALLS or said.channel_id != channel_id:
        raise _refused(f"a node does not call {said.contract}.{said.method}")
    return Purpose(tag)


def _refused(reason: str) -> CityError:
    return CityError("CITY-2051", reason=reason)
