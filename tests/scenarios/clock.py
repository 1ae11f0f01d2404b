"""How time passes in a scenario: only by these, timer by timer."""

from __future__ import annotations

from consensus.api import Tick
from tests.scenarios.cluster import STEPS_MAX, Cluster, ScenarioError


def next_timer_ms(cluster: Cluster) -> int | None:
    """In this cluster's time, whatever the nodes' clocks say."""
    return min(
        (
            node.timer_ms - node.clock_offset_ms
            for node in cluster.nodes
            if node.core is not None and node.timer_ms is not None and not node.is_frozen
        ),
        default=None,
    )


def fire_timers(cluster: Cluster) -> None:
    for node in cluster.nodes:
        if node.core is None or node.timer_ms is None or node.is_frozen:
            continue
        if node.timer_ms <= cluster.now_of(node):
            cluster.step(node, Tick(cluster.now_of(node)))


def pass_time(cluster: Cluster, milliseconds: int, is_delivering: bool) -> None:
    end_ms = cluster.now_ms + milliseconds
    for _ in range(STEPS_MAX):
        if is_delivering:
            cluster.drain()
        due_ms = next_timer_ms(cluster)
        if due_ms is None or due_ms > end_ms:
            cluster.now_ms = end_ms
            return
        cluster.now_ms = max(cluster.now_ms, due_ms)
        fire_timers(cluster)
    raise ScenarioError("the timers do not come to rest")


def settle(cluster: Cluster, limit_ms: int) -> int:
    """Until nothing waits and no timer is set. Returns how long it took."""
    started_ms = cluster.now_ms
    for _ in range(STEPS_MAX):
        cluster.drain()
        due_ms = next_timer_ms(cluster)
        if due_ms is None:
            return cluster.now_ms - started_ms
        if due_ms > started_ms + limit_ms:
            raise ScenarioError(f"not idle after {limit_ms} ms")
        cluster.now_ms = max(cluster.now_ms, due_ms)
        fire_timers(cluster)
    raise ScenarioError("the cluster does not come to rest")
