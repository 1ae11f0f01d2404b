"""Coins, the log and the sums over them: the one place that writes money.

Keys of the store: `c` coins, `u` unspent by owner, `e` entries, `n` nodes, `l` leaves, `m` totals, `x` what is
held. Conservation is asserted after each transaction.
"""

from __future__ import annotations

from dataclasses import replace

from consensus.encoding import Hash, decode, encode
from consensus.payment import OUTPUTS_MAX, VERSION, Coin, CoinState, Kind, LogEntry, entry_bytes
from deploy.regcenter import log
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.hooks import Hooks
from deploy.regcenter.institutions import Institutions
from deploy.regcenter.model import Held, Totals
from deploy.regcenter.packed import ENTRY_HEAD, pack_coin, pack_entry, unpack_coin
from deploy.regcenter.registry import Registry
from deploy.regcenter.rules import Tier
from deploy.regcenter.store import Overlay, Store
from deploy.regcenter.unspent import UnspentMap
from deploy.regcenter.wallets import WalletBook

TOTALS_KEY, HELD_KEY = b"m", b"x"


class Books:
    """Sums in memory, counted up as coins change their state."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._totals = Totals(VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        self._held = Held(0, 0)
        self.frontier = log.Frontier(0, [])
        self.wallets = WalletBook()
        self.institutions = Institutions()
        self.unspent = UnspentMap()
        self.hooks = Hooks()

    # ---- opening and closing ---------------------------------------------------------------------

    def load(self, store: Store) -> None:
        stored = store.get(TOTALS_KEY)
        if stored is not None:
            self._totals = decode(Totals, stored)
        held = store.get(HELD_KEY)
        if held is not None:  # absent in a store from before coins could be held
            self._held = decode(Held, held)
        self.frontier = log.Frontier.load(store.get, self._totals.tree_size)
        self.institutions.load(store)
        self.hooks.load(store)

    def save(self, overlay: Overlay) -> None:
        overlay.put(TOTALS_KEY, encode(self._totals))
        overlay.put(HELD_KEY, encode(self._held))

    def recount(self, store: Store) -> bool:
        """Whether the sums are those of what is stored, and money is conserved. Counts the pools."""
        counted = {Tier.VAULT: 0, Tier.WALLET: 0}
        held = {CoinState.LOCKED: 0, CoinState.FROZEN: 0}
        for _, data in store.items(b"c"):
            coin = unpack_coin(data)
            if coin.state != CoinState.SPENT:
                counted[self._registry.tier_of(coin.owner)] += coin.value_fen
                self.institutions.add_coin(coin.owner, CoinState.SPENT, coin.state, coin.value_fen)
            if coin.state in held:
                held[CoinState(coin.state)] += coin.value_fen
        totals = replace(
            self._totals,
            vault_fen=counted[Tier.VAULT],
            public_fen=counted[Tier.WALLET],
            reserve_fen=self._registry.reserve_fen(),
        )
        found = Held(held[CoinState.LOCKED], held[CoinState.FROZEN])
        return (totals, found) == (self._totals, self._held) and totals.conserved()

    @property
    def totals(self) -> Totals:
        return replace(self._totals)

    @property
    def held(self) -> Held:
        return replace(self._held)

    # ---- coins -----------------------------------------------------------------------------------

    def coin(self, overlay: Overlay, wanted: Hash) -> Coin | None:
        data = overlay.get(b"c" + wanted)
        return None if data is None else unpack_coin(data)

    def gather(self, overlay: Overlay, owner: Hash, amount_fen: int) -> list[Coin]:
        """The owner's largest free coins that cover an amount. Raises CenterError RC_OVERSPEND."""
        found: list[Coin] = []
        have = 0
        coins = overlay.items(b"u" + owner)
        for known, _ in sorted(coins, key=lambda each: each[1], reverse=True)[:OUTPUTS_MAX]:
            if have >= amount_fen:
                break
            coin = self.coin(overlay, Hash(known))
            assert coin is not None and coin.state == CoinState.UNSPENT
            found.append(coin)
            have += coin.value_fen
        if have < amount_fen:
            raise CenterError("RC_OVERSPEND", f"{have} of {amount_fen} fen are free")
        return found

    def free_fen(self, overlay: Overlay, owner: Hash) -> int:
        return sum(int.from_bytes(value, "big") for _, value in overlay.items(b"u" + owner))

    def move(self, overlay: Overlay, was: int, coin: Coin) -> None:
        """Stores a coin in its new state and moves its value between the sums. A new coin was SPENT."""
        value, owner, state = coin.value_fen, coin.owner, coin.state
        packed = pack_coin(coin)
        overlay.put(b"c" + coin.coin_id, packed)
        self.unspent.move(coin.coin_id, packed, state)
        free = state == CoinState.UNSPENT
        overlay.put(b"u" + owner + coin.coin_id, value.to_bytes(8, "big") if free else None)
        self._hold(was, -value)
        self._hold(state, value)
        self.wallets.move(overlay, owner, was, state, value)
        self.institutions.add_coin(owner, was, state, value)
        change = value * ((state != CoinState.SPENT) - (was != CoinState.SPENT))
        if owner in self._registry.operators:
            self._totals.vault_fen += change
        else:
            if was == CoinState.SPENT:
                overlay.put(b"a" + owner, b"")  # seen as a wallet: it can become no vault
            self._totals.public_fen += change

    def _hold(self, state: int, by_fen: int) -> None:
        if state == CoinState.LOCKED:
            self._held.locked_fen += by_fen
        elif state == CoinState.FROZEN:
            self._held.frozen_fen += by_fen

    def next_serial(self) -> int:
        self._totals.serial += 1
        return self._totals.serial

    # ---- reserve and conservation ----------------------------------------------------------------

    def fund(self, by_fen: int) -> None:
        """A bank placed reserve."""
        self._totals.funded_fen += by_fen
        self._totals.reserve_fen += by_fen

    def issue(self, overlay: Overlay, bank: Hash, by_fen: int) -> None:
        self._registry.move_reserve(overlay, bank, -by_fen)
        self._totals.reserve_fen -= by_fen
        self._totals.issued_fen += by_fen

    def destroy(self, overlay: Overlay, bank: Hash, by_fen: int) -> None:
        self._registry.move_reserve(overlay, bank, by_fen)
        self._totals.reserve_fen += by_fen
        self._totals.destroyed_fen += by_fen

    def mark(self) -> tuple[int, int]:
        """What `settle` compares with: reserve ever placed, and money of the public."""
        return self._totals.funded_fen, self._totals.public_fen

    def settle(self, mark: tuple[int, int], kind: int, now_ms: int) -> None:
        """A transaction is written: money was neither made nor lost."""
        now, held = self._totals, self._held
        now.accepted_ms = now_ms
        assert now.conserved(), "money was made or lost"
        assert now.funded_fen == mark[0], "a transaction places no reserve"
        assert kind in (Kind.EXCHANGE, Kind.REDEEM) or now.public_fen == mark[1]
        assert held.locked_fen >= 0 <= held.frozen_fen
        assert held.locked_fen + held.frozen_fen <= now.public_fen + now.vault_fen

    # ---- the log ---------------------------------------------------------------------------------

    def append(self, overlay: Overlay, entry: LogEntry) -> None:
        if entry.output_index is None:
            body, leaf = encode(entry), entry_bytes(entry)
        else:
            body = pack_entry(entry)
            leaf = ENTRY_HEAD + body
        overlay.put(b"e" + self.frontier.size.to_bytes(8, "big"), body)
        self.frontier.append(sm3, overlay.put, leaf)
        self._totals.tree_size = self.frontier.size
