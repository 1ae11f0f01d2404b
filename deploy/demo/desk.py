"""Transactions in the name of users. Every one is filed, so that evidence can be drawn from them at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deploy.demo.report import Report
from deploy.demo.stage import Stage
from deploy.demo.story import StepFailed, Story, expect
from node.client import Committed, ContractError
from node.sdk.calls import args_text

REVERTED = "revert"


@dataclass(frozen=True, slots=True)
class Filed:
    """A transaction that was ordered; `text` holds its call, arguments and result."""

    tx_id: str
    text: str


class Desk:
    """Calls contracts for the users of the story."""

    def __init__(self, stage: Stage, story: Story, report: Report) -> None:
        self.stage, self.story, self.report = stage, story, report
        self.filed: list[Filed] = []
        self.height = 0

    def user(self, member: str, role: str = "maker") -> str:
        return self.story.user(member, role)

    async def call(self, user: str, contract: str, method: str, /, **args: Any) -> Committed:
        """A committed transaction. Raises ContractError where the contract refused."""
        net = await self.stage.net(user)
        call = f"{contract}.{method} {args_text(args)}"
        try:
            done: Committed = await net.call(contract, method, args)
        except ContractError as error:
            if error.receipt is not None:
                self.file(error.receipt.tx_id.hex(), call)
            raise
        self.height = max(self.height, done.block)
        self.file(done.tx_id, f"{call} {done.value!r}")
        return done

    def file(self, tx_id: str, text: str) -> None:
        self.filed.append(Filed(tx_id, text))
        self.report.transactions += 1

    async def do(self, user: str, contract: str, method: str, /, **args: Any) -> Any:
        """The value of a call that the story expects to succeed."""
        try:
            return (await self.call(user, contract, method, **args)).value
        except ContractError as error:
            raise StepFailed(f"{contract}.{method} by {user}", "accepted", error) from error

    async def attempt(self, user: str, contract: str, method: str, /, **args: Any) -> str:
        """The contract's code, "" for accepted."""
        try:
            await self.call(user, contract, method, **args)
        except ContractError as error:
            return error.reason
        return ""

    async def refused(
        self, what: str, code: str, user: str, contract: str, method: str, /, **args: Any
    ) -> None:
        """The call is ordered and refused with `code`, and no city's state root has moved."""
        before = await self.stage.settled()
        try:
            await self.call(user, contract, method, **args)
        except ContractError as error:
            expect(f"{what}: code", code, error.reason)
            if error.receipt is None:
                raise StepFailed(what, "an ordered transaction", "no receipt") from error
            expect(f"{what}: outcome", REVERTED, error.receipt.outcome)
        else:
            raise StepFailed(what, f"refused with {code}", "accepted")
        after = await self.stage.settled(before.height + 1)
        expect(f"{what}: state root on all cities", before.root, after.root)
        self.report.refused(what, code, after.root)

    async def ask(self, user: str, contract: str, method: str, /, **args: Any) -> Any:
        """A view's value, at least as new as the last write."""
        net = await self.stage.net(user)
        return (await net.query(contract, method, args, min_height=self.height)).value
