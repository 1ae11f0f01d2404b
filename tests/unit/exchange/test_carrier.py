"""Carriers die at every step, race, and meet new validators: an exchange still ends alike on both channels."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from consensus.proof import SetChange
from consensus.validators import ValidatorSet
from contracts.runtime import values
from node.exchange.carrier import Carrier, ExchangeRefused, Moved, bring
from tests.unit.exchange.memory import Dead, Life, Memory, changed_validators
from tests.unit.suite.exchange_world import Foreign, terms, two_channels


class Play:
    """An exchange that is locked on the first channel."""

    def __init__(self, *suites: str) -> None:
        self.first, self.second = two_channels(*suites)
        self.terms = terms(self.first, self.second)
        self.number = self.first.ok("PX", "exchange", "lock", "maker", terms=self.terms)
        self.now_ms = self.second.now_ms
        self.changes: dict[Foreign, list[SetChange]] = {self.first: [], self.second: []}

    def carrier(self, life: Life | None = None) -> Carrier:
        return Carrier(*self.sides(life or Life()), now_ms=lambda: self.now_ms)

    def sides(self, life: Life) -> list[Memory]:
        agreed = {self.number: self.terms}
        return [Memory(c, agreed, life, self.changes[c]) for c in (self.first, self.second)]

    async def settle(self) -> None:
        fact = await bring(*self.sides(Life()), self.number)
        self.second.ok("QB", "exchange", "settle", "maker", terms=self.terms, fact=fact)

    def late(self) -> None:
        self.now_ms = self.second.now_ms = self.terms["until_ms"] + 1

    def change_validators(self, chain: Foreign) -> None:
        self.changes[chain].append(changed_validators(chain))

    @property
    def ends(self) -> tuple[str, str, str, str]:
        def ask(chain: Foreign, contract: str, method: str, **args: Any) -> str:
            return str(chain.ok("X", contract, method, **args))

        return (
            ask(self.first, "exchange", "stand", id=self.number),
            ask(self.second, "exchange", "stand", id=self.number),
            ask(self.first, "depot", "owner", asset="bl"),
            ask(self.second, "depot", "owner", asset="money"),
        )


CROSSED = ("CLAIMED", "SETTLED", "QB", "PX")
BACK = ("RELEASED", "CALLED_OFF", "PX", "QB")


async def test_a_settled_exchange_is_claimed_and_an_open_one_left_alone() -> None:
    play = Play()
    assert await play.carrier().run_once() == []
    await play.settle()
    assert await play.carrier().run_once() == [Moved(play.number, "claim")]
    assert play.ends == CROSSED
    assert await play.carrier().run_once() == []


async def test_a_late_one_is_called_off_and_released() -> None:
    play = Play()
    play.late()
    assert [m.step for m in await play.carrier().run_once()] == ["call_off", "release"]
    assert play.ends == BACK


@pytest.mark.parametrize("is_late", [False, True])
async def test_wherever_carriers_die_both_move_or_neither(is_late: bool) -> None:
    for acts in itertools.count():
        play = Play()
        if is_late:
            play.late()
        else:
            await play.settle()
        try:
            await play.carrier(Life(acts)).run_once()
        except Dead:
            assert play.ends in (CROSSED, BACK) or play.ends[0] == "LOCKED"
        else:
            break
        await play.carrier().run_once()
        assert play.ends == (BACK if is_late else CROSSED), acts
    assert acts > 4


async def test_two_carriers_at_once_do_it_once() -> None:
    play = Play()
    await play.settle()
    one, other = play.carrier(), play.carrier()
    number, agreed = play.number, play.terms
    assert await one._carry(number, agreed) == [Moved(number, "claim")]
    assert await other._carry(number, agreed) == []
    assert (play.ends, other.troubles) == (CROSSED, {})


@pytest.mark.parametrize("suites", [("sm", "sm"), ("sm", "intl"), ("intl", "sm")])
async def test_changes_of_validators_are_told_on_the_way(suites: tuple[str, str]) -> None:
    play = Play(*suites)
    for _ in range(2):
        play.change_validators(play.first)
    await play.settle()  # its proof is of the third epoch
    play.change_validators(play.second)
    assert await play.carrier().run_once() == [Moved(play.number, "claim")]
    assert play.ends == CROSSED


async def test_what_a_channel_refuses_is_kept_as_trouble_and_tried_again() -> None:
    play = Play()
    await play.settle()
    key = next(key for key in play.first.state if b"introduced" in key)
    confirmed = play.first.state[key]
    play.first.state[key] = values.encode(("QB", ""))  # not followed any more
    carrier = play.carrier()
    assert await carrier.run_once() == []
    assert carrier.troubles == {play.number: "claim: E_FOREIGN_CHANNEL"}
    play.first.state[key] = confirmed
    assert await carrier.run_once() == [Moved(play.number, "claim")]
    assert (carrier.troubles, play.ends) == ({}, CROSSED)


async def test_a_change_that_proves_nothing_is_refused() -> None:
    play = Play()
    await play.settle()
    play.change_validators(play.second)
    change = play.changes[play.second][0]
    forged = ValidatorSet(1, change.validators.validators[:1])
    play.changes[play.second][0] = SetChange(change.last, forged)
    with pytest.raises(ExchangeRefused, match="follow: E_FOREIGN_PROOF"):
        await play.carrier()._carry(play.number, play.terms)
    assert play.ends[0] == "LOCKED"


async def test_a_channel_that_takes_nothing_any_more_still_shows_that_nothing_was_decided() -> None:
    play = Play()
    play.late()
    carrier = play.carrier()
    carrier.second.is_silent = True  # type: ignore[attr-defined]
    assert await carrier.run_once() == []  # no header of after the last moment has been shown yet
    assert carrier.troubles == {play.number: "lapse: E_EXCHANGE_EARLY"}
    assert await carrier.run_once() == [Moved(play.number, "lapse")]
    assert play.ends == ("RELEASED", "", "PX", "QB")
    play.second.refused(
        "E_EXCHANGE_LATE", "QB", "exchange", "settle", "maker", terms=play.terms,
        fact=play.first.stand(play.number),
    )  # fmt: skip
