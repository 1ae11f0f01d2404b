"""Feature flags: rules that hold from a height on, so that nodes of two versions run side by side until then.

A flag that the channel activated and this build does not know stops the channel's part in this node before the
flag's height: not one block is voted for under a rule that is not understood.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from node.errors import CityError
from node.governance import ConfigState
from node.lifecycle.apply import CONTRACT_NOTICE, NOTICE_BLOCKS

ACTIVATE = "activate-flag"
VARIABLE = "CITY_FLAGS_WITHOUT"  # names that this process does not know: rehearses an older build
KNOWN: Mapping[str, str] = {
    CONTRACT_NOTICE: f"a contract version is activated at least {NOTICE_BLOCKS} blocks ahead",
}


def known_flags() -> dict[str, str]:
    """What this process knows, by name, with what each one means."""
    without = os.environ.get(VARIABLE, "").split(",")
    return {name: does for name, does in KNOWN.items() if name not in without}


@dataclass(frozen=True, slots=True)
class DueFlag:
    """An activated flag as this node sees it. height: the first block under it."""

    name: str
    height: int
    is_known: bool


class Told:
    """Which flags the builds of linked peers know, by their own word: shown, and believed for nothing else."""

    def __init__(self) -> None:
        self._by_peer: dict[str, tuple[str, ...] | None] = {}

    def linked(self, peer: str) -> None:
        """It has not said anything yet; an older build never does."""
        self._by_peer[peer] = None

    def take(self, peer: str, flags: tuple[str, ...]) -> None:
        if peer in self._by_peer:
            self._by_peer[peer] = flags

    def forget(self, peer: str) -> None:
        self._by_peer.pop(peer, None)

    def facts(self) -> dict[str, list[str] | None]:
        """By the name of the peer; None where it did not say."""
        return {
            name: None if flags is None else sorted(flags)
            for name, flags in sorted(self._by_peer.items())
        }


class Flags:
    """The activated flags of one channel against what this node knows."""

    def __init__(self, window: int, known: Mapping[str, str] | None = None) -> None:
        """window: how many blocks a validator votes for at a time."""
        self._window = window
        self.known = dict(known_flags() if known is None else known)
        self.told = Told()

    def due(self, state: ConfigState) -> list[DueFlag]:
        """By height."""
        flags = sorted(state.statutes.flags, key=lambda f: (f.height, f.flag))
        return [DueFlag(f.flag, f.height, f.flag in self.known) for f in flags]

    def unknown(self, state: ConfigState) -> Iterator[DueFlag]:
        return (flag for flag in self.due(state) if not flag.is_known)

    def stops_at(self, flag: DueFlag) -> int:
        """The tip with which this node stops: from the next one on it could vote for a block under the flag."""
        return max(0, flag.height - 1 - self._window)

    def require(self, state: ConfigState, tip_height: int) -> None:
        """Raises CITY-8050 where this node must not go on."""
        for flag in self.unknown(state):
            if tip_height >= self.stops_at(flag):
                raise CityError(
                    "CITY-8050",
                    flag=flag.name,
                    height=flag.height,
                    known=", ".join(self.known) or "none",
                )

    def facts(self, state: ConfigState, tip_height: int) -> dict[str, Any]:
        """For a node's status."""
        due = [
            {
                "flag": flag.name,
                "height": flag.height,
                "known": flag.is_known,
                "stops_at": 0 if flag.is_known else self.stops_at(flag),
                "in_force": flag.height <= tip_height,
            }
            for flag in self.due(state)
        ]
        proposed = [
            {"flag": proposal.change.name, "proposal": proposal.proposal_id}
            for proposal in state.proposals
            if proposal.change.kind == ACTIVATE
        ]
        known, peers = sorted(self.known), self.told.facts()
        return {"known": known, "due": due, "proposed": proposed, "peers": peers}
