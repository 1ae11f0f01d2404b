"""What a library has to give to the front layer. Nothing but a suite ever calls a backend."""

from __future__ import annotations

from typing import Protocol


class Backend(Protocol):
    """SM2 arithmetic of one library.

    Every input was checked before: `xy` is a point on the curve (64 bytes), `e`, `r`, `s` are
    32 bytes big-endian with r and s in 1..n−1 and r + s ≠ n, `id` has at most 8,191 bytes,
    `scalar` is 32 bytes in 1..n−2. Handles may be used by several threads at once.
    """

    name: str
    version: str
    can_sign: bool

    def load_public_key(self, xy: bytes) -> object: ...

    def verify(self, handle: object, id: bytes, message: bytes, r: bytes, s: bytes) -> bool:
        """Message level: the library computes ZA and e itself. For the gate and the tests.

        libcrypto refuses an id of 8,191 bytes here, which the frozen rule allows.
        """
        ...

    def verify_digest(self, handle: object, e: bytes, r: bytes, s: bytes) -> bool:
        """Digest level: e comes from the front layer."""
        ...

    def generate(self) -> bytes:
        """A fresh private scalar, 32 bytes."""
        ...

    def public_point(self, scalar: bytes) -> bytes:
        """scalar·G as 64 bytes x‖y."""
        ...

    def load_private_key(self, scalar: bytes, xy: bytes) -> object: ...

    def sign_digest(self, handle: object, e: bytes) -> bytes:
        """64 bytes r‖s over e with a fresh nonce. Raises SigningRefused where not allowed."""
        ...
