"""Accepting transactions: everything is checked before anything is changed.

Changes go to an overlay that the center commits. What money is and where it lies is written by books.py.

Keys of the store: `t` transactions, `w` terms by lock address, `z` freezes by coin, `r` what was given back
by coin, `F` what came to an address by leaf; the others are those of books.py, registry.py, wallets.py,
aml.py, institutions.py and devices.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from consensus.center_request import AuthorityQuery, IdentifyQuery, OperatorQuery, WalletQuery
from consensus.encoding import ZERO_HASH, EncodingError, Hash, Sig, decode, encode
from consensus.payment import (
    CCY,
    NO_REFERENCE,
    VERSION,
    Coin,
    CoinOutput,
    CoinPoint,
    CoinState,
    CoinTransaction,
    Kind,
    LogEntry,
    OwnerKind,
    SignedCoinTransaction,
)
from consensus.payment_lock import ARBITERS_MAX, LockTerms, Witness
from deploy.regcenter import conditions, orders
from deploy.regcenter.books import Books
from deploy.regcenter.devices import Devices
from deploy.regcenter.errors import CenterError
from deploy.regcenter.fields import entries
from deploy.regcenter.hooks import Told
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
from deploy.regcenter.parties import Parties
from deploy.regcenter.pki import Pki
from deploy.regcenter.registry import Registry
from deploy.regcenter.rules import Posting, Tier, check_own, check_payment, check_shape
from deploy.regcenter.store import Overlay
from deploy.regcenter.voice import Voice
from node.identity.suite import Suite

ASSET_FEN_MAX = 1 << 62
MACHINES = ("ATM:", "POS:")
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


@dataclass(frozen=True, slots=True)
class Order:
    """Money that the center moves by itself, on a voucher or on an account holder's word. payments: to whom
    and how many fen."""

    kind: Kind
    payer: Hash
    payments: tuple[tuple[Hash, int], ...]
    purpose: str


@dataclass(frozen=True, slots=True)
class Plan:
    """An order with the coins that carry it. payments: with change."""

    order: Order
    coins: tuple[Coin, ...]
    payments: tuple[tuple[Hash, int], ...]


class Ledger:
    """The state in memory; one instance a center. voice: what the center signs with."""

    def __init__(self, voice: Voice, suite: Suite, pki: Pki) -> None:
        self.log_id, self.voice, self._suite = voice.log_id, voice, suite
        self.registry = Registry(suite)
        self.devices = Devices(suite)
        self.books = Books(self.registry)
        self.parties = Parties(self.registry, self.books.institutions, pki)

    # ---- who is who ------------------------------------------------------------------------------

    def register(self, overlay: Overlay, query: OperatorQuery, now_ms: int) -> Operator:
        """A bank becomes an operator, or adds to its reserve. Raises CenterError."""
        if self.books.totals.funded_fen > ASSET_FEN_MAX:
            raise CenterError("RC_VALUE", f"{query.reserve_fen} fen")
        operator = self.registry.register(overlay, query)
        self.books.fund(query.reserve_fen)
        self.parties.certify(overlay, address_of(query.public_key), now_ms)
        return operator

    def appoint(self, overlay: Overlay, query: AuthorityQuery, now_ms: int) -> Authority:
        found = self.registry.appoint(overlay, query)
        self.parties.certify(overlay, address_of(query.public_key), now_ms)
        return found

    def open_wallet(
        self, overlay: Overlay, public_key: bytes, query: WalletQuery, now_ms: int
    ) -> WalletRecord:
        """A bank opens a wallet, or a holder from abroad his own. Raises CenterError."""
        opener, registry = address_of(public_key), self.registry
        self.parties.require_heard(now_ms, opener)
        if any(a in registry.operators or a in registry.authorities for a in query.addresses):
            raise CenterError("RC_TIER", "the address is a bank's or an authority's")
        bank = opener if opener in registry.operators else ZERO_HASH
        if bank == ZERO_HASH and opener not in query.addresses:
            raise CenterError("RC_OPERATOR")
        return self.books.wallets.open(overlay, opener, bank, query, now_ms)

    def identify(
        self,
        overlay: Overlay,
        query: IdentifyQuery,
        asking: tuple[bytes, bytes],
        request: Hash,
        now_ms: int,
    ) -> WalletRecord:
        """Tells two authorities whose an address is; the log gets an entry over the request."""
        addresses = [address_of(key) for key in asking]
        self.parties.require_heard(now_ms, *addresses)
        authorities = [self.registry.authorities.get(address) for address in addresses]
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
        self.parties.require_heard(now_ms, going.signer)
        if going.signer in self.devices.addresses:
            raise CenterError("RC_DEVICE", "a device pays by vouchers")
        posting = self._check(overlay, going)
        self._check_lock_addresses(overlay, going, posting)
        self.books.wallets.check(overlay, tx, (posting.payer, _payees(going)), now_ms)
        if posting.inputs == CoinState.SPENT:
            mine = [c.value_fen for c in coins if c is not None and c.owner == posting.payer]
            self.books.institutions.check_spend(tx, posting.payer, sum(mine))
        receipt = self._write(overlay, going, posting)
        self.books.institutions.assert_covered()
        return receipt

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
                reference = _reference(overlay, coins)
                return conditions.check_release(
                    tx, signer, coins, terms, evidence, now_ms, reference
                )
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
            case Kind.MERGE | Kind.SPLIT:
                return check_own(tx, signer, coins)
        posting = check_payment(tx, signer, coins, tier_of)
        if tx.kind == Kind.ISSUE:
            self.registry.check_reserve(signer, sum(output.value_fen for output in tx.outputs))
        if tx.kind == Kind.EXCHANGE and tx.purpose.startswith(MACHINES):
            given = sum(output.value_fen for output in tx.outputs if output.owner != signer)
            self.registry.check_recharge(signer, tx.purpose, self._approved(going), given)
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

    # ---- what the center itself moves --------------------------------------------------------------

    def check_receiver(self, overlay: Overlay, address: Hash) -> None:
        """Whether the center itself may pay an address. Raises CenterError."""
        if self.registry.tier_of(address) is Tier.VAULT or overlay.get(b"w" + address) is not None:
            raise CenterError("RC_TIER", "it is a vault, or belongs to terms")
        self.books.wallets.check_open(address)

    def plan(self, overlay: Overlay, order: Order) -> Plan:
        """The coins for an order of the center, all checks done. Raises CenterError RC_OVERSPEND."""
        wanted = sum(value for _, value in order.payments)
        coins = self.books.gather(overlay, order.payer, wanted)
        have = sum(coin.value_fen for coin in coins)
        payments = order.payments
        if have > wanted:
            payments = (*payments, (order.payer, have - wanted))
        return Plan(order, tuple(coins), payments)

    def carry_out(self, overlay: Overlay, plan: Plan, now_ms: int) -> Receipt:
        """Writes what was planned; nothing may be written between the two."""
        tx = CoinTransaction(
            version=VERSION,
            kind=int(plan.order.kind),
            ccy=CCY,
            inputs=tuple(coin.coin_id for coin in plan.coins),
            outputs=tuple(CoinOutput(value, to, NO_REFERENCE) for to, value in plan.payments),
            purpose=plan.order.purpose,
            time_ms=now_ms,
            salt=secrets.token_bytes(16),
        )
        body = encode(tx)
        txid, digest = tx_digests(self.log_id, body)
        signer = self.voice.signer
        signed = SignedCoinTransaction(tx, signer.public_key, Sig(signer.sign(digest)))
        opened = Opened(signed, Witness(), body, txid, digest, True)
        going = Accepting(opened, plan.order.payer, plan.coins, now_ms)
        return self._write(overlay, going, Posting(plan.order.payer))

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
        for index, output in enumerate(tx.outputs):
            books.move(overlay, CoinState.SPENT, self._output(going, posting, index))
            leaf = books.frontier.size + index
            overlay.put(b"F" + output.owner + leaf.to_bytes(8, "big"), b"")
        if tx.kind == Kind.LOCK and going.witness.terms is not None:
            overlay.put(b"w" + tx.outputs[0].owner, encode(going.witness.terms))
            overlay.put(b"a" + going.witness.terms.payee, b"")  # it can become no vault meanwhile
        if posting.reverses is not None:
            key = b"r" + posting.reverses
            before = _read(overlay, key, Reversed) or Reversed(0)
            overlay.put(key, encode(Reversed(before.value_fen + tx.outputs[0].value_fen)))
        for entry in entries(record, txid):
            books.append(overlay, entry)
        books.hooks.note(overlay, tx.outputs, record.first_leaf, books.wallets.bank_of)
        books.wallets.note(overlay, tx, posting.payer, txid, now_ms)
        books.institutions.credit(overlay, tx, posting.payer)
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
        return Coin(  # as dataclasses.replace makes it, in a third of the time
            coin.version, coin.coin_id, coin.point, coin.value_fen, coin.ccy, coin.owner,
            coin.owner_kind, coin.issuer, coin.serial, int(posting.inputs),
            going.opened.txid if spent else ZERO_HASH,
        )  # fmt: skip

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
            issuer=self.voice.key_id,
            serial=self.books.next_serial() if tx.kind == Kind.ISSUE else 0,
            state=int(CoinState.LOCKED if locked else CoinState.UNSPENT),
            spent_by=ZERO_HASH,
        )

    def tell(self, overlay: Overlay, told: Told) -> Told:
        """A hook's receiver has taken something: it is struck out, and a hook that lags catches up."""
        hooks, size = self.books.hooks, self.books.frontier.size
        hooks.strike(overlay, told)
        hooks.catch_up(overlay, told.hook, size, lambda leaf: self._told_of(overlay, leaf))
        return told

    def _told_of(self, overlay: Overlay, leaf: int) -> tuple[Hash, ...]:
        """The owner of a leaf's output, and its bank."""
        entry = _read(overlay, b"e" + leaf.to_bytes(8, "big"), LogEntry)
        record = None if entry is None else _read(overlay, b"t" + entry.txid, TxRecord)
        if entry is None or record is None or entry.output_index is None:
            return ()
        owner = record.signed.tx.outputs[entry.output_index].owner
        return owner, self.books.wallets.bank_of(owner) or owner

    def receipt(self, txid: Hash, record: TxRecord) -> Receipt:
        """Without the head that it will stand under."""
        tx = record.signed.tx
        return Receipt(
            txid, Kind(tx.kind), record.accepted_ms, record.first_leaf, len(tx.outputs),
            self.books.frontier.size,
        )  # fmt: skip


def _payees(going: Accepting) -> list[Hash]:
    """Who each output is for; what is locked is for the payee of its terms."""
    payees = [output.owner for output in going.signed.tx.outputs]
    if going.signed.tx.kind == Kind.LOCK and going.witness.terms is not None:
        payees[0] = going.witness.terms.payee
    return payees


def _read(overlay: Overlay, key: bytes, structure: type[T]) -> T | None:
    data = overlay.get(key)
    return None if data is None else decode(structure, data)


def _terms(overlay: Overlay, coins: Sequence[Coin | None]) -> LockTerms | None:
    (coin,) = coins
    return None if coin is None else _read(overlay, b"w" + coin.owner, LockTerms)


def _reference(overlay: Overlay, coins: Sequence[Coin | None]) -> Hash:
    """What a coin was made under: the reference of its output."""
    (coin,) = coins
    record = None if coin is None else _read(overlay, b"t" + coin.point.txid, TxRecord)
    if coin is None or record is None:
        return NO_REFERENCE
    return record.signed.tx.outputs[coin.point.output_index].reference


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
