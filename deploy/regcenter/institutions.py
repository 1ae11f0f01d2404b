"""Payment institutions: balances one to one over a pool of coins, paid by book, netted among each other.

What an institution owes (balances of its accounts and what is on its way to other institutions) is never more
than the coins of its pool: what would break that is refused, and asserted after every write. An account is
the address of its holder's key. A transfer into the pool credits who paid; an exchange from a bank credits
the account that its reference names; anything else that comes is the institution's own.

Keys of the store: `I` institutions, `B` balances by institution and account, `U` on the way by payer's and
payee's institution and account, `Y` statements by institution and day.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from consensus.encoding import ZERO_HASH, Hash, decode, encode
from consensus.payment import CoinState, CoinTransaction, Kind
from deploy.regcenter import solvency
from deploy.regcenter.errors import CenterError
from deploy.regcenter.limits import day_of
from deploy.regcenter.requests import BookQuery, Signed, SolvencyStatement
from deploy.regcenter.solvency import Share
from deploy.regcenter.store import Overlay, Store
from deploy.regcenter.voice import Voice

STATEMENT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Institution:
    name: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class DayStatement:
    """A day's statement with the accounts it was made over, in the order of their addresses."""

    signed: Signed
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Netted:
    """What one institution pays to others in coins to settle a window."""

    payer: Hash
    payments: tuple[tuple[Hash, int], ...]


class Institutions:
    """Pools and debts in memory, balances in the store."""

    def __init__(self) -> None:
        self.known: dict[Hash, Institution] = {}
        self.pool_fen: dict[Hash, int] = {}
        self.owed_fen: dict[Hash, int] = {}

    def load(self, store: Store) -> None:
        """Pools are counted by `add_coin`, afterwards."""
        for address, data in store.items(b"I"):
            self._enter(Hash(address), decode(Institution, data))
        for prefix in (b"B", b"U"):
            for key, data in store.items(prefix):
                self.owed_fen[Hash(key[:32])] += int.from_bytes(data, "big")

    def _enter(self, address: Hash, institution: Institution) -> None:
        self.known[address] = institution
        self.pool_fen[address] = self.owed_fen[address] = 0

    def name(self, overlay: Overlay, address: Hash, institution: Institution) -> None:
        """Raises CenterError RC_INSTITUTION."""
        if self.known.get(address, institution) != institution or any(
            other.name == institution.name and a != address for a, other in self.known.items()
        ):
            raise CenterError("RC_INSTITUTION", "the name or the key is another institution's")
        if address not in self.known:
            self._enter(address, institution)
            overlay.put(b"I" + address, encode(institution))

    # ---- coins -----------------------------------------------------------------------------------

    def add_coin(self, owner: Hash, was: int, now: int, value_fen: int) -> None:
        """A coin went from one state to another; frozen and locked coins are the pool's still."""
        if owner in self.known:
            change = (now != CoinState.SPENT) - (was != CoinState.SPENT)
            self.pool_fen[owner] += change * value_fen

    def check_spend(self, tx: CoinTransaction, payer: Hash, spent_fen: int) -> None:
        """Only what the institution does not owe leaves its pool. Raises CenterError RC_COVERAGE."""
        if payer not in self.known:
            return
        back = sum(output.value_fen for output in tx.outputs if output.owner == payer)
        if self.pool_fen[payer] - spent_fen + back < self.owed_fen[payer]:
            raise CenterError("RC_COVERAGE", f"it owes {self.owed_fen[payer]} fen")

    def credit(self, overlay: Overlay, tx: CoinTransaction, payer: Hash) -> None:
        """What came into pools stands on accounts, one to one."""
        if not self.known or tx.kind not in (Kind.TRANSFER, Kind.EXCHANGE) or payer in self.known:
            return
        for output in tx.outputs:
            if output.owner in self.known:
                account = payer if tx.kind == Kind.TRANSFER else output.reference
                if account != ZERO_HASH:
                    self._owe(overlay, b"B" + output.owner + account, output.value_fen)

    def assert_covered(self) -> None:
        for address, owed in self.owed_fen.items():
            assert 0 <= owed <= self.pool_fen[address], "an institution owes more than it holds"

    # ---- accounts --------------------------------------------------------------------------------

    def balance(self, overlay: Overlay, institution: Hash, account: Hash) -> int:
        self._require(institution)
        return int.from_bytes(overlay.get(b"B" + institution + account) or b"", "big")

    def pay(self, overlay: Overlay, query: BookQuery, account: Hash) -> int:
        """By book inside an institution; into the window's netting to another one. The balance that is left.

        Raises CenterError: RC_INSTITUTION, RC_OVERSPEND, RC_VALUE."""
        self._require(query.to_institution)
        left = self._check_balance(overlay, query.institution, account, query.amount_fen)
        if (query.institution, account) == (query.to_institution, query.to_account):
            raise CenterError("RC_INSTITUTION", "an account does not pay itself")
        self._owe(overlay, b"B" + query.institution + account, -query.amount_fen)
        if query.institution == query.to_institution:
            self._owe(overlay, b"B" + query.institution + query.to_account, query.amount_fen)
        else:
            way = b"U" + query.institution + query.to_institution + query.to_account
            self._owe(overlay, way, query.amount_fen)
        return left

    def check_withdrawal(
        self, overlay: Overlay, institution: Hash, account: Hash, amount_fen: int
    ) -> None:
        self._check_balance(overlay, institution, account, amount_fen)

    def withdraw(self, overlay: Overlay, institution: Hash, account: Hash, amount_fen: int) -> None:
        self._owe(overlay, b"B" + institution + account, -amount_fen)

    # ---- netting ---------------------------------------------------------------------------------

    def netting(self, overlay: Overlay) -> tuple[Netted, ...]:
        """The fewest coins that settle what is on its way: who owes more than is owed to it pays the rest."""
        position = dict.fromkeys(self.known, 0)
        for key, fen in self._on_the_way(overlay):
            position[Hash(key[:32])] -= fen
            position[Hash(key[32:64])] += fen
        receivers = sorted((a, fen) for a, fen in position.items() if fen > 0)
        found = []
        for payer, fen in sorted((a, -fen) for a, fen in position.items() if fen < 0):
            payments = []
            while fen:
                receiver, wanted = receivers.pop()
                part = min(fen, wanted)
                payments.append((receiver, part))
                fen -= part
                if wanted > part:
                    receivers.append((receiver, wanted - part))
            found.append(Netted(payer, tuple(payments)))
        return tuple(found)

    def close_window(self, overlay: Overlay) -> int:
        """The coins have moved: what was on its way has arrived. How many payments there were."""
        arrived = self._on_the_way(overlay)
        for key, fen in arrived:
            self._owe(overlay, b"U" + key, -fen)
            self._owe(overlay, b"B" + key[32:], fen)
        return len(arrived)

    def _on_the_way(self, overlay: Overlay) -> list[tuple[bytes, int]]:
        return [(key, int.from_bytes(data, "big")) for key, data in overlay.items(b"U")]

    # ---- the day's statement ---------------------------------------------------------------------

    def state(self, overlay: Overlay, institution: Hash, voice: Voice, now_ms: int) -> DayStatement:
        """The statement of the day, made at its first request. Raises CenterError RC_INSTITUTION."""
        self._require(institution)
        day = day_of(now_ms)
        known = self.statement(overlay, institution, day)
        if known is not None:
            return known
        shares = tuple(
            Share(Hash(account), int.from_bytes(data, "big"), secrets.token_bytes(16))
            for account, data in overlay.items(b"B" + institution)
        )
        statement = SolvencyStatement(
            version=STATEMENT_VERSION,
            log_id=voice.log_id,
            institution=institution,
            day=day,
            time_ms=now_ms,
            accounts=len(shares),
            owed_fen=self.owed_fen[institution],
            pool_fen=self.pool_fen[institution],
            root=solvency.root(shares)[1],
        )
        found = DayStatement(voice.say(statement), shares)
        overlay.put(_statement_key(institution, day), encode(found))
        return found

    def statement(self, overlay: Overlay, institution: Hash, day: int) -> DayStatement | None:
        data = overlay.get(_statement_key(institution, day))
        return None if data is None else decode(DayStatement, data)

    # ---- inside ----------------------------------------------------------------------------------

    def _require(self, institution: Hash) -> None:
        if institution not in self.known:
            raise CenterError("RC_INSTITUTION", institution.hex())

    def _check_balance(
        self, overlay: Overlay, institution: Hash, account: Hash, amount_fen: int
    ) -> int:
        balance = self.balance(overlay, institution, account)
        if amount_fen == 0:
            raise CenterError("RC_VALUE", "0 fen")
        if amount_fen > balance:
            raise CenterError("RC_OVERSPEND", f"{amount_fen} of {balance} fen")
        return balance - amount_fen

    def _owe(self, overlay: Overlay, key: bytes, by_fen: int) -> None:
        """A balance or a way, by its whole key; a zero is not stored."""
        amount = int.from_bytes(overlay.get(key) or b"", "big") + by_fen
        assert amount >= 0
        overlay.put(key, amount.to_bytes(8, "big") if amount else None)
        self.owed_fen[Hash(key[1:33])] += by_fen


def share_of(found: DayStatement, account: Hash) -> solvency.ShareProof:
    """Raises CenterError RC_STATEMENT when the account had no balance that day."""
    index = _index(found.shares, account)
    return solvency.ShareProof(
        found.signed, found.shares[index], solvency.path(found.shares, index)
    )


def _index(shares: Sequence[Share], account: Hash) -> int:
    for index, share in enumerate(shares):
        if share.account == account:
            return index
    raise CenterError("RC_STATEMENT", "the account had no balance")


def _statement_key(institution: Hash, day: int) -> bytes:
    return b"Y" + institution + day.to_bytes(8, "big")
