"""Where things lie in a network's folder. The only place that knows these names.

network.toml            the plan it was made from         genesis.bin      the channel's genesis
clock_offset_ms         development clock, shared by all  .city/contexts.toml  how clients find it
nodes/<city>/           node.toml, keys/, channels/       users/<name>.pem     users' keys
logs/<city>.log         what a node wrote                 run/<city>.json      its process
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    root: Path

    @property
    def plan(self) -> Path:
        return self.root / "network.toml"

    @property
    def genesis(self) -> Path:
        return self.root / "genesis.bin"

    @property
    def clock_offset(self) -> Path:
        return self.root / "clock_offset_ms"

    @property
    def contexts(self) -> Path:
        return self.root / ".city" / "contexts.toml"

    @property
    def authorities(self) -> Path:
        return self.root / "authorities"

    @property
    def regcenter(self) -> Path:
        return self.root / "regcenter"

    @property
    def wallets(self) -> Path:
        """Keys of the wallets at the registration center."""
        return self.root / "wallets"

    @property
    def relays(self) -> Path:
        """A folder for each relay of payment proofs."""
        return self.root / "relays"

    def node(self, slug: str) -> Path:
        return self.root / "nodes" / slug

    def node_config(self, slug: str) -> Path:
        return self.node(slug) / "node.toml"

    def endpoints(self, slug: str) -> Path:
        return self.node(slug) / "endpoints.json"

    def user_key(self, name: str) -> Path:
        return self.root / "users" / f"{name}.pem"

    def log(self, slug: str) -> Path:
        return self.root / "logs" / f"{slug}.log"

    def process(self, slug: str) -> Path:
        return self.root / "run" / f"{slug}.json"

    def started(self) -> list[str]:
        """Everything that was started here: nodes, and a registration center."""
        return sorted(p.stem for p in self.root.glob("run/*.json"))

    def parts(self) -> list[Path]:
        """Everything a network puts into its folder."""
        folders = [self.root / name for name in ("nodes", "users", "logs", "run", ".city")]
        files = [self.plan, self.genesis, self.clock_offset]
        return [*folders, self.authorities, self.regcenter, self.wallets, self.relays, *files]

    def slugs(self) -> list[str]:
        """The nodes of this network, in the order of their names on disk."""
        return sorted(p.parent.name for p in self.root.glob("nodes/*/node.toml"))
