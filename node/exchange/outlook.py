"""What an exchange waits for: whose step is next, which command takes it, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ANYONE, NOBODY = "anyone", "-"
# What the deciding channel has, and the call by which the first one follows.
FOLLOWS = {"SETTLED": "claim", "CALLED_OFF": "release"}


@dataclass(frozen=True, slots=True)
class NextStep:
    """who: the member, ANYONE, or NOBODY when it has ended. step: the word of `city exchange` that takes it.
    why: what it brings about, for people."""

    who: str
    step: str
    why: str

    def __str__(self) -> str:
        if self.who == NOBODY:
            return self.why
        return f"waits for {self.who}: city exchange {self.step} ({self.why})"


def next_step(
    terms: Mapping[str, Any], first: str | None, second: str | None, now_ms: int
) -> NextStep:
    """first, second: how it stands on each channel, "" where it is not known there, None where nobody could
    ask. now_ms: by the clock of the second channel."""
    if first in ("CLAIMED", "RELEASED"):
        crossed = first == "CLAIMED"
        return NextStep(NOBODY, "", "done: both assets crossed" if crossed else "done: both stayed")
    if first is None or second is None:
        which = "first" if first is None else "second"
        return NextStep(ANYONE, "list", f"the {which} channel could not be asked: try again")
    is_late = now_ms > terms["until_ms"]
    if first == "LOCKED" and second:
        ends = "claims the first asset" if second == "SETTLED" else "frees the first asset"
        return NextStep(ANYONE, "carry", ends)
    if first == "LOCKED" and is_late:
        return NextStep(ANYONE, "carry", "too late to settle: calls it off, frees the first asset")
    if first == "LOCKED":
        giver = terms["second"]["giver"]
        return NextStep(giver, "settle", "or call-off; hands the second asset over at once")
    if second or is_late:
        return NextStep(NOBODY, "", "over: nothing was locked")
    return NextStep(terms["first"]["giver"], "lock", "holds the first asset for its taker")
