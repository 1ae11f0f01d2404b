"""Step 3: customs proves nothing, so seven oracles tell what they see, and five must say the same."""

from __future__ import annotations

from typing import Any

from consensus.encoding import Hash
from consensus.oracle_report import OracleConfig
from deploy.demo.play import Play
from deploy.demo.story import expect
from node.documents.customs import Declaration
from node.oracle.committee import Oracle, fact_payload, fact_report
from node.oracle.service import load_service

MAX_AGE_MS = 3_600_000


async def tell_release(play: Play, found: Declaration) -> None:
    """The committee is configured, four signatures are refused, and the report is on the chain."""
    step, desk = play.story["step3"], play.desk
    oracles = await configure(play)
    report = await fact_report(oracles, step["feed"], found.declaration_no, (1, 1))
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
    play.report.proof(
        f"{len(report['signers'])} of {len(oracles)} oracles say {step['value']}; a lie costs the bond"
    )


async def configure(play: Play) -> list[Oracle]:
    """A committee with keys of the demonstration, each of which sees the release by itself."""
    step, desk, suite = play.story["step3"], play.desk, play.story.suite
    names = step["oracles"]
    signers = [suite.signer(suite.generate_key()) for _ in names]
    keys = [signer.public_key for signer in signers]
    inspector, f = play.story.regulator, (len(names) - 1) // 3
    custodian = step["custodian"]
    await desk.do(
        inspector, "oracle", "configure", names=names, keys=keys, f=f, custodian=custodian
    )
    await desk.do(
        inspector, "oracle", "define_feed", feed=step["feed"], kind="fact",
        service=load_service(step["service"]).digest, max_age_ms=MAX_AGE_MS,
    )  # fmt: skip
    net = await play.stage.net(inspector)
    config = OracleConfig(Hash(net.context.channel_id), 1, f, tuple(names), tuple(keys), custodian)

    released_ms = play.story.at_ms(play.today)

    async def see(topic: str) -> bytes:
        return fact_payload(step["value"], released_ms)

    found: list[Any] = [Oracle(i, signer, see, config) for i, signer in enumerate(signers)]
    return found
