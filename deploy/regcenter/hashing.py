"""SM3: money's hash, whatever suite a channel has."""

from __future__ import annotations

import hashlib

_fresh = hashlib.new("sm3").copy  # a copy costs two thirds of looking the algorithm up by name


def sm3(data: bytes) -> bytes:
    digest = _fresh()
    digest.update(data)
    return digest.digest()
