"""Accepting transactions: everything is checked before anything is changed.

Changes go to an overlay that the center commits. What money is and where it lies is written by books.py.

Keys of the store: `t` transactions, `w` terms by lock address, `z` freezes by coin, `r` what was given back
by coin; the others are those of books.py, registry.py and wallets.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from consensus.center_request import AuthorityQuery, IdentifyQuery, OperatorQuery, WalletQuery
from consensus.encoding import ZERO_HASH, EncodingError, Hash, decode, encode
from consensus.payment import (
    CCY,
    VERSION,
    Coin,
    CoinPoint,
    CoinState,
    Kind,
    LogEntry,
    OwnerKind,
    SignedCoinTransaction,
)
from consensus.payment_lock import ARBITERS_MAX, LockTerms, Witness
from deploy.regcenter import conditions, orders
from deploy.regcenter.books import Books
from deploy.regcenter.errors import CenterError
from deploy.regcenter.fields import entries
from deploy.regcenter.model import (
    Authority,
    Freeze,
    Operator,
    Receipt,
    Reversed,
    TxRecord,
    WalletRecord,
)
from deploy.regcenter.packed import address_of, coin_id_of, pack_record, tx_digests, unpack_coin
from deploy.regcenter.registry import Registry
from deploy.regcenter.rules import Posting, check_payment, check_shape
from deploy.regcenter.store import Overlay
from node.identity.suite import Suite

ASSET_FEN_MAX = 1 << 62
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opened:
    """What can be said of a transaction without any state: made in threads, before the batch is gone through.

    body: the encoded transaction. digest: what owners and approvers sign."""

    signed: SignedCoinTransaction
    witness: Witness
    body: bytes
    txid: Hash
    digest: Hash
    is_signed: bool


@dataclass(frozen=True, slots=True)
class Accepting:
    """A transaction under way: what its kind's rule needs."""

    opened: Opened
    signer: Hash
    coins: Sequence[Coin | None]
    now_ms: int

    @property
    def signed(self) -> SignedCoinTransaction:
        return self.opened.signed

    @property
    def witness(self) -> Witness:
        return self.opened.witness


class Ledger:
    """The state in memory; one instance a center."""

    def __init__(self, log_id: Hash, issuer: Hash, suite: Suite) -> None:
        self.log_id, self._issuer, self._suite = log_id, issuer, suite
        self.registry = Registry(suite)
        self.books = Books(self.registry)

    # ---- who is who ------------------------------------------------------------------------------

    def register(self, overlay: Overlay, query: OperatorQuery) -> Operator:
        """A bank becomes an operator, or adds to its reserve. Raises CenterError."""
        if self.books.totals.funded_fen > ASSET_FEN_MAX:
            raise CenterError("RC_VALUE", f"{query.reserve_fen} fen")
        operator = self.registry.register(overlay, query)
        self.books.fund(query.reserve_fen)
        return operator

    def appoint(self, overlay: Overlay, query: AuthorityQuery) -> Authority:
        return self.registry.appoint(overlay, query)

    def open_wallet(self, overlay: Overlay, public_key: bytes, query: WalletQuery) -> WalletRecord:
        """A bank opens a wallet. Raises CenterError."""
        bank, registry = address_of(public_key), self.registry
        if bank not in registry.operators:
            raise CenterError("RC_OPERATOR")
        if any(a in registry.operators or a in registry.authorities for a in query.addresses):
            raise CenterError("RC_TIER", "the address is a bank's or an authority's")
        return self.books.wallets.open(overlay, bank, query)

    def identify(
        self,
        overlay: Overlay,
        query: IdentifyQuery,
        asking: tuple[bytes, bytes],
        request: Hash,
        now_ms: int,
    ) -> WalletRecord:
        """Tells two authorities whose an address is; the log gets an entry over the request."""
        authorities = [self.registry.authorities.get(address_of(key)) for key in asking]
        record = self.books.wallets.identify(overlay, query, authorities, request, now_ms)
        self.books.append(overlay, LogEntry(VERSION, request, None, request))
        return record

    # ---- checking --------------------------------------------------------------------------------

    def opened(self, signed: SignedCoinTransaction, witness: Witness) -> Opened | CenterError:
        """Ids and signature of a transaction; touches no state, so that threads may call it."""
        try:
            body = encode(signed.tx)
            txid, digest = tx_digests(self.log_id, body)
            encode(witness)
            is_signed = self._suite.verify(signed.public_key, digest, signed.signature)
        except EncodingError as error:
            return CenterError("RC_ENCODING", str(error))
        return Opened(signed, witness, body, txid, digest, is_signed)

    def accept(self, overlay: Overlay, opened: Opened, now_ms: int) -> Receipt:
        """Checks everything, then writes; nothing is written for a transaction that is refused."""
        tx = opened.signed.tx
        known = overlay.get(b"t" + opened.txid)
        if known is not None:
            return self.receipt(opened.txid, decode(TxRecord, known))  # a repeated request
        check_shape(tx, now_ms)
        if not opened.is_signed:
            raise CenterError("RC_SIGNATURE")
        coins = [self.books.coin(overlay, wanted) for wanted in tx.inputs]
        going = Accepting(opened, address_of(opened.signed.public_key), coins, now_ms)
        posting = self._check(overlay, going)
        self._check_lock_addresses(overlay, going, posting)
        self.books.wallets.check(overlay, tx, posting.payer, now_ms)
        return self._write(overlay, going, posting)

    def _check(self, overlay: Overlay, going: Accepting) -> Posting:
        """The rule of the kind. Raises CenterError."""
        tx, signer, coins, now_ms = going.signed.tx, going.signer, going.coins, going.now_ms
        tier_of = self.registry.tier_of
        authority = self.registry.authorities.get(signer)
        match tx.kind:
            case Kind.LOCK:
                terms = going.witness.terms
                return conditions.check_lock(tx, signer, coins, tier_of, terms, now_ms)
            case Kind.RELEASE:
                evidence = (going.witness.preimage, self._approved(going))
                terms = _terms(overlay, coins)
                return conditions.check_release(tx, signer, coins, terms, evidence, now_ms)
            case Kind.REFUND_LOCK:
                terms, approved = _terms(overlay, coins), self._approved(going)
                return conditions.check_refund(tx, signer, coins, terms, approved, now_ms)
            case Kind.REVERSE:
                paid = _paid(overlay, tx.outputs[0].reference)
                return orders.check_reverse(tx, signer, coins, paid)
            case Kind.FREEZE:
                return orders.check_freeze(tx, coins, authority)
            case Kind.UNFREEZE:
                freezes = [_read(overlay, b"z" + coin, Freeze) for coin in tx.inputs]
                return orders.check_unfreeze(tx, signer, coins, authority, freezes)
            case Kind.COURT_TRANSFER:
                freezes = [_read(overlay, b"z" + coin, Freeze) for coin in tx.inputs]
                return orders.check_court_transfer(tx, signer, coins, authority, freezes, tier_of)
        posting = check_payment(tx, signer, coins, tier_of)
        if tx.kind == Kind.ISSUE:
            self.registry.check_reserve(signer, sum(output.value_fen for output in tx.outputs))
        return posting

    def _approved(self, going: Accepting) -> frozenset[Hash]:
        """Addresses whose keys signed this transaction too. Raises CenterError RC_SIGNATURE."""
        approvals = going.witness.approvals
        if len(approvals) > ARBITERS_MAX:
            raise CenterError("RC_SIGNATURE", "more approvals than arbiters may be")
        for approval in approvals:
            digest = going.opened.digest
            if not self._suite.verify(approval.public_key, digest, approval.signature):
                raise CenterError("RC_SIGNATURE", "an approval does not hold")
        return frozenset(address_of(approval.public_key) for approval in approvals)

    def _check_lock_addresses(self, overlay: Overlay, going: Accepting, posting: Posting) -> None:
        """Only a lock puts money where no key owns it, and terms lock once."""
        for index, output in enumerate(going.signed.tx.outputs):
            if going.signed.tx.kind == Kind.RELEASE and index in posting.locked:
                continue
            if overlay.get(b"w" + output.owner) is not None:
                raise CenterError("RC_TERMS", f"output {index} goes under terms that are in use")

    # ---- writing ---------------------------------------------------------------------------------

    def _write(self, overlay: Overlay, going: Accepting, posting: Posting) -> Receipt:
        opened, signed, now_ms = going.opened, going.signed, going.now_ms
        tx, txid, books = signed.tx, opened.txid, self.books
        mark = books.mark()
        seed = secrets.token_bytes(32)
        record = TxRecord(signed, posting.payer, now_ms, books.frontier.size, seed)
        overlay.put(b"t" + txid, pack_record(record, opened.body))
        for coin in going.coins:
            assert coin is not None
            books.move(overlay, coin.state, self._input_after(overlay, going, posting, coin))
        for index in range(len(tx.outputs)):
            books.move(overlay, CoinState.SPENT, self._output(going, posting, index))
        if tx.kind == Kind.LOCK and going.witness.terms is not None:
            overlay.put(b"w" + tx.outputs[0].owner, encode(going.witness.terms))
            overlay.put(b"a" + going.witness.terms.payee, b"")  # it can become no vault meanwhile
        if posting.reverses is not None:
            key = b"r" + posting.reverses
            before = _read(overlay, key, Reversed) or Reversed(0)
            overlay.put(key, encode(Reversed(before.value_fen + tx.outputs[0].value_fen)))
        for entry in entries(record, txid):
            books.append(overlay, entry)
        books.wallets.note(overlay, tx, posting.payer, now_ms)
        self._balance_reserve(overlay, going, posting)
        books.settle(mark, tx.kind, now_ms)
        return self.receipt(txid, record)

    def _balance_reserve(self, overlay: Overlay, going: Accepting, posting: Posting) -> None:
        tx = going.signed.tx
        created = sum(output.value_fen for output in tx.outputs)
        voided = (
            sum(coin.value_fen for coin in going.coins if coin is not None)
            if posting.inputs == CoinState.SPENT
            else 0
        )
        assert tx.kind in (Kind.ISSUE, Kind.DESTROY) or created == voided
        if tx.kind == Kind.ISSUE:
            self.books.issue(overlay, going.signer, created)
        if tx.kind == Kind.DESTROY:
            self.books.destroy(overlay, going.signer, voided)

    def _input_after(
        self, overlay: Overlay, going: Accepting, posting: Posting, coin: Coin
    ) -> Coin:
        """The coin of an input as the transaction leaves it; keeps or drops its freeze."""
        freeze = None
        if posting.inputs == CoinState.FROZEN:
            freeze = Freeze(going.opened.txid, going.signer, going.signed.tx.purpose, coin.state)
            overlay.put(b"z" + coin.coin_id, encode(freeze))
        elif coin.state == CoinState.FROZEN:
            freeze = _read(overlay, b"z" + coin.coin_id, Freeze)
            overlay.put(b"z" + coin.coin_id, None)
        if posting.inputs is None:
            assert freeze is not None, "only what was frozen is let go"
            return replace(coin, state=freeze.state)
        spent = posting.inputs == CoinState.SPENT
        spent_by = going.opened.txid if spent else ZERO_HASH
        return replace(coin, state=int(posting.inputs), spent_by=spent_by)

    def _output(self, going: Accepting, posting: Posting, index: int) -> Coin:
        tx, txid = going.signed.tx, going.opened.txid
        output, locked = tx.outputs[index], index in posting.locked
        return Coin(
            version=VERSION,
            coin_id=coin_id_of(txid, index),
            point=CoinPoint(txid, index),
            value_fen=output.value_fen,
            ccy=CCY,
            owner=output.owner,
            owner_kind=int(OwnerKind.CONTRACT if locked else OwnerKind.SM2),
            issuer=self._issuer,
            serial=self.books.next_serial() if tx.kind == Kind.ISSUE else 0,
            state=int(CoinState.LOCKED if locked else CoinState.UNSPENT),
            spent_by=ZERO_HASH,
        )

    def receipt(self, txid: Hash, record: TxRecord) -> Receipt:
        tx = record.signed.tx
        return Receipt(
            txid, Kind(tx.kind), record.accepted_ms, record.first_leaf, len(tx.outputs),
            self.books.frontier.size,
        )  # fmt: skip


def _read(overlay: Overlay, key: bytes, structure: type[T]) -> T | None:
    data = overlay.get(key)
    return None if data is None else decode(structure, data)


def _terms(overlay: Overlay, coins: Sequence[Coin | None]) -> LockTerms | None:
    (coin,) = coins
    return None if coin is None else _read(overlay, b"w" + coin.owner, LockTerms)


def _paid(overlay: Overlay, reference: Hash) -> orders.Paid | None:
    """The payment whose coin a REVERSE refers to."""
    data = overlay.get(b"c" + reference)
    coin = None if data is None else unpack_coin(data)
    if coin is None or coin.owner_kind == OwnerKind.CONTRACT:
        return None
    record = _read(overlay, b"t" + coin.point.txid, TxRecord)
    assert record is not None, "a coin has its transaction"
    given_back = _read(overlay, b"r" + reference, Reversed) or Reversed(0)
    return orders.Paid(coin, record.signed.tx.kind, record.payer, given_back.value_fen)
