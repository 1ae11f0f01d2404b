"""What the relay carries: the demonstration pays, and waits until the proof is on the chain."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from deploy.demo.play import Play
from deploy.demo.story import StepFailed, expect

CARRIED_S, POLL_S = 120.0, 0.05


@dataclass(frozen=True, slots=True)
class Carried:
    tx_id: str
    block: int


async def carried(play: Play, reference: bytes, call: str) -> Carried:
    """Waits for the relay's transaction for the payment under this reference. call: what it is filed as."""
    deadline = time.monotonic() + CARRIED_S
    while True:
        status = await asyncio.to_thread(play.stage.relay_status)
        rows = [row for row in status.get("recent", []) if row["reference"] == reference.hex()]
        ended = [row for row in rows if row["outcome"] != "refused"]
        if ended:
            break
        if time.monotonic() > deadline:
            raise StepFailed(f"the relay: {call}", "proven", status)
        await asyncio.sleep(POLL_S)
    expect(f"the relay: {call}", "proven", ended[-1]["outcome"])
    tx_id = str(ended[-1]["tx_id"])
    net = await play.stage.net(play.story.regulator)
    done = await net.wait(tx_id)
    play.desk.height = max(play.desk.height, done.block)
    play.desk.file(tx_id, f"{call} {done.value!r}")
    return Carried(tx_id, done.block)
