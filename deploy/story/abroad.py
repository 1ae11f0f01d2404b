"""Steps 18 and 19: money across the border, out under a filed form, in under a supervised account."""

from __future__ import annotations

import secrets
from typing import Any

from deploy.demo.customs_oracles import HEARTBEAT_MS, RATE_AGE_MS, Committee, configure
from deploy.demo.lending import SALT_BYTES, pay_out
from deploy.demo.opening import admit
from deploy.demo.play import Play
from deploy.demo.story import expect, fen
from deploy.story.opening import later_party
from deploy.story.registry import claim_state, fingerprint_of
from deploy.story.screens import look
from node.identity.suite import Suite

CODE_DOMAIN = "citychain/tax-form-code/v1"


def commitment(suite: Suite, form: str, bank: str, code: str) -> str:
    """What the payer files of a code that it hands to a bank: each field with its length in front."""
    fields = [text.encode() for text in (CODE_DOMAIN, form, bank, code)]
    return suite.hash(b"".join(len(field).to_bytes(4, "big") + field for field in fields)).hex()


async def tell_rate(play: Play, committee: Committee) -> None:
    step = play.story["step18"]
    await committee.define(
        step["feed"], step["service"], kind="number", max_age_ms=RATE_AGE_MS,
        heartbeat_ms=HEARTBEAT_MS, deviation_bps=1, low=step["rate_low"], high=step["rate_high"],
    )  # fmt: skip
    report = await committee.number(step["feed"], step["rate"])
    carrier = play.desk.user(play.story["step3"]["carrier"])
    await play.desk.do(carrier, "oracle", "report_number", **report)


async def file_form(play: Play, codes: dict[str, str]) -> str:
    """Prepared by one person, filed by another; each bank gets a code of its own. Returns the form's number."""
    step, desk, suite = play.story["step18"], play.desk, play.story.suite
    form: str = await desk.do(
        desk.user(step["payer"]), "tax_form", "prepare", payee=step["payee"], tax=step["tax"],
        safe=step["safe"], contract=suite.hash(step["contract"].encode()).hex(),
        details=suite.hash(b"form filled in: " + step["contract"].encode()).hex(),
        amount=step["amount_fen"], currency="CNY", first_payment=step["amount_fen"],
        since=step["since"], until=step["until"], purpose=step["purpose"],
    )  # fmt: skip
    banks = [commitment(suite, form, bank, code) for bank, code in codes.items()]
    checker = desk.user(step["payer"], "checker")
    state = await desk.do(checker, "tax_form", "submit", id=form, banks=banks)
    expect(f"state of {form}", step["form_states"][0], state)
    return form


async def pay_fee(play: Play) -> None:
    """Step 18: above USD 50,000 a form is filed before the payment; its remainder is used once."""
    step, desk = play.story["step18"], play.desk
    bank, second = step["bank"], step["second_bank"]
    await play.on(step["date"], "a service fee abroad")
    await admit(play, later_party(play, step["tax"]), bank)
    committee = await configure(play)
    await tell_rate(play, committee)
    codes = {name: secrets.token_hex(16) for name in (bank, second)}
    form = await file_form(play, codes)
    verified: dict[str, Any] = {"id": form, "amount": step["amount_fen"], "payee": step["payee"]}
    use = await desk.do(
        desk.user(bank, "financier"), "tax_form", "bank_verify", code=codes[bank], **verified
    )
    payer = desk.user(step["payer"])
    reference = await desk.do(
        payer, "tax_form", "prepare_payment", id=use, salt=secrets.token_bytes(SALT_BYTES)
    )
    paid = await play.money.pay(step["payer"], step["payee"], step["amount_fen"], reference)
    state = await desk.do(
        payer, "tax_form", "pay_proof", id=use, proof=await play.money.proof(desk, paid)
    )
    expect(f"state of {use}", "PAID", state)
    found = await desk.ask(payer, "tax_form", "get", id=form)
    expect("state, used, left", (step["form_states"][1], step["amount_fen"], 0),
           (found["state"], found["used"], found["remaining"]))  # fmt: skip
    play.report.step(
        18, step["date"], f"{step['payer']} pays {step['payee']} {fen(step['amount_fen'])} of service "
        f"fees under {form}: {' → '.join(step['form_states'])}",
    )  # fmt: skip
    await desk.refused(
        f"the same form at {second}", step["second_code"], desk.user(second, "financier"),
        "tax_form", "bank_verify", code=codes[second], **verified,
    )  # fmt: skip
    cents = step["exact_cents"]
    asked = [
        (await desk.ask(payer, "tax_form", "needs_form", amount=amount, currency="USD"))["needed"]
        for amount in (cents, cents + 1)
    ]
    expect(f"a form for {cents:,} and {cents + 1:,} cents", [False, True], asked)
    play.report.proof(
        f"USD {cents / 100:,.2f} exactly needs no form, one cent more does; rate "
        f"{step['rate'] / 100_000_000:.2f} told by {len(committee.signers)} oracles"
    )
    await tax_screen(play, form)


async def tax_screen(play: Play, form: str) -> None:
    """What the tax authority sees of the forms in its charge."""
    step = play.story["step18"]
    screen = await look(play, step["tax"], "forms")
    (row,), (whole,) = screen.shown["forms"], screen.shown["totals"]
    expect("the form on the screen", (form, step["amount_fen"], 0),
           (row["id"], row["used"], row["remaining"]))  # fmt: skip
    expect("forms in all", 1, whole["forms"])
    screen.say(f"{form} used {fen(row['used'])}, remaining {fen(row['remaining'])}")


# ---- step 19 -------------------------------------------------------------------------------------


async def buyer_pays(play: Play) -> None:
    """Step 19: one payment abroad settles bank and seller; the account matches goods and money."""
    step, account, desk = play.story["step19"], play.story["step3"], play.desk
    await play.on(step["date"], "the buyer pays the invoice")
    sale = play.sales[play.invoices[play.story["step4"]["invoice"]].document]
    banker = desk.user(account["bank"], "financier")
    id, outputs = account["account"], step["outputs"]
    await desk.do(banker, "trade_account", "link_financing", id=id, request_id=sale.request_id)
    whole = sum(output["amount_fen"] for output in outputs)
    receipt = await desk.do(
        desk.user(account["enterprise"]), "trade_account", "prepare_receipt", id=id,
        amount_fen=whole, salt=secrets.token_bytes(SALT_BYTES),
    )  # fmt: skip
    parts = [(part["payee"], part["amount_fen"]) for part in receipt["parts"]]
    waterfall = [(output["payee"], output["amount_fen"]) for output in outputs]
    expect("the waterfall", waterfall, parts)
    paid = await pay_out(play, receipt["parts"][-1]["reference"])
    proof = await play.money.proof(desk, paid[-1])
    # the relay has brought the bank's own proof already: the bank says so, and the seller's closes the receipt
    state = await desk.do(
        banker, "trade_account", "record_receipt", id=id, number=1, proofs=[b"", proof]
    )
    expect("state of the trade account", step["state_after"], state)
    play.report.proof(f"{account['account']}: goods {fen(whole)}, money {fen(whole)}: {state}")
    await registry_free(play)
    await safe_screen(play, whole)


async def registry_free(play: Play) -> None:
    step = play.story["step4"]
    exact = fingerprint_of(play)
    claim = await claim_state(play, step["bank"], exact)
    expect("claim in the banks' registry", "RELEASED", claim["state"])
    play.report.proof("registry: claim RELEASED")


async def safe_screen(play: Play, whole: int) -> None:
    """Declared against received, and what is overdue, in the accounts of the branch."""
    screen = await look(play, play.story["step3"]["safe"], "matching")
    names = ("declared_fen", "received_fen", "matched_fen")
    expect("declared, received, matched", [whole] * 3, [screen.shown[name] for name in names])
    expect("accounts overdue", [], screen.shown["overdue"])
    screen.say(f"declared and received {fen(whole)}, matched; overdue above 90 days: none")
