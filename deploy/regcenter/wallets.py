"""Wallets: whose they are, what they hold and have paid today, and who may learn the owner. A bank opens
them; a holder from abroad may open one of the lowest category himself.

A wallet has many addresses, one an obligation if its owner likes; the log shows addresses only. Limits are
counted over the whole wallet. An address that no bank registered has no limits here. The owner of an address
is told to two authorities together, and that they asked stands in the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from consensus.center_request import IdentifyQuery, WalletQuery
from consensus.encoding import ZERO_HASH, Hash, decode, encode
from consensus.payment import CoinState, CoinTransaction, Kind
from deploy.regcenter import aml
from deploy.regcenter.errors import CenterError
from deploy.regcenter.identities import month_of
from deploy.regcenter.limits import Category, Limits, day_of, limits_at
from deploy.regcenter.model import Authority, Identified, WalletRecord
from deploy.regcenter.packed import unpack_coin
from deploy.regcenter.residence import UNREGISTERED, Profile, Use, check_pair, check_profile
from deploy.regcenter.store import Overlay, Store

ADDRESSES_MAX = 256
HOLDER_CHARS_MAX = 200
ORDER_CHARS_MAX = 64
LIMITED_PAYMENTS = (Kind.TRANSFER, Kind.LOCK)
LIMITED_RECEIPTS = (Kind.EXCHANGE, Kind.TRANSFER, Kind.RELEASE)
_HELD = (CoinState.UNSPENT, CoinState.FROZEN)
CASH_MARK = "ATM:"
_OBSERVED = (Kind.EXCHANGE, Kind.TRANSFER, Kind.RELEASE, Kind.REDEEM)


@dataclass(frozen=True, slots=True)
class WalletState:
    """What a wallet may know of itself."""

    record: WalletRecord
    limits: Limits
    balance_fen: int
    today_fen: int


@dataclass(slots=True)
class Abroad:
    """What wallets of holders from abroad hold, in fen; reserve wallets apart."""

    nonresident_fen: int
    reserve_fen: int


class WalletBook:
    """Wallets and which address belongs to which are kept in memory; everything else in the store.

    Keys: `b` wallets, `d` wallet by address, `g` balance by wallet, `y` paid by wallet and day, `i` who was
    told, `E` months of enrolled keys."""

    def __init__(self) -> None:
        self._wallet_of: dict[Hash, Hash] = {}
        self._records: dict[Hash, WalletRecord] = {}
        self._profiles: dict[Hash, Profile] = {}
        self._epochs: dict[Hash, int] = {}
        self.abroad = Abroad(0, 0)

    def load(self, store: Store) -> None:
        """Raises CenterError RC_DAMAGED when a balance is not the sum of its coins."""
        for _, data in store.items(b"b"):
            self._put(decode(WalletRecord, data))
        self._epochs = {Hash(a): int.from_bytes(e, "big") for a, e in store.items(b"E")}
        self._wallet_of = {Hash(a): Hash(wallet) for a, wallet in store.items(b"d")}
        counted: dict[Hash, int] = {}
        for _, data in store.items(b"c"):
            coin = unpack_coin(data)
            wallet = self._wallet_of.get(coin.owner)
            if wallet is not None and coin.state in _HELD:
                counted[wallet] = counted.get(wallet, 0) + coin.value_fen
        for found, data in store.items(b"g"):
            value = int.from_bytes(data, "big")
            if counted.pop(Hash(found), 0) != value:
                raise CenterError("RC_DAMAGED", f"wallet {found.hex()} does not add up")
            self._hold_abroad(Hash(found), value)
        if counted:
            raise CenterError("RC_DAMAGED", "a wallet has coins and no balance")

    def open(
        self, overlay: Overlay, opener: Hash, bank: Hash, query: WalletQuery, now_ms: int
    ) -> WalletRecord:
        """Opens a wallet, adds addresses to it, or moves it to another category. opener: address of who asks;
        bank: the same, zeros when it is no bank. Raises CenterError."""
        if query.category not in list(Category):
            raise CenterError("RC_WALLET", "no such category")
        if not 0 < len(query.holder) <= HOLDER_CHARS_MAX or len(query.addresses) > ADDRESSES_MAX:
            raise CenterError("RC_WALLET", "a holder of 1 to 200 characters, at most 256 addresses")
        record = WalletRecord(
            query.wallet, bank, query.category, query.holder, query.residence, query.use,
            query.until_ms,
        )  # fmt: skip
        profile = _profile(record)
        check_profile(profile)
        if bank == ZERO_HASH:
            _check_direct(query, opener, profile)
        stored = overlay.get(b"b" + query.wallet)
        if stored is not None:
            known = decode(WalletRecord, stored)
            if (known.bank, known.holder, _profile(known)) != (bank, query.holder, profile):
                raise CenterError("RC_WALLET", "it has another bank, holder, residence or use")
        return self._keep(overlay, query, record, now_ms)

    def enrol(self, overlay: Overlay, query: WalletQuery, epoch: int, now_ms: int) -> WalletRecord:
        """A name's key is an address of its wallet, and pays until its month is over. Raises CenterError."""
        record = WalletRecord(
            query.wallet, ZERO_HASH, query.category, query.holder, query.residence, query.use, 0
        )
        found = self._keep(overlay, query, record, now_ms)
        for address in query.addresses:
            self._epochs[address] = epoch
            overlay.put(b"E" + address, epoch.to_bytes(8, "big"))
        return found

    def _put(self, record: WalletRecord) -> None:
        self._records[record.wallet] = record
        self._profiles[record.wallet] = _profile(record)

    def _keep(
        self, overlay: Overlay, query: WalletQuery, record: WalletRecord, now_ms: int
    ) -> WalletRecord:
        fresh = [a for a in query.addresses if self._wallet_of.get(a) != query.wallet]
        for address in fresh:
            if address in self._wallet_of or overlay.get(b"a" + address) is not None:
                raise CenterError("RC_WALLET", f"{address.hex()} was in use before")
        overlay.put(b"b" + query.wallet, encode(record))
        self._put(record)
        for address in fresh:
            self._wallet_of[address] = query.wallet
            overlay.put(b"d" + address, query.wallet)
            overlay.put(b"a" + address, b"")
        aml.screen(overlay, record, now_ms)
        return record

    # ---- limits ----------------------------------------------------------------------------------

    def check(
        self,
        overlay: Overlay,
        tx: CoinTransaction,
        parties: tuple[Hash, Sequence[Hash]],
        now_ms: int,
    ) -> None:
        """What the payer's wallet pays and what others come to hold. parties: payer, and who each output is
        for. Money that comes back (refund, reversal, a court's or a lifted order) is never kept out by a limit.
        Raises CenterError: RC_LIMIT and the codes of residence.py."""
        if not self._wallet_of:
            return
        payer, payees = parties
        epoch = self._epochs.get(payer)
        if epoch not in (None, month_of(now_ms)) and tx.kind in LIMITED_PAYMENTS:
            raise CenterError("RC_EPOCH", str(epoch))
        source = self._wallet_of.get(payer)
        mine = self._profile_of(source)
        for address in payees:
            target = self._wallet_of.get(address)
            if address != payer and (target is None or target != source):
                check_pair(tx.kind, mine, self._profile_of(target), tx.purpose, now_ms)
        if source is not None and tx.kind in LIMITED_PAYMENTS:
            self._check_payment(overlay, source, self._paid(tx, source), now_ms)
        if tx.kind in LIMITED_RECEIPTS:
            for wallet, fen in self._received(tx).items():
                if wallet != source:
                    self._check_balance(overlay, wallet, fen, now_ms)

    def note(
        self, overlay: Overlay, tx: CoinTransaction, payer: Hash, txid: Hash, now_ms: int
    ) -> None:
        """Counts an accepted payment of the day, and watches it."""
        if not self._wallet_of:
            return
        source = self._wallet_of.get(payer)
        if source is not None and tx.kind in LIMITED_PAYMENTS:
            paid = self._paid(tx, source)
            _add(overlay, _day_key(source, now_ms), paid)
        if tx.kind in _OBSERVED:
            for side in self._sides(overlay, tx, source):
                aml.observe(overlay, side, txid, now_ms)

    def _sides(self, overlay: Overlay, tx: CoinTransaction, source: Hash | None) -> list[aml.Side]:
        """The movement as each registered wallet in it sees it."""
        received = {w: fen for w, fen in self._received(tx).items() if w != source}
        residences = {self._profile_of(wallet).is_abroad for wallet in (source, *received)}
        crosses = tx.kind in (Kind.TRANSFER, Kind.RELEASE) and len(residences) > 1
        is_cash = tx.kind == Kind.EXCHANGE and tx.purpose.startswith(CASH_MARK)
        sides = [
            aml.Side(self._records[wallet], fen, False, crosses, is_cash)
            for wallet, fen in received.items()
        ]
        paid = 0 if source is None else self._paid(tx, source)
        if source is not None and paid:
            sides.append(aml.Side(self._records[source], paid, True, crosses, False))
        return sides

    def state(self, overlay: Overlay, address: Hash, now_ms: int) -> WalletState:
        """The wallet of an address. Raises CenterError RC_NOT_FOUND."""
        wallet = self._wallet_of.get(address)
        if wallet is None:
            raise CenterError("RC_NOT_FOUND", "no wallet has this address")
        record = self._records[wallet]
        balance = _amount(overlay, b"g" + wallet)
        today = _amount(overlay, _day_key(wallet, now_ms))
        return WalletState(record, limits_at(record.category, now_ms), balance, today)

    def check_open(self, address: Hash) -> None:
        """Raises CenterError RC_RESERVE_CLASS: reserve wallets take money from banks and from each other."""
        if self._profile_of(self._wallet_of.get(address)).use == Use.RESERVE:
            raise CenterError("RC_RESERVE_CLASS", address.hex())

    def bank_of(self, address: Hash) -> Hash | None:
        """The bank that opened the wallet of an address."""
        wallet = self._wallet_of.get(address)
        return None if wallet is None else self._records[wallet].bank

    def _profile_of(self, wallet: Hash | None) -> Profile:
        return UNREGISTERED if wallet is None else self._profiles[wallet]

    def move(self, overlay: Overlay, owner: Hash, was: int, now: int, value_fen: int) -> None:
        """A coin went from one state to another: the wallet of its owner holds more or less."""
        wallet = self._wallet_of.get(owner)
        change = (now in _HELD) - (was in _HELD)
        if wallet is not None and change:
            _add(overlay, b"g" + wallet, change * value_fen)
            self._hold_abroad(wallet, change * value_fen)

    def _hold_abroad(self, wallet: Hash, by_fen: int) -> None:
        profile = self._profiles[wallet]
        if profile.use == Use.RESERVE:
            self.abroad.reserve_fen += by_fen
        elif profile.is_abroad:
            self.abroad.nonresident_fen += by_fen

    def _paid(self, tx: CoinTransaction, source: Hash) -> int:
        return sum(o.value_fen for o in tx.outputs if self._wallet_of.get(o.owner) != source)

    def _received(self, tx: CoinTransaction) -> Mapping[Hash, int]:
        found: dict[Hash, int] = {}
        for output in tx.outputs:
            wallet = self._wallet_of.get(output.owner)
            if wallet is not None:
                found[wallet] = found.get(wallet, 0) + output.value_fen
        return found

    def _check_payment(self, overlay: Overlay, wallet: Hash, fen: int, now_ms: int) -> None:
        limits = limits_at(self._records[wallet].category, now_ms)
        if limits.payment_fen is not None and fen > limits.payment_fen:
            raise CenterError("RC_LIMIT", f"{fen} of {limits.payment_fen} fen a payment")
        today = _amount(overlay, _day_key(wallet, now_ms)) + fen
        if limits.day_fen is not None and today > limits.day_fen:
            raise CenterError("RC_LIMIT", f"{today} of {limits.day_fen} fen a day")

    def _check_balance(self, overlay: Overlay, wallet: Hash, fen: int, now_ms: int) -> None:
        """Does not say what the wallet holds: the payer is not its owner."""
        limits = limits_at(self._records[wallet].category, now_ms)
        if (
            limits.balance_fen is not None
            and _amount(overlay, b"g" + wallet) + fen > limits.balance_fen
        ):
            raise CenterError("RC_LIMIT", "the payee's wallet would hold more than it may")

    # ---- who it is -------------------------------------------------------------------------------

    def identify(
        self,
        overlay: Overlay,
        query: IdentifyQuery,
        authorities: Iterable[Authority | None],
        request: Hash,
        now_ms: int,
    ) -> WalletRecord:
        """Whose an address is, told once for each request. Raises CenterError."""
        asking = list(authorities)
        if len({a.public_key for a in asking if a is not None}) < 2 or None in asking:
            raise CenterError("RC_AUTHORITY", "two authorities ask together")
        if not 0 < len(query.order) <= ORDER_CHARS_MAX:
            raise CenterError("RC_ORDER", "the order has a number of 1 to 64 characters")
        if overlay.get(b"i" + request) is not None:
            raise CenterError("RC_REQUEST", "it was answered before")
        wallet = self._wallet_of.get(query.address)
        if wallet is None:
            raise CenterError("RC_NOT_FOUND", "no bank registered this address")
        names = tuple(sorted(a.name for a in asking if a is not None))
        told = Identified(query.address, query.order, names, now_ms)
        overlay.put(b"i" + request, encode(told))
        return self._records[wallet]


def _profile(record: WalletRecord) -> Profile:
    return Profile(record.residence, record.use, record.until_ms)


def _check_direct(query: WalletQuery, opener: Hash, profile: Profile) -> None:
    """A wallet without a bank: of the lowest category, for a key from abroad. Raises CenterError RC_WALLET."""
    if (
        query.category != Category.FOURTH
        or query.addresses != (opener,)
        or not profile.is_abroad
        or profile.use == Use.RESERVE
    ):
        raise CenterError("RC_WALLET", "without a bank: category 4, from abroad, its own address")


def _day_key(wallet: Hash, now_ms: int) -> bytes:
    return b"y" + wallet + day_of(now_ms).to_bytes(8, "big")


def _amount(overlay: Overlay, key: bytes) -> int:
    return int.from_bytes(overlay.get(key) or b"", "big")


def _add(overlay: Overlay, key: bytes, by_fen: int) -> None:
    overlay.put(key, (_amount(overlay, key) + by_fen).to_bytes(8, "big"))
