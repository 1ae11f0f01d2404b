"""What the steps share, and their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from deploy.demo.desk import Desk
from deploy.demo.money import Money, Paid
from deploy.demo.report import Report
from deploy.demo.stage import Stage
from deploy.demo.story import Story
from node.documents.ubl import Invoice

Terms = dict[str, Any]
"""A financing as the contract describes it."""


@dataclass(frozen=True, slots=True)
class Sale:
    """A financing that was paid: its request, the payment and the proof the contract accepted."""

    request_id: str
    paid: Paid
    proof: bytes


@dataclass(slots=True)
class Play:
    """invoices: by file. sales: paid financings by leaf or document. open: request ids that nobody paid.
    paid: what the debtor paid at maturity, an output a leaf."""

    story: Story
    stage: Stage
    desk: Desk
    money: Money
    report: Report
    invoices: dict[str, Invoice] = field(default_factory=dict)
    sales: dict[str, Sale] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    paid: list[Paid] = field(default_factory=list)
    today: str = ""

    async def on(self, date: str, title: str) -> None:
        """Moves the clock to a date of the story."""
        self.report.working(title)
        self.today = date
        await self.stage.advance_to(self.story.at_ms(date), self.story.regulator)


def make_play(story: Story, stage: Stage, report: Report) -> Play:
    return Play(story, stage, Desk(stage, story, report), Money(stage, story), report)
