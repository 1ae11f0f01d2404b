"""Who administers a node: a short statement signed by its operator, in the call's metadata.

The metadata value is the canonical OperatorStatement followed by the 64 bytes of its signature. It is good for
one node and one method, for two minutes: the connection it travels on is pinned TLS.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.encoding import Hash
from consensus.tags import Tag
from node.errors import CityError
from node.identity.suite import Signer, Suite
from node.wire.signed import check_times, is_signed_by, read_signed, sign_statement

METADATA_KEY = "citychain-operator-bin"
LIFETIME_MS_MAX = 2 * 60 * 1000


@dataclass(frozen=True, slots=True)
class OperatorStatement:
    """node_identity: digest of the node's identity key. method: of the Admin service. Times are real."""

    node_identity: Hash
    method: str
    operator_key: bytes
    not_after_ms: int


def sign_operator(suite: Suite, signer: Signer, statement: OperatorStatement) -> bytes:
    """The metadata value."""
    return sign_statement(suite, signer, Tag.OPERATOR_STATEMENT, statement)


def check_operator(
    suite: Suite, data: bytes, node_identity: Hash, method: str, now_ms: int
) -> OperatorStatement:
    """The statement in a metadata value. Raises CITY-2214 with the reason."""
    statement = read_signed(OperatorStatement, data, _invalid)
    if statement.node_identity != node_identity:
        raise _invalid("it is for another node")
    if statement.method != method:
        raise _invalid("it is for another method")
    check_times(statement.not_after_ms, now_ms, LIFETIME_MS_MAX, "two minutes", _invalid)
    if not is_signed_by(suite, Tag.OPERATOR_STATEMENT, statement.operator_key, data):
        raise _invalid("the operator's key did not sign it")
    return statement


def _invalid(reason: str) -> CityError:
    return CityError("CITY-2214", reason=reason)
