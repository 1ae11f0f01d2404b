"""What an exchange waits for, in each pair of states, and what a carrier tells of several at once."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.rules.exchange_machine import FIRST, SECOND
from node.exchange.carrier import AT_ONCE, Carrier, Moved
from node.exchange.outlook import ANYONE, FOLLOWS, NOBODY, next_step
from tests.unit.exchange.memory import Life, Memory
from tests.unit.suite.exchange_world import Foreign, side, terms, two_channels

UNTIL = 1_000
TERMS = {"first": {"giver": "PX"}, "second": {"giver": "QB"}, "until_ms": UNTIL}


@pytest.mark.parametrize(
    ("first", "second", "in_time", "late"),
    [
        ("", "", ("PX", "lock"), (NOBODY, "")),
        ("LOCKED", "", ("QB", "settle"), (ANYONE, "carry")),
        ("LOCKED", "SETTLED", (ANYONE, "carry"), (ANYONE, "carry")),
        ("LOCKED", "CALLED_OFF", (ANYONE, "carry"), (ANYONE, "carry")),
        ("CLAIMED", "SETTLED", (NOBODY, ""), (NOBODY, "")),
        ("RELEASED", "CALLED_OFF", (NOBODY, ""), (NOBODY, "")),
        ("", "CALLED_OFF", (NOBODY, ""), (NOBODY, "")),
        ("LOCKED", None, (ANYONE, "list"), (ANYONE, "list")),
        (None, "SETTLED", (ANYONE, "list"), (ANYONE, "list")),
        ("CLAIMED", None, (NOBODY, ""), (NOBODY, "")),
    ],
)
def test_each_pair_of_states_has_its_next_step(
    first: str | None, second: str | None, in_time: tuple[str, str], late: tuple[str, str]
) -> None:
    for now, wanted in ((UNTIL, in_time), (UNTIL + 1, late)):
        found = next_step(TERMS, first, second, now)
        assert (found.who, found.step) == wanted
        assert found.why and (wanted[0] == NOBODY or f"city exchange {wanted[1]}" in str(found))


def test_every_state_that_the_tables_reach_has_one() -> None:
    firsts = ["", *(row[4] for row in FIRST)]
    seconds = ["", *(row[4] for row in SECOND)]
    assert set(FOLLOWS) == set(seconds) - {""}
    for first in firsts:
        for second in seconds:
            assert next_step(TERMS, first, second, 0).why


class Market:
    """More exchanges at once than a carrier takes together: PX's records against QB's."""

    def __init__(self, count: int) -> None:
        self.first, self.second = two_channels()
        self.agreed: dict[str, Any] = {}
        for n in range(count):
            self.first.ok("PX", "depot", "make", asset=f"a{n}")
            self.second.ok("QB", "depot", "make", asset=f"b{n}")
            agreed = terms(
                self.first, self.second, first=side(self.first, f"a{n}", "PX", "QB"),
                second=side(self.second, f"b{n}", "QB", "PX"),
            )  # fmt: skip
            number = self.first.ok("PX", "exchange", "lock", "maker", terms=agreed)
            self.agreed[number] = agreed

    def settle(self, numbers: list[str]) -> None:
        for number in numbers:
            self.second.ok(
                "QB", "exchange", "settle", "maker", terms=self.agreed[number],
                fact=self.first.stand(number),
            )  # fmt: skip

    def carrier(self) -> Carrier:
        sides = [Memory(c, self.agreed, Life(), []) for c in (self.first, self.second)]
        return Carrier(*sides, now_ms=lambda: self.second.now_ms)

    def stands(self, chain: Foreign) -> list[str]:
        return [str(chain.ok("X", "exchange", "stand", id=number)) for number in self.agreed]


async def test_many_are_carried_together_and_the_open_ones_say_whom_they_wait_for() -> None:
    market = Market(AT_ONCE + 3)
    done, waits = list(market.agreed)[:-2], list(market.agreed)[-2:]
    market.settle(done)
    carrier = market.carrier()
    assert await carrier.run_once() == [Moved(number, "claim") for number in done]
    assert market.stands(market.first) == ["CLAIMED"] * len(done) + ["LOCKED"] * 2
    assert {n: (w.who, w.step) for n, w in carrier.waiting.items()} == dict.fromkeys(
        waits, ("QB", "settle")
    )


async def test_one_that_is_refused_stops_none_of_the_others() -> None:
    market = Market(3)
    numbers = list(market.agreed)
    market.settle(numbers)
    for key in [key for key in market.first.state if key.endswith(b"a1\x00")]:
        market.first.state.pop(key)  # a hook that cannot move its asset any more
    carrier = market.carrier()
    assert await carrier.run_once() == [Moved(numbers[n], "claim") for n in (0, 2)]
    assert set(carrier.troubles) == {numbers[1]}


async def test_what_goes_to_a_third_channel_is_left_to_its_own_carrier() -> None:
    market = Market(1)
    third = Foreign()
    market.first.follows(third)
    market.first.ok("PX", "depot", "make", asset="other")
    agreed = terms(
        market.first, third, first=side(market.first, "other", "PX", "QB"),
        second=side(third, "x", "QB", "PX"),
    )  # fmt: skip
    number = market.first.ok("PX", "exchange", "lock", "maker", terms=agreed)
    market.agreed[number] = agreed
    market.second.now_ms = agreed["until_ms"] + 1
    carrier = market.carrier()
    moved = await carrier.run_once()
    assert number not in {step.number for step in moved} | set(carrier.waiting)
    assert market.first.ok("X", "exchange", "stand", id=number) == "LOCKED"
