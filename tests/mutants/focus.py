"""Shapes that a hunt draws: a rule is attacked by some faults and not by others."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.mutant import Focus
from tests.simulation.shape import Shape, draw_shape

_NO_LOSSES = {"wal_losses": 0, "backups": 0, "wipes": 0, "rots": 0}


def swarm(seed: int) -> Shape:
    """Whatever the seed draws: what a campaign runs."""
    return draw_shape(seed)


def rough(seed: int) -> Shape:
    """Four nodes with everything that makes views change."""
    return replace(
        draw_shape(seed, n=4), base_timeout_ms=300, omission=0.2, crashes=5, liars=(), **_NO_LOSSES
    )


def wide(seed: int) -> Shape:
    """The same with a window of four."""
    return replace(rough(seed), window=4, txs=12, block_txs_max=1, budget=700)


def lying(behaviour: str, window: int | None = None) -> Focus:
    """One liar of that kind."""

    def shape(seed: int) -> Shape:
        return replace(
            draw_shape(seed, n=4, window=window),
            liars=((0, behaviour),),
            are_liars_lasting=True,
            changes=0,
            spares=0,
            **_NO_LOSSES,
        )

    return shape


def rough_lying(behaviour: str) -> Focus:
    def shape(seed: int) -> Shape:
        return replace(rough(seed), liars=((seed % 4, behaviour),))

    return shape


def divided(seed: int) -> Shape:
    """Five or six nodes in partitions with one liar: two sets of 2f + 1 may meet in it alone."""
    liars = ((0, "equivocator"),) if seed % 3 else ()
    return replace(
        draw_shape(seed, n=5 + seed % 2),
        partitions=("halves", "halves", "one-way", "isolate"),
        base_timeout_ms=300,
        liars=liars,
        **_NO_LOSSES,
    )


def late(seed: int) -> Shape:
    """A network slower than the first timeouts: only a growing timeout ever meets."""
    return replace(
        draw_shape(seed, n=4), base_timeout_ms=300, delay_ms=250.0, delay_spread_ms=0.0, liars=(),
        loss=0.0, execution_ms=0.5, **_NO_LOSSES,
    )  # fmt: skip


def crashing(seed: int) -> Shape:
    """Power fails in the middle of steps, again and again."""
    return replace(
        draw_shape(seed, n=4), crash_mid_step=0.05, crashes=4, sync_failure=0.02,
        base_timeout_ms=300, liars=(), **_NO_LOSSES,
    )  # fmt: skip


def forgetting(seed: int) -> Shape:
    """One node loses its WAL or comes back from a backup."""
    return replace(
        draw_shape(seed, n=4), wal_losses=1, backups=0, wipes=0, rots=0, omission=0.15,
        base_timeout_ms=300, liars=(), changes=0, spares=0,
    )  # fmt: skip


def remembered_by_others(seed: int) -> Shape:
    """The same where checkpoints are frequent: one may stand too near to what was forgotten."""
    return replace(forgetting(seed), checkpoint_interval=2 - seed % 2, txs=12, block_txs_max=1)


def lossy(seed: int) -> Shape:
    """Much is lost, then nothing more."""
    return replace(
        draw_shape(seed, n=4), loss=0.3, omission=0.25, base_timeout_ms=300, liars=(), **_NO_LOSSES
    )


def rough_raft(seed: int) -> Shape:
    """Three or five members that crash and lose sight of each other."""
    return replace(
        draw_shape(seed, "raft", n=3 + 2 * (seed % 2)), crashes=6, omission=0.15, loss=0.05,
        partitions=("halves", "leaderless", "isolate"), base_timeout_ms=300, budget=700,
        delay_spread_ms=60.0, changes=0, spares=0, **_NO_LOSSES,
    )  # fmt: skip


def changing(seed: int) -> Shape:
    """Members come, go and change keys while messages are late and nodes crash."""
    return replace(
        draw_shape(seed, n=4 + seed % 2), changes=3, spares=1, crashes=2, liars=(), window=4,
        base_timeout_ms=300, duration_ms=6_000, budget=900, are_liars_lasting=False,
        heal_everybody=True, **_NO_LOSSES,
    )  # fmt: skip
