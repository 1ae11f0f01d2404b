"""Runs the commands of one scenario, and says what they print."""

from __future__ import annotations

from tests.scenarios.cluster import Cluster, ScenarioError
from tests.scenarios.commands import COMMANDS, numbers
from tests.scenarios.engine_pbft import Pbft
from tests.scenarios.engine_raft import Raft
from tests.scenarios.engines import Engine
from tests.scenarios.transcript import Case

ENGINES: dict[str, Engine] = {"pbft": Pbft(), "raft": Raft()}
QUIET = ("run", "tick", "settle", "thaw", "connect")


def together(lines: list[str]) -> list[str]:
    """What several nodes did alike in one line: `1,2,3 committed 1a`."""
    nodes_by_text: dict[str, dict[str, None]] = {}
    for line in lines:
        node, _, text = line.partition(" ")
        nodes_by_text.setdefault(text, {})[node] = None
    return [f"{','.join(sorted(nodes, key=int))} {text}" for text, nodes in nodes_by_text.items()]


def briefly(lines: list[str]) -> list[str]:
    """Of what one node committed in a row only the first and the last block."""
    ends: dict[str, tuple[str, str]] = {}
    rest: list[str] = []
    for line in lines:
        node, verb, *words = line.split(" ")
        if verb != "committed":
            rest.append(line)
            continue
        first, _ = ends.get(node, (words[0], ""))
        ends[node] = (first, words[0])
    return [f"{node} committed {first} to {last}" for node, (first, last) in ends.items()] + rest


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
        is_quiet = case.name in QUIET or is_crowd or "briefly" in case.words
        if is_quiet and "detail" not in case.words:
            said = [text for is_milestone, text in out if is_milestone]
            return together(briefly(said) if "briefly" in case.words else said) or ["nothing"]
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
            if key not in ("engine", "window", "liars", "late")
        }
        window = int(case.options.get("window", "1"))
        liars = numbers(case.options.get("liars", "()"))
        engine = ENGINES[case.options.get("engine", "pbft")]
        return Cluster(engine, int(case.words[0]), window, liars, **settings)
