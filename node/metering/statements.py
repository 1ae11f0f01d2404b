"""What a node's port has served of a channel, day by day: signed by the node, each naming the one before.
Of one day several may follow each other, in the order of members.

Queries leave no trace in blocks, so nobody can count them again from a ledger. A statement is worth its
signer's word; once its digest is anchored (contract `billing`) that word cannot be changed. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from consensus.encoding import ZERO_HASH, EncodingError, Hash, Sig, decode, encode
from consensus.tags import Tag, preimage
from node.errors import CityError
from node.identity.suite import Suite

VERSION = 1


@dataclass(frozen=True, slots=True)
class MemberServed:
    member_id: str
    queries: int


@dataclass(frozen=True, slots=True)
class ServiceStatement:
    """number: from 1. day: since 1970-01-01 in UTC+8, by the node's clock. previous: digest of the statement
    before, zeros for the first. served: by member."""

    version: int
    channel_id: Hash
    node_name: str
    identity_key: bytes
    number: int
    day: int
    previous: Hash
    served: tuple[MemberServed, ...]


@dataclass(frozen=True, slots=True)
class SignedStatement:
    statement: ServiceStatement
    signature: Sig


def message_of(suite: Suite, statement: ServiceStatement) -> bytes:
    """What is signed, and hashed to its digest."""
    return preimage(Tag.SERVICE_STATEMENT, suite.id, encode(statement))


def digest_of(suite: Suite, statement: ServiceStatement) -> Hash:
    return Hash(suite.hash(message_of(suite, statement)))


def chain_of(suite: Suite, channel_id: Hash, found: Iterable[bytes]) -> list[ServiceStatement]:
    """The statements of a node from its first on. Raises CITY-1025 where one is not signed, does not follow, or
    is of something else."""
    chain: list[ServiceStatement] = []
    for number, data in enumerate(found, 1):
        try:
            signed = decode(SignedStatement, data)
        except EncodingError as error:
            raise _broken(number, f"its bytes: {error}") from None
        said = signed.statement
        _check_place(suite, channel_id, number, said, chain)
        if not suite.verify(said.identity_key, message_of(suite, said), signed.signature):
            raise _broken(number, "its signature does not verify")
        chain.append(said)
    return chain


def _check_place(
    suite: Suite,
    channel_id: Hash,
    number: int,
    said: ServiceStatement,
    chain: Sequence[ServiceStatement],
) -> None:
    below = chain[-1] if chain else None
    previous = ZERO_HASH if below is None else digest_of(suite, below)
    if (said.version, said.channel_id, said.number) != (VERSION, channel_id, number):
        raise _broken(number, "it is of another channel, version or number")
    if said.previous != previous or (below is not None and not _rises(below, said)):
        raise _broken(number, "it does not follow the one before")
    if below is not None and said.node_name != below.node_name:
        raise _broken(number, "it is another node's")
    members = [row.member_id for row in said.served]
    if members != sorted(set(members)) or not all(row.queries > 0 for row in said.served):
        raise _broken(number, "it does not name each member once")


def _rises(below: ServiceStatement, said: ServiceStatement) -> bool:
    """Of a later day, or of members behind those that it names of the same day."""
    first, last = (said.served[:1], below.served[-1:])
    return (said.day, *(row.member_id for row in first)) > (
        below.day,
        *(row.member_id for row in last),
    )


def _broken(number: int, reason: str) -> CityError:
    return CityError("CITY-1025", number=number, reason=reason)
