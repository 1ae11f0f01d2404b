"""Signatures without cryptography: a registry of every signature ever made.

A signature is valid iff the registry saw that signer sign those bytes, so nobody, a Byzantine replica
included, can forge one, and the checkers can ask what was ever signed.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field

from consensus.api import SignatureItem
from consensus.encoding import Sig
from consensus.validators import Validator, ValidatorSet

SUITE = 1


def hash_(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@functools.cache
def vote_key(index: int, generation: int = 0) -> bytes:
    """A node's vote key; rotating it raises the generation."""
    name = b"%d" % index if not generation else b"%d/%d" % (index, generation)
    return b"\x04" + hash_(b"x" + name) + hash_(b"y" + name)


def validator_set(n: int) -> ValidatorSet:
    return ValidatorSet(0, tuple(Validator(f"node{i}", vote_key(i)) for i in range(n)))


@dataclass
class Registry:
    """`signed` holds (key, message) in the order of signing."""

    signed: dict[tuple[bytes, bytes], Sig] = field(default_factory=dict)
    log: list[tuple[bytes, bytes]] = field(default_factory=list)

    def sign(self, key: bytes, message: bytes) -> Sig:
        place = (key, message)
        if place not in self.signed:
            self.signed[place] = Sig(hashlib.sha512(key + message).digest())
            self.log.append(place)
        return self.signed[place]

    def is_valid(self, item: SignatureItem) -> bool:
        return self.signed.get((item.key, item.message)) == item.signature


@dataclass
class GhostVerifier:
    registry: Registry
    suite_id: int = SUITE

    def hash(self, data: bytes) -> bytes:
        return hash_(data)

    def verify(self, item: SignatureItem) -> bool:
        return self.registry.is_valid(item)


@dataclass
class GhostSigner:
    registry: Registry
    public_key: bytes

    def sign(self, message: bytes) -> Sig:
        return self.registry.sign(self.public_key, message)
