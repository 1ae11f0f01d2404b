"""Steps 4 to 6 and 10 to 12: an invoice and a leaf become money, against proofs that the contract verifies."""

from __future__ import annotations

import secrets
from typing import Any

from consensus.payment import NO_REFERENCE
from deploy.demo.carried import carried
from deploy.demo.money import Paid
from deploy.demo.opening import lodge
from deploy.demo.play import Play, Sale, Terms
from deploy.demo.story import expect, fen
from node.documents.fingerprint import fingerprint, invoice_fingerprint
from node.documents.ubl import Invoice

SALT_BYTES, HOUR_MS = 16, 3_600_000
DAYS_A_YEAR, PPM = 360, 1_000_000


def simple_interest(principal_fen: int, rate_ppm: int, days: int) -> int:
    """Recomputed here without the contract's code: A360, half a fen rounds up."""
    divisor = DAYS_A_YEAR * PPM
    return (2 * principal_fen * rate_ppm * days + divisor) // (2 * divisor)


def percent(rate_ppm: int) -> str:
    return f"{rate_ppm // 10_000}.{rate_ppm // 100 % 100:02d} %"


def epoch_key(play: Play) -> bytes:
    return bytes.fromhex(play.story["step4"]["epoch_key"])


async def agree(play: Play, step: Any, request_id: str, rate_ppm: int, hours: int) -> Terms:
    """The bank quotes, the borrower accepts: the contract fixes price and payment reference."""
    desk = play.desk
    number = await desk.do(
        desk.user(step["bank"], "financier"), "financing", "quote", request_id=request_id,
        rate_ppm=rate_ppm, principal_fen=step["principal_fen"],
        valid_until_ms=play.story.at_ms(play.today) + hours * HOUR_MS,
    )  # fmt: skip
    terms: Terms = await desk.do(
        desk.user(step["borrower"]), "financing", "accept_quote", request_id=request_id,
        number=number, salt=secrets.token_bytes(SALT_BYTES),
    )  # fmt: skip
    return terms


async def clear(play: Play, step: Any, request_id: str, invoice: Invoice) -> str:
    """The bank's gateway computes the keyed fingerprint; the registry finds no other financing."""
    key = invoice_fingerprint(play.story.suite, epoch_key(play), invoice)
    state = await play.desk.do(
        play.desk.user(step["bank"], "financier"), "financing", "duplicate_check",
        request_id=request_id, fingerprint=key,
    )  # fmt: skip
    expect("the duplicate check", "CLEARED", state)
    return key


# ---- steps 4 to 6 --------------------------------------------------------------------------------


async def finance_invoice(play: Play) -> Terms:
    """Step 4: 80 % of the export invoice at QB, under a fingerprint nobody can guess."""
    step = play.story["step4"]
    await play.on(step["date"], "financing the export invoice")
    invoice = play.invoices[step["invoice"]]
    request_id = await play.desk.do(
        play.desk.user(step["borrower"]), "financing", "request_invoice",
        document=invoice.document, due_date=step["due_date"], purpose=step["purpose"],
        consent=True, to_bank=step["bank"],
    )  # fmt: skip
    terms = await agree(play, step, request_id, step["rate_ppm"], step["quote_hours"])
    interest = simple_interest(step["principal_fen"], step["rate_ppm"], terms["days"])
    priced = (terms["payout_fen"], terms["days"], terms["interest_fen"], interest)
    figures = (step["principal_fen"], step["days"], step["interest_fen"], step["interest_fen"])
    expect("payout, days, interest, interest recomputed", figures, priced)
    key = await clear(play, step, request_id, invoice)
    play.report.step(
        4, step["date"], f"{step['borrower']} has invoice 1 financed at {step['bank']}: "
        f"{fen(step['principal_fen'])} at {percent(step['rate_ppm'])}",
    )  # fmt: skip
    play.report.proof(
        f"{request_id} · {terms['days']} days, interest {fen(interest)} · registry knows it only as "
        f"HMAC-SM3 {key[:16]}…"
    )
    return terms


async def pay_invoice(play: Play, terms: Terms) -> None:
    """Step 5: QB pays by DC/EP; the contract believes the proof, and so may everyone."""
    step, desk, request_id = play.story["step5"], play.desk, terms["request_id"]
    play.report.working("paying by DC/EP")
    expect("amount to pay", step["amount_fen"], terms["payout_fen"])
    paid = await play.money.pay(
        step["payer"], step["payee"], step["amount_fen"], terms["pay_reference"]
    )
    done = await carried(play, terms["pay_reference"], f"financing.disburse {request_id}")
    proof = await play.money.proof(desk, paid)
    expect("money in the wallet", step["amount_fen"], await play.money.balance(step["payee"]))
    await expect_state(play, request_id, step["payee"], "DISBURSED")
    play.sales[terms["document"]] = Sale(request_id, paid, proof)
    play.report.step(
        5, play.today, f"{step['payer']} pays {step['payee']} {fen(step['amount_fen'])} by DC/EP; "
        "the contract verifies the proof: DISBURSED",
    )  # fmt: skip
    play.report.proof(f"the relay saw it, fetched the proof and carried it into block {done.block}")
    show_path(play, proof, paid)


async def expect_state(play: Play, request_id: str, member: str, state: str) -> None:
    found = await play.desk.ask(
        play.desk.user(member), "financing", "get", request_id=request_id
    )  # fmt: skip
    expect(f"state of {request_id}", state, found["state"])


def show_path(play: Play, proof: bytes, paid: Paid) -> None:
    """Checks the proof here, offline, and prints the way from its leaf to the signed root."""
    found = play.money.check(proof, paid).proof
    head = found.head.head
    path = " ".join(step.hex()[:8] for step in found.audit_path) or "(the leaf is the root)"
    play.report.proof(
        f"leaf {found.leaf_index} of {head.tree_size} · path {path} · root {head.root.hex()[:8]} · "
        "signed by the center · checked offline"
    )


async def second_bank(play: Play) -> None:
    """Step 6: the same invoice at NB, typed differently, has the same fingerprint."""
    step = play.story["step6"]
    await play.on(step["date"], "the same invoice at a second bank")
    invoice = play.invoices[play.story["step4"]["invoice"]]
    typed = fingerprint(
        play.story.suite, epoch_key(play), seller=invoice.seller.identifier,
        number=step["typed_number"], date=invoice.issued_on, gross=invoice.gross,
        currency=invoice.currency,
    )  # fmt: skip
    play.report.step(
        6, step["date"], f"the same invoice is brought to a second bank, {step['bank']}"
    )
    await play.desk.refused(
        f"typed {step['typed_number']!r}: the same fingerprint {typed[:16]}…", step["code"],
        play.desk.user(step["bank"], "financier"), "invoice_registry", "register",
        fingerprint=typed,
    )  # fmt: skip


# ---- steps 10 to 12 ------------------------------------------------------------------------------


async def sell_leaf(play: Play, step: Any, terms_from: Any) -> Terms:
    """The holder asks, the bank quotes, the price is agreed, the leaf is locked until the bank has paid."""
    invoice = await lodge(play, step["invoice"])
    request_id = await play.desk.do(
        play.desk.user(step["borrower"]), "financing", "request_receivable", leaf_id=step["leaf"],
        purpose=terms_from["purpose"], consent=True, to_bank=step["bank"],
    )  # fmt: skip
    terms = await agree(
        play, step, request_id, terms_from["rate_ppm"], terms_from["quote_hours"]
    )  # fmt: skip
    await clear(play, step, request_id, invoice)
    return terms


async def finance_tier_three(play: Play) -> Terms:
    """Step 10: the SME at the end of the chain pays the same rate as the first supplier."""
    step = play.story["step10"]
    await play.on(step["date"], "financing tier 3")
    terms = await sell_leaf(play, step, step)
    discount = simple_interest(step["principal_fen"], step["rate_ppm"], step["days"])
    priced = (terms["days"], terms["interest_fen"], terms["payout_fen"], discount)
    figures = (step["days"], step["discount_fen"], step["net_fen"], step["discount_fen"])
    expect("days, discount, net, discount recomputed", figures, priced)
    play.report.step(
        10, step["date"], f"{step['borrower']} sells its leaf to {step['bank']}: "
        f"{fen(step['principal_fen'])} at {percent(step['rate_ppm'])} for {terms['days']} days",
    )  # fmt: skip
    play.report.proof(
        f"discount {fen(discount)} · net {fen(terms['payout_fen'])} (by the contract, and recomputed "
        "here) · leaf locked"
    )
    return terms


async def finance_first_supplier(play: Play) -> None:
    """Step 13: the first supplier splits its leaf and sells a part for the same rate."""
    step, desk = play.story["step13"], play.desk
    await play.on(step["date"], "financing the first supplier")
    holder = desk.user(step["borrower"])
    await desk.do(holder, "receivable", "split", leaf_id=step["whole"], amounts=step["amounts_fen"])
    terms = await sell_leaf(play, step, play.story["step10"])
    discount = simple_interest(
        step["principal_fen"], play.story["step10"]["rate_ppm"], step["days"]
    )
    priced = (terms["days"], terms["interest_fen"], terms["payout_fen"], discount)
    figures = (step["days"], step["discount_fen"], step["net_fen"], step["discount_fen"])
    expect("days, discount, net, discount recomputed", figures, priced)
    paid = await play.money.pay(
        step["bank"], step["borrower"], step["net_fen"], terms["pay_reference"]
    )
    request_id = terms["request_id"]
    await carried(play, terms["pay_reference"], f"financing.disburse {request_id}")
    await expect_state(play, request_id, step["bank"], "DISBURSED")
    play.sales[step["leaf"]] = Sale(request_id, paid, b"")
    cut = " + ".join(f"{amount:,}" for amount in step["amounts_fen"])
    play.report.step(
        13, step["date"], f"{step['borrower']} splits {cut} and sells {step['leaf']} to {step['bank']}: "
        f"discount {fen(discount)}, net {fen(step['net_fen'])}",
    )  # fmt: skip


async def buyer_pays(play: Play) -> None:
    """Step 19: the buyer pays the invoice; principal and interest end the advance, the rest is the seller's."""
    step = play.story["step19"]
    await play.on(step["date"], "the buyer pays the invoice")
    await pay_out(play, NO_REFERENCE)
    play.report.proof("the invoice is free again")


async def pay_out(play: Play, rest_reference: bytes) -> list[Paid]:
    """One payment with an output for the bank and one for the seller; the relay carries the bank's proof.

    rest_reference: what the seller's part is paid for."""
    step = play.story["step19"]
    sale = play.sales[play.invoices[play.story["step4"]["invoice"]].document]
    seller = play.desk.user(play.story["step4"]["borrower"])
    owed = await play.desk.ask(seller, "financing", "get", request_id=sale.request_id)
    bank, rest = step["outputs"]
    reference = owed["repay_reference"]
    paid = await play.money.pay_all(
        step["payer"],
        [
            (bank["payee"], bank["amount_fen"], reference),
            (rest["payee"], rest["amount_fen"], rest_reference),
        ],
    )
    await carried(play, reference, f"financing.repay {sale.request_id}")
    await expect_state(play, sale.request_id, bank["payee"], "REPAID")
    play.report.step(
        19, step["date"], f"{step['payer']} pays invoice 1: "
        f"{fen(bank['amount_fen'] + rest['amount_fen'])} in one payment",
    )  # fmt: skip
    play.report.proof(
        f"{bank['payee']} {fen(bank['amount_fen'])}: principal and "
        f"{fen(play.story['step4']['interest_fen'])} of interest; {rest['payee']} {fen(rest['amount_fen'])}"
    )
    return paid


async def attack_payments(play: Play) -> None:
    """Step 12: a payment serves one obligation, once, and only if the right wallet got it."""
    step, desk = play.story["step12"], play.desk
    play.report.working("attacks on the payment proof")
    sale = play.sales[play.story["step10"]["leaf"]]
    play.report.step(12, play.today, "attacks with payment proofs")
    bank = desk.user(step["bank"], "financier")
    await desk.refused(
        f"the same proof once more for {sale.request_id}", step["again_code"], bank, "financing",
        "disburse", request_id=sale.request_id, proof=sale.proof,
    )  # fmt: skip
    terms = await sell_leaf(play, step, play.story["step10"])
    play.open[step["leaf"]] = terms["request_id"]
    replayed = await play.money.proof(desk, sale.paid)
    await desk.refused(
        f"its payment replayed for another leaf, {step['leaf']}", step["replayed_code"], bank,
        "financing", "disburse", request_id=terms["request_id"], proof=replayed,
    )  # fmt: skip
    wrong = step["wrong_payee"]
    await pay_wrongly(
        play, step["bank"], wrong, terms["payout_fen"], terms["pay_reference"],
        f"{step['leaf']}: {wrong['payee']} was paid, not {step['borrower']}",
        "financing", "disburse", request_id=terms["request_id"],
    )  # fmt: skip


async def pay_wrongly(
    play: Play, payer: str, wrong: Any, amount_fen: int, reference: bytes, what: str,
    contract: str, method: str, **args: Any,
) -> None:  # fmt: skip
    """The right amount under the right reference into the wrong wallet discharges nothing; it goes back."""
    paid = await play.money.pay(payer, wrong["payee"], amount_fen, reference)
    proof = await play.money.proof(play.desk, paid)
    user = play.desk.user(payer)
    await play.desk.refused(what, wrong["code"], user, contract, method, **args, proof=proof)
    await play.money.give_back(paid)
