"""A receivable against coins over two channels: all or nothing, whatever dies, whatever else is done."""

from __future__ import annotations

import ast
import functools
import itertools
from collections.abc import Callable, Iterator
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

from contracts.bundles import load_bundle
from contracts.runtime import keys, values
from contracts.runtime.api import Bundle
from node.exchange.carrier import Carrier, bring
from tests.unit.exchange.memory import Dead, Life, Memory
from tests.unit.suite import test_exchange_assets as assets
from tests.unit.suite.center_world import load
from tests.unit.suite.swap_world import LEAF, UNIT, Sealed, coins, piece, terms, two_worlds
from tests.unit.suite.test_stablecoin import supervisor
from tests.unit.suite.world import EC, HOUR_MS, digest

SUITES = [("sm", "sm"), ("sm", "intl"), ("intl", "sm")]
# leaf's holder and state, and who has the 30 m coins
CROSSED, BACK = ("NB", "ACTIVE", 90, 5), ("LG", "ACTIVE", 60, 35)


class Deal:
    """LG and NB carry an exchange out, each step by a process that may be killed at any of its acts."""

    def __init__(self, *suites: str) -> None:
        self.left, self.right = two_worlds(*suites)
        self.terms = terms(self.left, self.right)
        self.number = str(self.left.ok("X", "exchange", "number", terms=self.terms))

    def sides(self, life: Life, member: str = "C") -> list[Memory]:
        agreed = {self.number: self.terms}
        return [Memory(c, agreed, life, [], member) for c in (self.left, self.right)]

    async def run(self, life: Life) -> None:
        """From wherever it stands to the end; what was done before is refused and changes nothing."""
        (giver, _), (_, taker) = self.sides(life, "LG"), self.sides(life, "NB")
        await giver.send("exchange", "lock", {"terms": self.terms})
        fact = await bring(giver, taker, self.number)
        await taker.send("exchange", "settle", {"terms": self.terms, "fact": fact})
        await self.carry(life)

    async def carry(self, life: Life) -> None:
        await Carrier(*self.sides(life), now_ms=lambda: self.right.now_ms).run_once()

    def late(self) -> None:
        self.right.at(self.terms["until_ms"] + 1)

    @property
    def ends(self) -> tuple[str, str, int, int]:
        leaf = piece(self.left)
        return (
            leaf["holder"], leaf["state"], coins(self.right, "LG") // UNIT,
            coins(self.right, "NB") // UNIT,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("suites", "is_given_up"),
    [(SUITES[0], False), (SUITES[0], True), (SUITES[1], False), (SUITES[2], True)],
)
async def test_a_crash_at_any_step_leaves_all_or_nothing(
    suites: tuple[str, str], is_given_up: bool
) -> None:
    """is_given_up: nobody of the two comes back, and strangers end it after its last moment."""
    seen = set()
    for acts in itertools.count():
        deal = Deal(*suites)
        try:
            await deal.run(Life(acts))
        except Dead:
            at_death = deal.ends
            decided = deal.right.ok("X", "exchange", "stand", id=deal.number)
            assert at_death[:2] in (CROSSED[:2], BACK[:2], ("LG", "IN_EXCHANGE"))
            assert (at_death[2:] == CROSSED[2:]) is (decided == "SETTLED")
            assert at_death[:2] != CROSSED[:2] or decided == "SETTLED"
        else:
            assert deal.ends == CROSSED
            break
        if is_given_up:
            deal.late()
            await deal.carry(Life())
            assert deal.ends == (CROSSED if decided == "SETTLED" else BACK), acts
        else:
            await deal.run(Life())
            assert deal.ends == CROSSED, acts
        seen.add((at_death, decided))
    assert len(seen) == 4  # before the lock, locked, settled, claimed


# ---- among everything else -----------------------------------------------------------------------

PEOPLE = {"LG": "lg", "HL": "hl", "NB": "nb-ops", "QB": "qb-ops"}


class Histories(RuleBasedStateMachine):
    """Ordinary steps by anybody between those of three exchanges, with old and new proofs, clocks apart.

    Two give a leaf (a split one, or the whole) for coins, one gives coins for a leaf."""

    @initialize(suites=st.sampled_from(SUITES))
    def start(self, suites: tuple[str, str]) -> None:
        self.pair = self.left, self.right = two_worlds(*suites)
        both = [terms(*self.pair, salt=bytes([n]) * 16) for n in range(3)]
        both[1]["first"] |= {"asset": f"{LEAF}/2", "taker": "HL"}
        both[2] |= {"first": both[2]["second"], "second": both[2]["first"]}
        self.agreed = both
        self.homes = [(self.left, self.right), (self.left, self.right), (self.right, self.left)]
        self.numbers = [self.left.ok("X", "exchange", "number", terms=t) for t in both]
        self.old: dict[tuple[Sealed, int], bytes] = {}
        self.decided: dict[int, str] = {}
        self.made = 0

    def attempt(self, chain: Sealed, who: str, target: str, **args: Any) -> None:
        result = chain.world.run(who, target, **args)
        assert result.outcome in ("ok", "revert"), (target, result.code, result.message)
        if result.outcome == "ok":
            chain.world.ok(who, target, **args)

    def proof(self, chain: Sealed, n: int, is_old: bool) -> bytes:
        fresh = chain.stand(self.numbers[n])
        return self.old.setdefault((chain, n), fresh) if is_old else fresh

    number = st.integers(0, 2)
    leaves = st.sampled_from([LEAF, f"{LEAF}/1", f"{LEAF}/2"])
    people = st.sampled_from(sorted(PEOPLE))

    @rule(n=number)
    def lock(self, n: int) -> None:
        agreed = self.agreed[n]
        giver = agreed["first"]["giver"]
        self.attempt(self.homes[n][0], PEOPLE[giver], "exchange.lock", terms=agreed)

    @rule(n=number, is_old=st.booleans())
    def settle(self, n: int, is_old: bool) -> None:
        agreed, (first, second) = self.agreed[n], self.homes[n]
        fact = self.proof(first, n, is_old)
        who = PEOPLE[agreed["second"]["giver"]]
        self.attempt(second, who, "exchange.settle", terms=agreed, fact=fact)

    @rule(n=number, who=people)
    def call_off(self, n: int, who: str) -> None:
        self.attempt(self.homes[n][1], PEOPLE[who], "exchange.call_off", terms=self.agreed[n])

    @rule(n=number, move=st.sampled_from(["claim", "release"]), is_old=st.booleans())
    def follow(self, n: int, move: str, is_old: bool) -> None:
        first, second = self.homes[n]
        fact = self.proof(second, n, is_old)
        self.attempt(first, "nobody", f"exchange.{move}", id=self.numbers[n], fact=fact)

    @rule(leaf=leaves, who=people)
    def split(self, leaf: str, who: str) -> None:
        amounts = [400_000_000, 200_000_000]
        self.attempt(self.left, PEOPLE[who], "receivable.split", leaf_id=leaf, amounts=amounts)

    @rule(leaf=leaves, who=people, move=st.sampled_from(["offer", "accept", "recall"]))
    def transfer(self, leaf: str, who: str, move: str) -> None:
        more = {"to": "HL", "basis": digest("plastics")} if move == "offer" else {}
        target = f"receivable.{move}_transfer"
        self.attempt(self.left, PEOPLE[who], target, leaf_id=leaf, **more)

    @rule(leaf=leaves, who=people)
    def finance(self, leaf: str, who: str) -> None:
        args = {"leaf_id": leaf, "purpose": "wages", "consent": True}
        self.attempt(self.left, PEOPLE[who], "financing.request_receivable", **args)

    @rule(leaf=leaves, who=people, is_void=st.booleans())
    def dispute(self, leaf: str, who: str, is_void: bool) -> None:
        """Debtor and holder agree that nothing, or all, is owed."""
        args = {"leaf_id": leaf, "grounds": "goods", "evidence": digest("e")}
        self.attempt(self.left, PEOPLE[who], "remedy.raise_dispute", **args)
        owed = piece(self.left, leaf)["amount_fen"] if self.exists(leaf) else 0
        ended = {"leaf_id": leaf, "outcome": "void" if is_void else "uphold",
                 "owed_fen": 0 if is_void else owed, "decision": digest("d")}  # fmt: skip
        self.attempt(self.left, "arbiter", "remedy.resolve", **ended)

    @rule(who=people, to=people, amount=st.sampled_from([UNIT, 30 * UNIT]))
    def pay(self, who: str, to: str, amount: int) -> None:
        args = {"id": "HKDX", "to": to, "amount": amount}
        self.attempt(self.right, PEOPLE[who], "stablecoin.transfer", **args)

    @rule(state=st.sampled_from(["SUSPENDED", "ACTIVE"]))
    def order(self, state: str) -> None:
        args = {"id": "HKDX", "state": state, "order": digest("order")}
        self.attempt(self.right, "hkma", "stablecoin.supervisor_order", **args)

    @rule(at=st.integers(0, 1), minutes=st.sampled_from([1, 90]))
    def wait(self, at: int, minutes: int) -> None:
        self.pair[at].at(self.pair[at].now_ms + minutes * HOUR_MS // 60)

    def exists(self, leaf: str) -> bool:
        return self.left.world.run("pbc", "receivable.get_piece", leaf_id=leaf).outcome == "ok"

    def stands(self, n: int) -> list[str]:
        number = self.numbers[n]
        return [str(chain.ok("X", "exchange", "stand", id=number)) for chain in self.homes[n]]

    @invariant()
    def both_or_neither(self) -> None:
        stands = [self.stands(n) for n in range(3)]
        for n, (here, there) in enumerate(stands):
            assert self.decided.setdefault(n, there) in ("", there)  # decided once
            self.decided[n] = there
            assert here != "CLAIMED" or there == "SETTLED"
            assert here != "RELEASED" or there == "CALLED_OFF"
            assert there != "SETTLED" or here in ("LOCKED", "CLAIMED")
        every = self.left.world.ok("pbc", "receivable.list_pieces", limit=200)
        held = {leaf["exchange"]: leaf["leaf_id"] for leaf in every if leaf["exchange"]}
        assert held == {
            self.numbers[n]: self.agreed[n]["first"]["asset"]
            for n in (0, 1)
            if stands[n][0] == "LOCKED"
        }
        assert all((leaf["state"] == "IN_EXCHANGE") is bool(leaf["exchange"]) for leaf in every)
        seen = supervisor(self.right.world)
        assert seen["in_exchanges"] == 30 * UNIT * (stands[2][0] == "LOCKED")

    @invariant()
    def nothing_is_lost_or_made(self) -> None:
        facts = self.left.world.ok("pbc", "receivable.invariants", ec_id=EC)
        assert facts["leaves_fen"] == facts["face_fen"] == 600_000_000
        assert facts["every_leaf_has_a_holder"]
        seen = supervisor(self.right.world)
        sums = [sum(one["amount"] for one in seen[what]) for what in ("top_holders", "pledges")]
        assert sum(sums) + seen["in_exchanges"] == seen["supply"]
        assets.assert_audited(self.left)


def test_no_history_of_everything_else_loses_doubles_or_unlocks() -> None:
    machine = settings(max_examples=6, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(Histories, settings=machine)


# ---- every guard of the hooks is needed ----------------------------------------------------------


def switchable(name: str) -> tuple[Bundle, list[str]]:
    """The contract with a switch before each guard of its exchange chapter, a statement that may only refuse;
    and these guards. The switch that is off stands in the state, so that one compilation serves them all."""
    bundle = load_bundle(name)
    tree = ast.parse(bundle.rules["chapters.exchange"])
    found: list[str] = []

    class Switches(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.stmt:
            if not isinstance(node.value, ast.Call) or not is_guard(node.value):
                return node
            found.append(ast.unparse(node))
            test = ast.parse(f"switch['off'] != {len(found)}", mode="eval").body
            return ast.If(test, [node], [])

    tree = ast.fix_missing_locations(Switches().visit(tree))
    place = max(n for n, node in enumerate(tree.body) if isinstance(node, ast.ImportFrom)) + 1
    tree.body[place:place] = ast.parse("switch = Map('switch', 0)").body
    (sdk,) = (n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "sdk")
    sdk.names.append(ast.alias("Map"))
    rules = {**bundle.rules, "chapters.exchange": ast.unparse(tree)}
    return Bundle(name, 1, bundle.main, rules), found


def is_guard(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Name) and call.func.id == "call":
        return True
    return isinstance(call.func, ast.Name) and call.func.id.startswith("require")


CONTRACTS = {name: switchable(name) for name in ("receivable", "stablecoin", "bill")}
GUARDS = [(name, n, guard) for name, (_, found) in CONTRACTS.items()
          for n, guard in enumerate(found, 1)]  # fmt: skip


def probes(contract: str, guard: str) -> list[Callable[[], None]]:
    """What the tests of the hooks ask of a world whose contract was changed; first those that wait for the
    guard's own code."""
    found = []
    for name in sorted(vars(assets)):
        test = getattr(assets, name)
        wanted = set(getattr(test, "__annotations__", {})) - {"return"}
        if not name.startswith("test_") or name in SLOW or not wanted & {"pair", "endorsing"}:
            continue
        if ("endorsing" in wanted) is not (contract == "bill") and name not in OF_ALL:
            continue
        for row in parameters(test):
            is_likely = str(row.get("code", "none")) in guard
            found.append((not is_likely, len(found), functools.partial(probe, test, wanted, row)))
    return [one for _, _, one in sorted(found, key=lambda row: row[:2])]


SLOW = ("test_nothing_is_done_to_a_leaf_under_the_lock",)
OF_ALL = (
    "test_only_the_exchange_calls_the_hooks",
    "test_what_one_exchange_holds_another_does_not_move",
)


def parameters(test: Any) -> Iterator[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{}]
    for mark in getattr(test, "pytestmark", []):
        names, given = mark.args
        named = (names,) if isinstance(names, str) else names
        tuples = [(value,) if isinstance(names, str) else value for value in given]
        rows = [row | dict(zip(named, value, strict=True)) for row in rows for value in tuples]
    yield from rows


def probe(test: Any, wanted: set[str], row: dict[str, Any]) -> None:
    pair = two_worlds()
    if "endorsing" in wanted:
        pair = assets.endorsing.__wrapped__(pair)
    test(**row, **dict.fromkeys(wanted & {"pair", "endorsing"}, pair))


@pytest.mark.parametrize(
    ("contract", "number", "guard"), GUARDS, ids=[f"{g[0]}: {g[2][:70]}" for g in GUARDS]
)
def test_without_any_guard_a_test_of_the_hooks_fails(
    contract: str, number: int, guard: str
) -> None:
    worlds = [chain.first[0] for chain in two_worlds()]
    sound = [world.engine.code[contract, 1] for world in worlds]
    off = keys.state_key(contract, "switch", "off")
    try:
        for world in worlds:
            load(world.engine, CONTRACTS[contract][0])
            world.state[off] = values.encode(number)
        found = next((one for one in probes(contract, guard) if fails(one)), None)
        assert found is not None, guard
        for world in worlds:
            world.state[off] = values.encode(0)
        found()  # and with every guard on it passes
    finally:
        for world, code in zip(worlds, sound, strict=True):
            world.engine.code[contract, 1] = code
            del world.state[off]


def fails(one: Callable[[], None]) -> bool:
    try:
        one()
    except AssertionError:
        return True
    return False
