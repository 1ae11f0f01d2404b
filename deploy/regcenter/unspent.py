"""The map of unspent coins (consensus/unspent_proof.py), kept beside the log.

Coins that moved are gathered and go into the tree together: when a proof is asked for, and at the latest
LAG_MS after the first of them moved and something else is written. What was not yet in the tree when the center
stopped is found again from the log.

Keys of the store: `P` pages of the tree, `Q` its root and the size of the log that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from consensus.encoding import Hash, decode, encode
from consensus.payment import CertifiedTreeHead, CoinState, SignedTreeHead
from consensus.state_proof import EMPTY
from consensus.tags import SUITE_SM
from consensus.unspent_proof import UNSPENT_VERSION, HeadExtension, UnspentProof
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.packed import unpack_coin
from deploy.regcenter.store import Overlay, Store
from node.ledger.tree import StateTree, TreeDamaged, TreeUpdate

LAG_MS = 2_000
MOVED_MAX = 1 << 16
SLOT_KEY = b"Q"
Read = Callable[[bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class _Stored:
    """slot: root of the tree as node/ledger/tree.py keeps it."""

    slot: bytes
    root: Hash
    size: int


@dataclass(frozen=True, slots=True)
class Mapped:
    """A signed head whose map holds every coin of its log; read: the store at that moment."""

    signed: SignedTreeHead
    slot: bytes
    read: Read


class UnspentMap:
    """Writes the tree. One instance a center; `prove` may be called from other threads."""

    def __init__(self) -> None:
        self._now = _Stored(b"", EMPTY, 0)
        self._moved: dict[bytes, bytes | None] = {}
        self._pending: TreeUpdate | None = None
        self._updated_ms = 0
        self._tree = StateTree(lambda _: None, sm3, SUITE_SM)

    def load(self, store: Store, coins_since: Callable[[int], Iterable[Hash]]) -> None:
        """coins_since: ids of the coins that the log moved from a leaf on."""
        self._tree = StateTree(_pages(store.get), sm3, SUITE_SM)
        stored = store.get(SLOT_KEY)
        if stored is not None:
            self._now = decode(_Stored, stored)
        for coin in coins_since(self._now.size):
            data = store.get(b"c" + coin)
            if data is None:
                raise CenterError("RC_DAMAGED", f"coin {coin.hex()} of the log is missing")
            self.move(coin, data, unpack_coin(data).state)

    def move(self, coin: Hash, packed: bytes, state: int) -> None:
        """A coin has these bytes now."""
        self._moved[coin] = None if state == CoinState.SPENT else packed

    @property
    def is_behind(self) -> bool:
        """Coins have moved that the tree does not show yet."""
        return bool(self._moved)

    def is_due(self, now_ms: int) -> bool:
        recent = 0 <= now_ms - self._updated_ms < LAG_MS
        return self.is_behind and not (recent and len(self._moved) < MOVED_MAX)

    @property
    def slot(self) -> bytes:
        return self._now.slot

    @property
    def extension(self) -> bytes:
        """For the next head."""
        return encode(HeadExtension(self._now.root, self._now.size))

    def update(self, overlay: Overlay, size: int, now_ms: int) -> None:
        """Takes in what has moved, up to a log of `size` leaves. Raises CenterError RC_DAMAGED."""
        self._updated_ms = now_ms
        if not self._moved:
            return
        assert size > self._now.size, "every movement of coins is a leaf"
        try:
            made, _ = self._tree.update(self._now.slot, size, self._moved)
        except TreeDamaged as error:
            raise CenterError("RC_DAMAGED", str(error)) from error
        for key, page in made.pages:
            overlay.put(b"P" + key, page)
        for key in made.stale:
            overlay.put(b"P" + key, None)
        self._now, self._pending, self._moved = _Stored(made.slot, made.root, size), made, {}
        overlay.put(SLOT_KEY, encode(self._now))

    def committed(self) -> None:
        """What `update` made is durable."""
        if self._pending is not None:
            self._tree.adopt(self._pending)
            self._pending = None

    def prove(self, mapped: Mapped, head: CertifiedTreeHead, coin_id: Hash) -> UnspentProof:
        """Whether the coin is in the map. Raises CenterError RC_DAMAGED."""
        try:
            path = self._tree.prove(mapped.slot, coin_id, _pages(mapped.read))
        except TreeDamaged as error:
            raise CenterError("RC_DAMAGED", str(error)) from error
        data = mapped.read(b"c" + coin_id)
        coin = None if data is None else unpack_coin(data)
        if coin is not None and coin.state == CoinState.SPENT:
            coin = None
        return UnspentProof(UNSPENT_VERSION, coin_id, coin, head, path)

    def check(self, store: Store) -> int:
        """Recomputes the tree from the coins; how many it holds. Raises CenterError RC_DAMAGED."""
        tree = self._tree
        skipped = {tree.path(coin) for coin in self._moved}
        wanted = {}
        for coin, data in store.items(b"c"):
            if unpack_coin(data).state != CoinState.SPENT:
                wanted[tree.path(coin)] = tree.value_hash(data)
        try:
            found = dict(tree.leaves(self._now.slot, _pages(store.get)))
        except TreeDamaged as error:
            raise CenterError("RC_DAMAGED", str(error)) from error
        if _without(found, skipped) != _without(wanted, skipped):
            raise CenterError("RC_DAMAGED", "the map of unspent coins is not that of the coins")
        return len(found)


def _pages(read: Read) -> Read:
    return lambda key: read(b"P" + key)


def _without(leaves: dict[bytes, bytes], skipped: set[bytes]) -> dict[bytes, bytes]:
    return {path: leaf for path, leaf in leaves.items() if path not in skipped}
