"""Work in a thread that must have ended before the stores it reads are closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable


class Stopped(Exception):
    """Raised by the work itself when it sees that it shall stop."""


async def run_to_its_end(work: Callable[[], None], stopping: threading.Event) -> None:
    """Runs `work` in a thread. Cancelled, it sets `stopping`, which `work` looks at, and waits for the end."""
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        stopping.set()
        await asyncio.wait([task])
        raise
