"""Runs the commands of one scenario, and says what they print."""

from __future__ import annotations

from tests.scenarios.cluster import Cluster, ScenarioError
from tests.scenarios.commands import COMMANDS, numbers
from tests.scenarios.transcript import Case

QUIET = ("run", "tick", "settle", "thaw", "connect")


def together(lines: list[str]) -> list[str]:
    """What several nodes did alike in one line: `1,2,3 committed 1a`."""
    nodes_by_text: dict[str, dict[str, None]] = {}
    for line in lines:
        node, _, text = line.partition(" ")
        nodes_by_text.setdefault(text, {})[node] = None
    return [f"{','.join(sorted(nodes, key=int))} {text}" for text, nodes in nodes_by_text.items()]


class Stage:
    """Runs the cases of one scenario, one cluster after another."""

    def __init__(self) -> None:
        self._cluster: Cluster | None = None

    def run(self, case: Case) -> list[str]:
        """What the command prints. Raises ScenarioError, or an assertion of the invariants."""
        command = COMMANDS.get(case.name)
        if command is None:
            raise ScenarioError(f"no such command: {case.name}")
        if case.name == "nodes":
            self._cluster = self._nodes(case)
        cluster = self.cluster
        command(cluster, case)
        out, cluster.out = cluster.out, []
        is_crowd = case.name == "restart" and len(case.words) > 2
        if (case.name in QUIET or is_crowd) and "detail" not in case.words:
            return together([text for is_milestone, text in out if is_milestone]) or ["nothing"]
        return [text for _, text in out] or ["nothing"]

    def finish(self) -> None:
        if self._cluster is not None:
            self._cluster.check_end()

    @property
    def cluster(self) -> Cluster:
        if self._cluster is None:
            raise ScenarioError("a scenario begins with the command nodes")
        return self._cluster

    def _nodes(self, case: Case) -> Cluster:
        settings = {
            key: int(value)
            for key, value in case.options.items()
            if key not in ("window", "liars", "late")
        }
        window = int(case.options.get("window", "1"))
        liars = numbers(case.options.get("liars", "()"))
        return Cluster(int(case.words[0]), window, liars, **settings)
