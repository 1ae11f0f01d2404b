"""What a new view must propose again (rule R7). Pure: leader and backups compute it separately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.api import InvariantBroken
from consensus.certificate import CommitCert
from consensus.encoding import Hash
from consensus.header import block_hash
from consensus.merkle import HashFunction
from consensus.pbft.certificates import PreparedCert
from consensus.pbft.messages import ViewChange


@dataclass(frozen=True, slots=True)
class Selection:
    """`base_height` is that of the highest commit certificate carried into the view, or of the block that the
    epoch stands on; `blocks` the prepared blocks of base + 1, base + 2, … without gaps, each with its hash."""

    base_height: int
    base_hash: Hash
    base_cert: CommitCert | None
    blocks: tuple[tuple[Hash, PreparedCert], ...]

    def at(self, height: int) -> tuple[Hash, PreparedCert] | None:
        """What must be proposed at `height`, or None where the leader is free."""
        index = height - self.base_height - 1
        return self.blocks[index] if 0 <= index < len(self.blocks) else None


def _highest_tip(view_changes: Sequence[ViewChange]) -> CommitCert | None:
    base: CommitCert | None = None
    for change in view_changes:
        cert = change.tip_cert
        if cert is None:
            continue
        if base is not None and cert.height == base.height and cert.block_hash != base.block_hash:
            raise InvariantBroken(f"two certificates at height {cert.height}: a fork")
        if base is None or cert.height > base.height:
            base = cert
    return base


def select(
    hash_: HashFunction,
    view_changes: Sequence[ViewChange],
    start_hash: Hash,
    start_height: int = 0,
) -> Selection:
    """The blocks the new view must propose again.

    start_hash, start_height: the block that the epoch stands on; it counts where no tip is above it.
    view_changes: exactly q of distinct senders, their certificates already verified. Raises
    InvariantBroken where two commit certificates disagree: that is a fork, not bad input. Rule R7."""
    base = _highest_tip(view_changes)
    base_height = base.height if base else start_height
    base_hash = base.block_hash if base else start_hash
    # By height and parent, the certificate of the highest view. Not the first seen: a block prepared in
    # view 5 came through a selection that already respected everything sealed below 5.
    best: dict[tuple[int, Hash], PreparedCert] = {}
    for change in view_changes:
        for cert in change.prepared:
            key = (cert.header.height, cert.header.parent_hash)
            if key not in best or cert.view > best[key].view:
                best[key] = cert
    blocks: list[tuple[Hash, PreparedCert]] = []
    running = base_hash
    while (found := best.get((base_height + len(blocks) + 1, running))) is not None:
        running = block_hash(hash_, found.header)
        blocks.append((running, found))
    return Selection(base_height, base_hash, base, tuple(blocks))
