"""The course of a world: perhaps a calm start, then faults as drawn, then healing.

After healing every submitted transaction must commit and all that live must reach one settled tip (L1; with
only a quorum left alive it is L2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.certificate import KIND_RAFT
from tests.simulation.engine import Violation
from tests.simulation.shape import stream

if TYPE_CHECKING:
    from tests.simulation.world import World

HEAL_LIMIT_MS = 400_000
EVENTS_MAX = 400_000
SETTLING_EVENTS_MAX = 1_000


def run(world: World) -> None:
    """Raises Violation, InvariantBroken or AssertionError where an invariant does not hold."""
    world.trace(f"seed {world.seed} {world.shape}")
    world.operations.start_all()
    if world.shape.is_settled:
        _settle(world)
    world.operations.schedule()
    most = world.events + world.shape.budget
    world.run_until(world.now + world.shape.duration_ms, most, None)
    _heal(world)
    most = world.events + EVENTS_MAX

    def is_done() -> bool:
        return _is_all_done(world)

    if not (is_done() or world.run_until(world.now + HEAL_LIMIT_MS, most, is_done)):
        if _is_beyond_tolerance(world):
            world.trace("more members observe than may be missing")
            return
        raise Violation(f"L1 no settled common tip: {_where(world)}")
    live = world.live_honest()
    for index in live:
        world.checkers.at_end(world.nodes[index].disk.blocks)
    for node, seen in world.witness.expected.items():
        if node not in world.accused:
            raise Violation(f"S10 nobody accuses node {node} of {seen}")
    world.trace(f"done at {world.nodes[live[0]].disk.tip.height}")


def _settle(world: World) -> None:
    """A calm first start, until all vote: faults then meet a cluster that works."""
    world.is_settling = world.network.is_calm = True
    while world.has_events and world.events < SETTLING_EVENTS_MAX and not world.are_all_voting():
        world.run_until(world.now + HEAL_LIMIT_MS, world.events + len(world.nodes), None)
    world.is_settling = world.network.is_calm = False
    world.trace("settled")


def _is_beyond_tolerance(world: World) -> bool:
    """Whether more than f of the members lie or have lost what they signed and do not vote again yet: the
    channel may stand still then, and by the rules it does. A shape is drawn within f, but people may
    remove a member beside a liar. A late first start is no excuse, but over Raft beside a lost log: nobody
    can tell the two apart there, and an operator has to."""
    newest = max(world.nodes, key=lambda node: node.members.epoch).members
    silent = [i for i in world.lost if not world.nodes[i].is_voting]
    if silent and world.engine.kind == KIND_RAFT:
        silent += [i for i in newest.nodes if not world.nodes[i].has_begun]
    faulty = dict.fromkeys([*silent, *world.untrusted])
    n = len(newest.voters)
    return sum(i in faulty for i in newest.nodes) > n - world.engine.quorum(n)


def _heal(world: World) -> None:
    world.trace("heal")
    world.is_healed = True
    world.network.heal()
    if not world.shape.heal_everybody:
        _keep_a_quorum(world)
    for node in world.nodes:
        node.set_clock(0.0, 1.0)
        node.disk.full_until = -1.0
        if node.is_paused:
            node.resume()
        node.refresh_timer()
        world.start_node(node.id)
    for a in world.live():
        for b in world.live():
            if a < b:
                world.connect(a, b)
    for ref in world.txs:
        for index in world.live():
            world.nodes[index].supply.add_bodies((ref,))


def _keep_a_quorum(world: World) -> None:
    """L2: a random quorum of those that vote lives on, the others are dead for ever. Who has not come to
    vote yet counts among the faults: it needs a quorum of others."""
    newest = max(world.nodes, key=lambda node: node.members.epoch).members
    voters = [i for i in newest.nodes if i not in world.untrusted and i not in world.lost]
    voters = [i for i in voters if world.nodes[i].is_voting]
    needed = world.engine.quorum(len(newest.voters))
    if len(voters) < needed:
        return
    kept = stream(world.seed, "heal").sample(voters, needed)
    world.trace(f"only {sorted(kept)} live on")
    for node in world.nodes:
        if node.id not in kept:
            world.dead[node.id] = None
            if node.is_up:
                node.crash()


def _is_all_done(world: World) -> bool:
    height = -1
    for index in world.live_honest():
        node = world.nodes[index]
        disk = node.disk
        if not node.is_up or disk.executed_height != len(disk.blocks):
            return False
        if height not in (-1, len(disk.blocks)):
            return False
        height = len(disk.blocks)
        if any(ref.tx_id not in node.committed for ref in world.txs):
            return False
        if any(block.tx_ids for block, _ in disk.blocks[-world.shape.window :]):
            return False
    return True


def _where(world: World) -> list[str]:
    return [
        f"{node.id}: {node.core.status() if node.core else 'down'}"
        f" executed {node.disk.executed_height} missing"
        f" {sum(ref.tx_id not in node.committed for ref in world.txs)}"
        for node in world.nodes
    ]
