"""What the cluster of a scenario asks of the engine whose cores it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from consensus.api import Core
from consensus.ordering.rules import OrderingRules
from tests.scenarios.invariants import Invariants
from tests.scenarios.words import Words

if TYPE_CHECKING:
    from tests.scenarios.cluster import Cluster
    from tests.scenarios.node import Node


class Liar(Protocol):
    """A member that runs no core and says what the script says."""

    def make(self, kind: str, options: dict[str, str]) -> object: ...


class Engine(Protocol):
    """`words` and `invariants` are classes; `core` makes what `consensus.api.Core` describes."""

    words: type[Words]
    invariants: type[Invariants]

    def config(self, **fields: Any) -> OrderingRules: ...

    def core(self, *parts: Any) -> Core: ...

    def decode_message(self, data: bytes) -> Any: ...

    def sizes(self, cluster: Cluster) -> str:
        """How many nodes and what a quorum is, in few words."""
        ...

    def begin(self, cluster: Cluster) -> None:
        """All that are to start have started: let them find each other, liars answering as honest ones do."""
        ...

    def link(self, cluster: Cluster, node: Node) -> None:
        """A core of the next epoch began: tell it of the links that are up."""
        ...

    def after_step(self, cluster: Cluster, node: Node) -> None:
        """Say what an onlooker would note of the node now."""
        ...

    def standing(self, cluster: Cluster, node: Node) -> str:
        """Where the node stands, in few words."""
        ...

    def holdings(self, cluster: Cluster, node: Node) -> list[str]:
        """What it holds above its tip."""
        ...

    def liar(self, cluster: Cluster, me: int, as_: int | None = None) -> Liar: ...
