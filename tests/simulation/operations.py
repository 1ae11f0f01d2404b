"""What happens to the nodes: power, disks, clocks, pauses, partitions, clogs; and what people do.

All from the seed's own streams. Nothing here outlives healing: each end of a fault asks first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from consensus.api import Leaving, TxRef
from consensus.certificate import KIND_PBFT
from consensus.encoding import Hash
from tests.simulation.ghost import hash_
from tests.simulation.members import Change
from tests.simulation.shape import stream

if TYPE_CHECKING:
    from tests.simulation.network import Link
    from tests.simulation.node import SimNode
    from tests.simulation.world import World

RESTART_MS = (10, 4_000)


class Operations:
    """Schedules the faults of a shape, each class from its own stream."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._shape = world.shape
        self._rng = {
            name: stream(world.seed, f"ops/{name}")
            for name in (
                "power",
                "departures",
                "losses",
                "clocks",
                "pauses",
                "cuts",
                "clogs",
                "load",
                "people",
            )
        }
        self._crash = stream(world.seed, "crash")
        self._sync = stream(world.seed, "sync")

    # --- questions of a node

    def crashes_now(self) -> bool:
        rate = self._shape.crash_mid_step
        return bool(rate) and not self._world.is_calm and self._crash.random() < rate

    def sync_fails_now(self) -> bool:
        rate = self._shape.sync_failure
        return bool(rate) and not self._world.is_calm and self._sync.random() < rate

    def restart_later(self, node: int) -> None:
        self._world.after(
            self._rng["power"].uniform(*RESTART_MS), lambda: self._world.start_node(node)
        )

    # --- the schedule

    def start_all(self) -> None:
        shape = self._shape
        for node in self._world.nodes:
            rng = self._rng["clocks"]
            offset_ms = rng.uniform(-1, 1) * shape.clock_offset_ms
            node.set_clock(offset_ms, 1 + rng.uniform(-1, 1) * shape.clock_drift)
            self._world.start_node(node.id)

    def schedule(self) -> None:
        """All that will happen, from now on."""
        shape = self._shape
        self._often("power", shape.crashes, self._crash_node)
        self._often("power", shape.full_disks, self._fill_disk)
        self._often("departures", shape.departures, self._leave)
        self._often("clocks", shape.clock_jumps, self._jump_clock)
        self._often("pauses", shape.pauses, self._pause)
        self._often("losses", shape.wal_losses, self._lose_wal)
        self._often("losses", shape.rots, self._rot)
        self._often("losses", shape.backups, self._restore_backup)
        self._often("losses", shape.wipes, self._wipe)
        for kind in shape.partitions:
            self._at("cuts", lambda k=kind: self._partition(k))
        for _ in range(shape.clogs):
            self._at("clogs", self._swizzle)
        for number in range(shape.txs):
            delay = self._rng["load"].uniform(0, shape.duration_ms * 0.8)
            self._world.after(delay, lambda k=number: self._submit(k))
        for _ in range(shape.resubmits):
            self._at("load", self._submit_again)
        for number in range(shape.changes):
            self._at("people", lambda k=number: self._change_members(k))
        for node, behaviour in shape.liars:
            if behaviour == "amnesiac":
                self._at("losses", lambda i=node: self._take_image(i))

    def _at(self, concern: str, event: Callable[[], None]) -> None:
        def run() -> None:
            if not self._world.is_healed:
                event()

        self._world.after(self._rng[concern].uniform(0, self._shape.duration_ms), run)

    def _often(self, concern: str, count: int, event: Callable[[SimNode], None]) -> None:
        for _ in range(count):
            node = self._world.nodes[self._rng[concern].randrange(self._shape.nodes)]
            self._at(concern, lambda n=node: event(n))

    def _later(self, concern: str, low: float, high: float, event: Callable[[], None]) -> None:
        def run() -> None:
            if not self._world.is_healed:
                event()

        self._world.after(self._rng[concern].uniform(low, high), run)

    # --- power and disks

    def _crash_node(self, node: SimNode) -> None:
        if node.is_up:
            self._world.trace(f"{node.id} crashes")
            node.crash()
            self.restart_later(node.id)

    def _fill_disk(self, node: SimNode) -> None:
        self._world.trace(f"{node.id} disk full")
        until = self._rng["power"].uniform(100, self._shape.duration_ms / 2)
        node.disk.full_until = self._world.now + until

    def _leave(self, node: SimNode) -> None:
        """A daemon that is stopped in good order tells its core and waits, for an election timeout at most.
        Sometimes the stop is called off, and the core goes on as before."""
        if not node.is_up or node.is_paused:
            return
        self._world.trace(f"{node.id} is leaving")
        life, is_called_off = node.life, self._rng["departures"].random() < 0.3
        node.step(Leaving(node.now_ms))

        def stop() -> None:
            if node.life == life and not is_called_off:
                self._world.trace(f"{node.id} stops in good order")
                node.crash()
                self.restart_later(node.id)

        self._later("departures", 1, self._shape.base_timeout_ms, stop)

    def _may_lose(self, node: SimNode) -> bool:
        """Over PBFT losses count among the f: not on top of lies, and not twice on different nodes than drawn.
        Over Raft a majority must still know what it said."""
        world, n = self._world, self._shape.n
        if node.id in world.liars or node.id >= n:
            return False
        others = [each for each in world.nodes[:n] if each is not node]
        remembering = sum(world.remembers(each) for each in others)
        return world.engine.kind == KIND_PBFT or remembering > n // 2

    def _down(self, node: SimNode, what: str) -> None:
        self._world.trace(f"{node.id} {what}")
        if node.is_up:
            node.crash()
            self.restart_later(node.id)

    def _lose_wal(self, node: SimNode) -> None:
        if self._may_lose(node):
            self._down(node, "loses its WAL")
            node.disk.lose_wal()
            self._world.note_loss(node)

    def _rot(self, node: SimNode) -> None:
        if self._may_lose(node):
            self._down(node, "disk rots")
            node.disk.wal.rot(self._world.disk_rng)
            node.disk.is_log_lost = node.disk.began_at is not None
            self._world.note_loss(node)

    def _restore_backup(self, node: SimNode) -> None:
        if self._may_lose(node):
            self._go_back(node, self._rng["losses"].randint(0, len(node.disk.blocks)))

    def _wipe(self, node: SimNode) -> None:
        if self._may_lose(node):
            self._go_back(node, 0)

    def _go_back(self, node: SimNode, height: int) -> None:
        self._down(node, f"is put back to height {height}")
        node.disk.restore_backup(min(height, node.disk.executed_height))
        node.forget_above(node.disk.tip.height)
        self._world.note_loss(node)

    def _take_image(self, liar: int) -> None:
        """An image of the whole disk now; it comes back later, WAL and all."""
        node = self._world.nodes[liar]
        image = node.disk.image()
        configs = list(node.configs)

        def put_back() -> None:
            self._down(node, "is put back to an old image")
            node.disk.become(image)
            node.configs = configs

        self._later("losses", 50, self._shape.duration_ms / 2, put_back)

    # --- clocks and scheduling

    def _jump_clock(self, node: SimNode) -> None:
        """There, and back after a while. A daemon's loop wakes and looks at its clock."""
        rng = self._rng["clocks"]
        jump_ms = rng.choice((-1, 1)) * rng.uniform(1_000, 100_000_000)
        self._world.trace(f"{node.id} clock jumps {jump_ms:.0f}")
        node.set_clock(node.clock_offset_ms + jump_ms, node.clock_rate)
        node.refresh_timer()

        def back() -> None:
            node.set_clock(node.clock_offset_ms - jump_ms, node.clock_rate)
            node.refresh_timer()

        self._later("clocks", 100, self._shape.duration_ms, back)

    def _pause(self, node: SimNode) -> None:
        if not node.is_up or node.is_paused:
            return
        self._world.trace(f"{node.id} stops")
        node.is_paused = True
        life = node.life

        def resume() -> None:
            if node.life == life:
                self._world.trace(f"{node.id} goes on")
                node.resume()

        self._later("pauses", 50, self._shape.base_timeout_ms * 6, resume)

    # --- the network

    def _partition(self, kind: str) -> None:
        world, up = self._world, range(self._shape.nodes)
        links = world.network.draw_partition(kind, up, world.some_leader())
        world.trace(f"cut {kind} {links}")
        world.network.cut(links)
        self._later("cuts", 100, self._shape.duration_ms / 2, lambda: self._reconnect(links))

    def _reconnect(self, links: list[Link]) -> None:
        self._world.trace("cut ends")
        self._world.network.restore(links)
        for a, b in links:
            self._world.connect(a, b)

    def _swizzle(self) -> None:
        """Links stop one by one and are released in another order."""
        rng, world = self._rng["clogs"], self._world
        nodes = range(self._shape.nodes)
        links = [(a, b) for a in nodes for b in nodes if a != b]
        chosen = rng.sample(links, rng.randint(1, len(links)))
        world.trace(f"clogs {len(chosen)} links")
        span = self._shape.base_timeout_ms * rng.choice((1, 3))
        for link in chosen:
            world.after(rng.uniform(0, span), lambda at=link: world.network.clog(at))
            world.after(rng.uniform(span, 3 * span), lambda at=link: world.network.release(at))

    # --- people

    def _submit(self, number: int) -> None:
        """A client hands a transaction to one node, which passes it on to all."""
        self._offer(self._world.new_tx(f"tx {number}"))

    def _offer(self, ref: TxRef) -> None:
        self._world.spread(ref, self._rng["load"].randrange(self._shape.nodes))

    def _submit_again(self) -> None:
        if self._world.txs:
            self._offer(self._rng["load"].choice(self._world.txs))

    def _change_members(self, number: int) -> None:
        """A configuration transaction that adds, removes or re-keys one member. People wait until the last
        change is through and every member votes: a second newcomer could cost the quorum."""
        world, rng = self._world, self._rng["people"]
        if not world.are_all_voting():
            return
        node, kind = rng.randrange(self._shape.nodes), rng.choice(("add", "remove", "rotate"))
        if kind == "remove" and world.liars:
            return  # fewer members tolerate fewer liars
        tx_id = Hash(hash_(b"change %d" % number))
        world.changes[tx_id] = Change(kind, node, tx_id)
        self._offer(world.new_tx(f"change {number}", is_config=True))
