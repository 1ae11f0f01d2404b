"""Two assets on two channels change hands both or neither, whoever stops, is late, or lies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from consensus.encoding import ZERO_HASH, encode
from contracts.runtime.keys import state_key
from contracts.tables import TABLES
from tests.unit.suite.exchange_world import Foreign, side, terms, two_channels

HOUR_MS = 3_600_000
Pair = tuple[Foreign, Foreign]


SUITES = [("sm", "sm"), ("sm", "intl"), ("intl", "sm")]


@pytest.fixture(params=SUITES, ids="-".join)
def pair(request: pytest.FixtureRequest) -> Pair:
    return two_channels(*request.param)


def owners(pair: Pair) -> tuple[str, str]:
    first, second = pair
    return (
        first.ok("X", "depot", "owner", asset="bl"),
        second.ok("X", "depot", "owner", asset="money"),
    )


def lock(pair: Pair, **changes: Any) -> tuple[dict[str, Any], str]:
    agreed = terms(*pair, **changes)
    return agreed, pair[0].ok("PX", "exchange", "lock", "maker", terms=agreed)


def settle(pair: Pair, agreed: dict[str, Any], number: str) -> None:
    pair[1].ok("QB", "exchange", "settle", "maker", terms=agreed, fact=pair[0].stand(number))


def test_the_assets_cross_over(pair: Pair) -> None:
    first, second = pair
    agreed, number = lock(pair)
    assert first.ok("X", "exchange", "number", terms=agreed) == number
    first.refused("E_HELD", "PX", "depot", "give", asset="bl", to="XY")
    settle(pair, agreed, number)
    assert owners(pair) == ("PX", "PX")  # the second has moved, the first is bound to follow
    first.ok("anybody", "exchange", "claim", id=number, fact=second.stand(number))
    assert owners(pair) == ("QB", "PX")
    assert first.ok("X", "exchange", "stand", id=number) == "CLAIMED"
    assert first.ok("X", "exchange", "get", id=number)["terms"] == agreed
    assert second.ok("X", "exchange", "stand", id=number) == "SETTLED"


def sealed(chain: Foreign) -> bytes:
    """The next header, whatever it is of."""
    return encode(chain.certified(ZERO_HASH))


def test_nothing_decided_in_time_frees_the_asset_though_nobody_calls_it_off(pair: Pair) -> None:
    first, second = pair
    agreed, number = lock(pair)
    absent, early = second.stand(number), sealed(second)
    first.refused(
        "E_EXCHANGE_EARLY", "PX", "exchange", "lapse", id=number, fact=absent, header=early
    )
    second.now_ms = agreed["until_ms"]
    first.refused(
        "E_EXCHANGE_EARLY", "PX", "exchange", "lapse", id=number, fact=absent, header=sealed(second)
    )
    before = second.stand(number)
    second.now_ms += 1
    at_once = second.fact(state_key("exchange", "stand", number))  # shows the block before its own
    for fact, header in (
        (absent, encode(at_once.settled)), (before, encode(at_once.settled)),
        (encode(at_once), encode(at_once.settled)), (absent, absent), (before, early[:-1]),
    ):  # fmt: skip
        code = "E_FOREIGN_PROOF"
        first.refused(code, "PX", "exchange", "lapse", id=number, fact=fact, header=header)
    args = {"id": number, "fact": second.stand(number), "header": encode(at_once.settled)}
    first.ok("anybody", "exchange", "lapse", **args)
    first.refused("E_STATE", "PX", "exchange", "lapse", **args)
    assert owners(pair) == ("PX", "QB")
    second.refused(
        "E_EXCHANGE_LATE", "QB", "exchange", "settle", "maker", terms=agreed,
        fact=first.stand(number),
    )  # fmt: skip
    second.ok("X", "exchange", "call_off", terms=agreed)
    assert second.ok("X", "exchange", "stand", id=number) == "CALLED_OFF"


def test_what_was_settled_in_time_never_lapses(pair: Pair) -> None:
    first, second = pair
    agreed, number = lock(pair)
    old = second.stand(number)
    settle(pair, agreed, number)
    second.now_ms = agreed["until_ms"] + 1
    header, now = sealed(second), second.stand(number)
    for fact in (old, now):
        first.refused(
            "E_FOREIGN_PROOF", "PX", "exchange", "lapse", id=number, fact=fact, header=header
        )
    first.ok("X", "exchange", "claim", id=number, fact=now)


def test_only_its_taker_gives_the_asset_up_and_only_when_nothing_settles_any_more(
    pair: Pair,
) -> None:
    first, _ = pair
    agreed, number = lock(pair)
    first.now_ms = agreed["until_ms"] + 24 * HOUR_MS
    first.refused("E_EXCHANGE_EARLY", "QB", "exchange", "waive", "checker", id=number)
    first.now_ms += 1
    for who, role in (("PX", "checker"), ("QB", "maker"), ("XY", "checker")):
        first.refused("E_NOT_PARTY", who, "exchange", "waive", role, id=number)
    first.ok("QB", "exchange", "waive", "checker", id=number)
    assert first.ok("X", "exchange", "stand", id=number) == "RELEASED"
    first.ok("PX", "depot", "give", asset="bl", to="XY")


def test_what_is_called_off_goes_back(pair: Pair) -> None:
    first, second = pair
    agreed, number = lock(pair)
    second.refused("E_EXCHANGE_EARLY", "PX", "exchange", "call_off", terms=agreed)
    second.ok("QB", "exchange", "call_off", terms=agreed)  # the giver may decline at any time
    second.refused(
        "E_STATE", "QB", "exchange", "settle", "maker", terms=agreed, fact=first.stand(number)
    )
    first.ok("X", "exchange", "release", id=number, fact=second.stand(number))
    assert owners(pair) == ("PX", "QB")
    first.ok("PX", "depot", "give", asset="bl", to="XY")


def test_after_the_last_moment_anyone_calls_it_off(pair: Pair) -> None:
    first, second = pair
    agreed, number = lock(pair)
    second.now_ms = agreed["until_ms"] + 1
    second.refused(
        "E_EXCHANGE_LATE", "QB", "exchange", "settle", "maker", terms=agreed,
        fact=first.stand(number),
    )  # fmt: skip
    second.ok("X", "exchange", "call_off", terms=agreed)
    first.ok("X", "exchange", "release", id=number, fact=second.stand(number))
    assert owners(pair) == ("PX", "QB")


def test_the_decision_of_the_second_channel_alone_moves_the_first(pair: Pair) -> None:
    first, second = pair
    agreed, number = lock(pair)
    for move in ("claim", "release"):  # nothing is decided yet
        first.refused(
            "E_FOREIGN_PROOF", "QB", "exchange", move, id=number, fact=second.stand(number)
        )
    settle(pair, agreed, number)
    proof = second.stand(number)
    first.refused("E_FOREIGN_PROOF", "PX", "exchange", "release", id=number, fact=proof)
    first.refused("E_FOREIGN_PROOF", "PX", "exchange", "claim", id=number, fact=proof[:-1])
    first.ok("X", "exchange", "claim", id=number, fact=proof)
    for move in ("claim", "release"):
        first.refused("E_STATE", "X", "exchange", move, id=number, fact=proof)
    first.refused("E_NOT_FOUND", "X", "exchange", "claim", id="00" * 32, fact=proof)


def test_a_lock_under_other_terms_settles_nothing(pair: Pair) -> None:
    first, second = pair
    _, number = lock(pair)
    better = terms(*pair, until_ms=terms(*pair)["until_ms"] + 1)
    second.refused(
        "E_FOREIGN_PROOF", "QB", "exchange", "settle", "maker", terms=better,
        fact=first.stand(number),
    )  # fmt: skip


def test_who_does_not_give_can_neither_lock_nor_settle(pair: Pair) -> None:
    first, second = pair
    first.refused("E_NOT_PARTY", "QB", "exchange", "lock", "maker", terms=terms(*pair))
    first.refused("E_NOT_PARTY", "PX", "exchange", "lock", terms=terms(*pair))  # no trader
    agreed, number = lock(pair)
    second.refused(
        "E_NOT_PARTY", "PX", "exchange", "settle", "maker", terms=agreed, fact=first.stand(number)
    )


def test_an_asset_is_in_one_exchange_at_a_time_and_its_givers_own(pair: Pair) -> None:
    first, second = pair
    lock(pair)
    first.refused("E_STATE", "PX", "exchange", "lock", "maker", terms=terms(*pair))
    again = terms(*pair, salt=bytes(16))
    first.refused("E_HELD", "PX", "exchange", "lock", "maker", terms=again)
    foreign = terms(*pair, salt=bytes(17), first=side(first, "bl", "XY", "QB"))
    first.refused("E_NOT_PARTY", "XY", "exchange", "lock", "maker", terms=foreign)
    # the second asset was given away meanwhile: nothing moves
    number = first.ok("X", "exchange", "number", terms=terms(*pair))
    second.ok("QB", "depot", "give", asset="money", to="NB")
    second.refused(
        "E_NOT_PARTY", "QB", "exchange", "settle", "maker", terms=terms(*pair),
        fact=first.stand(number),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({"salt": b"short"}, "E_EXCHANGE_TERMS"),
        ({"until_ms": 0}, "E_EXCHANGE_TERMS"),
        ({"until_ms": 2**60}, "E_EXCHANGE_TERMS"),
        ({"first": {"giver": "QB"}}, "E_EXCHANGE_TERMS"),
        ({"first": {"asset": ""}}, "E_EXCHANGE_TERMS"),
        ({"second": {"taker": "x" * 65}}, "E_EXCHANGE_TERMS"),
        ({"second": {"channel": b"short"}}, "E_EXCHANGE_TERMS"),
        ({"second": {"channel": bytes(32)}}, "E_FOREIGN_CHANNEL"),
        ({"first": {"channel": bytes(32)}}, "E_EXCHANGE_CHANNEL"),
    ],
)
def test_terms_that_cannot_be_kept_are_refused(pair: Pair, what: dict[str, Any], code: str) -> None:
    agreed = terms(*pair)
    for name, value in what.items():
        agreed[name] = agreed[name] | value if isinstance(value, dict) else value
    giver = agreed["first"]["giver"]
    pair[0].refused(code, giver, "exchange", "lock", "maker", terms=agreed)


def test_both_sides_on_one_channel_is_no_exchange(pair: Pair) -> None:
    first, _ = pair
    agreed = terms(*pair, second=side(first, "bl", "QB", "PX"))
    first.refused("E_EXCHANGE_CHANNEL", "PX", "exchange", "lock", "maker", terms=agreed)


def test_only_the_exchange_moves_what_it_holds(pair: Pair) -> None:
    first, _ = pair
    _, number = lock(pair)
    for move in ("exchange_move", "exchange_free"):
        first.refused("E_CALLER", "PX", "depot", move, asset="bl", number=number)


def test_every_call_in_every_state_is_as_the_tables_say(pair: Pair) -> None:
    """Both records, brought to each of their states for real, and each call tried on each."""
    first, second = pair
    tables = {table.record: table for table in TABLES if table.contract == "exchange"}
    assert set(tables) == {"exchange here", "exchange there"}
    locked, number = lock(pair)
    for salt, ends in (
        (bytes(16), ("SETTLED", "CLAIMED")),
        (bytes(17), ("CALLED_OFF", "RELEASED")),
    ):
        first, second = two_channels()
        agreed, number = lock((first, second), salt=salt)
        seen = {first: "LOCKED", second: "-"}
        _check(tables, seen, agreed, number)
        if ends[0] == "SETTLED":
            settle((first, second), agreed, number)
        else:
            second.ok("QB", "exchange", "call_off", terms=agreed)
        seen[second] = ends[0]
        _check(tables, seen, agreed, number)
        move = "claim" if ends[1] == "CLAIMED" else "release"
        first.ok("X", "exchange", move, id=number, fact=second.stand(number))
        seen[first] = ends[1]
        _check(tables, seen, agreed, number)
    assert locked != agreed


def _check(
    tables: dict[str, Any], seen: dict[Foreign, str], agreed: dict[str, Any], number: str
) -> None:
    first, second = seen
    for chain, record, giver in ((first, "exchange here", "PX"), (second, "exchange there", "QB")):
        other = second if chain is first else first
        for move in tables[record].calls:
            args: dict[str, Any] = {"terms": agreed}
            if move in ("claim", "release"):
                args = {"id": number, "fact": other.stand(number)}
            elif move == "lapse":
                args = {"id": number, "fact": other.stand(number), "header": sealed(other)}
            elif move == "waive":
                args = {"id": number}
            elif move == "settle":
                args["fact"] = other.stand(number)
            before = dict(chain.state)
            result = chain.call(giver, "exchange", move, "maker", **args)
            chain.state.clear()
            chain.state.update(before)
            allowed = tables[record].allows(seen[chain], move)
            assert (result.code == "E_STATE") is not allowed, (
                record,
                seen[chain],
                move,
                result.code,
            )
            assert result.outcome in ("ok", "revert")


class Histories(RuleBasedStateMachine):
    """Anything in any order, by anybody, with old and new proofs, clocks apart."""

    @initialize(suites=st.sampled_from(SUITES))
    def start(self, suites: tuple[str, str]) -> None:
        self.pair = two_channels(*suites)
        self.agreed = [terms(*self.pair, salt=bytes([n]) * 16) for n in range(2)]
        self.numbers = [self.pair[0].ok("X", "exchange", "number", terms=t) for t in self.agreed]
        self.old: list[list[bytes]] = [[], []]
        self.decided: dict[str, str] = {}

    def attempt(self, at: int, who: str, move: str, **args: Any) -> None:
        self.pair[at].call(who, "exchange", move, "maker", **args)

    def proof(self, of: int, n: int, is_old: bool) -> bytes:
        fresh = self.pair[of].stand(self.numbers[n])
        self.old[of].append(fresh)
        return self.old[of][n % len(self.old[of])] if is_old else fresh

    @rule(n=st.integers(0, 1), who=st.sampled_from(["PX", "QB"]))
    def lock(self, n: int, who: str) -> None:
        self.attempt(0, who, "lock", terms=self.agreed[n])

    @rule(n=st.integers(0, 1), is_old=st.booleans())
    def settle(self, n: int, is_old: bool) -> None:
        self.attempt(1, "QB", "settle", terms=self.agreed[n], fact=self.proof(0, n, is_old))

    @rule(n=st.integers(0, 1), who=st.sampled_from(["PX", "QB"]))
    def call_off(self, n: int, who: str) -> None:
        self.attempt(1, who, "call_off", terms=self.agreed[n])

    @rule(n=st.integers(0, 1), move=st.sampled_from(["claim", "release"]), is_old=st.booleans())
    def follow(self, n: int, move: str, is_old: bool) -> None:
        self.attempt(0, "X", move, id=self.numbers[n], fact=self.proof(1, n, is_old))

    @rule(n=st.integers(0, 1), is_old=st.booleans())
    def lapse(self, n: int, is_old: bool) -> None:
        header = sealed(self.pair[1])
        args = {"id": self.numbers[n], "fact": self.proof(1, n, is_old), "header": header}
        self.attempt(0, "X", "lapse", **args)

    @rule(at=st.integers(0, 1), hours=st.integers(0, 1))
    def wait(self, at: int, hours: int) -> None:
        self.pair[at].now_ms += hours * HOUR_MS + 1

    @rule(at=st.integers(0, 1))
    def new_validators(self, at: int) -> None:
        last, validators = self.pair[at].change_validators()
        self.pair[1 - at].ok(
            "X", "foreign_channel", "follow", channel=self.pair[at].id, last=last,
            validators=validators,
        )  # fmt: skip

    @invariant()
    def both_or_neither(self) -> None:
        stands = [
            [chain.ok("X", "exchange", "stand", id=n) for chain in self.pair] for n in self.numbers
        ]
        bl, money = owners(self.pair)
        until = self.agreed[0]["until_ms"]
        for number, (here, there) in zip(self.numbers, stands, strict=True):
            assert self.decided.setdefault(number, there) in ("", there)  # decided once
            self.decided[number] = there
            assert here != "CLAIMED" or there == "SETTLED"
            assert here != "RELEASED" or there in ("CALLED_OFF", "")
            assert (here, there) != ("RELEASED", "") or self.pair[1].now_ms > until
            assert there != "SETTLED" or here in ("LOCKED", "CLAIMED")
        assert (bl == "QB") is any(here == "CLAIMED" for here, _ in stands)
        assert (money == "PX") is any(there == "SETTLED" for _, there in stands)
        assert sum(here == "LOCKED" for here, _ in stands) <= 1


def test_no_history_moves_one_asset_without_the_other() -> None:
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=8, stateful_step_count=15, deadline=None)
    )
