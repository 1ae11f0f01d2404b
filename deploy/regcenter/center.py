"""The center's core: coins, log and heads over one store. Synchronous and single-writer.

A batch of operations is checked one by one against an overlay, written with one synchronous atomic write, and
answered under one new signed tree head. Conservation is asserted after every batch. The last head also
stands in a file beside the store, so that an older copy of the store is noticed at the next start.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from consensus.encoding import ZERO_HASH, EncodingError, Hash, Sig, decode, encode
from consensus.payment import (
    VERSION,
    Coin,
    KeyChainEntry,
    LogEntry,
    LogKey,
    SignedCoinTransaction,
    SignedTreeHead,
    TreeHead,
    key_id,
    log_id,
    log_key_digest,
    tree_head_digest,
    wallet_address,
)
from consensus.payment_lock import LockTerms, Witness, WitnessedTransaction
from deploy.regcenter import log
from deploy.regcenter.clock import Clock, real_ms
from deploy.regcenter.desk import Answer, Instruction, answer
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.hooks import Told
from deploy.regcenter.identities import Kgc
from deploy.regcenter.keys import Keys, forget_heads
from deploy.regcenter.ledger import Ledger, Opened
from deploy.regcenter.model import (
    KeyChain,
    Operator,
    Receipt,
    Totals,
    TxRecord,
)
from deploy.regcenter.operations import (
    Appointment,
    Identification,
    Opening,
    Operation,
    Outcome,
    Placement,
    Refresh,
    Stateful,
)
from deploy.regcenter.packed import coin_id_of
from deploy.regcenter.pki import Pki
from deploy.regcenter.requests import RotateQuery
from deploy.regcenter.rules import Tier
from deploy.regcenter.store import Overlay, Store
from deploy.regcenter.unspent import Mapped
from deploy.regcenter.voice import Voice
from node.identity.suite import Suite, get_suite

HEAD_REFRESH_MS = 10_000
DAY_MS = 86_400_000
KEY_LIFETIME_MS = 10 * 365 * DAY_MS
CHAIN_KEY = b"k"
NO_WITNESS = Witness()
THREADS_MAX = 8
PARALLEL_MIN = 8  # fewer signatures are checked sooner than handed out

_Ready = Opened | Stateful | CenterError


class Center:
    """Opened with `Center.open`; one instance a directory."""

    def __init__(
        self,
        directory: Path,
        store: Store,
        keys: Keys,
        chains: Sequence[KeyChain],
        clock: Clock,
        suite: Suite,
    ) -> None:
        self.directory, self.store, self.keys, self.chains = directory, store, keys, list(chains)
        self.clock, self.suite = clock, suite
        self.root_key = self.chain.root_key
        self.log_id = log_id(sm3, self.root_key)
        self.voice = self._voice_now()
        self._voices = {self.voice.key_id: self.voice}
        self.ledger = Ledger(self.voice, suite, Pki(suite, keys.root))
        self._threads = ThreadPoolExecutor(min(THREADS_MAX, os.cpu_count() or 1), "center-keys")
        self._failed = False
        self._head_ms = 0
        self.latest: SignedTreeHead
        self.mapped: Mapped | None = None

    # ---- opening ---------------------------------------------------------------------------------

    @classmethod
    def open(cls, directory: Path, clock: Clock = real_ms, suite: Suite | None = None) -> Center:
        """The center of a directory, made there at the first start. Raises CenterError: RC_ROLLED_BACK,
        RC_DAMAGED."""
        suite = suite or get_suite("sm")
        directory.mkdir(parents=True, exist_ok=True)
        store = Store(directory / "ledger")
        try:
            chains = [decode(KeyChain, data) for _, data in store.items(CHAIN_KEY)]
            keys = Keys.open(directory / "keys", suite, max(len(chains) - 1, 0))
            if not chains:
                chains = [_make_chain(keys, clock() - DAY_MS)]
                store.write({CHAIN_KEY: encode(chains[0])})
            center = cls(directory, store, keys, chains, clock, suite)
            center._load()
            forget_heads(directory / "keys", len(chains) - 1)
        except EncodingError as error:
            store.close()
            raise CenterError("RC_DAMAGED", str(error)) from error
        except BaseException:
            store.close()
            raise
        return center

    def _load(self) -> None:
        head_key = self.chain.entries[-1].key.public_key
        if (self.keys.root.public_key, self.keys.head.public_key) != (self.root_key, head_key):
            raise CenterError("RC_DAMAGED", "the keys are not those of this store")
        self.ledger.registry.load(self.store)
        self.ledger.books.load(self.store)
        newest = self.store.last(b"h")
        if newest is not None:
            self.latest = decode(SignedTreeHead, newest[1])
            self._head_ms = self.latest.head.timestamp_ms
        self._check_rollback(newest is not None)
        if newest is None:
            self.latest = self._sign_head(0)
            self._commit(Overlay(self.store), self.latest)
        if not self.ledger.books.recount(self.store):
            raise CenterError("RC_DAMAGED", "the coins do not add up to the totals")
        self.ledger.books.unspent.load(self.store, self._moved_since)
        self._note_map()
        self.ledger.books.wallets.load(self.store)
        self.ledger.devices.load(self.store)
        try:
            self.ledger.books.institutions.assert_covered()
            self._load_certificates()
        except AssertionError as error:
            raise CenterError("RC_DAMAGED", str(error)) from error

    def _load_certificates(self) -> None:
        overlay = Overlay(self.store)
        self.ledger.parties.load(overlay, self.store, self.clock())
        if overlay.writes:
            self.store.write(overlay.writes)

    def _moved_since(self, leaf: int) -> Iterator[Hash]:
        """Ids of the coins that the transactions from a leaf of the log on made, spent or held."""
        for _, data in self.store.items(b"e", log.before(leaf)):
            record = self.record(decode(LogEntry, data).txid)
            if record is not None:
                tx, txid = record.signed.tx, decode(LogEntry, data).txid
                yield from tx.inputs
                yield from (coin_id_of(txid, index) for index in range(len(tx.outputs)))

    def _check_rollback(self, has_head: bool) -> None:
        """The file beside the store holds the last head that was signed: the store must contain it."""
        path = self.directory / "latest-head"
        if not path.exists():
            if has_head and self.latest.head.tree_size:  # size 0: a first start that was cut short
                raise CenterError("RC_ROLLED_BACK", f"{path} is missing")
            return
        witness = decode(SignedTreeHead, path.read_bytes())
        size, time_ms = witness.head.tree_size, witness.head.timestamp_ms
        if not has_head:  # its chain of keys was made just now: it vouches for no earlier head
            raise CenterError("RC_ROLLED_BACK", f"the store has no tree of {size} leaves")
        if not self.is_signed(witness):
            raise CenterError("RC_DAMAGED", f"{path} is not signed by this center")
        newest = self.latest.head
        if (newest.tree_size, newest.timestamp_ms) < (size, time_ms):  # reserve is no leaf
            raise CenterError("RC_ROLLED_BACK", f"a head of {size} leaves at {time_ms} is missing")
        if log.root_at(sm3, self.store.get, size) != witness.head.root:
            raise CenterError("RC_DAMAGED", f"the tree of {size} leaves is another one")
        if self.ledger.books.frontier.root(sm3) != self.latest.head.root:
            raise CenterError("RC_DAMAGED", "the tree is not the one that was signed last")

    def close(self) -> None:
        self._threads.shutdown()
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
        for operation in self._open_all(operations):
            try:
                outcome = self._apply(overlay, operation, now_ms)
            except CenterError as error:
                outcome = error
            changed = changed or not isinstance(outcome, (CenterError, Told))
            outcomes.append(outcome)
        if changed:
            self._map(overlay, operations, now_ms)
            self._commit(overlay, self._sign_head(now_ms))
        elif overlay.writes:  # of webhooks: no head is signed for them
            self.store.write(overlay.writes)
        self._failed = False
        return [self._under_latest(outcome) for outcome in outcomes]

    def _map(self, overlay: Overlay, operations: Sequence[Operation], now_ms: int) -> None:
        """Brings the map of unspent coins up to date when somebody asks for it, or it is time."""
        unspent = self.ledger.books.unspent
        if unspent.is_due(now_ms) or any(isinstance(o, Refresh) and o.with_map for o in operations):
            unspent.update(overlay, self.ledger.books.frontier.size, now_ms)

    def _open_all(self, operations: Sequence[Operation]) -> list[_Ready]:
        """Signatures are checked in threads; nothing else of a batch can be done side by side."""
        if len(operations) < PARALLEL_MIN:
            return [self._open(operation) for operation in operations]
        return list(self._threads.map(self._open, operations))

    def _open(self, operation: Operation) -> _Ready:
        if isinstance(operation, SignedCoinTransaction):
            return self.ledger.opened(operation, NO_WITNESS)
        if isinstance(operation, WitnessedTransaction):
            return self.ledger.opened(operation.signed, operation.witness)
        return operation

    def _under_latest(self, outcome: Outcome) -> Outcome:
        """A batch is answered under the head that was signed at its end."""
        if isinstance(outcome, Receipt):
            return Receipt(
                outcome.txid, outcome.kind, outcome.accepted_ms, outcome.first_leaf,
                outcome.outputs, self.latest.head.tree_size,
            )  # fmt: skip
        return self.latest if isinstance(outcome, SignedTreeHead) else outcome

    def _apply(self, overlay: Overlay, operation: _Ready, now_ms: int) -> Outcome:
        if isinstance(operation, CenterError):
            return operation
        if isinstance(operation, Opened):
            return self.ledger.accept(overlay, operation, now_ms)
        if isinstance(operation, Placement):
            return self._place(overlay, operation, now_ms)
        if isinstance(operation, Appointment):
            return self.ledger.appoint(overlay, operation.query, now_ms)
        if isinstance(operation, Opening):
            return self.ledger.open_wallet(overlay, operation.bank, operation.query, now_ms)
        if isinstance(operation, Instruction):
            if isinstance(operation.body, RotateQuery):
                return self._rotate(overlay, operation, operation.body, now_ms)
            return answer(self.ledger, overlay, operation, self.root_key, now_ms)
        if isinstance(operation, Told):
            return self.ledger.tell(overlay, operation)
        if isinstance(operation, Identification):
            query, asking, request = operation.query, operation.asking, operation.request
            return self.ledger.identify(overlay, query, asking, request, now_ms)
        return self.latest

    def _place(self, overlay: Overlay, placement: Placement, now_ms: int) -> Operator:
        """Who sends a request again, or has overheard it, gets the answer and places nothing more."""
        seen = b"q" + placement.request
        if overlay.get(seen) is None:
            self.ledger.register(overlay, placement.query, now_ms)
            overlay.put(seen, b"")
        return self.operators[wallet_address(sm3, placement.query.public_key)]

    def _rotate(
        self, overlay: Overlay, operation: Instruction, query: RotateQuery, now_ms: int
    ) -> Answer:
        """A new key signs heads, beginning with the one of this batch; the root key signs it in. The old
        key's file goes when the new chain is durable."""
        if operation.signer != self.root_key:
            raise CenterError("RC_UNAUTHORISED", "only the center's root key does this")
        if query.serial != len(self.chains) - 1:
            raise CenterError("RC_ROTATION", f"there were {len(self.chains) - 1} before")
        self.keys = Keys.open(self.directory / "keys", self.suite, len(self.chains))
        after_ms = max(
            now_ms, self._head_ms + 1
        )  # no head of the old key lies in the new one's time
        self.chains.append(_make_chain(self.keys, after_ms))
        serial = (len(self.chains) - 1).to_bytes(8, "big")
        overlay.put(CHAIN_KEY + serial, encode(self.chain))
        self.voice = self.ledger.voice = self._voice_now()
        self._voices[self.voice.key_id] = self.voice
        view = {
            "serial": len(self.chains) - 1,
            "key_id": self.voice.key_id.hex(),
            "key_chain": [encode(entry).hex() for entry in self.chain.entries],  # to be announced
        }
        return Answer(view)

    def _key_ms(self) -> int:
        """When the present head key's time began."""
        return self.chain.entries[-1].key.not_before_ms

    def _voice_now(self) -> Voice:
        known = key_id(sm3, self.keys.head.public_key)
        return Voice(self.log_id, self.keys.head, self.chain.entries, known)

    def _sign_head(self, now_ms: int) -> SignedTreeHead:
        head = TreeHead(
            version=VERSION,
            log_id=self.log_id,
            tree_size=self.ledger.books.frontier.size,
            timestamp_ms=max(now_ms, self.clock(), self._head_ms, self._key_ms()),
            root=Hash(self.ledger.books.frontier.root(sm3)),
            key_id=self.voice.key_id,
            ext=self.ledger.books.unspent.extension,
        )
        return SignedTreeHead(head, Sig(self.keys.head.sign(tree_head_digest(sm3, head))))

    def _commit(self, overlay: Overlay, signed: SignedTreeHead) -> None:
        """Store first, then the file: the file is never ahead of an honest store."""
        size, time_ms = signed.head.tree_size, signed.head.timestamp_ms
        overlay.put(b"h" + size.to_bytes(8, "big") + time_ms.to_bytes(8, "big"), encode(signed))
        self.ledger.books.save(overlay)
        self.store.write(overlay.writes)
        _replace_file(self.directory / "latest-head", encode(signed))
        self.ledger.books.unspent.committed()
        self.latest = signed
        self._head_ms = time_ms
        self._note_map()
        forget_heads(self.directory / "keys", len(self.chains) - 1)

    def _note_map(self) -> None:
        """Remembers the head and the store of a moment when the map shows every coin of the log."""
        unspent = self.ledger.books.unspent
        if not unspent.is_behind and self.latest.head.ext == unspent.extension:
            self.mapped = Mapped(self.latest, unspent.slot, self.store.snapshot())

    # ---- reading ---------------------------------------------------------------------------------

    @property
    def chain(self) -> KeyChain:
        """The keys that lead to the present head key."""
        return self.chains[-1]

    def voice_of(self, signed: SignedTreeHead) -> Voice:
        """What signed a head of this process: a reader may hold the one before a rotation."""
        return self._voices[signed.head.key_id]

    def is_signed(self, signed: SignedTreeHead) -> bool:
        """Whether one of the log's keys, in its time, signed a head."""
        for chain in self.chains:
            key = chain.entries[-1].key
            if key_id(sm3, key.public_key) == signed.head.key_id:
                in_time = key.not_before_ms <= signed.head.timestamp_ms < key.not_after_ms
                digest = tree_head_digest(sm3, signed.head)
                return in_time and self.suite.verify(key.public_key, digest, signed.signature)
        return False

    @property
    def totals(self) -> Totals:
        return self.ledger.books.totals

    @property
    def operators(self) -> Mapping[Hash, Operator]:
        return self.ledger.registry.operators

    def tier_of(self, address: Hash) -> Tier:
        return self.ledger.registry.tier_of(address)

    def coin(self, wanted: Hash) -> Coin | None:
        return self.ledger.books.coin(Overlay(self.store), wanted)

    def kgc(self, wanted: Hash) -> Kgc | None:
        """A registered key generation center of identity-based keys."""
        data = self.store.get(b"G" + wanted)
        return None if data is None else decode(Kgc, data)

    def terms(self, address: Hash) -> LockTerms | None:
        """The terms of a lock address."""
        data = self.store.get(b"w" + address)
        return None if data is None else decode(LockTerms, data)

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

    @property
    def is_mapped(self) -> bool:
        """Whether the latest head is fresh, and its map shows every coin of its log."""
        return self.mapped is not None and self.mapped.signed is self.latest and not self.is_stale()

    def unspent(self, address: Hash, after: Hash, limit: int) -> list[tuple[Hash, int]]:
        """Coins of an address: coin id and fen, by coin id."""
        found: list[tuple[Hash, int]] = []
        start = b"" if after == ZERO_HASH else after
        for coin, value in self.store.items(b"u" + address, start):
            if len(found) == limit:
                break
            found.append((Hash(coin), int.from_bytes(value, "big")))
        return found


def _make_chain(keys: Keys, from_ms: int) -> KeyChain:
    """The root key signs the key that signs tree heads, valid for ten years."""
    root = keys.root.public_key
    key = LogKey(
        version=VERSION,
        log_id=log_id(sm3, root),
        public_key=keys.head.public_key,
        issues=False,
        not_before_ms=from_ms,
        not_after_ms=from_ms + KEY_LIFETIME_MS,
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
