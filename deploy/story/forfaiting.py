"""Step 17: the accepted draft is sold without recourse, and sold on."""

from __future__ import annotations

import secrets
from typing import Any

from deploy.demo.carried import carried
from deploy.demo.lending import HOUR_MS, SALT_BYTES, percent, simple_interest
from deploy.demo.play import Play
from deploy.demo.story import expect, fen
from deploy.story.letter import presentation_of


async def agree(play: Play, deal: str, method: str, claim: str) -> dict[str, Any]:
    """Enquiry, one quote, trade. Returns the deal with its price."""
    step, desk = play.story["step17"], play.desk
    seller = desk.user(step["seller"])
    await desk.do(
        seller, "forfaiting", "enquire", id=deal, claim=claim, obligor=step["obligor"],
        face_fen=step["face_fen"], maturity=step["maturity"],
    )  # fmt: skip
    number = await desk.do(
        desk.user(step["forfaiter"], "financier"), "forfaiting", "quote", id=deal, method=method,
        rate_ppm=step["rate_ppm"], grace_days=step["grace_days"], availability=step["date"],
        settlement=step["date"],
        valid_until_ms=play.story.at_ms(play.today) + step["quote_hours"] * HOUR_MS,
    )  # fmt: skip
    traded: dict[str, Any] = await desk.do(seller, "forfaiting", "trade", id=deal, number=number)
    return traded


async def sell(play: Play) -> None:
    """Price, documents, money against title; then the same claim at a second bank."""
    step, desk, suite = play.story["step17"], play.desk, play.story.suite
    await play.on(step["date"], "forfaiting the accepted draft")
    draft = presentation_of(play.story["step14"]["credit"])
    claim = suite.hash(draft.encode()).hex()
    terms = await agree(play, step["deal"], "straight", claim)
    days = step["days"] + step["grace_days"]
    discount = simple_interest(step["face_fen"], step["rate_ppm"], days)
    expect(
        "discount, recomputed, net",
        (step["discount_fen"], step["discount_fen"], step["net_fen"]),
        (terms["discount_fen"], discount, terms["net_fen"]),
    )
    other = await agree(play, step["yield_deal"], "yield", suite.hash(claim.encode()).hex())
    expect("discount to yield", step["yield_discount_fen"], other["discount_fen"])
    seller, checker = desk.user(step["seller"]), desk.user(step["forfaiter"], "checker")
    papers = [claim]
    await desk.do(seller, "forfaiting", "deliver_documents", id=step["deal"], documents=papers)
    await desk.do(checker, "forfaiting", "accept_documents", id=step["deal"])
    reference = await desk.do(
        desk.user(step["forfaiter"]), "forfaiting", "prepare_settlement", id=step["deal"],
        salt=secrets.token_bytes(SALT_BYTES),
    )  # fmt: skip
    await replay_from_elsewhere(play)
    await play.money.pay(step["forfaiter"], step["seller"], step["net_fen"], reference)
    await carried(play, reference, f"forfaiting.settle {step['deal']}")
    play.report.step(
        17, step["date"], f"{step['forfaiter']} forfaits the accepted draft: {fen(step['face_fen'])} at "
        f"{percent(step['rate_ppm'])} for {step['days']} + {step['grace_days']} days",
    )  # fmt: skip
    play.report.proof(
        f"straight discount {fen(discount)}, net {fen(terms['net_fen'])} (by the contract, and recomputed "
        f"here) · discount to yield {fen(other['discount_fen'])}"
    )
    await sell_on(play)


async def replay_from_elsewhere(play: Play) -> None:
    """The bank's payment of step 5 has served an obligation of another channel: here it serves none."""
    step, invoice = play.story["step17"], play.invoices[play.story["step4"]["invoice"]]
    sale = play.sales[invoice.document]
    proof = await play.money.proof(play.desk, sale.paid)
    await play.desk.refused(
        f"the payment of {sale.request_id}, of another channel", step["elsewhere_code"],
        play.desk.user(step["forfaiter"]), "forfaiting", "settle", id=step["deal"], proof=proof,
    )  # fmt: skip


async def sell_on(play: Play) -> None:
    step, desk = play.story["step17"], play.desk
    sale = await desk.do(
        desk.user(step["forfaiter"], "checker"), "forfaiting", "offer_sale", id=step["deal"],
        buyer=step["buyer"], price_fen=step["price_fen"], settlement=step["settlement"],
    )  # fmt: skip
    await desk.do(desk.user(step["buyer"], "checker"), "forfaiting", "confirm_sale", id=sale)
    reference = await desk.do(
        desk.user(step["buyer"]), "forfaiting", "prepare_sale", id=sale,
        salt=secrets.token_bytes(SALT_BYTES),
    )  # fmt: skip
    await play.money.pay(step["buyer"], step["forfaiter"], step["price_fen"], reference)
    await carried(play, reference, f"forfaiting.settle_sale {sale}")
    deal = await desk.ask(desk.user(step["buyer"]), "forfaiting", "get", id=step["deal"])
    chain = [step["forfaiter"], step["buyer"]]
    found = (deal["state"], deal["parties"]["holder"], deal["titles"])
    expect("state, holder and chain of title", ("SETTLED", step["buyer"], chain), found)
    play.report.proof(
        f"sold on for {fen(step['price_fen'])} · chain of title "
        f"{' → '.join([step['seller'], *chain])} · SETTLED, {step['buyer']} holds it"
    )
