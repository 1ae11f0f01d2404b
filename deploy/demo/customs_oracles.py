"""Who gives no proofs is watched: seven oracles tell what they see, and five must say the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from consensus.encoding import Hash
from consensus.oracle_report import OracleConfig
from deploy.demo.play import Play
from deploy.demo.story import expect
from node.documents.customs import Declaration
from node.identity.suite import Signer
from node.oracle.committee import Oracle, fact_payload, fact_report, number_payload, number_report
from node.oracle.service import load_service

FACT_AGE_MS, RATE_AGE_MS, HEARTBEAT_MS = 3_600_000, 24 * 3_600_000, 48 * 3_600_000


@dataclass(slots=True)
class Committee:
    """Oracles with keys of the demonstration. Each sees by itself what there is to be seen: `seen`."""

    play: Play
    signers: list[Signer]
    config: OracleConfig
    seen: bytes = b""
    round: int = 0

    async def see(self, topic: str) -> bytes:
        return self.seen

    @property
    def oracles(self) -> list[Oracle]:
        return [Oracle(i, s, self.see, self.config) for i, s in enumerate(self.signers)]

    async def define(self, feed: str, service: str, **terms: Any) -> None:
        await self.play.desk.do(
            self.play.story.regulator, "oracle", "define_feed", feed=feed,
            service=load_service(service).digest, **terms,
        )  # fmt: skip

    async def fact(self, feed: str, subject: str, value: str) -> dict[str, Any]:
        """A report that each of them has signed."""
        self.round += 1
        self.seen = fact_payload(value, self.play.stage.now_ms())
        return await fact_report(self.oracles, feed, subject, (1, self.round))

    async def number(self, feed: str, value: int) -> dict[str, Any]:
        self.round += 1
        self.seen = number_payload(value, self.play.stage.now_ms())
        return await number_report(self.oracles, feed, (1, self.round))


async def configure(play: Play) -> Committee:
    """A committee of the names in the story, of which f may lie."""
    step, suite = play.story["step3"], play.story.suite
    names, custodian = step["oracles"], step["custodian"]
    signers = [suite.signer(suite.generate_key()) for _ in names]
    keys = tuple(signer.public_key for signer in signers)
    inspector, f = play.story.regulator, (len(names) - 1) // 3
    await play.desk.do(
        inspector, "oracle", "configure", names=names, keys=list(keys), f=f, custodian=custodian
    )
    net = await play.stage.net(inspector)
    config = OracleConfig(Hash(net.context.channel_id), 1, f, tuple(names), keys, custodian)
    return Committee(play, signers, config)


async def tell_release(play: Play, found: Declaration) -> Committee:
    """The committee is configured, four signatures are refused, and the report is on the chain."""
    step, desk = play.story["step3"], play.desk
    committee = await configure(play)
    await committee.define(step["feed"], step["service"], kind="fact", max_age_ms=FACT_AGE_MS)
    report = await committee.fact(step["feed"], found.declaration_no, step["value"])
    carrier = desk.user(step["carrier"])
    few = step["too_few"]
    cut = {name: report[name][:few] for name in ("signers", "signatures")}
    await desk.refused(
        f"a report of the release with {few} signatures", step["code"], carrier, "oracle",
        "report_fact", **{**report, **cut},
    )  # fmt: skip
    await desk.do(carrier, "oracle", "report_fact", **report)
    told = await desk.ask(
        carrier, "oracle", "fact", feed=step["feed"], subject=found.declaration_no
    )
    expect(
        "the release as the chain knows it", ("ok", step["value"]), (told["status"], told["value"])
    )
    value = step["value"].split()[0]
    play.report.proof(
        f"{len(report['signers'])} of {len(committee.signers)} oracles say {value}; a lie costs the bond"
    )
    return committee
