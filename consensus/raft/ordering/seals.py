"""Seals: what a member says about the blocks in its log, and the certificates that a leader makes of them.

A follower seals with the term T of its leader, and only when the last entry it matched is of that term. A
majority of seals of one term over one block then means that a majority holds the block below an entry of T in
T's own log, which is when Raft calls it committed. Sealing an entry of an older term by itself would prove
nothing: a majority may hold it and it may still be replaced (figure 8 of the Raft paper).
"""

from __future__ import annotations

from collections.abc import Sequence

from consensus.api import SignatureItem, Signer
from consensus.certificate import (
    KIND_RAFT,
    CommitCert,
    Seal,
    bitmap,
    seal_message,
    seals_needed,
)
from consensus.encoding import Hash, Sig
from consensus.raft.ordering.flight import Flying
from consensus.raft.ordering.messages import HeldBlock
from consensus.validators import ValidatorSet


def seal_bytes(
    suite: int, channel_id: Hash, epoch: int, term: int, height: int, block_hash: Hash
) -> bytes:
    return seal_message(suite, Seal(channel_id, epoch, height, term, block_hash))


class SealBook:
    """Own seals, each made once, and those of the others by height: the latest term of each sender."""

    def __init__(
        self, suite: int, channel_id: Hash, validators: ValidatorSet, signer: Signer | None
    ) -> None:
        self._suite, self._channel_id = suite, channel_id
        self._validators, self._signer = validators, signer
        self._own: dict[int, tuple[int, HeldBlock]] = {}
        self._held: dict[int, dict[int, tuple[int, Hash, Sig]]] = {}

    def message(self, term: int, height: int, block_hash: Hash) -> bytes:
        epoch = self._validators.epoch
        return seal_bytes(self._suite, self._channel_id, epoch, term, height, block_hash)

    def items(self, sender: int, term: int, seals: Sequence[HeldBlock]) -> list[SignatureItem]:
        key = self._validators.key(sender)
        return [
            SignatureItem(key, self.message(term, each.height, each.block_hash), each.seal)
            for each in seals
        ]

    def own(self, term: int, flying: Flying) -> HeldBlock:
        """The own seal of this block in this term. The caller has checked that it may be given."""
        made = self._own.get(flying.height)
        if made is None or made[0] != term or made[1].block_hash != flying.block_hash:
            assert self._signer is not None, "who observes seals nothing"
            message = self.message(term, flying.height, flying.block_hash)
            held = HeldBlock(flying.height, flying.block_hash, self._signer.sign(message))
            made = self._own[flying.height] = (term, held)
        return made[1]

    def take(self, sender: int, term: int, held: HeldBlock) -> CommitCert | None:
        """A verified seal. The certificate, when it completes one."""
        senders = self._held.setdefault(held.height, {})
        known = senders.get(sender)
        if known is not None and known[0] >= term:
            return None
        senders[sender] = (term, held.block_hash, held.seal)
        equal = {
            each: seal
            for each, (of_term, digest, seal) in sorted(senders.items())
            if (of_term, digest) == (term, held.block_hash)
        }
        n = len(self._validators)
        if len(equal) != seals_needed(KIND_RAFT, n):
            return None
        return CommitCert(
            KIND_RAFT,
            self._validators.epoch,
            held.height,
            term,
            held.block_hash,
            bitmap(list(equal), n),
            tuple(equal.values()),
        )

    def forget_to(self, height: int) -> None:
        for kept in (self._own, self._held):
            for at in [at for at in kept if at <= height]:
                del kept[at]

    def __len__(self) -> int:
        return len(self._held)
