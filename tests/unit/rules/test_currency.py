"""Decimal amounts and minor units: against the decimal module, and the same words in both engines."""

import decimal
import fractions
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.bundles import with_rules
from contracts.rules import money
from contracts.rules import parts as division
from contracts.rules.codes import CURRENCIES
from contracts.runtime.testing import ContractChain, chain, chain_engine  # noqa: F401

CONTRACT = """
from rules.currency import from_minor, to_minor, to_minor_half_even, to_minor_half_up
from rules.money import half_even, half_up
from rules.parts import split_by_weights, split_evenly
from sdk import Decimal, view


@view
def ask(amount: Decimal, currency: str, weights: list[int]) -> list:
    up, even = to_minor_half_up(amount, currency), to_minor_half_even(amount, currency)
    return [up, even, str(from_minor(up, currency)), half_up(5, 2), half_even(5, 2), half_even(7, 2),
            split_by_weights(up, weights), split_evenly(up, 7)]


@view
def exact(amount: Decimal, currency: str) -> int:
    return to_minor(amount, currency)
"""


@pytest.fixture(scope="module")
def till() -> ContractChain:
    """The helpers in the native engine: fast enough for many amounts."""
    found = ContractChain("native")
    found.deploy("till", CONTRACT, rules=with_rules(CONTRACT))
    return found


AMOUNTS = st.decimals(0, 10**15, places=5, allow_nan=False, allow_infinity=False)
NAMES = st.sampled_from([code for code, _ in CURRENCIES])


@given(AMOUNTS, NAMES)
def test_rounding_to_minor_units_is_the_one_it_is_called(
    till: ContractChain, amount: Decimal, name: str
) -> None:
    up, even, back, *_ = till.query("till", "ask", amount=amount, currency=name, weights=[1])
    scaled = amount * 10 ** dict(CURRENCIES)[name]
    assert up == int(scaled.quantize(Decimal(1), decimal.ROUND_HALF_UP))
    assert even == int(scaled.quantize(Decimal(1), decimal.ROUND_HALF_EVEN))
    assert -Decimal(back).as_tuple().exponent == dict(CURRENCIES)[name]
    assert till.query("till", "exact", amount=Decimal(back), currency=name) == up


@pytest.mark.parametrize(
    ("amount", "name"), [("1.005", "CNY"), ("0.1", "JPY"), ("-1", "CNY"), ("1", "XXX")]
)
def test_nothing_is_lost_without_a_word(till: ContractChain, amount: str, name: str) -> None:
    till.refused("ValueError", "till", "exact", amount=Decimal(amount), currency=name)


@given(st.integers(0, 10**20), st.integers(1, 10**9))
def test_bankers_rounding_of_a_fraction(numerator: int, denominator: int) -> None:
    # `round` of a fraction is half to even by definition.
    assert money.half_even(numerator, denominator) == round(
        fractions.Fraction(numerator, denominator)
    )


@given(st.integers(0, 10**18), st.integers(1, 400))
def test_an_even_split_loses_nothing(amount: int, count: int) -> None:
    parts = division.split_evenly(amount, count)
    assert sum(parts) == amount and len(parts) == count and max(parts) - min(parts) <= 1
    assert parts == division.split_by_weights(amount, [1] * count)


@pytest.mark.parametrize("wrong", [(-1, 1), (1, 0), (1, -1)])
def test_what_cannot_be_split_or_rounded_is_refused(wrong: tuple[int, int]) -> None:
    for function in (division.split_evenly, money.half_even, money.half_up):
        with pytest.raises(ValueError):
            function(*wrong)


@pytest.mark.parametrize("chain_engine", ["native", "wasm"])
def test_contracts_have_the_same_money_in_both_engines(chain) -> None:  # noqa: F811
    chain.deploy("till", CONTRACT, rules=with_rules(CONTRACT))
    amount = {"amount": Decimal("1234.565"), "currency": "CNY", "weights": [1, 1, 1]}
    expected = [123457, 123456, "1234.57", 3, 2, 4, [41153, 41152, 41152],
                [17637, 17637, 17637, 17637, 17637, 17636, 17636]]  # fmt: skip
    assert chain.query("till", "ask", **amount) == expected
    yen = {"amount": Decimal("0.5"), "currency": "JPY", "weights": [3, 1]}
    assert chain.query("till", "ask", **yen)[:3] == [1, 0, "1"]
    assert chain.query("till", "exact", amount=Decimal("12.30"), currency="CNY") == 1230
    chain.refused("ValueError", "till", "exact", amount=Decimal("12.305"), currency="CNY")
