"""Steps 2 and 3: the e-invoice made on the chain and stamped, and the goods that customs has released."""

from __future__ import annotations

import secrets

from deploy.demo import opening
from deploy.demo.customs_oracles import Committee
from deploy.demo.lending import SALT_BYTES
from deploy.demo.play import Play
from deploy.demo.story import expect, fen
from deploy.story.channels import absent
from node.documents.parties import PartyRecord, parse_parties


def later_party(play: Play, party_id: str) -> PartyRecord:
    """A party that joins when the story needs it."""
    data = play.story.file(play.story["files"]["later"]).read_bytes()
    return next(p for p in parse_parties(data, "csv") if p.party_id == party_id)


async def start(play: Play) -> None:
    """Step 0: the cities and their zones, the channels on chosen nodes, what the nodes have metered."""
    await opening.connect_money(play)
    zones: dict[str, list[str]] = {}
    for city in play.story.plan.cities:
        zones.setdefault(city.zone, []).append(city.name)
    told = " · ".join(f"{zone}: {', '.join(names)}" for zone, names in zones.items())
    play.report.proof(f"zones {told}; channel {play.story.plan.channel.name} on all of them")
    for stage in (play.stage, *play.stage.others):
        nodes = [node.name for node in stage.context().nodes]
        play.report.proof(
            f"channel {stage.channel} on {', '.join(nodes)}, each joined by its own operator's order"
        )
    away = await absent(play)
    play.report.proof(
        f"{away} holds no byte of {play.stage.channel}, and its port knows no such channel"
    )
    await play.stage.settled()
    used = await play.stage.metered()
    counts = ", ".join(f"{city} {units:,}" for city, units in used.items())
    idle = [city for city, units in used.items() if (units == 0) != (city == away)]
    expect("cities that meter what they do not run, or do not what they do", [], idle)
    play.report.proof(f"metered, in cost units of contracts: {counts}")


async def issue_invoice(play: Play) -> None:
    """Step 2: the sale is agreed, a second person issues it, the tax authority's signature stamps it."""
    step, desk, suite = play.story["step2"], play.desk, play.story.suite
    await play.on(step["date"], "e-invoices")
    await opening.load_invoice(play)
    tax = step["tax"]
    await opening.admit(play, later_party(play, tax), step["attested_by"])
    officer, seller, number = desk.user(tax, "tax"), desk.user(step["seller"]), step["number"]
    key, quota = suite.generate_key(), step["quota"]
    await desk.do(seller, "einvoice", "apply_quota", id=quota, tax=tax, goods=[step["goods"]])
    await desk.do(
        officer, "einvoice", "grant", id=quota, rates={step["goods"]: step["rate_ppm"]},
        cap_fen=step["cap_fen"], until=step["until"], key=key.public_key,
    )  # fmt: skip
    document = play.invoices[step["invoice"]].document
    await desk.do(
        seller, "einvoice", "agree", id=number, quota=quota, buyer=step["buyer"], document=document,
        lines=[[step["goods"], net] for net in step["lines_fen"]], tax_fen=0,
        salt=secrets.token_bytes(SALT_BYTES),
    )  # fmt: skip
    checker = desk.user(step["seller"], "checker")
    state = await desk.do(checker, "einvoice", "issue", id=number)
    expect("state of the e-invoice", step["state_after"], state)
    made = await desk.ask(seller, "einvoice", "get", id=number)
    content = bytes.fromhex(made["content"])
    stamp = suite.signer(key).sign(content)
    await desk.do(seller, "einvoice", "stamp", id=number, signature=stamp)
    kept = bytes((await desk.ask(seller, "einvoice", "get", id=number))["stamp"])
    expect("tax signature, checked here", True, suite.verify(key.public_key, content, kept))
    expect("amount of the e-invoice", step["amount_fen"], sum(step["lines_fen"]))
    play.report.proof(
        f"einvoice.issue: {state} · content SM3 {made['content'][:32]}… · SM2 stamp of {tax} "
        f"{kept.hex()[:16]}… verifies · {fen(step['amount_fen'])}"
    )


async def release_goods(play: Play) -> Committee:
    """Step 3: five of seven oracles tell the release; the goods stand in the seller's supervised account."""
    step, desk = play.story["step3"], play.desk
    committee = await opening.read_declaration(play)
    enterprise, number = desk.user(step["enterprise"]), play.story.declaration().declaration_no
    invoice = play.invoices[play.story["step2"]["invoice"]]
    account = step["account"]
    await desk.do(
        enterprise, "trade_account", "open", id=account, direction="export",
        counterparty=step["counterparty"], bank=step["bank"], safe=step["safe"],
        contract=play.story.suite.hash(step["contract"].encode()).hex(), incoterm=step["incoterm"],
        expected_fen=invoice.gross, expected_date=step["expected_date"],
    )  # fmt: skip
    state = await desk.do(
        enterprise, "trade_account", "declare", id=account, declaration=number, **step["goods"]
    )
    expect("state of the trade account", step["state_after"], state)
    await desk.do(enterprise, "trade_account", "add_invoice", id=account, document=invoice.document)
    play.report.proof(f"trade account {account}: {state}, the oracles' words are the declaration's")
    return committee
