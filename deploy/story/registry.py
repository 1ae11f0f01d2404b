"""Steps 4 to 6: the banks' registry knows an invoice by a keyed fingerprint, and another that looks like it."""

from __future__ import annotations

from typing import Any

from contracts.rules import canonical
from deploy.demo import lending
from deploy.demo.lending import epoch_key
from deploy.demo.play import Play, Terms
from deploy.demo.story import expect
from node.documents.fingerprint import Marks, fingerprint, invoice_fingerprint, marks_of
from node.documents.ubl import Invoice


def fields_of(invoice: Invoice) -> dict[str, Any]:
    return {
        "seller": invoice.seller.identifier, "number": invoice.number, "date": invoice.issued_on,
        "gross": invoice.gross, "currency": invoice.currency,
    }  # fmt: skip


async def register(play: Play, bank: str, fields: dict[str, Any]) -> str:
    """The bank's gateway reserves an invoice. Returns the fingerprint."""
    suite, key = play.story.suite, epoch_key(play)
    exact: str = fingerprint(suite, key, **fields)
    marks: Marks = marks_of(suite, key, **fields)
    await play.desk.do(
        play.desk.user(bank, "financier"), "invoice_registry", "register", fingerprint=exact,
        marks=list(marks.marks), looks=list(marks.looks),
    )  # fmt: skip
    return exact


def fingerprint_of(play: Play) -> str:
    """Of the invoice of step 4."""
    invoice = play.invoices[play.story["step4"]["invoice"]]
    return invoice_fingerprint(play.story.suite, epoch_key(play), invoice)


async def claim_state(play: Play, bank: str, exact: str) -> dict[str, Any]:
    user = play.desk.user(bank, "financier")
    found: dict[str, Any] = await play.desk.ask(
        user, "invoice_registry", "my_claim", fingerprint=exact
    )
    return found


async def finance(play: Play) -> Terms:
    """Step 4: reserved in the registry, then financed; what the registry knows says nothing to who guesses."""
    step = play.story["step4"]
    await play.on(step["date"], "the banks' registry")
    invoice = play.invoices[step["invoice"]]
    exact = await register(play, step["bank"], fields_of(invoice))
    expect("claim", "RESERVED", (await claim_state(play, step["bank"], exact))["state"])
    terms = await lending.finance_invoice(play)
    preimage = canonical.invoice_preimage(*fields_of(invoice).values())
    plain = play.story.suite.hash(preimage.encode()).hex()
    play.report.proof(f"HMAC-SM3 with the banks' key    {exact[:48]}…  claim RESERVED")
    play.report.proof(f"plain SM3, open to any guesser  {plain[:48]}…  never sent")
    return terms


async def pay(play: Play, terms: Terms) -> None:
    """Step 5: the money goes, the claim is ACTIVE."""
    await lending.pay_invoice(play, terms)
    bank = play.story["step4"]["bank"]
    expect("claim", "ACTIVE", (await claim_state(play, bank, fingerprint_of(play)))["state"])
    play.report.proof("registry: claim ACTIVE")


async def second_bank(play: Play) -> None:
    """Step 6: exactly the same is refused; nearly the same raises an alert at both banks."""
    step, desk = play.story["step6"], play.desk
    await lending.second_bank(play)
    alike = step["alike"]
    invoice = play.invoices[play.story["step4"]["invoice"]]
    fields = fields_of(invoice)
    wrong = fields | {"number": alike["typed_number"], "gross": alike["amount_fen"]}
    near = await register(play, step["bank"], wrong)
    own = await claim_state(play, step["bank"], near)
    expect("alert", alike["alert_bps"], own["alert_bps"])
    expect("what the second bank learns of the first", False, "QB" in str(own))
    exact = fingerprint_of(play)
    regulator = desk.user(alike["sees_both"], "regulator")
    both = [
        row["bank"]
        for found in (exact, near)
        for row in await desk.ask(regulator, "invoice_registry", "claims_of", fingerprint=found)
    ]
    expect("banks that the central bank sees", [play.story["step4"]["bank"], step["bank"]], both)
    play.report.proof(
        f"typed {alike['amount_fen']:,} and {alike['typed_number']!r}: another fingerprint "
        f"{near[:16]}…, ALERT {alike['alert_bps'] / 10_000:.2f}"
    )
    play.report.proof(
        f"{step['bank']} sees {own['conflicts']} conflict and no name; {alike['sees_both']} sees "
        f"{' and '.join(both)}"
    )
    financier = desk.user(step["bank"], "financier")
    await desk.do(financier, "invoice_registry", "release", fingerprint=near)
