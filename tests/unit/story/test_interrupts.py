"""A signal while a play runs: whoever holds the processor then, the play ends as one that was interrupted."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = """
import asyncio, os, signal, sys
from deploy.demo.running import Interrupts

def interrupt():
    os.kill(os.getpid(), getattr(signal, sys.argv[2]))

async def in_the_play():
    interrupt()

async def in_another_task():
    async def other():
        interrupt()
    await asyncio.gather(other(), asyncio.Event().wait())

async def in_a_callback():
    asyncio.get_running_loop().call_soon(interrupt)
    await asyncio.Event().wait()

async def play(moment):
    try:
        await globals()[moment]()
        await asyncio.sleep(0)
        print("went on")
    finally:
        await asyncio.sleep(0)
        interrupt()
        print("cleaned up")

interrupts = Interrupts()
try:
    interrupts.run(play(sys.argv[1]))
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("moment", ["in_the_play", "in_another_task", "in_a_callback"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_play_and_is_told_once(moment: str, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, moment, name],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "cleaned up\ninterrupted\n" and done.stderr == "" and not done.returncode
