"""The faults, as data: what is done, how it is undone, and where it makes no sense."""

from __future__ import annotations

import asyncio
import glob
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consensus.encoding import decode
from node.failpoints import NODE as FAILPOINTS
from node.identity.suite import get_suite
from node.network.layout import Layout
from node.network.observer import choose_city, write_observer
from node.peers.statement import SignedGrant, issue_grant
from node.sdk.errors import CityError
from tests.faults.city_network import Network
from tests.faults.rogue import Rogue

HOUR_MS = 3_600_000
VIEW_TIMEOUT_S = 2.0  # the first one of the configuration; it grows with each view
HOLD_S = 1.75 * VIEW_TIMEOUT_S
DEATH_SECONDS = 120.0
FAKETIME = sorted(glob.glob("/usr/lib/*/faketime/libfaketime.so.1"))


@dataclass(slots=True)
class Scene:
    """What a fault is played on. notes: what of it should be told."""

    network: Network
    rng: random.Random
    notes: list[str] = field(default_factory=list)

    def one(self) -> str:
        return self.rng.choice(self.network.order)

    def others(self, slug: str) -> list[str]:
        return [each for each in self.network.order if each != slug]


Inject = Callable[[Scene], Awaitable[Any]]
Heal = Callable[[Scene, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """hold_s: how long it lasts. engines: those that promise to live with it. why_not: "" where it can be
    played. among_changes: whether it means something at whatever node, while validators come and go."""

    name: str
    inject: Inject
    heal: Heal
    hold_s: float = 3.0
    engines: tuple[str, ...] = ("pbft", "raft")
    why_not: Callable[[Scene], str] = lambda scene: ""
    among_changes: bool = True


# ---- processes ------------------------------------------------------------------------------------


async def _kill_one(scene: Scene) -> str:
    victim = scene.one()
    await scene.network.kill_all(victim)
    return victim


async def _kill_leader(scene: Scene) -> str:
    victim = await scene.network.leader()
    await scene.network.kill_all(victim)
    return victim


async def _restart(scene: Scene, victim: str) -> None:
    await scene.network.begin(victim)


def _dies_at(failpoint: str) -> Inject:
    async def inject(scene: Scene) -> str:
        victim, count = scene.one(), 1 + scene.rng.randrange(4)
        await scene.network.end(victim)
        try:
            await scene.network.begin(victim, failpoint=f"{failpoint}:{count}")
        except CityError:
            return victim  # it came there before it served anybody
        async with asyncio.timeout(DEATH_SECONDS):
            while scene.network.is_running(victim):
                await asyncio.sleep(0.1)
        return victim

    return inject


async def _stop_leader(scene: Scene) -> str:
    victim = await scene.network.leader()
    scene.network.signal(victim, signal.SIGSTOP)
    return victim


async def _continue(scene: Scene, victim: str) -> None:
    scene.network.signal(victim, signal.SIGCONT)


async def _kill_all(scene: Scene) -> None:
    await scene.network.kill_all(*scene.network.order)


async def _start_all(scene: Scene, _: Any) -> None:
    await scene.network.begin(*scene.network.order)


async def _rolling(scene: Scene) -> None:
    for slug in scene.network.order:
        await scene.network.end(slug)
        await scene.network.begin(slug)


async def _nothing(scene: Scene, _: Any) -> None:
    """It is over by itself."""


# ---- the network ----------------------------------------------------------------------------------


async def _isolate_leader(scene: Scene) -> None:
    victim = await scene.network.leader()
    scene.network.mesh.cut([victim], scene.others(victim))


async def _halves(scene: Scene) -> None:
    order = scene.rng.sample(scene.network.order, len(scene.network.order))
    half = len(order) // 2
    scene.network.mesh.cut(order[:half], order[half:])


async def _bridge(scene: Scene) -> None:
    """Two halves see each other through one node only."""
    order = scene.rng.sample(scene.network.order, len(scene.network.order))
    half = (len(order) - 1) // 2
    scene.network.mesh.cut(order[:half], order[half + 1 :])


async def _one_way(scene: Scene) -> None:
    """The leader is not heard by some, and hears them."""
    victim = await scene.network.leader()
    others = scene.others(victim)
    scene.network.mesh.mute(victim, scene.rng.sample(others, 1 + len(others) // 2))


async def _slow(scene: Scene) -> None:
    scene.network.mesh.slow(0.02 + 0.1 * scene.rng.random(), 0.02)


async def _lose(scene: Scene) -> None:
    scene.network.mesh.lose(0.002 + 0.02 * scene.rng.random())


async def _heal_mesh(scene: Scene, _: Any) -> None:
    scene.network.mesh.heal()


# ---- clock and disk -------------------------------------------------------------------------------


async def _clock_jump(scene: Scene) -> tuple[Path, str]:
    path = scene.network.clock(scene.one())
    before = path.read_text()
    path.write_text(f"{int(before) + scene.rng.choice((-1, 1)) * HOUR_MS}\n")
    return path, before


async def _clock_back(scene: Scene, found: tuple[Path, str]) -> None:
    path, before = found
    path.write_text(before)


async def _wrong_clock(scene: Scene) -> str:
    """Started with the whole process an hour early or late: TLS and statements see it too."""
    victim = scene.one()
    await scene.network.end(victim)
    offset = scene.rng.choice(("-1h", "+1h"))
    scene.notes.append(offset)
    await scene.network.begin(victim, more={"LD_PRELOAD": FAKETIME[0], "FAKETIME": offset})
    return victim


def _cannot_fake(_: Scene) -> str:
    return "" if FAKETIME else "Debian's libfaketime is not installed"


def _filler(scene: Scene) -> Path:
    return scene.network.layout.node(scene.network.small_disk) / "channels" / "filler"


async def _fill_disk(scene: Scene) -> None:
    path = _filler(scene)
    free = os.statvfs(path.parent)
    with path.open("wb") as file:
        file.write(bytes(max(0, free.f_bavail * free.f_frsize)))


async def _free_disk(scene: Scene, _: Any) -> None:
    """What stopped for want of space comes back when it is started again."""
    _filler(scene).unlink()
    await scene.network.end(scene.network.small_disk)
    await scene.network.begin(scene.network.small_disk)


# ---- peers with bad intentions --------------------------------------------------------------------


async def _stranger(scene: Scene) -> tuple[Path, subprocess.Popen[bytes]]:
    """A city that signed its own grant knocks at everybody."""
    root = scene.network.layout.root
    away = root.with_name(f"{root.name}-stranger")
    shutil.rmtree(away, ignore_errors=True)
    shutil.copytree(
        root, away, ignore=shutil.ignore_patterns("channels", "channels.aside", "logs", "run")
    )
    layout = Layout(away)
    city = choose_city(layout, "")
    keys = write_observer(layout, city) / "keys"
    suite = get_suite("sm")
    grant = decode(SignedGrant, (keys / "grant.bin").read_bytes()).grant
    (keys / "grant.bin").write_bytes(issue_grant(suite, suite.signer(suite.generate_key()), grant))
    command = [sys.executable, "-m", "node.cli.main", "node", "run", "--config"]
    log = (away / "stranger.log").open("wb")
    child = subprocess.Popen([*command, str(layout.node_config(city.slug))], stdout=log, stderr=log)
    log.close()
    for _ in range(600):  # until somebody answered it
        if b"CITY-2207" in (away / "stranger.log").read_bytes():
            break
        await asyncio.sleep(0.1)
    return away, child


async def _stranger_leaves(scene: Scene, found: tuple[Path, subprocess.Popen[bytes]]) -> None:
    away, child = found
    child.kill()
    child.wait()
    told = (away / "stranger.log").read_bytes().count(b"CITY-2207")
    scene.notes.append(f"refused {told} times" if told else "NOBODY REFUSED IT")
    shutil.rmtree(away, ignore_errors=True)


async def _rogue(scene: Scene) -> tuple[str, Rogue]:
    victim = scene.network.order[-1]
    await scene.network.end(victim)
    rogue = Rogue(scene.network, victim, scene.rng)
    rogue.start()
    return victim, rogue


async def _rogue_leaves(scene: Scene, found: tuple[str, Rogue]) -> None:
    victim, rogue = found
    await rogue.stop()
    scene.notes.append(", ".join(f"{kind} {count}" for kind, count in rogue.sent.items()))
    await scene.network.begin(victim)


async def _liar(scene: Scene) -> str:
    victim = scene.one()
    await scene.network.end(victim)
    await scene.network.begin(victim, lying=victim)
    return victim


async def _honest_again(scene: Scene, victim: str) -> None:
    await scene.network.end(victim)
    await scene.network.begin(victim)


FAULTS: tuple[Fault, ...] = (
    Fault("kill -9", _kill_one, _restart),
    Fault("kill -9, the leader", _kill_leader, _restart),
    *(
        Fault(f"dies at {name}", _dies_at(name), _restart, 0.0, among_changes=False)
        for name in FAILPOINTS
    ),
    Fault("leader stopped (SIGSTOP)", _stop_leader, _continue, HOLD_S),
    Fault("all killed at once", _kill_all, _start_all, 0.5),
    Fault("rolling restart", _rolling, _nothing, 0.0),
    Fault("leader isolated", _isolate_leader, _heal_mesh, HOLD_S),
    Fault("two halves", _halves, _heal_mesh, HOLD_S),
    Fault("bridge", _bridge, _heal_mesh, HOLD_S),
    Fault("one-way links", _one_way, _heal_mesh, HOLD_S),
    Fault("delay and stalls", _slow, _heal_mesh, HOLD_S),
    Fault("links break in the middle", _lose, _heal_mesh, 2 * HOLD_S),
    Fault("clock jumps an hour", _clock_jump, _clock_back, HOLD_S),
    Fault("comes back an hour off", _wrong_clock, _honest_again, HOLD_S, why_not=_cannot_fake),
    Fault("disk full", _fill_disk, _free_disk, 4.0, why_not=lambda scene: scene.network.no_disk),
    Fault("peer with a wrong key", _stranger, _stranger_leaves, 0.5),
    Fault("peer floods, stalls, garbage", _rogue, _rogue_leaves, HOLD_S),
    Fault("byzantine member", _liar, _honest_again, 4.0, ("pbft",), among_changes=False),
)
