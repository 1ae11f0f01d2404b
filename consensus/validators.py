"""The validators of one epoch, in the order that indexes, bitmaps and leaders refer to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from consensus.encoding import Hash, encode
from consensus.merkle import HashFunction
from consensus.quorum import faults, quorum, weak_quorum
from consensus.tags import Tag, preimage

VALIDATORS_MAX = 256


@dataclass(frozen=True, slots=True)
class Validator:
    """A voting node. `vote_key` (65 bytes, 04|x|y) signs its consensus messages and seals."""

    name: str
    vote_key: bytes


@dataclass(frozen=True)
class ValidatorSet:
    """The set that signs the blocks of `epoch`. Indexes are positions in `validators`."""

    epoch: int
    validators: tuple[Validator, ...]

    def __post_init__(self) -> None:
        keys = [v.vote_key for v in self.validators]
        if not 1 <= len(keys) <= VALIDATORS_MAX:
            raise ValueError(f"a channel has 1 to {VALIDATORS_MAX} validators")
        if len(set(keys)) != len(keys):
            raise ValueError("two validators share a vote key")

    def __len__(self) -> int:
        return len(self.validators)

    @property
    def faults(self) -> int:
        return faults(len(self.validators))

    @property
    def quorum(self) -> int:
        return quorum(len(self.validators))

    @property
    def weak_quorum(self) -> int:
        return weak_quorum(len(self.validators))

    @cached_property
    def _index(self) -> dict[bytes, int]:
        return {v.vote_key: i for i, v in enumerate(self.validators)}

    def index_of(self, vote_key: bytes) -> int | None:
        return self._index.get(vote_key)

    def key(self, index: int) -> bytes:
        return self.validators[index].vote_key


def validators_hash(hash_: HashFunction, suite_id: int, validators: ValidatorSet) -> Hash:
    """The hash that headers carry for the set that signs them."""
    return Hash(hash_(preimage(Tag.VALIDATORS, suite_id, encode(validators))))
