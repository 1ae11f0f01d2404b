"""Steps 14 to 16: a documentary credit, records presented under it, one refusal, and the accepted draft."""

from __future__ import annotations

import json
from typing import Any

from deploy.demo.play import Play
from deploy.demo.story import expect, fen
from deploy.story.screens import look
from node.documents.mt700 import mt700
from node.documents.precheck import CHECKS, examine, read_case

SHOWN = ("40E", "31D", "32B", "42C", "44C")  # fields of the MT 700 that the story speaks of


def case_bytes(play: Play, wrong_goods: str = "") -> bytes:
    """What the beneficiary presents, as its file says; with an invoice that describes other goods."""
    case = json.loads(play.story.file(play.story["step14"]["file"]).read_text(encoding="utf-8"))
    for document in case["documents"]:
        if wrong_goods and document["kind"] == "invoice":
            document["goods"] = wrong_goods
    return json.dumps(case, ensure_ascii=False).encode()


def digests(play: Play, case: bytes) -> list[str]:
    """A digest for each record."""
    return [
        play.story.suite.hash(json.dumps(one, ensure_ascii=False, sort_keys=True).encode()).hex()
        for one in json.loads(case)["documents"]
    ]


async def issue(play: Play, credit: str, amount_fen: int) -> dict[str, Any]:
    """Applied for, approved, issued by a second person, advised."""
    step, desk = play.story["step14"], play.desk
    terms = json.dumps(json.loads(case_bytes(play))["credit"], sort_keys=True).encode()
    names = (
        "issuing", "advising", "beneficiary", "expiry", "latest_shipment", "place", "examined_at",
        "method", "tenor_days", "tenor_from",
    )  # fmt: skip
    await desk.do(
        desk.user(step["applicant"]), "credit", "apply", id=credit, amount_fen=amount_fen,
        terms=play.story.suite.hash(terms).hex(), **{name: step[name] for name in names},
    )  # fmt: skip
    bank = step["issuing"]
    await desk.do(desk.user(bank), "credit", "approve_issue", id=credit)
    await desk.do(desk.user(bank, "checker"), "credit", "issue", id=credit)
    state = await desk.do(desk.user(step["advising"]), "credit", "advise", id=credit)
    expect(f"state of {credit}", "ADVISED", state)
    found: dict[str, Any] = await desk.ask(
        desk.user(step["beneficiary"]), "credit", "get", id=credit
    )
    return found


async def open_credit(play: Play) -> None:
    """Step 14, and a small second credit of which step 16 tells."""
    step, desk = play.story["step14"], play.desk
    await play.on(step["date"], "a documentary credit")
    credit = await issue(play, step["credit"], step["amount_fen"])
    expect("last day of presentation", step["last_day"], credit["last_presentation_day"])
    expect("latest shipment, not moved", step["latest_shipment"], credit["latest_shipment"])
    play.report.step(
        14, step["date"], f"{step['issuing']} issues {step['credit']} for {step['applicant']}: "
        f"{fen(step['amount_fen'])} to {step['beneficiary']}, ADVISED",
    )  # fmt: skip
    names = {
        party: (await desk.ask(play.story.regulator, "party", "get", party_id=party))["legal_name"]
        for party in sorted({p for p in credit["parties"].values() if p})
    }
    case = read_case(case_bytes(play))
    fields = mt700(credit, names | {"": ""}, case.credit)
    shown = [f":{field.tag}: {field.value}" for field in fields if field.tag in SHOWN]
    play.report.proof(f"MT 700, {len(fields)} fields · {' · '.join(shown)}")
    play.report.proof(
        f"expiry {step['expiry']} is a Sunday: presentation until {step['last_day']} [UCP 29]; latest "
        f"shipment {step['latest_shipment']} stays"
    )
    await amend(play)
    await present_to_nobody(play)


async def amend(play: Play) -> None:
    """An amendment is taken as a whole or not at all; this one is rejected."""
    step, desk = play.story["step14"], play.desk
    issuing, beneficiary = desk.user(step["issuing"], "checker"), desk.user(step["beneficiary"])
    wide, half = step["amendment"], step["half"]
    await desk.do(issuing, "credit", "propose_amendment", id=step["credit"], **wide)
    await desk.refused(
        f"{step['beneficiary']} takes the amount of an amendment, not its dates", step["half_code"],
        beneficiary, "credit", "accept_amendment", id=step["credit"], **half,
    )  # fmt: skip
    await desk.do(beneficiary, "credit", "reject_amendment", id=step["credit"])
    credit = await desk.ask(beneficiary, "credit", "get", id=step["credit"])
    expect("amount after the rejection", step["amount_fen"], credit["amount_fen"])
    silent = step["silent"]
    await issue(play, silent["credit"], silent["amount_fen"])
    await desk.do(
        issuing, "credit", "propose_amendment", id=silent["credit"], **silent["amendment"]
    )
    await desk.do(
        beneficiary, "credit", "accept_amendment", id=silent["credit"], **silent["amendment"]
    )
    play.report.proof(
        f"amendment of {step['credit']} rejected: {fen(credit['amount_fen'])} stay; one of "
        f"{silent['credit']} accepted whole"
    )


async def present_to_nobody(play: Play) -> None:
    """The records of the small credit are complete today; its bank will not answer."""
    silent, desk = play.story["step14"]["silent"], play.desk
    beneficiary = desk.user(play.story["step14"]["beneficiary"])
    papers = digests(play, case_bytes(play))
    number = await desk.do(
        beneficiary, "presentation", "present", credit=silent["credit"],
        amount_fen=silent["amendment"]["amount_fen"], documents=papers[:1],
        shipped_on=silent["shipped_on"],
    )  # fmt: skip
    await desk.do(beneficiary, "presentation", "complete", id=number, documents=papers)
    found = await desk.ask(beneficiary, "presentation", "get", id=number)
    expect(f"{number}: answer until", silent["answer_until"], found["answer_until"])


def presentation_of(credit: str) -> str:
    return f"{credit}/1"


async def present(play: Play) -> None:
    """Step 15: six records, then the notice of completeness; a machine looks at them first."""
    step, letter, desk = play.story["step15"], play.story["step14"], play.desk
    await play.on(step["date"], "records are presented")
    beneficiary = desk.user(letter["beneficiary"])
    case = case_bytes(play, step["wrong_goods"])
    papers = digests(play, case)
    expect("records", step["records"], len(papers))
    number = await desk.do(
        beneficiary, "presentation", "present", credit=letter["credit"],
        amount_fen=letter["amount_fen"], documents=papers[:1], shipped_on=step["date"],
    )  # fmt: skip
    await play.on(step["completed"], "notice of completeness")
    await desk.do(beneficiary, "presentation", "complete", id=number, documents=papers)
    found = await desk.ask(beneficiary, "presentation", "get", id=number)
    expect(
        "state, close of the fifth banking day", ("EXAMINING", step["answer_until"]),
        (found["state"], found["answer_until"]),
    )  # fmt: skip
    days = await desk.ask(
        beneficiary, "rulebook", "business_days", place=letter["examined_at"],
        since=step["completed"], count=5,
    )  # fmt: skip
    expect(
        "first and fifth banking day",
        (step["first_day"], step["answer_until"]),
        (days[0], days[-1]),
    )
    play.report.step(
        15, step["date"], f"{letter['beneficiary']} presents {len(papers)} e-records with an eB/L; "
        f"complete on {step['completed']}: EXAMINING",
    )  # fmt: skip
    play.report.proof(
        f"day 1 is {days[0]}, {letter['issuing']} answers until the close of {days[-1]}"
    )
    findings = [one.to_dict() for one in examine(read_case(case))]
    hits = [one for one in findings if step["finding"] in str(one).lower()]
    expect("findings of the pre-check", (1, 1), (len(findings), len(hits)))
    play.report.proof(
        f"pre-check, {len(CHECKS)} checks, advice only: {hits[0]['article']}: {hits[0]['finding']}"
    )


async def answer(play: Play) -> None:
    """Step 16: one notice, never a second; corrected records are accepted, and silence is acceptance too."""
    step, letter, desk = play.story["step16"], play.story["step14"], play.desk
    await play.on(step["date"], "one refusal, one acceptance")
    number, bank = presentation_of(letter["credit"]), desk.user(letter["issuing"], "checker")
    notice = {
        "id": number, "discrepancies": step["discrepancies"], "disposition": step["disposition"]
    }  # fmt: skip
    state = await desk.do(bank, "presentation", "refuse", **notice)
    expect("state after the notice", "REFUSED", state)
    play.report.step(
        16, step["date"], f"{letter['issuing']} refuses with its single notice; corrected records are "
        "presented; the draft is ACCEPTED",
    )  # fmt: skip
    await desk.refused(
        "a second notice of refusal", step["again_code"], bank, "presentation", "refuse", **notice
    )
    right = case_bytes(play)
    expect("findings in the corrected records", 0, len(list(examine(read_case(right)))))
    beneficiary = desk.user(letter["beneficiary"])
    state = await desk.do(
        beneficiary, "presentation", "present_again", id=number, documents=digests(play, right)
    )
    expect("state after the correction", "EXAMINING", state)
    await desk.do(bank, "presentation", "comply", id=number)
    maturity = await desk.do(bank, "presentation", "undertake", id=number)
    found = await desk.ask(beneficiary, "presentation", "get", id=number)
    expect(
        "state, maturity and day of payment", ("ACCEPTED", step["maturity"], step["pay_on"]),
        (found["state"], maturity, found["pay_on"]),
    )  # fmt: skip
    play.report.proof(
        f"REFUSED → EXAMINING → ACCEPTED · B/L {letter['tenor_days']} days on: {maturity}, payable "
        f"{found['pay_on']} (Sunday, then Ching Ming)"
    )
    await silence(play, bank)
    exposure = await look(play, "HKMA", "credits")
    owed = {letter["issuing"]: letter["amount_fen"] + letter["silent"]["amendment"]["amount_fen"]}
    expect("exposure under credits", owed, exposure.shown["exposure_fen"])
    exposure.say(f"{letter['issuing']} may still have to pay {fen(owed[letter['issuing']])}")


async def silence(play: Play, bank: str) -> None:
    """The variant: no notice in five banking days, and the bank may refuse no more."""
    step, silent, desk = play.story["step16"], play.story["step14"]["silent"], play.desk
    number = presentation_of(silent["credit"])
    beneficiary = desk.user(play.story["step14"]["beneficiary"])
    state = await desk.do(beneficiary, "presentation", "deadline_passed", id=number)
    expect(f"{number}: state after the fifth banking day", "COMPLYING", state)
    await desk.refused(
        f"{number}: a refusal after the close of {silent['answer_until']}", step["late_code"], bank,
        "presentation", "refuse", id=number, discrepancies=step["discrepancies"],
        disposition=step["disposition"],
    )  # fmt: skip
    play.report.proof(f"{number}: no answer in five banking days, COMPLYING by itself [UCP 16f]")
