"""The center's core: coins, log and heads over one store. Synchronous and single-writer.

A batch of operations is checked one by one against an overlay, written with one synchronous atomic write, and
answered under one new signed tree head. Conservation is asserted after every batch. The last head also
stands in a file beside the store, so that an older copy of the store is noticed at the next start.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from consensus.center_request import OperatorQuery
from consensus.encoding import ZERO_HASH, EncodingError, Hash, Sig, decode, encode
from consensus.payment import (
    CCY,
    VALUE_FEN_MAX,
    VERSION,
    Coin,
    CoinPoint,
    CoinState,
    KeyChainEntry,
    Kind,
    LogEntry,
    LogKey,
    OwnerKind,
    SignedCoinTransaction,
    SignedTreeHead,
    TreeHead,
    coin_id,
    coin_tx_digest,
    coin_txid,
    entry_bytes,
    key_id,
    log_id,
    log_key_digest,
    tree_head_digest,
    wallet_address,
)
from deploy.regcenter import log
from deploy.regcenter.clock import Clock, real_ms
from deploy.regcenter.errors import CenterError
from deploy.regcenter.fields import entries
from deploy.regcenter.hashing import sm3
from deploy.regcenter.keys import Keys
from deploy.regcenter.model import KeyChain, Operator, Receipt, Totals, TxRecord
from deploy.regcenter.rules import Tier, check_coins, check_shape
from deploy.regcenter.store import Overlay, Store
from node.identity.errors import BadKey
from node.identity.suite import Suite, get_suite

HEAD_REFRESH_MS = 10_000
KEY_LIFETIME_MS = 10 * 365 * 86_400_000
ASSET_FEN_MAX = 1 << 62

TOTALS_KEY, CHAIN_KEY = b"m", b"k"


@dataclass(frozen=True, slots=True)
class Placement:
    """Operation: a bank places reserve. request: digest of the signed request; each places reserve once."""

    query: OperatorQuery
    request: Hash


@dataclass(frozen=True, slots=True)
class Refresh:
    """Operation: sign the present tree again, so that its head is fresh."""


Operation = SignedCoinTransaction | Placement | Refresh
Outcome = Receipt | Operator | SignedTreeHead | CenterError


class Center:
    """Opened with `Center.open`; one instance a directory."""

    def __init__(
        self, directory: Path, store: Store, keys: Keys, chain: KeyChain, clock: Clock, suite: Suite
    ) -> None:
        self.directory, self.store, self.keys, self.chain = directory, store, keys, chain
        self.clock, self.suite = clock, suite
        self.root_key = chain.root_key
        self.log_id = log_id(sm3, self.root_key)
        self.head_key_id = key_id(sm3, chain.entries[-1].key.public_key)
        self.operators: dict[Hash, Operator] = {}
        self.totals = Totals(VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        self._frontier = log.Frontier(0, [])
        self._failed = False
        self._head_ms = 0
        self.latest: SignedTreeHead

    # ---- opening ---------------------------------------------------------------------------------

    @classmethod
    def open(cls, directory: Path, clock: Clock = real_ms, suite: Suite | None = None) -> Center:
        """The center of a directory, made there at the first start. Raises CenterError: RC_ROLLED_BACK,
        RC_DAMAGED."""
        suite = suite or get_suite("sm")
        directory.mkdir(parents=True, exist_ok=True)
        keys = Keys.open(directory / "keys", suite)
        store = Store(directory / "ledger")
        try:
            stored = store.get(CHAIN_KEY)
            if stored is None:
                chain = _make_chain(keys, clock(), suite)
                store.write({CHAIN_KEY: encode(chain)})
            else:
                chain = decode(KeyChain, stored)
            center = cls(directory, store, keys, chain, clock, suite)
            center._load()
        except EncodingError as error:
            store.close()
            raise CenterError("RC_DAMAGED", str(error)) from error
        except BaseException:
            store.close()
            raise
        return center

    def _load(self) -> None:
        if self.keys.root.public_key != self.root_key:
            raise CenterError("RC_DAMAGED", "the keys are not those of this store")
        for address, data in self.store.items(b"o"):
            self.operators[Hash(address)] = decode(Operator, data)
        stored = self.store.get(TOTALS_KEY)
        if stored is not None:
            self.totals = decode(Totals, stored)
        self._frontier = log.Frontier.load(self.store.get, self.totals.tree_size)
        newest = self.store.last(b"h")
        if newest is not None:
            self.latest = decode(SignedTreeHead, newest[1])
            self._head_ms = self.latest.head.timestamp_ms
        self._check_rollback(newest is not None)
        if newest is None:
            self.latest = self._sign_head(0)
            self._commit(Overlay(self.store), self.latest)
        if self._recount() != self.totals or not self.totals.conserved():
            raise CenterError("RC_DAMAGED", "the coins do not add up to the totals")

    def _check_rollback(self, has_head: bool) -> None:
        """The file beside the store holds the last head that was signed: the store must contain it."""
        path = self.directory / "latest-head"
        if not path.exists():
            if has_head and self.latest.head.tree_size:  # size 0: a first start that was cut short
                raise CenterError("RC_ROLLED_BACK", f"{path} is missing")
            return
        witness = decode(SignedTreeHead, path.read_bytes())
        head_key = self.chain.entries[-1].key.public_key
        if not self.suite.verify(head_key, tree_head_digest(sm3, witness.head), witness.signature):
            raise CenterError("RC_DAMAGED", f"{path} is not signed by this center")
        size, time_ms = witness.head.tree_size, witness.head.timestamp_ms
        if not has_head:
            raise CenterError("RC_ROLLED_BACK", f"the store has no tree of {size} leaves")
        newest = self.latest.head
        if (newest.tree_size, newest.timestamp_ms) < (size, time_ms):  # reserve is no leaf
            raise CenterError("RC_ROLLED_BACK", f"a head of {size} leaves at {time_ms} is missing")
        if log.root_at(sm3, self.store.get, size) != witness.head.root:
            raise CenterError("RC_DAMAGED", f"the tree of {size} leaves is another one")
        if self._frontier.root(sm3) != self.latest.head.root:
            raise CenterError("RC_DAMAGED", "the tree is not the one that was signed last")

    def _recount(self) -> Totals:
        """Totals with vault, public and reserve counted from what is stored, not from what was added."""
        vault = public = 0
        for _, data in self.store.items(b"c"):
            coin = decode(Coin, data)
            if coin.state == CoinState.UNSPENT:
                if self.tier_of(coin.owner) is Tier.VAULT:
                    vault += coin.value_fen
                else:
                    public += coin.value_fen
        reserve = sum(operator.reserve_fen for operator in self.operators.values())
        return replace(self.totals, vault_fen=vault, public_fen=public, reserve_fen=reserve)

    def close(self) -> None:
        self.store.close()

    # ---- writing ---------------------------------------------------------------------------------

    def process(self, operations: Sequence[Operation]) -> list[Outcome]:
        """One batch: each operation's answer, durable when it returns. A refusal changes nothing."""
        if self._failed:
            raise CenterError("RC_CLOSED", "an earlier write failed")
        overlay = Overlay(self.store)
        now_ms = max(self.clock(), self.totals.accepted_ms)
        outcomes: list[Outcome] = []
        changed = False
        self._failed = True  # until the batch is durable: memory may be ahead of the store
        for operation in operations:
            try:
                outcome = self._apply(overlay, operation, now_ms)
            except CenterError as error:
                outcome = error
            changed = changed or not isinstance(outcome, CenterError)
            outcomes.append(outcome)
        if changed:
            self._commit(overlay, self._sign_head(now_ms))
        self._failed = False
        return [self._under_latest(outcome) for outcome in outcomes]

    def _under_latest(self, outcome: Outcome) -> Outcome:
        """A batch is answered under the head that was signed at its end."""
        if isinstance(outcome, Receipt):
            return replace(outcome, tree_size=self.latest.head.tree_size)
        return self.latest if isinstance(outcome, SignedTreeHead) else outcome

    def _apply(self, overlay: Overlay, operation: Operation, now_ms: int) -> Outcome:
        if isinstance(operation, SignedCoinTransaction):
            return self._accept(overlay, operation, now_ms)
        if isinstance(operation, Placement):
            return self._place(overlay, operation)
        return self.latest

    def _place(self, overlay: Overlay, placement: Placement) -> Operator:
        """Who sends a request again, or has overheard it, gets the answer and places nothing more."""
        address = wallet_address(sm3, placement.query.public_key)
        seen = b"q" + placement.request
        if overlay.get(seen) is None:
            self._register(overlay, address, placement.query)
            overlay.put(seen, b"")
        return self.operators[address]

    def _register(self, overlay: Overlay, address: Hash, query: OperatorQuery) -> None:
        try:
            self.suite.check_public_key(query.public_key)
        except BadKey as error:
            raise CenterError("RC_ENCODING", error.detail) from error
        known = self.operators.get(address)
        if known is not None and known.name != query.name:
            raise CenterError("RC_OPERATOR", f"this key is {known.name}'s")
        if any(o.name == query.name and a != address for a, o in self.operators.items()):
            raise CenterError("RC_OPERATOR", f"{query.name} has another key")
        if query.reserve_fen > VALUE_FEN_MAX or self.totals.funded_fen > ASSET_FEN_MAX:
            raise CenterError("RC_VALUE", f"{query.reserve_fen} fen")
        if overlay.get(b"a" + address) is not None:
            raise CenterError("RC_TIER", "the key is already a wallet of the public")
        self._set_operator(
            overlay,
            address,
            Operator(
                query.name,
                query.public_key,
                query.reserve_fen + (known.reserve_fen if known else 0),
            ),
        )
        self.totals = replace(
            self.totals,
            funded_fen=self.totals.funded_fen + query.reserve_fen,
            reserve_fen=self.totals.reserve_fen + query.reserve_fen,
        )

    def _set_operator(self, overlay: Overlay, address: Hash, operator: Operator) -> None:
        self.operators[address] = operator
        overlay.put(b"o" + address, encode(operator))

    def _accept(self, overlay: Overlay, signed: SignedCoinTransaction, now_ms: int) -> Receipt:
        """Checks everything, then writes; nothing is written for a transaction that is refused."""
        tx = signed.tx
        try:
            txid = coin_txid(sm3, tx)
        except EncodingError as error:
            raise CenterError("RC_ENCODING", str(error)) from error
        known = overlay.get(b"t" + txid)
        if known is not None:
            return self._receipt(txid, decode(TxRecord, known))  # a repeated request
        rule = check_shape(tx, now_ms)
        if not self.suite.verify(
            signed.public_key, coin_tx_digest(sm3, self.log_id, tx), signed.signature
        ):
            raise CenterError("RC_SIGNATURE")
        payer = wallet_address(sm3, signed.public_key)
        coins = [self._coin(overlay, wanted) for wanted in tx.inputs]
        check_coins(tx, rule, payer, coins, self.tier_of)
        if tx.kind == Kind.ISSUE:
            self._check_reserve(payer, sum(output.value_fen for output in tx.outputs))
        spent = [coin for coin in coins if coin is not None]
        return self._write_payment(overlay, signed, txid, payer, spent, now_ms)

    def _check_reserve(self, bank: Hash, issued: int) -> None:
        operator = self.operators.get(bank)
        if operator is None:
            raise CenterError("RC_OPERATOR")
        if issued > operator.reserve_fen:
            raise CenterError("RC_RESERVE", f"{issued} of {operator.reserve_fen} fen")

    def _write_payment(
        self,
        overlay: Overlay,
        signed: SignedCoinTransaction,
        txid: Hash,
        payer: Hash,
        spent: list[Coin],
        now_ms: int,
    ) -> Receipt:
        tx, totals = signed.tx, self.totals
        record = TxRecord(
            signed,
            ZERO_HASH if tx.kind == Kind.ISSUE else payer,
            now_ms,
            self._frontier.size,
            secrets.token_bytes(32),
        )
        overlay.put(b"t" + txid, encode(record))
        for coin in spent:
            self._put_coin(
                overlay, replace(coin, state=int(CoinState.SPENT), spent_by=txid), -coin.value_fen
            )
        for index, output in enumerate(tx.outputs):
            point = CoinPoint(txid, index)
            coin = Coin(
                version=VERSION,
                coin_id=coin_id(sm3, point),
                point=point,
                value_fen=output.value_fen,
                ccy=CCY,
                owner=output.owner,
                owner_kind=int(OwnerKind.SM2),
                issuer=self.head_key_id,
                serial=self._next_serial() if tx.kind == Kind.ISSUE else 0,
                state=int(CoinState.UNSPENT),
                spent_by=ZERO_HASH,
            )
            self._put_coin(overlay, coin, coin.value_fen)
        for entry in entries(record, txid):
            overlay.put(b"e" + self._frontier.size.to_bytes(8, "big"), encode(entry))
            self._frontier.append(sm3, overlay.put, entry_bytes(entry))
        created = sum(output.value_fen for output in tx.outputs)
        voided = sum(coin.value_fen for coin in spent)
        assert tx.kind in (Kind.ISSUE, Kind.DESTROY) or created == voided
        if tx.kind == Kind.ISSUE:
            self._move_reserve(overlay, payer, -created)
            self.totals = replace(self.totals, issued_fen=totals.issued_fen + created)
        if tx.kind == Kind.DESTROY:
            self._move_reserve(overlay, payer, voided)
            self.totals = replace(self.totals, destroyed_fen=totals.destroyed_fen + voided)
        self.totals = replace(self.totals, tree_size=self._frontier.size, accepted_ms=now_ms)
        assert self.totals.conserved(), "money was made or lost"
        return self._receipt(txid, record)

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

    def _coin(self, overlay: Overlay, wanted: Hash) -> Coin | None:
        data = overlay.get(b"c" + wanted)
        return None if data is None else decode(Coin, data)

    def _put_coin(self, overlay: Overlay, coin: Coin, change_fen: int) -> None:
        overlay.put(b"c" + coin.coin_id, encode(coin))
        unspent = coin.state == CoinState.UNSPENT
        value = coin.value_fen.to_bytes(8, "big")
        overlay.put(b"u" + coin.owner + coin.coin_id, value if unspent else None)
        if self.tier_of(coin.owner) is Tier.VAULT:
            self.totals = replace(self.totals, vault_fen=self.totals.vault_fen + change_fen)
        else:
            overlay.put(b"a" + coin.owner, b"")  # seen as a wallet: it can become no vault
            self.totals = replace(self.totals, public_fen=self.totals.public_fen + change_fen)

    def _sign_head(self, now_ms: int) -> SignedTreeHead:
        head = TreeHead(
            version=VERSION,
            log_id=self.log_id,
            tree_size=self._frontier.size,
            timestamp_ms=max(now_ms, self.clock(), self._head_ms),
            root=Hash(self._frontier.root(sm3)),
            key_id=self.head_key_id,
            ext=b"",
        )
        return SignedTreeHead(head, Sig(self.keys.head.sign(tree_head_digest(sm3, head))))

    def _commit(self, overlay: Overlay, signed: SignedTreeHead) -> None:
        """Store first, then the file: the file is never ahead of an honest store."""
        size, time_ms = signed.head.tree_size, signed.head.timestamp_ms
        overlay.put(b"h" + size.to_bytes(8, "big") + time_ms.to_bytes(8, "big"), encode(signed))
        overlay.put(TOTALS_KEY, encode(self.totals))
        self.store.write(overlay.writes)
        _replace_file(self.directory / "latest-head", encode(signed))
        self.latest = signed
        self._head_ms = time_ms

    # ---- reading ---------------------------------------------------------------------------------

    def tier_of(self, address: Hash) -> Tier:
        return Tier.VAULT if address in self.operators else Tier.WALLET

    def record(self, txid: Hash) -> TxRecord | None:
        data = self.store.get(b"t" + txid)
        return None if data is None else decode(TxRecord, data)

    def entry(self, index: int) -> LogEntry:
        data = self.store.get(b"e" + index.to_bytes(8, "big"))
        if data is None:
            raise CenterError("RC_RANGE", f"entry {index}")
        return decode(LogEntry, data)

    def head_at(self, size: int) -> SignedTreeHead:
        """The latest head signed for a tree of `size` leaves."""
        found = self.store.last(b"h" + size.to_bytes(8, "big"))
        if found is None:
            raise CenterError("RC_NOT_FOUND", f"no head was signed at size {size}")
        return decode(SignedTreeHead, found[1])

    def is_stale(self) -> bool:
        return self.clock() - self.latest.head.timestamp_ms > HEAD_REFRESH_MS

    def unspent(self, address: Hash, after: Hash, limit: int) -> list[tuple[Hash, int]]:
        """Coins of an address: coin id and fen, by coin id."""
        found: list[tuple[Hash, int]] = []
        start = b"" if after == ZERO_HASH else after
        for coin, value in self.store.items(b"u" + address, start):
            if len(found) == limit:
                break
            found.append((Hash(coin), int.from_bytes(value, "big")))
        return found

    def _receipt(self, txid: Hash, record: TxRecord) -> Receipt:
        outputs = len(record.signed.tx.outputs)
        kind = Kind(record.signed.tx.kind)
        size = self._frontier.size
        return Receipt(txid, kind, record.accepted_ms, record.first_leaf, outputs, size)


def _make_chain(keys: Keys, now_ms: int, suite: Suite) -> KeyChain:
    """The root key signs the key that signs tree heads. Valid from a day before, for ten years."""
    root = keys.root.public_key
    key = LogKey(
        version=VERSION,
        log_id=log_id(sm3, root),
        public_key=keys.head.public_key,
        issues=False,
        not_before_ms=now_ms - 86_400_000,
        not_after_ms=now_ms + KEY_LIFETIME_MS,
    )
    return KeyChain(root, (KeyChainEntry(key, Sig(keys.root.sign(log_key_digest(sm3, key)))),))


def _replace_file(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
