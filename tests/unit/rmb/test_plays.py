"""The three uses of the currency abroad are played whole, over HTTP, on a center of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from deploy.regcenter.audit import audit
from deploy.regcenter.center import Center
from deploy.regcenter.client import CenterRefused
from deploy.rmb.__main__ import main
from deploy.rmb.plays import PLAYS
from deploy.rmb.stage import PlayFailed, open_stage

REFUSALS = {
    "trade": ["RC_PURPOSE_CODE", "RC_CONDITION", "RC_DOUBLE_SPEND", "RC_LIMIT", "RC_TERMINAL", "RC_LIMIT"],
    "investment": ["RC_PURPOSE_CODE", "RC_CONDITION", "RC_PURPOSE_CODE"],
    "reserve": ["RC_RESERVE_CLASS"] * 5,
}  # fmt: skip


@pytest.mark.parametrize("name", PLAYS)
async def test_a_play_goes_to_its_end_with_each_refusal(name: str, tmp_path: Path) -> None:
    said: list[str] = []
    async with open_stage(tmp_path / "center", said.append) as stage:
        await PLAYS[name](stage)
    assert [line.rpartition(": ")[2] for line in said if ": refused: " in line] == REFUSALS[name]
    center = Center.open(tmp_path / "center")
    audit(center)
    center.close()


async def test_a_step_that_differs_ends_the_play(tmp_path: Path) -> None:
    async def accepted() -> None:
        return None

    async def refused_otherwise() -> None:
        raise CenterRefused("RC_LIMIT", "too much")

    async with open_stage(tmp_path / "center", print) as stage:
        with pytest.raises(PlayFailed):
            await stage.refused("RC_OWNER", "theft", accepted())
        with pytest.raises(PlayFailed):
            await stage.refused("RC_OWNER", "theft", refused_otherwise())
        with pytest.raises(PlayFailed):
            stage.expect("coins", 1, 2)


async def test_the_command_names_the_plays_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(main, ["lending"]) == 2
    assert "trade, investment, reserve" in capsys.readouterr().err
