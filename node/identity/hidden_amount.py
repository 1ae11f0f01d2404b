"""Hidden amounts: Pedersen commitments on the SM2 curve, and proofs that an amount is 1 to 2^41 fen.

    commitment   C = v·V + r·G        65 bytes; v the amount, r its blinding in 1..n−1
    V            the first point that try-and-increment finds: x = SM3(tag ‖ counter), the even y; nobody knows
                 its logarithm to G, as anybody can see how it was made
    sums         C₁ + C₂ commits to v₁ + v₂ under r₁ + r₂, so a split is checked without opening anything: parts
                 of at most 2^41 fen each cannot wrap modulo n ≈ 2^256

Hiding: for every amount there is exactly one blinding that gives C, so C says nothing about v, also to who can
compute logarithms. Binding: two openings of one C would give V's logarithm (Pedersen 1991).

Range. v − 1 = Σ bᵢ·2^i in 41 bits; Cᵢ = bᵢ·V + rᵢ·G with Σ 2^i·Cᵢ = C − V. Each Cᵢ is proven to be rᵢ·G or
V + rᵢ·G by an OR of two Schnorr proofs (Cramer, Damgård, Schoenmakers 1994), all under one challenge

    e = SM3(tag ‖ context ‖ V ‖ C ‖ C₀ … C₄₀ ‖ A₀,₀ A₀,₁ … A₄₀,₀ A₄₀,₁) mod n     (Fiat, Shamir 1986)
    Aᵢ,₀ = sᵢ,₀·G − eᵢ,₀·Cᵢ      Aᵢ,₁ = sᵢ,₁·G − eᵢ,₁·(Cᵢ − V)      eᵢ,₀ + eᵢ,₁ = e mod n

Soundness: from two accepting answers to different challenges on the same Aᵢ one of eᵢ,₀, eᵢ,₁ differs for every
i, and its two answers give rᵢ on that branch: every Cᵢ commits to 0 or 1, so C − V to a number of 41 bits, or
V's logarithm is known. Zero knowledge: the other branch is simulated, and e is split at random. The context (32
bytes) binds channel, contract and record: a proof for one record is none for another. With the statement inside
the challenge no part of a proof can be changed (strong Fiat-Shamir); scalars are below n and points 65 bytes:
a proof has one encoding.

Proof: e ‖ 41 × (x ‖ y of Cᵢ ‖ eᵢ,₀ ‖ sᵢ,₀ ‖ sᵢ,₁), 6,592 bytes. `verify` does the same work for whatever it is
given that has this size. Proving is the client's; Python's numbers are not constant-time.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from node.identity.curve import SM2, Point, add
from node.identity.points import POINT_LEN, as_bytes, as_numbers, combine, on_curve

BITS = 41
AMOUNT_MAX = 1 << BITS
SCALAR_LEN, CONTEXT_LEN = 32, 32
PARTS_MAX = 64
_STEP = 64 + 3 * SCALAR_LEN
PROOF_LEN = SCALAR_LEN + BITS * _STEP
_BASE_TAG, _PROOF_TAG = b"citychain/hidden-amount/base/v1", b"citychain/hidden-amount/range/v1"
_N = SM2.n


def _sm3(data: bytes) -> bytes:
    return hashlib.new("sm3", data).digest()


def derive_base() -> Point:
    """V: the first counter whose digest is the x of a point; of its two points the one with even y."""
    for counter in count():
        x = int.from_bytes(_sm3(bytes([len(_BASE_TAG)]) + _BASE_TAG + counter.to_bytes(4)))
        square = (x * x * x + SM2.a * x + SM2.b) % SM2.p
        y = pow(square, (SM2.p + 1) // 4, SM2.p)  # p = 3 mod 4
        if x < SM2.p and y * y % SM2.p == square:
            return x, y if y % 2 == 0 else SM2.p - y
    raise AssertionError("every second number is the x of a point")


BASE = derive_base()
BASE_BYTES = as_bytes(BASE)
_MINUS_BASE: Point = (BASE[0], SM2.p - BASE[1])


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a commitment. blinding: 32 bytes, a number in 1..n−1; it never shows in repr."""

    amount: int
    blinding: bytes = field(repr=False)

    def commitment(self) -> bytes:
        """Raises ValueError for an amount or blinding out of range."""
        if not 1 <= self.amount <= AMOUNT_MAX or not _is_blinding(self.blinding):
            raise ValueError("an amount is 1 to 2^41, its blinding 32 bytes in 1..n-1")
        found = combine(int.from_bytes(self.blinding), self.amount, BASE_BYTES)
        assert found is not None  # it would give V's logarithm
        return found


def hide(amount: int) -> Opening:
    """A new opening under a fresh blinding."""
    return Opening(amount, (1 + secrets.randbelow(_N - 1)).to_bytes(SCALAR_LEN))


def share(whole: Opening, amounts: Sequence[int]) -> list[Opening]:
    """Openings of parts whose commitments add up to the whole's. Raises ValueError where amounts do not."""
    if sum(amounts) != whole.amount or len(amounts) < 2:
        raise ValueError("the parts do not add up to the whole")
    parts = [hide(amount) for amount in amounts[:-1]]
    rest = int.from_bytes(whole.blinding) - sum(int.from_bytes(part.blinding) for part in parts)
    if rest % _N == 0:
        return share(whole, amounts)
    return [*parts, Opening(amounts[-1], (rest % _N).to_bytes(SCALAR_LEN))]


# ---- what anybody checks -------------------------------------------------------------------------


def opens(commitment: bytes, amount: int, blinding: bytes) -> bool:
    """Whether amount and blinding open the commitment."""
    if not 1 <= amount <= AMOUNT_MAX or not _is_blinding(blinding):
        return False
    return Opening(amount, blinding).commitment() == commitment


def adds_up(whole: bytes, parts: Sequence[bytes]) -> bool:
    """Whether the parts' commitments add up to the whole's: the amounts then do, too."""
    if not 1 <= len(parts) <= PARTS_MAX or not all(on_curve(one) for one in (whole, *parts)):
        return False
    total: Point | None = None
    for part in parts:
        total = add(SM2, total, as_numbers(part))
    return total == as_numbers(whole)


def verify(commitment: bytes, context: bytes, proof: bytes) -> bool:
    """Whether the proof shows, for this context, that the commitment hides 1 to 2^41. Total."""
    if len(proof) != PROOF_LEN or len(context) != CONTEXT_LEN or not on_curve(commitment):
        return False
    challenge = int.from_bytes(proof[:SCALAR_LEN])
    steps = [proof[at : at + _STEP] for at in range(SCALAR_LEN, PROOF_LEN, _STEP)]
    bits = [b"\x04" + step[:64] for step in steps]
    answers = [
        tuple(int.from_bytes(step[at : at + SCALAR_LEN]) for at in (64, 96, 128)) for step in steps
    ]
    if challenge >= _N or any(number >= _N for row in answers for number in row):
        return False
    if not all(on_curve(bit) for bit in bits) or not _weighs(bits, commitment):
        return False
    told: list[bytes] = []
    for bit, (zero_challenge, zero_answer, one_answer) in zip(bits, answers, strict=True):
        shifted = add(SM2, as_numbers(bit), _MINUS_BASE)
        if shifted is None:
            return False
        one_challenge = (challenge - zero_challenge) % _N
        zero = combine(zero_answer, -zero_challenge % _N, bit)
        one = combine(one_answer, -one_challenge % _N, as_bytes(shifted))
        if zero is None or one is None:
            return False
        told += [zero, one]
    return challenge == _challenge(context, commitment, bits, told)


def _weighs(bits: Sequence[bytes], commitment: bytes) -> bool:
    """Σ 2^i·Cᵢ = C − V."""
    total: Point | None = None
    for bit in reversed(bits):
        total = add(SM2, add(SM2, total, total), as_numbers(bit))
    return total is not None and total == add(SM2, as_numbers(commitment), _MINUS_BASE)


def _challenge(
    context: bytes, commitment: bytes, bits: Sequence[bytes], told: Sequence[bytes]
) -> int:
    head = bytes([len(_PROOF_TAG)]) + _PROOF_TAG + context + BASE_BYTES + commitment
    return int.from_bytes(_sm3(head + b"".join(bits) + b"".join(told))) % _N


def _is_blinding(data: bytes) -> bool:
    return len(data) == SCALAR_LEN and 0 < int.from_bytes(data) < _N


def check(operation: str, parts: Sequence[object]) -> bool:
    """The one door of the engine: total, whatever a contract hands over."""
    match operation, parts:
        case "opens", (bytes(commitment), int(amount), bytes(blinding)):
            return len(commitment) == POINT_LEN and opens(commitment, amount, blinding)
        case "adds-up", (bytes(whole), *rest):
            return all(isinstance(one, bytes) for one in rest) and adds_up(whole, rest)  # type: ignore[arg-type]
        case "range", (bytes(commitment), bytes(context), bytes(proof)):
            return verify(commitment, context, proof)
    return False


# ---- what the client proves ----------------------------------------------------------------------


def prove(opening: Opening, context: bytes) -> bytes:
    """A proof of the opening's range for a context of 32 bytes. Raises ValueError out of range."""
    commitment = opening.commitment()
    if len(context) != CONTEXT_LEN:
        raise ValueError("a context is 32 bytes")
    values = [(opening.amount - 1) >> i & 1 for i in range(BITS)]
    return _prove(commitment, opening.blinding, values, context)


def _prove(commitment: bytes, blinding_of: bytes, values: Sequence[int], context: bytes) -> bytes:
    """The proof that holds if the values are bits, and those of what is hidden less 1."""
    blindings = [1 + secrets.randbelow(_N - 1) for _ in range(BITS)]
    rest = sum(blinding << i for i, blinding in enumerate(blindings) if i)
    blindings[0] = (int.from_bytes(blinding_of) - rest) % _N
    bits = [_present(combine(r, b, BASE_BYTES)) for b, r in zip(values, blindings, strict=True)]
    nonces = [1 + secrets.randbelow(_N - 1) for _ in range(BITS)]
    feigned = [(secrets.randbelow(_N), secrets.randbelow(_N)) for _ in range(BITS)]
    told: list[bytes] = []
    for i, value in enumerate(values):
        true = _present(combine(nonces[i], 0, BASE_BYTES))
        other = as_numbers(bits[i]) if value else add(SM2, as_numbers(bits[i]), _MINUS_BASE)
        assert other is not None
        challenge, answer = feigned[i]
        false = _present(combine(answer, -challenge % _N, as_bytes(other)))
        told += [false, true] if value else [true, false]
    challenge = _challenge(context, commitment, bits, told)
    proof = challenge.to_bytes(SCALAR_LEN)
    for i, value in enumerate(values):
        false_challenge, false_answer = feigned[i]
        true_challenge = (challenge - false_challenge) % _N
        true_answer = (nonces[i] + true_challenge * blindings[i]) % _N
        zero = (false_challenge, false_answer) if value else (true_challenge, true_answer)
        one_answer = true_answer if value else false_answer
        numbers = (*zero, one_answer)
        proof += bits[i][1:] + b"".join(number.to_bytes(SCALAR_LEN) for number in numbers)
    return proof


def _present(point: bytes | None) -> bytes:
    assert point is not None, "a random point is infinity once in 2^256"
    return point
