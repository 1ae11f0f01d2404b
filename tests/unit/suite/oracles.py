"""A committee of four oracles over a `World`: real reports of rates and facts, signed by all."""

from __future__ import annotations

import asyncio
from typing import Any

from consensus.encoding import Hash
from consensus.oracle_report import OracleConfig
from node.identity.suite import get_suite
from node.oracle.committee import (
    Oracle,
    fact_payload,
    fact_report,
    number_payload,
    number_report,
)
from tests.unit.suite.center_world import CHANNEL
from tests.unit.suite.world import HOUR_MS, World

NAMES = tuple(f"oracle-{i}" for i in range(4))
SUITE = get_suite("sm")


class Oracles:
    """Everybody says what the test says; rounds count up."""

    def __init__(self, world: World) -> None:
        self.world, self.round, self.said = world, 0, b""
        self.feeds: set[str] = set()
        signers = [SUITE.signer(SUITE.generate_key()) for _ in NAMES]
        keys = tuple(signer.public_key for signer in signers)
        config = OracleConfig(Hash(CHANNEL), 1, 1, NAMES, keys, "QB")
        world.ok("pbc", "oracle.configure", names=list(NAMES), keys=list(keys), f=1, custodian="QB")
        self.committee = [Oracle(i, s, self.ask, config) for i, s in enumerate(signers)]

    async def ask(self, topic: str) -> bytes:
        return self.said

    def define(self, feed: str, **fields: Any) -> None:
        if feed not in self.feeds:
            self.feeds.add(feed)
            self.world.ok("pbc", "oracle.define_feed", feed=feed, service=bytes(32), **fields)

    def rate(self, currency: str, value: int) -> None:
        """Units of the currency for one US dollar, in 10^-8, as observed now."""
        feed = "USD" + currency
        self.define(
            feed, kind="number", max_age_ms=HOUR_MS, heartbeat_ms=48 * HOUR_MS, deviation_bps=1,
            low=1, high=10**13,
        )  # fmt: skip
        self.round += 1
        self.said = number_payload(value, self.world.now_ms)
        report = asyncio.run(number_report(self.committee, feed, (1, self.round)))
        self.world.ok("nobody", "oracle.report_number", **report)

    def fact(self, feed: str, subject: str, value: str) -> None:
        self.define(feed, kind="fact", max_age_ms=400 * 24 * HOUR_MS)
        self.round += 1
        self.said = fact_payload(value, self.world.now_ms)
        report = asyncio.run(fact_report(self.committee, feed, subject, (1, self.round)))
        self.world.ok("nobody", "oracle.report_fact", **report)
