"""A short statement in a call's metadata: its canonical bytes, then the 64 bytes of its signature.

What `read_statement` and `operator_statement` share: form, size, the time it is good for, and whose key signed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from consensus.encoding import EncodingError, decode, encode
from consensus.tags import Tag, preimage
from node.identity.suite import Signer, Suite

SKEW_MS = 60 * 1000
STATEMENT_BYTES_MAX = 512
_SIGNATURE_BYTES = 64
T = TypeVar("T")


def sign_statement(suite: Suite, signer: Signer, tag: Tag, statement: object) -> bytes:
    """The metadata value."""
    data = encode(statement)
    return data + signer.sign(preimage(tag, suite.id, data))


def read_signed(kind: type[T], data: bytes, invalid: Callable[[str], Exception]) -> T:
    """The statement in a metadata value, nothing of it checked. Raises what `invalid` makes of the reason."""
    if not _SIGNATURE_BYTES < len(data) <= STATEMENT_BYTES_MAX:
        raise invalid("it is no statement with a signature")
    try:
        return decode(kind, data[:-_SIGNATURE_BYTES])
    except EncodingError as error:
        raise invalid("it is not canonical") from error


def check_times(
    not_after_ms: int, now_ms: int, lifetime_ms: int, lifetime: str,
    invalid: Callable[[str], Exception],
) -> None:  # fmt: skip
    """Not over yet, and no longer than a statement may live; clocks differ by SKEW_MS."""
    if not_after_ms < now_ms:
        raise invalid("it has expired")
    if not_after_ms > now_ms + lifetime_ms + SKEW_MS:
        raise invalid(f"it lives longer than {lifetime}")


def is_signed_by(suite: Suite, tag: Tag, key: bytes, data: bytes) -> bool:
    """Whether the key signed the statement in this metadata value."""
    body, signature = data[:-_SIGNATURE_BYTES], data[-_SIGNATURE_BYTES:]
    return suite.verify(key, preimage(tag, suite.id, body), signature)
