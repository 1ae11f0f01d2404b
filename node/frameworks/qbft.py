"""Who sealed the blocks of a chain that runs QBFT, as Hyperledger Besu does: a light client from its genesis.

A header's extraData holds, as RLP,

    [vanity, validators, vote, round, seals]      vote: [] or [address, 0xff to add, empty to drop]

The seals are secp256k1 signatures over the header's Keccak-256 without seals; the block's hash, to which the
next block and JSON-RPC refer, is taken with round 0 as well. Block 0 names the first validators. A vote counts
from the next block on when more than half of the validators cast it; every `epoch_length` blocks those that are
open are dropped. Source: EIP-650 and Besu's consensus/qbft (block headers, vote tally, two thirds of seals).

Every header is presented, linked by its parent's hash and held against the validators that the votes give.
Seals are checked where the set changes and at the last one: what two thirds of a set sealed they hold final
with all that it stands on, so a header before it that the same set answers for needs no other check. Chains
whose validators stand in a contract instead are refused: headers do not show who they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import rlp
from eth_keys import datatypes
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from node.frameworks.api import ProofRefused

EPOCH_LENGTH = 30_000  # Besu's default
VALIDATORS_MAX, HEADER_BYTES_MAX = 256, 64 * 1024
KNOWN_MAX = 200_000  # hashes of the last blocks that are remembered
ADDRESS_BYTES, VANITY_BYTES, SEAL_BYTES = 20, 32, 65
_PARENT, _PROPOSER, _NUMBER, _EXTRA, _MIX = 0, 2, 8, 12, 13
_FIELDS_MIN = 15
MIX_HASH = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
_ADD, _DROP = b"\xff", b""


@dataclass(frozen=True, slots=True)
class Extra:
    """vote: whom the proposer would add (True) or drop; none of most blocks."""

    vanity: bytes
    validators: tuple[bytes, ...]
    vote: tuple[bytes, bool] | None
    round: int
    seals: tuple[bytes, ...]

    def encode(self) -> bytes:
        vote: list[bytes] = []
        if self.vote is not None:
            vote = [self.vote[0], _ADD if self.vote[1] else _DROP]
        encoded: bytes = rlp.encode(
            [self.vanity, list(self.validators), vote, self.round, list(self.seals)]
        )
        return encoded


@dataclass(frozen=True, slots=True)
class Header:
    """One header, read. raw: its fields as RLP gives them."""

    raw: tuple[Any, ...]
    number: int
    parent: bytes
    proposer: bytes
    extra: Extra

    def with_extra(self, extra: Extra) -> bytes:
        fields = list(self.raw)
        if self.number:  # the genesis block is hashed as it is
            fields[_EXTRA] = extra.encode()
        encoded: bytes = rlp.encode(fields)
        return encoded

    @property
    def on_chain(self) -> bytes:
        """Its bytes without round and seals: what the block's hash is of."""
        return self.with_extra(replace(self.extra, round=0, seals=()))

    @property
    def hash(self) -> bytes:
        return bytes(keccak(self.on_chain))

    def signers(self) -> list[bytes]:
        """The addresses behind the seals, in their order. Raises ProofRefused."""
        digest = keccak(self.with_extra(replace(self.extra, seals=())))
        return [_signer(seal, digest) for seal in self.extra.seals]


def read_header(data: bytes) -> Header:
    """Raises ProofRefused for anything but the canonical bytes of a header of such a chain."""
    if len(data) > HEADER_BYTES_MAX:
        raise ProofRefused("a header of more than 64 KiB")
    try:
        fields = rlp.decode(data)
        if not isinstance(fields, list) or len(fields) < _FIELDS_MIN:
            raise ValueError("a header has at least 15 fields")
        if not all(isinstance(field, bytes) for field in fields):
            raise ValueError("a header's fields are byte strings")
        if fields[_MIX] != MIX_HASH:
            raise ValueError("its mixHash is not that of a Byzantine fault tolerant chain")
        _sized(fields[_PARENT], 32)
        proposer = _sized(fields[_PROPOSER], ADDRESS_BYTES)
        number, extra = _number(fields[_NUMBER]), _read_extra(fields[_EXTRA])
    except (rlp.DecodingError, ValueError, TypeError, RecursionError) as error:
        raise ProofRefused(f"not a header of a QBFT chain: {error}") from error
    return Header(tuple(fields), number, fields[_PARENT], proposer, extra)


def _read_extra(data: bytes) -> Extra:
    vanity, validators, vote, round_, seals = rlp.decode(data)
    if not isinstance(validators, list) or not isinstance(seals, list):
        raise ValueError("validators and seals are lists")
    if not 1 <= len(validators) <= VALIDATORS_MAX:
        raise ValueError("1 to 256 validators stand in the header")
    if len(seals) > len(validators):
        raise ValueError("more seals than validators")
    members = tuple(_sized(one, ADDRESS_BYTES) for one in validators)
    if list(members) != sorted(set(members)):
        raise ValueError("validators stand once each, in order")
    return Extra(
        _sized(vanity, VANITY_BYTES), members, _read_vote(vote), _number(round_),
        tuple(_sized(seal, SEAL_BYTES) for seal in seals),
    )  # fmt: skip


def _read_vote(vote: Any) -> tuple[bytes, bool] | None:
    if vote == []:
        return None
    if not isinstance(vote, list) or len(vote) != 2 or vote[1] not in (_ADD, _DROP):
        raise ValueError("a vote is an address, and to add or to drop it")
    return _sized(vote[0], ADDRESS_BYTES), vote[1] == _ADD


def _sized(value: Any, length: int) -> bytes:
    if not isinstance(value, bytes) or len(value) != length:
        raise ValueError(f"{length} bytes are needed")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, bytes) or len(value) > 8 or value[:1] == b"\0":
        raise ValueError("a number of at most 64 bits, without zeros in front")
    return int.from_bytes(value, "big")


def _signer(seal: bytes, digest: bytes) -> bytes:
    try:
        signature = datatypes.Signature(seal)
        return bytes(signature.recover_public_key_from_msg_hash(digest).to_canonical_address())
    except (BadSignature, ValidationError, ValueError) as error:
        raise ProofRefused("a seal that is no signature") from error


def quorum(n: int) -> int:
    """Two thirds, rounded up."""
    return -(-2 * n // 3)


class Tally:
    """The validators of the next block, and the votes that are open. open: subject → (who would add it, who
    would drop it)."""

    def __init__(self, validators: Sequence[bytes]) -> None:
        self.validators = tuple(validators)
        self._open: dict[bytes, tuple[frozenset[bytes], frozenset[bytes]]] = {}

    def copy(self) -> Tally:
        again = Tally(self.validators)
        again._open = dict(self._open)
        return again

    def count(self, header: Header, epoch_length: int) -> None:
        """What this header changes for the next one."""
        if header.number % epoch_length == 0:
            self._open = {}
        elif header.extra.vote is not None:
            self._cast(header.proposer, *header.extra.vote)

    def _cast(self, proposer: bytes, subject: bytes, adds: bool) -> None:
        for_it, against = self._open.get(subject, (frozenset(), frozenset()))
        for_it = for_it | {proposer} if adds else for_it - {proposer}
        against = against - {proposer} if adds else against | {proposer}
        self._open[subject] = for_it, against
        limit = len(self.validators) // 2 + 1
        if len(for_it) >= limit:
            self.validators = tuple(sorted({*self.validators, subject}))
            del self._open[subject]
        elif len(against) >= limit:
            self.validators = tuple(one for one in self.validators if one != subject)
            del self._open[subject]
            self._open = {  # who left has no vote any more
                other: (yes - {subject}, no - {subject}) for other, (yes, no) in self._open.items()
            }


class QbftChain:
    """One chain, followed from a header that the caller trusts: block 0, or another at which an epoch begins.

    Implements node.frameworks.evm.FollowedChain."""

    def __init__(self, anchor: bytes, epoch_length: int = EPOCH_LENGTH) -> None:
        """Raises ProofRefused where nothing can be followed from there."""
        header = read_header(anchor)
        if epoch_length < 1 or header.number % epoch_length:
            raise ProofRefused(
                "a chain is followed from its genesis, or from where an epoch begins"
            )
        self._epoch_length, self._tally = epoch_length, Tally(header.extra.validators)
        self._tip, self.height = header.hash, header.number
        self._recent: deque[bytes] = deque([self._tip], maxlen=KNOWN_MAX)
        self._known = {self._tip}

    @property
    def validators(self) -> tuple[bytes, ...]:
        """Of the next block, by their addresses."""
        return self._tally.validators

    def knows(self, block_hash: bytes) -> bool:
        """Whether it is one of the blocks that were followed (of the last 200,000)."""
        return block_hash in self._known

    def on_chain(self, header: bytes) -> bytes:
        return read_header(header).on_chain

    def follow(self, headers: Sequence[bytes]) -> None:
        """The headers after the last one, in order, without a gap. Raises ProofRefused, and then follows none
        of them."""
        tally, tip, height, hashes = self._tally.copy(), self._tip, self.height, []
        read = [read_header(data) for data in headers]
        for place, header in enumerate(read):
            if header.number != height + 1 or header.parent != tip:
                raise ProofRefused(f"block {header.number} does not follow block {height}")
            if header.extra.validators != tally.validators:
                raise ProofRefused(f"block {header.number} names other validators than the votes")
            if header.proposer not in tally.validators:
                raise ProofRefused(f"block {header.number} was proposed by a stranger")
            before = tally.validators
            tally.count(header, self._epoch_length)
            if tally.validators != before or place == len(read) - 1:
                check_seals(header, before)
            if not tally.validators:
                raise ProofRefused("nobody is left who could seal")
            tip, height = header.hash, header.number
            hashes.append(tip)
        self._tally, self._tip, self.height = tally, tip, height
        for one in hashes:
            if len(self._recent) == KNOWN_MAX:
                self._known.discard(self._recent[0])
            self._recent.append(one)
            self._known.add(one)


def check_seals(header: Header, validators: Sequence[bytes]) -> None:
    """Raises ProofRefused unless two thirds of these validators, and nobody else, sealed it."""
    signers = header.signers()
    if len(set(signers)) != len(signers):
        raise ProofRefused(f"block {header.number} was sealed twice by one")
    if not set(signers) <= set(validators):
        raise ProofRefused(f"block {header.number} was sealed by a stranger")
    if len(signers) < quorum(len(validators)):
        raise ProofRefused(
            f"block {header.number} has {len(signers)} seals; {quorum(len(validators))} are needed"
        )
