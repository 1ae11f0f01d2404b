"""What `select` owes: whatever q validators sealed comes back in every later view, whoever is heard.

A model of the votes alone, without messages, drives it: honest validators keep R1, R2, R3 and R6, up to f
liars vote for everything, show any certificate that exists or none, and lead as they like.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.encoding import Hash, Sig
from consensus.header import Header, block_hash
from consensus.pbft import selection
from consensus.pbft.certificates import PreparedCert
from consensus.pbft.messages import ViewChange
from consensus.pbft.selection import Selection, select
from tests.simulation.engine_pbft import smallest_safe_quorum
from tests.simulation.ghost import hash_
from tests.unit.consensus.cluster import CHANNEL, Cluster

VIEWS = 6
TEMPLATE = Cluster(1).genesis
GENESIS = block_hash(hash_, TEMPLATE)
UNSIGNED = Sig(bytes(64))


@dataclass
class Voter:
    """`prepared`: the certificate of the highest view by height, which its ViewChange shows."""

    prepared: dict[int, PreparedCert] = field(default_factory=dict)


class Model:
    """All tips stay at genesis: the hardest case, as everything depends on what is shown."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.n = rng.choice((4, 5, 6, 7))
        self.window = rng.randint(1, 4)
        self.quorum = smallest_safe_quorum(self.n)
        self.liars = range(rng.randint(0, (self.n - 1) // 3))
        self.voters = [Voter() for _ in range(self.n)]
        self.certs: list[PreparedCert] = []
        self.certified: dict[int, Hash] = {}
        self.made = 0

    @property
    def honest(self) -> range:
        return range(len(self.liars), self.n)

    def some(self, of: range) -> list[int]:
        return [each for each in of if self.rng.random() < 0.75]

    def change(self, sender: int, view: int) -> ViewChange:
        shown = [cert for _, cert in sorted(self.voters[sender].prepared.items())]
        if sender in self.liars:
            shown = [cert for cert in self.certs if self.rng.random() < 0.4]
        return ViewChange(CHANNEL, 0, sender, view, None, tuple(shown), "", UNSIGNED)

    def fresh(self, height: int, parent: Hash) -> Header:
        self.made += 1
        time_ms = TEMPLATE.timestamp_ms + self.made
        return replace(TEMPLATE, height=height, parent_hash=parent, timestamp_ms=time_ms)

    def enter(self, view: int) -> Selection:
        """A quorum is heard, in any order, and any order says the same."""
        heard = self.rng.sample(range(self.n), self.quorum)
        changes = [self.change(sender, view) for sender in heard]
        found = select(hash_, changes, GENESIS)
        self.rng.shuffle(changes)
        assert select(hash_, changes, GENESIS) == found
        return found

    def run_view(self, view: int) -> None:
        found = self.enter(view) if view else Selection(0, GENESIS, None, ())
        for height, digest in self.certified.items():
            assert found.at(height) is not None, f"block {height} is forgotten by view {view}"
            assert found.blocks[height - 1][0] == digest, f"another block {height} in view {view}"
        present = self.some(self.honest)
        branches = [present]
        if self.liars and view % self.n in self.liars and self.rng.random() < 0.7:
            cut = self.rng.randint(0, len(present))
            branches = [
                present[:cut],
                present[cut:],
            ]  # a leader that shows each half its own blocks
        for branch in branches:
            self.run_branch(view, found, branch)

    def run_branch(self, view: int, found: Selection, voters: list[int]) -> None:
        parent, sealers = GENESIS, voters
        for height in range(1, self.window + 1):
            selected = found.at(height)
            header = selected[1].header if selected else self.fresh(height, parent)
            digest = block_hash(hash_, header)
            voters = [each for each in voters if self.rng.random() < 0.95]
            if len(voters) + len(self.liars) < self.quorum:
                return
            cert = PreparedCert(view, header, b"", ())
            self.certs.append(cert)
            knowing = [each for each in voters if self.rng.random() < 0.85]
            for each in knowing:
                self.voters[each].prepared[height] = cert
            sealers = [each for each in sealers if each in knowing and self.rng.random() < 0.95]
            if len(sealers) + len(self.liars) >= self.quorum:
                assert self.certified.setdefault(height, digest) == digest, "a fork"
            parent = digest


def run(seed: int) -> int:
    model = Model(random.Random(seed))
    for view in range(VIEWS):
        model.run_view(view)
    return len(model.certified)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 32))
def test_what_a_quorum_sealed_is_selected_in_every_later_view(seed: int) -> None:
    run(seed)


def test_the_model_seals_blocks_and_finds_a_selection_that_takes_the_oldest() -> None:
    assert sum(run(seed) for seed in range(60)) > 60

    def oldest(hash_function: object, changes: list[ViewChange], *rest: object) -> Selection:
        turned = [
            replace(c, prepared=tuple(replace(p, view=VIEWS - p.view) for p in c.prepared))
            for c in changes
        ]
        return selection.select(hash_, turned, GENESIS)

    with patch(f"{__name__}.select", oldest), pytest.raises(AssertionError):
        for seed in range(400):
            run(seed)
