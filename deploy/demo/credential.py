"""Steps 7 to 9, 20 and 21: the e-credential is issued, split, passed down the chain, paid, given back."""

from __future__ import annotations

import secrets
from typing import Any

from deploy.demo.carried import carried
from deploy.demo.lending import SALT_BYTES, pay_wrongly
from deploy.demo.opening import lodge
from deploy.demo.play import Play
from deploy.demo.story import expect, fen


async def give_limit(play: Play) -> None:
    """The paying bank's maker proposes a credit limit for the issuer, its checker approves."""
    step, desk = play.story["step7"], play.desk
    limit = {"issuer": step["issuer"], "limit_fen": step["limit_fen"]}
    bank = step["paying_bank"]
    await desk.do(desk.user(bank), "credit_line", "propose_limit", **limit)
    await desk.do(desk.user(bank, "checker"), "credit_line", "approve_limit", **limit)


async def draft(play: Play, terms: Any, first_holder: str = "") -> str:
    step, desk = play.story["step7"], play.desk
    invoice = await lodge(play, terms["invoice"])
    ec_id: str = await desk.do(
        desk.user(step["issuer"]), "receivable", "draft",
        first_holder=first_holder or step["first_holder"],
        paying_bank=step["paying_bank"], face_fen=terms["face_fen"], due_date=terms["due_date"],
        invoices=[invoice.document],
        clause_hash=play.story.suite.hash(step["clause"].encode()).hex(),
    )  # fmt: skip
    return ec_id


async def issue(play: Play) -> None:
    """Step 7: drawn up by a maker, signed by a checker, accepted by the first holder."""
    step, desk = play.story["step7"], play.desk
    await play.on(step["date"], "issuing the e-credential")
    await give_limit(play)
    ec_id = await draft(play, step)
    expect("number of the credential", step["ec_id"], ec_id)
    checker = desk.user(step["issuer"], "checker")
    warnings = await desk.do(checker, "receivable", "sign", ec_id=ec_id)
    expect(f"warnings at {step['days']} days", [], warnings)
    holder = desk.user(step["first_holder"])
    expect("the root leaf", ec_id, await desk.do(holder, "receivable", "accept", ec_id=ec_id))
    found = await desk.ask(holder, "receivable", "get", ec_id=ec_id)
    expect("state and face", ("ACTIVE", step["face_fen"]), (found["state"], found["face_fen"]))
    play.report.step(
        7, step["date"], f"{ec_id}: {step['issuer']} promises {step['first_holder']} "
        f"{fen(step['face_fen'])}, accepted",
    )  # fmt: skip
    play.report.proof(
        f"due {step['due_date']}, {step['days']} days · maker and checker · within the credit limit "
        f"of {step['paying_bank']}"
    )
    await _warned(play, step["warned"], checker)
    await _refused(play, step["refused"], checker)


async def _warned(play: Play, variant: Any, checker: str) -> None:
    ec_id = await draft(play, variant)
    warnings = await play.desk.do(checker, "receivable", "sign", ec_id=ec_id)
    expect(f"warnings at {variant['days']} days", [variant["code"]], warnings)
    await play.desk.do(checker, "receivable", "cancel", ec_id=ec_id)
    play.report.proof(
        f"! a variant of {variant['days']} days passes with {variant['code']}; cancelled"
    )


async def _refused(play: Play, variant: Any, checker: str) -> None:
    ec_id = await draft(play, variant)
    await play.desk.refused(
        f"a variant of {variant['days']} days", variant["code"], checker, "receivable", "sign",
        ec_id=ec_id,
    )  # fmt: skip
    await play.desk.do(checker, "receivable", "cancel", ec_id=ec_id)


async def split_and_transfer(play: Play, number: int) -> None:
    """Steps 8 and 9: a holder splits its leaf and pays its own supplier with a part."""
    step, desk = play.story[f"step{number}"], play.desk
    await play.on(step["date"], "splitting and transferring")
    holder, to = desk.user(step["holder"]), desk.user(step["to"])
    if "refused" in step:
        await _refuse_split(play, step)
    basis = await lodge(play, step["invoice"])
    parts = await desk.do(
        holder, "receivable", "split", leaf_id=step["leaf"], amounts=step["amounts_fen"]
    )
    expect("parts", [f"{step['leaf']}/{n + 1}" for n in range(len(step["amounts_fen"]))], parts)
    await desk.do(
        holder, "receivable", "offer_transfer", leaf_id=step["moved"], to=step["to"],
        basis=basis.document,
    )  # fmt: skip
    await desk.do(to, "receivable", "accept_transfer", leaf_id=step["moved"])
    piece = await desk.ask(to, "receivable", "get_piece", leaf_id=step["moved"])
    expect("holder of the part", step["to"], piece["holder"])
    expect("depth of the part", step.get("depth", piece["depth"]), piece["depth"])
    cut = " + ".join(f"{amount:,}" for amount in step["amounts_fen"])
    play.report.step(
        number, step["date"], f"{step['holder']} splits {cut}; {step['moved']} goes to {step['to']}"
    )
    await show_invariants(play)


async def show_invariants(play: Play) -> None:
    """The tree's facts, counted anew by the contract: no fen is made or lost."""
    facts = await play.desk.ask(
        play.story.regulator, "receivable", "invariants", ec_id=play.story.ec_id
    )
    face = play.story["step7"]["face_fen"]
    expect(
        "sum of all leaves", (face, True), (facts["leaves_fen"], facts["every_leaf_has_a_holder"])
    )
    play.report.proof(
        f"{facts['leaves']} leaves, sum {fen(facts['leaves_fen'])}, depth {facts['depth']}"
    )


async def _refuse_split(play: Play, step: Any) -> None:
    """Parts that do not add up to the piece."""
    wrong = step["refused"]
    sum_ = f"{' + '.join(f'{a:,}' for a in wrong['amounts_fen'])} = {sum(wrong['amounts_fen']):,}"
    await play.desk.refused(
        f"{step['holder']} splits {sum_}", wrong["code"], play.desk.user(step["holder"]),
        "receivable", "split", leaf_id=step["leaf"], amounts=wrong["amounts_fen"],
    )  # fmt: skip


# ---- maturity ------------------------------------------------------------------------------------


async def mature(play: Play) -> None:
    """Step 20: the debtor pays all leaves in one payment, an output for each holder of the day; the relay
    carries each proof, and the credential closes."""
    step, desk = play.story["step20"], play.desk
    await play.on(step["date"], "maturity")
    payer = desk.user(step["payer"])
    for request_id in play.open.values():
        await desk.do(payer, "financing", "timeout", request_id=request_id)
    references = [await _prepare(play, leaf) for leaf in step["leaves"]]
    outputs = [
        (leaf["holder"], leaf["amount_fen"], reference)
        for leaf, reference in zip(step["leaves"], references, strict=True)
    ]
    play.report.step(
        20, step["date"], f"maturity: {step['payer']} pays {fen(sum(o[1] for o in outputs))} in one "
        f"payment with {len(outputs)} outputs, one a leaf",
    )  # fmt: skip
    await _pay_old_holder(play, step, outputs)
    play.paid = await play.money.pay_all(step["payer"], outputs)
    for leaf, reference in zip(step["leaves"], references, strict=True):
        await carried(play, reference, f"receivable.record_payment {leaf['leaf']}")
        await _expect_piece(play, leaf["leaf"], "PAID")
        play.report.proof(f"{leaf['leaf']} PAID: {fen(leaf['amount_fen'])} to {leaf['holder']}")
    for leaf_id, sale in play.sales.items():
        if leaf_id.startswith(play.story.ec_id):
            state = await desk.do(payer, "financing", "repay", request_id=sale.request_id)
            expect(f"state of {sale.request_id}", "REPAID", state)
    await _close(play)


async def _prepare(play: Play, leaf: Any) -> bytes:
    """The debtor fixes what it will pay. Returns the reference."""
    step, desk, leaf_id = play.story["step20"], play.desk, leaf["leaf"]
    payer = desk.user(step["payer"])
    await desk.do(payer, "receivable", "due", leaf_id=leaf_id)
    wanted = await desk.do(
        payer, "receivable", "prepare_payment", leaf_id=leaf_id,
        salt=secrets.token_bytes(SALT_BYTES),
    )  # fmt: skip
    owed = (leaf["holder"], leaf["amount_fen"])
    expect(f"payee and amount of {leaf_id}", owed, (wanted["payee"], wanted["amount_fen"]))
    return bytes(wanted["reference"])


async def _pay_old_holder(play: Play, step: Any, outputs: list[tuple[str, int, bytes]]) -> None:
    wrong = step["wrong_payee"]
    at = [leaf["leaf"] for leaf in step["leaves"]].index(wrong["leaf"])
    holder, amount, reference = outputs[at]
    await pay_wrongly(
        play, step["payer"], wrong, amount, reference,
        f"{wrong['leaf']}: the old holder {wrong['payee']} was paid, not {holder}",
        "receivable", "record_payment", leaf_id=wrong["leaf"],
    )  # fmt: skip


async def _expect_piece(play: Play, leaf_id: str, state: str) -> None:
    payer = play.desk.user(play.story["step20"]["payer"])
    piece = await play.desk.ask(payer, "receivable", "get_piece", leaf_id=leaf_id)
    expect(f"state of {leaf_id}", state, piece["state"])


async def _close(play: Play) -> None:
    step, desk = play.story["step20"], play.desk
    payer = desk.user(step["payer"])
    state = await desk.do(payer, "receivable", "close", ec_id=play.story.ec_id)
    expect("state of the credential", step["state_after"], state)
    found = await desk.ask(payer, "receivable", "get", ec_id=play.story.ec_id)
    expect("paid in all", play.story["step7"]["face_fen"], found["paid_fen"])
    play.report.proof(f"{play.story.ec_id} is {state}: {fen(found['paid_fen'])} paid and proven")


async def give_back(play: Play) -> None:
    """Step 21: a holder gives some back; so much is owed again, is paid again, and all is closed."""
    step, desk = play.story["step21"], play.desk
    await play.on(step["date"], "a payment is given back")
    leaf = next(leaf for leaf in play.story["step20"]["leaves"] if leaf["leaf"] == step["leaf"])
    paid = next(
        p for p in play.paid if p.payee == leaf["holder"] and p.amount_fen == leaf["amount_fen"]
    )
    back = await play.money.reverse(paid, step["amount_fen"])
    payer = desk.user(paid.payer)
    given = {
        "leaf_id": step["leaf"], "instalment": 1, "proof": await play.money.proof(desk, back)
    }  # fmt: skip
    owed = await desk.do(payer, "receivable", "on_reverse", **given)
    expect("owed again", step["amount_fen"], owed)
    await _expect_piece(play, step["leaf"], "REINSTATED")
    await desk.refused(
        "the proof of the REVERSE once more", step["again_code"], payer, "receivable", "on_reverse",
        **given,
    )  # fmt: skip
    wanted = await desk.do(
        payer, "receivable", "prepare_payment", leaf_id=step["leaf"],
        salt=secrets.token_bytes(SALT_BYTES),
    )  # fmt: skip
    expect("amount to pay again", step["amount_fen"], wanted["amount_fen"])
    await play.money.pay(paid.payer, paid.payee, step["amount_fen"], wanted["reference"])
    await carried(play, wanted["reference"], f"receivable.record_payment {step['leaf']}")
    play.report.step(
        21, step["date"], f"{paid.payee} gives {fen(step['amount_fen'])} back by REVERSE: REINSTATED, and "
        "paid again",
    )  # fmt: skip
    await _close(play)
