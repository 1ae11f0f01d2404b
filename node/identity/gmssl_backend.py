"""SM2 through the pure-Python package `gmssl` 3.2.2: fallback and cross-check, verify only.

Only ever called behind the front layer, which excludes most of what is wrong in that package
(crypto.md §4). What remains is handled here: its constructor damages keys, so the key is set
afterwards; its doubling is broken, so when s·G = t·P, or when it raises, the reference arithmetic
decides instead. It signs only where explicitly allowed, with a nonce that we draw.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

from node.identity import curve
from node.identity.errors import Attempt, BackendFailure, NoCryptoBackend, SigningRefused
from node.identity.za import za

_SIGN_ATTEMPTS = 16  # a retry happens with probability 2^-255


def _package() -> Any:
    try:
        from gmssl import sm2
    except ImportError as error:
        raise NoCryptoBackend("sm", [Attempt("gmssl", "absent", str(error))]) from error
    return sm2


@dataclass(frozen=True, slots=True)
class _Key:
    xy: bytes
    scalar: bytes = field(default=b"", repr=False)


class GmsslBackend:
    """Implements `Backend`. Stateless: each call makes its own gmssl object."""

    name = "gmssl"

    def __init__(self, allow_signing: bool = False) -> None:
        self._sm2 = _package()
        self.can_sign = allow_signing
        self.version = "gmssl 3.2.2, pure Python"

        base: Any = self._sm2.CryptSM2

        class Watched(base):  # type: ignore[misc]
            """Remembers the points that `verify` computed, to notice the doubling case."""

            def __init__(self, xy: bytes, scalar: bytes = b"") -> None:
                super().__init__(private_key=scalar.hex(), public_key="")
                self.public_key = xy.hex()
                self.points: list[str | None] = []

            def _kg(self, k: int, Point: str) -> str | None:
                result: str | None = super()._kg(k, Point)
                self.points.append(result)
                return result

        self._watched = Watched

    def load_public_key(self, xy: bytes) -> _Key:
        return _Key(xy)

    def verify(self, handle: Any, id: bytes, message: bytes, r: bytes, s: bytes) -> bool:
        # The package cannot take an id, so its message level is ZA from here and its digest level.
        e = hashlib.new("sm3", za(handle.xy, id) + message).digest()
        return self.verify_digest(handle, e, r, s)

    def verify_digest(self, handle: Any, e: bytes, r: bytes, s: bytes) -> bool:
        worker = self._watched(handle.xy)
        try:
            answer = worker.verify((r + s).hex(), e)
        except Exception:  # it raises whatever its arithmetic runs into: point at infinity
            answer = None
        points = worker.points
        if isinstance(answer, bool) and len(points) == 2 and points[0] != points[1]:
            return answer
        public_key = (int.from_bytes(handle.xy[:32]), int.from_bytes(handle.xy[32:]))
        return curve.sm2_verify_digest(
            public_key, int.from_bytes(e), int.from_bytes(r), int.from_bytes(s)
        )

    def generate(self) -> bytes:
        self._require_signing()
        return (1 + secrets.randbelow(curve.SM2.n - 2)).to_bytes(32)

    def public_point(self, scalar: bytes) -> bytes:
        self._require_signing()
        worker = self._watched(b"", scalar)
        point = worker._kg(int.from_bytes(scalar), worker.ecc_table["g"])
        assert point is not None  # the scalar is not a multiple of the order
        return bytes.fromhex(point)

    def load_private_key(self, scalar: bytes, xy: bytes) -> _Key:
        self._require_signing()
        return _Key(xy, scalar)

    def sign_digest(self, handle: Any, e: bytes) -> bytes:
        self._require_signing()
        for _ in range(_SIGN_ATTEMPTS):
            nonce = 1 + secrets.randbelow(curve.SM2.n - 1)  # 1 … n−1, never the package's own
            signature = self._watched(handle.xy, handle.scalar).sign(e, f"{nonce:064x}")
            if signature is None:
                continue
            raw = bytes.fromhex(signature)
            # The package has no fault protection of its own: use nothing that does not verify.
            if self.verify_digest(handle, e, raw[:32], raw[32:]):
                return raw
        raise BackendFailure("gmssl made no signature that verifies")

    def _require_signing(self) -> None:
        if not self.can_sign:
            raise SigningRefused(
                "the gmssl backend verifies only: its arithmetic is not constant-time. Use a "
                "libcrypto with SM2, or accept the risk with crypto.allow_gmssl_signing = true"
            )
