"""Chain, center and relay of one delivery, each of which can die at any step and comes back from what was
durable.

The chain's state is a dictionary that survives; the center is the real one over LevelDB, closed and opened
again; the relay keeps its journal. `Crash` stands for a process that is gone, `Away` for one that does not
answer.
"""

from __future__ import annotations

import asyncio
import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consensus.encoding import Hash, encode
from consensus.payment import SignedCoinTransaction
from consensus.payment_lock import LockTerms, Witness, WitnessedTransaction
from deploy.regcenter.center import Center
from deploy.regcenter.errors import CenterError
from deploy.regcenter.operations import Refresh
from node.errors import CityError
from node.oracle.delivery import STEPS, Delivery, End, Financing, Trade
from node.oracle.journal import Journal
from tests.unit.suite.world import EC, HOUR_MS, World, open_world

NET = 49_309_514
DAY_MS = 24 * HOUR_MS
PROCESSES = ("relay", "chain", "center")
MOMENTS = ("before", "after")
STEP_OF = {
    "settle": "settle",
    "confirm_release": "confirm",
    "unwind": "unwind",
}  # calls of the chain
LEAF = f"{EC}/2/1"


class Crash(Exception):
    """The relay's process is gone."""


@dataclass
class Fault:
    """The `process` dies at `step`, before or after what it does there; `down` until the time-outs are over."""

    process: str
    step: str
    moment: str
    down: bool = False
    fired: bool = False

    def hits(self, process: str, step: str, moment: str) -> bool:
        if self.down and self.fired:
            return process == self.process
        if self.fired or (process, step, moment) != (self.process, self.step, self.moment):
            return False
        self.fired = True
        return True


def away(what: str) -> CityError:
    return CityError("CITY-7001", url=what, detail="it was killed")


class ChainUnderTest:
    """The bank's connection. A killed chain node loses what is not in its state, and comes back with it."""

    def __init__(self, world: World, fault: Fault) -> None:
        self.world, self.fault = world, fault

    def now_ms(self) -> int:
        return self.world.now_ms

    def _reach(self, step: str, moment: str) -> None:
        if self.fault.hits("chain", step, moment):
            raise away("chain")

    async def financing(self, request_id: str) -> Financing:
        if self.fault.down and self.fault.fired and self.fault.process == "chain":
            raise away("chain")
        found = self.world.ok("pbc", "financing.get", request_id=request_id)
        return Financing(found["state"], found["preimage"])

    async def anchor(self) -> int:
        assert self.world.money is not None
        log_id = self.world.money.center.log_id
        return int(self.world.ok("pbc", "dcep.anchor", log_id=log_id))

    async def call(self, method: str, **args: Any) -> str:
        step = STEP_OF[method]
        self._reach(step, "before")
        target = f"financing.{method}"
        result = self.world.run("qb-ops", target, **args)
        if result.outcome == "ok":
            self.world.ok("qb-ops", target, **args)
        self._reach(step, "after")
        return "" if result.outcome == "ok" else result.code


class CenterUnderTest:
    """The real center; when it dies it is opened again from its folder."""

    def __init__(self, world: World, directory: Path, fault: Fault) -> None:
        self.world, self.directory, self.fault = world, directory, fault

    @property
    def center(self) -> Center:
        assert self.world.money is not None
        return self.world.money.center

    def _reach(self, step: str, moment: str) -> None:
        if self.fault.hits("center", step, moment):
            self.restart()
            raise away("center")

    def restart(self) -> None:
        assert self.world.money is not None
        self.center.close()
        self.world.money.center = Center.open(self.directory, lambda: self.world.now_ms)

    def _accept(self, operation: Any, step: str) -> None:
        self._reach(step, "before")
        (outcome,) = self.center.process([operation])
        self._reach(step, "after")
        if isinstance(outcome, CenterError):
            raise CityError("CITY-7002", reason=outcome.code, detail=str(outcome))

    async def lock(self, signed: SignedCoinTransaction, terms: LockTerms) -> None:
        self._accept(WitnessedTransaction(signed, Witness(terms=terms)), "lock")

    async def release(self, signed: SignedCoinTransaction, preimage: bytes) -> None:
        step = "release" if preimage else "refund"
        self._accept(WitnessedTransaction(signed, Witness(preimage=preimage)), step)

    async def proof(self, txid: bytes, anchor_size: int) -> bytes:
        assert self.world.money is not None
        self.center.process([Refresh()])
        wallet = self.world.wallets["QB"]
        return encode(self.world.money.proof(wallet, Hash(txid), 0, anchor_size))

    async def knows(self, txid: bytes) -> bool:
        return self.center.record(Hash(txid)) is not None


def balance(center: Center, world: World, member: str) -> int:
    return sum(v for _, v in center.unspent(world.wallets[member].address, Hash(bytes(32)), 200))


class Stage:
    """XY's leaf is cleared for QB at 49,309,514 fen; QB's wallet holds exactly that."""

    def __init__(self, world: World, directory: Path, fault: Fault) -> None:
        self.world, self.fault = world, fault
        self.request_id, terms = world.to_cleared()
        assert world.money is not None
        coin = world.money.fund(world.wallets["QB"], NET)
        self.plan, self.preimage = Trade.draw_up(
            self.request_id, world.money.center.log_id, world.wallets["QB"].signer,
            world.wallets["XY"].signer, ((coin, NET),), NET, terms["pay_reference"],
            world.now_ms + 30 * HOUR_MS, world.now_ms,
        )  # fmt: skip
        self.chain = ChainUnderTest(world, fault)
        self.center = CenterUnderTest(world, directory / "center", fault)
        self.journal = directory / "delivery"
        self.delivery: Delivery | None = None
        self.trail: list[str] = []

    def _relay(self, name: str) -> None:
        moment, step = name.removeprefix("dvp-").split("-", 1)
        self.trail.append(name)
        if self.fault.hits("relay", step, moment):
            raise Crash(name)

    def start(self) -> Delivery:
        """The relay's process, new or again."""
        journal = Journal(self.journal)
        parts = (journal, self.chain, self.center, self._relay)
        if any(journal):
            return Delivery.resume(*parts)
        return Delivery.begin(self.plan, self.preimage, *parts)

    async def drive(self, tries: int = 4) -> End | None:
        """A few attempts; a crashed relay is started anew, an absent chain or center waited for."""
        for _ in range(tries):
            if self.delivery is None:
                self.delivery = self.start()
            try:
                return await self.delivery.advance()
            except Crash:
                self.delivery = None
            except CityError as error:
                assert error.code == "CITY-7001", error
        return None

    def outcome(self) -> str:
        """What became of leaf and money: `all`, `nothing`, or what must never be."""
        holder = self.world.piece(LEAF)["holder"]
        center = self.center.center
        paid = balance(center, self.world, "XY")
        back = balance(center, self.world, "QB")
        if (holder, paid, back) == ("QB", NET, 0):
            return "all"
        if (holder, paid, back) == ("XY", 0, NET):
            return "nothing"
        return f"TORN: leaf {holder}, borrower {paid}, bank {back}"


async def play(stage: Stage) -> str:
    """To the end: at once where everybody comes back, past both time-outs where somebody stays away."""
    end = await stage.drive()
    stage.world.now_ms += 4 * DAY_MS  # past the lock's end and the financing's time-out
    stage.fault.down = False
    if end is not End.DELIVERED:
        result = stage.world.run("xy", "financing.timeout", request_id=stage.request_id)
        if result.outcome == "ok":
            stage.world.ok("xy", "financing.timeout", request_id=stage.request_id)
        await stage.drive()
    return stage.outcome()


def prepare() -> World:
    """The story up to step 9, without a center: XY holds its leaf."""
    world = open_world()
    world.issue()
    world.to_tier_three()
    return world


def make_stage(prepared: World, directory: Path, fault: Fault) -> Stage:
    """A copy of the prepared world with a center of its own."""
    world = copy.copy(prepared)
    world.state = type(prepared.state)(prepared.state)
    world.engine = copy.copy(prepared.engine)
    world.engine.state = world.state
    world.wallets = dict(prepared.wallets)
    world.open_center(directory / "center")
    return Stage(world, directory, fault)


def cases() -> list[Fault]:
    return [
        Fault(process, step, moment, down)
        for step in STEPS
        for process in PROCESSES
        for moment in MOMENTS
        for down in (False, True)
        if applies(process, step)
    ]


def applies(process: str, step: str) -> bool:
    """The chain does nothing when money is locked, released or refunded; the center gives the proofs of the
    rest."""
    return process == "relay" or (process == "chain") == (step in ("settle", "confirm", "unwind"))


def run_case(prepared: World, directory: Path, fault: Fault) -> str:
    """What became of leaf and money."""
    directory.mkdir(parents=True)
    stage = make_stage(prepared, directory, fault)
    if fault.step == "refund":
        asyncio.run(too_late_to_settle(stage))
    if fault.step == "unwind":
        asyncio.run(too_late_to_release(stage))
    outcome = asyncio.run(play(stage))
    stage.center.center.close()
    return outcome


async def too_late_to_settle(stage: Stage) -> None:
    """The bank locked in time, and its relay was away until too little time was left to settle."""
    stage.delivery = stage.start()
    Journal(stage.journal).append(step="locking")
    await stage.center.lock(stage.plan.lock, stage.plan.terms)
    stage.delivery = None
    stage.world.now_ms += 20 * HOUR_MS


async def too_late_to_release(stage: Stage) -> None:
    """The leaf has moved, and then everybody who could release was away until the lock's end."""
    fault, stage.fault.fired = Fault("relay", "release", "before"), False
    real = stage.fault
    stage.fault = fault
    await stage.drive(tries=1)
    stage.fault = real
    stage.delivery = None
    stage.world.now_ms += 31 * HOUR_MS
