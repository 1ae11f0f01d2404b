"""The regulators' screens (domain/story.md 5.4): every look leaves its receipt on the chain first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deploy.demo.play import Play


@dataclass(frozen=True, slots=True)
class Look:
    """What an authority's officer saw, and the receipt for it on the chain."""

    play: Play
    authority: str
    screen: str
    receipt: str
    shown: Any

    def say(self, text: str) -> None:
        self.play.report.proof(f"▤ {self.authority} {self.screen}: {text} · receipt {self.receipt}")


async def open_receipt(play: Play, authority: str, screen: str, subject: str = "*") -> str:
    """An officer says what will be looked at, and why. Returns the receipt's number."""
    purpose = f"story: {screen} of {subject} on {play.today}"
    found: str = await play.desk.do(
        play.desk.user(authority, "regulator"), "regulator", "open_view", screen=screen,
        purpose=play.story.suite.hash(purpose.encode()).hex(), subject=subject,
    )  # fmt: skip
    return found


async def look(play: Play, authority: str, screen: str, subject: str = "*", **args: Any) -> Look:
    """A screen of `supervision`, which is counted anew from what the instruments hold."""
    receipt = await open_receipt(play, authority, screen, subject)
    officer = play.desk.user(authority, "regulator")
    shown = await play.desk.ask(officer, "supervision", screen, receipt=receipt, **args)
    return Look(play, authority, screen, receipt, shown)
