"""Two channels with the whole cast and real assets, each following the other: a leaf against coins."""

from __future__ import annotations

import functools
from typing import Any

from contracts.bundles import load_bundle
from contracts.runtime.api import TxResult
from tests.unit.suite.center_world import load
from tests.unit.suite.conftest import fresh
from tests.unit.suite.exchange_world import Foreign
from tests.unit.suite.test_stablecoin import issued
from tests.unit.suite.world import EC, HOUR_MS, USERS, World, at, open_world

SALT = bytes(range(16))
UNIT = 1_000_000
ADMINS = {"qb-admin": ("QB", ("admin",)), "nb-admin": ("NB", ("admin",))}
LEAF, COINS = EC, f"HKDX:{30 * UNIT}"


class Sealed(Foreign):
    """A world whose blocks are sealed: one state, called as a world or as a chain."""

    def __init__(self, world: World, suite: str = "sm") -> None:
        super().__init__(suite=suite)
        world.engine.code = dict(world.engine.code)  # other worlds share it
        for name in ("foreign_channel", "exchange"):
            load(world.engine, load_bundle(name))
        self.adopt(world)

    def adopt(self, world: World) -> None:
        self.world, self.engine, self.state = world, world.engine, world.state
        world.channel, world.users = self.id, USERS | ADMINS

    def at(self, now_ms: int) -> None:
        self.now_ms = self.world.now_ms = now_ms

    def call(self, *words: Any, **args: Any) -> TxResult:
        """As a chain's, and the world remembers the events."""
        self.height = self.world.height
        result = super().call(*words, **args)
        self.world.height = self.height
        self.world.past += [(self.height, event) for event in result.events]
        return result


@functools.cache
def _opened(suites: tuple[str, str]) -> tuple[Sealed, Sealed]:
    base = _base()
    left, right = (Sealed(fresh(base), suite) for suite in suites)
    left.world.issue()
    right.at(at("2026-11-20"))
    issued(right.world)  # 60 at LG, 40 at NB
    right.world.ok("nb-checker", "stablecoin.pledge", coin="HKDX", amount=5 * UNIT)
    for chain in (left, right):
        chain.at(at("2026-11-23", 11))
    for here, there in ((left, right), (right, left)):
        here.follows(there)
    return left, right


@functools.cache
def _base() -> World:
    return open_world()


def two_worlds(*suites: str) -> tuple[Sealed, Sealed]:
    """LG's leaf of 600,000,000 fen on the left; coins at LG (60 m) and NB (35 m) on the right. The same two at
    each call, as they were at first. suites: of the left and of the right, `sm` unless told."""
    pair = _opened((*suites, "sm", "sm")[:2])
    for chain in pair:
        now_ms = chain.now_ms
        if not hasattr(chain, "first"):
            chain.first = (fresh(chain.world), now_ms, list(chain.signers), chain.validators)
        world, now_ms, signers, chain.validators = chain.first
        chain.signers = list(signers)
        chain.adopt(fresh(world))
        chain.at(now_ms)
    return pair


def terms(left: Foreign, right: Foreign, /, **changes: Any) -> dict[str, Any]:
    """LG gives its leaf to NB on the left, against 30 m coins of NB on the right, within an hour."""
    agreed = {
        "first": {"channel": left.id, "contract": "receivable", "asset": LEAF, "giver": "LG",
                  "taker": "NB"},
        "second": {"channel": right.id, "contract": "stablecoin", "asset": COINS, "giver": "NB",
                   "taker": "LG"},
        "until_ms": left.now_ms + HOUR_MS,
        "salt": SALT,
    }  # fmt: skip
    for name, value in changes.items():
        agreed[name] = {**agreed[name], **value} if isinstance(value, dict) else value
    return agreed


def piece(left: Sealed, leaf_id: str = LEAF) -> dict[str, Any]:
    return left.world.piece(leaf_id)


def coins(right: Sealed, member: str) -> int:
    return int(right.ok(member, "stablecoin", "balance", id="HKDX"))
