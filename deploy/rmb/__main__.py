"""`python -m deploy.rmb [PLAY]`: plays one of the uses, or all, each on a center of its own."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from deploy.regcenter.client import CenterRefused
from deploy.rmb.plays import PLAYS
from deploy.rmb.stage import PlayFailed, open_stage


async def play(name: str) -> None:
    """Raises PlayFailed at the first step that differs."""
    with tempfile.TemporaryDirectory(prefix="rmb-") as directory:
        async with open_stage(Path(directory) / "center", print) as stage:
            await PLAYS[name](stage)


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in PLAYS]
    if unknown:
        print(f"plays are {', '.join(PLAYS)}", file=sys.stderr)
        return 2
    for name in names or PLAYS:
        print(f"{name}: {(PLAYS[name].__doc__ or '').strip()}")
        try:
            asyncio.run(play(name))
        except (PlayFailed, CenterRefused) as error:
            print(f"✗ {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
