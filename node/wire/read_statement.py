"""Who reads: a short statement signed by the reader's own key, in the call's metadata (decisions section 4.5).

The metadata value is the canonical ReadStatement followed by the 64 bytes of its signature.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.tags import Tag, preimage
from node.errors import CityError
from node.identity.suite import Signer, Suite

METADATA_KEY = "citychain-read-bin"
LIFETIME_MS_MAX = 15 * 60 * 1000
SKEW_MS = 60 * 1000
_SIGNATURE_BYTES = 64
STATEMENT_BYTES_MAX = 512


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
    data = encode(statement)
    return data + signer.sign(preimage(Tag.READ_STATEMENT, suite.id, data))


def check_read(
    suite: Suite, data: bytes, channel_id: Hash, node_identity: Hash, now_ms: int
) -> ReadStatement:
    """The statement in a metadata value. Raises CITY-2211 with the reason."""
    if not _SIGNATURE_BYTES < len(data) <= STATEMENT_BYTES_MAX:
        raise _invalid("it is no statement with a signature")
    body, signature = data[:-_SIGNATURE_BYTES], data[-_SIGNATURE_BYTES:]
    try:
        statement = decode(ReadStatement, body)
    except EncodingError as error:
        raise _invalid("it is not canonical") from error
    if statement.channel_id != channel_id:
        raise _invalid("it is for another channel")
    if statement.node_identity != node_identity:
        raise _invalid("it is for another node")
    if statement.not_after_ms < now_ms:
        raise _invalid("it has expired")
    if statement.not_after_ms > now_ms + LIFETIME_MS_MAX + SKEW_MS:
        raise _invalid("it lives longer than 15 minutes")
    message = preimage(Tag.READ_STATEMENT, suite.id, body)
    if not suite.verify(statement.reader_key, message, signature):
        raise _invalid("the reader's key did not sign it")
    return statement


def _invalid(reason: str) -> CityError:
    return CityError("CITY-2211", reason=reason)
