"""Seven oracles over a channel without a network: real contracts, real signatures, sources as plain
functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from consensus.encoding import Hash
from consensus.oracle_report import OracleConfig
from contracts.bundles import load_bundle
from node.errors import CityError
from node.identity.suite import Signer, get_suite
from node.oracle.committee import Oracle, fact_payload, number_payload
from node.oracle.journal import Journal
from tests.unit.suite.center_world import CHANNEL, Chain

SUITE = get_suite("sm")
NAMES = tuple(f"oracle-{i}" for i in range(7))
DIGEST = bytes(32)


def signers(count: int = 7) -> list[Signer]:
    return [SUITE.signer(SUITE.generate_key()) for _ in range(count)]


def committee_chain(engine: str = "native") -> Chain:
    chain = Chain(engine=engine)
    chain.engine.load(load_bundle("oracle"))
    return chain


class Committee:
    """values: what each oracle's source says now, by index; None is silence."""

    def __init__(self, chain: Chain, number: int = 1, keys: list[Signer] | None = None) -> None:
        self.chain = chain
        self.signers = keys or signers()
        self.values: list[Any] = [None] * len(self.signers)
        self.config = OracleConfig(
            Hash(CHANNEL), number, 2, NAMES, tuple(s.public_key for s in self.signers), "QB"
        )
        self.oracles = [self.oracle(i) for i in range(7)]

    def configure(self) -> bytes:
        digest: bytes = self.chain.ok(
            "PBC", "oracle", "configure", "regulator", names=list(NAMES),
            keys=list(self.config.keys), f=2, custodian="QB",
        )  # fmt: skip
        return digest

    def define(self, feed: str, kind: str, **changes: Any) -> None:
        args = {"feed": feed, "kind": kind, "service": DIGEST, "max_age_ms": 60_000, **changes}
        self.chain.ok("PBC", "oracle", "define_feed", "regulator", **args)

    def oracle(self, index: int, journal: Path | None = None) -> Oracle:
        return Oracle(
            index, self.signers[index], self.source(index), self.config,
            None if journal is None else Journal(journal),
        )  # fmt: skip

    def source(self, index: int) -> Callable[[str], Any]:
        async def ask(topic: str) -> bytes:
            value = self.values[index]
            if value is None:
                raise CityError("CITY-7009", detail="silence")
            make = number_payload if isinstance(value, int) else fact_payload
            return make(value, self.chain.now_ms)

        return ask
