"""A register of document digests: a number is used once."""

from sdk import Event, Map, export, require, view

digests = Map("digest", b"")

Registered = Event("Registered")


@export
def register(number: str, digest: bytes) -> bool:
    require(len(digest) == 32, "E_DIGEST", "a digest has 32 bytes")
    require(digests[number] == b"", "E_DUPLICATE", "the number is used")
    digests[number] = digest
    Registered(number=number, digest=digest)
    return True


@view
def digest_of(number: str) -> bytes:
    return digests[number]
