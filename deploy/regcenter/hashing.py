"""SM3: money's hash, whatever suite a channel has."""

from __future__ import annotations

import hashlib

fresh = hashlib.new("sm3").copy  # a copy costs two thirds of looking the algorithm up by name


def sm3(data: bytes) -> bytes:
    digest = fresh()
    digest.update(data)
    return digest.digest()
