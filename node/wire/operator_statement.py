"""Who administers a node: a short statement signed by its operator, in the call's metadata.

The metadata value is the canonical OperatorStatement followed by the 64 bytes of its signature. It is good for
one node and one method, for two minutes: the connection it travels on is pinned TLS.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.tags import Tag, preimage
from node.errors import CityError
from node.identity.suite import Signer, Suite

METADATA_KEY = "citychain-operator-bin"
LIFETIME_MS_MAX = 2 * 60 * 1000
SKEW_MS = 60 * 1000
_SIGNATURE_BYTES = 64
STATEMENT_BYTES_MAX = 512


@dataclass(frozen=True, slots=True)
class OperatorStatement:
    """node_identity: digest of the node's identity key. method: of the Admin service. Times are real."""

    node_identity: Hash
    method: str
    operator_key: bytes
    not_after_ms: int


def sign_operator(suite: Suite, signer: Signer, statement: OperatorStatement) -> bytes:
    """The metadata value."""
    data = encode(statement)
    return data + signer.sign(preimage(Tag.OPERATOR_STATEMENT, suite.id, data))


def check_operator(
    suite: Suite, data: bytes, node_identity: Hash, method: str, now_ms: int
) -> OperatorStatement:
    """The statement in a metadata value. Raises CITY-2214 with the reason."""
    if not _SIGNATURE_BYTES < len(data) <= STATEMENT_BYTES_MAX:
        raise _invalid("it is no statement with a signature")
    body, signature = data[:-_SIGNATURE_BYTES], data[-_SIGNATURE_BYTES:]
    try:
        statement = decode(OperatorStatement, body)
    except EncodingError as error:
        raise _invalid("it is not canonical") from error
    if statement.node_identity != node_identity:
        raise _invalid("it is for another node")
    if statement.method != method:
        raise _invalid("it is for another method")
    if statement.not_after_ms < now_ms:
        raise _invalid("it has expired")
    if statement.not_after_ms > now_ms + LIFETIME_MS_MAX + SKEW_MS:
        raise _invalid("it lives longer than two minutes")
    message = preimage(Tag.OPERATOR_STATEMENT, suite.id, body)
    if not suite.verify(statement.operator_key, message, signature):
        raise _invalid("the operator's key did not sign it")
    return statement


def _invalid(reason: str) -> CityError:
    return CityError("CITY-2214", reason=reason)
