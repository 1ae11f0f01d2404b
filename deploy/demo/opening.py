"""Steps 0 to 3: the network, the parties, the e-invoices and the customs declaration."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

from deploy.demo.customs_oracles import Committee, tell_release
from deploy.demo.play import Play
from deploy.demo.report import in_words
from deploy.demo.story import StepFailed, expect, fen
from node.documents.parties import PartyRecord
from node.documents.ubl import Invoice
from node.errors import CityError

ACTIVE = "ACTIVE"


async def connect_money(play: Play) -> None:
    """Step 0: the center's log key goes onto the chain, wallets are bound, the bank gets its money."""
    story, money = play.story, play.money
    play.report.working("registration center and wallets")
    await money.open()
    log_id = await know_money(play)
    await money.fund(story["step0"]["operator"], story["step0"]["funds_fen"])
    cities = " · ".join(f"{city.name} {city.zh}" for city in story.plan.cities)
    play.report.step(
        0, story["step1"]["date"],
        f"{in_words(len(story.plan.cities)).capitalize()} cities up after "
        f"{play.report.seconds:.0f} s: {cities}",
    )  # fmt: skip
    play.report.proof(
        f"registration center {money.url}, log {log_id.hex()[:16]}… registered on the chain; "
        f"{len(money.wallets)} wallets bound"
    )


async def know_money(play: Play) -> bytes:
    """A channel knows the center by its root key, and who has which wallet. Returns the log's id."""
    desk, money, inspector = play.desk, play.money, play.story.regulator
    log_id: bytes = await desk.do(inspector, "dcep", "register_log", root_key=money.root_key)
    channel_id = (await play.stage.net(inspector)).context.channel_id
    await asyncio.gather(
        *(
            desk.do(
                desk.user(member), "dcep", "bind_wallet", public_key=wallet.public_key,
                signature=wallet.binding_signature(channel_id, member),
            )
            for member, wallet in money.wallets.items()
        )
    )  # fmt: skip
    return log_id


# ---- step 1 --------------------------------------------------------------------------------------


async def register_parties(play: Play) -> None:
    """Step 1: each party applies; an officer of a bank attests, a second one approves."""
    story, step = play.story, play.story["step1"]
    play.report.working("registering parties, two persons each")
    attesting = {party: bank for bank, parties in step["attest"].items() for party in parties}
    expect("parties with a bank to attest them", set(story.parties), set(attesting))
    await _refuse_wrong_digit(play)
    records = list(story.parties.values())
    states = await asyncio.gather(*(admit(play, p, attesting[p.party_id]) for p in records))
    expect("parties that are ACTIVE", step["active"], states.count(ACTIVE))
    by_bank = ", ".join(f"{bank} for {len(ids)}" for bank, ids in step["attest"].items())
    play.report.step(
        1, step["date"], f"{len(states)} parties ACTIVE: attested and approved by two persons"
    )
    for party in records:
        play.report.proof(f"{party.party_id:<7} {party.legal_name} · {party.city} · {party.role}")
    play.report.proof(f"customer checks: {by_bank}; USCC and LEI check digits verified on chain")


async def admit(play: Play, party: PartyRecord, bank: str) -> str:
    """A maker of the party itself applies, or the bank's officer for one without; two of its officers check.

    Returns the party's state."""
    step, desk = play.story["step1"], play.desk
    attests, approves = step["officers"][bank]
    try:
        applies = desk.user(party.party_id)
    except StepFailed:
        applies = attests
    await desk.do(applies, "party", "apply", **_application(party))
    report = json.dumps(asdict(party), ensure_ascii=False, sort_keys=True).encode()
    await desk.do(
        attests, "party", "attest", party_id=party.party_id, level=step["level"],
        risk=step["risk"], report=play.story.suite.hash(report).hex(), expires=step["expires"],
    )  # fmt: skip
    state: str = await desk.do(approves, "party", "approve", party_id=party.party_id)
    return state


async def _refuse_wrong_digit(play: Play) -> None:
    step = play.story["step1"]
    wrong = step["refused"]
    # the same party, as the clerk who mistyped would have sent it
    party = next(p for p in play.story.parties.values() if p.uscc[:-1] == wrong["uscc"][:-1])
    bank = next(bank for bank, ids in step["attest"].items() if party.party_id in ids)
    await play.desk.refused(
        f"USCC {wrong['uscc']}: its check digit is wrong", wrong["code"],
        step["officers"][bank][0], "party", "apply",
        **(_application(party) | {"uscc": wrong["uscc"]}),
    )  # fmt: skip


def _application(party: PartyRecord) -> dict[str, str]:
    names = ("party_id", "legal_name", "kind", "country", "city", "uscc", "lei")
    return {name: getattr(party, name) for name in names}


# ---- steps 2 and 3 -------------------------------------------------------------------------------


async def lodge(play: Play, path: str) -> Invoice:
    """Reads an e-invoice and records its digest, parties and amount in its seller's name, once."""
    if path not in play.invoices:
        invoice = play.story.invoice(path)
        seller, buyer = (play.story.member_of(p) for p in (invoice.seller, invoice.buyer))
        await play.desk.do(
            play.desk.user(seller), "invoice_registry", "lodge", document=invoice.document,
            kind=invoice.kind, buyer=buyer, amount_fen=invoice.gross, currency=invoice.currency,
            issued_on=invoice.issued_on,
        )  # fmt: skip
        play.invoices[path] = invoice
    return play.invoices[path]


async def load_invoice(play: Play) -> None:
    """Step 2: the export invoice from UBL XML; malformed files do not get past the reader."""
    story, step = play.story, play.story["step2"]
    play.report.working("reading e-invoices")
    invoice = await lodge(play, step["invoice"])
    parties = (story.member_of(invoice.seller), story.member_of(invoice.buyer))
    expect("number of the e-invoice", step["number"], invoice.number)
    expect("seller and buyer of the e-invoice", (step["seller"], step["buyer"]), parties)
    expect("amount of the e-invoice", step["amount_fen"], invoice.gross)
    play.report.step(
        2, step["date"], f"e-invoice {invoice.number}, {parties[0]} to {parties[1]}: "
        f"{fen(invoice.gross)}",
    )  # fmt: skip
    play.report.proof(
        f"UBL 2.1, {len(invoice.lines)} lines, totals agree; lodged as SM3 {invoice.document[:32]}…"
    )
    for wrong in story["files"]["refused"]:
        await _refuse_document(play, wrong["path"], wrong["code"])


async def _refuse_document(play: Play, path: str, code: str) -> None:
    """The reader refuses with a code; nothing reaches the chain."""
    before = await play.stage.settled()
    try:
        play.story.invoice(path)
    except CityError as error:
        expect(f"{path}: code", code, error.code)
        said = f"{path}: {error.message}"
        name = error.name
    else:
        raise StepFailed(path, f"refused with {code}", "read")
    after = await play.stage.settled()
    expect(f"{path}: state root", before.root, after.root)
    play.report.refused(said, f"{code} {name}", after.root)


async def read_declaration(play: Play) -> Committee:
    """Step 3: the declaration fits the invoice, and the oracles tell that customs released it."""
    story = play.story
    invoice, found = play.invoices[story["step2"]["invoice"]], story.declaration()
    declared = (found.invoice_no, found.currency, found.amount_minor, found.declarant_uscc)
    billed = (invoice.number, invoice.currency, invoice.gross, invoice.seller.identifier)
    expect("declaration and invoice: number, currency, amount, seller", billed, declared)
    expect("declaration and invoice: buyer", invoice.buyer.identifier, found.counterparty_lei)
    await play.on(found.released_on, "customs declaration")
    play.report.step(
        3, found.released_on, f"customs declaration {found.declaration_no} read and matched"
    )
    play.report.proof(
        f"HS {found.hs_code} · {found.incoterm} {found.port} · number, buyer and amount as invoiced · "
        f"file SM3 {found.document[:16]}…"
    )
    return await tell_release(play, found)
