"""The three plays. Figures of the trade are those of the story (invoice of 12,000,000.00 yuan)."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from consensus.encoding import ZERO_HASH, Hash
from consensus.payment import Kind, regime_at
from consensus.payment_lock import LOCK_VERSION, Condition, LockTerms, lock_address
from deploy.regcenter.hashing import sm3
from deploy.regcenter.limits import DAY_MS, Category
from deploy.regcenter.postings import postings
from deploy.regcenter.purse import Payment, Wallet
from deploy.regcenter.requests import (
    DeviceQuery,
    FileQuery,
    PostingsQuery,
    ReportsQuery,
    TerminalQuery,
)
from deploy.regcenter.residence import Use
from deploy.rmb.stage import Stage, coin_of

INVOICE_FEN = 1_200_000_000
PURPOSE = "GOODS 530120260001234567"
MILLION = 100_000_000  # yuan, in fen


async def trade(stage: Stage) -> None:
    """Settlement of trade: an invoice paid across the border, goods against payment, retail from abroad."""
    await stage.bank("QB", 10 * MILLION)
    await stage.bank("VB", 30 * MILLION)
    exporter = await stage.wallet("Pengxu", "QB")
    importer = await stage.wallet("Harbour Bright", "VB", residence="HK")
    await stage.fund("VB", importer, 2 * INVOICE_FEN)
    await stage.status("balances of holders from abroad", "nonresident_fen", 2 * INVOICE_FEN)
    unnamed = stage.pay(importer, exporter, INVOICE_FEN, "")
    await stage.refused("RC_PURPOSE_CODE", "a payment that does not say what for", unnamed)
    reference = Hash(sm3(b"invoice 26442000000123456789"))
    paid = await stage.pay(importer, exporter, INVOICE_FEN, PURPOSE, reference)
    shown = await stage.proven(exporter, paid)
    stage.expect("amount in the proof, checked offline", INVOICE_FEN, shown.amount_fen)
    stage.expect("purpose in the proof", PURPOSE, shown.purpose)
    stage.expect("the proof names the invoice", reference, shown.ref_commit)
    await _goods_arrival(stage, importer, exporter)
    await stage.balance("the exporter holds", exporter, 2 * INVOICE_FEN)
    (report,) = (await stage.client.ask(stage.banks["QB"], ReportsQuery(0)))["reports"]
    stage.expect("its bank reports", "large value", report["pattern"])
    filed = await stage.client.ask(stage.banks["QB"], FileQuery(report["serial"]))
    stage.expect("in time", "filed", filed["status"])
    await _retail(stage)


async def _goods_arrival(stage: Stage, importer: Wallet, exporter: Wallet) -> None:
    """The money of a second shipment waits for customs and the carrier."""
    customs, carrier = Wallet.generate(), Wallet.generate()
    terms = _terms(
        importer, exporter, INVOICE_FEN, Condition.MULTISIG, (customs, carrier), 2,
        (await stage.client.status())["now_ms"],
    )  # fmt: skip
    locked = await stage.client.lock(importer, terms, purpose=PURPOSE)
    coin, payment = coin_of(locked), [Payment(exporter.address, INVOICE_FEN)]
    early = stage.client.release(exporter, coin, payment, arbiters=[carrier])
    await stage.refused("RC_CONDITION", "release before customs has signed", early)
    await stage.client.release(exporter, coin, payment, arbiters=[customs, carrier])
    again = stage.client.release(exporter, coin, payment, arbiters=[customs, carrier])
    await stage.refused("RC_DOUBLE_SPEND", "a second release", again)


async def _retail(stage: Stage) -> None:
    """A traveller opens a wallet without a bank, recharges it at a machine, pays; a merchant abroad is paid."""
    now_ms = (await stage.client.status())["now_ms"]
    marie = await stage.wallet(
        "+33 6 12 34 56 78", "", category=Category.FOURTH, residence="FR", use=Use.TRAVELLER,
        until_ms=now_ms + 90 * DAY_MS,
    )  # fmt: skip
    merchant = await stage.wallet(
        "Vientiane Market", "", category=Category.FOURTH, residence="LA", use=Use.MERCHANT
    )
    machine, bank = Wallet.generate(), stage.banks["QB"]
    await stage.client.ask(bank, TerminalQuery("SZX-07", machine.public_key, 500_000))
    await stage.client.recharge(bank, machine, marie.address, 300_000, "ATM:SZX-07")
    above = stage.client.recharge(bank, machine, marie.address, 500_001, "ATM:SZX-07")
    await stage.refused("RC_LIMIT", "a recharge above the machine's limit", above)
    forged = stage.client.recharge(bank, Wallet.generate(), marie.address, 1, "ATM:SZX-07")
    await stage.refused("RC_TERMINAL", "a recharge that another machine confirms", forged)
    shop = await stage.wallet("Tea House", "QB")
    large = stage.pay(marie, shop, 200_001, "")
    await stage.refused("RC_LIMIT", "a traveller's payment above the limit", large)
    await stage.pay(marie, shop, 200_000, "")
    await stage.pay(shop, merchant, 150_000, "")
    await stage.held("the merchant abroad", merchant, 150_000)


async def investment(stage: Stage) -> None:
    """Cross-border investment and financing: equity and dividend, a loan by milestones and its repayment."""
    await stage.bank("QB", 100 * MILLION)
    await stage.bank("VB", 100 * MILLION)
    venture = await stage.wallet("Pengxu Moulds JV", "QB")
    builder = await stage.wallet("Longgang Builders", "QB")
    investor = await stage.wallet("Harbour Bright", "VB", residence="HK")
    lender = await stage.wallet("Lion City Bank", "VB", residence="SG")
    await stage.fund("VB", investor, 20 * MILLION)
    await stage.fund("VB", lender, 50 * MILLION)
    capital = await stage.pay(investor, venture, 20 * MILLION, "CAPITAL equity 2026-1")
    shown = await stage.proven(venture, capital)
    stage.expect("purpose in the proof", "CAPITAL equity 2026-1", shown.purpose)
    await _milestones(stage, lender, venture)
    stage.expect(
        "at home no code is asked",
        "TRANSFER",
        (await stage.pay(venture, builder, 30 * MILLION, "moulds hall")).kind,
    )
    await stage.pay(venture, investor, MILLION, "CURRENT dividend 2026")
    unnamed = stage.pay(venture, lender, 10 * MILLION, "repayment")
    await stage.refused("RC_PURPOSE_CODE", "a repayment without a code", unnamed)
    await stage.pay(venture, lender, 10 * MILLION, "CAPITAL repayment 1 of 5")
    await stage.balance("the venture holds", venture, 29 * MILLION)
    await stage.status("balances of holders from abroad", "nonresident_fen", 11 * MILLION)
    await _two_postings(stage, venture)


async def _milestones(stage: Stage, lender: Wallet, venture: Wallet) -> None:
    """A loan of 50 million is drawn in parts, each confirmed by an engineer and a lawyer."""
    engineer, lawyer = Wallet.generate(), Wallet.generate()
    terms = _terms(
        lender, venture, 50 * MILLION, Condition.MILESTONE, (engineer, lawyer), 2,
        (await stage.client.status())["now_ms"],
    )  # fmt: skip
    unnamed = stage.client.lock(lender, terms)
    await stage.refused("RC_PURPOSE_CODE", "a loan without a code", unnamed)
    locked = await stage.client.lock(lender, terms, purpose="CAPITAL loan 2026-7")
    owner = lock_address(sm3, terms)
    first = [Payment(venture.address, 20 * MILLION), Payment(owner, 30 * MILLION)]
    alone = stage.client.release(venture, coin_of(locked), first, arbiters=[engineer])
    await stage.refused("RC_CONDITION", "a part that the lawyer has not confirmed", alone)
    drawn = await stage.client.release(venture, coin_of(locked), first, arbiters=[engineer, lawyer])
    await stage.balance("after the first milestone", venture, 40 * MILLION)
    rest = [Payment(venture.address, 30 * MILLION)]
    await stage.client.release(venture, coin_of(drawn, 1), rest, arbiters=[engineer, lawyer])
    await stage.balance("after the second", venture, 70 * MILLION)


async def _two_postings(stage: Stage, venture: Wallet) -> None:
    """The same exchange means another entry under the rules of 2020 than under those of its day."""
    given = await stage.client.exchange(stage.banks["QB"], venture.address, MILLION)
    answer = await stage.client.ask(venture, PostingsQuery(Hash(given.txid)))
    books = [line["credit"] for line in answer["lines"]]
    stage.expect(f"credited under the rules of {answer['regime']}", ["wallet balances"], books)
    old = regime_at(1_700_000_000_000)
    assert old is not None
    before = [line.credit for line in postings(Kind.EXCHANGE, MILLION, old)]
    stage.expect(
        "credited under those of 2020", ["e-CNY with the public", "e-CNY in the vault"], before
    )


async def reserve(stage: Stage) -> None:
    """Reserve holding: monetary authorities abroad keep money that is not spent at home."""
    await stage.bank("QB", 1_000 * MILLION)
    first = await stage.wallet("Authority of the South", "QB", residence="TH", use=Use.RESERVE)
    second = await stage.wallet("Authority of the Strait", "QB", residence="SG", use=Use.RESERVE)
    shop = await stage.wallet("Tea House", "QB")
    trader = await stage.wallet("Harbour Bright", "QB", residence="HK")
    await stage.fund("QB", first, 500 * MILLION)
    await stage.status("reserve holdings", "reserve_wallets_fen", 500 * MILLION)
    for name, payee in (("at home", shop), ("to a trader abroad", trader)):
        spent = stage.pay(first, payee, MILLION, "RESERVE")
        await stage.refused("RC_RESERVE_CLASS", f"reserve money spent {name}", spent)
    terms = _terms(
        first, shop, MILLION, Condition.HASH, (), 0, (await stage.client.status())["now_ms"]
    )
    hidden = stage.client.lock(first, terms, purpose="RESERVE")
    await stage.refused("RC_RESERVE_CLASS", "the same under terms", hidden)
    device, now_ms = Wallet.generate(), (await stage.client.status())["now_ms"]
    query = DeviceQuery(device.public_key, Wallet.generate().address, now_ms + DAY_MS)
    await stage.client.ask(stage.banks["QB"], query)
    offline = stage.pay(first, device, MILLION, "RESERVE")
    await stage.refused("RC_RESERVE_CLASS", "the same over an offline device", offline)
    await stage.fund("QB", trader, MILLION)
    mixed = stage.pay(trader, first, MILLION, "RESERVE")
    await stage.refused("RC_RESERVE_CLASS", "other money into a reserve wallet", mixed)
    await stage.pay(first, second, 200 * MILLION, "RESERVE swap")
    await stage.held("moved between authorities", second, 200 * MILLION)
    await stage.client.redeem(first, stage.banks["QB"].address, 100 * MILLION)
    await stage.status("reserve holdings after a redemption", "reserve_wallets_fen", 400 * MILLION)


def _terms(
    payer: Wallet,
    payee: Wallet,
    fen: int,
    condition: Condition,
    arbiters: tuple[Wallet, ...],
    threshold: int,
    now_ms: int,
) -> LockTerms:
    program = Hash(sm3(secrets.token_bytes(32))) if condition is Condition.HASH else ZERO_HASH
    return LockTerms(
        version=LOCK_VERSION,
        payer=payer.address,
        payee=payee.address,
        amount_fen=fen,
        condition=int(condition),
        program_hash=program,
        after_ms=0,
        arbiters=tuple(arbiter.address for arbiter in arbiters),
        threshold=threshold,
        expires_ms=now_ms + 30 * DAY_MS,
        salt=secrets.token_bytes(16),
    )


PLAYS: Mapping[str, Callable[[Stage], Awaitable[None]]] = MappingProxyType(
    {"trade": trade, "investment": investment, "reserve": reserve}
)
