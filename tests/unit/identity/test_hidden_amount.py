"""Hidden amounts: what is proven holds, and nothing else can be proven."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.identity import hidden_amount as hidden
from node.identity.curve import SM2, add, multiply
from node.identity.hidden_amount import (
    AMOUNT_MAX,
    BASE,
    BITS,
    PROOF_LEN,
    Opening,
    adds_up,
    check,
    hide,
    opens,
    prove,
    share,
    verify,
)
from node.identity.points import as_bytes, combine
from tests.damage import flipped
from tests.oracle import range_proof

CONTEXT, N = bytes(range(32)), SM2.n
HIDDEN = hide(4_930_951_400)
COMMITMENT, PROOF = HIDDEN.commitment(), prove(HIDDEN, CONTEXT)
MINUS_G = (SM2.gx, SM2.p - SM2.gy)


def commit(amount: int, blinding: int) -> bytes:
    """A commitment to any number, in range or not."""
    found = add(SM2, multiply(SM2, blinding, SM2.generator), multiply(SM2, amount, BASE))
    assert found is not None
    return as_bytes(found)


def test_the_second_base_is_the_one_that_anybody_finds() -> None:
    assert BASE == range_proof.second_base() == hidden.derive_base()
    assert hidden.BASE_BYTES.hex() == (
        "04521e37a94ecc29eb3be31e6783955eed7d5c2f0cd9853ea3abb1f926d8b5116a"
        "1a2e07fb0d0b3f462fb5701a09a28ff84e1e6ee9b28ef18617c344c9389a6434"
    )
    assert SM2.contains(*BASE) and multiply(SM2, N, BASE) is None


def test_a_commitment_is_what_textbook_arithmetic_gives() -> None:
    assert commit(HIDDEN.amount, int.from_bytes(HIDDEN.blinding)) == COMMITMENT
    assert opens(COMMITMENT, HIDDEN.amount, HIDDEN.blinding)
    for amount, blinding in ((HIDDEN.amount + 1, HIDDEN.blinding), (HIDDEN.amount, bytes(32)),
                             (HIDDEN.amount + N, HIDDEN.blinding), (HIDDEN.amount, b"x")):  # fmt: skip
        assert not opens(COMMITMENT, amount, blinding)
    assert "blinding" not in repr(HIDDEN) and hide(7).commitment() != hide(7).commitment()


def test_an_independent_checker_agrees() -> None:
    assert range_proof.holds(COMMITMENT, CONTEXT, PROOF)
    assert not range_proof.holds(COMMITMENT, bytes(32), PROOF)
    assert not range_proof.holds(hide(1).commitment(), CONTEXT, PROOF)


@pytest.mark.parametrize("amount", [1, 2, 1 << 40, AMOUNT_MAX - 1, AMOUNT_MAX])
def test_every_amount_in_range_is_proven(amount: int) -> None:
    opening = hide(amount)
    assert verify(opening.commitment(), CONTEXT, prove(opening, CONTEXT))


@pytest.mark.parametrize("amount", [0, -1, AMOUNT_MAX + 1, N, N - 1])
def test_an_amount_out_of_range_is_not_proven(amount: int) -> None:
    with pytest.raises(ValueError, match="1 to 2"):
        prove(Opening(amount, HIDDEN.blinding), CONTEXT)
    blinding = int.from_bytes(HIDDEN.blinding)
    forged = commit(amount % N, blinding)
    for digits in (
        [(amount - 1) >> i & 1 for i in range(BITS)],  # the low bits only
        [*((amount - 1) >> i & 1 for i in range(BITS - 1)), ((amount - 1) % N) >> (BITS - 1)],
    ):
        assert not verify(forged, CONTEXT, hidden._prove(forged, HIDDEN.blinding, digits, CONTEXT))
    assert not verify(forged, CONTEXT, PROOF)


@pytest.mark.parametrize("digit", [2, N - 1])
def test_a_digit_that_is_no_bit_is_not_proven(digit: int) -> None:
    """Σ 2^i·bᵢ fits and one bᵢ is 2 or -1: the OR of that digit cannot be answered."""
    digits = [digit] + [0] * (BITS - 1)
    amount = (digit + 1) % N
    forged = commit(amount, 5)
    proof = hidden._prove(forged, (5).to_bytes(32), digits, CONTEXT)
    assert not verify(forged, CONTEXT, proof)


def test_parts_that_wrap_around_add_up_and_fail_at_their_range() -> None:
    """1 = (n - 1) + 2: the sum holds modulo n, which is why each part proves its range."""
    parts = [commit(N - 1, 3), commit(2, 4)]
    whole = commit(1, 7)
    assert adds_up(whole, parts)
    assert not verify(
        parts[0], CONTEXT, hidden._prove(parts[0], (3).to_bytes(32), [1] * BITS, CONTEXT)
    )


def test_a_proof_is_of_one_commitment_in_one_context() -> None:
    other = hide(HIDDEN.amount)
    assert verify(COMMITMENT, CONTEXT, PROOF)
    assert not verify(other.commitment(), CONTEXT, PROOF)
    assert not verify(COMMITMENT, bytes(32), PROOF)
    same = Opening(HIDDEN.amount, HIDDEN.blinding)
    assert prove(same, CONTEXT) != PROOF and verify(COMMITMENT, CONTEXT, prove(same, CONTEXT))


@pytest.mark.parametrize("at", [0, 31, 32, 95, 96, 127, 128, 160, 191, 3_000, PROOF_LEN - 1])
def test_a_changed_byte_of_a_proof_is_refused(at: int) -> None:
    changed = flipped(PROOF, at)
    assert not verify(COMMITMENT, CONTEXT, changed)


@pytest.mark.parametrize("at", [0, 96, 128, 160])
def test_a_scalar_has_one_form(at: int) -> None:
    number = int.from_bytes(PROOF[at : at + 32]) + N
    for wrong in (number.to_bytes(33)[-32:], N.to_bytes(32), b"\xff" * 32):
        assert not verify(COMMITMENT, CONTEXT, PROOF[:at] + wrong + PROOF[at + 32 :])


def test_swapped_digits_points_off_the_curve_and_wrong_sizes_are_refused() -> None:
    step = 160
    first, second = PROOF[32 : 32 + step], PROOF[32 + step : 32 + 2 * step]
    base = hidden.BASE_BYTES
    for wrong in (
        PROOF[:32] + second + first + PROOF[32 + 2 * step :],
        PROOF[:32] + bytes(64) + PROOF[96:],
        PROOF[:32] + base[1:] + PROOF[96:],
        PROOF[:-1],
        PROOF + b"\0",
        b"",
        bytes(PROOF_LEN),
    ):
        assert not verify(COMMITMENT, CONTEXT, wrong)
    for commitment in (b"", b"\2" + COMMITMENT[1:], bytes(65), b"\4" + bytes(64), base):
        assert not verify(commitment, CONTEXT, PROOF)
        assert not opens(commitment, HIDDEN.amount, HIDDEN.blinding)
    assert not verify(COMMITMENT, CONTEXT[:-1], PROOF)


@settings(max_examples=25)
@given(st.lists(st.integers(1, AMOUNT_MAX // 16), min_size=2, max_size=16))
def test_a_split_adds_up_and_no_other_parts_do(amounts: list[int]) -> None:
    whole = hide(sum(amounts))
    parts = share(whole, amounts)
    assert [part.amount for part in parts] == amounts
    commitments = [part.commitment() for part in parts]
    assert adds_up(whole.commitment(), commitments)
    assert adds_up(whole.commitment(), commitments[::-1])
    assert not adds_up(whole.commitment(), commitments[1:])
    assert not adds_up(whole.commitment(), [*commitments, hide(1).commitment()])
    raised = Opening(parts[0].amount + 1, parts[0].blinding)
    assert not adds_up(whole.commitment(), [raised.commitment(), *commitments[1:]])


def test_parts_that_do_not_add_up_are_not_made() -> None:
    for amounts in ([1, 2], [HIDDEN.amount], []):
        with pytest.raises(ValueError, match="do not add up"):
            share(HIDDEN, amounts)
    with pytest.raises(ValueError, match="32 bytes"):
        prove(HIDDEN, b"")
    assert not adds_up(COMMITMENT, []) and not adds_up(COMMITMENT, [bytes(65)])


@settings(max_examples=40)
@given(st.sampled_from(["opens", "adds-up", "range", "steal"]),
       st.lists(st.one_of(st.binary(max_size=80), st.integers(), st.none(), st.text(max_size=5))))  # fmt: skip
def test_the_engines_door_answers_whatever_it_is_given(name: str, operands: list[object]) -> None:
    assert check(name, tuple(operands)) is False


def test_the_engines_door_says_yes_to_what_holds() -> None:
    parts = [part.commitment() for part in share(HIDDEN, [1, HIDDEN.amount - 1])]
    assert check("opens", (COMMITMENT, HIDDEN.amount, HIDDEN.blinding))
    assert check("adds-up", (COMMITMENT, *parts))
    assert check("range", (COMMITMENT, CONTEXT, PROOF))


def test_an_opposite_and_an_equal_point_are_added_like_any_other() -> None:
    assert combine(1, 1, as_bytes(SM2.generator)) == as_bytes(
        multiply(SM2, 2, SM2.generator) or MINUS_G
    )
    assert combine(1, 1, as_bytes(MINUS_G)) is None
