"""What the center knows about money beside the store: banks, authorities, totals, and the end of the log.

Every method checks everything before it changes anything; changes go to an overlay that the center commits.
Conservation is asserted after each transaction.

Keys of the store: `c` coins, `u` unspent by owner, `t` transactions, `e` entries, `n` nodes, `l` leaves,
`o` banks, `v` authorities, `w` terms by lock address, `z` freezes by coin, `r` what was given back by coin,
`a` wallets seen, `q` requests done, `h` heads, `m` totals, `x` what is held, `k` the key chain; the
others are those of wallets.py.
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
    VALUE_FEN_MAX,
    VERSION,
    Coin,
    CoinPoint,
    CoinState,
    Kind,
    LogEntry,
    OwnerKind,
    SignedCoinTransaction,
    coin_id,
    coin_tx_digests,
    entry_bytes,
    wallet_address,
)
from consensus.payment_lock import ARBITERS_MAX, LockTerms, Witness
from deploy.regcenter import conditions, log, orders
from deploy.regcenter.errors import CenterError
from deploy.regcenter.fields import entries
from deploy.regcenter.hashing import sm3
from deploy.regcenter.model import (
    Authority,
    Freeze,
    Held,
    Operator,
    Receipt,
    Reversed,
    Totals,
    TxRecord,
    WalletRecord,
)
from deploy.regcenter.rules import Posting, Tier, check_payment, check_shape
from deploy.regcenter.store import Overlay
from deploy.regcenter.wallets import WalletBook
from node.identity.errors import BadKey
from node.identity.suite import Suite

ASSET_FEN_MAX = 1 << 62
NAME_CHARS_MAX = 64
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opened:
    """What can be said of a transaction without any state: made in threads, before the batch is gone through.

    digest: what owners and approvers sign."""

    signed: SignedCoinTransaction
    witness: Witness
    txid: Hash
    digest: Hash
    is_signed: bool


@dataclass(frozen=True, slots=True)
class Accepting:
    """A transaction under way: what its kind's rule needs."""

    signed: SignedCoinTransaction
    witness: Witness
    txid: Hash
    digest: Hash
    signer: Hash
    coins: Sequence[Coin | None]
    now_ms: int


class Ledger:
    """The state in memory; one instance a center."""

    def __init__(self, log_id: Hash, issuer: Hash, suite: Suite) -> None:
        self.log_id, self._issuer, self._suite = log_id, issuer, suite
        self.operators: dict[Hash, Operator] = {}
        self.authorities: dict[Hash, Authority] = {}
        self.totals = Totals(VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        self.held = Held(0, 0)
        self.frontier = log.Frontier(0, [])
        self.wallets = WalletBook()

    def tier_of(self, address: Hash) -> Tier:
        return Tier.VAULT if address in self.operators else Tier.WALLET

    # ---- who is who ------------------------------------------------------------------------------

    def register(self, overlay: Overlay, query: OperatorQuery) -> Operator:
        """A bank becomes an operator, or adds to its reserve. Raises CenterError."""
        address = self._new_address(overlay, query.public_key)
        known = self.operators.get(address)
        if known is not None and known.name != query.name:
            raise CenterError("RC_OPERATOR", f"this key is {known.name}'s")
        if any(o.name == query.name and a != address for a, o in self.operators.items()):
            raise CenterError("RC_OPERATOR", f"{query.name} has another key")
        if query.reserve_fen > VALUE_FEN_MAX or self.totals.funded_fen > ASSET_FEN_MAX:
            raise CenterError("RC_VALUE", f"{query.reserve_fen} fen")
        if address in self.authorities:
            raise CenterError("RC_TIER", "the key is an authority's")
        reserve = query.reserve_fen + (known.reserve_fen if known else 0)
        self._set_operator(overlay, address, Operator(query.name, query.public_key, reserve))
        self.totals = replace(
            self.totals,
            funded_fen=self.totals.funded_fen + query.reserve_fen,
            reserve_fen=self.totals.reserve_fen + query.reserve_fen,
        )
        return self.operators[address]

    def appoint(self, overlay: Overlay, query: AuthorityQuery) -> Authority:
        """A court or an AML authority; its word is never changed afterwards. Raises CenterError."""
        address = self._new_address(overlay, query.public_key)
        found = Authority(query.name, query.role, query.public_key)
        if query.role not in orders.ROLES:
            raise CenterError("RC_AUTHORITY", f"roles are {' and '.join(orders.ROLES)}")
        if not 0 < len(query.name) <= NAME_CHARS_MAX:
            raise CenterError("RC_ENCODING", "a name has 1 to 64 characters")
        if address in self.operators:
            raise CenterError("RC_TIER", "the key is a bank's")
        if self.authorities.get(address, found) != found:
            raise CenterError("RC_AUTHORITY", "the key has another name or role")
        if any(v.name == query.name and a != address for a, v in self.authorities.items()):
            raise CenterError("RC_AUTHORITY", f"{query.name} has another key")
        self.authorities[address] = found
        overlay.put(b"v" + address, encode(found))
        return found

    def _new_address(self, overlay: Overlay, public_key: bytes) -> Hash:
        try:
            self._suite.check_public_key(public_key)
        except BadKey as error:
            raise CenterError("RC_ENCODING", error.detail) from error
        address = wallet_address(sm3, public_key)
        if overlay.get(b"a" + address) is not None:
            raise CenterError("RC_TIER", "the key is already a wallet of the public")
        return address

    def _set_operator(self, overlay: Overlay, address: Hash, operator: Operator) -> None:
        self.operators[address] = operator
        overlay.put(b"o" + address, encode(operator))

    def open_wallet(self, overlay: Overlay, public_key: bytes, query: WalletQuery) -> WalletRecord:
        """A bank opens a wallet. Raises CenterError."""
        bank = wallet_address(sm3, public_key)
        if bank not in self.operators:
            raise CenterError("RC_OPERATOR")
        if any(a in self.operators or a in self.authorities for a in query.addresses):
            raise CenterError("RC_TIER", "the address is a bank's or an authority's")
        return self.wallets.open(overlay, bank, query)

    def identify(
        self,
        overlay: Overlay,
        query: IdentifyQuery,
        asking: tuple[bytes, bytes],
        request: Hash,
        now_ms: int,
    ) -> WalletRecord:
        """Tells two authorities whose an address is; the log gets an entry over the request."""
        authorities = [self.authorities.get(wallet_address(sm3, key)) for key in asking]
        record = self.wallets.identify(overlay, query, authorities, request, now_ms)
        self._append(overlay, LogEntry(VERSION, request, None, request))
        self.totals = replace(self.totals, tree_size=self.frontier.size)
        return record

    # ---- checking --------------------------------------------------------------------------------

    def opened(self, signed: SignedCoinTransaction, witness: Witness) -> Opened | CenterError:
        """Ids and signature of a transaction; touches no state, so that threads may call it."""
        try:
            txid, digest = coin_tx_digests(sm3, self.log_id, signed.tx)
            encode(witness)
            is_signed = self._suite.verify(signed.public_key, digest, signed.signature)
        except EncodingError as error:
            return CenterError("RC_ENCODING", str(error))
        return Opened(signed, witness, txid, digest, is_signed)

    def accept(self, overlay: Overlay, opened: Opened, now_ms: int) -> Receipt:
        """Checks everything, then writes; nothing is written for a transaction that is refused."""
        signed, witness, txid = opened.signed, opened.witness, opened.txid
        tx = signed.tx
        known = overlay.get(b"t" + txid)
        if known is not None:
            return self.receipt(txid, decode(TxRecord, known))  # a repeated request
        check_shape(tx, now_ms)
        if not opened.is_signed:
            raise CenterError("RC_SIGNATURE")
        coins = [_read(overlay, b"c" + wanted, Coin) for wanted in tx.inputs]
        signer = wallet_address(sm3, signed.public_key)
        going = Accepting(signed, witness, txid, opened.digest, signer, coins, now_ms)
        posting = self._check(overlay, going)
        self._check_lock_addresses(overlay, going, posting)
        self.wallets.check(overlay, tx, posting.payer, now_ms)
        return self._write(overlay, going, posting)

    def _check(self, overlay: Overlay, going: Accepting) -> Posting:
        """The rule of the kind. Raises CenterError."""
        tx, signer, coins, now_ms = going.signed.tx, going.signer, going.coins, going.now_ms
        authority = self.authorities.get(signer)
        match tx.kind:
            case Kind.LOCK:
                terms = going.witness.terms
                return conditions.check_lock(tx, signer, coins, self.tier_of, terms, now_ms)
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
                return orders.check_court_transfer(
                    tx, signer, coins, authority, freezes, self.tier_of
                )
        posting = check_payment(tx, signer, coins, self.tier_of)
        if tx.kind == Kind.ISSUE:
            self._check_reserve(signer, sum(output.value_fen for output in tx.outputs))
        return posting

    def _approved(self, going: Accepting) -> frozenset[Hash]:
        """Addresses whose keys signed this transaction too. Raises CenterError RC_SIGNATURE."""
        approvals = going.witness.approvals
        if len(approvals) > ARBITERS_MAX:
            raise CenterError("RC_SIGNATURE", "more approvals than arbiters may be")
        for approval in approvals:
            if not self._suite.verify(approval.public_key, going.digest, approval.signature):
                raise CenterError("RC_SIGNATURE", "an approval does not hold")
        return frozenset(wallet_address(sm3, approval.public_key) for approval in approvals)

    def _check_reserve(self, bank: Hash, issued: int) -> None:
        operator = self.operators.get(bank)
        if operator is None:
            raise CenterError("RC_OPERATOR")
        if issued > operator.reserve_fen:
            raise CenterError("RC_RESERVE", f"{issued} of {operator.reserve_fen} fen")

    def _check_lock_addresses(self, overlay: Overlay, going: Accepting, posting: Posting) -> None:
        """Only a lock puts money where no key owns it, and terms lock once."""
        for index, output in enumerate(going.signed.tx.outputs):
            if going.signed.tx.kind == Kind.RELEASE and index in posting.locked:
                continue
            if overlay.get(b"w" + output.owner) is not None:
                raise CenterError("RC_TERMS", f"output {index} goes under terms that are in use")

    # ---- writing ---------------------------------------------------------------------------------

    def _write(self, overlay: Overlay, going: Accepting, posting: Posting) -> Receipt:
        signed, txid, now_ms = going.signed, going.txid, going.now_ms
        tx, totals = signed.tx, self.totals
        record = TxRecord(
            signed, posting.payer, now_ms, self.frontier.size, secrets.token_bytes(32)
        )
        overlay.put(b"t" + txid, encode(record))
        for coin in going.coins:
            assert coin is not None
            self._move(overlay, coin, self._input_after(overlay, going, posting, coin))
        for index in range(len(tx.outputs)):
            self._move(overlay, None, self._output(txid, tx.kind, index, going, posting))
        if tx.kind == Kind.LOCK and going.witness.terms is not None:
            overlay.put(b"w" + tx.outputs[0].owner, encode(going.witness.terms))
            overlay.put(b"a" + going.witness.terms.payee, b"")  # it can become no vault meanwhile
        if posting.reverses is not None:
            key = b"r" + posting.reverses
            before = _read(overlay, key, Reversed) or Reversed(0)
            overlay.put(key, encode(Reversed(before.value_fen + tx.outputs[0].value_fen)))
        for entry in entries(record, txid):
            self._append(overlay, entry)
        self.wallets.note(overlay, tx, posting.payer, now_ms)
        self._balance_reserve(overlay, going, posting)
        self.totals = replace(self.totals, tree_size=self.frontier.size, accepted_ms=now_ms)
        self._assert_conserved(totals, tx.kind)
        return self.receipt(txid, record)

    def _append(self, overlay: Overlay, entry: LogEntry) -> None:
        overlay.put(b"e" + self.frontier.size.to_bytes(8, "big"), encode(entry))
        self.frontier.append(sm3, overlay.put, entry_bytes(entry))

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
            self._move_reserve(overlay, going.signer, -created)
            self.totals = replace(self.totals, issued_fen=self.totals.issued_fen + created)
        if tx.kind == Kind.DESTROY:
            self._move_reserve(overlay, going.signer, voided)
            self.totals = replace(self.totals, destroyed_fen=self.totals.destroyed_fen + voided)

    def _assert_conserved(self, before: Totals, kind: int) -> None:
        now, held = self.totals, self.held
        assert now.conserved(), "money was made or lost"
        assert now.funded_fen == before.funded_fen, "a transaction places no reserve"
        assert kind in (Kind.EXCHANGE, Kind.REDEEM) or now.public_fen == before.public_fen
        assert held.locked_fen >= 0 <= held.frozen_fen
        assert held.locked_fen + held.frozen_fen <= now.public_fen + now.vault_fen

    def _input_after(
        self, overlay: Overlay, going: Accepting, posting: Posting, coin: Coin
    ) -> Coin:
        """The coin of an input as the transaction leaves it; keeps or drops its freeze."""
        key, freeze = b"z" + coin.coin_id, None
        if posting.inputs == CoinState.FROZEN:
            freeze = Freeze(going.txid, going.signer, going.signed.tx.purpose, coin.state)
            overlay.put(key, encode(freeze))
        elif coin.state == CoinState.FROZEN:
            freeze = _read(overlay, key, Freeze)
            overlay.put(key, None)
        if posting.inputs is None:
            assert freeze is not None, "only what was frozen is let go"
            return replace(coin, state=freeze.state)
        spent = posting.inputs == CoinState.SPENT
        spent_by = going.txid if spent else ZERO_HASH
        return replace(coin, state=int(posting.inputs), spent_by=spent_by)

    def _output(
        self, txid: Hash, kind: int, index: int, going: Accepting, posting: Posting
    ) -> Coin:
        output, point = going.signed.tx.outputs[index], CoinPoint(txid, index)
        locked = index in posting.locked
        return Coin(
            version=VERSION,
            coin_id=coin_id(sm3, point),
            point=point,
            value_fen=output.value_fen,
            ccy=CCY,
            owner=output.owner,
            owner_kind=int(OwnerKind.CONTRACT if locked else OwnerKind.SM2),
            issuer=self._issuer,
            serial=self._next_serial() if kind == Kind.ISSUE else 0,
            state=int(CoinState.LOCKED if locked else CoinState.UNSPENT),
            spent_by=ZERO_HASH,
        )

    def _next_serial(self) -> int:
        self.totals = replace(self.totals, serial=self.totals.serial + 1)
        return self.totals.serial

    def _move_reserve(self, overlay: Overlay, bank: Hash, by_fen: int) -> None:
        operator = self.operators[bank]
        assert operator.reserve_fen + by_fen >= 0
        self._set_operator(
            overlay, bank, replace(operator, reserve_fen=operator.reserve_fen + by_fen)
        )
        self.totals = replace(self.totals, reserve_fen=self.totals.reserve_fen + by_fen)

    def _move(self, overlay: Overlay, before: Coin | None, after: Coin) -> None:
        """Stores a coin in its new state and moves its value between the totals."""
        overlay.put(b"c" + after.coin_id, encode(after))
        value = after.value_fen
        free = after.state == CoinState.UNSPENT
        overlay.put(b"u" + after.owner + after.coin_id, value.to_bytes(8, "big") if free else None)
        was = CoinState.SPENT if before is None else before.state
        self._hold(was, -value)
        self._hold(after.state, value)
        self.wallets.move(overlay, after.owner, was, after.state, value)
        change = value * ((after.state != CoinState.SPENT) - (was != CoinState.SPENT))
        if after.owner in self.operators:
            self.totals = replace(self.totals, vault_fen=self.totals.vault_fen + change)
        else:
            overlay.put(b"a" + after.owner, b"")  # seen as a wallet: it can become no vault
            self.totals = replace(self.totals, public_fen=self.totals.public_fen + change)

    def _hold(self, state: int, by_fen: int) -> None:
        if state == CoinState.LOCKED:
            self.held = replace(self.held, locked_fen=self.held.locked_fen + by_fen)
        elif state == CoinState.FROZEN:
            self.held = replace(self.held, frozen_fen=self.held.frozen_fen + by_fen)

    def receipt(self, txid: Hash, record: TxRecord) -> Receipt:
        tx = record.signed.tx
        return Receipt(
            txid, Kind(tx.kind), record.accepted_ms, record.first_leaf, len(tx.outputs),
            self.frontier.size,
        )  # fmt: skip


def _read(overlay: Overlay, key: bytes, structure: type[T]) -> T | None:
    data = overlay.get(key)
    return None if data is None else decode(structure, data)


def _terms(overlay: Overlay, coins: Sequence[Coin | None]) -> LockTerms | None:
    (coin,) = coins
    return None if coin is None else _read(overlay, b"w" + coin.owner, LockTerms)


def _paid(overlay: Overlay, reference: Hash) -> orders.Paid | None:
    """The payment whose coin a REVERSE refers to."""
    coin = _read(overlay, b"c" + reference, Coin)
    if coin is None or coin.owner_kind == OwnerKind.CONTRACT:
        return None
    record = _read(overlay, b"t" + coin.point.txid, TxRecord)
    assert record is not None, "a coin has its transaction"
    given_back = _read(overlay, b"r" + reference, Reversed) or Reversed(0)
    return orders.Paid(coin, record.signed.tx.kind, record.payer, given_back.value_fen)
