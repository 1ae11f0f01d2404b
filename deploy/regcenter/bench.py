"""How many payments a second the center's core accepts: real store, signatures and heads, no HTTP."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from consensus.center_request import OperatorQuery, WalletQuery
from consensus.encoding import Hash
from consensus.payment import (
    CCY,
    NO_REFERENCE,
    OUTPUTS_MAX,
    VERSION,
    CoinOutput,
    CoinPoint,
    CoinTransaction,
    Kind,
    SignedCoinTransaction,
    coin_id,
)
from deploy.regcenter import identities
from deploy.regcenter.center import NO_WITNESS, Center
from deploy.regcenter.client import Wallet, sign_transaction
from deploy.regcenter.hashing import sm3
from deploy.regcenter.limits import Category
from deploy.regcenter.model import Receipt
from deploy.regcenter.operations import Opening, Operation, Placement, Refresh
from deploy.regcenter.requests import Enrolment, digest_of

VALUE_FEN = 100


def measure(
    directory: Path, payments: int, batch: int, registered: bool = False
) -> dict[str, int | float]:
    """Accepts transfers of one coin each in a new center, in batches; at the end the map of unspent coins
    shows all of them. registered: between wallets that a bank opened, whose limits and reports are kept up.

    per_second: by the wall clock. per_core: by processor second of all threads. per_core_unsigned: the
    same less the processor time of opening the transactions (ids and payers' signatures) once more."""
    center = Center.open(directory)
    try:
        signed = _prepared(center, payments, registered)
        wall, processor = time.perf_counter(), time.process_time()
        for start in range(0, payments, batch):
            _accept(center, *signed[start : start + batch])
        center.process([Refresh(with_map=True)])
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        opening = time.process_time()
        for each in signed:
            center.ledger.opened(each, NO_WITNESS)
        opening = time.process_time() - opening
    finally:
        center.close()
    return {
        "payments": payments,
        "batch": batch,
        "registered": registered,
        "wall_s": round(wall, 3),
        "processor_s": round(processor, 3),
        "opening_s": round(opening, 3),
        "per_second": round(payments / wall),
        "per_core": round(payments / processor),
        "per_core_unsigned": round(payments / max(processor - opening, 1e-9)),
    }


def measure_sm9(signatures: int) -> dict[str, int | float]:
    """Processor seconds of one enrolment's signature, made and checked. Raises CenterError RC_SM9."""
    epoch, log_id = 202611, Hash(bytes(32))
    secret, master_key = identities.make_master()
    key = identities.make_identity(secret, master_key, "bench", int(Category.FOURTH), epoch)
    start = time.process_time()
    made = [identities.enrolment(log_id, key, bytes(65)) for _ in range(signatures)]
    signed = time.process_time()
    wanted = digest_of(Enrolment(log_id, key.kgc, key.wallet, key.tier, epoch, bytes(65)))
    checker = identities.Sm9Authenticator(master_key)
    for query in made:
        assert checker.holds(identities.name_of(query), wanted, (query.h, query.point))
    checked = time.process_time()
    return {
        "signatures": signatures,
        "sign_s": round((signed - start) / signatures, 4),
        "verify_s": round((checked - signed) / signatures, 4),
    }


def _prepared(center: Center, payments: int, registered: bool) -> list[SignedCoinTransaction]:
    """Signed transfers of `payments` coins, each in the payer's wallet."""
    bank, payer, payee = Wallet.generate(), Wallet.generate(), Wallet.generate()
    query = OperatorQuery("bench", bank.public_key, payments * VALUE_FEN)
    center.process([Placement(query, Hash(secrets.token_bytes(32)))])
    if registered:
        for wallet in (payer, payee):
            opening = WalletQuery(
                wallet.address, int(Category.CORPORATE), "bench", (wallet.address,)
            )
            center.process([Opening(opening, bank.public_key)])
    coins: list[Hash] = []
    while len(coins) < payments:
        count = min(OUTPUTS_MAX, payments - len(coins))
        issue = _signed(center, bank, Kind.ISSUE, (), [(bank.address, count * VALUE_FEN)])
        (issued,) = _accept(center, issue)
        vault = coin_id(sm3, CoinPoint(issued.txid, 0))
        given = _signed(center, bank, Kind.EXCHANGE, (vault,), [(payer.address, VALUE_FEN)] * count)
        (exchanged,) = _accept(center, given)
        coins += [coin_id(sm3, CoinPoint(exchanged.txid, i)) for i in range(count)]
    out = [(payee.address, VALUE_FEN)]
    return [_signed(center, payer, Kind.TRANSFER, (coin,), out) for coin in coins]


def _signed(
    center: Center, by: Wallet, kind: Kind, inputs: tuple[Hash, ...], to: list[tuple[Hash, int]]
) -> SignedCoinTransaction:
    outputs = tuple(CoinOutput(value, owner, NO_REFERENCE) for owner, value in to)
    salt = secrets.token_bytes(16)
    tx = CoinTransaction(VERSION, int(kind), CCY, inputs, outputs, "", center.clock(), salt)
    return sign_transaction(by, center.log_id, tx)


def _accept(center: Center, *operations: Operation) -> list[Receipt]:
    receipts = []
    for outcome in center.process(operations):
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, Receipt)
        receipts.append(outcome)
    return receipts
