"""What the center says under its own name: structures signed with the head key, and how they are checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from consensus.encoding import EncodingError, Hash, Sig, decode, encode
from consensus.payment import (
    KEY_CHAIN_MAX,
    VERSION,
    KeyChainEntry,
    log_id,
    log_key_digest,
)
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.requests import Signed, digest_of
from node.identity.suite import Signer, Suite

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Voice:
    """The head key, and the keys that lead to it from the root key."""

    log_id: Hash
    signer: Signer
    chain: tuple[KeyChainEntry, ...]
    key_id: Hash

    def say(self, structure: object) -> Signed:
        signature = Sig(self.signer.sign(digest_of(structure)))
        return Signed(encode(structure), self.chain, signature)


def check_said(
    suite: Suite, signed: Signed, root_key: bytes, structure: type[T], time_ms: int
) -> T:
    """The structure, if the center of this root key signed it with a key valid at `time_ms`.

    Raises CenterError RC_SIGNATURE. Reads nothing but its arguments."""
    try:
        found = decode(structure, signed.body)
    except EncodingError as error:
        raise CenterError("RC_SIGNATURE", str(error)) from error
    log, key = log_id(sm3, root_key), root_key
    if not 1 <= len(signed.key_chain) <= KEY_CHAIN_MAX:
        raise CenterError("RC_SIGNATURE", "the key chain has 1 to 4 keys")
    for position, entry in enumerate(signed.key_chain):
        holds = (
            entry.key.version == VERSION
            and entry.key.log_id == log
            and entry.key.issues is not (position == len(signed.key_chain) - 1)
            and entry.key.not_before_ms <= time_ms < entry.key.not_after_ms
            and suite.verify(key, log_key_digest(sm3, entry.key), entry.signature)
        )
        if not holds:
            raise CenterError("RC_SIGNATURE", f"key {position} of the chain does not hold")
        key = entry.key.public_key
    if getattr(found, "log_id", None) != log or not suite.verify(
        key, digest_of(found), signed.signature
    ):
        raise CenterError("RC_SIGNATURE", "the center did not sign this")
    return found
