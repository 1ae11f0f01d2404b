"""The committed end of the chain as the core sees it: tip, certificates above it, executed roots."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.api import Block, Halt, InvariantBroken
from consensus.certificate import CommitCert
from consensus.encoding import Hash
from consensus.header import Header, block_hash, leaves_root
from consensus.merkle import HashFunction
from consensus.ordering.rules import OrderingRules

REMEMBERED_HEIGHTS = 64  # for checkpoints that are asked for late


@dataclass(frozen=True, slots=True)
class Roots:
    state_root: Hash
    receipts_root: Hash

    def match(self, header: Header) -> bool:
        """Whether the header shows these roots."""
        return (header.state_root, header.receipts_root) == (self.state_root, self.receipts_root)


class Chain:
    """Advances by one certified block at a time and compares sealed roots with executed ones (R12)."""

    def __init__(
        self,
        config: OrderingRules,
        hash_: HashFunction,
        tip: Header,
        tip_cert: CommitCert | None,
        executed: tuple[tuple[int, Hash, Hash], ...],
        is_tip_config: bool = False,
    ) -> None:
        self._config = config
        self._hash = hash_
        self._empty_root = leaves_root(hash_, ())
        self.tip = tip
        self.tip_hash = block_hash(hash_, tip)
        self.tip_cert = tip_cert
        self.best_cert = tip_cert
        # A configuration block as tip ends the core: what comes above it is another configuration's (R11).
        self.is_tip_config = is_tip_config
        self._hashes = {tip.height: self.tip_hash}
        self._certs: dict[int, CommitCert] = {}
        self._executed: dict[int, Roots] = {}
        self._sealed: dict[int, Roots] = {}
        self._recent: dict[Hash, None] = {}
        self._recent_blocks: dict[int, tuple[Hash, ...]] = {}
        # The highest block with transactions: its roots must be shown W blocks later (decisions 2.4).
        self.last_filled = tip.height if tip.tx_count else 0
        for height, state_root, receipts_root in executed:
            self._note_executed(height, Roots(state_root, receipts_root))
        self.halt_at_start = self._expect_roots(tip) if tip.height > 0 else None

    @property
    def height(self) -> int:
        return self.tip.height

    def _lagged(self, height: int) -> int:
        return max(0, height - self._config.window)

    def roots_for(self, height: int) -> Roots | None:
        """What header `height` must carry: the own roots after height - W; None if not executed yet."""
        return self._executed.get(self._lagged(height))

    @property
    def executed_height(self) -> int:
        """How far own execution has come. Blocks up to there are durable, those above it may not be yet."""
        return next(reversed(self._executed), 0)

    @property
    def is_executed(self) -> bool:
        """Whether own execution has reached the tip."""
        return self.height in self._executed

    def known(self, height: int) -> tuple[Hash, Roots] | None:
        """Hash and own roots of a recent executed block; None where either is not known (any more)."""
        digest, roots = self._hashes.get(height), self._executed.get(height)
        return (digest, roots) if digest is not None and roots is not None else None

    @property
    def settled_height(self) -> int:
        """Committing up to here shows every state in a certified header."""
        return self.last_filled + self._config.window if self.last_filled else 0

    def is_recent(self, tx_id: Hash) -> bool:
        return tx_id in self._recent

    # --- certificates

    def learn(self, cert: CommitCert) -> bool:
        """Keep a verified certificate above the tip. False where it says nothing new."""
        if cert.height <= self.height:
            return False
        held = self._certs.get(cert.height)
        if held is not None:
            if held.block_hash != cert.block_hash:
                raise InvariantBroken(f"two certificates at height {cert.height}: a fork")
            return False
        if self.best_cert is None or cert.height > self.best_cert.height:
            self.best_cert = cert
        if cert.height <= self.height + self._config.horizon:
            self._certs[cert.height] = cert
        return True

    def next_cert(self) -> CommitCert | None:
        return self._certs.get(self.height + 1)

    @property
    def is_behind(self) -> bool:
        """Whether a certificate above the tip is known."""
        return self.best_cert is not None and self.best_cert.height > self.height

    # --- advancing

    def advance(
        self, block: Block, digest: Hash, cert: CommitCert, is_config: bool = False
    ) -> Halt | None:
        """Make a certified block the tip. Raises InvariantBroken if it does not chain: a quorum sealed
        a fork. Returns Halt where its roots differ from own ones."""
        header = block.header
        if header.height != self.height + 1 or header.parent_hash != self.tip_hash:
            raise InvariantBroken(f"the certified block {header.height} is not on the own tip")
        self.tip, self.tip_hash, self.tip_cert = header, digest, cert
        self.is_tip_config = is_config
        self._hashes[header.height] = digest
        self._hashes.pop(self._oldest(header.height) - 1, None)
        if self.best_cert is None or cert.height > self.best_cert.height:
            self.best_cert = cert
        self._certs.pop(header.height, None)
        if header.tx_count:
            self.last_filled = header.height
        self._remember(header.height, block.tx_ids)
        return self._expect_roots(header)

    def _remember(self, height: int, tx_ids: tuple[Hash, ...]) -> None:
        """The pool may still offer for a moment what was just committed."""
        for tx_id in self._recent_blocks.pop(height - self._config.horizon, ()):
            self._recent.pop(tx_id, None)
        self._recent_blocks[height] = tx_ids
        self._recent.update(dict.fromkeys(tx_ids))

    def _expect_roots(self, header: Header) -> Halt | None:
        lagged = self._lagged(header.height)
        sealed = Roots(header.state_root, header.receipts_root)
        own = self._executed.get(lagged)
        if own is None:
            self._sealed[lagged] = sealed
            return None
        return self._compare(lagged, own, sealed)

    def executed(self, height: int, roots: Roots) -> Halt | None:
        """Own execution reached `height`."""
        self._note_executed(height, roots)
        sealed = self._sealed.pop(height, None)
        return self._compare(height, roots, sealed) if sealed is not None else None

    def _note_executed(self, height: int, roots: Roots) -> None:
        self._executed[height] = roots
        if height > 0 and roots.receipts_root != self._empty_root:
            self.last_filled = max(self.last_filled, height)
        self._executed.pop(self._oldest(height) - 1, None)

    def _oldest(self, height: int) -> int:
        return self._lagged(height) - self._config.horizon - REMEMBERED_HEIGHTS

    def _compare(self, height: int, own: Roots, sealed: Roots) -> Halt | None:
        if own.state_root != sealed.state_root:
            return Halt("state root", height, own.state_root, sealed.state_root)
        if own.receipts_root != sealed.receipts_root:
            return Halt("receipts root", height, own.receipts_root, sealed.receipts_root)
        return None
