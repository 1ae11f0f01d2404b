"""Mistakes about time and about leaving in good order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from consensus.pbft.normal import NormalCase
from consensus.raft import leader
from consensus.raft.messages import NOBODY
from consensus.raft.ordering.accept import Intake
from consensus.raft.state import Raft, Role
from tests.mutants.mutant import Focus, Mutant, around, instead
from tests.simulation.shape import LOSSES, Shape, draw_shape


def jumping(engine: str) -> Focus:
    """Clocks jump by up to a day, and back."""

    def shape(seed: int) -> Shape:
        drawn = draw_shape(seed, engine, n=3 + seed % 2)
        return replace(drawn, clock_jumps=4, crashes=0, liars=(), **dict.fromkeys(LOSSES, 0))

    return shape


def leaving(seed: int) -> Shape:
    """Leaders are told to leave, and much of what they say is lost."""
    drawn = replace(draw_shape(seed, "raft", n=3), **dict.fromkeys(LOSSES, 0))
    return replace(
        drawn, is_settled=True, departures=30, omission=0.35, loss=0.0, base_timeout_ms=600, duration_ms=12_000,
        budget=2_000, crashes=0, crash_mid_step=0.0, partitions=(), pauses=0, clock_jumps=0, changes=0,
    )  # fmt: skip


def _for_ever(original: Any) -> Any:
    def ticking(raft: Raft) -> None:
        heir = raft.transfer_target
        original(raft)
        if raft.role is Role.LEADER and raft.transfer_target == NOBODY:
            raft.transfer_target = heir

    return ticking


TIMES = (
    Mutant(
        "drift_unchecked", "R1", "a fresh block may have any time: its leader's clock decides",
        instead(NormalCase, "_is_timely", lambda *args: True), jumping("pbft"),
    ),
    Mutant(
        "raft_times_unasked", "rule 12", "the same as raft_drift_unchecked, for seeds to find by S12",
        instead(Intake, "_is_timely", lambda *args: True), jumping("raft"), engine="raft",
    ),
    Mutant(
        "raft_hands_over_for_ever", "leaving", "a handover that nobody takes is never given up",
        around(leader, "tick", _for_ever), leaving, engine="raft",
    ),
)  # fmt: skip
