"""Who reads: a short statement signed by the reader's own key, in the call's metadata (decisions section 4.5).

The metadata value is the canonical ReadStatement followed by the 64 bytes of its signature.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from consensus.encoding import Hash
from consensus.tags import Tag
from node.errors import CityError
from node.identity.suite import Signer, Suite
from node.wire.signed import check_times, is_signed_by, read_signed, sign_statement

METADATA_KEY = "citychain-read-bin"
LIFETIME_MS_MAX = 15 * 60 * 1000


@dataclass(frozen=True, slots=True)
class ReadStatement:
    """node_identity: digest of the node's identity key, so that no node can use it at another.

    not_after_ms: real time, at most 15 minutes ahead."""

    channel_id: Hash
    node_identity: Hash
    reader_key: bytes
    not_after_ms: int


def sign_read(suite: Suite, signer: Signer, statement: ReadStatement) -> bytes:
    """The metadata value."""
    return sign_statement(suite, signer, Tag.READ_STATEMENT, statement)


def check_read(
    suite: Suite, data: bytes, channel_id: Hash, node_identities: Collection[Hash], now_ms: int
) -> ReadStatement:
    """The statement in a metadata value. node_identities: all that this node has had. Raises CITY-2211 with
    the reason."""
    statement = read_signed(ReadStatement, data, _invalid)
    if statement.channel_id != channel_id:
        raise _invalid("it is for another channel")
    if statement.node_identity not in node_identities:
        raise _invalid("it is for another node")
    check_times(statement.not_after_ms, now_ms, LIFETIME_MS_MAX, "15 minutes", _invalid)
    if not is_signed_by(suite, Tag.READ_STATEMENT, statement.reader_key, data):
        raise _invalid("the reader's key did not sign it")
    return statement


def _invalid(reason: str) -> CityError:
    return CityError("CITY-2211", reason=reason)
